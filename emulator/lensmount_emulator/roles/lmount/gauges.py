"""The gauges of the open L-Mount model: which fields of the stream show the lens and the body."""

from lensmount_emulator.engine.gauges import Gauge
from lensmount_protocol.wire import Role


def _f_number(value: int) -> float:
    return float(2.0 ** (value / 512))


def _aperture(value: int) -> str:
    return f"f/{_f_number(value):.1f}"


def _focal_length(um: int) -> str:
    return f"{um / 1000:.4g} mm"


def _distance(mm: int) -> str:
    return "∞" if mm >= 0xFFFF_FFFF else f"{mm / 1000:.2f} m"


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
