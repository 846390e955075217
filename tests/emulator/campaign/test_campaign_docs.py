"""The pages about campaigns: their examples run, and their tables say what there is."""

import re
from pathlib import Path

import pytest

from lensmount_emulator.campaign.config import CampaignConfig
from lensmount_emulator.campaign.results import read_campaign
from lensmount_emulator.campaign.store import APPLICATION_ID, CASE_COLUMNS, TABLES, VERSION
from lensmount_emulator.cli.main import main

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = re.findall(r"```toml\n(.*?)```", (DOCS / "how-to/run-a-campaign.md").read_text(), re.DOTALL)
REFERENCE = (DOCS / "reference/campaigns.md").read_text()


@pytest.mark.parametrize(("number", "cases"), [(0, 18), (1, 4)])
def test_an_example_runs_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, cases: int, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(EXAMPLES[number])
    assert main(["campaign", "mine.toml", "--processes", "2", "--html", "mine.html", "--junit", "mine.xml"]) == 0
    (counts,) = re.findall(rf"^{cases} cases: (.*)$", capsys.readouterr().out, re.MULTILINE)
    passed = f"{cases} passed, 0 tolerated, " if number == 0 else ""
    assert counts.startswith(passed)
    assert counts.endswith(" tolerated, 0 unexpected, 0 broken, 0 lost")
    assert read_campaign(Path("mine.sqlite")).complete
    assert Path("mine.html").stat().st_size > 10_000


def names_in(section: str) -> set[str]:
    """The words in the first column of a section's tables."""
    text = REFERENCE.partition(f"{section}\n")[2]
    rows = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_reference_has_every_key_every_table_and_every_column() -> None:
    assert set(CampaignConfig.__struct_fields__) <= names_in("## The file")
    results = names_in("## The result file")
    assert set(re.findall(r"CREATE TABLE (\w+)", TABLES)) | set(CASE_COLUMNS) == results
    assert f"`application_id` {APPLICATION_ID:#010X}".replace("0X", "0x") in REFERENCE
    assert f"`user_version` {VERSION}" in REFERENCE
