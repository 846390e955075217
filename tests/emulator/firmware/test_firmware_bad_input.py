"""Bad firmware from the command line: one line with what is wrong and what is legal; the session ends in order."""

import struct
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine import dialect_roles
from lensmount_protocol import dialect as dialects


def play(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    code = main(["loopback", *words, "--quiet"])
    return code, capsys.readouterr().err.splitlines()


def elf(machine: int) -> bytes:
    """The head of a shared library of 64 bits for a machine."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(60)


@pytest.mark.parametrize(
    ("name", "content", "wrong", "legal"),
    [
        ("missing.so", None, "cannot be read", "`lensmount firmware build FILE.c` makes it"),
        ("text.so", b"int x;", "no shared library (ELF)", "lensmount firmware build text.c"),
        ("arm.so", elf(40), "built for ARM", "build it with this machine's compiler"),
        ("lens.c", b"int x;", "ends in .so", "ends in .so"),
    ],
)
def test_a_file_that_is_no_firmware_is_one_line(
    name: str, content: bytes | None, wrong: str, legal: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, lines = play(capsys, "--lens-firmware", str(tmp_path / name))
    assert code in (2, 3)
    assert len(lines) == 1
    assert wrong in lines[0]
    assert legal in lines[0]


@pytest.mark.parametrize("name", ["lm_shim_version", "lm_shim_actions"])
def test_a_firmware_without_a_function_of_the_shim_is_one_line(
    name: str, faulty: Callable[[int], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = Path(faulty(0)).read_bytes()
    assert name.encode() in content
    path = tmp_path / "lacks.so"
    path.write_bytes(content.replace(name.encode(), name.upper().encode()))
    code, (line,) = play(capsys, "--lens-firmware", str(path))
    assert code == 3
    assert line.startswith(f"lensmount: {path}: lacks the function {name} of the shim; link lensmount_shim.c with it")


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (2, "does not return"),
        (8, "calls the host outside of an event"),
        (11, "uses timer 40; timers are 0 to 31"),
    ],
)
def test_a_broken_interface_ends_the_session_in_order(
    faulty: Callable[[int], str], number: int, wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "kept.lmx"
    words = ("--lens-firmware", faulty(number), "--duration", "0.05", "--record", str(target))
    assert main(["loopback", "--body", "panasonic-s1r", *words]) == 1
    printed = capsys.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if wrong in line]
    assert lines, printed
    assert all("event 2 at 0.020000 s" in line for line in lines)
    # The recording is complete up to there.
    assert main(["decode", str(target), "--quiet"]) == 0


@pytest.mark.parametrize("place", ["no_such_module_here:ROLES", "json:NOTHING", "lensmount_protocol.wire:Role"])
def test_a_dialect_whose_package_is_broken_is_one_line(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offers = [EntryPoint("acme", place, dialects.ENTRY_POINTS), EntryPoint("acme", place, dialect_roles.ENTRY_POINTS)]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [entry for entry in offers if entry.group == group and name in (None, entry.name)]

    for module in (dialects, dialect_roles):
        monkeypatch.setattr(module, "entry_points", entry_points)
    for words in (["loopback", "--dialect", "acme"], ["describe", "acme"], ["fuzz", "session", "--dialect", "acme"]):
        assert main(words) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert place in lines[0] or "acme" in lines[0]
