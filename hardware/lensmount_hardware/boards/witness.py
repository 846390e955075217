"""What a board reports, and what it was ordered, as events and records with the times at which they happened."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.own_doing import OwnDoing
from lensmount_hardware.boards.plan import Plan
from lensmount_hardware.boards.refusals import refusal
from lensmount_hardware.boards.reports import BoardState, Dropped, EdgeSeen, Late, ReceivedBytes, Refused, Sent
from lensmount_hardware.boards.timed import TimedEvent
from lensmount_hardware.boards.timeline import Timeline
from lensmount_hardware.boards.words import BoardRole, LineFlag, LineKind, Sort, Spacing, StateFlag
from lensmount_hardware.transport import BROKEN_BYTES, Sighting
from lensmount_protocol.wire import (
    BITS_PER_BYTE,
    Burst,
    ClockFix,
    Drop,
    Edge,
    LineChanged,
    Received,
    Record,
    Remark,
    Role,
    transmission_time,
)

LOST: Mapping[Sort, str] = {
    Sort.RECEIVED: "bytes received, for want of room on the board",
    Sort.EDGES: "edges, for want of room on the board",
    Sort.REPORTS: "other reports, for want of room on the board",
    Sort.TRANSMISSIONS: "transmissions, when everything went to rest",
    Sort.DRIVES: "orders of levels and rates, when everything went to rest",
    Sort.FRAMES: "frames from us to the board",
    Sort.BROKEN_BYTES: BROKEN_BYTES,
}
"""What is missing, by the board's word for it."""

OLDER = "the board's firmware is older and does not tell when our own lines move: that is reckoned"
"""What a recording says of such a board."""

FIX_PERIOD = 10.0
"""Seconds after which a recording is told again where the board's clock stands."""

BETTER = 0.5
"""A fix that is known to this share of the last one's uncertainty is told at once."""

_UNEVEN_US = 1.5
"""Microseconds by which a byte may be off its place in a run: stamps are whole microseconds."""

_ROLES = {BoardRole.BODY: Role.BODY, BoardRole.LENS: Role.LENS}


