"""Listens between a body and a lens: turns bytes and edges into records and frames, and follows the baud rate. No I/O.

The rate follows the agreements of both ends. Without one, it follows from whether the received bytes form frames.

Records of a port with timestamps are sorted by time, since the port reports a run of bytes when it is over.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialect import BaudrateNegotiation, Dialect
from lensmount_protocol.framer import BurstFramer, Frame, FrameEvent, Framer, Garbage, GarbageReason, burst_format
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    DataLoss,
    Edge,
    LineChanged,
    Received,
    Role,
    WireEvent,
    WireRecord,
    polled_line_defect,
    transmission_time,
)

MIN_GARBAGE_RUNS = 8
"""Bytes in no frame, with no frame after them, that start a try of the next rate: fewer than the shortest frame has."""

SETTLE_S = 2e-3
"""Seconds after a change of rate in which broken bytes may still belong to the old rate."""


AGREED_SETTLE_S = 0.05
"""The same after a change that both ends agreed on; no other rate is tried, since the host may be late."""


@dataclass(frozen=True, slots=True)
class BaudrateChange:
    """A change of the listening rate.

    Attributes:
        baudrate: in bits a second.
        at: the time of the change, on the clock of the received events; `None` at once.
        why: the reason, as text.
    """

    baudrate: int
    at: float | None
    why: str


class BaudrateTracker:
    """Listens to both ends of a link, which always use the same rate, and reports when the rate changes.

    The rate changes when one end announces another one and the other end accepts it. It returns to the first rate when
    the supply falls. So a session that is received from its beginning loses nothing.

    A listener that starts in mid-session tries the rates. A byte read at the wrong rate becomes one or more other
    bytes. Frames have checksums, so a valid frame from either end proves the rate. Zero bytes do not count against a
    rate, since senders pad with them. Traffic before the rate is found is lost: about one frame for each rate tried.

    Attributes:
        baudrate: the rate in force, in bits a second.
        frames: valid frames so far, by sender.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Begin at the first rate of the dialect."""
        self.frames = dict.fromkeys(Role, 0)
        self.baudrate = dialect.wiring.baudrates[0]
        self._dialect = dialect
        self._rates = dialect.wiring.baudrates
        by_burst = {role: burst_format(dialect.formats[role]) for role in Role}
        self._bursts = {role: BurstFramer(known) for role, known in by_burst.items() if known is not None}
        self._framers: dict[Role, Framer] = {}
        self._begun: dict[Role, int] = {}
        self._ended: dict[Role, float] = {}
        self._since_a_frame: dict[Role, int] = {}
        self._settled = float("-inf")
        self._next_change: BaudrateChange | None = None
        self._agreed_on = False
        self._reset()

    @property
    def change_pending(self) -> bool:
        """Whether a change of rate is announced, so that it may follow the next bytes."""
        return self._agreement.pending is not None

    def on_bytes(self, burst: Burst) -> BaudrateChange | None:
        """Handle received bytes; return a new rate to listen at, if any."""
        sender = burst.sender
        if sender in self._bursts:
            # The clock gives the rate.
            found = self._bursts[sender].receive(burst.data)
            self.frames[sender] += sum(isinstance(event, Frame) for event in found)
            return None
        framer = self._framers[sender]
        ended = self._ended.get(sender)
        if ended is not None and burst.at is not None and burst.at - ended > self._dialect.idle_timeout:
            self._count(sender, framer.close(GarbageReason.SILENCE))
        if burst.end is not None:
            self._ended[sender] = burst.end
        self._since_a_frame[sender] += len(burst.data)
        events = framer.receive(burst.data)
        begun = self._begun[sender]
        self._begun[sender] += len(burst.data)
        frames = [event for event in events if isinstance(event, Frame)]
        if frames:
            self.frames[sender] += len(frames)
            self._since_a_frame = dict.fromkeys(Role, 0)
            self._garbage = dict.fromkeys(Role, 0)
            self._framed.add(sender)
            self._broken = 0
            return self._agreed(frames, burst, begun)
        self._count(sender, events)
        if burst.end is not None and self._agreed_on and burst.end < self._settled:
            return None
        return self._next(burst.end) if any(self._is_lost(role) for role in Role) else None

    def on_edge(self, edge: Edge) -> BaudrateChange | None:
        """Handle an edge; return a new rate to listen at, if any."""
        first = self._rates[0]
        if edge.line != self._dialect.supply or edge.level or first == (self._next_change or self).baudrate:
            return None
        self._settled = edge.at + SETTLE_S
        return self._change(BaudrateChange(first, None, f"the supply fell; the next start is at {first} baud"))

    def on_bad_bytes(self, drop: DataLoss) -> BaudrateChange | None:
        """Handle broken bytes of either end; return a new rate to listen at, if any."""
        if drop.at is not None and drop.at < self._settled:
            return None
        self._broken += drop.count
        return self._next(drop.at) if self._broken >= MIN_GARBAGE_RUNS else None

    def apply_baudrate(self, at: float | None) -> BaudrateChange | None:
        """Return the announced change that applies to bytes at this time; it is returned once."""
        coming = self._next_change
        if coming is None or (at is not None and coming.at is not None and at < coming.at):
            return None
        self._settled = self._settled if coming.at is None else coming.at + AGREED_SETTLE_S
        self._use_baudrate(coming.baudrate)
        return coming

    def _agreed(self, frames: list[Frame], burst: Burst, begun: int) -> BaudrateChange | None:
        entries = self._parsers.parsers(burst.sender)
        for frame in frames:
            baudrate = self._agreement.observe(burst.sender, frame.class_, entries.parse_all(frame.payload))
            if baudrate is None or baudrate == (self._next_change or self).baudrate:
                continue
            ended = burst.byte_at(max(0, frame.offset + len(frame.raw) - begun))
            at = None if ended is None else ended + self._dialect.baudrate_switch_delay
            return self._change(BaudrateChange(baudrate, at, f"both ends have agreed on {baudrate} baud"))
        return None

    def _change(self, change: BaudrateChange) -> BaudrateChange:
        if change.at is None:
            self._use_baudrate(change.baudrate)
        else:
            self._next_change = change
        return change

    def _use_baudrate(self, baudrate: int) -> None:
        self.baudrate = baudrate
        self._agreed_on = self._next_change is not None
        self._next_change = None
        self._reset()

    def _next(self, at: float | None) -> BaudrateChange | None:
        # Broken bytes during a change of rate end with it.
        if self._bursts or len(self._rates) == 1 or self._next_change is not None:
            return None
        before = self.baudrate
        place = self._rates.index(before) if before in self._rates else -1
        baudrate = self._rates[(place + 1) % len(self._rates)]
        why = f"no frames at {before} baud; listening at {baudrate} from here on"
        self._settled = self._settled if at is None else at + SETTLE_S
        return self._change(BaudrateChange(baudrate, None, why))

    def _is_lost(self, sender: Role) -> bool:
        """Whether an end makes noise that the other end does not disprove: one end alone may be badly wired."""
        if sender.peer in self._framed and not self._noise(sender.peer):
            return False
        # A false start can buffer as many bytes as the largest frame has.
        largest = self._dialect.formats[sender].max_size
        return self._noise(sender) >= MIN_GARBAGE_RUNS or self._since_a_frame[sender] > largest + MIN_GARBAGE_RUNS

    def _noise(self, sender: Role) -> int:
        run = self._framers[sender].pending
        return self._garbage[sender] + len(run) - run.count(0)

    def _count(self, sender: Role, events: list[FrameEvent]) -> None:
        for event in events:
            if isinstance(event, Garbage):
                self._garbage[sender] += len(event.data) - event.data.count(0)

    def _reset(self) -> None:
        self._framers = {role: Framer(self._dialect.formats[role]) for role in Role if role not in self._bursts}
        self._parsers = self._dialect.payload_parser()
        self._agreement = BaudrateNegotiation(self._dialect.parse_baudrate_message)
        self._since_a_frame = dict.fromkeys(Role, 0)
        self._begun = dict.fromkeys(Role, 0)
        self._garbage = dict.fromkeys(Role, 0)
        self._framed = set[Role]()
        self._broken = 0


HOLD = 0.1
"""Seconds that a record waits for an earlier one: the longest frame of any dialect takes 96 ms at its slowest rate."""

MAX_WAITING = 4096


class RecordSorter:
    """Forwards records in the order of their times.

    A record without a time keeps its place after the one before it.

    Args:
        tap: receives the records.
    """

    def __init__(self, tap: Callable[[WireRecord], None]) -> None:
        self._tap = tap
        self._waiting: list[tuple[float, int, WireRecord]] = []
        self._count = 0
        self._place = -math.inf
        self._latest = -math.inf

    def put(self, record: WireRecord) -> None:
        """Accept a record; forward those that no later one can precede."""
        if record.at is not None:
            self._place = record.at
            self._latest = max(self._latest, record.at)
        heapq.heappush(self._waiting, (self._place, self._count, record))
        self._count += 1
        self.release(self._latest - HOLD)
        while len(self._waiting) > MAX_WAITING:
            self._tap(heapq.heappop(self._waiting)[-1])

    def release(self, until: float) -> None:
        """Forward everything up to a time."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= until:
            self._tap(heapq.heappop(waiting)[-1])

    def flush(self) -> None:
        """Forward everything; the session is over."""
        self.release(math.inf)


