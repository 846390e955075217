"""The viewfinder model: blur, depth of field, brightness, breathing and contrast follow the settings of a lens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.viewfinder import (
    FULL_FRAME_UM,
    SHARP_PARTS,
    Setting,
    blur_um,
    breathing_factor,
    brightness_stops,
    contrast,
    depth_of_field_mm,
    distortion_and_vignetting,
    make_scene,
)

SETTING = Setting(focal_mm=50, f_number=4, focused_mm=2000)


def settings():
    return st.builds(
        Setting,
        focal_mm=st.floats(14, 300),
        f_number=st.floats(1.4, 22),
        focused_mm=st.one_of(st.just(math.inf), st.floats(1000, 1e6)),
    )


def test_blur_is_that_of_a_thin_lens():
    # 50 mm at f/4, focused at 2 m: a point at infinity makes a disc of f²/(N (s - f)) = 0.3205 mm.
    assert blur_um(SETTING, math.inf) == pytest.approx(2500 / (4 * 1950) * 1000, rel=1e-3)
    # In focus only diffraction and aberration are left.
    assert blur_um(SETTING, 2000) < 10


@given(settings(), st.floats(1.001, 50), st.floats(1.001, 3))
def test_blur_grows_and_contrast_falls_away_from_the_focus(setting, factor, further):
    near = setting.focused_mm if math.isfinite(setting.focused_mm) else 1e6
    if math.isfinite(setting.focused_mm):
        assert blur_um(setting, near * factor) <= blur_um(setting, near * factor * further) + 1e-9
        assert contrast(setting, near * factor) >= contrast(setting, near * factor * further) - 1e-12
    assert blur_um(setting, near / factor) <= blur_um(setting, near / factor / further) + 1e-9
    assert 0 < contrast(setting, near / factor) <= contrast(setting, setting.focused_mm) <= 1


@given(settings())
def test_depth_of_field_ends_where_defocus_reaches_the_limit(setting):
    near, far = depth_of_field_mm(setting)
    limit = FULL_FRAME_UM / SHARP_PARTS
    assert near <= setting.focused_mm <= far
    sharp = blur_um(setting, setting.focused_mm)
    if near > 2 * setting.focal_mm:
        assert math.sqrt(max(0, blur_um(setting, near) ** 2 - sharp**2)) == pytest.approx(limit, rel=0.08)
    if math.isfinite(far) and far < 1e7:
        assert math.sqrt(blur_um(setting, far) ** 2 - sharp**2) == pytest.approx(limit, rel=0.08)


def test_stopping_down_deepens_the_field_and_darkens_the_picture():
    fields = [depth_of_field_mm(Setting(50, n, 2000)) for n in (2, 4, 8)]
    assert [far - near for near, far in fields] == sorted(far - near for near, far in fields)
    assert brightness_stops(SETTING) == pytest.approx(0)
    assert brightness_stops(Setting(50, 8, 2000)) == pytest.approx(-2)
    assert brightness_stops(Setting(50, 4, 2000, exposure_s=1 / 30)) == pytest.approx(1)


def test_breathing_is_none_at_infinity_and_full_at_the_nearest_focus():
    assert breathing_factor(Setting(50, 4, math.inf, breathes_percent=4, nearest_mm=400)) == 1
    assert breathing_factor(Setting(50, 4, 400, breathes_percent=4, nearest_mm=400)) == pytest.approx(1.04)
    assert breathing_factor(Setting(50, 4, 800, breathes_percent=4, nearest_mm=400)) == pytest.approx(1.02)


def test_scene_can_be_focused_and_its_planes_are_in_order():
    scene = make_scene(20, 60, 150)
    assert scene.planes["foreground"] < scene.subject_mm < scene.planes["background"] < scene.planes["horizon"]
    assert make_scene(24, 24, 2000).subject_mm == 2500


def test_corrections_are_numbers_of_the_optical_model():
    found = distortion_and_vignetting(SETTING, 24, 90)
    assert {name: len(values) for name, values in found.items()} == {"distortion": 4, "vignetting": 3}
    # Light falls towards the corners.
    assert sum(found["vignetting"]) < 0
