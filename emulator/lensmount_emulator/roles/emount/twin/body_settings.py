"""Infers the settings of an E-mount body from sessions: requests, loop constants, rows, cycles, start and wishes.

A body twin is the engine with these values. What the sessions do not show comes from the donor, or from a NEX-7.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import Any

from msgspec import to_builtins

from lensmount_emulator.engine.twin_traits import Session
from lensmount_emulator.roles.emount.profile import BodySettings
from lensmount_emulator.roles.emount.wishes import CAMERA_FLAGS
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import FrameRateReply, IdentityReply, SpeedRequest
from lensmount_protocol.dialects.emount.lines import SLOW_BAUDRATE
from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownRequest, StreamLayoutRequest
from lensmount_protocol.dialects.emount.units import MountKind
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role

COLD = ["01", "07", "0B", "08", "09", "0D", "10", "0A"]
WARM = ["0B", "09", "0D", "10", "0A"]
RECENT = 16
MAX_ROWS = 8
MAX_START = 40
"""Frames of the longest start list."""

ENTRY_FRAMES = 4
"""First frames of a loop, in which the target is the body's own and no wish."""

FAREWELL_STATE = 0x09
"""`04` f10 while a NEX-7 powers off."""

KEPT_FRAMES = 3
"""Farewell frames in which a NEX-7 keeps its focus setting (three logs)."""

SETTLED_FAREWELL = 2 * KEPT_FRAMES + 1
"""Farewell frames of which the middle one may still be one of those that keep values of the loop; too few to use."""

DRIVEN = frozenset({"control", "cycle_length", "cycle_phase", "parity_flags", "aperture_target_leading", "focus_mode"})
"""Fields that the engine computes."""

_NO_SWITCH = {"07 0B": 15349.0}
"""Microseconds from `07` to `0B` where no speed is requested (NEX-7, one cold log; the contract has the bounds)."""

_TIMING: dict[str, Any] = {"setup": [40.0, 40.0], "hold": {"otherwise": 150.0}, "next_request": _NO_SWITCH}
_FAREWELL: dict[str, dict[str, int]] = {
    "BodyState": {"state": 0xEC, "cycle_length": 2},
    "BodyMode": {"focus_setting": 0, "state": FAREWELL_STATE},
}
"""What a NEX-7 changes before it powers off (four logs)."""


def infer_body(sessions: Sequence[Session], donor: BodySettings | None) -> dict[str, Any]:
    """Infer the settings of a body.

    Raises:
        CaptureError: no session has a loop of the body.
    """
    loops = [loop for session in sessions if (loop := _loop_frames(session))]
    if not loops:
        raise CaptureError("no capture holds a `03` of the body; a twin needs a session that reaches the loop")
    loop = max(loops, key=len)
    working, farewell = _split_farewell(loop)
    ends_in_farewell = bool(farewell) and any(_last_body_frame(one) is farewell[-1][-1] for one in sessions)
    if len(farewell) <= SETTLED_FAREWELL:
        farewell = []
    rest = _rest(working or loop)
    requests = _requests(sessions, donor)
    cold, warm = _orders(sessions, donor)
    rows, first_row = _rows(working or loop)
    table: dict[str, Any] = {
        "switches_speed": _sends(sessions, SpeedRequest) or (donor is not None and donor.switches_speed),
        "cold": cold,
        "warm": warm,
        "rows": rows,
        "first_row": first_row,
        "cycles": _cycles(working or loop),
        "timing": _timing(sessions, donor),
        "messages": requests | {name: _changed(name, fields) for name, fields in rest.items()},
        "farewell": _farewell(farewell, rest) or _FAREWELL,
        "farewell_start": _farewell_start(farewell, rest),
        "pads_to": _padding(loop),
    }
    if farewell and not ends_in_farewell:
        table["farewell_frames"] = len(farewell)
    if _starts(sessions, loop):
        slow = any(not one.rate for session in sessions for one in _messages(session, FrameRateReply))
        # A lens that starts slowly gets a start of its own (three logs of a NEX-7).
        table["slow_start" if slow else "start"] = _start(working or loop, rest)
    table["wishes"] = list(_wishes(working or loop, rest))
    kinds = [one.kind for session in sessions for one in _messages(session, IdentityReply)]
    # A session that is joined has no identity; only adapters get no row select (SIG, two adapters; LEX).
    selects = any(_message(frames, RowSelect) is not None for frames in loop)
    if MountKind.ADAPTER in kinds or (not kinds and not selects and len(loop) > ENTRY_FRAMES):
        controls = Counter(_message(frames, BodyState).control for frames in (working or loop)[-RECENT:])
        control = controls.most_common(1)[0][0]
        table["adapter"] = {
            "StartUpRequest": requests.get("StartUpRequest", {}),
            "BodyState": {"control": control},
        }
    return table


def _loop_frames(session: Session) -> list[list[DecodedFrame]]:
    """The `03` and `04` of each frame of the loop; the first stream of the session."""
    frames: list[list[DecodedFrame]] = []
    for frame in session.frames:
        if frame.sender is not Role.BODY:
            continue
        if frame.frame.class_ != LOOP_CLASS:
            if frames:
                break
            continue
        if isinstance(frame.messages[0], BodyState) or not frames:
            frames.append([])
        frames[-1].append(frame)
    return [frame for frame in frames if isinstance(frame[0].messages[0], BodyState)]


def _last_body_frame(session: Session) -> DecodedFrame | None:
    return next((frame for frame in reversed(session.frames) if frame.sender is Role.BODY), None)


def _message(frames: Sequence[DecodedFrame], cls: type[Any]) -> Any:
    return next((one for frame in frames for one in frame.messages if isinstance(one, cls)), None)


def _messages(session: Session, cls: type[Any]) -> Iterator[Any]:
    return (one for frame in session.frames for one in frame.messages if isinstance(one, cls))


def _split_farewell(loop: list[list[DecodedFrame]]) -> tuple[list[list[DecodedFrame]], list[list[DecodedFrame]]]:
    for number, frames in enumerate(loop):
        mode = _message(frames, BodyMode)
        # A body in DMF shows the same state all the time; a farewell changes the other word as well.
        if number and mode is not None and mode.state == FAREWELL_STATE and _message(frames, BodyState).state == 0xEC:
            return loop[:number], loop[number:]
    return loop, []