def _ignore(_what: object) -> None:
    return


def poll_times(events: Sequence[WireEvent], now: float, baudrate: int) -> list[float]:
    """Return when the events of one poll of a port happened, in their order, in seconds.

    Bytes have just ended. A line that changed before them was polled after they began.

    Args:
        events: as the port gave them.
        now: when it gave them.
        baudrate: the rate of the bytes.
    """
    times: list[float] = []
    at = now
    for event in reversed(events):
        times.append(now if isinstance(event, Received) else at)
        if isinstance(event, Received):
            at -= transmission_time(len(event.data), baudrate)
    return times[::-1]


@dataclass(slots=True)
class Listener:
    """Receives the traffic of both ends, records it, and reports what it decodes to.

    Attributes:
        dialect: the dialect.
        tap: receives every byte, edge and annotation as it comes.
        on_decoded: receives the decoded events; without it, nothing is decoded.
        keeps_windows: whether edges and bytes come in their true order, so that a falling select line ends a frame.
        fixed: a fixed rate to listen at; `None` to follow the link.
        baudrate: the rate in force, in bits a second.
    """

    dialect: Dialect
    tap: Callable[[WireRecord], None] = _ignore
    on_decoded: Callable[[Decoded], None] | None = None
    fixed: int | None = None
    keeps_windows: bool = False
    baudrate: int = field(init=False)
    _follower: BaudrateTracker = field(init=False)
    _decoder: Decoder = field(init=False)
    _selects: frozenset[str] = field(init=False)
    _polled: set[str] = field(init=False, default_factory=set[str])
    _order: RecordSorter = field(init=False)
    _latest: float = field(init=False, default=-math.inf)
    _ended: dict[Role, float] = field(init=False, default_factory=dict[Role, float])

    def __post_init__(self) -> None:
        self._order = RecordSorter(self.tap)
        self._follower = BaudrateTracker(self.dialect)
        self._decoder = Decoder(self.dialect)
        self._selects = frozenset(self.dialect.select_line(role) for role in Role)
        self.baudrate = self.fixed or self._follower.baudrate

    @property
    def frames(self) -> Mapping[Role, int]:
        """Valid frames so far, by sender; at a fixed rate and at one that is followed."""
        return self._follower.frames

    @property
    def change_pending(self) -> bool:
        """Whether the ends are about to agree on another rate, so that a change may be due soon."""
        return self.fixed is None and self._follower.change_pending

    def on_event(self, sender: Role, event: WireEvent, now: float) -> BaudrateChange | None:
        """Handle an event of a port.

        Args:
            sender: the end that sends to the port.
            event: the event.
            now: its time, in seconds; bytes have just ended.

        Returns:
            The new rate to listen at, if any.
        """
        self._check_announced_baudrate(now)
        if isinstance(event, LineChanged):
            return self.on_record(Edge(max(now, self._latest), event.line, event.level))
        return self.on_record(self._burst(sender, event, now)) if event.data else None

    def on_record(self, record: WireRecord) -> BaudrateChange | None:
        """Handle a record of a port with timestamps; return a new rate to listen at, if any."""
        self._check_announced_baudrate(record.at)
        if isinstance(record, Burst):
            return self._bytes(record)
        if isinstance(record, Edge):
            self._edge(record)
            return None if self.fixed else self._apply_baudrate(self._follower.on_edge(record), record.at)
        self._keep(record)
        self._deliver([record])
        if isinstance(record, DataLoss) and record.what == BROKEN_BYTES and not self.fixed:
            return self._apply_baudrate(self._follower.on_bad_bytes(record), record.at)
        return None

    def annotate(self, now: float | None, text: str) -> None:
        """Record an interruption of the listening; bytes before and after it do not belong together."""
        remark = Annotation(now, text)
        self._keep(remark)
        if now is not None:
            # The start of a burst is computed from its end, and a port receives nothing before it is back.
            self._ended.update({sender: max(now, self._ended.get(sender, now)) for sender in Role})
        self.finish()
        self._deliver([remark])

    def finish(self) -> None:
        """End the session: report the buffered bytes."""
        self._order.flush()
        if self.on_decoded is not None:
            self._deliver(self._decoder.finish())

    def _bytes(self, burst: Burst) -> BaudrateChange | None:
        self._keep(burst)
        if self.on_decoded is not None:
            self._deliver(chain(self._decoder.feed(burst), self._decoder.flush()))
        change = self._follower.on_bytes(burst)
        return self._apply_baudrate(None if self.fixed else change, burst.end)

    def _apply_baudrate(self, change: BaudrateChange | None, now: float | None) -> BaudrateChange | None:
        if change is not None and change.at is None:
            self.baudrate = change.baudrate
            self.annotate(now, change.why)
        return change

    def _check_announced_baudrate(self, now: float | None) -> None:
        """Apply an announced rate that is due."""
        if now is not None and (change := self._follower.apply_baudrate(now)) is not None:
            self.baudrate = change.baudrate
            # A frame that began before continues or has ended: the change does not end it.
            remark = Annotation(change.at, change.why)
            self._keep(remark)
            self._deliver([remark])

    def _edge(self, edge: Edge) -> None:
        # Bytes may lag edges by a driver's latency; then an edge of a select line ends no frame.
        unordered = edge.line in self._selects and not self.keeps_windows
        if unordered and edge.line not in self._polled:
            self._polled.add(edge.line)
            self._keep(polled_line_defect(edge.line, edge.at))
        self._keep(edge)
        if unordered:
            self._deliver([edge])
        elif self.on_decoded is not None:
            self._deliver(self._decoder.feed(edge))

    def _keep(self, record: WireRecord) -> None:
        if record.at is not None:
            self._latest = max(self._latest, record.at)
        if self.keeps_windows:
            self._order.put(record)
        else:
            self.tap(record)

    def _burst(self, sender: Role, event: Received, now: float) -> Burst:
        begins = now - transmission_time(len(event.data), self.baudrate)
        # Bytes that a driver buffered come together; they were not sent before those that came earlier, and the records
        # of both ends stay in the order of their times.
        begins = min(now, max(begins, self._ended.get(sender, begins), self._latest))
        self._ended[sender] = now
        return Burst(begins, sender, event.data, self.baudrate, now)

    def _deliver(self, events: Iterable[Decoded]) -> None:
        if self.on_decoded is not None:
            for event in events:
                self.on_decoded(event)
