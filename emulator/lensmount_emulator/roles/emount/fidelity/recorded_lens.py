"""A lens made from a capture: it repeats each recorded action at the recorded delay after the body's cue.

A capture becomes a timeline first. Logic captures have every edge. Sniffer logs have frames, some with the time at
which the sniffer printed them. The timeline adds select windows, frame sync, supply and the handshake around the
frames where the timing contract places them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.body_status import BodyState
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, TXD, VCC, VD, XDETECT
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply
from lensmount_protocol.wire import (
    Burst,
    Defect,
    Edge,
    LineChanged,
    LineDefect,
    Received,
    Role,
    WireEvent,
    WireRecord,
    transmission_time,
)

VD_PERIOD = 16_684e-6
VD_LOW = 63e-6
STATE_AFTER_VD = 8_570e-6
MODE_AFTER_VD = 10_083e-6
BODY_SETUP = 20e-6
HOLD = {Role.BODY: 150e-6, Role.LENS: 5e-6}
"""A sniffer stamps a frame a few µs after its last byte, and a body may continue 183 µs after a lens's window."""

HANDSHAKE_LENGTH = 30e-3
"""Longer than any lens takes to drive its serial line (23.1 ms)."""

SERIAL_ON = 2_900e-6
LENS_FALLS = 100e-6

MIN_HANDSHAKE = 3e-3
"""Shortest window of both ends that holds no byte: a handshake or the speed switch. Lines that only start up glitch."""

_DEAD = {Defect.STUCK_HIGH, Defect.STUCK_LOW, Defect.MISSING, Defect.UNRELATED}

REST_AFTER_HANDSHAKE = 20.3e-3
BOOT = 150e-3
"""Longer than any lens takes to boot (115 ms)."""

BODY_BOOT = 119.38e-3
"""From the supply to the body's select line."""

BETWEEN_REQUESTS = 8e-3
"""Between frames of a log without times: enough for any reply, and a NEX-7's rest before it stops a stream."""

FIRST_PULSE = 3e-3
"""From the echo of the stream layout to the next pulse, in logs without times."""

START_UP = 1.6
"""From a start-up request to the next event, in logs without times: the longest seen is 1.33 s."""


@dataclass(frozen=True, slots=True)
class CaptureTimeline:
    """A capture in time order.

    Attributes:
        records: bytes and edges of both ends; each has a time.
        has_edges: whether the edges are the capture's own.
        has_times: whether the times are the capture's own.
    """

    records: list[WireRecord]
    has_edges: bool
    has_times: bool

    def records_of_role(self, role: Role, drivers: "Iterable[tuple[str, Role]]") -> Iterator[Burst | Edge]:
        """The records of one end."""
        own = {line for line, driver in drivers if driver is role}
        for record in self.records:
            if (isinstance(record, Burst) and record.sender is role) or (
                isinstance(record, Edge) and record.line in own
            ):
                yield record


def make_timeline(records: Sequence[WireRecord], decoded: Sequence[Decoded]) -> CaptureTimeline:
    """The timeline of the records of a capture; `decoded` is their decoded form."""
    edges = Counter(record.line for record in records if isinstance(record, Edge))
    edges.subtract(dict.fromkeys({record.line for record in records if _is_ignored(record)}, len(records)))
    timed = all(burst.end is not None for burst in records if isinstance(burst, Burst))
    own = [record for record in records if isinstance(record, Burst | Edge)]
    # The first edge of a line states its level only.
    bad = [line for line in (BODY_CS, LENS_CS, VD) if edges[line] < 2]
    frames = [event for event in decoded if isinstance(event, DecodedFrame)]
    windows_only = False
    if frames and frames[0].frame.class_ != LOOP_CLASS:
        # A start is replayed with its supply and its handshake.
        handshakes = _handshakes(decoded, frames[0])
        windows_only = bool(edges) and not handshakes
        if handshakes and edges[VCC] < 1:
            own.insert(0, Edge(handshakes[0].opened - BODY_BOOT, VCC, True))
    timed = timed and not windows_only
    if timed and not bad:
        return CaptureTimeline(list(own), has_edges=True, has_times=True)
    if timed and frames and bad in ([BODY_CS], [LENS_CS], [VD]):
        return CaptureTimeline(list(_repair_line(own, decoded, frames, bad[0])), has_edges=True, has_times=True)
    filled = sorted(_fill_gaps(frames), key=lambda record: record.at or 0.0)
    # Windows that are filled in say nothing about the time between those that the source has.
    has_times = not windows_only and all(frame.at is not None for frame in frames)
    return CaptureTimeline(list(filled), has_edges=False, has_times=has_times)


