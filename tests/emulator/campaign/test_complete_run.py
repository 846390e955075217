"""A campaign that Python runs as a whole: every case has its result, and a second run has nothing to do."""

from pathlib import Path

from lensmount_emulator.campaign.runner import Progress, run_campaign

CAMPAIGN = """
dialect = "emount"
bodies = ["nex7"]
lenses = ["sel2870"]
script = "wait 0.05"
seeds = [1, 2]
"""


def test_campaign_runs_once_and_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(CAMPAIGN)
    seen: list[Progress] = []
    results = run_campaign(str(path), tmp_path / "small.sqlite", processes=1, on_progress=seen.append)
    assert results.passed
    assert (results.finished, results.planned, len(results.cases)) == (2, 2, 2)
    assert seen[-1].finished == 2
    assert repr(results) == "<CampaignResults 'small.sqlite': 2 of 2 cases; 2 passed>"
    assert "<table>" in results._repr_html_()
    again: list[Progress] = []
    run_campaign(path, tmp_path / "small.sqlite", processes=1, on_progress=again.append)
    assert [progress.began for progress in again] == [2]
