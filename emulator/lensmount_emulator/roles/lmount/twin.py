"""Twins of L-mount lenses of the open model: the settings of the engine, read back from what a lens sends.

The model computes every field from its settings, so a twin needs no rules: identity, abilities, greeting, reports and
edges give the settings. What a session does not show keeps its default, or comes from the donor.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from msgspec import Struct, to_builtins

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.twin_traits import Session, TwinTraits
from lensmount_emulator.models.focus_drive import HOMING_SHARE
from lensmount_emulator.models.optics import WHOLE, from_av256, to_av256
from lensmount_emulator.models.power_budget import estimate_focus_ma
from lensmount_emulator.roles.lmount.ids import CIRCLES, EXIF_SPECIFICATION, EXTENSIONS, maker_name
from lensmount_emulator.roles.lmount.profile import ALL_FEATURES, LensPower, LensSettings
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionAccept
from lensmount_protocol.dialects.lmount.focus import BreathingTable, FocusState
from lensmount_protocol.dialects.lmount.identity import Identity, LensCapabilities, Metadata
from lensmount_protocol.dialects.lmount.link import LensHello
from lensmount_protocol.dialects.lmount.power import PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import Feature, FocusFlag, Part
from lensmount_protocol.errors import CaptureError

_PARTS = {
    "diaphragm": Part.DIAPHRAGM,
    "focus_motor": Part.FOCUS_DRIVE,
    "focus_ring": Part.FOCUS_RING,
    "aperture_ring": Part.APERTURE_RING,
    "power_zoom": Part.POWERED_ZOOM,
    "limiter": Part.FOCUS_LIMITER,
    "click_switch": Part.CLICK_SWITCH,
    "afl_button": Part.AFL_BUTTON,
    "linear_ring": Part.LINEAR_RING,
}
_TIMING = {"boot": "lens boot", "hello": "lens hello", "answer": "identity answered", "cycle": "lens cycle"}
"""Key of the timing table -> the rule of the contract that measures it."""

_AS_PRINTED = 2
"""Digits after the point of an f-number as makers print it."""

_STEPS = {"speed": 500.0}


def infer_settings(sessions: Sequence[Session], place: Place, donor: Struct | None) -> dict[str, Any]:
    """Infer the raw table of a lens; see `TwinTraits.infer_settings`.

    Raises:
        CaptureError: no session has the identity and the abilities of the lens.
    """
    assert place is Place.LENS
    identity, abilities = _last(sessions, Identity), _last(sessions, LensCapabilities)
    if identity is None or abilities is None:
        raise CaptureError("no capture holds the identity and the abilities of the lens; record from the supply on")
    table: dict[str, Any] = dict(to_builtins(donor)) if isinstance(donor, LensSettings) else {}
    table |= {"name": identity.name, "number": identity.model, "serial": identity.serial}
    table["optics"] = _optics(sessions, identity, abilities)
    table["parts"] = table.get("parts", {}) | {
        name: bool(abilities.parts >> int(bit) & 1) for name, bit in _PARTS.items()
    }
    table["focus"] = table.get("focus", {}) | _focus(sessions, abilities)
    table["stabiliser"] = table.get("stabiliser", {}) | _stabiliser(sessions, abilities)
    table["firmware"] = table.get("firmware", {}) | _firmware(sessions, identity)
    table["power"] = table.get("power", {}) | _power(sessions, abilities)
    table["timing"] = table.get("timing", {}) | _timing(sessions)
    return table


def _all(sessions: Sequence[Session], cls: type[Any]) -> Iterator[Any]:
    return (
        message
        for session in sessions
        for frame in session.frames
        for message in frame.messages
        if isinstance(message, cls)
    )


def _last(sessions: Sequence[Session], cls: type[Any]) -> Any:
    return next(iter(deque(_all(sessions, cls), maxlen=1)), None)


def _optics(sessions: Sequence[Session], identity: Identity, abilities: LensCapabilities) -> dict[str, Any]:
    focal = [abilities.shortest_um / 1000, abilities.longest_um / 1000]
    wide, tele = f_number(abilities.widest_wide), f_number(abilities.widest_tele)
    metadata = _last(sessions, Metadata)
    texts = {} if metadata is None else {entry.tag: entry.text for entry in metadata.entries}
    printed = texts.get(EXIF_SPECIFICATION, "").split()
    if len(printed) == 4 and to_av256(float(printed[2])) == abilities.widest_wide:
        wide, tele = float(printed[2]), float(printed[3])
    circles = {int(circle): name for name, circle in CIRCLES.items()}
    return {
        "maker": maker_name(identity.maker),
        "format": circles.get(int(abilities.image_circle), "full-frame"),
        "focal_mm": focal if focal[1] > focal[0] else focal[:1],
        "f_number": [wide, tele] if tele != wide else [wide],
        "smallest_f_number": max(f_number(abilities.smallest), wide, tele),
        "nearest_m": abilities.nearest_mm / 1000,
    }


def f_number(av256: int) -> float:
    """The f-number of an aperture code with the fewest digits that give the code again."""
    value = from_av256(av256)
    for digits in range(_AS_PRINTED + 3):
        rounded = round(value, digits)
        if rounded > 0 and to_av256(rounded) == av256:
            return float(rounded)
    return value


def _focus(sessions: Sequence[Session], abilities: LensCapabilities) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if abilities.focus_steps:
        table["steps"] = abilities.focus_steps
        table["drive_hz"] = list(abilities.drive_rates_hz)
    breathing = _last(sessions, BreathingTable)
    if breathing is not None and breathing.scales:
        table["breathes_percent"] = round((breathing.scales[-1] / WHOLE - 1) * 100, 2)
    states = list(_all(sessions, FocusState))
    homing = [abs(state.velocity) / HOMING_SHARE for state in states if state.flags & FocusFlag.HOMING]
    driven = [float(abs(state.velocity)) for state in states if not state.flags & FocusFlag.HOMING]
    # A session without a move shows the speed where the lens homes, at a share of it.
    speeds = driven if any(driven) else homing
    period = _frame_period(sessions)
    if period and max(speeds, default=0):
        fastest = max(speeds) / period
        # A move at a constant speed shows it in several frames; a short one never reaches it.
        if sum(speed == max(speeds) for speed in speeds) > 1:
            table["speed"] = round(fastest / _STEPS["speed"]) * _STEPS["speed"]
    return table


def _frame_period(sessions: Sequence[Session]) -> float:
    for session in sessions:
        for result in session.timing:
            if result.rule.name == "frame period" and len(result.intervals):
                return result.median_us * 1e-6
    return 0.0


def _stabiliser(sessions: Sequence[Session], abilities: LensCapabilities) -> dict[str, Any]:
    table: dict[str, Any] = {"generation": abilities.stabiliser}
    state = _last(sessions, StabiliserState)
    if abilities.stabiliser and state is not None and state.range_um:
        table["range_um"] = state.range_um
    return table


def _firmware(sessions: Sequence[Session], identity: Identity) -> dict[str, Any]:
    parts = list(identity.firmware)
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    table: dict[str, Any] = {"version": ".".join(map(str, parts))}
    hello = _last(sessions, LensHello)
    if hello is not None:
        features = {name: Feature[name.upper().replace(" ", "_")] for name in ALL_FEATURES}
        table["revision"] = hello.revision
        table["features"] = [name for name, bit in features.items() if hello.features >> int(bit) & 1]
        table["rates"] = list(hello.rates)
    accepted = _last(sessions, ExtensionAccept)
    if accepted is not None:
        numbers = {page.number for page in accepted.pages}
        table["pages"] = [name for name, page in EXTENSIONS.items() if page.number in numbers]
    return table


def _power(sessions: Sequence[Session], abilities: LensCapabilities) -> dict[str, Any]:
    """The currents: idle from the reports, and the focus motor from the largest current of the greeting."""
    default = LensPower()
    draws = [report.draw_ma for report in _all(sessions, PowerReport)]
    idle = min(draws, default=default.idle_ma)
    hello = _last(sessions, LensHello)
    table: dict[str, Any] = {"idle_ma": idle}
    if hello is not None and abilities.parts >> int(Part.FOCUS_DRIVE) & 1:
        others = idle + default.diaphragm_ma * (abilities.parts >> int(Part.DIAPHRAGM) & 1)
        others += default.stabiliser_ma * bool(abilities.stabiliser)
        table["focus_ma"] = max(1, hello.peak_current_ma - others) if hello.peak_current_ma > others else 0
        if table["focus_ma"] == estimate_focus_ma(0):
            table["focus_ma"] = 0
    return table


def _timing(sessions: Sequence[Session]) -> dict[str, Any]:
    measured: dict[str, list[float]] = {}
    for session in sessions:
        for result in session.timing:
            for key, rule in _TIMING.items():
                if result.rule.name == rule and len(result.intervals):
                    measured.setdefault(key, []).append(result.median_us)
    return {key: round(median(values), 1) for key, values in measured.items()}


LMOUNT_TWIN = TwinTraits(
    infer_settings=infer_settings,
    stream_messages={Place.LENS: ()},
    identity={Place.LENS: {Identity: ("maker", "model", "serial")}},
    messages={Place.LENS: (LensHello, Identity, LensCapabilities, Metadata, PowerReport, FocusState, ApertureState)},
)
"""The L-mount traits for twins."""
