"""The numbers of the glass: functions and their inverses, tables, and corrections that change smoothly."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.optics import (
    WHOLE,
    blur_table,
    breathing_scales,
    correction,
    distance_mm,
    distance_scale,
    field_of_view_deg,
    focus_position_for,
    from_av256,
    max_aperture_at,
    to_av256,
)
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM
from lensmount_protocol.dialects.lmount.types import CorrectionKind

STEPS = st.integers(2, 65_536)
NEAREST = st.integers(50, 10_000)


@pytest.mark.parametrize(("f_number", "av"), [(1.0, 0), (2.0, 512), (2.8, 761), (4.0, 1024), (16, 2048), (0.5, -512)])
def test_an_f_number_is_512_for_each_doubling(f_number: float, av: int) -> None:
    assert to_av256(f_number) == av
    assert from_av256(av) == pytest.approx(f_number, rel=1e-3)


@given(st.integers(-1024, 5000))
def test_each_aperture_comes_back_from_its_f_number(av: int) -> None:
    assert to_av256(from_av256(av)) == av


@pytest.mark.parametrize("f_number", [0.0, -2.8, math.inf, -math.inf, math.nan])
def test_what_is_no_f_number_is_refused(f_number: float) -> None:
    with pytest.raises(ValueError, match="an f-number is above 0 and finite"):
        to_av256(f_number)


def test_the_widest_aperture_goes_from_one_end_to_the_other() -> None:
    assert [max_aperture_at(part / 4, 925, 1325) for part in range(-1, 6)] == [925, 925, 1025, 1125, 1225, 1325, 1325]
    assert max_aperture_at(0.7, 761, 761) == 761


def test_a_field_of_view_by_hand() -> None:
    # 2 · atan(43.2 / 2 / 50) and the like.
    assert field_of_view_deg(50_000, 43.2) == pytest.approx(46.73, abs=0.01)
    assert field_of_view_deg(21_600, 43.2) == pytest.approx(90.0)


def test_distances_by_hand() -> None:
    # 1/d is even: half the way is twice the nearest distance.
    assert [distance_mm(position, 1001, 300) for position in (0, 1, 500, 750, 1000)] == [
        INFINITY_MM, 300_000, 600, 400, 300,
    ]  # fmt: skip
    assert distance_mm(-5, 1001, 300) == INFINITY_MM
    assert distance_mm(1200, 1001, 300) == 300
    assert [focus_position_for(distance, 1001, 300) for distance in (INFINITY_MM, 300_000, 600, 400, 300, 1, 0,
        -7)] == [
        0, 1, 500, 750, 1000, 1000, 1000, 1000,
    ]  # fmt: skip


def test_infinity_is_the_far_ends_alone() -> None:
    assert distance_mm(1, 65_536, 3200) == INFINITY_MM - 1
    assert focus_position_for(INFINITY_MM - 1, 65_536, 3200) == 3


@pytest.mark.parametrize("steps", [0, 1])
def test_a_lens_without_a_drive_stands_at_infinity(steps: int) -> None:
    assert distance_mm(0, steps, 300) == INFINITY_MM
    assert [focus_position_for(distance, steps, 300) for distance in (10, 300, 5000, INFINITY_MM)] == [0, 0, 0, 0]
    assert distance_scale(steps, 300) == [(0, INFINITY_MM)]


@given(st.data(), STEPS, NEAREST)
def test_a_position_comes_back_from_its_distance(data: st.DataObject, steps: int, nearest: int) -> None:
    position = data.draw(st.integers(0, steps - 1))
    distance = distance_mm(position, steps, nearest)
    assert nearest <= distance <= INFINITY_MM
    # A distance is whole millimetres: where steps are finer, as many share one.
    exact = nearest * (steps - 1)
    finer = 0.5 * position**2 / exact
    if distance < INFINITY_MM - 1:
        assert abs(focus_position_for(distance, steps, nearest) - position) <= finer * (1 + position / exact) + 0.5


@given(STEPS, NEAREST, st.integers(1, INFINITY_MM))
def test_a_distance_comes_back_from_its_position_within_half_a_step(steps: int, nearest: int, distance: int) -> None:
    position = focus_position_for(distance, steps, nearest)
    assert 0 <= position <= steps - 1
    if nearest <= distance < INFINITY_MM:
        assert abs(position - nearest * (steps - 1) / distance) <= 0.5


@given(st.data(), STEPS, NEAREST)
def test_nearer_is_never_further(data: st.DataObject, steps: int, nearest: int) -> None:
    near, far = sorted(data.draw(st.tuples(st.integers(0, steps - 1), st.integers(0, steps - 1))))
    assert distance_mm(near, steps, nearest) >= distance_mm(far, steps, nearest)
    one, other = sorted(data.draw(st.tuples(st.integers(1, INFINITY_MM), st.integers(1, INFINITY_MM))))
    assert focus_position_for(one, steps, nearest) >= focus_position_for(other, steps, nearest)


@given(STEPS, NEAREST, st.integers(2, 40))
def test_a_scale_rises_from_the_far_end_to_the_near_one(steps: int, nearest: int, points: int) -> None:
    scale = distance_scale(steps, nearest, points)
    assert scale[0] == (0, INFINITY_MM)
    assert scale[-1] == (steps - 1, nearest)
    assert len(scale) == min(points, steps)
    assert all(a[0] < b[0] and a[1] >= b[1] for a, b in itertools.pairwise(scale))
    assert all(distance == distance_mm(position, steps, nearest) for position, distance in scale)


def test_breathing_by_hand() -> None:
    # 3 % of 32768 is 983.04.
    assert breathing_scales(3.0, 3) == [32_768, 33_260, 33_751]
    assert breathing_scales(-3.0, 2) == [32_768, 31_785]
    assert breathing_scales(0.0) == [32_768] * 9
    assert breathing_scales(5.0, 1) == [32_768]
    assert breathing_scales(400.0, 2) == [32_768, 65_535]


def test_blur_by_hand() -> None:
    # f/4, 50 mm: the disc is 5.36 µm, the aberration 15 / 64 = 0.23 µm; 80 µm of defocus are 20 µm wide.
    table = blur_table(4.0, 50_000)
    assert len(table) == 9
    assert table[0] == pytest.approx(256 * math.hypot(5.36, 15 / 64), abs=1)
    assert table[8] == pytest.approx(256 * math.hypot(5.36, 0.234, 20.0), abs=1)


@given(st.floats(0.9, 32), st.integers(8000, 800_000), st.integers(2, 20))
def test_blur_grows_with_defocus_and_fits_its_field(f_number: float, focal_um: int, points: int) -> None:
    table = blur_table(f_number, focal_um, points)
    assert len(table) == points
    assert table == sorted(table)
    assert 0 < table[0] <= table[-1] <= 0x7FFF


settings = st.tuples(st.floats(0, 1), st.integers(8000, 800_000), st.integers(100, INFINITY_MM), st.floats(0.9, 32))
kinds = st.sampled_from(list(CorrectionKind))
LENGTHS = {
    CorrectionKind.DISTORTION: 4,
    CorrectionKind.LATERAL_COLOUR: 4,
    CorrectionKind.VIGNETTING: 3,
    CorrectionKind.BREATHING: 1,
}


def test_corrections_by_hand() -> None:
    far = INFINITY_MM
    # 28 mm at the short end: third order 0.06 · 0.5 + 0.03 · 0.5 = 0.045; fifth -0.009, seventh 0.00225.
    assert correction(CorrectionKind.DISTORTION, 0.0, 28_000, far, 4.0) == [1253, 1475, -295, 74]
    # 28 mm at 252 mm: closeness 0.1 makes it a twentieth more.
    assert correction(CorrectionKind.DISTORTION, 0.0, 28_000, 252, 4.0)[1] == 1548
    # 28 mm, fraction 1: (0.0004 - 0.0003) for red, half of it in the square; blue -0.8 of both.
    assert correction(CorrectionKind.LATERAL_COLOUR, 1.0, 28_000, far, 4.0) == [3, 2, -3, -1]
    # f/2, 28 mm: natural -0.35 · 0.5; of the barrel 0.55 / 3 in two parts.
    assert correction(CorrectionKind.VIGNETTING, 0.5, 28_000, far, 2.0) == [-5734, -3604, -2403]
    # 100 mm at 0.9 m: 0.3 · 0.1.
    assert correction(CorrectionKind.BREATHING, 0.5, 100_000, 900, 2.0) == [983]
    assert correction(CorrectionKind(77), 0.5, 100_000, 900, 2.0) == []


@given(kinds, settings)
def test_corrections_have_their_length_and_fit_their_field(
    kind: CorrectionKind, setting: tuple[float, int, int, float]
) -> None:
    coefficients = correction(kind, *setting)
    assert len(coefficients) == LENGTHS[kind]
    assert all(-0x8000 < value < 0x7FFF for value in coefficients)


@given(kinds, settings, st.integers(0, 3), st.sampled_from([-1, 1]))
def test_corrections_change_smoothly(
    kind: CorrectionKind, setting: tuple[float, int, int, float], which: int, side: int
) -> None:
    # A setting a hundredth away has coefficients that are a hundredth of the whole away at most.
    moved = [float(value) for value in setting]
    moved[which] = moved[which] * (1 + 0.01 * side)
    other = correction(kind, min(1.0, moved[0]), round(moved[1]), round(moved[2]), moved[3])
    assert all(abs(a - b) <= WHOLE // 100 for a, b in zip(correction(kind, *setting), other, strict=True))


@given(st.integers(8000, 800_000), st.integers(100, INFINITY_MM), st.floats(0.9, 32))
def test_the_short_end_is_a_barrel_and_the_long_one_a_pincushion(focal_um: int, distance: int, f_number: float) -> None:
    thirds = [correction(CorrectionKind.DISTORTION, part / 8, focal_um, distance, f_number)[1] for part in range(9)]
    assert thirds[0] > 0
    assert thirds[-1] < 0
    assert thirds == sorted(thirds, reverse=True)


@given(settings)
def test_a_corrected_picture_keeps_its_corners_and_its_order(setting: tuple[float, int, int, float]) -> None:
    v, a, b, c = (value / WHOLE for value in correction(CorrectionKind.DISTORTION, *setting))
    radii = [r / 50 for r in range(51)]
    mapped = [(r + a * r**3 + b * r**5 + c * r**7) / (1 + v) for r in radii]
    assert mapped == sorted(mapped)
    assert mapped[-1] == pytest.approx(1.0, abs=3 / WHOLE)


@given(settings, st.floats(1.01, 3))
def test_stopping_down_gives_light_to_the_corners(setting: tuple[float, int, int, float], factor: float) -> None:
    fraction, focal_um, distance, f_number = setting
    wide = 1 + sum(correction(CorrectionKind.VIGNETTING, *setting)) / WHOLE
    closed = 1 + sum(correction(CorrectionKind.VIGNETTING, fraction, focal_um, distance, f_number * factor)) / WHOLE
    assert 0 < wide <= closed + 3 / WHOLE
    assert closed <= 1


@given(settings, st.floats(1, 10))
def test_breathing_grows_towards_the_near_end(setting: tuple[float, int, int, float], factor: float) -> None:
    fraction, focal_um, distance, f_number = setting
    near = correction(CorrectionKind.BREATHING, *setting)
    far = correction(CorrectionKind.BREATHING, fraction, focal_um, round(distance * factor), f_number)
    assert near >= far >= [0]
    assert correction(CorrectionKind.BREATHING, fraction, 50_000, INFINITY_MM, f_number) <= [8]
