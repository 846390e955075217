"""Accessories that are put on a lens: which are simulated, which are only reported, which do not fit."""

from random import Random
from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace

from lensmount_emulator.engine.dialect_roles import DeviceSpec
from lensmount_emulator.engine.script import Step
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.accessories.assembly import assemble_accessories
from lensmount_emulator.roles.lmount.accessories.relay import RelayEngine
from lensmount_emulator.roles.lmount.profile import AccessorySettings, LensSettings
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Role


def accessory(name: str, kind: str = "extension tube", **more: Any) -> DeviceSpec:
    return DeviceSpec(
        name, name.upper(), "lmount", convert({"maker": "Sigma", "kind": kind, **more}, AccessorySettings)
    )


def lens(name: str = "sigma-45mm-f2.8-dg-dn", **changes: Any) -> DeviceSpec:
    profile = load_profile(name)
    assert isinstance(profile.settings, LensSettings)
    return DeviceSpec(profile.name, profile.title, profile.dialect, replace(profile.settings, name="Lens", **changes))


def coupled(pieces: list[DeviceSpec], on: DeviceSpec | None = None) -> Any:
    return assemble_accessories(pieces, on or lens(), lambda _name: None)


def test_without_accessories_a_lens_is_as_it_was() -> None:
    bare = lens()
    train = coupled([], bare)
    assert (train.lens, train.accessories, train.notes) == (bare.settings, [], [])


def test_speaking_accessories_have_engines_and_randomness_of_their_own() -> None:
    asked: list[str] = []

    def random_of(name: str) -> Random:
        asked.append(name)
        return Random(name)

    bare = lens()
    train = assemble_accessories([accessory("front"), accessory("back", "teleconverter", factor=1.4)], bare, random_of)
    assert [one.name for one in train.accessories] == ["front", "back"]
    assert (train.lens, train.notes) == (bare.settings, [])
    for one in train.accessories:
        assert isinstance(one.near, RelayEngine)
        assert isinstance(one.far, RelayEngine)
        assert (one.near.role, one.far.role) == (Role.LENS, Role.BODY)
        assert one.near.name == one.far.name == one.name
    # Each end of each place has its own: the same seed gives the same session.
    assert sorted(asked) == [
        "accessory 0 front far", "accessory 0 front near", "accessory 1 back far", "accessory 1 back near",
    ]  # fmt: skip
    zoom = [one.translate_control(Step("zoom", "zoom 140", 140_000)).value for one in train.accessories]
    assert zoom == [140_000, 100_000]


@pytest.mark.parametrize(
    ("settings", "effect"),
    [
        ({}, "the picture is as without it"),
        ({"factor": 1.4}, "focal length and f-number are 1.4 times what the lens says"),
        ({"length_mm": 16.5}, "the lens stands 16.5 mm further out: nearer things are sharp, far ones never"),
        (
            {"factor": 2.0, "length_mm": 16.0},
            "focal length and f-number are 2 times what the lens says; "
            "the lens stands 16 mm further out: nearer things are sharp, far ones never",
        ),
    ],
)
def test_wires_only_are_reported_with_their_effect(settings: dict[str, float], effect: str) -> None:
    bare = lens()
    train = coupled([accessory("wires", behaviour="silent", **settings)], bare)
    assert (train.lens, train.accessories) == (bare.settings, [])
    (remark,) = train.notes
    assert remark.startswith("WIRES: wires only, ")
    assert remark.endswith(f"; {effect}")


def test_a_lens_takes_in_what_it_knows_where_that_stands_on_it() -> None:
    knows = lens(folds=["known"])
    known = accessory("known", factor=1.4, fits=["other-"])
    train = coupled([known], knows)
    assert train.accessories == []
    assert (train.lens.optics.focal_mm, train.lens.name) == ([63.0], "Lens + KNOWN")
    assert train.notes == ["KNOWN: the lens knows it, and is Lens + KNOWN with it"]
    # With another one in between, the lens does not see it: it speaks for itself.
    train = coupled([known, accessory("tube")], knows)
    assert ([one.name for one in train.accessories], train.lens) == (["known", "tube"], knows.settings)


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([accessory("x", fits=["leica-"])], "x does not fit sigma-45mm-f2.8-dg-dn; it fits leica-"),
        ([accessory("a"), accessory("x", fits_not={"sigma-4": "too thick"})],
         "x does not fit sigma-45mm-f2.8-dg-dn: too thick"),
        ([accessory("x", "teleconverter"), accessory("y", "teleconverter")],
         "x does not fit y: a converter has no space for a converter's front; put a tube between them"),
        ([accessory(name) for name in "abcd"],
         "a does not fit: 3 accessories are mounted already, and at most 3 are allowed"),
        ([accessory("x", "mount adapter", far_dialect="emount")],
         "x does not fit sigma-45mm-f2.8-dg-dn: its far side needs the dialect emount, not lmount"),
        ([accessory("x", "mount adapter", far_dialect="emount"), accessory("tube")],
         "x does not fit tube: its far side needs the dialect emount, not lmount"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_reason(pieces: list[DeviceSpec], why: str) -> None:
    with pytest.raises(ProfileError) as caught:
        coupled(pieces)
    assert str(caught.value) == why


def test_an_adapter_is_a_bridge_to_the_other_mount_s_lens() -> None:
    adapter = load_profile("emount-adapter")
    other = load_profile("sel2870")
    pieces = [
        accessory("tube"), DeviceSpec(adapter.name, adapter.title, adapter.dialect, adapter.settings),
    ]  # fmt: skip
    train = coupled(pieces, DeviceSpec(other.name, other.title, other.dialect, other.settings))
    assert [one.name for one in train.accessories] == ["tube", "emount-adapter"]
    assert [one.far.dialect.name for one in train.accessories] == ["lmount", "emount"]
    assert train.lens == other.settings


def test_a_tube_between_two_converters_fits() -> None:
    pieces = [accessory("x", "teleconverter"), accessory("tube"), accessory("y", "teleconverter")]
    assert [one.name for one in coupled(pieces).accessories] == ["x", "tube", "y"]


def test_a_focal_length_that_a_lens_takes_in_has_three_decimals() -> None:
    bare = lens().settings
    assert isinstance(bare, LensSettings)
    knows = lens(folds=["known"], optics=replace(bare.optics, focal_mm=[33.3335]))
    train = coupled([accessory("known", factor=1.4)], knows)
    assert train.lens.optics.focal_mm == [46.667]