def _rest(loop: Sequence[list[DecodedFrame]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for cls in (BodyState, BodyMode):
        counts: dict[str, Counter[Any]] = {}
        for frames in loop[-RECENT:]:
            message = _message(frames, cls)
            if message is not None:
                for name, value in message.values().items():
                    counts.setdefault(name, Counter())[value] += 1
        found[cls.__name__] = {
            name: values.most_common(1)[0][0] for name, values in counts.items() if name not in DRIVEN
        }
    return found


def _changed(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    default = {"BodyState": BodyState(), "BodyMode": BodyMode()}[name]
    return {field: _plain(value) for field, value in fields.items() if value != getattr(default, field)}


def _plain(value: Any) -> int | str:
    return value.hex().upper() if isinstance(value, bytes) else int(value)


def _requests(sessions: Sequence[Session], donor: BodySettings | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = dict(to_builtins(donor.messages)) if donor is not None else {}
    for session in sessions:
        for frame in session.frames:
            message = frame.messages[0]
            stops = isinstance(message, StreamLayoutRequest) and not message.status_blocks
            if frame.sender is Role.BODY and frame.frame.class_ == REQUEST_CLASS and isinstance(message, Message):
                default = type(message)()
                fields = {k: _plain(v) for k, v in message.values().items() if v != getattr(default, k)}
                if not stops:
                    found[type(message).__name__] = fields
    found.setdefault(ShutDownRequest.__name__, {})
    return found


def _orders(sessions: Sequence[Session], donor: BodySettings | None) -> tuple[list[str], list[str]]:
    """The requests of a cold and of a warm start, in their order."""
    cold = list(donor.cold) if donor is not None else list(COLD)
    warm = list(donor.warm) if donor is not None else list(WARM)
    for session in sessions:
        types: list[str] = []
        for frame in session.frames:
            if frame.frame.class_ == LOOP_CLASS:
                break
            if frame.sender is Role.BODY:
                types.append(f"{message_type(frame.messages[0]):02X}")
        once = list(dict.fromkeys(types))
        if "0A" in once and once[0] == "01":
            cold = once
        elif "0A" in once and "01" not in once and once[0] == "0B":
            warm = once
    return cold, warm


def _sends(sessions: Sequence[Session], cls: type[Any]) -> bool:
    return any(any(_messages(session, cls)) for session in sessions)


def _rows(loop: Sequence[list[DecodedFrame]]) -> tuple[list[Any], int]:
    """The shortest cycle of row pairs that gives the order of selects, and the place in it that comes first."""
    pairs = [(one.row_a, one.row_b) for frames in loop if (one := _message(frames, RowSelect)) is not None]
    order = [pair for pair, _ in groupby(pairs)]
    default: tuple[list[Any], int] = ([0x15, 0x16, 0x15, 0x17], 0)
    if len(order) < 2:
        return default
    best = max(range(1, MAX_ROWS + 1), key=lambda size: (_repeats(order, size), -size))
    cycle = order[: min(best, len(order))]
    return [pair[0] if pair[0] == pair[1] else list(pair) for pair in cycle], 0


def _repeats(order: Sequence[tuple[int, int]], size: int) -> int:
    return sum(before == after for before, after in zip(order, order[size:], strict=False)) + size


def _cycles(loop: Sequence[list[DecodedFrame]]) -> list[list[int]]:
    """Pairs of cycle length and frames; the last one lasts."""
    lengths = [_message(frames, BodyState).cycle_length for frames in loop]
    runs = [[length, len(list(run))] for length, run in groupby(lengths)]
    merged: list[list[int]] = []
    for length, frames in runs[:MAX_ROWS]:
        merged.append([max(1, length), frames])
    merged[-1][1] = 0
    return merged


def _starts(sessions: Sequence[Session], loop: Sequence[list[DecodedFrame]]) -> bool:
    """Whether the loop begins after its layout request in the capture."""
    first = loop[0][0]
    for session in sessions:
        asked = False
        for frame in session.frames:
            asked = asked or isinstance(frame.messages[0], StreamLayoutRequest)
            if frame is first:
                return asked
    return False


def _start(loop: Sequence[list[DecodedFrame]], rest: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The fields that differ from rest in the first frames, up to the last frame that differs."""
    start: dict[str, list[dict[str, Any]]] = {}
    for cls in (BodyState, BodyMode):
        rows = [_differences(_message(frames, cls), rest[cls.__name__]) for frames in loop[:MAX_START]]
        if cls is BodyState and rows:
            # The target itself stays at this value while the loop begins; later ones are wishes.
            rows[0]["aperture_target"] = _message(loop[0], BodyState).aperture_target
            leading = [_message(frames, BodyState).aperture_target_leading for frames in loop[: ENTRY_FRAMES + 1]]
            for row, target in zip(rows, leading[:-1], strict=False):
                if target != leading[-1]:
                    row["aperture_target_leading"] = target
        while rows and not rows[-1]:
            rows.pop()
        if rows:
            start[cls.__name__] = rows
    return start


def _differences(message: Message | None, rest: dict[str, Any], *, camera: bool = False) -> dict[str, Any]:
    """The fields that differ from rest; those that the camera sets are wishes, and count only on request."""
    if message is None:
        return {}
    left_out = ("aperture_target", *(() if camera else _camera_fields(type(message))))
    return {
        name: _plain(value)
        for name, value in message.values().items()
        if name in rest and value != rest[name] and name not in left_out
    }


def _camera_fields(cls: type[Message]) -> tuple[str, ...]:
    """The fields that the camera's own control sets: the exposure, and flags."""
    return CAMERA_FLAGS[cls] + (("state",) if cls is BodyState else ())


def _wishes(loop: Sequence[list[DecodedFrame]], rest: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Changes of the leading aperture target, of the exposure and the camera's flags, and focus orders."""
    before: int | None = None
    shown = {cls: {name: rest[cls.__name__].get(name) for name in _camera_fields(cls)} for cls in (BodyState, BodyMode)}
    for number, frames in enumerate(loop):
        state, mode = _message(frames, BodyState), frames[-1]
        wish: dict[str, Any] = {}
        target = state.aperture_target_leading
        if before is not None and target != before and number > ENTRY_FRAMES:
            wish["aperture"] = target
        before = target
        for cls, latest in shown.items():
            message = _message(frames, cls)
            changed = {
                name: getattr(message, name) for name, value in latest.items() if getattr(message, name, value) != value
            }
            if changed:
                wish.setdefault("fields", {})[cls.__name__] = {name: _plain(value) for name, value in changed.items()}
                latest |= changed
        extra = [one.build().hex().upper() for one in mode.messages[1:] if isinstance(one, Message)]
        if isinstance(mode.messages[0], BodyMode) and extra:
            wish["orders"] = extra
        if wish:
            yield {"frame": number} | wish


def _farewell(frames: Sequence[list[DecodedFrame]], rest: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if not frames:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for cls in (BodyState, BodyMode):
        message = _message(frames[len(frames) // 2], cls)
        if message is not None:
            base = rest[cls.__name__]
            fields = {k: _plain(v) for k, v in message.values().items() if k in base and v != base[k]}
            if cls is BodyState:
                fields["cycle_length"] = message.cycle_length
                fields.pop("aperture_target", None)
            found[cls.__name__] = fields
    return found


def _farewell_start(frames: Sequence[list[DecodedFrame]], rest: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the first farewell frames keep of the loop, next to the frame in the middle of them."""
    if not frames:
        kept = {name: rest[BodyMode.__name__].get(name, 0) for name in _FAREWELL[BodyMode.__name__] if name != "state"}
        return {BodyMode.__name__: [{name: _plain(value) for name, value in kept.items()}] * KEPT_FRAMES}
    found: dict[str, Any] = {}
    for cls in (BodyState, BodyMode):
        middle = _message(frames[len(frames) // 2], cls)
        rows = [
            {} if message is None or middle is None else _differences(message, dict(middle.values()), camera=True)
            for message in (_message(one, cls) for one in frames[: len(frames) // 2])
        ]
        rows = [{name: value for name, value in row.items() if name not in DRIVEN} for row in rows]
        while rows and not rows[-1]:
            rows.pop()
        if rows:
            found[cls.__name__] = rows
    return found


def _padding(loop: Sequence[list[DecodedFrame]]) -> int:
    """Bytes in a block of a window: 16 where windows are padded, or where a log does not show it."""
    windows = [len(frame.frame.raw) + len(frame.padding) for frames in loop for frame in frames]
    padded = any(frame.padding for frames in loop for frame in frames)
    has_windows = any(frame.closed is not None for frames in loop for frame in frames)
    if has_windows and not padded:
        return 1
    return 16 if not padded or all(size % 16 == 0 for size in windows) else 1


_RULES = {
    "first_vd": "VCC to first VD",
    "vd_period": "VD period",
    "vd_low": "VD low pulse",
    "select_rises": "VCC to BODY_CS",
    "serial_on": "BODY_CS to TXD on",
    "state_after_vd": "VD to 03",
    "mode_after_vd": "VD to 04",
}
"""Key of the timing table -> the rule of the contract that measures it."""


def _timing(sessions: Sequence[Session], donor: BodySettings | None) -> dict[str, Any]:
    table: dict[str, Any] = dict(to_builtins(donor.timing)) if donor is not None else dict(_TIMING)
    for session in sessions:
        if not session.edges:
            continue
        by_name = {result.rule.name: result for result in session.timing if len(result.intervals)}
        table |= {key: round(by_name[rule].median_us, 1) for key, rule in _RULES.items() if rule in by_name}
        table |= _windows(session.frames)
        waits = _next_requests(session.frames)
        if waits:
            measured = "07" in waits and not _sends([session], SpeedRequest)
            shown = {type_: round(median(times), 1) for type_, times in waits.items()}
            table["next_request"] = ({} if measured else _NO_SWITCH) | shown
        break
    return table


def _windows(frames: Sequence[DecodedFrame]) -> dict[str, Any]:
    setup: dict[bool, list[float]] = {}
    hold: dict[str, list[float]] = {}
    for frame in frames:
        if frame.sender is not Role.BODY or frame.opened is None or frame.closed is None or frame.at is None:
            continue
        fast = frame.baudrate > SLOW_BAUDRATE
        setup.setdefault(fast, []).append(max(0.0, frame.at - frame.opened) * 1e6)
        last = frame.clocked_end if frame.clocked_end is not None else frame.end
        size = len(frame.frame.raw) + len(frame.padding)
        if last is not None:
            rate = "fast" if fast else "slow"
            hold.setdefault(f"{rate} {size}", []).append(max(0.5, (frame.closed - last) * 1e6))
    if not setup:
        return {}
    known = {fast: round(median(values), 1) for fast, values in setup.items()}
    holds = {key: round(median(values), 1) for key, values in hold.items()}
    every = [value for values in hold.values() for value in values]
    holds["otherwise"] = round(median(every), 1)
    slow = known.get(False, known.get(True, 40.0))
    return {"setup": [slow, known.get(True, slow)], "hold": holds}


def _next_requests(frames: Sequence[DecodedFrame]) -> dict[str, list[float]]:
    """Type of a reply -> microseconds from its window's end to the next request's begin."""
    found: dict[str, list[float]] = {}
    before: DecodedFrame | None = None
    for frame in frames:
        if frame.frame.class_ != REQUEST_CLASS:
            before = None
        elif frame.sender is Role.LENS:
            before = frame
        elif before is not None and before.closed is not None and frame.opened is not None:
            type_ = f"{message_type(before.messages[0]):02X}"
            wait = (frame.opened - before.closed) * 1e6
            # The speed switch stands between `0C` and its next request.
            if type_ != "0C" and wait >= 0:
                found.setdefault(type_, []).append(wait)
            before = None
    return found
