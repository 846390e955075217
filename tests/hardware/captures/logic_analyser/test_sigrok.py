"""Sigrok files made in the test, good and bad, and the two that stand beside the project."""

import json
import zipfile

import numpy as np
import pytest

from lensmount_hardware.captures.logic_analyser.sigrok_reader import read_sigrok
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge

FRAME = bytes.fromhex("f00a0002000d00190055")
LINES = ("VD", "VCC", "LENS_CS", "RXD", "TXD", "BODY_CS")
LONG_NAMES = ("BODY_VD_LENS", "VCC", "LENS_CS_BODY", "rxd", "TXD", "BODY_CS_LENS")


def metadata(names=LINES, rate="6 MHz", **more) -> str:
    device = {"capturefile": "logic-1", "samplerate": rate, "unitsize": 1} | more
    probes = {f"probe{number}": name for number, name in enumerate(names, 1)}
    return "[global]\nsigrok version=0.5.2\n\n[device 1]\n" + "\n".join(
        f"{key}={value}" for key, value in (device | probes).items()
    )


def write(path, samples: bytes, told: str, parts: int = 1, base: str = "logic-1"):
    size = -(-len(samples) // parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("version", "2")
        archive.writestr("metadata", told)
        # Written in text order, as some tools do, so that -10 stands in front of -2.
        for number in sorted(range(1, parts + 1), key=str):
            name = base if parts == 1 else f"{base}-{number}"
            archive.writestr(name, samples[(number - 1) * size : number * size])
    return path


@pytest.fixture
def session(signal):
    """One window each way and a VD pulse."""
    wave = signal()
    wave.pulse("VD", 50e-6, 113e-6, level=False)
    wave.window("TXD", "BODY_CS", 400e-6, FRAME, 750_000)
    wave.window("RXD", "LENS_CS", 800e-6, FRAME, 1_500_000)
    return wave


def traffic(capture) -> list[tuple[str, int, bytes]]:
    return [(r.sender.value, r.baudrate, r.data) for r in capture.records if isinstance(r, Burst)]


SESSION = [("body", 750_000, FRAME), ("lens", 1_500_000, FRAME)]


@pytest.mark.parametrize("names", [LINES, LONG_NAMES])
@pytest.mark.parametrize("parts", [1, 12])
def test_bytes_and_edges_in_time_order(tmp_path, wiring, session, names, parts):
    path = write(tmp_path / "a.sr", session.samples().tobytes(), metadata(names), parts)
    capture = read_sigrok(path, wiring)
    records = list(capture.records)
    assert [record.at for record in records] == sorted(record.at for record in records)
    assert [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)] == SESSION
    edges = [(round(record.at * 1e6), record.line, record.level) for record in records if isinstance(record, Edge)]
    assert set(edges[:6]) == {
        (0, "VD", 1),
        (0, "VCC", 1),
        (0, "RXD", 1),
        (0, "TXD", 1),
        (0, "BODY_CS", 0),
        (0, "LENS_CS", 0),
    }
    assert edges[6:8] == [(50, "VD", False), (113, "VD", True)]
    assert [line for _, line, _ in edges[8:]] == ["BODY_CS", "BODY_CS", "LENS_CS", "LENS_CS"]
    assert set(capture.lines) == set(LINES)
    assert capture.resolution == pytest.approx(1 / 6e6)


@pytest.mark.parametrize("rate", ["6 MHz", "6000000", "6000 kHz", "6MHz", "6000000 Hz", "0.006 GHz"])
def test_a_sample_rate_in_any_words(tmp_path, wiring, session, rate):
    path = write(tmp_path / "a.sr", session.samples().tobytes(), metadata(rate=rate))
    assert traffic(read_sigrok(path, wiring)) == SESSION


