"""Every committed machine against its engine, and a share of the planted changes; `make learned` does it at length."""

import pytest

from learned.families import (
    EMOUNT_BODIES,
    EMOUNT_LENSES,
    FAMILIES,
    FOLDER,
    FUJI_G_LENSES,
    LMOUNT_BODIES,
    LMOUNT_LENSES,
    MFT_LENSES,
    Family,
    check,
)
from learned.planted import PLANTS, is_found


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.path.stem)
def test_engine_does_what_the_committed_machine_says(family: Family) -> None:
    result = check(family)
    assert result.words >= len(family.letters().letters)
    assert [(" ".join(one.word), one.expected, one.found) for one in result.differences] == []


def test_every_family_has_its_machines() -> None:
    profiles = {*EMOUNT_LENSES, *LMOUNT_LENSES, *EMOUNT_BODIES, *LMOUNT_BODIES, *MFT_LENSES, *FUJI_G_LENSES}
    assert {family.profile for family in FAMILIES} == profiles
    assert {family.path for family in FAMILIES} == {*FOLDER.glob("*.json")}
    assert Family("emount", "lens-session", "sel55210").machine().states == 11


@pytest.mark.parametrize("dialect", PLANTS)
def test_twenty_changes_are_planted_and_a_share_of_them_is_found(dialect: str) -> None:
    plants = PLANTS[dialect]
    assert len({plant.name for plant in plants}) == 20
    assert [plant.name for plant in plants[1:20:7] if not is_found(dialect, plant, thorough=True)] == []