class Witness:
    """One board's session.

    Args:
        plan: what the board was told.
        link: where its clock stands; it must know it.
        tells_own_edges: whether the board reports edges of its own outputs.

    Attributes:
        lost: what the board had to drop, by its sort.
        late: orders that began late, or were dropped for it, on the board.
        refused: orders that the board's guard refused: nobody there, or no supply.
        missed: frames of the board that never came.
        own: what we do ourselves; `None` where we only listen.
        baudrate: the rate in force.
    """

    def __init__(self, plan: Plan, link: BoardLink, *, tells_own_edges: bool = False) -> None:
        self.lost = Counter[Sort]()
        self.late = self.refused = self.missed = 0
        self.baudrate = plan.configure.baudrate
        role = _ROLES.get(BoardRole(plan.configure.role))
        self.own = None if role is None else _own(plan, role, link, tells_own_edges)
        self._plan = plan
        self._link = link
        self._timeline = Timeline(link.clock, follows=role is not None)
        self._seen: deque[tuple[TimedEvent | None, Sighting]] = deque()
        self._fixed = ClockFix(float("-inf"), 0, float("inf"))
        self._trips: int = 0
        self._breaks: int = link.clock.breaks
        self._coming: tuple[int, int] | None = None
        if told := link.break_told():
            self._keep([Remark(link.clock.host_time(link.clock.last_us), told)])
        if self.own is not None and not tells_own_edges:
            self._keep([Remark(self._timeline.at(link.board_us), OLDER)])
        self.look_at_clock()

    def __len__(self) -> int:
        return len(self._seen)

    def give(self) -> list[tuple[TimedEvent | None, Sighting]]:
        """All that was seen and not given yet, oldest first."""
        seen = list(self._seen)
        self._seen.clear()
        return seen

    def troubles(self) -> dict[str, int]:
        """What came late, was refused or was lost: in words, and how often."""
        told = {
            "orders that began late on the board, or were dropped for it": self.late,
            "orders that the board's guard refused": self.refused,
            "frames of the board that never came": self.missed,
            "bytes that were ordered and not sent": self.own.unsent if self.own else 0,
            **{f"lost: {LOST[sort]}": count for sort, count in self.lost.items()},
        }
        return {what: count for what, count in told.items() if count}

    def look_at_clock(self) -> None:
        """Take in what the link has learnt of the board's clock, and of frames that never came."""
        clock = self._link.clock
        if clock.trips != self._trips:
            self._trips = clock.trips
            self._timeline.follow()
            at = clock.host_time(clock.last_us)
            if clock.breaks != self._breaks:
                self._breaks = clock.breaks
                self._timeline.begin_anew()
                self._keep([Remark(at, "the board's clock jumped: times before and behind do not belong together")])
            fix = ClockFix(at, clock.last_us, clock.uncertainty(clock.last_us))
            if at - self._fixed.at >= FIX_PERIOD or fix.uncertainty < BETTER * self._fixed.uncertainty:
                self._fixed = fix
                self._keep([fix])
        for first, count in self._link.gaps():
            self.missed += count
            last = (first + count - 1) % 256
            self._keep([Drop(self._now, f"frames of the board, numbers {first} to {last}", count)])

    def rate_ordered(self, baudrate: int, at: float | None) -> int:
        """We have ordered a rate, from a time on or at once; gives the board's time of it, 0 for at once."""
        if at is None:
            self._coming, self.baudrate = None, baudrate
            return 0
        at_us = max(1, self._timeline.board_us(at))
        self._coming = at_us, baudrate
        return at_us

    def take_bytes(self, report: ReceivedBytes) -> None:
        """Bytes that came."""
        if self._coming is not None and report.at_us >= self._coming[0]:
            self.baudrate, self._coming = self._coming[1], None
        sender = self._plan.senders.get(report.line)
        whole = TimedEvent(Received(report.data), report.at_us, tuple(report.gaps), sender)
        if sender is None:
            self._seen.append((whole, Sighting(Remark(self._now, "bytes on a line that nobody drives"), whole.event)))
            return
        first: TimedEvent | None = whole
        for burst in self._bursts(report, sender):
            self._seen.append((first, Sighting(burst, Received(burst.data))))
            first = None

    def take_edge(self, report: EdgeSeen) -> None:
        """A line moved, the peer's or ours."""
        if report.line >= len(self._plan.names):
            return
        line, level = self._plan.names[report.line], bool(report.level)
        if line in self._plan.ours:
            self._keep([Edge(self._timeline.at(report.at_us), line, level)])
        else:
            self.state_level(line, level, report.at_us)

    def state_level(self, line: str, level: bool, at_us: int) -> None:
        """A line took a level, or had it when we came."""
        event = LineChanged(line, level)
        edge = Edge(self._timeline.at(at_us), line, level)
        self._seen.append((TimedEvent(event, at_us), Sighting(edge, event)))

    def take_sent(self, report: Sent) -> None:
        """Bytes of ours are on the wire and over."""
        if self.own is not None:
            self._keep(self.own.sent(report.id, self._timeline.at(report.begin_us), self._timeline.at(report.end_us)))

    def take_late(self, report: Late) -> None:
        """An order was late."""
        self.late += 1
        what = self.own.describe(report.id) if self.own else "an order"
        done = "dropped, for it would have begun" if report.dropped else "done, but begun"
        self._keep([Remark(self._now, f"late on the board: {what}, {done} {report.by_us} µs behind its time")])
        if report.dropped and self.own is not None:
            self._keep(self.own.refused(report.id, self._now))

    def take_dropped(self, report: Dropped) -> None:
        """Something was lost."""
        sort = next((known for known in Sort if known == report.sort), Sort.REPORTS)
        self.lost[sort] += report.count
        told: list[Record] = []
        if self.own is not None and sort in (Sort.TRANSMISSIONS, Sort.DRIVES):
            number = report.count
            told = list(self.own.emptied(number if sort is Sort.TRANSMISSIONS else 0,
                                         number if sort is Sort.DRIVES else 0, self._now))  # fmt: skip
        self._keep(told or [Drop(self._now, LOST[sort], report.count)])

    def take_refused(self, report: Refused) -> None:
        """The guard refused an order."""
        self.refused += 1
        self._keep([Remark(self._now, refusal(report, self._plan.names))])
        number = self._link.order_of(report.of_sequence)
        if self.own is not None and number is not None:
            self._keep(self.own.refused(number, self._now))

    def take_state(self, state: BoardState) -> None:
        """The board says how it is; at rest its word on our lines counts."""
        if self.own is not None and state.flags & StateFlag.AT_REST:
            levels = {line: bool(state.levels >> number & 1) for line, number in self._plan.ours.items()}
            self._keep(self.own.rested(levels, self._timeline.at(state.at_us)))

    def level_ordered(self, number: int, line: str, level: bool, now: float) -> None:
        """We have ordered a level."""
        if self.own is not None:
            in_turn = line in self._plan.in_turn
            self._keep(self.own.level_ordered(number, line, level, now, in_turn=in_turn))

    def made(self, line: str, level: bool, at: float) -> None:
        """The board's timer makes this edge."""
        if self.own is not None and not self.own.told:
            self._keep([Edge(at, line, level)])

    def look_at_orders(self, now: float) -> None:
        """Tell of orders whose time nothing will tell any better."""
        if self.own is not None:
            self._keep(self.own.due(now))

    def end(self, now: float) -> None:
        """The board has gone."""
        if self.own is not None:
            self._keep(self.own.abandoned(now))

    @property
    def _now(self) -> float:
        """By the latest time that the board told."""
        return self._timeline.at(self._link.board_us)

    def _keep(self, records: Iterable[Record]) -> None:
        self._seen.extend((None, Sighting(record)) for record in records)

    def _bursts(self, report: ReceivedBytes, sender: Role) -> Iterable[Burst]:
        """The bytes as runs without pauses."""
        byte_us = BITS_PER_BYTE * 1e6 / self.baudrate
        if report.spacing != Spacing.GAPS:
            yield self._burst(sender, report.data, report.at_us)
            return
        start, begin_us, at_us = 0, report.at_us, report.at_us
        for index, gap_us in enumerate(report.gaps, 1):
            at_us += gap_us
            if abs(at_us - begin_us - (index - start) * byte_us) > _UNEVEN_US:
                yield self._burst(sender, report.data[start:index], begin_us)
                start, begin_us = index, at_us
        yield self._burst(sender, report.data[start:], begin_us)

    def _burst(self, sender: Role, data: bytes, first_stop_us: int) -> Burst:
        at = self._timeline.at(first_stop_us) - transmission_time(1, self.baudrate)
        return Burst(at, sender, data, self.baudrate, at + transmission_time(len(data), self.baudrate))


def _own(plan: Plan, role: Role, link: BoardLink, told: bool) -> OwnDoing:
    wanted = plan.configure
    ours = {line: wanted.lines[number] for line, number in plan.ours.items()}
    select = next((line for line, mapped in ours.items() if mapped.kind == LineKind.ATTENTION), "")
    idle = {line: bool(mapped.flags & LineFlag.IDLE_HIGH) for line, mapped in ours.items()}
    setup, hold, lead = wanted.timing.setup_us * 1e-6, wanted.timing.hold_us * 1e-6, plan.lead_us * 1e-6
    return OwnDoing(role, select, setup, hold, idle, lambda: max(lead, link.clock.one_way()), told=told)
