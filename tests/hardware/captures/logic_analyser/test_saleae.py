"""Sessions and exports of Saleae Logic 2 that the tests make themselves, and real sessions beside the project."""

import io
import json
import struct
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.logic_analyser.saleae_binary import read_saleae_binary
from lensmount_hardware.captures.logic_analyser.saleae_session import read_saleae
from lensmount_hardware.captures.logic_analyser.waveform_csv import read_waveform_csv
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge

FRAME = bytes.fromhex("f00a0002000d00190055")
LINES = ("VD", "VCC", "LENS_CS", "RXD", "TXD", "BODY_CS")
SESSION = [("body", 750_000, FRAME), ("lens", 1_500_000, FRAME)]
BY_NUMBER = {line: str(number) for number, line in enumerate(LINES)}
RATE = 12e6


@pytest.fixture
def levels(signal) -> dict[str, np.ndarray]:
    """One window each way and a VD pulse, 12 million samples a second."""
    wave = signal(rate=RATE)
    wave.pulse("VD", 50e-6, 113e-6, level=False)
    wave.window("TXD", "BODY_CS", 400e-6, FRAME, 750_000)
    wave.window("RXD", "LENS_CS", 800e-6, FRAME, 1_500_000)
    count = int((wave.end + 50e-6) * wave.rate)
    return {line: wave.levels(line, count) for line in LINES}


def traffic(capture) -> list[tuple[str, int, bytes]]:
    return [(r.sender.value, r.baudrate, r.data) for r in capture.records if isinstance(r, Burst)]


def varint(value: int) -> bytes:
    """A number as a session has it: 6 bits and then 7 bits a byte, the highest first."""
    digits = []
    while value >= 64 or (digits and value > 63):
        digits.append(value & 0x7F)
        value >>= 7
    digits.append(value)
    digits.reverse()
    first = digits[0] | (0x40 if len(digits) > 1 else 0)
    rest = [digit | (0x80 if place < len(digits) - 1 else 0) for place, digit in enumerate(digits) if place]
    return bytes([first, *rest])


def chunk(levels: np.ndarray, first: int, rate: float = RATE) -> bytes:
    starts = np.concatenate(([0], np.flatnonzero(np.diff(levels.astype(np.int8))) + 1))
    data = b"".join(varint(int(run) - 1) for run in np.diff(starts, append=len(levels)))
    head = struct.pack("<6Q", first, first + len(levels), len(levels), int(rate), 1, len(data))
    return head + data + struct.pack("<Q", 2) + struct.pack("<QQI", 0, 0, int(levels[0])) + bytes(20)


def channel_file(levels: np.ndarray, cuts=(16, 5000), hole: int = 0, rate: float = RATE) -> bytes:
    """A channel in three chunks; with a hole, the second one is left out."""
    bounds = [0, *cuts, len(levels)]
    chunks = [chunk(levels[a:b], a, rate) for n, (a, b) in enumerate(pairwise(bounds)) if n != hole - 1]
    return struct.pack("<8sIIBdQdBBQ", b"<SALEAE>", 1, 100, 1, rate, 0, 0.0, 0, 0, len(chunks)) + b"".join(chunks)


def session(path: Path, files: dict[int, bytes], names=LINES, described: bool = True, **more: object) -> Path:
    meta: dict[str, object] = {"version": 14}
    if described:
        meta["binData"] = [{"type": "Digital", "index": n, "file": f"./digital-{n}.bin"} for n in files]
        channels = [{"type": "Digital", "deviceChannel": number} for number in files]
        meta["data"] = {
            "rowsSettings": [
                {"type": "analyzer"},
                *(
                    {"type": "channel", "name": names[n], "channel": one}
                    for n, one in zip(files, channels, strict=True)
                ),
            ]
        }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in files.items():
            archive.writestr(f"digital-{number}.bin", data)
        archive.writestr("meta.json", json.dumps(meta | more))
    return path


def digital_files(levels: dict[str, np.ndarray], **more) -> dict[int, bytes]:
    return {number: channel_file(levels[line], **more) for number, line in enumerate(LINES)}