def _handshakes(decoded: Sequence[Decoded], first: DecodedFrame) -> list[EmptyWindow]:
    """The windows before the first frame in which a select line was high for long enough."""
    windows = (event for event in decoded if isinstance(event, EmptyWindow) and event.opened < (first.at or 0.0))
    return [window for window in windows if window.closed - window.opened >= MIN_HANDSHAKE]


def _is_ignored(record: WireRecord) -> TypeGuard[LineDefect]:
    return isinstance(record, LineDefect) and (record.ignored or record.defect in _DEAD)


def _repair_line(
    records: Iterable[Burst | Edge], decoded: Sequence[Decoded], frames: Sequence[DecodedFrame], bad: str
) -> list[Burst | Edge]:
    """The records, with the edges of one bad line where the frames and the other lines imply them."""
    edges: list[Burst | Edge] = []
    if bad == VD:
        states = [frame.at or 0.0 for frame in frames if isinstance(frame.messages[0], BodyState)]
        for fall in _pulses([at + BODY_SETUP for at in states], 0.0, frames[-1].at or 0.0):
            edges += (Edge(fall, VD, False), Edge(fall + VD_LOW, VD, True))
    else:
        sender = Role.BODY if bad == BODY_CS else Role.LENS
        for frame in frames:
            if frame.sender is sender:
                begin, end = frame.at or 0.0, frame.clocked_end or frame.end or 0.0
                edges += (Edge(begin - BODY_SETUP, bad, True), Edge(end + BODY_SETUP, bad, False))
        for event in decoded:
            if isinstance(event, EmptyWindow) and event.closed - event.opened >= MIN_HANDSHAKE:
                edges += _mirror_window(event, sender)
    kept = [record for record in records if not isinstance(record, Edge) or record.line != bad]
    return sorted((*kept, *edges), key=lambda record: record.at or 0.0)


def _mirror_window(window: EmptyWindow, sender: Role) -> tuple[Edge, Edge]:
    """The window of one end in a handshake of both, from that of the other: the body opens and closes first."""
    if sender is Role.LENS:
        return Edge(window.opened + BODY_SETUP, LENS_CS, True), Edge(window.closed + LENS_FALLS, LENS_CS, False)
    opened = max(window.opened - BODY_SETUP, window.closed - HANDSHAKE_LENGTH)
    return Edge(opened, BODY_CS, True), Edge(window.closed - LENS_FALLS, BODY_CS, False)


def _fill_gaps(frames: Sequence[DecodedFrame]) -> Iterator[Burst | Edge]:
    ends = _frame_ends(frames)
    bursts = [_burst(frame, end) for frame, end in zip(frames, ends, strict=True)]
    states = [
        burst.at or 0.0 for burst, frame in zip(bursts, frames, strict=True) if isinstance(frame.messages[0], BodyState)
    ]
    first = min((burst.at or 0.0 for burst in bursts), default=0.0)
    last = max((burst.end or 0.0 for burst in bursts), default=0.0)
    yield from _power_up(first)
    for fall in _pulses(states, first - BOOT - HANDSHAKE_LENGTH, last):
        yield Edge(fall, VD, False)
        yield Edge(fall + VD_LOW, VD, True)
    for burst in bursts:
        yield burst
        select = BODY_CS if burst.sender is Role.BODY else LENS_CS
        yield Edge((burst.at or 0.0) - BODY_SETUP, select, True)
        yield Edge((burst.end or 0.0) + HOLD[burst.sender], select, False)


