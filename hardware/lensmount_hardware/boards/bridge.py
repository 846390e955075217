"""A board as a port, `board:SERIAL` or `board:tcp//host:port`: lines and deadlines are kept by the board."""

import os
from collections import Counter, deque
from typing import NoReturn

from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.link import BoardLink, refusal
from lensmount_hardware.boards.meanings import meaning
from lensmount_hardware.boards.orders import Rest, SendBytes, SetLevel, SetRate
from lensmount_hardware.boards.plan import Plan, make_plan
from lensmount_hardware.boards.protocol import LONGEST_DATA
from lensmount_hardware.boards.reports import (
    BoardState,
    Dropped,
    EdgeSeen,
    Late,
    ReceivedBytes,
    Refused,
    Sent,
    Welcome,
)
from lensmount_hardware.boards.streams import ByteStream, open_stream
from lensmount_hardware.boards.sync_signal import SyncSignal
from lensmount_hardware.boards.timed import TimedEvent
from lensmount_hardware.boards.words import (
    BoardRole,
    DriveFlag,
    ErrorCode,
    RestFlag,
    RestReason,
    Sort,
    StateFlag,
)
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import BoardError, TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, SetBaudrate, Transmit, WireAction, WireEvent

PING_PERIOD = 0.1
"""Seconds between two questions for the board's time, which also keep its watchdog quiet."""

PATIENCE = 2.0
"""Seconds that a board has for its answers to a greeting and a configuration, and for taking orders that wait."""

_GREETING_PERIOD = 0.5
_MOST_BACKLOG = 1 << 16
_GUARDED = (ErrorCode.NOT_PRESENT, ErrorCode.NOT_POWERED)
_IDS = 1 << 16


