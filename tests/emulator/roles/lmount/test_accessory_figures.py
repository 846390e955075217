"""What an accessory makes of a lens's numbers, to the unit, and where it fits."""

import pytest
from msgspec import convert

from lensmount_emulator.roles.lmount.accessory_optics import Optics, int16, uint16, uint32
from lensmount_emulator.roles.lmount.fitting import MOST, fits
from lensmount_emulator.roles.lmount.settings import AccessorySettings, LensSettings
from lensmount_protocol.dialects.lmount.types import AccessoryKind, CorrectionKind

LENS = convert(
    {"optics": {"maker": "Sigma", "focal_mm": [45.0], "f_number": [2.8], "nearest_m": 0.24}, "folds": ["known"]},
    LensSettings,
)


def accessory(kind: str = "teleconverter", **more: object) -> AccessorySettings:
    return convert({"maker": "Sigma", "kind": kind, **more}, AccessorySettings)


def test_fields_end_at_their_bounds() -> None:
    assert [int16(value) for value in (-32_769, -32_768, 5, 32_767, 32_768)] == [-32_768, -32_768, 5, 32_767, 32_767]
    assert [uint16(value) for value in (-1, 0, 65_535, 65_536)] == [0, 0, 65_535, 65_535]
    assert [uint32(value) for value in (-1, 0, 4_294_967_295, 4_294_967_296)] == [0, 0, 4_294_967_295, 4_294_967_295]


def test_a_converter_of_1_4_in_numbers() -> None:
    optics = Optics.of("TC", accessory(factor=1.4, idle_ma=15, number=9, single_autofocus=True))
    assert (optics.name, optics.factor, optics.av, optics.idle_ma) == ("TC", 1.4, 249, 15)
    entry = optics.entry
    assert (entry.kind, entry.maker, entry.model) == (AccessoryKind.TELECONVERTER, 3, 9)
    assert (entry.factor_permille, entry.limits) == (1400, 1)
    assert (optics.focal_behind(100_000), optics.focal_before(140_000), optics.enlarged(1000)) == (
        140_000,
        100_000,
        1400,
    )
    assert Optics.of("T", accessory("extension tube")).entry.limits == 0
    assert Optics.of("T", accessory("extension tube")).entry.kind == AccessoryKind.EXTENSION_TUBE
    assert Optics.of("T", accessory("mount adapter")).entry.kind == AccessoryKind.MOUNT_ADAPTER


def test_blur_behind_a_converter_of_2() -> None:
    optics = Optics.of("TC", accessory(factor=2.0))
    # A disc of 30 is 60 behind it; a cone of 40 is 20.
    assert optics.blur_behind([30, 50]) == [60, 63]
    assert optics.blur_behind([]) == []
    assert optics.blur_behind([20_000]) == [32_767]
    assert optics.blur_behind([-30, 20]) == [60, 60]
    assert Optics.of("T", accessory(factor=1.0)).blur_behind([30, 50]) == [30, 50]


def test_corrections_behind_a_converter_of_2() -> None:
    optics = Optics.of("TC", accessory(factor=2.0))
    assert optics.coefficients_behind(CorrectionKind.DISTORTION, [1, 400, -1600, 6400]) == [100, 100, -100, 100]
    assert optics.coefficients_behind(CorrectionKind.VIGNETTING, [-400, -1600, -6400]) == [-100, -100, -100]
    assert optics.coefficients_behind(CorrectionKind.LATERAL_COLOUR, [1, 2]) == [1, 2]
    assert optics.coefficients_behind(CorrectionKind.DISTORTION, []) == []


def test_at_most_three_accessories_stand_on_each_other() -> None:
    assert MOST == 3
    tube = ("tube", accessory("extension tube"))
    assert fits("x", accessory(), "lens", LENS, [tube] * 2) is None
    assert fits("x", accessory(), "lens", LENS, [tube] * 3) == (
        "x does not fit: 3 accessories are behind it, and at most 3 stand on each other"
    )


def test_converters_want_a_lens_or_a_tube_behind_them() -> None:
    converter, tube = ("tc", accessory()), ("tube", accessory("extension tube"))
    assert "no room in a converter" in (fits("x", accessory(), "lens", LENS, [converter, tube]) or "")
    assert fits("x", accessory(), "lens", LENS, [tube, converter]) is None
    assert fits("x", accessory("extension tube"), "lens", LENS, [converter]) is None
    tubes = fits("x", accessory("extension tube"), "lens", LENS, [tube])
    assert tubes is None


@pytest.mark.parametrize(
    ("settings", "lens", "why"),
    [
        ({"fits": ["sigma-", "leica-"]}, "leica-1", None),
        ({"fits": ["sigma-", "leica-"]}, "meike-1", "x does not fit meike-1; it fits sigma-, leica-"),
        ({"fits_not": {"sigma-1": "too thick"}}, "sigma-105", "x does not fit sigma-105: too thick"),
        ({"fits_not": {"sigma-1": "too thick"}}, "sigma-24", None),
        (
            {"fits": ["sigma-"], "fits_not": {"sigma-1": "too thick"}},
            "sigma-105",
            "x does not fit sigma-105: too thick",
        ),
        ({}, "anything", None),
    ],
)
def test_an_accessory_fits_the_lenses_that_it_names(settings: dict[str, object], lens: str, why: str | None) -> None:
    assert fits("x", accessory(**settings), lens, LENS) == why


def test_a_lens_that_takes_an_accessory_into_its_identity_fits_it() -> None:
    assert fits("known", accessory(fits=["other"]), "lens", LENS) is None
    assert fits("unknown", accessory(fits=["other"]), "lens", LENS) is not None


def test_an_adapter_wants_the_dialect_of_its_far_side() -> None:
    adapter = accessory("mount adapter", far_dialect="emount")
    assert fits("x", adapter, "lens", LENS, (), "emount") is None
    why = fits("x", adapter, "lens", LENS, (), "lmount")
    assert why == "x does not fit lens: on its far side hangs what speaks emount, not lmount"
    assert "does not fit tube" in (
        fits("x", adapter, "lens", LENS, [("tube", accessory("extension tube"))], "emount") or ""
    )
