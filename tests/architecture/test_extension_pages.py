"""The reference pages of extension points name every member of the objects that a package offers."""

import inspect
import re
from pathlib import Path

import pytest

from lensmount.dialect import Dialect, TimingRule, TransitionTable, Wiring
from lensmount.faults import Fault
from lensmount.learn import LearnTraits
from lensmount_emulator.engine.dialect_roles import DialectRoles, FuzzTraits
from lensmount_emulator.engine.session_knowledge import DueStep, PeerError, SessionKnowledge
from lensmount_protocol.frame_parser import ConstructFrameFormat

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "extend"
DESCRIBED: dict[str, tuple[type, ...]] = {
    "dialects.md": (Dialect, Wiring, ConstructFrameFormat, TransitionTable, TimingRule),
    "roles.md": (DialectRoles, SessionKnowledge, DueStep, PeerError),
    "fuzzing.md": (FuzzTraits,),
    "faults.md": (Fault,),
    "learning.md": (LearnTraits,),
}


def members(described: type) -> set[str]:
    """The members that a docstring names."""
    text = inspect.getdoc(described) or ""
    part = text.split("Attributes:" if "Attributes:" in text else "Args:")[-1].partition("Raises:")[0]
    return set(re.findall(r"^    (\w+): ", part, re.M))


@pytest.mark.parametrize("page", sorted(DESCRIBED))
def test_page_names_every_member_and_no_other(page: str) -> None:
    text = (PAGES / page).read_text()
    for described in DESCRIBED[page]:
        section = text.partition(f"## `{described.__name__}`")[2].partition("\n## ")[0]
        named = set(re.findall(r"^\| `(\w+)` \|", section, re.M))
        assert named == members(described), described.__name__


def test_each_entry_point_has_a_page() -> None:
    tutorial = (PAGES.parents[1] / "tutorial" / "your-own-dialect.md").read_text()
    for group in ("dialects", "roles", "profiles", "faults", "transports"):
        assert f"`lensmount.{group}`" in tutorial
        assert f'entry-points."lensmount.{group}"' in (PAGES / f"{group}.md").read_text()