def _burst(frame: DecodedFrame, end: float) -> Burst:
    begin = end - transmission_time(len(frame.frame.raw), frame.baudrate)
    return Burst(begin, frame.sender, frame.frame.raw, frame.baudrate, end)


def _frame_ends(frames: Sequence[DecodedFrame]) -> list[float]:
    """When each frame ended: a log prints its stamp after the frame; without stamps, the nominal schedule."""
    if all(frame.at is not None for frame in frames):
        origin = (
            min((frame.at or 0.0 for frame in frames), default=0.0) - BOOT - HANDSHAKE_LENGTH - REST_AFTER_HANDSHAKE
        )
        return [(frame.at or 0.0) - origin for frame in frames]
    return list(_nominal_ends(frames))


def _nominal_ends(frames: Sequence[DecodedFrame]) -> Iterator[float]:
    now = BOOT + HANDSHAKE_LENGTH + 2 * REST_AFTER_HANDSHAKE
    pulse = 0.0
    for frame in frames:
        length = transmission_time(len(frame.frame.raw), frame.baudrate)
        if frame.frame.class_ != LOOP_CLASS:
            now += START_UP if frame.sender is Role.LENS and frame.frame.payload[0] == 0x10 else BETWEEN_REQUESTS
            pulse = 0.0
            yield now
        elif isinstance(frame.messages[0], BodyState):
            pulse = pulse + VD_PERIOD if pulse else now + FIRST_PULSE
            now = pulse + STATE_AFTER_VD
            yield now + length
        elif frame.sender is Role.BODY:
            now = pulse + MODE_AFTER_VD
            yield now + length
        else:
            yield now + length


def _power_up(first_frame: float) -> Iterator[Edge]:
    rise = first_frame - REST_AFTER_HANDSHAKE - HANDSHAKE_LENGTH
    yield Edge(rise - BOOT, VCC, True)
    yield Edge(rise - BOOT, VD, True)
    yield Edge(rise, BODY_CS, True)
    yield Edge(rise + BODY_SETUP, TXD, True)
    yield Edge(rise + BODY_SETUP, LENS_CS, True)
    yield Edge(rise + SERIAL_ON, RXD, True)
    yield Edge(rise + HANDSHAKE_LENGTH, BODY_CS, False)
    yield Edge(rise + HANDSHAKE_LENGTH + LENS_FALLS, LENS_CS, False)


def _pulses(states: Sequence[float], begin: float, end: float) -> Iterator[float]:
    """VD falls: one before every `03`, and the same beat where the log shows none."""
    falls = [at - BODY_SETUP - STATE_AFTER_VD for at in states] or [begin + VD_PERIOD]
    before = falls[0]
    while before - VD_PERIOD > begin:
        before -= VD_PERIOD
    for fall in (*falls, end + VD_PERIOD):
        while before < fall - VD_PERIOD / 2:
            yield before
            before += VD_PERIOD
        before = fall


Cue = tuple[str, bool, int, int]
"""The n-th time that the body sets a line to a level, and in which stream; select lines count across all streams."""

_TimedAction = tuple[float, Burst | Edge, bool]
"""Seconds after the cue, the lens's action, and whether its stream starts with it."""


@dataclass(slots=True)
class _Counter:
    """Counts the body's edges; VD restarts at each start of the stream."""

    counts: Counter[tuple[str, bool, int]] = field(default_factory=lambda: Counter[tuple[str, bool, int]]())
    streams: int = 0

    def count(self, edge: Edge) -> Cue:
        key = (edge.line, edge.level, self.streams if edge.line == VD else 0)
        self.counts[key] += 1
        return (*key, self.counts[key])

    def stream_starts(self) -> None:
        self.streams += 1


