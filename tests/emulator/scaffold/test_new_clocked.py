"""`lensmount new dialect --clocked`: a clocked dialect in a package of its own that every verb knows at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from lensmount_emulator.campaign.case import CaseStatus
from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.campaign.config import load_campaign
from lensmount_emulator.campaign.planner import plan_campaign
from lensmount_emulator.cli.export import FORMAT_NAMES
from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.testing import conformance

NEW = ("beat", "--clocked")
"""The dialect that these tests make."""


@pytest.mark.usefixtures("offered")
def test_new_clocked_dialect_plays_with_every_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [
        "loopback --dialect beat --demo --record one.lmx",
        "decode one.lmx --verify",
        "explain one.lmx",
        "replay one.lmx",
        "export one.lmx --output one.pcapng",
        "export one.lmx --output one.sr --samplerate 12M",
        "decode one.sr --dialect beat --verify",
        "matrix --dialect beat --jobs 1 --quiet",
        "describe beat",
        "describe beat --states",
        "verify-codec beat --cases 50 --quiet",
        "verify-codec beat --exports --cases 60 --quiet",
        *(f"export --from-dialect beat --format {name} --output out/{name} --quiet" for name in FORMAT_NAMES),
        "fuzz parser beat --cases 300 --quiet",
        "fuzz session --dialect beat --steps 300 --output-dir found --quiet",
    ]
    for command in commands:
        assert main(command.split()) == 0, f"{command}: {capsys.readouterr().err}"
    capsys.readouterr()


@pytest.mark.usefixtures("offered")
def test_campaign_of_a_new_clocked_dialect_passes(package: Path) -> None:
    # In this process: workers do not have the entry points of these tests.
    planned = plan_campaign(load_campaign(package / "campaign.toml"))
    play = CaseRunner(planned.profiles)
    assert len(planned.cases) == 25
    for case in planned.cases[::5]:
        result = play(case)
        assert result.status is CaseStatus.PASSED, result


@pytest.mark.usefixtures("offered")
def test_new_clocked_dialect_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["beat"]) == 0, capsys.readouterr().out
    assert "0 failed" in capsys.readouterr().out


@pytest.mark.usefixtures("offered")
def test_new_clocked_dialect_recovers_from_faults_of_its_clock() -> None:
    for fault in ("clock-lost rate=0.05 count=99", "bit-shift at=0.1s", "late-load at=0.1s", "slow-slave at=0.1s"):
        session = run_loopback("beat-body", "beat-lens", script="focus 700; sleep; wake", seed=1, faults=[fault])
        assert session.finished, fault


def test_templates_of_a_clocked_dialect_are_formatted_and_linted(package: Path) -> None:
    assert not list(package.rglob("engine.py"))
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["check", "--isolated", "--select", "E,F,B,UP"], ["format", "--isolated", "--check"]):
        done = subprocess.run(
            [*ruff, *words, "--line-length", "120", str(package)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout
