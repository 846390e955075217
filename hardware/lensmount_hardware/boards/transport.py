"""A board as a port, `board:SERIAL` or `board:tcp//host:port`: the board keeps lines and deadlines."""

import os
from collections.abc import Mapping, Sequence

from lensmount_hardware.boards.byte_stream import ByteStream, open_stream
from lensmount_hardware.boards.clocked import FIRST_ID, ReplyTable
from lensmount_hardware.boards.frame_sync import SyncSignal
from lensmount_hardware.boards.link import BoardLink, format_rejection
from lensmount_hardware.boards.pin_map import PinMap, make_pin_map
from lensmount_hardware.boards.protocol.commands import BaudrateCommand, DriveCommand, TransmitCommand
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    DriveFlag,
    ErrorCode,
    LossKind,
    SafeStateReason,
    StateFlag,
    describe_constant,
)
from lensmount_hardware.boards.protocol.framing import MAX_DATA
from lensmount_hardware.boards.protocol.message import BoardMessage
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
from lensmount_hardware.boards.recorder import BoardEvent, BoardRecorder
from lensmount_hardware.boards.session import PING_PERIOD, BoardSession, baudrate_error
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.transport import PreparedReply, TimedRecord, TimedTransport, Transport, shift_record
from lensmount_protocol.errors import TransportError, TransportLostError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import DriveLine, Role, SetBaudrate, Transmit, WireAction, WireEvent

_INTERLOCK_ERRORS = (ErrorCode.NOT_PRESENT, ErrorCode.NOT_POWERED)
_ID_MODULUS = 1 << 16
_ROLES = {BoardRole.BODY: Role.BODY, BoardRole.LENS: Role.LENS}

_log = get_logger("ports")


