"""The gauges of the open L-Mount model: which fields of the stream show the lens and the body."""

from typing import Any

from lensmount_emulator.engine.gauges import Gauge, ViewfinderFields
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM
from lensmount_protocol.dialects.lmount.types import ImageCircle
from lensmount_protocol.wire import Role


def _f_number(value: int) -> float:
    return float(2.0 ** (value / 512))


def _aperture(value: int) -> str:
    return f"f/{_f_number(value):.1f}"


def _focal_length(um: int) -> str:
    return f"{um / 1000:.4g} mm"


def _distance(mm: int) -> str:
    return "∞" if mm >= INFINITY_MM else f"{mm / 1000:.2f} m"


LMOUNT_GAUGES = (
    Gauge(
        "aperture",
        Role.LENS,
        "aperture",
        "ApertureState.now",
        target="ApertureState.target",
        minimum="ApertureState.widest",
        maximum="ApertureState.smallest",
        number=_f_number,
        text=_aperture,
    ),
    Gauge(
        "focus",
        Role.LENS,
        "focus",
        "FocusState.position",
        target="FocusState.target",
        minimum="FocusLimits.near",
        maximum="LensCapabilities.focus_steps",
    ),
    Gauge("distance", Role.LENS, "distance", "FocusState.distance_mm", text=_distance),
    Gauge(
        "zoom",
        Role.LENS,
        "focal length",
        "ZoomState.focal_length_um",
        minimum="LensCapabilities.shortest_um",
        maximum="LensCapabilities.longest_um",
        text=_focal_length,
    ),
    Gauge("stabiliser", Role.LENS, "stabiliser", "StabiliserState.mode"),
    Gauge("power", Role.LENS, "current", "PowerReport.draw_ma", maximum="PowerGrant.limit_ma"),
    Gauge("control", Role.LENS, "last control", "ControlEvent.control"),
    Gauge("power_class", Role.BODY, "power granted", "PowerGrant.granted"),
    Gauge("circle", Role.BODY, "image circle", "ImageCircleSelect.used"),
    Gauge("exposure", Role.BODY, "exposure", "Exposure.phase"),
    Gauge("rate", Role.BODY, "frame period", "FrameStart.period_us"),
)


def _breathes_percent(settings: Any) -> float:
    return float(settings.focus.breathes_percent)


LMOUNT_VIEWFINDER = ViewfinderFields(
    focused_mm="FocusState.distance_mm",
    infinity_mm=INFINITY_MM,
    focal_um="ZoomState.focal_length_um",
    aperture="ApertureState.now",
    f_number=_f_number,
    exposure_us="Exposure.duration_us",
    shortest_um="LensCapabilities.shortest_um",
    longest_um="LensCapabilities.longest_um",
    nearest_mm="LensCapabilities.nearest_mm",
    circle="ImageCircleSelect.used",
    crops=lambda used: bool(used == ImageCircle.APS_C),
    breathes_percent=_breathes_percent,
)