@pytest.mark.parametrize("value", [0, 1, 62, 63, 64, 65, 8191, 8192, 837_903, 1 << 20, 1 << 40])
def test_a_run_of_any_length(tmp_path, wiring, value):
    line = struct.pack("<6Q", 0, value + 3, value + 3, int(RATE), 1, len(varint(value)) + 2)
    data = line + b"\x00" + varint(value) + b"\x00" + struct.pack("<QQQI", 1, 0, 0, 1)
    head = struct.pack("<8sIIBdQdBBQ", b"<SALEAE>", 1, 100, 1, RATE, 0, 0.0, 0, 0, 1)
    path = session(tmp_path / "a.sal", {3: head + data, 4: head + data})
    edges = [r for r in read_saleae(path, wiring).records if isinstance(r, Edge) and r.line == "RXD"]
    assert [(round(edge.at * RATE), edge.level) for edge in edges] == [(0, True), (1, False), (value + 2, True)]


@pytest.mark.parametrize("cuts", [(), (16, 5000), (4801, 4802, 4803), tuple(range(100, 10_000, 77))])
def test_a_session_gives_the_bytes_of_its_channels(tmp_path, wiring, levels, cuts):
    path = session(tmp_path / "a.sal", digital_files(levels, cuts=cuts))
    capture = open_capture(path, wiring)
    assert (capture.format, capture.resolution, set(capture.lines)) == ("saleae", pytest.approx(1 / RATE), set(LINES))
    records = list(capture.records)
    assert [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)] == SESSION
    assert not [record for record in records if isinstance(record, Annotation)]
    for line in ("VD", "BODY_CS", "LENS_CS"):
        told = [(round(r.at * RATE), r.level) for r in records if isinstance(r, Edge) and r.line == line]
        where = np.flatnonzero(np.diff(levels[line].astype(np.int8))) + 1
        assert told == [(0, bool(levels[line][0])), *((int(at), bool(levels[line][at])) for at in where)]


def test_channels_of_a_session_go_by_name_and_by_number_of_the_device(tmp_path, wiring, levels):
    shifted = {number + 2: channel_file(levels[line]) for number, line in enumerate(LINES)}
    for described in (True, False):
        path = session(tmp_path / "a.sal", shifted, [f"Pin {n}" for n in range(9)], described)
        with pytest.raises(CaptureError, match=r"no channel for RXD and TXD; the file has (Pin|Channel) 2, "):
            open_capture(path, wiring)
        assert traffic(open_capture(path, wiring, channels={"RXD": "5", "TXD": "6", "BODY_CS": "7"})) == SESSION
    assert traffic(open_capture(path, wiring, channels={"RXD": "Channel 5", "TXD": "channel 6"})) == SESSION


def test_a_hole_in_a_session_is_reported_with_its_place(tmp_path, wiring, levels):
    path = session(tmp_path / "a.sal", digital_files(levels, cuts=(2000, 3000), hole=2))
    capture = open_capture(path, wiring)
    records = list(capture.records)
    holes = [record for record in records if isinstance(record, Annotation)]
    assert [(round(hole.at * RATE), hole.incomplete) for hole in holes] == [(2000, True)]
    assert "0.000250000 s" in holes[0].text
    assert [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)] == SESSION


def test_sessions_that_cannot_be_read_are_one_line_with_the_way_out(tmp_path, wiring, levels):
    whole = channel_file(levels["TXD"])
    other = channel_file(levels["TXD"], rate=6e6)
    bad = {
        "ends too early": whole[:-30],
        "version 1, type 7": whole[:12] + b"\7" + whole[13:],
        "has no samples": whole[:43] + bytes(8),
        "after sample 0": whole[:51] + b"\1" + whole[52:],
        "runs of": whole[:99] + bytes([whole[99] ^ 1]) + whole[100:],
        "different sample rates": other,
    }
    for words, data in bad.items():
        files = {3: whole, 4: data}
        with pytest.raises(CaptureError, match=words) as error:
            open_capture(session(tmp_path / "a.sal", files), wiring)
        assert "choose Export Raw Data" in str(error.value)
        assert "\n" not in str(error.value)
    with pytest.raises(CaptureError, match="without digital channels"):
        open_capture(session(tmp_path / "a.sal", {}), wiring)
    with pytest.raises(CaptureError, match=r"meta\.json makes no sense"):
        open_capture(session(tmp_path / "a.sal", {3: whole}, binData=7), wiring)
    with pytest.raises(CaptureError, match="leave --samplerate out"):
        open_capture(session(tmp_path / "a.sal", {3: whole, 4: whole}), wiring, samplerate=6e6)
    with pytest.raises(CaptureError, match=r"8 channels|65 channels"):
        open_capture(session(tmp_path / "a.sal", dict.fromkeys(range(65), b""), described=False), wiring)