def open_board(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open a board to play `role`, or only to listen, at both ends.

    Raises:
        TransportSpecError: the contacts are not known, or an option is invalid.
        TransportOpenError: there is no such board, or it does not answer.
        BoardError: it has other firmware, another host, or rejects its configuration.
    """
    if spec.listen_only:
        return open_board_transport(spec, BoardRole.SNIFFER, baudrate)
    return open_board_transport(spec, BoardRole.BODY if role is Role.BODY else BoardRole.LENS, baudrate)


def open_board_transport(spec: PortSpec, role: BoardRole, baudrate: int) -> "BoardTransport":
    """As `open_board`, also for a board that only listens."""
    if spec.contacts is None:
        raise spec.error("a board keeps the mount's lines itself, and the dialect does not name them")
    plan = make_pin_map(spec, spec.contacts, role, baudrate)
    stream = open_stream(spec)
    try:
        return BoardTransport(stream, plan, MonotonicClock(), int.from_bytes(os.urandom(4)))
    except BaseException:
        stream.close()
        raise


class BoardTransport(TimedTransport):
    """A board that plays one end, or listens.

    Args:
        stream: the bytes to and from the board; it is closed with the transport.
        pin_map: the board's configuration, and the names of its lines.
        clock: our time.
        session_id: a number of 32 bits that no other host has.

    Attributes:
        name: the board's port.
        lines: the mount's lines that the board carries.
        has_timestamps: true.
        prepares_replies: whether the board answers by itself: where the other end clocks.
        clock: our time, the clock of `host_time`.
        board: the board's response to HELLO.
        state: the last state that the board reported.
    """

    def __init__(self, stream: ByteStream, pin_map: PinMap, clock: Clock, session_id: int) -> None:
        self.lines = pin_map.lines
        self.has_timestamps = True
        self.clock = clock
        self._pin_map = pin_map
        self._session = BoardSession(stream, clock, session_id)
        self.name = self._session.name
        self._sync = SyncSignal(pin_map.sync_width)
        self._last_command_id = 0
        self._record_clock: Clock = clock
        self._shift = 0.0
        self.board = self._session.handshake(take_over=pin_map.take_over)
        self.state = self._session.configure(pin_map)
        loads = pin_map.clocked is not None and pin_map.clocked.clocked_by is not _ROLES.get(
            BoardRole(pin_map.configure.role), pin_map.clocked.clocked_by
        )
        self.prepares_replies = loads
        self._replies = ReplyTable(self.name)
        self._recorder = BoardRecorder(
            pin_map, self.link, reports_own_edges=self._session.reports_own_edges, replies=self._replies
        )
        for dropped in self._session.lost_before:
            self._recorder.on_data_lost(dropped)
        self._record_initial_levels()

    @property
    def link(self) -> BoardLink:
        """The protocol's state: counts, the clock map."""
        return self._session.link

    @property
    def lost(self) -> Mapping[LossKind, int]:
        """Losses that the board reports, by kind."""
        return self._recorder.lost

    @property
    def late(self) -> int:
        """Orders that the board started late, or dropped because they were late."""
        return self._recorder.late

    @property
    def rejected(self) -> int:
        """Orders that the board's interlock rejected: no other end, or no supply."""
        return self._recorder.rejected

    def host_time(self, board_us: int) -> float:
        """Return a time of the board on `clock`, in seconds; `link.clock` gives its uncertainty."""
        return self.link.clock.host_time(board_us)

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """Return the events that arrived, oldest first."""
        return [timed.event for timed in self.receive_timed(timeout)]

    def receive_timed(self, timeout: float | None) -> list[BoardEvent]:
        """Return the events that arrived, oldest first, with the board's times; else as `receive`."""
        deadline = self._deadline(timeout)
        while True:
            events = [timed for timed, _ in self._poll(deadline) if timed is not None]
            if events or (self._is_expired(deadline) and not self._session.closed_reason):
                return events

    def timed_records(self, timeout: float | None, clock: Clock) -> list[TimedRecord]:
        """Return records with the board's times on `clock`, including our own actions and losses."""
        if clock is not self._record_clock:
            self._record_clock, self._shift = clock, clock.now() - self.clock.now()
        deadline = self._deadline(timeout)
        while True:
            seen = [TimedRecord(shift_record(one.record, self._shift), one.event) for _, one in self._poll(deadline)]
            if seen or self._is_expired(deadline):
                return seen

    def problems(self) -> Mapping[str, int]:
        """Return what was late, rejected or lost so far: description -> count."""
        return self._recorder.problems()

    def send(self, action: WireAction) -> None:
        """Perform an action on the wire, in its turn."""
        self._session.require_open()
        now = self.clock.now()
        match action:
            case Transmit(data) if self._pin_map.clocked is not None:
                if not self._replies.takes_unit(now):
                    return
                if len(data) > MAX_DATA:
                    raise TransportError(f"{self.name}: a unit of {len(data)} bytes; a board shifts at most {MAX_DATA}")
                self._transmit(data, now)
            case Transmit(data):
                for start in range(0, len(data), MAX_DATA):
                    self._transmit(data[start : start + MAX_DATA], now)
            case DriveLine(line, level):
                self._drive(line, level, now)
            case SetBaudrate() if self._pin_map.clocked is not None:
                # The clock has its rate from the configuration.
                pass
            case SetBaudrate(baudrate, at):
                if reason := baudrate_error(self.board, baudrate):
                    raise TransportError(f"{self.name}: {reason}")
                at_us = self._recorder.on_baudrate_command(baudrate, None if at is None else at - self._shift)
                self._session.send_command(BaudrateCommand(self._next_command_id(), baudrate, at_us))
                _log.info("%s: %d baud", self.name, baudrate)
        self._session.ping()
        self._session.flush()

    def prepare_replies(self, replies: Sequence[PreparedReply]) -> None:
        """Have the board answer bursts by itself."""
        self._session.require_open()
        for command in self._replies.update(replies):
            self._session.send_command(command)
        self._session.flush()

    def close(self) -> None:
        """Put the board into the safe state and release it; closing again does nothing."""
        if not self._session.closed_reason:
            _log.info("%s: closing", self.name)
        self._session.close()

    def _transmit(self, data: bytes, now: float) -> None:
        number = self._next_command_id()
        self._session.send_command(TransmitCommand(number, 0, self._start_us(now), 0, data))
        if self._recorder.transmit_tracker is not None:
            self._recorder.transmit_tracker.on_bytes_queued(number, data, self._recorder.baudrate, now)

    def _drive(self, line: str, level: bool, now: float) -> None:
        place = self._pin_map.outputs.get(line)
        if place is None:
            return
        if line == self._pin_map.sync and self._sync.drive(level, now, self.link):
            self._recorder.on_timer_edge(line, level, self._sync.edge_time(level, now))
            return
        number = self._next_command_id()
        in_turn = line in self._pin_map.queued_lines
        flags, at_us = (DriveFlag.IN_TURN, self._start_us(now)) if in_turn else (0, 0)
        self._session.send_command(DriveCommand(number, flags, place, int(level), at_us))
        self._recorder.on_level_command(number, line, level, now)

    def _start_us(self, now: float) -> int:
        """Return when the board must start an order that is given now; 0 is on arrival."""
        return self.link.clock.board_time_us(now) + self._pin_map.lead_us if self._pin_map.lead_us else 0

    def _record_initial_levels(self) -> None:
        data = {*self._pin_map.senders}
        for number, line in enumerate(self._pin_map.names):
            if line not in self._pin_map.outputs and number not in data:
                self._recorder.record_level(line, bool(self.state.levels >> number & 1), self.state.at_us)

    def _next_command_id(self) -> int:
        modulus = _ID_MODULUS if self._pin_map.clocked is None else FIRST_ID
        self._last_command_id = (self._last_command_id + 1) % modulus
        return self._last_command_id

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self.clock.now() + max(0.0, timeout)

    def _is_expired(self, deadline: float | None) -> bool:
        return deadline is not None and self.clock.now() >= deadline

    def _poll(self, deadline: float | None) -> list[tuple[BoardEvent | None, TimedRecord]]:
        """Poll the board once, at most until the deadline; a lost board is reported after its pending events."""
        try:
            self._session.require_open()
            self._session.ping()
            now = self.clock.now()
            self._sync.stop_if_expired(now, self.link)
            left = min(PING_PERIOD, self._sync.time_left(now))
            left = left if deadline is None else min(left, max(0.0, deadline - now))
            self._session.exchange(0.0 if len(self._recorder) else left)
            self._dispatch_all()
        except TransportLostError:
            self._dispatch_all(gone=True)
            if not len(self._recorder):
                raise
        return self._recorder.drain()

    def _dispatch_all(self, *, gone: bool = False) -> None:
        for report in self.link.events():
            self._dispatch(report, gone=gone)
        self._recorder.sync_clock()
        self._recorder.flush_commands(self.clock.now())
        if gone:
            self._recorder.on_board_lost(self.clock.now())
        else:
            self._session.flush()

    def _dispatch(self, report: BoardMessage, *, gone: bool) -> None:
        match report:
            case ReceivedBytes():
                self._recorder.on_bytes(report)
            case BurstReceived():
                self._recorder.on_burst(report)
            case LineEdge():
                self._recorder.on_edge(report)
            case TransmitDone():
                self._recorder.on_sent(report)
            case TransmitLate():
                self._recorder.on_late(report)
            case DataLost():
                self._recorder.on_data_lost(report)
            case BoardState():
                self._on_state(report, gone=gone)
            case MessageRejected(code) if code in _INTERLOCK_ERRORS:
                self._recorder.on_rejected(report)
            case MessageRejected() if not gone:
                raise TransportError(f"{self.name}: {format_rejection(report, self._pin_map.names)}")
            case _:
                pass

    def _on_state(self, state: BoardState, *, gone: bool) -> None:
        self.state = state
        if state.flags & StateFlag.ALL_IDLE:
            self._sync.stop()
        self._recorder.on_state(state)
        if not (state.flags & StateFlag.CONFIGURED or gone):
            reason = next((reason for reason in SafeStateReason if reason == state.reason), SafeStateReason.START)
            self._session.fail(f"it is in the safe state: {describe_constant(reason)}")
