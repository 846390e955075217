"""The figures are reached: a fixed small share of what `make fidelity-figures` prints."""

from pathlib import Path

import pytest

from fidelity_figures.figures import (
    assess_file,
    frames_of,
    joined,
    profile_rows,
    score_sessions,
    twin_figure,
    with_loss,
)
from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol.wire import Role

FOLDER = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"
ZEISS = "nex7-zeiss-28mm-at-2.8-init.txt"


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(f"no captures at {FOLDER}: they are real traffic and not part of the project")
    return FOLDER


def test_resting_session_keeps_its_figures(folder: Path) -> None:
    profile, frames = load_profile("loxia-21"), frames_of(folder / ZEISS)
    share = score_sessions(profile, joined(frames, 3))
    assert share.strict >= 0.97 * share.replies > 100
    share = score_sessions(profile, with_loss(frames, places=3))
    assert share.strict >= 0.95 * share.replies > 300
    assert len(with_loss(frames, Role.LENS, 2)[0]) == len(frames) - 1


def test_twin_plays_in_the_engine_as_it_is_scored(folder: Path) -> None:
    twin = twin_figure(folder / ZEISS, places=2)
    assert twin.played == twin.strict
    assert twin.strict >= 0.99 * twin.replies > 40
    assert twin.size < 0.15
    assert twin.joined.worst >= 0.97


def test_another_lens_is_near_zero(folder: Path) -> None:
    score = assess_file(folder / ZEISS, load_profile("voigtlander-15")).score
    assert score.strict <= 0.05 * score.replies


def test_table_has_a_head_first(folder: Path) -> None:
    assert next(profile_rows(folder)).split()[:2] == ["profile", "capture"]
