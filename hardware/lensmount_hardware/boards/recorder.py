"""Turns a board's reports and our commands into events and records, with the times at which they happened."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lensmount_hardware.boards.clock_sync import MonotonicTimeline
from lensmount_hardware.boards.clocked import BurstAssembler, ReplyTable
from lensmount_hardware.boards.link import BoardLink, format_rejection
from lensmount_hardware.boards.pin_map import PinMap
from lensmount_hardware.boards.protocol.constants import (
    MAX_REPLY_UNIT,
    BoardRole,
    BurstFlag,
    LineFlag,
    LineKind,
    LossKind,
    StateFlag,
    TimestampEncoding,
)
from lensmount_hardware.boards.protocol.reports import (
    BoardState,
    BurstReceived,
    DataLost,
    LineEdge,
    MessageRejected,
    ReceivedBytes,
    TransmitDone,
    TransmitLate,
)
from lensmount_hardware.boards.transmit_tracker import TransmitTracker
from lensmount_hardware.transport import BROKEN_BYTES, TimedRecord
from lensmount_protocol.wire import (
    BITS_PER_BYTE,
    Annotation,
    Burst,
    ClockSync,
    DataLoss,
    Edge,
    LineChanged,
    Received,
    Role,
    WireEvent,
    WireRecord,
    transmission_time,
)


@dataclass(frozen=True, slots=True)
class BoardEvent:
    """An event on the wire, with its time on the board's clock.

    Attributes:
        event: the event.
        board_us: its time: for bytes the end of the first stop bit, for a line the edge; for the levels that a port
            states at its start, the time of reading.
        gaps_us: for bytes: microseconds from each to the next; empty where they are back to back at the rate in force.
        sender: for bytes: their sender.
    """

    event: WireEvent
    board_us: int
    gaps_us: tuple[int, ...] = ()
    sender: Role | None = None


LOSS_TEXTS: Mapping[LossKind, str] = {
    LossKind.RECEIVED: "bytes received, because the board's queue was full",
    LossKind.EDGES: "edges, because the board's queue was full",
    LossKind.REPORTS: "other reports, because the board's queue was full",
    LossKind.TRANSMISSIONS: "transmissions, when the board entered the safe state",
    LossKind.DRIVES: "commands of levels and rates, when the board entered the safe state",
    LossKind.FRAMES: "frames from us to the board",
    LossKind.BROKEN_BYTES: BROKEN_BYTES,
}
"""Kind of loss -> its description."""

OLD_FIRMWARE_NOTE = "the board's firmware is older and does not report our own edges: their times are calculated"
"""Note in a recording of such a board."""

SYNC_PERIOD = 10.0
"""Seconds between two clock synchronisations in a recording."""

SYNC_IMPROVEMENT = 0.5
"""A clock fix is recorded at once if its uncertainty is below this share of the last one's."""

_MAX_JITTER_US = 1.5
"""Microseconds by which a byte may be off its place in a run: timestamps are whole microseconds."""

_ROLES = {BoardRole.BODY: Role.BODY, BoardRole.LENS: Role.LENS}


