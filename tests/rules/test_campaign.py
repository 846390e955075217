"""Rules with a way in campaigns, which make sessions of their own."""

from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main


def test_campaign_plays_rules_with_a_way_and_every_invariant_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = tmp_path / "c.toml"
    case.write_text(
        'dialect = "emount"\nbodies = ["a6000"]\nlenses = ["sel55210"]\nscript = "wait 0.05"\nprocesses = 1\n'
        'faults = [["rule on=IdentityReply set=capabilities=0 way=store"]]\n'
    )
    assert main(["campaign", str(case), "--output", str(tmp_path / "c.sqlite")]) == 0
    assert "1 held, 0 broken" in capsys.readouterr().out
