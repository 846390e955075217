"""A simulated board: it implements the host-board protocol in virtual time, for tests without hardware.

`SimulatedHostLink` has the host's side: frames, sequence, handshake, credit. `BoardSimulator` adds lines and queues.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from lensmount_hardware.boards.flow_control import ReceiveCredit
from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    Bootloader,
    ClockedLinkCommand,
    Configure,
    DriveCommand,
    EnterSafeState,
    Hello,
    HostCredit,
    ReadCounters,
    ReadState,
    ReplyCommand,
    Sync,
    TimeRequest,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    BOOTLOADER_MAGIC,
    MAX_FRAME,
    MIN_SYNC_PERIOD_US,
    VERSION,
    DriveFlag,
    ErrorCode,
    HelloFlag,
    LossKind,
    SafeStateFlag,
    SafeStateReason,
    StateFlag,
    SyncFlag,
)
from lensmount_hardware.boards.protocol.framing import BY_TYPE, DELIMITER, BoardFrame, build_frame, parse_frame
from lensmount_hardware.boards.protocol.message import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.protocol.reports import (
    BoardCredit,
    BoardState,
    Counters,
    HelloReply,
    LineEdge,
    MessageRejected,
    TimeResponse,
    TransmitLate,
)
from lensmount_hardware.boards.simulator.clocked import KNOWN_FLAGS, BurstCallback, SimulatedShifter
from lensmount_hardware.boards.simulator.lines import (
    BYTES_LINE,
    LineCallbacks,
    SimulatedLines,
    check_configuration,
    make_pins,
)
from lensmount_hardware.boards.simulator.queues import (
    QueuedCommand,
    ReportQueue,
    SimulatedCommandQueue,
    SimulatedReceiver,
    TransmitCallback,
)
from lensmount_protocol.errors import FrameError

_SEQUENCE_MODULUS = 256
_DEFAULT_WATCHDOG_MS = 2000


class SimulatedHostLink(ABC):
    """The link of a board to its host.

    Args:
        queue_bytes: capacity for commands.
        report_bytes: capacity for queued reports.
        max_lines: the most lines of a map.
        baudrates: lowest and highest rate.
        version: of its protocol.
        firmware: the firmware revision that it reports.

    Attributes:
        now_us: the board's time.
        counted: values for COUNTERS that no other object counts.
    """

    def __init__(
        self,
        *,
        queue_bytes: int = 4096,
        report_bytes: int = 16384,
        max_lines: int = 16,
        baudrates: tuple[int, int] = (9_600, 3_000_000),
        version: int = VERSION,
        firmware: bytes = b"model",
    ) -> None:
        self.now_us = 0
        self.counted = Counter[str]()
        self._version, self._firmware = version, firmware
        self._queue_bytes, self._report_bytes = queue_bytes, report_bytes
        self._max_lines, self._baudrates = max_lines, baudrates
        self._partial = bytearray()
        self._out = bytearray()
        self._expected = 0
        self._sequence = 0
        self._session_id: int | None = None
        self._last_session_id: int | None = None
        self._last_rx_us = 0
        self._watchdog_us = 0
        self._receive_credit = ReceiveCredit(queue_bytes)
        self._reports = ReportQueue(report_bytes, self._emit)

    @property
    @abstractmethod
    def configured(self) -> bool:
        """Whether there is a line map."""

    @abstractmethod
    def _begin_session(self) -> None:
        """Enter the safe state and drop the line map."""

    @abstractmethod
    def _handle_message(self, frame: BoardFrame, message: BoardMessage) -> None:
        """Handle a message of the host."""

    @abstractmethod
    def _report_state(self) -> None:
        """Report the board's state."""

    def receive(self, data: bytes) -> None:
        """Process bytes from the host, now."""
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            stuffed = bytes(self._partial + piece)
            self._partial.clear()
            if stuffed:
                self._parse_frame(stuffed)
        self._partial += rest[: MAX_FRAME + 2]
        del self._partial[MAX_FRAME + 2 :]

    def bytes_to_send(self) -> bytes:
        """Return and remove the bytes to send to the host now."""
        if self._session_id is not None and (limit := self._receive_credit.limit_update()) is not None:
            self._emit(BoardCredit(limit))
        data = bytes(self._out)
        self._out.clear()
        return data

    def _parse_frame(self, encoded: bytes) -> None:
        try:
            frame = parse_frame(encoded)
        except FrameError:
            self.counted["frames_bad"] += 1
            self._reports.count_loss(LossKind.FRAMES, 1)
            return
        try:
            message = frame.message()
        except FrameError:
            message = None
        if isinstance(message, Hello):
            self._handle_hello(frame, message)
            return
        if self._session_id is None:
            self._reject(ErrorCode.NO_SESSION, frame.type, frame.sequence, 0)
            return
        distance = (frame.sequence - self._expected) % _SEQUENCE_MODULUS
        if distance >= _SEQUENCE_MODULUS // 2:
            return
        self._expected = (frame.sequence + 1) % _SEQUENCE_MODULUS
        self.counted["frames_missed"] += distance
        self._reports.count_loss(LossKind.FRAMES, distance)
        self.counted["frames_taken"] += 1
        self._last_rx_us = self.now_us
        if message is None or message.TYPE >= 0x80:
            known = message is None and frame.type in BY_TYPE
            self._reject(ErrorCode.MALFORMED if known else ErrorCode.UNKNOWN_TYPE, frame.type, frame.sequence, 0)
            return
        self._handle_message(frame, message)
        self._reports.pump()

    def _handle_hello(self, frame: BoardFrame, hello: Hello) -> None:
        if hello.version != self._version:
            self._reject(ErrorCode.VERSION, frame.type, frame.sequence, self._version)
            return
        timeout_us = self._watchdog_us or _DEFAULT_WATCHDOG_MS * 1000
        taken = self.configured and self._session_id != hello.session and self._session_id is not None
        if taken and self.now_us - self._last_rx_us < timeout_us and not hello.flags & HelloFlag.TAKE_OVER:
            self._reject(ErrorCode.BUSY, frame.type, frame.sequence, self._session_id or 0)
            return
        self._reports.stop()
        self._begin_session()
        resumes = hello.session == self._last_session_id
        distance = (frame.sequence - self._expected) % _SEQUENCE_MODULUS
        if resumes and distance < _SEQUENCE_MODULUS // 2:
            self.counted["frames_missed"] += distance
            self._reports.count_loss(LossKind.FRAMES, distance)
        self._session_id = self._last_session_id = hello.session
        self._last_rx_us = self.now_us
        self._expected = (frame.sequence + 1) % _SEQUENCE_MODULUS
        self._receive_credit = ReceiveCredit(self._queue_bytes)
        self._reports.start(hello.limit, resumes=resumes)
        self._emit(
            HelloReply(
                self._version,
                hello.session,
                b"MODEL\0\0\0",
                self._max_lines,
                *self._baudrates,
                self._queue_bytes,
                self._report_bytes,
                self._firmware,
            )
        )
        self._report_state()

    def _reject(self, code: int, of_type: int, of_sequence: int, detail: int) -> None:
        self.counted["refused"] += 1
        self._emit(MessageRejected(code, of_type, of_sequence, detail))

    def _emit(self, message: BoardMessage) -> None:
        self._out += build_frame(message, self._sequence)
        self._sequence = (self._sequence + 1) % _SEQUENCE_MODULUS


