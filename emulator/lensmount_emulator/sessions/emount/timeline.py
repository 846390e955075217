"""A capture as a timeline: who did what when, with what a log leaves out filled in from the dialect's timing.

Logic captures have every edge. Sniffer logs have frames, some with the time at which the sniffer printed them; select
windows, frame sync, supply and the handshake are then put around the frames where the timing contract has them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from lensmount_protocol.decoder import Decoded, DecodedFrame, EmptyWindow
from lensmount_protocol.dialects.emount.body_state import BodyState
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, TXD, VCC, VD
from lensmount_protocol.wire import Burst, Defect, Edge, LineDefect, Record, Role, transmission_time

VD_PERIOD = 16_684e-6
VD_LOW = 63e-6
STATE_AFTER_VD = 8_570e-6
MODE_AFTER_VD = 10_083e-6
BODY_SETUP = 20e-6
HOLD = {Role.BODY: 150e-6, Role.LENS: 5e-6}
"""A sniffer stamps a frame a few µs behind its last byte, and a body may go on 183 µs behind a lens's window."""

HANDSHAKE_LENGTH = 30e-3
"""Longer than any lens takes to put its serial line on (23.1 ms)."""

SERIAL_ON = 2_900e-6
LENS_FALLS = 100e-6

LEAST_HANDSHAKE = 3e-3
"""Shortest window of both ends that holds no byte: a handshake or the speed switch. Lines that only start up glitch."""

_DEAD = {Defect.STUCK_HIGH, Defect.STUCK_LOW, Defect.MISSING, Defect.UNRELATED}

REST_BEHIND_HANDSHAKE = 20.3e-3
BOOT = 150e-3
"""Longer than any lens takes to boot (115 ms)."""

BETWEEN_REQUESTS = 8e-3
"""Between frames of a log without times: enough for any reply, and a NEX-7's rest before it stops a stream."""

FIRST_PULSE = 3e-3
"""From the echo of the stream layout to the next pulse, in logs without times."""

START_UP = 1.6
"""From a start-up request to what follows it, in logs without times: the longest seen is 1.33 s."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A capture in time order.

    Attributes:
        records: bytes and edges of both ends; nothing has an unknown time.
        has_edges: whether the edges are the capture's own.
        has_times: whether the times are.
    """

    records: list[Record]
    has_edges: bool
    has_times: bool

    def of(self, role: Role, drivers: "Iterable[tuple[str, Role]]") -> Iterator[Burst | Edge]:
        """What one end did."""
        own = {line for line, driver in drivers if driver is role}
        for record in self.records:
            if (isinstance(record, Burst) and record.sender is role) or (
                isinstance(record, Edge) and record.line in own
            ):
                yield record


def timeline_of(records: Sequence[Record], decoded: Sequence[Decoded]) -> Timeline:
    """The timeline of a capture whose records were decoded to `decoded`."""
    edges = Counter(record.line for record in records if isinstance(record, Edge))
    edges.subtract(dict.fromkeys({record.line for record in records if _is_ignored(record)}, len(records)))
    timed = all(burst.until is not None for burst in records if isinstance(burst, Burst))
    own = [record for record in records if isinstance(record, Burst | Edge)]
    # The first edge of a line states its level only.
    bad = [line for line in (BODY_CS, LENS_CS, VD) if edges[line] < 2]
    if timed and not bad:
        return Timeline(list(own), has_edges=True, has_times=True)
    frames = [event for event in decoded if isinstance(event, DecodedFrame)]
    if timed and frames and bad in ([BODY_CS], [LENS_CS], [VD]):
        return Timeline(list(_repaired(own, decoded, frames, bad[0])), has_edges=True, has_times=True)
    filled = sorted(_filled_in(frames), key=lambda record: record.at or 0.0)
    return Timeline(list(filled), has_edges=False, has_times=all(frame.at is not None for frame in frames))


def _is_ignored(record: Record) -> TypeGuard[LineDefect]:
    return isinstance(record, LineDefect) and (record.ignored or record.defect in _DEAD)


