"""The viewfinder at a time: what the optical model makes of the fields that the traffic holds until then."""

import math
from typing import Any

import numpy as np

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.gauges import ViewfinderFields
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
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_protocol.errors import DialectError, MountError


def breathing_of(dialect: str, lens: object) -> float | None:
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


def viewfinder_at(columns: EventColumns, at: float, breathes_percent: float | None) -> dict[str, Any] | None:
    """What the page draws; `None` where the dialect's models do not know their optics, or the lens sent too little.

    Args:
        columns: the traffic.
        at: the time, in seconds.
        breathes_percent: how much the lens breathes; `None` where that is not known.
    """
    try:
        fields = get_roles(columns.dialect.name).viewfinder
    except DialectError:
        return None
    if fields is None:
        return None
    needed = (fields.focused_mm, fields.aperture, fields.shortest_um, fields.longest_um, fields.nearest_mm)
    focused, aperture, shortest, longest, nearest = (_value_at(columns, name, at) for name in needed)
    if focused is None or aperture is None or shortest is None or longest is None or nearest is None or shortest <= 0:
        return None
    focal = _value_at(columns, fields.focal_um, at) or shortest
    exposure = _value_at(columns, fields.exposure_us, at)
    setting = Setting(
        focal_mm=max(1.0, focal / 1000),
        f_number=min(256.0, max(0.5, fields.f_number(aperture))),
        focused_mm=math.inf if focused >= fields.infinity_mm else max(1.0, focused),
        exposure_s=exposure / 1e6 if exposure else NEUTRAL_S,
        sensor_um=APS_C_UM if _crops(columns, fields, at) else FULL_FRAME_UM,
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


def _crops(columns: EventColumns, fields: ViewfinderFields, at: float) -> bool:
    circle = _value_at(columns, fields.circle, at)
    return circle is not None and fields.crops(int(circle))


def _value_at(columns: EventColumns, name: str, at: float) -> float | None:
    """The last value of a field up to a time."""
    column = columns.field(name)
    place = int(np.searchsorted(column.at, at, side="right")) - 1
    if place < 0 or not column.is_number:
        return None
    return float(column.values[place])


def _finite(value: float) -> float | None:
    """A distance for JSON, which has no infinity."""
    return None if math.isinf(value) else value
