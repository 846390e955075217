"""Infers the settings of an E-mount lens from sessions: messages, diaphragm, focus drive, row echo, and timing.

The result is the raw table of a profile without field rules. What the sessions do not show comes from the donor, or
from the times and models of a lens of the same kind.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from lensmount_emulator.engine.twin_traits import Session
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_emulator.roles.emount.twin.lens_replay import Pair, group_pairs
from lensmount_emulator.roles.emount.twin.timing import lens_timing
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS, next_lens_sequence
from lensmount_protocol.dialects.emount.identification import (
    Answer0B,
    Answer09,
    DescriptorReply,
    FrameRateReply,
    IdentityReply,
    LensCapabilities,
    SpeedReply,
)
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownReply, StartUpReply, StreamLayoutReply
from lensmount_protocol.dialects.emount.units import FocusSwitch
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

START_PAIRS = 24
"""Pairs after which a start-up of every captured lens is over; values at rest are counted after them if possible."""

RECENT = 16
"""Last pairs that decide on a value at rest."""

FASTEST_CODES = 336
STEPS_PER_FRAME = 300
NARROWEST = 0x1900


def infer_lens(sessions: Sequence[Session], donor: LensSettings | None) -> dict[str, Any]:
    """Infer the settings of a lens.

    Raises:
        CaptureError: no session has a stream of the lens.
    """
    streams = [stream for session in sessions for stream in _streams(session)]
    if not streams:
        raise CaptureError(
            "no capture holds a `05` and a `06` of the lens; a twin needs a session that reaches the stream"
        )
    pairs = max(streams, key=len)
    messages = _messages(sessions, donor)
    rest = rest_values(pairs)
    status, focus = rest[LensStatus.__name__], rest[FocusStatus.__name__]
    automatic = _is_automatic(sessions, status, focus)
    messages |= {name: _without_defaults(name, fields) for name, fields in rest.items()}
    table: dict[str, Any] = {
        "timing": lens_timing(sessions, donor, automatic=automatic),
        "iris": _iris(sessions, pairs, status),
        "focus": _focus(sessions, pairs, focus, automatic=automatic),
        "rows": _rows(sessions, pairs),
        "messages": messages,
    }
    _fill_messages(messages, table["iris"], automatic=automatic)
    table |= _numbers(sessions)
    if _answers_first_pair(sessions):
        table["behaviour"] = {"streams_pairs": True}
    if donor is not None and not any(_find_messages(sessions, Refusal)):
        table["refuses"] = donor.refuses
    return table


def _answers_first_pair(sessions: Sequence[Session]) -> bool:
    """Whether the body's first `03` and `04` come before the first frame of the lens in every stream that begins."""
    starts = [
        session.frames[number + 1 : number + 4]
        for session in sessions
        for number, frame in enumerate(session.frames)
        if any(isinstance(one, StreamLayoutReply) and one.status_blocks for one in frame.messages)
    ]
    order = [BodyState, BodyMode, LensStatus]
    return bool(starts) and all([type(frame.messages[0]) for frame in start] == order for start in starts)


def _streams(session: Session) -> Iterator[list[Pair]]:
    """The pairs of each stream of a session."""
    pairs = group_pairs(session.frames)
    stream: list[Pair] = []
    for index, frame in enumerate(session.frames):
        if index in pairs:
            if not stream or stream[-1] is not pairs[index]:
                stream.append(pairs[index])
        elif any(isinstance(one, StreamLayoutReply) for one in frame.messages):
            if stream:
                yield stream
            stream = []
    if stream:
        yield stream


def _find_messages(sessions: Iterable[Session], cls: type[Any]) -> Iterator[Any]:
    for session in sessions:
        for frame in session.frames:
            yield from (message for message in frame.messages if isinstance(message, cls))


def _messages(sessions: Sequence[Session], donor: LensSettings | None) -> dict[str, dict[str, Any]]:
    """Replies to requests: the donor's, replaced by those of the sessions."""
    found: dict[str, dict[str, Any]] = dict(to_builtins(donor.messages)) if donor is not None else {}
    for session in sessions:
        for frame in session.frames:
            if frame.sender is Role.LENS and frame.frame.class_ == REQUEST_CLASS:
                for message in frame.messages:
                    if isinstance(message, Message) and not isinstance(message, StreamLayoutReply | Refusal):
                        found[type(message).__name__] = _plain(message)
    return found


