"""A board as a port, `board:SERIAL` or `board:tcp//host:port`: lines and deadlines are kept by the board."""

import os
from collections.abc import Mapping

from lensmount_hardware.boards.conversation import PING_PERIOD, Conversation, rate_refused
from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.meanings import meaning
from lensmount_hardware.boards.orders import SendBytes, SetLevel, SetRate
from lensmount_hardware.boards.plan import Plan, make_plan
from lensmount_hardware.boards.protocol import LONGEST_DATA
from lensmount_hardware.boards.refusals import refusal
from lensmount_hardware.boards.reports import (
    BoardState,
    Dropped,
    EdgeSeen,
    Late,
    ReceivedBytes,
    Refused,
    Sent,
)
from lensmount_hardware.boards.streams import ByteStream, open_stream
from lensmount_hardware.boards.sync_signal import SyncSignal
from lensmount_hardware.boards.timed import TimedEvent
from lensmount_hardware.boards.witness import Witness
from lensmount_hardware.boards.words import BoardRole, DriveFlag, ErrorCode, RestReason, Sort, StateFlag
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.spec import PortSpec
from lensmount_hardware.transport import Sighting, TimedTransport, Transport, shifted
from lensmount_protocol.errors import TransportError, TransportLostError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import DriveLine, Role, SetBaudrate, Transmit, WireAction, WireEvent

_GUARDED = (ErrorCode.NOT_PRESENT, ErrorCode.NOT_POWERED)
_IDS = 1 << 16

_log = get_logger("ports")