class BoardSimulator(SimulatedHostLink):
    """A board that is plugged in at time 0; `SimulatedHostLink` has the other arguments.

    Args:
        plays_clocked: whether its firmware knows clocked links.

    Attributes:
        pins: the level of each pin that is driven from outside; others are low.
        on_drive: receives each output that moves: line, level, time.
        on_transmit: receives sent bytes: line, bytes, first start bit, last stop bit.
        on_clock: receives the units that the board clocks, and returns those of the other end.
        shifter: the shift registers of a clocked link, once it is configured.
        simulated_lines: the contacts, once it is configured.
    """

    def __init__(self, *, plays_clocked: bool = True, **limits: Any) -> None:
        super().__init__(**limits)
        self.pins: dict[int, bool] = {}
        self.on_drive: Callable[[int, bool, int], None] = lambda _line, _level, _at: None
        self.on_transmit: TransmitCallback = lambda _line, _data, _begin, _end: None
        self.on_clock: BurstCallback = lambda _data, _begin: b""
        self.shifter: SimulatedShifter | None = None
        self._link: ClockedLinkCommand | None = None
        self.simulated_lines: SimulatedLines | None = None
        self._queue: SimulatedCommandQueue | None = None
        self._plays_clocked = plays_clocked
        self._reason = SafeStateReason.START
        self._receiver = SimulatedReceiver()

    @property
    def configured(self) -> bool:
        """Whether there is a line map."""
        return self.simulated_lines is not None

    @property
    def lost(self) -> Mapping[LossKind, int]:
        """Number of dropped items of each kind."""
        return self._reports.lost

    def advance_to(self, at_us: int) -> None:
        """Advance time, and run what is due."""
        while (due := self.next_us()) is not None and due <= at_us:
            self.set_time(due)
            if self.simulated_lines is not None:
                self.simulated_lines.advance_to(due)
            if self._receiver.due_us is not None and self._receiver.due_us <= due:
                self._report_received()
            if self._watchdog_us and self._last_rx_us + self._watchdog_us <= due:
                self._on_watchdog()
        self.set_time(at_us)

    def on_line_level(self, number: int, level: bool) -> None:
        """Set the level of an input of the map from outside, now."""
        if self.simulated_lines is not None:
            self.pins[self.simulated_lines.pins[number].mapped.gpio] = level
            self._report_received()
            self.simulated_lines.on_level(number, level)

    def on_line_bytes(self, number: int, data: bytes, begin_us: int, baudrate: int) -> None:
        """Receive bytes on a data input; the last stop bit is over now."""
        if self.simulated_lines is None:
            return
        for index, byte in enumerate(data, 1):
            at_us = begin_us + round(index * 10e6 / baudrate)
            if baudrate != self.simulated_lines.baudrate:
                self._reports.count_loss(LossKind.BROKEN_BYTES, 1)
                continue
            self.counted["bytes_received"] += 1
            for report in self._receiver.add_byte(number, byte, at_us, baudrate):
                self._reports.add(report)

    def answer_burst(self, values: Mapping[int, bytes], begin_us: int) -> bytes:
        """Take a burst that the other end has clocked until now; returns what the board shifted out."""
        return b"" if self.shifter is None else self.shifter.answer_burst(values, begin_us)

    def next_us(self) -> int | None:
        """Return when the next action is due."""
        times = [
            self._receiver.due_us,
            self.simulated_lines.next_step_us() if self.simulated_lines is not None else None,
        ]
        if self._watchdog_us:
            times.append(self._last_rx_us + self._watchdog_us)
        return min((at for at in times if at is not None), default=None)

    def set_time(self, at_us: int) -> None:
        """Set the clock only, before due actions run."""
        self.now_us = max(self.now_us, at_us)
        if self.simulated_lines is not None:
            self.simulated_lines.now_us = self.now_us

    def _on_watchdog(self) -> None:
        self._watchdog_us = 0
        self._enter_safe_state(SafeStateReason.WATCHDOG)
        self.simulated_lines = self._queue = None
        self._report_state()

    def _begin_session(self) -> None:
        self._enter_safe_state(SafeStateReason.HELLO)
        self.simulated_lines = self._queue = None
        self._watchdog_us = 0
        for report in self._receiver.take_reports():
            self._reports.discard(report)

    def _handle_message(self, frame: BoardFrame, message: BoardMessage) -> None:
        match message:
            case HostCredit(limit):
                self._reports.update_limit(limit)
            case TimeRequest(token):
                self._emit(TimeResponse(token, self.now_us))
            case ReadState():
                self._report_state()
            case ReadCounters():
                self._report_counters()
            case ClockedLinkCommand() if self._plays_clocked:
                self._take_link(frame, message)
            case ClockedLinkCommand():
                self._reject(ErrorCode.UNKNOWN_TYPE, frame.type, frame.sequence, 0)
            case Configure():
                self._configure(frame, message)
            case EnterSafeState(flags):
                self._enter_safe_state(SafeStateReason.HOST)
                if flags & SafeStateFlag.FORGET:
                    self.simulated_lines = self._queue = self._session_id = None
                    self._watchdog_us = 0
                self._report_state()
            case Bootloader(magic):
                self._enter_safe_state(SafeStateReason.HOST)
                if magic != BOOTLOADER_MAGIC:
                    self._reject(ErrorCode.BAD_MAGIC, frame.type, frame.sequence, 0)
            case ReplyCommand() if self.shifter is not None and not self.shifter.clocks:
                self.shifter.prepare(message)
            case ReplyCommand():
                self._reject(ErrorCode.BAD_LINE, frame.type, frame.sequence, BYTES_LINE)
            case _:
                self._handle_command(frame, message)

    def _handle_command(self, frame: BoardFrame, message: BoardMessage) -> None:
        if self.simulated_lines is None or self._queue is None:
            self._reject(ErrorCode.NOT_CONFIGURED, frame.type, frame.sequence, 0)
            return
        match message:
            case Sync():
                short = message.period_us < MIN_SYNC_PERIOD_US or not 0 < message.width_us < message.period_us
                if message.flags & SyncFlag.ON and short:
                    self._reject(ErrorCode.BAD_TIMING, frame.type, frame.sequence, HEAD_SIZE + 1)
                else:
                    self.simulated_lines.start_sync(message, frame.sequence)
            case DriveCommand() if not message.flags & DriveFlag.IN_TURN:
                self.simulated_lines.drive(message, frame.sequence)
            case TransmitCommand() | DriveCommand() | BaudrateCommand():
                free_bytes = self._queue_bytes - self._receive_credit.occupied
                if not self._receive_credit.accept(frame.cost):
                    self._reject(ErrorCode.NO_CREDIT, frame.type, frame.sequence, free_bytes)
                else:
                    self._queue.add(QueuedCommand(message, frame.sequence, frame.cost))
            case _:
                self._reject(ErrorCode.UNKNOWN_TYPE, frame.type, frame.sequence, 0)

    def _take_link(self, frame: BoardFrame, link: ClockedLinkCommand) -> None:
        if link.flags & ~KNOWN_FLAGS:
            self._reject(ErrorCode.MALFORMED, frame.type, frame.sequence, HEAD_SIZE)
        elif not link.gap_us:
            self._reject(ErrorCode.BAD_TIMING, frame.type, frame.sequence, HEAD_SIZE + 2)
        else:
            self._link = link

    def _configure(self, frame: BoardFrame, wanted: Configure) -> None:
        link, self._link = self._link, None
        found = check_configuration(wanted, self._max_lines, self._baudrates, clocked=link is not None)
        if found is not None:
            self._reject(found[0], frame.type, frame.sequence, found[1])
            return
        self._enter_safe_state(SafeStateReason.START)
        contacts = make_pins(wanted, lambda gpio: self.pins.get(gpio, False))
        hooks = LineCallbacks(
            self._report_edge,
            self._reject,
            self._on_safe_state,
            self._report_state,
            lambda line, level, at_us: self.on_drive(line, level, at_us),
        )
        self.simulated_lines = SimulatedLines(wanted, contacts, hooks, self.now_us)
        self.shifter = None if link is None else SimulatedShifter(self.simulated_lines, link)
        self._queue = SimulatedCommandQueue(
            self.simulated_lines,
            self._receive_credit.release,
            lambda line, data, begin, end: self.on_transmit(line, data, begin, end),
            self.shifter,
            lambda data, begin: self.on_clock(data, begin),
        )
        self._watchdog_us = wanted.timing.watchdog_ms * 1000
        self._report_state()

    def _enter_safe_state(self, reason: SafeStateReason) -> None:
        self._reason = reason
        if self.simulated_lines is not None:
            self.simulated_lines.enter_safe_state(reason)

    def _on_safe_state(self, reason: SafeStateReason) -> None:
        self._reason = reason
        self.counted["rests"] += 1
        if self._queue is not None:
            sent, others = self._queue.clear()
            self._reports.count_loss(LossKind.TRANSMISSIONS, sent)
            self._reports.count_loss(LossKind.DRIVES, others)
        self._report_state()

    def _report_edge(self, report: BoardMessage) -> None:
        self._report_received()
        if isinstance(report, LineEdge) and self.simulated_lines is not None:
            self.counted["edges_seen"] += not self.simulated_lines.pins[report.line].driven
        self.counted["late"] += isinstance(report, TransmitLate)
        self._reports.add(report)

    def _report_received(self) -> None:
        for report in self._receiver.take_reports():
            self._reports.add(report)

    def _report_state(self) -> None:
        flags = levels = 0
        wire = self.simulated_lines
        if wire is None:
            flags = StateFlag.ALL_IDLE
        else:
            at_rest = wire.is_idle and (self._queue is None or self._queue.empty)
            for flag, holds in (
                (StateFlag.CONFIGURED, True),
                (StateFlag.PRESENT, wire.present),
                (StateFlag.POWERED, wire.powered),
                (StateFlag.ALL_IDLE, at_rest),
                (StateFlag.SYNC_ON, wire.sync is not None),
            ):
                flags |= flag if holds else 0
            levels = sum(contact.level << contact.number for contact in wire.pins)
        self._reports.add(BoardState(flags, self._reason, levels, self.now_us))

    def _report_counters(self) -> None:
        lost, counted = self._reports.lost, self.counted
        self._emit(
            Counters(
                frames_taken=counted["frames_taken"],
                frames_bad=counted["frames_bad"],
                frames_missed=counted["frames_missed"],
                bytes_sent=0 if self._queue is None else self._queue.bytes_sent,
                bytes_received=counted["bytes_received"],
                bytes_broken=lost[LossKind.BROKEN_BYTES],
                bytes_lost=lost[LossKind.RECEIVED],
                edges_seen=counted["edges_seen"],
                edges_lost=lost[LossKind.EDGES],
                reports_lost=lost[LossKind.REPORTS],
                late=counted["late"],
                refused=counted["refused"],
                rests=counted["rests"],
                worst_loop_us=0,
            )
        )
