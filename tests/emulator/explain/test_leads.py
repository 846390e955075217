"""Explanations of frames that begin late: accessories that relay them whole, and a timing at random."""

import pytest

from lensmount_emulator.explain.explainer import explain_records
from lensmount_emulator.explain.finding import Explanation, FindingKind
from lensmount_emulator.sessions.loopback import run_loopback

RELAYS = ["sigma-tc-2011"], ["sigma-tc-2011", "extension-tube-l-16mm", "sigma-tc-1411"]


def relayed(accessories: list[str], *faults: str) -> Explanation:
    lens = "sigma-100-400mm-f5-6.3-dg-dn-os"
    session = run_loopback("leica-sl2", lens, accessories=accessories, seconds=0.6, seed=3, faults=faults)
    return explain_records(session.records, "lmount")


@pytest.mark.parametrize("accessories", RELAYS)
def test_frames_that_accessories_relay_whole_are_neither_late_nor_at_random(accessories: list[str]) -> None:
    found = relayed(accessories)
    assert found.ok, found.paragraph
    assert found.findings == ()


@pytest.mark.parametrize("accessories", [[], *RELAYS])
def test_a_timing_at_random_shows_through_accessories_that_relay(accessories: list[str]) -> None:
    found = relayed(accessories, "jitter by=2ms from=lens")
    assert found.cause is not None
    assert found.cause.kind is FindingKind.LATE
    assert "the timing of the lens is at random" in found.cause.short