@pytest.mark.parametrize("size", range(1, 9))
def test_samples_of_any_size(tmp_path, wiring, session, size):
    port = session.samples(dtype=np.uint64) << np.uint64(8 * (size - 1))
    samples = port.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :size].tobytes()
    names = [f"D{number}" for number in range(8 * (size - 1))] + list(LINES)
    assert traffic(read_sigrok(write(tmp_path / "a.sr", samples, metadata(names, unitsize=size)), wiring)) == SESSION


@pytest.mark.parametrize(
    "channels",
    [
        {"RXD": "3", "TXD": "4", "BODY_CS": "5", "LENS_CS": "2"},
        {"RXD": "D3", "TXD": "d4", "BODY_CS": "D5", "LENS_CS": "D2"},
        {"RXD": "3", "TXD": "4"},
    ],
)
def test_channels_of_other_names(tmp_path, wiring, session, channels):
    path = write(tmp_path / "a.sr", session.samples().tobytes(), metadata([f"D{number}" for number in range(6)]))
    capture = read_sigrok(path, wiring, channels)
    assert set(capture.lines) == set(channels)
    assert traffic(capture) == SESSION


def test_progress_ends_at_one(tmp_path, wiring, session):
    told = []
    read_sigrok(write(tmp_path / "a.sr", session.samples().tobytes(), metadata(), 3), wiring, None, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


SAMPLES = bytes(range(64)) * 4


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (metadata(["D0", "D1", "TXD"]), ["RXD", "D0, D1, TXD", "--channel RXD=NAME"]),
        (metadata(rate="4 MHz"), ["4 MHz", "1500000", "4.5 MHz"]),
        (metadata(rate="fast"), ["fast"]),
        (metadata(rate="0 Hz"), ["sample rate"]),
        (metadata(unitsize=0), ["0 bytes a sample"]),
        (metadata(unitsize=9), ["9 bytes a sample"]),
        (metadata(unitsize="two"), ["two"]),
        (metadata(unitsize=3), ["inside a sample"]),
        (metadata([*"abcdefgh", *LINES]), ["beyond the 1 bytes"]),
        (metadata(capturefile="other"), ["other-1"]),
        ("", ["makes no sense"]),
        ("no ini at all", ["makes no sense"]),
        ("[device 1]\nprobe1=RXD\nprobe2=TXD", ["no sample rate", "--samplerate HZ"]),
    ],
)
def test_metadata_that_does_not_fit_is_one_line(tmp_path, wiring, told, words):
    path = write(tmp_path / "bad.sr", SAMPLES, told)
    with pytest.raises(CaptureError) as error:
        read_sigrok(path, wiring)
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in [*words, "bad.sr"])


@pytest.mark.parametrize(
    ("channels", "word"), [({"RXD": "D9"}, "D0"), ({"RXD": "8"}, "D0"), ({"CLK": "D0"}, "BODY_CS")]
)
def test_an_unknown_channel_or_line_lists_the_known(tmp_path, wiring, channels, word):
    path = write(tmp_path / "a.sr", SAMPLES, metadata(["D0", "RXD", "TXD"]))
    with pytest.raises(CaptureError, match=word):
        read_sigrok(path, wiring, channels)


def test_no_samples_and_no_metadata(tmp_path, wiring):
    with pytest.raises(CaptureError, match="no samples"):
        read_sigrok(write(tmp_path / "a.sr", b"", metadata()), wiring)
    with zipfile.ZipFile(tmp_path / "b.sr", "w") as archive:
        archive.writestr("mimetype", "text")
    with pytest.raises(CaptureError, match="metadata"):
        read_sigrok(tmp_path / "b.sr", wiring)


def archive_of(path, told: str, members: dict[str, bytes], version: str = "2"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"version": version.encode(), "metadata": told.encode(), **members}.items():
            archive.writestr(name, data)
    return path


def pieces(samples: bytes, size: int = 1000, base: str = "logic-1") -> dict[str, bytes]:
    starts = range(0, len(samples), size)
    return {f"{base}-{number}": samples[at : at + size] for number, at in enumerate(starts, 1)}


