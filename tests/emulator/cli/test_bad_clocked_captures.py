"""Bad captures of a clocked mount through the command line: one line each, and the rest is decoded."""

import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.wire import WireRecord

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