def test_a_small_session_cannot_fill_the_memory(tmp_path, wiring):
    size = 2_100_000
    head = struct.pack("<8sIIBdQdBBQ", b"<SALEAE>", 1, 100, 1, RATE, 0, 0.0, 0, 0, 1)
    data = head + struct.pack("<6Q", 0, size, size, int(RATE), 1, size) + bytes(size)
    path = session(tmp_path / "a.sal", {3: data, 4: data})
    with pytest.raises(CaptureError, match="more than 2000000 edges, the limit"):
        open_capture(path, wiring)


def test_a_session_cut_or_damaged_anywhere_gives_records_or_one_line(tmp_path, wiring, levels):
    files = {n: channel_file(levels[line][4700:7000], cuts=(16,)) for n, line in enumerate(LINES)}
    buffer = io.BytesIO(session(tmp_path / "a.sal", files).read_bytes())
    with zipfile.ZipFile(buffer) as archive:
        stored = io.BytesIO()
        with zipfile.ZipFile(stored, "w") as plain:
            for name in archive.namelist():
                plain.writestr(name, archive.read(name))
    random = np.random.default_rng(5)
    path = tmp_path / "bad.sal"
    refusals: list[str] = []
    for _ in range(60):
        copy = bytearray(stored.getvalue())
        with zipfile.ZipFile(io.BytesIO(bytes(copy))) as archive, zipfile.ZipFile(path, "w") as target:
            for name in archive.namelist():
                data = bytearray(archive.read(name))
                for _ in range(2):
                    data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
                target.writestr(name, bytes(data[: int(random.integers(len(data) // 2, 2 * len(data)))]))
        try:
            list(open_capture(path, wiring, channels=BY_NUMBER).records)
        except CaptureError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert not any("\n" in text for text in refusals)


@pytest.mark.parametrize("name", ["GF45-power-up", "GF110-power-up", "GF45-focus-success"])
def test_real_sessions_beside_the_project(wiring, name):
    path = Path(__file__).resolve().parents[4].parent / "shared" / "captures" / "fuji-g" / f"{name}.sal"
    if not path.is_file():
        pytest.skip("the captures are not beside the project: ../shared/captures/fuji-g")
    capture = open_capture(path, wiring, channels={"TXD": "Pin 9", "RXD": "Pin 11", "VD": "Pin 10", "VCC": "Pin 7"})
    assert capture.resolution == pytest.approx(40e-9)
    clock = np.array([r.at for r in capture.records if isinstance(r, Edge) and r.line == "VD"])
    assert len(clock) > 10_000
    # The clock of this mount has a period of 0.667 µs; the evidence counts 7 to 9 samples between edges of a burst.
    steps = np.rint(np.diff(clock) * 25e6)
    assert np.isin(steps[steps < 100], (7, 8, 9)).mean() > 0.999


# The binary export.


def transitions(levels: np.ndarray) -> np.ndarray:
    return (np.flatnonzero(np.diff(levels.astype(np.int8))) + 1) / RATE


def binary(levels: np.ndarray, begin: float = 0.0, kind: int = 0) -> bytes:
    times = transitions(levels) + begin
    head = struct.pack("<8sii", b"<SALEAE>", 0, kind)
    end = begin + len(levels) / RATE
    return head + struct.pack("<IddQ", int(levels[0]), begin, end, len(times)) + times.astype("<f8").tobytes()


def binary_1(levels: np.ndarray, cuts=(4801, 9000), hole: int = 0) -> bytes:
    bounds = [0, *cuts, len(levels)]
    chunks = []
    for number, (first, stop) in enumerate(pairwise(bounds), 1):
        if number == hole:
            continue
        times = transitions(levels[first:stop]) + first / RATE
        head = struct.pack("<IdddQ", int(levels[first]), RATE, first / RATE, stop / RATE, len(times))
        chunks.append(head + times.astype("<f8").tobytes())
    return struct.pack("<8siiQ", b"<SALEAE>", 1, 0, len(chunks)) + b"".join(chunks)


def exported(folder: Path, levels: dict[str, np.ndarray], make=binary, **more) -> Path:
    folder.mkdir(exist_ok=True)
    for number, line in enumerate(LINES):
        (folder / f"digital_{number}.bin").write_bytes(make(levels[line], **more))
    (folder / "analog_7.bin").write_bytes(struct.pack("<8sii", b"<SALEAE>", 0, 1))
    return folder


@pytest.mark.parametrize("make", [binary, binary_1])
@pytest.mark.parametrize("given", ["", "digital_3.bin"])
def test_a_binary_export_is_read_as_a_folder_and_by_one_file(tmp_path, wiring, levels, make, given):
    folder = exported(tmp_path / "e", levels, make)
    capture = open_capture(folder / given if given else folder, wiring, channels=BY_NUMBER)
    assert capture.format == "saleae"
    records = list(capture.records)
    assert [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)] == SESSION
    assert not [record for record in records if isinstance(record, Annotation)]
    vd = [(r.at, r.level) for r in records if isinstance(r, Edge) and r.line == "VD"]
    assert vd == [(0.0, True), (pytest.approx(50e-6, abs=2e-7), False), (pytest.approx(113e-6, abs=2e-7), True)]
    with pytest.raises(CaptureError, match=r"the file has Channel 0, Channel 1, .*use --channel RXD=NAME"):
        open_capture(folder, wiring)


def test_binary_files_that_were_renamed_are_read_by_their_names(tmp_path, wiring, levels):
    folder = exported(tmp_path / "e", levels)
    for number, line in enumerate(LINES):
        (folder / f"digital_{number}.bin").rename(folder / f"{line}.bin")
    assert traffic(open_capture(folder / "RXD.bin", wiring)) == SESSION


def test_a_capture_that_begins_in_front_of_its_trigger_begins_at_zero(tmp_path, wiring, levels):
    folder = exported(tmp_path / "e", levels, begin=-0.25)
    records = list(open_capture(folder, wiring, channels=BY_NUMBER).records)
    assert records[0] == Annotation(None, "times count from the start of the capture, 0.250000000 s before its trigger")
    assert [r.data for r in records if isinstance(r, Burst)] == [FRAME, FRAME]
    assert min(r.at for r in records if isinstance(r, Edge)) == 0.0


def test_a_binary_export_that_is_cut_or_has_a_hole_is_reported(tmp_path, wiring, levels):
    folder = exported(tmp_path / "e", levels, binary_1, cuts=(2000, 3000), hole=2)
    holes = [r for r in open_capture(folder, wiring, channels=BY_NUMBER).records if isinstance(r, Annotation)]
    assert {(round(hole.at * RATE), hole.incomplete) for hole in holes} == {(2000, True)}
    folder = exported(tmp_path / "e", levels)
    file = folder / "digital_4.bin"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    remarks = [r for r in open_capture(folder, wiring, channels=BY_NUMBER).records if isinstance(r, Annotation)]
    assert [r.text.partition(" after")[0] for r in remarks if r.incomplete] == ["digital_4.bin is cut"]
    file.write_bytes(whole[:60] + struct.pack("<d", 1e-9) + whole[68:])
    remarks = [r for r in open_capture(folder, wiring, channels=BY_NUMBER).records if isinstance(r, Annotation)]
    assert any("transition 3 goes back in time" in r.text for r in remarks if r.incomplete)
    file.write_bytes(whole[:52] + struct.pack("<d", float("nan")) + whole[60:])
    assert any(
        r.incomplete for r in open_capture(folder, wiring, channels=BY_NUMBER).records if isinstance(r, Annotation)
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("<8sii", b"<SALEAE>", 0, 1) + bytes(40), "holds analog samples; open it in Logic 2"),
        (struct.pack("<8sii", b"<SALEAE>", 1, 100) + bytes(40), "give the .sal file itself"),
        (struct.pack("<8sii", b"<SALEAE>", 5, 0) + bytes(40), "version 5, type 0, is not known"),
        (struct.pack("<8siiIddQ", b"<SALEAE>", 0, 0, 0, 5.0, 1.0, 0), "makes no sense"),
        (struct.pack("<8siiIddQ", b"<SALEAE>", 0, 0, 0, 0.0, float("inf"), 0), "makes no sense"),
        (b"<SALEAE>\0\0", "cut inside its header"),
        (struct.pack("<8siiQ", b"<SALEAE>", 1, 0, 0), "no samples"),
    ],
)
def test_binary_files_that_cannot_be_read_are_one_line(tmp_path, wiring, data, words):
    for number in (0, 1):
        (tmp_path / f"digital_{number}.bin").write_bytes(data)
    with pytest.raises(CaptureError, match=words) as error:
        open_capture(tmp_path / "digital_0.bin", wiring, channels={"RXD": "0", "TXD": "1"})
    assert "\n" not in str(error.value)


def test_folders_that_are_no_export_say_what_to_give(tmp_path, wiring):
    with pytest.raises(CaptureError, match=r"a folder without digital\.csv or digital_0\.bin"):
        open_capture(tmp_path, wiring)
    (tmp_path / "analog.csv").write_text("Time [s],Channel 0\n0,3.3\n")
    with pytest.raises(CaptureError, match="export the digital channels"):
        open_capture(tmp_path, wiring)
    with pytest.raises(CaptureError, match="no binary export"):
        read_saleae_binary(tmp_path / "analog.csv", wiring, {"RXD": "0", "TXD": "0"})


# The table.


def table(
    levels: dict[str, np.ndarray],
    names=LINES,
    separator: str = ",",
    time=lambda at: f"{at:.9f}",
    head: str = "Time [s]",
    every: bool = False,
) -> str:
    port = np.stack([levels[line] for line in LINES], axis=1)
    changed = np.flatnonzero((port[1:] != port[:-1]).any(axis=1)) + 1
    rows = range(0, len(port), 2) if every else [0, *changed.tolist()]
    text = [separator.join([head, *names])]
    text += [separator.join([time(at / RATE), *("01"[int(level)] for level in port[at])]) for at in rows]
    return "\n".join([*text, separator.join([time(len(port) / RATE), *("01"[int(level)] for level in port[-1])]), ""])


def iso(at: float) -> str:
    return (
        f"2021-10-30T23:59:59.{999_000_000 + round(at * 1e9):09d}+02:00"
        if at < 1e-3
        else (f"2021-10-31T00:00:00.{round((at - 1e-3) * 1e9):09d}+02:00")
    )


TABLES = {
    "plain": lambda levels: table(levels),
    "no white space at the end": lambda levels: table(levels).rstrip(),
    "numbers of channels": lambda levels: table(levels, [f"Channel {n}" for n in range(6)]),
    "the older Logic": lambda levels: table(levels, [f" {line}" for line in LINES], ", ", head="Time[s]"),
    "tabs": lambda levels: table(levels, separator="\t"),
    "semicolons and quotes": lambda levels: table(levels, [f'"{line}"' for line in LINES], ";", head='"Time [s]"'),
    "exponents": lambda levels: table(levels, time=lambda at: f"{at:.9e}"),
    "microseconds": lambda levels: table(levels, time=lambda at: f"{at * 1e6:.3f}", head="Time (us)"),
    "dates": lambda levels: table(levels, time=iso),
    "a row for each second sample": lambda levels: table(levels, every=True),
    "comments in front": lambda levels: "; CSV, generated by libsigrok4DSL\n; Sample rate: 12 MHz\n" + table(levels),
    "Windows line ends": lambda levels: table(levels).replace("\n", "\r\n"),
    "in front of a trigger": lambda levels: table(levels, time=lambda at: f"{at - 1.5:.9f}"),
    "a mark": lambda levels: "\ufeff" + table(levels),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables_of_levels_in_every_form(tmp_path, wiring, levels, form):
    path = tmp_path / "digital.csv"
    path.write_text(TABLES[form](levels), "utf-8", newline="")
    channels = BY_NUMBER if form == "numbers of channels" else None
    for given in (path, tmp_path):
        capture = open_capture(given, wiring, channels=channels)
        assert capture.format == "csv"
        records = list(capture.records)
        assert [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)] == SESSION
        assert not [record for record in records if isinstance(record, Annotation) and record.incomplete]
        bursts = [record for record in records if isinstance(record, Burst)]
        assert bursts[0].at == pytest.approx(400e-6, abs=2e-7)
    path.write_bytes(TABLES[form](levels).lstrip("\ufeff").encode("utf-16"))
    assert traffic(open_capture(path, wiring, channels=channels)) == SESSION


def test_columns_go_by_the_number_in_their_name_where_all_have_one(tmp_path, wiring, levels):
    path = tmp_path / "digital.csv"
    path.write_text(table(levels, [f"Channel {n}" for n in (1, 3, 5, 7, 9, 11)]))
    assert traffic(open_capture(path, wiring, channels={"RXD": "7", "TXD": "9"})) == SESSION
    path.write_text(table(levels, ["a", "b", "c", "d", "e", "f"]))
    assert traffic(open_capture(path, wiring, channels={"RXD": "3", "TXD": "4"})) == SESSION


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{at},1,1,0,1", "5 cells in place of 7"),
        ("{at},1,1,0,1,1,2", "'2' is no level"),
        ("0.00000001,1,1,0,1,1,0", "a time of '0.00000001' after that of the row above"),
        ("soon,1,1,0,1,1,0", "'soon' is no time"),
        ("nan,1,1,0,1,1,0", "'nan' is no time"),
        ("1e400,1,1,0,1,1,0", "is no time"),
    ],
)
def test_a_damaged_row_ends_the_reading_with_its_line(tmp_path, wiring, levels, row, words):
    rows = table(levels).splitlines()
    rows.insert(40, row.format(at=rows[39].partition(",")[0]))
    path = tmp_path / "digital.csv"
    path.write_text("\n".join(rows) + "\n")
    remarks = [r for r in open_capture(path, wiring).records if isinstance(r, Annotation) and r.incomplete]
    assert len(remarks) == 1
    assert "line 41: " in remarks[0].text
    assert words in remarks[0].text