def remarks_of(capture) -> list[Annotation]:
    return [record for record in capture.records if isinstance(record, Annotation)]


@pytest.mark.parametrize("missing", [(3,), (3, 4)])
def test_a_missing_member_keeps_its_time_and_is_reported(tmp_path, wiring, session, missing):
    samples = session.samples().tobytes()
    members = {name: data for name, data in pieces(samples).items() if int(name[8:]) not in missing}
    records = list(read_sigrok(archive_of(tmp_path / "a.sr", metadata(), members), wiring).records)
    gaps = [record for record in records if isinstance(record, Annotation) and record.incomplete]
    assert [round(gap.at * 6e6) for gap in gaps] == [2000]
    name = "logic-1-3" if len(missing) == 1 else "logic-1-3 to logic-1-4"
    assert f"{name} is missing after 2000 samples, 0.000333 s: a hole taken to be" in gaps[0].text
    assert "times after it are not reliable" in gaps[0].text
    whole = list(read_sigrok(archive_of(tmp_path / "b.sr", metadata(), pieces(samples)), wiring).records)
    late = [record for record in whole if isinstance(record, Burst) and record.sender.value == "lens"]
    assert [record for record in records if isinstance(record, Burst) and record.sender.value == "lens"] == late
    times = [record.at for record in records if record.at is not None]
    assert times == sorted(times)


def test_missing_members_at_the_start_and_of_unknown_length(tmp_path, wiring, session):
    samples = session.samples().tobytes()
    members = pieces(samples)
    del members["logic-1-1"]
    gaps = remarks_of(read_sigrok(archive_of(tmp_path / "a.sr", metadata(), members), wiring))
    assert "logic-1-1 is missing after 0 samples" in gaps[0].text
    odd = {"logic-1-1": samples[:1500], "logic-1-2": samples[1500:1800], "logic-1-5": samples[1800:]}
    gaps = [
        gap for gap in remarks_of(read_sigrok(archive_of(tmp_path / "a.sr", metadata(), odd), wiring)) if gap.incomplete
    ]
    assert "logic-1-3 to logic-1-4 is missing after 1800 samples, 0.000300 s: a hole of unknown length" in gaps[0].text
    far = {"logic-1-1": samples, "logic-1-900000": samples}
    with pytest.raises(CaptureError, match="with so many members missing"):
        read_sigrok(archive_of(tmp_path / "a.sr", metadata(), far), wiring)


def test_a_member_that_is_there_twice_is_refused(tmp_path, wiring, session):
    path = archive_of(tmp_path / "a.sr", metadata(), pieces(session.samples().tobytes()))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("logic-1-2", bytes(1000))
    with pytest.raises(CaptureError, match="2 members are named logic-1-2; keep the right one"):
        read_sigrok(path, wiring)


def test_one_file_of_all_samples_wins_as_in_sigrok(tmp_path, wiring, session):
    samples = session.samples().tobytes()
    path = archive_of(tmp_path / "a.sr", metadata(), {"logic-1": samples, "logic-1-1": bytes(99)})
    capture = read_sigrok(path, wiring)
    assert [remark.text for remark in remarks_of(capture)] == ["read from logic-1; 1 members logic-1-… are left out"]
    assert traffic(read_sigrok(path, wiring)) == SESSION


ANALOG = "[device 1]\nsamplerate=1 MHz\ntotal analog=1\nanalog1=CH1\n\n"


