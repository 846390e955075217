"""The viewfinder at a time: what the optical model makes of the fields that the traffic holds until then."""

import math
from collections.abc import Callable
from typing import Any

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.models.viewfinder import (
    APS_C_UM,
    FULL_FRAME_UM,
    NEUTRAL_S,
    Setting,
    blur_um,
    breathing_factor,
    brightness_stops,
    contrast,
    depth_of_field_mm,
    distortion_and_vignetting,
    make_scene,
)
from lensmount_emulator.profiles.library import load_profile, profile_names
from lensmount_emulator.traffic.field_columns import LastValue
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, MountError


def get_breathing(dialect: str, lens: object) -> float | None:
    """How much the lens of a profile breathes, in percent; `None` where it is not known.

    Args:
        dialect: the dialect.
        lens: name of the profile, as a recording or a user gives it; only installed profiles are read.
    """
    try:
        fields = get_roles(dialect).viewfinder
        if fields is None or lens not in profile_names():
            return None
        return fields.breathes_percent(load_profile(str(lens)).settings)
    except (MountError, AttributeError):
        # A profile that makes its own engine need not have these settings.
        return None


def viewfinder_at(
    dialect: Dialect, last: Callable[[str], LastValue | None], breathes_percent: float | None
) -> dict[str, Any] | None:
    """What the page draws; `None` where the dialect's models do not know their optics, or the lens sent too little.

    Args:
        dialect: the dialect.
        last: gives the last value of a field at the time.
        breathes_percent: how much the lens breathes; `None` where that is not known.
    """

    def read(name: str) -> float | None:
        found = last(name)
        return float(found.value) if found is not None and isinstance(found.value, int | float) else None

    try:
        fields = get_roles(dialect.name).viewfinder
    except DialectError:
        return None
    if fields is None:
        return None
    needed = (fields.focused_mm, fields.aperture, fields.shortest_um, fields.longest_um, fields.nearest_mm)
    focused, aperture, shortest, longest, nearest = map(read, needed)
    if focused is None or aperture is None or shortest is None or longest is None or nearest is None or shortest <= 0:
        return None
    focal = read(fields.focal_um) or shortest
    exposure, circle = read(fields.exposure_us), read(fields.circle)
    crops = circle is not None and fields.crops(int(circle))
    setting = Setting(
        focal_mm=max(1.0, focal / 1000),
        f_number=min(256.0, max(0.5, fields.f_number(aperture))),
        focused_mm=math.inf if focused >= fields.infinity_mm else max(1.0, focused),
        exposure_s=exposure / 1e6 if exposure else NEUTRAL_S,
        sensor_um=APS_C_UM if crops else FULL_FRAME_UM,
        breathes_percent=breathes_percent or 0.0,
        nearest_mm=max(1.0, nearest),
    )
    scene = make_scene(shortest / 1000, longest / 1000, nearest)
    near, far = depth_of_field_mm(setting)
    return {
        "focal_mm": setting.focal_mm,
        "f_number": setting.f_number,
        "focused_mm": _finite(setting.focused_mm),
        "exposure_s": setting.exposure_s if exposure else None,
        "sensor_um": setting.sensor_um,
        "framing": setting.focal_mm / scene.framing_mm * FULL_FRAME_UM / setting.sensor_um,
        "subject_mm": scene.subject_mm,
        "planes": [
            {"name": name, "distance_mm": _finite(distance), "blur_um": blur_um(setting, distance)}
            for name, distance in scene.planes.items()
        ],
        "sharp_mm": [near, _finite(far)],
        "stops": brightness_stops(setting),
        "contrast": contrast(setting, scene.subject_mm),
        "breathing": None if breathes_percent is None else breathing_factor(setting),
        **distortion_and_vignetting(setting, shortest / 1000, longest / 1000),
    }


def _finite(value: float) -> float | None:
    """A distance for JSON, which has no infinity."""
    return None if math.isinf(value) else value
