"""What an accessory makes of a lens's numbers, to the unit, and where it fits."""

import pytest
from msgspec import convert

from lensmount_emulator.roles.lmount.accessories.assembly import MAX_ACCESSORIES, check_fit
from lensmount_emulator.roles.lmount.accessories.rewrite import AccessoryOptics, clamp_int16, clamp_uint16, clamp_uint32
from lensmount_emulator.roles.lmount.profile import AccessorySettings, LensSettings
from lensmount_protocol.dialects.lmount.types import AccessoryKind, CorrectionKind

LENS = convert(
    {"optics": {"maker": "Sigma", "focal_mm": [45.0], "f_number": [2.8], "nearest_m": 0.24}, "folds": ["known"]},
    LensSettings,
)


def accessory(kind: str = "teleconverter", **more: object) -> AccessorySettings:
    return convert({"maker": "Sigma", "kind": kind, **more}, AccessorySettings)


def test_fields_end_at_their_bounds() -> None:
    assert [clamp_int16(value) for value in (-32_769, -32_768, 5, 32_767, 32_768)] == [
        -32_768,
        -32_768,
        5,
        32_767,
        32_767,
    ]
    assert [clamp_uint16(value) for value in (-1, 0, 65_535, 65_536)] == [0, 0, 65_535, 65_535]
    assert [clamp_uint32(value) for value in (-1, 0, 4_294_967_295, 4_294_967_296)] == [
        0,
        0,
        4_294_967_295,
        4_294_967_295,
    ]


def test_a_converter_of_1_4_in_numbers() -> None:
    optics = AccessoryOptics.from_settings("TC", accessory(factor=1.4, idle_ma=15, number=9, single_autofocus=True))
    assert (optics.name, optics.factor, optics.av, optics.idle_ma) == ("TC", 1.4, 249, 15)
    entry = optics.entry
    assert (entry.kind, entry.maker, entry.model) == (AccessoryKind.TELECONVERTER, 3, 9)
    assert (entry.factor_permille, entry.limits) == (1400, 1)
    assert (optics.focal_at_body(100_000), optics.focal_at_lens(140_000), optics.enlarge(1000)) == (
        140_000,
        100_000,
        1400,
    )
    assert AccessoryOptics.from_settings("T", accessory("extension tube")).entry.limits == 0
    assert AccessoryOptics.from_settings("T", accessory("extension tube")).entry.kind == AccessoryKind.EXTENSION_TUBE
    assert AccessoryOptics.from_settings("T", accessory("mount adapter")).entry.kind == AccessoryKind.MOUNT_ADAPTER


def test_blur_behind_a_converter_of_2() -> None:
    optics = AccessoryOptics.from_settings("TC", accessory(factor=2.0))
    # A disc of 30 is 60 behind it; a cone of 40 is 20.
    assert optics.blur_at_body([30, 50]) == [60, 63]
    assert optics.blur_at_body([]) == []
    assert optics.blur_at_body([20_000]) == [32_767]
    assert optics.blur_at_body([-30, 20]) == [60, 60]
    assert AccessoryOptics.from_settings("T", accessory(factor=1.0)).blur_at_body([30, 50]) == [30, 50]


def test_corrections_behind_a_converter_of_2() -> None:
    optics = AccessoryOptics.from_settings("TC", accessory(factor=2.0))
    assert optics.coefficients_at_body(CorrectionKind.DISTORTION, [1, 400, -1600, 6400]) == [100, 100, -100, 100]
    assert optics.coefficients_at_body(CorrectionKind.VIGNETTING, [-400, -1600, -6400]) == [-100, -100, -100]
    assert optics.coefficients_at_body(CorrectionKind.LATERAL_COLOUR, [1, 2]) == [1, 2]
    assert optics.coefficients_at_body(CorrectionKind.DISTORTION, []) == []


def test_at_most_three_accessories_stand_on_each_other() -> None:
    assert MAX_ACCESSORIES == 3
    tube = ("tube", accessory("extension tube"))
    assert check_fit("x", accessory(), "lens", LENS, [tube] * 2) is None
    assert check_fit("x", accessory(), "lens", LENS, [tube] * 3) == (
        "x does not fit: 3 accessories are mounted already, and at most 3 are allowed"
    )


def test_converters_want_a_lens_or_a_tube_behind_them() -> None:
    converter, tube = ("tc", accessory()), ("tube", accessory("extension tube"))
    assert "no space for a converter" in (check_fit("x", accessory(), "lens", LENS, [converter, tube]) or "")
    assert check_fit("x", accessory(), "lens", LENS, [tube, converter]) is None
    assert check_fit("x", accessory("extension tube"), "lens", LENS, [converter]) is None
    tubes = check_fit("x", accessory("extension tube"), "lens", LENS, [tube])
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
    assert check_fit("x", accessory(**settings), lens, LENS) == why


def test_a_lens_that_takes_an_accessory_into_its_identity_fits_it() -> None:
    assert check_fit("known", accessory(fits=["other"]), "lens", LENS) is None
    assert check_fit("unknown", accessory(fits=["other"]), "lens", LENS) is not None


def test_an_adapter_wants_the_dialect_of_its_far_side() -> None:
    adapter = accessory("mount adapter", far_dialect="emount")
    assert check_fit("x", adapter, "lens", LENS, (), "emount") is None
    why = check_fit("x", adapter, "lens", LENS, (), "lmount")
    assert why == "x does not fit lens: its far side needs the dialect emount, not lmount"
    assert "does not fit tube" in (
        check_fit("x", adapter, "lens", LENS, [("tube", accessory("extension tube"))], "emount") or ""
    )