@pytest.mark.parametrize(
    ("told", "base", "note"),
    [
        (metadata(capturefile="logic-2").replace("[device 1]", ANALOG + "[device 2]"), "logic-2", ""),
        (metadata(capturefile="logic-2").replace("[device 1]", "[device 1]\nprobe1=D0\nsamplerate=1 MHz\n[device 2]"),
         "logic-2", "read from device 2; not from device 1"),
        (metadata() + "\n[device 2]\ncapturefile=logic-2\nsamplerate=1 kHz\nprobe1=D0\n", "logic-1",
         "read from device 1; not from device 2"),
        (metadata().replace("capturefile=logic-1\n", "").replace("[device 1]", "[Device 2]"), "logic-2", ""),
    ],
)  # fmt: skip
def test_the_device_that_has_the_lines_is_read(tmp_path, wiring, session, told, base, note):
    other = "logic-1" if base == "logic-2" else "logic-2"
    members = pieces(session.samples().tobytes(), base=base) | {"analog-1-1-1": bytes(400)}
    members |= {f"{other}-1": bytes(300)} if note else {}
    path = archive_of(tmp_path / "a.sr", told, members)
    assert [remark.text for remark in remarks_of(read_sigrok(path, wiring))] == ([note] if note else [])
    assert traffic(read_sigrok(path, wiring)) == SESSION


def test_devices_without_the_lines_are_all_listed(tmp_path, wiring):
    told = "[device 1]\nsamplerate=6 MHz\nprobe1=A\n[device 2]\ncapturefile=logic-2\nsamplerate=6 MHz\nprobe1=B\n"
    path = archive_of(tmp_path / "a.sr", told, {"logic-1-1": SAMPLES, "logic-2-1": SAMPLES})
    with pytest.raises(CaptureError, match=r"device 1: no channel for RXD and TXD; the file has A.*device 2: .* has B"):
        read_sigrok(path, wiring)
    analog = archive_of(tmp_path / "b.sr", ANALOG, {"analog-1-1-1": bytes(40)})
    with pytest.raises(CaptureError, match=r"no logic samples .*analog samples, so record again"):
        read_sigrok(analog, wiring)


def test_a_missing_rate_is_taken_from_the_user(tmp_path, wiring, session):
    for rate in ("samplerate=0 Hz\n", "samplerate=\n", ""):
        told = metadata().replace("samplerate=6 MHz\n", rate)
        path = archive_of(tmp_path / "a.sr", told, pieces(session.samples().tobytes()))
        with pytest.raises(CaptureError, match="no sample rate in the file; give it with --samplerate HZ, such as 6M"):
            read_sigrok(path, wiring)
        assert traffic(read_sigrok(path, wiring, samplerate=6e6)) == SESSION
        assert remarks_of(read_sigrok(path, wiring, samplerate=6e6)) == []
    wrong = archive_of(tmp_path / "b.sr", metadata(rate="60 MHz"), pieces(session.samples().tobytes()))
    capture = read_sigrok(wrong, wiring, samplerate=6e6)
    assert "read at 6e+06 samples a second, by --samplerate; the file itself has 6e+07" in remarks_of(capture)[0].text
    assert traffic(read_sigrok(wrong, wiring, samplerate=6e6)) == SESSION


@pytest.mark.parametrize(
    "told",
    [
        metadata().replace("unitsize=1\n", "total probes=16\n"),
        "\ufeff" + metadata(unitsize=2),
        metadata(unitsize=2).replace("\n", "\r\n"),
        metadata([f'"{line}"' for line in LINES], unitsize=2),
        metadata([f"\\s{line}\\t" for line in LINES], unitsize=2),
        metadata(unitsize=2, driver="a:b=c;d"),
    ],
)
def test_metadata_as_other_programs_write_it(tmp_path, wiring, session, told):
    samples = session.samples(dtype=np.uint16).tobytes()
    for version in ("1", "2", "2\n"):
        path = archive_of(tmp_path / "a.sr", told, pieces(samples), version)
        assert traffic(read_sigrok(path, wiring)) == SESSION
    path = archive_of(tmp_path / "a.sr", told, pieces(samples), "7")
    assert [remark.text for remark in remarks_of(read_sigrok(path, wiring))] == [
        "a sigrok file of version '7', read as version 2"
    ]


