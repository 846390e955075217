"""Each rule file of the documentation runs, and the session shows what the page says of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.faults.rule import load_rules
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.dialects.emount.identification import DescriptorReply, IdentityReply
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.wire import Annotation

FOLDER = Path(__file__).parents[2] / "docs" / "how-to" / "rules"
PAGE = FOLDER.parent / "change-messages-on-the-way.md"
Shows = Callable[[LoopbackResult], bool]


def apertures(result: LoopbackResult) -> set[int]:
    """The apertures that the body orders."""
    return {state.aperture_target for state in result.messages(BodyState)}


def positions(result: LoopbackResult) -> list[int]:
    """The positions that the lens is sent to."""
    return [move.operand for move in result.messages(FocusMove)]


USES: dict[str, tuple[str, str, Shows]] = {
    "01-replaced-number": (
        "sel55210", "wait 0.05", lambda result: [one.unknown_7 for one in result.messages(IdentityReply)] == [16]
    ),
    "02-aperture-trim": ("sel55210", "aperture f/8", lambda result: 5632 + 85 in apertures(result)),
    "03-follow-focus": ("sel55210", "wait 1.1", lambda result: positions(result) == [0x3E80] * 3),
    "04-cloned-focus": (
        "sel55210", "focus 0x3F50; focus 0x3E00", lambda result: positions(result) == [0x3EEF, 0x3EEF]
    ),
    "05-focus-stack": (
        "sel55210", "wait 1.6", lambda result: positions(result) == [0x3E40, 0x3E80, 0x3EC0, 0x3F00]
    ),
    "06-focus-offset": ("sel55210", "focus 0x3F50", lambda result: positions(result) == [0x3F40]),
    "07-exif": (
        "voigtlander-15",
        "wait 0.05",
        lambda result: {one.focal_length_dmm for one in result.messages(LensStatus)} == {5000}
        and [one.widest_aperture for one in result.messages(DescriptorReply)] == [5632],
    ),
    "08-hidden-converter": (
        "sel55210",
        "wait 0.3",
        lambda result: max(one.aperture for one in result.messages(LensStatus)) <= 5120
        and [one.widest_aperture for one in result.messages(DescriptorReply)] == [5120],
    ),
    "09-adapter-as-native": (
        "viltrox-ef50", "wait 0.05", lambda result: [one.kind for one in result.messages(IdentityReply)] == [1]
    ),
    "10-focus-method": (
        "viltrox-ef50", "wait 0.05", lambda result: {one.target_kind for one in result.messages(BodyMode)} == {0x1F}
    ),
}  # fmt: skip
"""File -> lens, script, and what the session shows."""


@pytest.mark.parametrize("name", USES)
def test_public_use_runs_and_shows_its_change(name: str) -> None:
    lens, script, shows = USES[name]
    result = run_loopback("a6000", lens, script=script, faults=load_rules(FOLDER / f"{name}.toml"))
    assert result.finished
    assert not result.violations
    assert any("becomes f0" in one.text for one in result.records if isinstance(one, Annotation))
    assert shows(result)
    assert not shows(run_loopback("a6000", lens, script=script))


def test_page_names_every_use() -> None:
    names = {path.stem for path in FOLDER.glob("*.toml")}
    assert names == set(USES)
    page = PAGE.read_text()
    assert all(f"rules/{name}.toml" in page for name in names)