def open_board(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open a board to play `role`.

    Raises:
        TransportSpecError: the contacts are not known, or options that mean nothing.
        TransportOpenError: there is no such board, or it does not answer.
        BoardError: it has other firmware, another host, or refuses its configuration.
    """
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


class BoardTransport(Transport):
    """A board that plays one end, or listens.

    Args:
        stream: the bytes to and from it; it is closed with the transport.
        plan: what the board is told, and how its lines are called.
        clock: our time.
        session: a number of 32 bits that no other host has.

    Attributes:
        name: the board's port.
        lines: the mount's lines that the board carries.
        clock: our time, that `host_time` counts in.
        state: how the board was when it last said so.
        lost: what the board had to drop, by its sort.
        late: orders that began late, or were dropped for it, on the board.
        refused: orders that the board's guard refused: nobody there, or no supply.
    """

    def __init__(self, stream: ByteStream, plan: Plan, clock: Clock, session: int) -> None:
        self.name = f"board:{stream.name}"
        self.lines = plan.lines
        self.clock = clock
        self.state: BoardState
        self.lost = Counter[Sort]()
        self.late = 0
        self.refused = 0
        self._stream = stream
        self._plan = plan
        self._link = BoardLink(session)
        self._inbox: deque[TimedEvent] = deque()
        self._sync = SyncSignal(plan.sync_width)
        self._numbers = 0
        self._pinged = clock.now()
        self._gone = ""
        self.board = self._greet()
        self.state = self._configure()
        self._state_levels()

    @property
    def link(self) -> BoardLink:
        """The protocol's state: counts, the clock map."""
        return self._link

    def host_time(self, board_us: int) -> float:
        """A time of the board on `clock`, in seconds, as exactly as `link.clock` says; one ping must be answered."""
        return self._link.clock.host_time(board_us)

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """What arrived, oldest first."""
        return [timed.event for timed in self.take(timeout)]

    def take(self, timeout: float | None) -> list[TimedEvent]:
        """What arrived, oldest first, with the board's times; else as `receive`."""
        self._require_open()
        deadline = None if timeout is None else self.clock.now() + max(0.0, timeout)
        while True:
            self._ping()
            now = self.clock.now()
            self._sync.end_if_due(now, self._link)
            left = min(PING_PERIOD, self._sync.patience(now))
            left = left if deadline is None else min(left, max(0.0, deadline - now))
            if self._inbox:
                left = 0.0
            self._exchange(left)
            if self._inbox:
                events = list(self._inbox)
                self._inbox.clear()
                return events
            if deadline is not None and self.clock.now() >= deadline:
                return []

    def send(self, action: WireAction) -> None:
        """Do this to the wire, as soon as it is its turn."""
        self._require_open()
        match action:
            case Transmit(data):
                for start in range(0, len(data), LONGEST_DATA):
                    self._order(SendBytes(self._number(), 0, 0, 0, data[start : start + LONGEST_DATA]))
            case DriveLine(line, level):
                number = self._plan.ours.get(line)
                made = line == self._plan.sync and self._sync.drive(level, self.clock.now(), self._link)
                if number is not None and not made:
                    flags = DriveFlag.IN_TURN if line in self._plan.in_turn else 0
                    self._order(SetLevel(self._number(), flags, number, int(level), 0))
            case SetBaudrate(baudrate):
                if not self.board.lowest_baudrate <= baudrate <= self.board.highest_baudrate:
                    raise TransportError(f"{self.name}: {self._rate_refused(baudrate)}")
                self._order(SetRate(self._number(), baudrate, 0))
        self._ping()
        self._flush()

    def close(self) -> None:
        """Put everything at rest and let go of the board; closing again does nothing."""
        if self._gone == "closed":
            return
        lost, self._gone = self._gone, "closed"
        try:
            if not lost:
                self._link.send(Rest(RestFlag.FORGET))
                self._stream.write(self._link.bytes_to_send())
        except (OSError, BoardError):
            # It has gone by itself; its watchdog does the rest.
            pass
        finally:
            self._stream.close()

    def _greet(self) -> Welcome:
        start = self.clock.now()
        greeted = float("-inf")
        while (welcome := self._link.welcome) is None:
            now = self.clock.now()
            if now - start > PATIENCE:
                heard = self._link.counts
                other = heard.garbage + heard.stale
                told = f"something else answers, {other} times" if other else "nothing answers"
                raise TransportOpenError(f"{self.name}: {told}; is it the board, with our firmware on it?")
            if now - greeted >= _GREETING_PERIOD:
                greeted = now
                self._link.greet(take_over=self._plan.take_over)
            self._exchange(_GREETING_PERIOD / 10, opening=True)
        return welcome

    def _configure(self) -> BoardState:
        wanted = self._plan.configure
        if not self.board.lowest_baudrate <= wanted.baudrate <= self.board.highest_baudrate:
            raise BoardError(f"{self.name}: {self._rate_refused(wanted.baudrate)}")
        self._link.send(wanted)
        # A little later than the board's own time-outs, so that its reason is told and not ours.
        self._link.ask_time(self.clock.now())
        start = self.clock.now()
        while self.clock.now() - start <= PATIENCE:
            self._exchange(_GREETING_PERIOD / 10, opening=True)
            for report in self._link.events():
                if isinstance(report, Refused):
                    raise BoardError(f"{self.name}: {refusal(report, self._plan.names)}")
                if isinstance(report, BoardState) and report.flags & StateFlag.CONFIGURED:
                    return report
        raise TransportOpenError(f"{self.name}: the board greeted and then fell silent; unplug it and plug it in again")

    def _state_levels(self) -> None:
        data = {*self._plan.senders}
        for number, line in enumerate(self._plan.names):
            if line not in self._plan.ours and number not in data:
                level = bool(self.state.levels >> number & 1)
                self._inbox.append(TimedEvent(LineChanged(line, level), self.state.at_us))

    def _number(self) -> int:
        self._numbers = (self._numbers + 1) % _IDS
        return self._numbers

    def _order(self, message: BoardMessage) -> None:
        start = self.clock.now()
        while self._link.backlog > _MOST_BACKLOG:
            if self.clock.now() - start > PATIENCE:
                self._lose("it takes no orders any more")
            self._exchange(PING_PERIOD)
        self._link.send(message)

    def _ping(self) -> None:
        now = self.clock.now()
        if now - self._pinged >= PING_PERIOD:
            self._pinged = now
            self._link.ask_time(now)

    def _exchange(self, wait: float, *, opening: bool = False) -> None:
        """Write what is due, read what is there, and sort it."""
        self._flush()
        try:
            data = self._stream.read(wait)
        except OSError as error:
            self._lose(str(error), error)
        if data:
            self._hear(data, opening=opening)

    def _hear(self, data: bytes, *, opening: bool) -> None:
        try:
            self._link.receive(data, self.clock.now())
        except BoardError as error:
            if opening:
                raise BoardError(f"{self.name}: {error}") from error
            self._lose(str(error), error)
        if not opening:
            for report in self._link.events():
                self._sort(report)
            self._flush()

    def _sort(self, report: BoardMessage) -> None:
        match report:
            case ReceivedBytes(at_us, line, _, _, data, gaps):
                self._inbox.append(TimedEvent(Received(data), at_us, tuple(gaps), self._plan.senders.get(line)))
            case EdgeSeen(line, level, at_us):
                if line < len(self._plan.names):
                    self._inbox.append(TimedEvent(LineChanged(self._plan.names[line], bool(level)), at_us))
            case Late():
                self.late += 1
            case Dropped(sort, count):
                known = next((known for known in Sort if known == sort), Sort.REPORTS)
                self.lost[known] += count
            case BoardState():
                self._take_state(report)
            case Refused(code) if code in _GUARDED:
                self.refused += 1
            case Refused():
                raise TransportError(f"{self.name}: {refusal(report, self._plan.names)}")
            case Sent() | _:
                pass

    def _take_state(self, state: BoardState) -> None:
        self.state = state
        if state.flags & StateFlag.AT_REST:
            self._sync.stop()
        if not state.flags & StateFlag.CONFIGURED:
            reason = next((reason for reason in RestReason if reason == state.reason), RestReason.START)
            self._lose(f"everything is at rest: {meaning(reason)}")

    def _flush(self) -> None:
        data = self._link.bytes_to_send()
        if data:
            try:
                self._stream.write(data)
            except OSError as error:
                self._lose(str(error), error)

    def _rate_refused(self, baudrate: int) -> str:
        return (
            f"the board cannot do {baudrate} baud, only {self.board.lowest_baudrate} to {self.board.highest_baudrate}"
        )

    def _require_open(self) -> None:
        if self._gone:
            raise TransportLostError(f"{self.name}: {self._gone}")

    def _lose(self, reason: str, error: Exception | None = None) -> NoReturn:
        self._gone = f"the board has gone: {reason}"
        raise TransportLostError(f"{self.name}: {self._gone}") from error
