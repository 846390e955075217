"""`decode --verify`: verified only where something was, all of the file was read, as the dialect that it declares."""

import re
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_hardware.captures.declared_dialect import declared_dialect
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.errors import MAX_ERROR, MAX_LISTED
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord

FRAME = bytes.fromhex("f00b0002000b6000780055")
EMOUNT_LOG = f"Body->Lens {FRAME.hex().upper()} 1000\nLens->Body {FRAME.hex().upper()} 1685\n"


@pytest.fixture
def lmount(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A recording of a session in another dialect than the usual one."""
    path = tmp_path / "session.lmx"
    words = ["--body", "panasonic-s1r", "--lens", "sigma-45mm-f2.8-dg-dn", "--do", "wait 0.05", "--quiet"]
    assert main(["loopback", *words, "--record", str(path)]) == 0
    capsys.readouterr()
    return path


def recorded(path: Path, records: list[WireRecord], dialect: str | None = "emount") -> str:
    with RecordingWriter(path, {} if dialect is None else {"dialect": dialect}) as writer:
        for record in records:
            writer.write(record)
    return str(path)


@pytest.mark.parametrize("ending", ["pcapng", "sr", "vcd"])
def test_export_declares_its_dialect_and_decode_reads_it(
    ending: str, lmount: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = lmount.with_suffix(f".{ending}")
    assert main(["export", str(lmount), "--to", str(target)]) == 0
    assert declared_dialect(target) == "lmount"
    assert main(["decode", "--quiet", "--verify", str(target)]) == 0
    assert "verified: " in capsys.readouterr().out
    assert main(["decode", "--quiet", "--verify", "--dialect", "emount", str(target)]) == 1
    told = capsys.readouterr()
    assert "NOT VERIFIED: " in told.out
    assert "the file declares the dialect lmount, and was read as emount" in told.out
    assert "declares the dialect lmount, and is read as emount" in told.err


@pytest.mark.parametrize("ending", ["pcapng", "vcd"])
def test_export_of_an_assumed_dialect_declares_none(ending: str, tmp_path: Path) -> None:
    source, target = tmp_path / "a.lmx", tmp_path / f"a.{ending}"
    recorded(source, [Burst(0.001, Role.BODY, FRAME, 750_000)], None)
    assert main(["export", str(source), "--to", str(target)]) == 0
    assert declared_dialect(target) is None
    assert main(["export", str(source), "--to", str(target), "--dialect", "emount", "--force"]) == 0
    assert declared_dialect(target) == "emount"


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], "nothing to verify: no byte in it"),
        ([Edge(0.0, "VD", True), Edge(0.1, "VD", False)], "nothing to verify: no byte in it"),
        ([Burst(0.0, Role.BODY, b"\0" * 7, 750_000)], "none of 7 bytes is in a frame"),
        (
            [Burst(0.0, Role.BODY, FRAME, 750_000), Annotation(None, "a part is lost", True)],
            "incomplete: a part is lost",
        ),
    ],
)
def test_verify_fails_and_names_the_reason(
    records: list[WireRecord], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recorded(tmp_path / "a.lmx", records)
    for form in ("--quiet", "--lines", "--json"):
        assert main(["decode", form, "--verify", path]) == 1
        told = capsys.readouterr()
        verdict = told.err if form == "--json" else told.out
        assert "NOT VERIFIED: " in verdict
        assert why in verdict


def test_wrong_guess_of_the_dialect_is_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded(tmp_path / "a.lmx", [Burst(0.0, Role.BODY, b"\1\2\3", 750_000)], None)
    assert main(["decode", "--quiet", "--verify", path]) == 1
    assert "is this emount? no dialect is declared; name it with --dialect" in capsys.readouterr().out
    assert main(["decode", "--quiet", "--verify", "--dialect", "emount", path]) == 1
    assert "is this emount?" not in capsys.readouterr().out


@pytest.mark.parametrize("cut", ["#12x", "what"])
def test_vcd_whose_reading_stops_early_is_not_verified(
    cut: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a.lmx", tmp_path / "a.vcd"
    recorded(source, [Burst(at / 1e3, Role.BODY, FRAME, 750_000) for at in range(1, 4)])
    assert main(["export", str(source), "--to", str(target)]) == 0
    lines = target.read_text().splitlines()
    target.write_text("\n".join([*lines[:-6], cut, *lines[-6:]]) + "\n")
    assert main(["decode", "--quiet", "--verify", str(target)]) == 1
    assert "NOT VERIFIED: 2 valid frames" in capsys.readouterr().out
    assert main(["export", str(target), "--to", str(tmp_path / "b.pcapng")]) == 1
    assert "the source is incomplete: " in capsys.readouterr().err
    # What could be read is in the copy, and so is that it is incomplete.
    assert main(["decode", "--quiet", "--verify", str(tmp_path / "b.pcapng")]) == 1
    assert "incomplete: " in capsys.readouterr().out


def test_share_of_the_bytes_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "a.txt"
    log.write_text(EMOUNT_LOG)
    assert main(["decode", "--verify", str(log)]) == 0
    assert "; 100 % of 22 bytes explained" in capsys.readouterr().out
    # Rounded down: one byte in no frame of many is not 100 %.
    records: list[WireRecord] = [Burst(at / 1e3, Role.BODY, FRAME, 750_000) for at in range(1, 200)]
    path = recorded(tmp_path / "b.lmx", [*records, Burst(1.0, Role.BODY, b"\1", 750_000)])
    assert main(["decode", "--verify", path]) == 0
    assert "; 99.9 % of 2190 bytes explained" in capsys.readouterr().out


def test_each_file_has_its_verdict_and_the_highest_code_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "good.txt"
    good.write_text(EMOUNT_LOG)
    bad = recorded(tmp_path / "bad.lmx", [])
    words = ["decode", "--quiet", "--verify"]
    assert main([*words, str(good), bad, str(good)]) == 1
    verdicts = re.findall(r": (NOT VERIFIED|verified): ", capsys.readouterr().out)
    assert verdicts == ["verified", "NOT VERIFIED", "verified"]
    assert main([*words, bad, str(tmp_path / "missing"), str(good)]) == 3
    told = capsys.readouterr()
    assert re.findall(r": (NOT VERIFIED|verified): ", told.out) == ["NOT VERIFIED", "verified"]
    assert "missing: " in told.err


GAPS = [Annotation(None, f"part {number} is lost", True) for number in range(3000)]


@pytest.mark.parametrize("form", ["--quiet", "--json"])
def test_verdict_names_some_missing_parts_and_counts_the_rest(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recorded(tmp_path / "a.lmx", [Burst(0.0, Role.BODY, FRAME, 750_000), *GAPS])
    assert main(["decode", form, "--verify", path]) == 1
    came = capsys.readouterr()
    verdict = (came.err if form == "--json" else came.out).splitlines()[-1]
    assert "part 4 is lost; and 2995 more" in verdict
    assert len(verdict) < 1000


@pytest.mark.parametrize("form", ["--quiet", "--json"])
def test_verdict_with_long_reasons_is_bounded(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gap = Annotation(None, "x" * 100_000, True)
    path = recorded(tmp_path / "a.lmx", [Burst(0.0, Role.BODY, FRAME, 750_000), gap])
    assert main(["decode", form, "--verify", path]) == 1
    came = capsys.readouterr()
    verdict = (came.err if form == "--json" else came.out).splitlines()[-1]
    assert verdict.endswith("xxx")
    assert len(verdict) == MAX_ERROR


def test_export_and_fidelity_name_some_missing_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Burst(0.0, Role.BODY, FRAME, 750_000), Burst(0.01, Role.LENS, FRAME, 750_000)]
    path = recorded(tmp_path / "a.lmx", [*frames, *GAPS])
    assert main(["export", path, "--to", str(tmp_path / "a.pcapng")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MAX_LISTED + 1
    assert lines[-1].endswith(": and 2980 more")
    assert main(["fidelity", path, "--profile", "nex7"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("is lost") == MAX_LISTED
    assert "and 2980 more" in shown


def test_a_capture_that_is_mostly_noise_is_not_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for noise, code in ((b"\xff" * 11, 0), (b"\xff" * 12, 1)):
        path = tmp_path / f"{len(noise)}.lmx"
        recorded(path, [Burst(0.001, Role.BODY, FRAME, 750_000), Burst(0.1, Role.BODY, noise, 750_000)])
        assert main(["decode", "--quiet", "--verify", str(path)]) == code
    assert "12 of 23 bytes are in no frame" in capsys.readouterr().out