class RecordedLens:
    """A lens that replays a capture's lens.

    Replies and handshakes follow the body's select line or supply. Stream frames follow VD, counted from the start of
    the stream. So the replies shift with a body that is a little earlier or later.
    """

    def __init__(self, timeline: CaptureTimeline, captured: Sequence[Decoded], dialect: Dialect) -> None:
        self._starts = [
            event.at or 0.0 for event in captured if isinstance(event, DecodedFrame) and _starts_stream(event)
        ]
        self._loop = [
            ((event.opened or 0.0) - _EDGE, (event.closed or event.end or 0.0) + _EDGE)
            for event in captured
            if isinstance(event, DecodedFrame) and event.sender is Role.LENS and event.frame.class_ == LOOP_CLASS
        ]
        self._counter = _Counter()
        self._plan = self._make_plan(timeline, dialect)

    def startup_traffic(self) -> list[tuple[float, WireEvent]]:
        """The events before the body acts: the lens is attached."""
        return [(0.0, LineChanged(XDETECT, False))]

    def respond(self, record: WireRecord) -> Iterable[tuple[float, WireEvent, WireRecord | None]]:
        """Return the lens's reactions to a record, with their times."""
        if not isinstance(record, Edge):
            return
        cue = self._counter.count(record)
        for delay, what, starts_stream in self._plan.pop(cue, ()):
            at = record.at + delay
            if starts_stream:
                self._counter.stream_starts()
            if isinstance(what, Edge):
                yield at, LineChanged(what.line, what.level), Edge(at, what.line, what.level)
            else:
                length = (what.end or 0.0) - (what.at or 0.0)
                burst = Burst(at, Role.LENS, what.data, what.baudrate, at + length)
                yield at + length, Received(what.data), burst

    def _make_plan(self, timeline: CaptureTimeline, dialect: Dialect) -> dict[Cue, list[_TimedAction]]:
        plan: dict[Cue, list[_TimedAction]] = {}
        counter = _Counter()
        settled = dialect.power_settling_s
        latest: dict[bool, tuple[float, Cue] | None] = {True: None, False: None}
        starts = iter([*self._starts, float("inf")])
        start = next(starts)
        for record in sorted(timeline.records, key=lambda record: record.at or 0.0):
            at = record.at or 0.0
            if isinstance(record, Edge) and dialect.drivers.get(record.line) is Role.BODY:
                # Before power has settled the body's lines only glitch, or report their initial level.
                if record.line != VCC and at < settled:
                    continue
                settled = at + dialect.power_settling_s if record.line == VCC else settled
                cue = counter.count(record)
                if record.line in (VCC, BODY_CS):
                    latest[False] = latest[True] = (at, cue)
                elif record.line == VD and not record.level:
                    latest[True] = (at, cue)
            elif _is_lens(record, dialect):
                hung = latest[self._in_loop(at)]
                starts_stream = isinstance(record, Burst) and at >= start
                if hung is not None and isinstance(record, Burst | Edge):
                    plan.setdefault(hung[1], []).append((at - hung[0], record, starts_stream))
                if starts_stream:
                    counter.stream_starts()
                    start = next(starts)
        return plan

    def _in_loop(self, at: float) -> bool:
        return any(opened <= at <= closed for opened, closed in self._loop)


_EDGE = 1e-7


def _is_lens(record: WireRecord, dialect: Dialect) -> bool:
    if isinstance(record, Burst):
        return record.sender is Role.LENS
    return isinstance(record, Edge) and dialect.drivers.get(record.line) is Role.LENS and record.at > 0


def _starts_stream(frame: DecodedFrame) -> bool:
    return any(isinstance(message, StreamLayoutReply) and message.status_blocks for message in frame.messages)