def test_equal_names_of_probes_prefer_the_one_that_changes(tmp_path, wiring, session):
    names = ["TXD", "RXD", *LINES]
    samples = (session.samples(dtype=np.uint16) << 2).tobytes()
    path = archive_of(tmp_path / "a.sr", metadata(names, unitsize=2), pieces(samples))
    assert [remark.text for remark in remarks_of(read_sigrok(path, wiring))] == [
        "RXD is RXD (number 5) and not RXD (number 1): the only one that changes",
        "TXD is TXD (number 6) and not TXD (number 0): the only one that changes",
    ]
    assert traffic(read_sigrok(path, wiring)) == SESSION
    assert traffic(read_sigrok(path, wiring, {"RXD": "5", "TXD": "6"})) == SESSION


def test_probes_without_a_name_go_by_number(tmp_path, wiring, session):
    told = "[device 1]\nsamplerate=6 MHz\ntotal probes=6\nprobe1=\nprobe4=RXD\n"
    path = archive_of(tmp_path / "a.sr", told, pieces(session.samples().tobytes()))
    assert traffic(read_sigrok(path, wiring, {"TXD": "4"})) == SESSION
    assert traffic(read_sigrok(path, wiring, {"RXD": "none", "TXD": "4", "LENS_CS": "none"})) == SESSION[:1]


def test_a_file_cut_or_damaged_anywhere_gives_records_or_one_line(tmp_path, wiring, session):
    whole = write(tmp_path / "a.sr", session.samples().tobytes(), metadata(), 2).read_bytes()
    random = np.random.default_rng(3)
    bad = tmp_path / "bad.sr"
    damaged = [whole[:cut] for cut in range(0, len(whole), 7)]
    for place in range(0, len(whole), 3):
        copy = bytearray(whole)
        copy[place] ^= int(random.integers(1, 256))
        damaged.append(bytes(copy))
    refusals = []
    for data in damaged:
        bad.write_bytes(data)
        try:
            list(read_sigrok(bad, wiring).records)
        except CaptureError as error:
            refusals.append(str(error))
    assert len(refusals) > len(whole) // 7
    assert not any("\n" in text for text in refusals)


@pytest.mark.parametrize("name", ["a6000_sel55210_init_55", "a6000_ef50_viltrox_init"])
def test_the_captures_beside_the_project(emount_captures, wiring, name):
    records = list(read_sigrok(emount_captures / f"{name}.sr", wiring).records)
    frames = [json.loads(line) for line in (emount_captures / f"{name}.frames.jsonl").read_text().splitlines()]
    expected_edges = [json.loads(line) for line in (emount_captures / f"{name}.lines.jsonl").read_text().splitlines()]
    edges = sorted((round(r.at * 1e6, 2), r.line, int(r.level)) for r in records if isinstance(r, Edge))
    assert edges == sorted((round(edge["t_us"], 2), edge["line"], edge["level"]) for edge in expected_edges)
    assert len(edges) + sum(isinstance(record, Burst) for record in records) == len(records)
    for sender in ("body", "lens"):
        bursts = [record for record in records if isinstance(record, Burst) and record.sender.value == sender]
        stream = b"".join(burst.data for burst in bursts)
        starts = [burst.byte_at(index) for burst in bursts for index in range(len(burst.data))]
        rates = [burst.baudrate for burst in bursts for _ in burst.data]
        ends = [burst.byte_at(index + 1) for burst in bursts for index in range(len(burst.data))]
        place = 0
        for frame in (frame for frame in frames if frame["dir"] == sender):
            data, padding = bytes.fromhex(frame["hex"]), bytes.fromhex(frame.get("pad", ""))
            assert stream[place : place + len(data) + len(padding)] == data + padding
            assert rates[place] == frame["baud"]
            assert starts[place] * 1e6 == pytest.approx(frame["t_us"], abs=0.006)
            assert ends[place + len(data) - 1] * 1e6 == pytest.approx(frame["end_us"], abs=0.34)
            place += len(data) + len(padding)
        assert place == len(stream)