def test_a_gap_in_a_table_is_reported_with_its_place(tmp_path, wiring, levels):
    rows = table(levels).splitlines()
    rows.insert(2, "0.000020000,X,X,X,X,X,X")
    path = tmp_path / "digital.csv"
    path.write_text("\n".join(rows) + "\n")
    records = list(open_capture(path, wiring).records)
    assert [r.data for r in records if isinstance(r, Burst)] == [FRAME, FRAME]
    gaps = {(round(record.at * 1e9), record.incomplete) for record in records if isinstance(record, Annotation)}
    assert gaps == {(20_000, True)}


def test_tables_without_levels_say_what_to_export(tmp_path, wiring):
    path = tmp_path / "analog.csv"
    path.write_text("Time [s],RXD,TXD\n0.0,3.3021,0.01\n1e-6,3.3,0.2\n")
    with pytest.raises(CaptureError, match=r"line 2: '3\.3021' is no level.*select the digital channels"):
        open_capture(path, wiring)
    path.write_text("name,type,start_time,duration,data,error\nAsync Serial,data,0.1,1e-5,0xF0,\n")
    with pytest.raises(CaptureError, match=r"what an analyzer of Logic 2 decoded.*export the raw data as CSV"):
        open_capture(path, wiring)
    path.write_text("; CSV generated by libsigrok 0.5.2\n; Samplerate: 6 MHz\nTime,RXD,TXD\n166,1,1\n")
    with pytest.raises(CaptureError, match=r"which has rounded times; save the capture as \.sr"):
        open_capture(path, wiring)
    path.write_text("Time [s],RXD,TXD\n")
    with pytest.raises(CaptureError, match="no rows of levels"):
        open_capture(path, wiring)
    with pytest.raises(CaptureError, match="no header of a table"):
        read_waveform_csv(Path(__file__), wiring)


def test_a_cell_beyond_the_limit_of_csv_ends_the_reading(tmp_path, wiring, levels):
    path = tmp_path / "a.csv"
    path.write_text(table(levels) + '1.0,"' + "1" * 200_000 + '",1,0,1,1,0\n')
    (note,) = [r for r in read_waveform_csv(path, wiring).records if isinstance(r, Annotation)]
    assert "field larger than field limit" in note.text
    assert note.incomplete