def _fill_messages(messages: dict[str, dict[str, Any]], iris: dict[str, Any], *, automatic: bool) -> None:
    """Add the replies of a start-up that no session holds, so that the lens plays: defaults, and what is known."""
    for cls in (IdentityReply, Answer0B, Answer09, StartUpReply, ShutDownReply):
        messages.setdefault(cls.__name__, {})
    messages.setdefault(FrameRateReply.__name__, {"rate": int(automatic)})
    apertures = {"widest_aperture": iris["widest"], "narrowest_aperture": iris["narrowest"]}
    messages.setdefault(DescriptorReply.__name__, apertures)
    if LensCapabilities.__name__ not in messages:
        known = [
            cls.TYPE for (role, _), cls in EMOUNT.messages.items() if role is Role.LENS and cls.__name__ in messages
        ]
        types = sum(1 << type_ - 1 for type_ in {*known, LensCapabilities.TYPE, StreamLayoutReply.TYPE} if type_ <= 64)
        messages[LensCapabilities.__name__] = {"types": types}
    elif messages[LensCapabilities.__name__].get("types", 0) >> SpeedReply.TYPE - 1 & 1:
        # A body that never asks for the fast rate does not show the reply of a lens that knows the request.
        messages.setdefault(SpeedReply.__name__, {})


def _plain(message: Message) -> dict[str, Any]:
    """The fields of a message that differ from their defaults, as a profile holds them."""
    default = type(message)()
    values = message.values()
    return {name: _profile_value(value) for name, value in values.items() if value != getattr(default, name)}


def _profile_value(value: Any) -> Any:
    return value.hex().upper() if isinstance(value, bytes) else int(value)


