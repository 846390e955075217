"""Captures of levels on the command line: rates that a file lacks, channels, lines left out, parts that are missing."""

import re
import zipfile
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

WIRING = load_dialect("emount").wiring
FRAME = bytes.fromhex("f00b0002000b6000780055")


def records() -> list[WireRecord]:
    """Five frames of a body in their windows."""
    found: list[WireRecord] = []
    for number in range(5):
        at = 0.001 * (number + 1)
        until = at + len(FRAME) * 10 / 750_000
        found += [
            Edge(at - 20e-6, "BODY_CS", True),
            Burst(at, Role.BODY, FRAME, 750_000, until),
            Edge(until + 20e-6, "BODY_CS", False),
        ]
    return found


@pytest.fixture
def sigrok(tmp_path: Path) -> Path:
    path = tmp_path / "a.sr"
    write_sigrok(path, records, WIRING, 6_000_000)
    return path


@pytest.fixture
def vcd(tmp_path: Path) -> Path:
    path = tmp_path / "a.vcd"
    write_vcd(path, records, WIRING)
    return path


def repacked(path: Path, target: str, change: dict[str, bytes | None]) -> Path:
    """The archive with some members changed, or left out."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(path.with_name(target), "w") as archive:
        data = {name: source.read(name) for name in source.namelist()} | change
        for name, content in data.items():
            if content is not None:
                archive.writestr(name, content)
    return path.with_name(target)


def frames(out: str) -> int:
    match = re.search(r"(\d+) valid frames", out)
    return int(match[1]) if match else -1


@pytest.fixture
def without_rate(sigrok: Path) -> Path:
    with zipfile.ZipFile(sigrok) as archive:
        told = archive.read("metadata").replace(b"samplerate=6 MHz\n", b"")
    return repacked(sigrok, "norate.sr", {"metadata": told})


def test_decode_takes_the_rate_that_a_file_lacks(without_rate, capsys):
    assert main(["decode", str(without_rate), "--quiet", "--verify"]) == 3
    assert "give it with --samplerate HZ" in capsys.readouterr().err
    assert main(["decode", str(without_rate), "--samplerate", "6M", "--quiet", "--verify"]) == 0
    assert frames(capsys.readouterr().out) == 5


@pytest.mark.parametrize("ending", [".vcd", ".sr", ".pcapng"])
def test_export_takes_the_rate_that_a_file_lacks(without_rate, tmp_path, capsys, ending):
    for number, option in enumerate(("--source-samplerate", "--samplerate")):
        target = tmp_path / f"o{number}{ending}"
        assert main(["export", str(without_rate), "--to", str(target), option, "6 MHz"]) == 0
        capsys.readouterr()
        assert main(["decode", str(target), "--dialect", "emount", "--quiet", "--verify"]) == 0
        assert frames(capsys.readouterr().out) == 5
    target = tmp_path / f"none{ending}"
    assert main(["export", str(without_rate), "--to", str(target)]) == 3
    assert not target.exists()


def test_a_rate_is_not_taken_where_it_means_nothing(tmp_path, capsys):
    log = tmp_path / "a.txt"
    log.write_text(f"Body->Lens {FRAME.hex()} 5716647\n")
    assert main(["decode", str(log), "--samplerate", "6M"]) == 3
    assert "times of its own; leave --samplerate out" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["decode", str(log), "--samplerate", "fast"])
    assert "is no rate; write 12000000 or 12M" in capsys.readouterr().err


def test_fidelity_takes_the_rate_that_a_file_lacks(without_rate, capsys):
    assert main(["fidelity", str(without_rate), "--profile", "sel55210"]) == 3
    assert "--samplerate HZ" in capsys.readouterr().err
    # It was read: what is missing now is a lens, for this session has none.
    assert main(["fidelity", str(without_rate), "--profile", "sel55210", "--samplerate", "6M"]) == 3
    assert "the capture holds no frame of the lens" in capsys.readouterr().err


def test_replay_takes_channels_and_the_rate(without_rate, capsys):
    words = ["replay", str(without_rate), "--as", "body", "--port", "tcp:127.0.0.1:1"]
    assert main(words) == 3
    assert main([*words, "--samplerate", "6M", "--channel", "TXD=99"]) == 3
    assert "unknown channel '99'" in capsys.readouterr().err


@pytest.mark.parametrize("form", [[], ["--quiet"], ["--json"], ["--verify", "--quiet"], ["--stats"]])
def test_decode_of_a_file_that_ends_early_is_no_success(vcd, capsys, form):
    text = vcd.read_text()
    vcd.write_text(text.replace("#3000", "#oops #3000", 1))
    assert main(["decode", str(vcd), *form]) == 1
    told = capsys.readouterr()
    assert "'#oops' is no time; nothing is read from there on" in told.out + told.err


def test_decode_of_a_hole_is_no_success(sigrok, capsys):
    with zipfile.ZipFile(sigrok) as archive:
        samples = archive.read("logic-1-1")
    parts = {f"logic-1-{n + 1}": samples[at : at + 4000] for n, at in enumerate(range(0, len(samples), 4000))}
    holed = repacked(sigrok, "hole.sr", parts | {"logic-1-3": None})
    assert main(["decode", str(holed), "--timing"]) == 1
    told = capsys.readouterr()
    assert "logic-1-3 is missing after 8000 samples" in told.out + told.err
    assert main(["export", str(holed), "--to", str(sigrok.with_name("o.vcd"))]) == 1


def test_the_help_names_the_way_to_leave_a_line_out(vcd, capsys):
    assert main(["decode", str(vcd), "--channel", "RXD=none", "--quiet", "--verify"]) == 0
    assert frames(capsys.readouterr().out) == 5
    assert main(["decode", str(vcd), "--channel", "RXD=none", "--channel", "TXD=none", "--edges"]) == 0
    assert "BODY_CS high" in capsys.readouterr().out
