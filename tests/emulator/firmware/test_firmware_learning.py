"""A firmware in C is learned as a profile is, and its machine finds no difference in the same build."""

import json
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main


@pytest.mark.parametrize(("role", "letters", "states"), [("lens", "lens-sleep", 5), ("body", "body-start", 12)])
def test_firmware_is_learned_and_equals_itself(
    role: str, letters: str, states: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("aalpy", reason="learning needs AALpy, which is an extra")
    library, machine = request.getfixturevalue(role), tmp_path / "machine.json"
    words = [
        "learn",
        role,
        "--firmware",
        library,
        "--dialect",
        "lmount",
        "--letters",
        letters,
        "--output",
        str(machine),
    ]
    assert main([*words, "--walks", "5", "--walk-letters", "8", "--quiet"]) == 0
    assert json.loads(machine.read_text())["states"] == states
    assert main(["learn", "check", str(machine), "--firmware", library, "--quiet"]) == 0