def _without_defaults(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    default = {LensStatus.__name__: LensStatus(), FocusStatus.__name__: FocusStatus()}[name]
    return {field: _profile_value(value) for field, value in fields.items() if value != getattr(default, field)}


def rest_values(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """The most frequent value of each field of `05` and `06` in the last pairs: the state that a session ends in."""
    counts: dict[str, dict[str, Counter[Any]]] = {LensStatus.__name__: {}, FocusStatus.__name__: {}}
    for pair in pairs[-max(RECENT, len(pairs) - START_PAIRS) :]:
        for frame in pair.frames:
            for message in frame.messages:
                fields = counts.get(type(message).__name__)
                if fields is not None and isinstance(message, Message):
                    for name, value in message.values().items():
                        fields.setdefault(name, Counter())[value] += 1
    return {
        message: {name: seen.most_common(1)[0][0] for name, seen in fields.items()}
        for message, fields in counts.items()
    }


def _is_automatic(sessions: Sequence[Session], status: dict[str, Any], focus: dict[str, Any]) -> bool:
    """Whether the body drives the lens: by its `0D` reply, else its encoder or its switch."""
    replies = [reply.rate for reply in _find_messages(sessions, FrameRateReply)]
    if replies:
        return bool(replies[-1])
    return bool(focus.get("position")) or status.get("focus_switch") == FocusSwitch.AF


def _iris(sessions: Sequence[Session], pairs: Sequence[Pair], status: dict[str, Any]) -> dict[str, Any]:
    targets = [state.aperture_target for state in _find_messages(sessions, BodyState)]
    seen = [message for pair in pairs for message in _own(pair, LensStatus)]
    descriptor = next(iter(_find_messages(sessions, DescriptorReply)), None)
    # The aperture at rest and the target of the body belong together only in the same pairs.
    recent = Counter((message.aperture, message.aperture_error) for message in seen[-RECENT:])
    rest, raw_error = recent.most_common(1)[0][0] if recent else (status.get("aperture", 0x1000), 0)
    error = _signed(raw_error)
    wanted = rest - error
    target = Counter(targets[-RECENT:]).most_common(1)[0][0] if targets else wanted
    lowest = min([message.aperture for message in seen] or [rest])
    moving = any(not message.state & 1 or message.aperture_frames_left for message in seen)
    driven = moving or bool(error) or (len(set(targets)) > 1 and _follows(seen, targets))
    if not driven:
        widest = descriptor.widest_aperture if descriptor is not None else lowest
        narrowest = descriptor.narrowest_aperture if descriptor is not None else widest
        return {"driven": False, "widest": widest, "narrowest": max(widest, narrowest)}
    widest = descriptor.widest_aperture if descriptor is not None else min(wanted, lowest - error)
    beyond = wanted not in targets
    if beyond and wanted > target:
        # The target is beyond the range, so the lens reports where its range ends.
        widest = wanted
    narrowest = descriptor.narrowest_aperture if descriptor is not None else max(NARROWEST, wanted)
    if beyond and wanted < target:
        narrowest = wanted
    steps = [abs(after.aperture - before.aperture) for before, after in itertools.pairwise(seen)]
    fastest = max(steps, default=0)
    table: dict[str, Any] = {"driven": True, "widest": min(widest, wanted), "narrowest": max(narrowest, wanted)}
    if error:
        table["offset"] = error
    table["codes_per_frame"] = fastest or FASTEST_CODES
    ahead = [one for one in seen if one.aperture_next != one.aperture]
    if ahead and all(one.aperture_next == rest for one in ahead):
        table |= {"announces_target": True, "delay_frames": 1}
    return table


def _follows(seen: Sequence[LensStatus], targets: Sequence[int]) -> bool:
    """Whether the aperture of a lens takes as many values as its target, so that the body drives it."""
    return 1 < len({message.aperture for message in seen}) <= len(set(targets)) + 2


def _signed(value: int) -> int:
    return (value ^ 0x8000) - 0x8000


def _own(pair: Pair, cls: type[Any]) -> Iterator[Any]:
    return (message for frame in pair.frames for message in frame.messages if isinstance(message, cls))


def _focus(
    sessions: Sequence[Session],
    pairs: Sequence[Pair],
    focus: dict[str, Any],
    *,
    automatic: bool,
) -> dict[str, Any]:
    lower, upper = focus.get("lower_limit", 0), focus.get("upper_limit", 0)
    before = _before_order(sessions, pairs)
    first = [message for pair in before for message in _own(pair, FocusStatus)]
    settled = Counter(message.planned_position for message in first[-RECENT:])
    planned = settled.most_common(1)[0][0] if settled else focus.get("planned_position", 0)
    planned = planned if automatic else focus.get("planned_position", planned)
    lower, upper = min(lower, planned), max(upper, planned)
    position = focus.get("position", 0)
    reports = bool(position)
    table: dict[str, Any] = {
        "driven": automatic,
        "lower": lower,
        "upper": upper,
        "planned": planned,
        "encoder": max(planned - lower, min(0xFFFF - (upper - planned), planned)),
    }
    if reports:
        offset = Counter(one.position - one.planned_position for one in first[-RECENT:]).most_common(1)
        encoder = planned + (offset[0][0] if offset else 0)
        table["encoder"] = max(planned - lower, min(0xFFFF - (upper - planned), encoder))
    if not automatic:
        return table
    table["reports_encoder"] = reports
    table["shows_limits"] = reports
    fastest = max((abs(a.position - b.position) for a, b in itertools.pairwise(first)), default=0)
    moves = any(_find_messages(sessions, FocusMove))
    table["steps_per_frame"] = max(fastest, 1) if moves and fastest > STEPS_PER_FRAME else STEPS_PER_FRAME
    places = [_place(frame) for session in sessions for frame in session.frames if _place(frame) is not None]
    if places and places.count(True) > len(places) / 2:
        table["acknowledges_first"] = True
    table["acknowledge_frames"] = _acknowledge_frames(sessions) or max(1, _echo_frames(sessions))
    return table


def _before_order(sessions: Sequence[Session], pairs: Sequence[Pair]) -> Sequence[Pair]:
    """The pairs before the first focus order of their session; all of them where it has none."""
    first = {id(pair.frames[0]) for pair in pairs if pair.frames}
    for session in sessions:
        if any(id(frame) in first for frame in session.frames):
            return pairs[: max(RECENT, _first_order(session))]
    return pairs


def _place(frame: DecodedFrame) -> bool | None:
    """Whether an acknowledgement stands before its `06`; `None` in a frame without one."""
    if frame.sender is not Role.LENS or frame.frame.class_ != LOOP_CLASS or len(frame.messages) < 2:
        return None
    return not isinstance(frame.messages[0], FocusStatus)


def _acknowledge_frames(sessions: Sequence[Session]) -> int:
    """Fewest pairs from a move to its acknowledgement; 0 where no session has both."""
    waits: list[int] = []
    for session in sessions:
        ordered: int | None = None
        pair = 0
        for frame in session.frames:
            if frame.sender is Role.BODY and any(isinstance(one, FocusMove) for one in frame.messages):
                ordered = pair
            elif frame.sender is Role.LENS and frame.frame.class_ == LOOP_CLASS:
                pair += any(isinstance(one, FocusStatus) for one in frame.messages)
                if ordered is not None and any(isinstance(one, FocusMoved) for one in frame.messages):
                    waits.append(pair - ordered)
                    ordered = None
    return min(waits, default=0)


def _echo_frames(sessions: Sequence[Session]) -> int:
    """Frames from a row select to its echo: the lag under which most echoes are right; 0 without an echo."""
    right: Counter[int] = Counter()
    total = 0
    for session in sessions:
        selected: list[int] = []
        for frame in session.frames:
            for message in frame.messages:
                if isinstance(message, RowSelect):
                    selected.append(message.row_a)
                elif isinstance(message, LensStatus) and selected:
                    total += 1
                    for lag in (1, 2, 3):
                        right[lag] += len(selected) >= lag and selected[-lag] == message.row_index_a
    if not total or not right:
        return 0
    best = max(sorted(right), key=lambda lag: right[lag])
    return best if right[best] > total / 2 else 0


def _rows(sessions: Sequence[Session], pairs: Sequence[Pair]) -> dict[str, Any]:
    first = next((message for pair in pairs for message in _own(pair, LensStatus)), None)
    table: dict[str, Any] = {"echo_frames": _echo_frames(sessions)}
    if first is not None and first.row_index_a:
        table["initial"] = first.row_index_a
    return table


def _numbers(sessions: Sequence[Session]) -> dict[str, Any]:
    """Numbers of the first frames, first `05` without `06`, and an acknowledgement without an order."""
    for session in sessions:
        pairs = group_pairs(session.frames)
        started = [
            index
            for index, frame in enumerate(session.frames)
            if any(isinstance(one, StreamLayoutReply) and one.status_blocks for one in frame.messages)
        ]
        if not started:
            continue
        stream = list(dict.fromkeys(map(id, (pairs[index] for index in pairs if index > started[0]))))
        by_id = {id(pair): pair for pair in pairs.values()}
        ordered = [by_id[one] for one in stream]
        if ordered:
            return _first_numbers(session, started[0], ordered)
    return {}


def _first_numbers(session: Session, start: int, pairs: Sequence[Pair]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    silent = 0
    for frame in session.frames[start + 1 :]:
        if frame.sender is Role.BODY:
            break
        silent += frame is pairs[min(silent, len(pairs) - 1)].frames[0]
    first = pairs[0].frames[0].frame.sequence
    table["first_sequence"] = first
    if silent > 1 and pairs[1].frames[0].frame.sequence == next_lens_sequence(first):
        table["counts_alone"] = True
    skips = 0
    for pair in pairs:
        if pair.focus is not None:
            break
        skips += 1
    # Losing single frames is an accident of a log; an adapter skips several.
    if 1 < skips < len(pairs):
        table["focus_skips"] = skips
    ordered = False
    for number, pair in enumerate(pairs[:START_PAIRS]):
        if pair.focus is not None and any(isinstance(one, FocusMoved) for one in pair.focus.messages) and not ordered:
            table["unsolicited_acknowledgement"] = number
            break
    if "unsolicited_acknowledgement" in table and _first_order(session) < table["unsolicited_acknowledgement"]:
        del table["unsolicited_acknowledgement"]
    return table


def _first_order(session: Session) -> int:
    """Number of the first pair before which the body orders a move."""
    pair = 0
    for frame in session.frames:
        if frame.sender is Role.BODY and any(isinstance(one, FocusMove) for one in frame.messages):
            return pair
        pair += frame.sender is Role.LENS and any(isinstance(one, LensStatus) for one in frame.messages)
    return pair
