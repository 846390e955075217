"""The gauges of E-mount: which fields of the stream show the lens and the body."""

from lensmount_emulator.engine.gauges import Gauge
from lensmount_protocol.dialects.emount.units import INFINITY, f_number, metres
from lensmount_protocol.wire import Role


def _aperture(code: int) -> str:
    return f"f/{f_number(code):.1f}"


def _distance(code: int) -> str:
    return "∞" if code >= INFINITY else f"{metres(code):.2f} m"


def _millimetres(tenths: int) -> str:
    return f"{tenths / 10:g} mm"


EMOUNT_GAUGES = (
    Gauge(
        "aperture",
        Role.LENS,
        "aperture",
        "LensStatus.aperture",
        target="LensStatus.aperture_next",
        number=f_number,
        text=_aperture,
    ),
    Gauge(
        "focus",
        Role.LENS,
        "focus",
        "FocusStatus.position",
        target="FocusStatus.planned_position",
        minimum="FocusStatus.lower_limit",
        maximum="FocusStatus.upper_limit",
        text=str,
    ),
    Gauge("distance", Role.LENS, "distance", "LensStatus.distance", text=_distance),
    Gauge("zoom", Role.LENS, "focal length", "LensStatus.focal_length_dmm", text=_millimetres),
    Gauge("switch", Role.LENS, "AF/MF switch", "LensStatus.focus_switch"),
    Gauge("buttons", Role.LENS, "barrel", "LensStatus.barrel_flags"),
    Gauge("mode", Role.BODY, "focus mode", "BodyMode.focus_mode"),
    Gauge("aperture", Role.BODY, "aperture ordered", "BodyState.aperture_target", number=f_number, text=_aperture),
    Gauge("state", Role.BODY, "body state", "BodyState.state"),
    Gauge("cycle", Role.BODY, "frames a cycle", "BodyState.cycle_length"),
)
