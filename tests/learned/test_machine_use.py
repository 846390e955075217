"""Committed machines in use: what recordings use of them, and the check of another build."""

import ast
import json
from pathlib import Path

import pytest

from learned.families import Family
from lensmount_emulator.cli.main import main
from lensmount_emulator.learn.cover import measure_cover
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.errors import MountError


def test_recording_uses_part_of_a_machine_and_words_would_use_more() -> None:
    family = Family("emount", "lens-session", "sel55210")
    machine = family.machine()
    records = run_loopback("a6000", "sel55210", script="wait 0.05; sleep; wake").records
    cover = measure_cover(machine, family.letters(), [records], 5)
    letters = {letter for _, letter in cover.used}
    assert {"on", "handshake", "01", "07", "0C", "switch", "10", "0A-on", "0A-off", "16"} <= letters
    assert cover.total == 154
    assert len(cover.words) == 5
    more = {(machine.state_after(word[:-1]), word[-1]) for word in cover.words}
    assert not more & cover.used


def test_check_of_another_build_writes_junit_tests_and_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Family("lmount", "lens-stream", "sigma-45mm-f2.8-dg-dn").path
    words = ["learn", "check", str(machine), "--profile", "laowa-15mm-f2", "--quiet", "--json"]
    files = ["--junit", f"{tmp_path}/j.xml", "--tests", f"{tmp_path}/t.py", "--record", f"{tmp_path}/r"]
    assert main([*words, *files]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["differences"]
    assert len(list((tmp_path / "r").iterdir())) == len(result["differences"])
    assert main(["decode", str(next((tmp_path / "r").iterdir())), "--quiet"]) == 0
    ast.parse((tmp_path / "t.py").read_text())


def test_recordings_are_no_letters_of_a_body() -> None:
    family = Family("lmount", "body-start", "panasonic-s5")
    with pytest.raises(MountError, match="it learns a body"):
        measure_cover(family.machine(), family.letters(), [], 5)
