"""The figures of twins on public captures: a small share of `make twin-figures`, and its verdict."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import twin_figures.__main__ as figures
from twin_figures.__main__ import Row

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"


@pytest.fixture
def captures() -> Path:
    """The public captures of the E-mount; the test is skipped where they do not lie beside the project."""
    if not CAPTURES.is_dir():
        pytest.skip("no captures beside the project")
    return CAPTURES


@pytest.mark.parametrize("section", [figures.split_rows, figures.state_rows])
def test_twins_reach_their_targets(section: Callable[[Path], Iterator[Row]], captures: Path) -> None:
    rows = list(figures.all_rows(captures, [section]))
    assert rows
    assert not [f"{row.what}: {row.figure}, target {row.target}" for row in rows if not row.reached]


def test_a_shuffled_capture_is_near_constants(captures: Path) -> None:
    rows = list(figures.all_rows(captures, [figures.control_rows]))
    assert [row.reached for row in rows] == [True, True, True]


def test_a_missing_capture_is_not_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert figures.main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(figures.SECTIONS)
    assert all("NOT REACHED" in line and "No such file" in line for line in lines)