class BoardRecorder:
    """Recorder of one session with a board.

    Args:
        pin_map: the board's configuration.
        link: the link; it must know the board's clock.
        reports_own_edges: whether the board reports edges of its own outputs.
        replies: the replies of a board that answers by itself.

    Attributes:
        lost: losses that the board reports, by kind.
        late: commands that the board started late, or dropped because they were late.
        rejected: commands that the board's interlock rejected: no other end, or no supply.
        missed: frames of the board that did not arrive.
        transmit_tracker: tracker of our own commands; `None` where we only listen.
        baudrate: the rate in force.
    """

    def __init__(
        self, pin_map: PinMap, link: BoardLink, *, reports_own_edges: bool = False, replies: ReplyTable | None = None
    ) -> None:
        self._replies = replies
        self.lost = Counter[LossKind]()
        self.late = self.rejected = self.missed = 0
        self.baudrate = pin_map.configure.baudrate
        role = _ROLES.get(BoardRole(pin_map.configure.role))
        self.transmit_tracker = None if role is None else _make_tracker(pin_map, role, link, reports_own_edges)
        self._pin_map = pin_map
        self._link = link
        self._timeline = MonotonicTimeline(link.clock, follows=role is not None)
        self._pending: deque[tuple[BoardEvent | None, TimedRecord]] = deque()
        self._last_sync = ClockSync(float("-inf"), 0, float("inf"))
        self._trips: int = 0
        self._breaks: int = link.clock.breaks
        self._next_baudrate: tuple[int, int] | None = None
        self._assembler = None if pin_map.clocked is None else BurstAssembler(pin_map.clocked, role)
        if interruption := link.interruption_summary():
            self._append([Annotation(link.clock.host_time(link.clock.last_us), interruption)])
        if self.transmit_tracker is not None and not reports_own_edges:
            self._append([Annotation(self._timeline.at(link.board_us), OLD_FIRMWARE_NOTE)])
        self.sync_clock()

    def __len__(self) -> int:
        return len(self._pending)

    def drain(self) -> list[tuple[BoardEvent | None, TimedRecord]]:
        """Return and remove all pending events and records, oldest first."""
        seen = list(self._pending)
        self._pending.clear()
        return seen

    def problems(self) -> dict[str, int]:
        """Return what was late, rejected or lost: description -> count."""
        counts = {
            "commands that the board started late, or dropped because they were late": self.late,
            "commands that the board's interlock rejected": self.rejected,
            "frames of the board that did not arrive": self.missed,
            "bytes that were ordered and not sent": self.transmit_tracker.unsent if self.transmit_tracker else 0,
            **{f"lost: {LOSS_TEXTS[sort]}": count for sort, count in self.lost.items()},
        }
        return {what: count for what, count in counts.items() if count}

    def sync_clock(self) -> None:
        """Update from the link: the board's clock and missing frames."""
        clock = self._link.clock
        if clock.trips != self._trips:
            self._trips = clock.trips
            self._timeline.follow()
            at = clock.host_time(clock.last_us)
            if clock.breaks != self._breaks:
                self._breaks = clock.breaks
                self._timeline.reset()
                self._append([Annotation(at, "the board's clock jumped: times before and after are not comparable")])
            fix = ClockSync(at, clock.last_us, clock.uncertainty(clock.last_us))
            if (
                at - self._last_sync.at >= SYNC_PERIOD
                or fix.uncertainty < SYNC_IMPROVEMENT * self._last_sync.uncertainty
            ):
                self._last_sync = fix
                self._append([fix])
        for first, count in self._link.missing_frames():
            self.missed += count
            last = (first + count - 1) % 256
            self._append([DataLoss(self._now, f"frames of the board, numbers {first} to {last}", count)])

    def on_baudrate_command(self, baudrate: int, at: float | None) -> int:
        """Note an ordered rate, from a time on or at once; returns that time on the board's clock, 0 for at once."""
        if at is None:
            self._next_baudrate, self.baudrate = None, baudrate
            return 0
        at_us = max(1, self._timeline.board_us(at))
        self._next_baudrate = at_us, baudrate
        return at_us

    def on_bytes(self, report: ReceivedBytes) -> None:
        """Record received bytes."""
        if self._next_baudrate is not None and report.at_us >= self._next_baudrate[0]:
            self.baudrate, self._next_baudrate = self._next_baudrate[1], None
        sender = self._pin_map.senders.get(report.line)
        whole = BoardEvent(Received(report.data), report.at_us, tuple(report.gaps), sender)
        if sender is None:
            self._pending.append(
                (whole, TimedRecord(Annotation(self._now, "bytes on a line without a sender"), whole.event))
            )
            return
        first: BoardEvent | None = whole
        for burst in self._bursts(report, sender):
            self._pending.append((first, TimedRecord(burst, Received(burst.data))))
            first = None

    def on_burst(self, report: BurstReceived) -> None:
        """Record a burst of a clocked mount, or keep a part of one."""
        sender = self._pin_map.senders.get(report.line)
        if self._assembler is None or sender is None:
            return
        if report.flags & BurstFlag.ANSWERED and self._replies is not None:
            self._replies.on_answered(self._link.clock.host_time(report.at_us + report.took_us))
        began = self._timeline.at(report.at_us)
        for record in self._assembler.add(sender, report, began, self._timeline.at(report.at_us + report.took_us)):
            if isinstance(record, Burst) and record.sender is sender:
                event = Received(record.data)
                self._pending.append((BoardEvent(event, report.at_us, sender=sender), TimedRecord(record, event)))
            else:
                self._append([record])

    def on_edge(self, report: LineEdge) -> None:
        """Record an edge of a line, the peer's or ours."""
        if report.line >= len(self._pin_map.names):
            return
        line, level = self._pin_map.names[report.line], bool(report.level)
        if line in self._pin_map.outputs:
            self._append([Edge(self._timeline.at(report.at_us), line, level)])
        else:
            self.record_level(line, level, report.at_us)

    def record_level(self, line: str, level: bool, at_us: int) -> None:
        """Record a line's level: a change, or the level at the start."""
        event = LineChanged(line, level)
        edge = Edge(self._timeline.at(at_us), line, level)
        self._pending.append((BoardEvent(event, at_us), TimedRecord(edge, event)))

    def on_sent(self, report: TransmitDone) -> None:
        """Record bytes that the board has sent for us."""
        if self.transmit_tracker is None:
            return
        begin, end = self._timeline.at(report.begin_us), self._timeline.at(report.end_us)
        if self._assembler is None:
            self._append(self.transmit_tracker.on_sent(report.id, begin, end))
        else:
            unit = (
                None if self._replies is None else self._replies.unit(report.id, self._assembler.copied(MAX_REPLY_UNIT))
            )
            unit = self.transmit_tracker.on_shifted(report.id) if unit is None else unit
            self._append(() if unit is None else [self._assembler.own_burst(unit, begin, end)])

    def on_late(self, report: TransmitLate) -> None:
        """Record a late order."""
        self.late += 1
        what = self.transmit_tracker.describe(report.id) if self.transmit_tracker else "an order"
        done = "dropped because it would have started" if report.dropped else "done, but started"
        self._append([Annotation(self._now, f"late on the board: {what}, {done} {report.by_us} µs after its time")])
        if report.dropped and self.transmit_tracker is not None:
            self._append(self.transmit_tracker.on_rejected(report.id, self._now))

    def on_data_lost(self, report: DataLost) -> None:
        """Record a loss that the board reports."""
        sort = next((known for known in LossKind if known == report.sort), LossKind.REPORTS)
        self.lost[sort] += report.count
        records: list[WireRecord] = []
        if self.transmit_tracker is not None and sort in (LossKind.TRANSMISSIONS, LossKind.DRIVES):
            number = report.count
            records = list(self.transmit_tracker.on_queue_dropped(number if sort is LossKind.TRANSMISSIONS else 0,
                                         number if sort is LossKind.DRIVES else 0, self._now))  # fmt: skip
        self._append(records or [DataLoss(self._now, LOSS_TEXTS[sort], report.count)])

    def on_rejected(self, report: MessageRejected) -> None:
        """Record an order that the board's interlock rejected."""
        self.rejected += 1
        self._append([Annotation(self._now, format_rejection(report, self._pin_map.names))])
        number = self._link.command_id_for(report.of_sequence)
        if self.transmit_tracker is not None and number is not None:
            self._append(self.transmit_tracker.on_rejected(number, self._now))

    def on_state(self, state: BoardState) -> None:
        """Process the board's state; in the safe state it gives the levels of our lines."""
        if self.transmit_tracker is not None and state.flags & StateFlag.ALL_IDLE:
            levels = {line: bool(state.levels >> number & 1) for line, number in self._pin_map.outputs.items()}
            self._append(self.transmit_tracker.on_safe_state(levels, self._timeline.at(state.at_us)))

    def on_level_command(self, number: int, line: str, level: bool, now: float) -> None:
        """Track an ordered level."""
        if self.transmit_tracker is not None:
            in_turn = line in self._pin_map.queued_lines
            self._append(self.transmit_tracker.on_level_command(number, line, level, now, in_turn=in_turn))

    def on_timer_edge(self, line: str, level: bool, at: float) -> None:
        """Record an edge that the board's timer makes."""
        if self.transmit_tracker is not None and not self.transmit_tracker.reports_edges:
            self._append([Edge(at, line, level)])

    def flush_commands(self, now: float) -> None:
        """Record commands for which no better time will become known."""
        if self.transmit_tracker is not None:
            self._append(self.transmit_tracker.flush_due(now))

    def on_board_lost(self, now: float) -> None:
        """Record that the board has gone."""
        if self.transmit_tracker is not None:
            self._append(self.transmit_tracker.on_board_lost(now))

    @property
    def _now(self) -> float:
        """The latest time that the board reported."""
        return self._timeline.at(self._link.board_us)

    def _append(self, records: Iterable[WireRecord]) -> None:
        self._pending.extend((None, TimedRecord(record)) for record in records)

    def _bursts(self, report: ReceivedBytes, sender: Role) -> Iterable[Burst]:
        """Yield the bytes as runs without pauses."""
        byte_us = BITS_PER_BYTE * 1e6 / self.baudrate
        if report.spacing != TimestampEncoding.GAPS:
            yield self._burst(sender, report.data, report.at_us)
            return
        start, begin_us, at_us = 0, report.at_us, report.at_us
        for index, gap_us in enumerate(report.gaps, 1):
            at_us += gap_us
            if abs(at_us - begin_us - (index - start) * byte_us) > _MAX_JITTER_US:
                yield self._burst(sender, report.data[start:index], begin_us)
                start, begin_us = index, at_us
        yield self._burst(sender, report.data[start:], begin_us)

    def _burst(self, sender: Role, data: bytes, first_stop_us: int) -> Burst:
        at = self._timeline.at(first_stop_us) - transmission_time(1, self.baudrate)
        return Burst(at, sender, data, self.baudrate, at + transmission_time(len(data), self.baudrate))


def _make_tracker(pin_map: PinMap, role: Role, link: BoardLink, reports_edges: bool) -> TransmitTracker:
    wanted = pin_map.configure
    ours = {line: wanted.lines[number] for line, number in pin_map.outputs.items()}
    select = next((line for line, mapped in ours.items() if mapped.kind == LineKind.ATTENTION), "")
    idle = {line: bool(mapped.flags & LineFlag.IDLE_HIGH) for line, mapped in ours.items()}
    setup, hold, lead = wanted.timing.setup_us * 1e-6, wanted.timing.hold_us * 1e-6, pin_map.lead_us * 1e-6
    loads = pin_map.clocked is not None and pin_map.clocked.clocked_by is not role
    return TransmitTracker(
        role,
        select,
        setup,
        hold,
        idle,
        lambda: max(lead, link.clock.one_way()),
        reports_edges=reports_edges,
        replaces=loads,
    )