def _repaired(
    records: Iterable[Burst | Edge], decoded: Sequence[Decoded], frames: Sequence[DecodedFrame], bad: str
) -> list[Burst | Edge]:
    """The records with the edges of one bad line put where the frames and the other lines say that they were."""
    edges: list[Burst | Edge] = []
    if bad == VD:
        states = [frame.at or 0.0 for frame in frames if isinstance(frame.messages[0], BodyState)]
        for fall in _pulses([at + BODY_SETUP for at in states], 0.0, frames[-1].at or 0.0):
            edges += (Edge(fall, VD, False), Edge(fall + VD_LOW, VD, True))
    else:
        sender = Role.BODY if bad == BODY_CS else Role.LENS
        for frame in frames:
            if frame.sender is sender:
                begin, end = frame.at or 0.0, frame.clocked_until or frame.until or 0.0
                edges += (Edge(begin - BODY_SETUP, bad, True), Edge(end + BODY_SETUP, bad, False))
        for event in decoded:
            if isinstance(event, EmptyWindow) and event.closed - event.opened >= LEAST_HANDSHAKE:
                edges += _mirrored(event, sender)
    kept = [record for record in records if not isinstance(record, Edge) or record.line != bad]
    return sorted((*kept, *edges), key=lambda record: record.at or 0.0)


def _mirrored(window: EmptyWindow, sender: Role) -> tuple[Edge, Edge]:
    """The window of one end in a handshake of both, from that of the other: the body opens and closes first."""
    if sender is Role.LENS:
        return Edge(window.opened + BODY_SETUP, LENS_CS, True), Edge(window.closed + LENS_FALLS, LENS_CS, False)
    opened = max(window.opened - BODY_SETUP, window.closed - HANDSHAKE_LENGTH)
    return Edge(opened, BODY_CS, True), Edge(window.closed - LENS_FALLS, BODY_CS, False)


def _filled_in(frames: Sequence[DecodedFrame]) -> Iterator[Burst | Edge]:
    ends = _ends(frames)
    bursts = [_burst(frame, end) for frame, end in zip(frames, ends, strict=True)]
    states = [
        burst.at or 0.0 for burst, frame in zip(bursts, frames, strict=True) if isinstance(frame.messages[0], BodyState)
    ]
    first = min((burst.at or 0.0 for burst in bursts), default=0.0)
    last = max((burst.until or 0.0 for burst in bursts), default=0.0)
    yield from _power_up(first)
    for fall in _pulses(states, first - BOOT - HANDSHAKE_LENGTH, last):
        yield Edge(fall, VD, False)
        yield Edge(fall + VD_LOW, VD, True)
    for burst in bursts:
        yield burst
        select = BODY_CS if burst.sender is Role.BODY else LENS_CS
        yield Edge((burst.at or 0.0) - BODY_SETUP, select, True)
        yield Edge((burst.until or 0.0) + HOLD[burst.sender], select, False)


def _burst(frame: DecodedFrame, end: float) -> Burst:
    begin = end - transmission_time(len(frame.frame.raw), frame.baudrate)
    return Burst(begin, frame.sender, frame.frame.raw, frame.baudrate, end)


def _ends(frames: Sequence[DecodedFrame]) -> list[float]:
    """When each frame ended: a log's stamp is printed behind the frame; without stamps, the nominal schedule."""
    if all(frame.at is not None for frame in frames):
        origin = (
            min((frame.at or 0.0 for frame in frames), default=0.0) - BOOT - HANDSHAKE_LENGTH - REST_BEHIND_HANDSHAKE
        )
        return [(frame.at or 0.0) - origin for frame in frames]
    return list(_nominal_ends(frames))


def _nominal_ends(frames: Sequence[DecodedFrame]) -> Iterator[float]:
    now = BOOT + HANDSHAKE_LENGTH + 2 * REST_BEHIND_HANDSHAKE
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
    rise = first_frame - REST_BEHIND_HANDSHAKE - HANDSHAKE_LENGTH
    yield Edge(rise - BOOT, VCC, True)
    yield Edge(rise - BOOT, VD, True)
    yield Edge(rise, BODY_CS, True)
    yield Edge(rise + BODY_SETUP, TXD, True)
    yield Edge(rise + BODY_SETUP, LENS_CS, True)
    yield Edge(rise + SERIAL_ON, RXD, True)
    yield Edge(rise + HANDSHAKE_LENGTH, BODY_CS, False)
    yield Edge(rise + HANDSHAKE_LENGTH + LENS_FALLS, LENS_CS, False)


def _pulses(states: Sequence[float], begin: float, end: float) -> Iterator[float]:
    """VD falls: one in front of every `03`, and the same beat wherever the log shows none."""
    falls = [at - BODY_SETUP - STATE_AFTER_VD for at in states] or [begin + VD_PERIOD]
    before = falls[0]
    while before - VD_PERIOD > begin:
        before -= VD_PERIOD
    for fall in (*falls, end + VD_PERIOD):
        while before < fall - VD_PERIOD / 2:
            yield before
            before += VD_PERIOD
        before = fall
