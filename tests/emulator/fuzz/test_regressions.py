"""Stories that once broke something: each is as short as it could be told, and must not break anything again.

Each is a file in `regressions` that `lensmount replay` plays; its name says what was wrong.
"""

from pathlib import Path

import pytest

from lensmount_emulator.fuzz.scenario_runner import replay_scenario

STORIES = sorted(Path(__file__).with_name("regressions").glob("*.lmx"))


def test_none_of_them_is_lost() -> None:
    assert len(STORIES) >= 22


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_what_once_broke_holds(path: Path) -> None:
    assert replay_scenario(path).violations == []
