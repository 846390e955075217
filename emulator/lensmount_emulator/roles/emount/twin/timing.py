"""Infers the timing of an E-mount lens: from edges where the capture has them, else from the stamps of a log.

A sniffer stamps a frame after its last byte, so a log shows when frames end. What neither shows comes from the donor,
or from captured lenses of the same kind: an SEL2870 for autofocus lenses, a Voigtlander 15 for manual ones.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from msgspec import to_builtins

from lensmount_emulator.engine.twin_traits import Session
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyState
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, SLOW_BAUDRATE, VCC, VD
from lensmount_protocol.dialects.emount.timing import TIMING
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Burst, Edge, Role, transmission_time

_MANUAL: Mapping[str, Any] = {
    "select_rises": -1.0,
    "select_follows": 1000.0,
    "serial_on": 3500.0,
    "select_falls": 320.0,
    "reply": {
        "01": 500.0, "07": 500.0, "0B": 300.0, "08": 700.0, "09": 350.0, "0D": 300.0, "10": 400.0, "0A": 500.0,
        "16": 15_000.0,
    },
    "reply_otherwise": 400.0,
    "setup": [20.0, 20.0],
    "hold": [14.0, 14.0],
    "first_status": -1.0,
    "status_after_vd": 1520.0,
    "focus_after_status": 550.0,
}  # fmt: skip
_AUTOMATIC: Mapping[str, Any] = {
    "select_rises": 115_000.0,
    "serial_on": 2900.0,
    "select_falls": 11_100.0,
    "reply": {
        "01": 400.0, "07": 400.0, "0C": 250.0, "0B": 300.0, "08": 1000.0, "09": 350.0, "0D": 300.0, "10": 582_800.0,
        "0A": 380.0, "16": 549_000.0,
    },
    "reply_otherwise": 400.0,
    "setup": [21.0, 21.0],
    "hold": [13.7, 40.0],
    "first_status": 1000.0,
    "status_after_vd": 1810.0,
    "focus_after_status": 520.0,
}  # fmt: skip

MIN_REPLY_US = 5.0
VD_PERIOD = 16_684e-6
STATE_AFTER_VD = 8_590e-6
MIN_PAUSE_US = 5.0
"""Shorter silences inside a frame are the sampling of the capture."""

MAX_PAUSES = 64

STATUS_US = (100.0, 3_300.0)
"""Bounds of the contract for `05` after VD, with room for jitter; a sniffer that stamps later was busy."""

FOCUS_US = (480.0, 610.0)
_LIMITS = {
    rule.name.removeprefix("reply "): (rule.minimum_us, rule.maximum_us)
    for rule in TIMING
    if rule.name.startswith("reply ")
}
"""Type -> bounds of the contract for its reply."""

MAX_WAIT_S = 5.0
AT_ONCE_S = 4e-4
"""A first `05` that is nearer to its usual place after VD than this waited for VD."""


def lens_timing(sessions: Sequence[Session], donor: LensSettings | None, *, automatic: bool) -> dict[str, Any]:
    """Infer the timing table of a lens."""
    table: dict[str, Any] = dict(_AUTOMATIC if automatic else _MANUAL)
    if donor is not None:
        table = dict(to_builtins(donor.timing))
    replies: dict[str, float] = dict(table["reply"])
    for type_, waits in _reply_times(sessions).items():
        wait = round(median(waits), 1)
        # A sniffer that was busy stamps later than any lens answers; then the known time is better.
        if type_ not in replies or _LIMITS.get(type_, (0.0, wait))[1] >= wait:
            replies[type_] = wait
    table["reply"] = replies
    with_edges = [session for session in sessions if session.edges and _has_windows(session)]
    if with_edges:
        _read_edges(table, with_edges[0])
        pauses = _pauses(with_edges[0])
        if pauses:
            table["pauses"] = pauses
    else:
        _read_stamps(table, sessions)
    return table


def _has_windows(session: Session) -> bool:
    return any(frame.opened is not None for frame in session.frames if frame.sender is Role.LENS)


def _reply_times(sessions: Sequence[Session]) -> dict[str, list[float]]:
    """Type -> microseconds from the body's select line low to the lens's high."""
    found: dict[str, list[float]] = {}
    for session in sessions:
        before: DecodedFrame | None = None
        for frame in session.frames:
            if frame.frame.class_ == REQUEST_CLASS and frame.sender is Role.LENS and before is not None:
                wait = _wait(before, frame, session.has_times)
                if wait is not None and 0 <= wait < MAX_WAIT_S:
                    type_ = f"{message_type(frame.messages[0]):02X}"
                    found.setdefault(type_, []).append(max(MIN_REPLY_US, wait * 1e6))
            before = frame if frame.sender is Role.BODY and frame.frame.class_ == REQUEST_CLASS else None
    return found


def _wait(request: DecodedFrame, reply: DecodedFrame, has_times: bool) -> float | None:
    if request.closed is not None and reply.opened is not None:
        return reply.opened - request.closed
    if has_times and request.at is not None and reply.at is not None:
        return max(0.0, reply.at - request.at - transmission_time(len(reply.frame.raw), reply.baudrate))
    return None


def _read_edges(table: dict[str, Any], session: Session) -> None:
    _read_handshake(table, session.edges)
    _read_windows(table, session.frames)
    by_name = {result.rule.name: result for result in session.timing if len(result.intervals)}
    for key, rule in (("status_after_vd", "VD to 05"), ("focus_after_status", "05 to 06")):
        if rule in by_name:
            table[key] = round(by_name[rule].median_us, 1)
    first = next((frame for frame in session.frames if isinstance(frame.messages[0], LensStatus)), None)
    if first is None or session.frames[0].frame.class_ == LOOP_CLASS:
        # A capture that begins in the stream does not hold its first frame.
        return
    falls = [edge.at for edge in session.edges if edge.line == VD and not edge.level]
    if first.opened is None:
        return
    before = max((at for at in falls if at <= first.opened), default=None)
    waited = before is not None and abs(first.opened - before - table["status_after_vd"] * 1e-6) < AT_ONCE_S
    if waited:
        table["first_status"] = -1.0
    elif "stream starts" in by_name:
        table["first_status"] = round(by_name["stream starts"].median_us, 1)


def _read_handshake(table: dict[str, Any], edges: Sequence[Edge]) -> None:
    """The first handshake, and the second one of a speed switch, from the edges of the select lines."""

    def first(line: str, level: bool, after: float) -> float | None:
        return next((edge.at for edge in edges if edge.line == line and edge.level is level and edge.at > after), None)

    supply = first(VCC, True, -1.0) or 0.0
    # Lines glitch while the supply rises.
    settled = supply + 5e-3
    begin = first(BODY_CS, True, settled)
    end = None if begin is None else first(BODY_CS, False, begin)
    if begin is None or end is None:
        return
    select = next((edge for edge in reversed(edges) if edge.line == LENS_CS and settled < edge.at < end), None)
    if select is None or not select.level:
        # Only in a handshake are both select lines high; the first windows of a capture may be those of frames.
        return
    if select.at <= begin:
        table["select_rises"] = round((select.at - supply) * 1e6, 1)
    else:
        table["select_rises"] = -1.0
        table["select_follows"] = round((select.at - begin) * 1e6, 1)
    serial = first(RXD, True, begin)
    if serial is not None:
        table["serial_on"] = round((serial - begin) * 1e6, 1)
    falls = first(LENS_CS, False, end)
    if falls is not None:
        table["select_falls"] = round((falls - end) * 1e6, 1)


def _read_windows(table: dict[str, Any], frames: Sequence[DecodedFrame]) -> None:
    setup: dict[bool, list[float]] = {False: [], True: []}
    hold: dict[bool, list[float]] = {False: [], True: []}
    for frame in frames:
        if frame.sender is Role.LENS and None not in (frame.opened, frame.at, frame.end, frame.closed):
            fast = frame.baudrate > SLOW_BAUDRATE
            setup[fast].append(max(0.0, (frame.at or 0.0) - (frame.opened or 0.0)) * 1e6)
            hold[fast].append(max(0.5, ((frame.closed or 0.0) - (frame.end or 0.0)) * 1e6))
    for key, found in (("setup", setup), ("hold", hold)):
        known = {fast: round(median(values), 1) for fast, values in found.items() if values}
        if known:
            table[key] = [known.get(False, known.get(True)), known.get(True, known.get(False))]


def _pauses(session: Session) -> dict[str, list[list[float]]]:
    """Type -> bytes sent and pause after them, of the most frequent division of its frames."""
    bursts = sorted(
        (one for one in session.records if isinstance(one, Burst) and one.sender is Role.LENS and one.end is not None),
        key=lambda one: one.at or 0.0,
    )
    starts = [one.at or 0.0 for one in bursts]
    divisions: dict[str, dict[tuple[int, ...], list[list[float]]]] = {}
    for frame in session.frames:
        if frame.sender is not Role.LENS or frame.at is None or frame.end is None:
            continue
        pieces = bursts[bisect_left(starts, frame.at) : bisect_left(starts, frame.end)]
        places: list[int] = []
        waits: list[float] = []
        sent = 0
        for piece, after in pairwise(pieces):
            sent += len(piece.data)
            wait = ((after.at or 0.0) - (piece.end or 0.0)) * 1e6
            if wait >= MIN_PAUSE_US:
                places.append(sent)
                waits.append(wait)
        type_ = f"{message_type(frame.messages[0]):02X}"
        divisions.setdefault(type_, {}).setdefault(tuple(places), []).append(waits)
    found: dict[str, list[list[float]]] = {}
    for type_, by_places in divisions.items():
        places_of, all_waits = max(by_places.items(), key=lambda item: len(item[1]))
        if places_of and len(places_of) <= MAX_PAUSES:
            medians = [round(median(column), 1) for column in zip(*all_waits, strict=True)]
            found[type_] = [[place, wait] for place, wait in zip(places_of, medians, strict=True)]
    return found


def _read_stamps(table: dict[str, Any], sessions: Sequence[Session]) -> None:
    """Place of `05` after VD and of `06` after `05`, from the stamps of a log with times."""
    places: list[float] = []
    gaps: list[float] = []
    for session in sessions:
        if session.has_times:
            for before, frame in _stamped(session.frames):
                length = transmission_time(len(frame.frame.raw), frame.baudrate)
                if isinstance(before.messages[0], BodyState) and isinstance(frame.messages[0], LensStatus):
                    state = (before.at or 0.0) - transmission_time(len(before.frame.raw), before.baudrate)
                    places.append(((frame.at or 0.0) - length - (state - STATE_AFTER_VD + VD_PERIOD)) * 1e6)
                elif isinstance(before.messages[0], LensStatus) and isinstance(frame.messages[-1], FocusStatus):
                    gaps.append(((frame.at or 0.0) - length - (before.at or 0.0) - 40e-6) * 1e6)
    for key, values, bounds in (("status_after_vd", places, STATUS_US), ("focus_after_status", gaps, FOCUS_US)):
        if values and bounds[0] <= median(values) <= bounds[1]:
            table[key] = round(median(values), 1)


def _stamped(frames: Sequence[DecodedFrame]) -> Iterator[tuple[DecodedFrame, DecodedFrame]]:
    """Pairs of (the last `03` or `05`, a following frame of the lens)."""
    last: dict[type[Any], DecodedFrame] = {}
    for frame in frames:
        if frame.frame.class_ != LOOP_CLASS or frame.at is None:
            last.clear()
            continue
        kind = type(frame.messages[0])
        if frame.sender is Role.LENS:
            wanted = BodyState if kind is LensStatus else LensStatus
            if wanted in last:
                yield last.pop(wanted), frame
        last[kind] = frame
