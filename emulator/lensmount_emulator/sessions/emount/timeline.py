"""A capture as a timeline: who did what when, with what a log leaves out filled in from the dialect's timing.

Logic captures have every edge. Sniffer logs have frames, some with the time at which the sniffer printed them; select
windows, frame sync, supply and the handshake are then put around the frames where the timing contract has them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialects.emount.body_state import BodyState
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, TXD, VCC, VD
from lensmount_protocol.wire import Burst, Edge, Record, Role, transmission_time

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
    edges = {record.line for record in records if isinstance(record, Edge)}
    timed = all(burst.until is not None for burst in records if isinstance(burst, Burst))
    if timed and {BODY_CS, LENS_CS, VD} <= edges:
        return Timeline(
            [record for record in records if isinstance(record, Burst | Edge)], has_edges=True, has_times=True
        )
    frames = [event for event in decoded if isinstance(event, DecodedFrame)]
    filled = sorted(_filled_in(frames), key=lambda record: record.at or 0.0)
    return Timeline(list(filled), has_edges=False, has_times=all(frame.at is not None for frame in frames))


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
