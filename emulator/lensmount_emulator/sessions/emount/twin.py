"""A lens made from a capture: it does what the real one did, each thing as long after the body's cue as it was then."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.sessions.emount.timeline import Timeline
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, VCC, VD, XDETECT
from lensmount_protocol.dialects.emount.stream import StreamLayoutReply
from lensmount_protocol.wire import Burst, Edge, LineChanged, Received, Record, Role, WireEvent

Cue = tuple[str, bool, int, int]
"""The n-th time that the body put a line at a level, and in which stream; select lines count through all of them."""

_Deed = tuple[float, Burst | Edge, bool]
"""Seconds behind the cue, what the lens does, and whether its stream starts with it."""


@dataclass(slots=True)
class _Counter:
    """Counts the body's edges, and VD afresh from the start of the stream on."""

    counts: Counter[tuple[str, bool, int]] = field(default_factory=lambda: Counter[tuple[str, bool, int]]())
    streams: int = 0

    def count(self, edge: Edge) -> Cue:
        key = (edge.line, edge.level, self.streams if edge.line == VD else 0)
        self.counts[key] += 1
        return (*key, self.counts[key])

    def stream_starts(self) -> None:
        self.streams += 1


class Twin:
    """A lens that replays a capture's lens.

    Replies and handshakes hang on the body's select line or supply, stream frames on VD counted from the start of the
    stream, so that a body that is a little earlier or later is answered a little earlier or later.
    """

    def __init__(self, timeline: Timeline, captured: Sequence[Decoded], dialect: Dialect) -> None:
        self._starts = [
            event.at or 0.0 for event in captured if isinstance(event, DecodedFrame) and _starts_stream(event)
        ]
        self._loop = [
            ((event.opened or 0.0) - _EDGE, (event.closed or event.until or 0.0) + _EDGE)
            for event in captured
            if isinstance(event, DecodedFrame) and event.sender is Role.LENS and event.frame.class_ == LOOP_CLASS
        ]
        self._counter = _Counter()
        self._plan = self._planned(timeline, dialect)

    def prelude(self) -> list[tuple[float, WireEvent]]:
        """What happens before the body does anything: the lens is put on the mount."""
        return [(0.0, LineChanged(XDETECT, False))]

    def react(self, record: Record) -> Iterable[tuple[float, WireEvent, Record | None]]:
        """What the lens does because of this, and when."""
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
                length = (what.until or 0.0) - (what.at or 0.0)
                burst = Burst(at, Role.LENS, what.data, what.baudrate, at + length)
                yield at + length, Received(what.data), burst

    def _planned(self, timeline: Timeline, dialect: Dialect) -> dict[Cue, list[_Deed]]:
        plan: dict[Cue, list[_Deed]] = {}
        counter = _Counter()
        settled = dialect.settles
        latest: dict[bool, tuple[float, Cue] | None] = {True: None, False: None}
        starts = iter([*self._starts, float("inf")])
        start = next(starts)
        for record in sorted(timeline.records, key=lambda record: record.at or 0.0):
            at = record.at or 0.0
            if isinstance(record, Edge) and dialect.drivers.get(record.line) is Role.BODY:
                # Before power has settled the body's lines only glitch, or are told where they start.
                if record.line != VCC and at < settled:
                    continue
                settled = at + dialect.settles if record.line == VCC else settled
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


def _is_lens(record: Record, dialect: Dialect) -> bool:
    if isinstance(record, Burst):
        return record.sender is Role.LENS
    return isinstance(record, Edge) and dialect.drivers.get(record.line) is Role.LENS and record.at > 0


def _starts_stream(frame: DecodedFrame) -> bool:
    return any(isinstance(message, StreamLayoutReply) and message.status_blocks for message in frame.messages)
