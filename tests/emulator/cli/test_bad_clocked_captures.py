"""Bad captures of a clocked mount through the command line: one line each, and the rest is decoded."""

import json
import re
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.wire import Edge, WireRecord

CODES = {"CLK": "#", "BODY_DATA": "$", "LENS_DATA": "%"}
"""Codes of the lines in the VCD of this session."""


@pytest.fixture(scope="module")
def records() -> list[WireRecord]:
    return run_loopback("gfx50r", "gf45", script="", seconds=0.2, seed=1).records


@pytest.fixture(scope="module")
def good(records: list[WireRecord], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("good") / "good.vcd"
    write_vcd(path, lambda: records, FUJI_G.wiring)
    text = path.read_text()
    assert all(f"$var wire 1 {code} {line} $end" in text for line, code in CODES.items())
    return text


def without(line: str, text: str) -> str:
    text = text.replace(f"$var wire 1 {CODES[line]} {line} $end\n", "")
    return re.sub(rf"^[01]{re.escape(CODES[line])}\n", "", text, flags=re.MULTILINE)


def still(line: str, text: str) -> str:
    """The line keeps its first level."""
    start = text.index("$end\n", text.index("$dumpvars"))
    return text[:start] + re.sub(rf"^[01]{re.escape(CODES[line])}\n", "", text[start:], flags=re.MULTILINE)


def swapped(text: str) -> str:
    return text.replace("$ BODY_DATA $end", "$ LENS $end").replace("% LENS_DATA", "% BODY_DATA").replace(
        "$ LENS $end", "$ LENS_DATA $end"
    )  # fmt: skip


def inverted(text: str) -> str:
    return re.sub(r"^([01])#$", lambda found: f"{1 - int(found[1])}#", text, flags=re.MULTILINE)


def cut_burst(text: str) -> str:
    """One burst lacks its last pulse."""
    lines = text.split("\n")
    at, edges = 0, list[tuple[int, int]]()
    for number, line in enumerate(lines):
        if line.startswith("#"):
            at = int(line[1:])
        elif line in ("0#", "1#"):
            edges.append((at, number))
    last = next(k for k in range(300, len(edges) - 1) if edges[k + 1][0] - edges[k][0] > 100_000)
    gone = {edges[last - 1][1], edges[last][1]}
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def decoded(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    """Exit code, the lines that name a carrier of bits, and the error output."""
    code = main(["decode", str(path), "--dialect", "fuji-g", *words])
    out, error = capsys.readouterr()
    lines = [line.split("#", 1)[1].strip() for line in out.splitlines() if "#" in line]
    return code, [line for line in lines if re.search("CLK|_DATA", line)], error


@pytest.mark.parametrize(
    ("change", "text", "verified"),
    [
        (swapped, "BODY_DATA is swapped with LENS_DATA: requests come on LENS_DATA; it is read swapped", 0),
        (inverted, "CLK idles low, and the clock of this mount idles high: it is read inverted", 0),
        (partial(without, "LENS_DATA"),
         "LENS_DATA is not in the capture: the units of the lens are left out; check its probe, or use "
         "--channel LENS_DATA=NAME", 1),
        (partial(still, "LENS_DATA"),
         "LENS_DATA is low all the time: every bit of the lens is the same; check its probe, or use "
         "--channel LENS_DATA=NAME", 1),
        (partial(still, "CLK"),
         "CLK is low all the time: no burst is read; check its probe, or use --channel CLK=NAME", 1),
        (cut_burst, "CLK: a burst of 31 clock edges; a burst has 32 or 1048; not taken as data", 1),
    ],
    ids=["swapped", "inverted", "missing", "stuck", "no clock", "31 bits"],
)  # fmt: skip
def test_bad_capture_is_one_line_and_the_rest_is_decoded(
    change: Callable[[str], str], text: str, verified: int, good: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "bad.vcd"
    path.write_text(change(good))
    _, lines, error = decoded(path, capsys)
    assert lines == [text]
    assert error == ""
    assert main(["decode", str(path), "--dialect", "fuji-g", "--verify", "--quiet"]) == verified
    result = capsys.readouterr().out
    if "no burst" not in text:
        assert int(re.findall(r"(\d+) valid frames", result)[0]) >= 20
    assert "rules between frames are broken" not in result


def test_capture_without_its_clock_is_refused_in_one_line(
    good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.vcd"
    path.write_text(without("CLK", good))
    code, _, error = decoded(path, capsys)
    assert (code, error.count("\n")) == (3, 1)
    assert "no channel for CLK; the file has mount.SUPPLY" in error


def test_rate_too_low_for_the_clock_is_named_with_its_line(
    records: list[WireRecord], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, slow = tmp_path / "good.sr", tmp_path / "slow.sr"
    write_sigrok(path, lambda: records, FUJI_G.wiring, 24_000_000)
    # Each sample of several, as an analyser takes them at a lower rate.
    for every, rate, code, text in (
        (12, "2 MHz", 3, "2 MHz is too slow for CLK, a clock of 1.4996 MHz; sample at 4.4988 MHz or more"),
        (6, "4 MHz", 0, "CLK: 2.7 samples a period at 4 MHz; pulses may be missing; sample at 4.5 MHz or more"),
    ):
        thin_samples(path, slow, every, rate)
        came, lines, error = decoded(slow, capsys)
        assert came == code
        assert text in (lines or [error])[0]
        assert len(lines) + error.count("\n") == 1


def thin_samples(source: Path, target: Path, every: int, rate: str) -> None:
    with zipfile.ZipFile(source) as read:
        members = {name: read.read(name) for name in read.namelist()}
    parts = sorted((name for name in members if name.startswith("logic-1")), key=lambda name: int(name.split("-")[-1]))
    samples = b"".join(members[name] for name in parts)[::every]
    with zipfile.ZipFile(target, "w") as write:
        for name, data in members.items():
            if name == "metadata":
                write.writestr(name, re.sub(rb"samplerate=.*", f"samplerate={rate}".encode(), data))
            elif name not in parts:
                write.writestr(name, data)
        write.writestr(parts[0], samples)


SAL_LINES = ("SUPPLY", "CLK", "BODY_DATA", "LENS_DATA", "IRIS_BUSY")
SAL_RATE = 25_000_000


def runs_of(values: list[int]) -> bytes:
    """Numbers as a session of Logic 2 has them: 6 bits and then 7 bits a byte, the highest first."""
    data = bytearray()
    for value in values:
        digits = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)][::-1]
        digits = [0, *digits] if digits[0] > 63 else digits
        data += bytes((digits[0] | (0x40 if len(digits) > 1 else 0),))
        data += bytes(digit | (0x80 if place < len(digits) - 1 else 0) for place, digit in enumerate(digits) if place)
    return bytes(data)


def sal_channel(edges: list[Edge], samples: int) -> bytes:
    """A channel in one chunk: the runs between its edges."""
    # The first entry is the level at time 0.
    places = [round((edge.at or 0.0) * SAL_RATE) for edge in edges[1:]]
    runs = runs_of([after - before - 1 for before, after in pairwise([0, *places, samples])])
    head = struct.pack("<8sIIBdQdBBQ", b"<SALEAE>", 1, 100, 1, float(SAL_RATE), 0, 0.0, 0, 0, 1)
    chunk = struct.pack("<6Q", 0, samples, samples, SAL_RATE, 1, len(runs)) + runs
    return head + chunk + struct.pack("<QQQI", 1, 0, 0, int(edges[0].level))


@pytest.fixture(scope="module")
def channels(records: list[WireRecord], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A session as `digital-N.bin` by file name."""
    path = tmp_path_factory.mktemp("sal") / "good.vcd"
    write_vcd(path, lambda: records, FUJI_G.wiring)
    levels: dict[str, list[Edge]] = {line: [] for line in SAL_LINES}
    names, at = dict[str, str](), 0.0
    for row in path.read_text().splitlines():
        if row.startswith("$var"):
            names[row.split()[3]] = row.split()[4]
        elif row.startswith("#"):
            at = int(row[1:]) * 1e-9
        elif row[:1] in ("0", "1") and names.get(row[1:]) in levels:
            line, level = names[row[1:]], row[0] == "1"
            if not levels[line] or levels[line][-1].level != level:
                levels[line].append(Edge(at, line, level))
    samples = round(at * SAL_RATE) + 1000
    return {f"digital-{number}.bin": sal_channel(levels[line], samples) for number, line in enumerate(SAL_LINES)}


def write_sal(path: Path, files: dict[str, bytes], count: int = len(SAL_LINES)) -> Path:
    """A session that names so many channels, with these files."""
    numbers = range(count)
    names = [*SAL_LINES, *(f"Channel {number}" for number in range(len(SAL_LINES), count))]
    meta = {
        "version": 14,
        "binData": [{"type": "Digital", "index": number, "file": f"./digital-{number}.bin"} for number in numbers],
        "data": {"rowsSettings": [{"type": "channel", "name": names[number],
                                   "channel": {"type": "Digital", "deviceChannel": number}} for number in numbers]},
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("meta.json", json.dumps(meta))
    return path


ADVICE = "; open it in Logic 2, choose Export Raw Data, select the digital channels, and export them as CSV"


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [
        (8, 2, "digital-1.bin is of a form that this program does not know (version 2, type 100)"),
        (12, 0, "digital-1.bin is of a form that this program does not know (version 1, type 0)"),
        (50, 0x7F, "digital-1.bin ends too early"),
        (51 + 47, 0x7F, "digital-1.bin ends too early"),
        (-21, 0x7F, "digital-1.bin ends too early"),
        (51 + 7, 0x7F, "digital-1.bin has a chunk of samples 9151314442816847872 to"),
    ],
    ids=["version", "analog", "count of chunks", "count of bytes", "count of entries", "first sample"],
)
def test_damaged_session_of_logic_is_refused_in_one_line(
    at: int, value: int, text: str, channels: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = bytearray(channels["digital-1.bin"])
    damaged[at] = value
    path = write_sal(tmp_path / "bad.sal", {**channels, "digital-1.bin": bytes(damaged)})
    code, _, error = decoded(path, capsys)
    assert (code, error.count("\n")) == (3, 1)
    assert f"bad.sal: {text}" in error
    assert error.rstrip().endswith(ADVICE)


def test_session_of_logic_that_is_cut_is_refused_in_one_line(
    channels: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sal(tmp_path / "bad.sal", channels)
    path.write_bytes(path.read_bytes()[:-300])
    code, _, error = decoded(path, capsys)
    assert (code, error.count("\n")) == (3, 1)
    assert "bad.sal: " in error


def test_session_of_logic_with_more_channels_than_any_device_is_refused(
    channels: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"digital-{number}.bin": channels["digital-0.bin"] for number in range(65)}
    code, _, error = decoded(write_sal(tmp_path / "bad.sal", files, 65), capsys)
    assert (code, error.count("\n")) == (3, 1)
    assert "bad.sal: 65 channels; no device has more than 64" in error


@pytest.mark.parametrize(("lacking", "code"), [("digital-1.bin", 3), ("digital-4.bin", 1)], ids=["clock", "side line"])
def test_session_of_logic_without_a_named_file_names_it(
    lacking: str, code: int, channels: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sal(tmp_path / "bad.sal", {name: data for name, data in channels.items() if name != lacking})
    line = SAL_LINES[int(lacking[8])]
    came = main(["decode", str(path), "--dialect", "fuji-g"])
    out, error = capsys.readouterr()
    assert came == code
    assert f"{lacking}, the samples of {line}, is not in the file; save the session again" in (
        error if code == 3 else out
    )
    assert error.count("\n") == 1
    if code != 3:
        assert main(["decode", str(path), "--dialect", "fuji-g", "--verify", "--quiet"]) == 1
        assert int(re.findall(r"(\d+) valid frames", capsys.readouterr().out)[0]) >= 20


def test_good_session_of_logic_decodes_as_its_vcd(
    channels: dict[str, bytes], good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "good.vcd"
    path.write_text(good)
    results = list[str]()
    for one in (path, write_sal(tmp_path / "good.sal", channels)):
        assert main(["decode", str(one), "--dialect", "fuji-g", "--verify", "--quiet"]) == 0
        results += re.findall(r"\d+ valid frames", capsys.readouterr().out)
    assert len(results) == 2
    assert results[0] == results[1]