def open_board(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open a board to play `role`, or only to listen, at both ends.

    Raises:
        TransportSpecError: the contacts are not known, or options that mean nothing.
        TransportOpenError: there is no such board, or it does not answer.
        BoardError: it has other firmware, another host, or refuses its configuration.
    """
    if spec.listens:
        return connect(spec, BoardRole.SNIFFER, baudrate)
    return connect(spec, BoardRole.BODY if role is Role.BODY else BoardRole.LENS, baudrate)


def connect(spec: PortSpec, role: BoardRole, baudrate: int) -> "BoardTransport":
    """As `open_board`, also for a board that only listens."""
    if spec.contacts is None:
        raise spec.error("a board keeps the mount's lines itself, and was not told which they are")
    plan = make_plan(spec, spec.contacts, role, baudrate)
    stream = open_stream(spec)
    try:
        return BoardTransport(stream, plan, MonotonicClock(), int.from_bytes(os.urandom(4)))
    except BaseException:
        stream.close()
        raise


class BoardTransport(TimedTransport):
    """A board that plays one end, or listens.

    Args:
        stream: the bytes to and from it; it is closed with the transport.
        plan: what the board is told, and how its lines are called.
        clock: our time.
        session: a number of 32 bits that no other host has.

    Attributes:
        name: the board's port.
        lines: the mount's lines that the board carries.
        keeps_time: it does.
        clock: our time, that `host_time` counts in.
        board: who the board is.
        state: how the board was when it last said so.
    """

    def __init__(self, stream: ByteStream, plan: Plan, clock: Clock, session: int) -> None:
        self.lines = plan.lines
        self.keeps_time = True
        self.clock = clock
        self._plan = plan
        self._talk = Conversation(stream, clock, session)
        self.name = self._talk.name
        self._sync = SyncSignal(plan.sync_width)
        self._numbers = 0
        self._told_on: Clock = clock
        self._shift = 0.0
        self.board = self._talk.greet(take_over=plan.take_over)
        self.state = self._talk.configure(plan)
        self._witness = Witness(plan, self.link, tells_own_edges=self._talk.tells_own_edges)
        for dropped in self._talk.lost:
            self._witness.take_dropped(dropped)
        self._state_levels()

    @property
    def link(self) -> BoardLink:
        """The protocol's state: counts, the clock map."""
        return self._talk.link

    @property
    def lost(self) -> Mapping[Sort, int]:
        """What the board had to drop, by its sort."""
        return self._witness.lost

    @property
    def late(self) -> int:
        """Orders that began late, or were dropped for it, on the board."""
        return self._witness.late

    @property
    def refused(self) -> int:
        """Orders that the board's guard refused: nobody there, or no supply."""
        return self._witness.refused

    def host_time(self, board_us: int) -> float:
        """A time of the board on `clock`, in seconds, as exactly as `link.clock` says."""
        return self.link.clock.host_time(board_us)

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """What arrived, oldest first."""
        return [timed.event for timed in self.take(timeout)]

    def take(self, timeout: float | None) -> list[TimedEvent]:
        """What arrived, oldest first, with the board's times; else as `receive`."""
        deadline = self._deadline(timeout)
        while True:
            events = [timed for timed, _ in self._look(deadline) if timed is not None]
            if events or (self._is_over(deadline) and not self._talk.gone):
                return events

    def sightings(self, timeout: float | None, clock: Clock) -> list[Sighting]:
        """What happened, with the board's times on `clock`, our own doing and what was lost included."""
        if clock is not self._told_on:
            self._told_on, self._shift = clock, clock.now() - self.clock.now()
        deadline = self._deadline(timeout)
        while True:
            seen = [Sighting(shifted(one.record, self._shift), one.event) for _, one in self._look(deadline)]
            if seen or self._is_over(deadline):
                return seen

    def troubles(self) -> Mapping[str, int]:
        """What came late, was refused or was lost so far: in words, and how often."""
        return self._witness.troubles()

    def send(self, action: WireAction) -> None:
        """Do this to the wire, as soon as it is its turn."""
        self._talk.require_open()
        now = self.clock.now()
        match action:
            case Transmit(data):
                for start in range(0, len(data), LONGEST_DATA):
                    self._transmit(data[start : start + LONGEST_DATA], now)
            case DriveLine(line, level):
                self._drive(line, level, now)
            case SetBaudrate(baudrate, at):
                if told := rate_refused(self.board, baudrate):
                    raise TransportError(f"{self.name}: {told}")
                at_us = self._witness.rate_ordered(baudrate, None if at is None else at - self._shift)
                self._talk.order(SetRate(self._number(), baudrate, at_us))
                _log.info("%s: %d baud", self.name, baudrate)
        self._talk.ping()
        self._talk.flush()

    def close(self) -> None:
        """Put everything at rest and let go of the board; closing again does nothing."""
        if not self._talk.gone:
            _log.info("%s: closing", self.name)
        self._talk.close()

    def _transmit(self, data: bytes, now: float) -> None:
        number = self._number()
        self._talk.order(SendBytes(number, 0, self._begin_us(now), 0, data))
        if self._witness.own is not None:
            self._witness.own.bytes_ordered(number, data, self._witness.baudrate, now)

    def _drive(self, line: str, level: bool, now: float) -> None:
        place = self._plan.ours.get(line)
        if place is None:
            return
        if line == self._plan.sync and self._sync.drive(level, now, self.link):
            self._witness.made(line, level, self._sync.made_at(level, now))
            return
        number = self._number()
        in_turn = line in self._plan.in_turn
        flags, at_us = (DriveFlag.IN_TURN, self._begin_us(now)) if in_turn else (0, 0)
        self._talk.order(SetLevel(number, flags, place, int(level), at_us))
        self._witness.level_ordered(number, line, level, now)

    def _begin_us(self, now: float) -> int:
        """When the board is to begin what is ordered now; 0 is as soon as the order is there."""
        return self.link.clock.board_time_us(now) + self._plan.lead_us if self._plan.lead_us else 0

    def _state_levels(self) -> None:
        data = {*self._plan.senders}
        for number, line in enumerate(self._plan.names):
            if line not in self._plan.ours and number not in data:
                self._witness.state_level(line, bool(self.state.levels >> number & 1), self.state.at_us)

    def _number(self) -> int:
        self._numbers = (self._numbers + 1) % _IDS
        return self._numbers

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self.clock.now() + max(0.0, timeout)

    def _is_over(self, deadline: float | None) -> bool:
        return deadline is not None and self.clock.now() >= deadline

    def _look(self, deadline: float | None) -> list[tuple[TimedEvent | None, Sighting]]:
        """One look at the board, at most until the deadline; what came before it went is given before that is told."""
        try:
            self._talk.require_open()
            self._talk.ping()
            now = self.clock.now()
            self._sync.end_if_due(now, self.link)
            left = min(PING_PERIOD, self._sync.patience(now))
            left = left if deadline is None else min(left, max(0.0, deadline - now))
            self._talk.exchange(0.0 if len(self._witness) else left)
            self._sort_all()
        except TransportLostError:
            self._sort_all(gone=True)
            if not len(self._witness):
                raise
        return self._witness.give()

    def _sort_all(self, *, gone: bool = False) -> None:
        for report in self.link.events():
            self._sort(report, gone=gone)
        self._witness.look_at_clock()
        self._witness.look_at_orders(self.clock.now())
        if gone:
            self._witness.end(self.clock.now())
        else:
            self._talk.flush()

    def _sort(self, report: BoardMessage, *, gone: bool) -> None:
        match report:
            case ReceivedBytes():
                self._witness.take_bytes(report)
            case EdgeSeen():
                self._witness.take_edge(report)
            case Sent():
                self._witness.take_sent(report)
            case Late():
                self._witness.take_late(report)
            case Dropped():
                self._witness.take_dropped(report)
            case BoardState():
                self._take_state(report, gone=gone)
            case Refused(code) if code in _GUARDED:
                self._witness.take_refused(report)
            case Refused() if not gone:
                raise TransportError(f"{self.name}: {refusal(report, self._plan.names)}")
            case _:
                pass

    def _take_state(self, state: BoardState, *, gone: bool) -> None:
        self.state = state
        if state.flags & StateFlag.AT_REST:
            self._sync.stop()
        self._witness.take_state(state)
        if not (state.flags & StateFlag.CONFIGURED or gone):
            reason = next((reason for reason in RestReason if reason == state.reason), RestReason.START)
            self._talk.lose(f"everything is at rest: {meaning(reason)}")
