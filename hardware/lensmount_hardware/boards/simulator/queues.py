"""The queues of a simulated board, in virtual time.

The command queue executes orders in turn, with windows and deadlines. The report queue keeps reports until there is
credit, and counts those that do not fit. The receiver groups received bytes into reports, as runs or with gaps.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from lensmount_hardware.boards.flow_control import signed_distance
from lensmount_hardware.boards.protocol.commands import BaudrateCommand, DriveCommand, TransmitCommand
from lensmount_hardware.boards.protocol.constants import (
    CREDIT_MODULUS,
    MAX_FRAME,
    ErrorCode,
    LineKind,
    LossKind,
    TimestampEncoding,
    TransmitFlag,
)
from lensmount_hardware.boards.protocol.framing import CRC_SIZE, credit_cost
from lensmount_hardware.boards.protocol.message import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.protocol.reports import (
    BoardState,
    BurstReceived,
    DataLost,
    LineEdge,
    ReceivedBytes,
    TransmitDone,
    TransmitLate,
)
from lensmount_hardware.boards.simulator.clocked import BurstCallback, SimulatedShifter
from lensmount_hardware.boards.simulator.lines import BYTES_LINE, LONG_AGO_US, SimulatedLines, SimulatedPin

TransmitCallback = Callable[[int, bytes, int, int], None]
"""Receives the data line, the bytes, their first start bit and their last stop bit, in microseconds."""

_BITS = 10
_LATE_LIMIT_US = 2


@dataclass(frozen=True, slots=True)
class QueuedCommand:
    """A queued order: its message, its sequence number and its credit cost."""

    message: TransmitCommand | DriveCommand | BaudrateCommand
    sequence: int
    cost: int


class SimulatedCommandQueue:
    """The queue of orders that wait their turn.

    Args:
        simulated_lines: the lines that orders act on.
        free: receives credit that is free again.
        on_transmit: receives the bytes that were sent.
        shifter: the shift registers of a clocked link; `None` for UARTs.
        on_clock: receives the units that are clocked.

    Attributes:
        bytes_sent: number of bytes sent.
    """

    def __init__(
        self,
        simulated_lines: SimulatedLines,
        free: Callable[[int], None],
        on_transmit: TransmitCallback,
        shifter: SimulatedShifter | None = None,
        on_clock: BurstCallback = lambda _data, _begin: b"",
    ) -> None:
        self._shifter = shifter
        self._on_clock = on_clock
        self._lines = simulated_lines
        self._free = free
        self._on_transmit = on_transmit
        self.bytes_sent = 0
        self._queue: deque[QueuedCommand] = deque()
        self._busy = False
        self._current: QueuedCommand | None = None
        self._dropping: int | None = None
        self._last_stop_us = simulated_lines.now_us - LONG_AGO_US

    @property
    def empty(self) -> bool:
        """Whether no order is queued or in progress."""
        return not (self._queue or self._current)

    def add(self, queued: QueuedCommand) -> None:
        """Queue an order."""
        self._queue.append(queued)
        self._pump()

    def clear(self) -> tuple[int, int]:
        """Drop all orders; returns the number of transmissions and of other orders."""
        waiting = [*([self._current] if self._current else []), *self._queue]
        self._queue.clear()
        self._current = None
        self._busy = False
        self._dropping = None
        for queued in waiting:
            self._free(queued.cost)
        sent = sum(isinstance(queued.message, TransmitCommand) for queued in waiting)
        if self._shifter is not None:
            self._shifter.drop()
        return sent, len(waiting) - sent

    def _pump(self) -> None:
        if self._busy or not self._queue:
            return
        self._current = queued = self._queue.popleft()
        self._busy = True
        if queued.message.at_us > self._lines.now_us:
            self._lines.schedule(queued.message.at_us, lambda: self._start(queued))
        else:
            self._start(queued)

    def _start(self, queued: QueuedCommand) -> None:
        message = queued.message
        if isinstance(message, TransmitCommand):
            self._start_window(queued, message)
            return
        due = self._due_us(message)
        if due > self._lines.now_us:
            self._lines.schedule(due, lambda: self._start(queued))
            return
        self._report_if_late(message.id, message.at_us)
        if isinstance(message, DriveCommand):
            self._lines.drive(message, queued.sequence)
        else:
            self._lines.baudrate = message.baudrate
        self._finish(queued)

    def _due_us(self, message: DriveCommand | BaudrateCommand) -> int:
        """Return when an order is due: the attention line falls after the hold time, and rises after the gap."""
        if isinstance(message, BaudrateCommand) or message.line >= len(self._lines.pins):
            return self._lines.now_us
        contact = self._lines.pins[message.line]
        if contact.mapped.kind != LineKind.ATTENTION or contact.level is bool(message.level):
            return self._lines.now_us
        timing = self._lines.wanted.timing
        return self._lines.attention_moved_us + timing.gap_us if message.level else self._last_stop_us + timing.hold_us

    def _start_window(self, queued: QueuedCommand, message: TransmitCommand) -> None:
        code = None if self._lines.present else ErrorCode.NOT_PRESENT
        if code is None and not self._lines.powered:
            code = ErrorCode.NOT_POWERED
        if code is not None:
            self._lines.callbacks.reject(code, message.TYPE, queued.sequence, BYTES_LINE)
            self._finish(queued)
            return
        timing, attention = self._lines.wanted.timing, self._lines.attention()
        raises = attention is not None and bool(message.flags & TransmitFlag.RAISE) and not attention.level
        begins = max(self._lines.now_us, self._lines.attention_moved_us + (timing.gap_us if raises else 0))
        first_bit = (
            begins + timing.setup_us if raises else max(begins, self._lines.attention_moved_us + timing.setup_us)
        )
        begins = begins if raises else first_bit
        if self._shifter is not None and self._shifter.clocks:
            begins = first_bit = max(begins, self._shifter.free_us)
        too_late = message.latest_us and begins > message.latest_us
        if too_late or self._dropping == message.id:
            self._dropping = None if message.flags & TransmitFlag.LOWER else message.id
            self._lines.callbacks.report(TransmitLate(message.id, 1, max(0, begins - message.at_us)))
            self._finish(queued)
            return
        self._dropping = None
        if message.at_us and begins > message.at_us + _LATE_LIMIT_US:
            self._lines.callbacks.report(TransmitLate(message.id, 0, begins - message.at_us))
        if raises and attention is not None:
            self._lines.schedule(begins, lambda: self._lines.set_level(attention, True))
        self._lines.schedule(first_bit, lambda: self._send(queued, message))

    def _send(self, queued: QueuedCommand, message: TransmitCommand) -> None:
        data_line = next((c for c in self._lines.pins if c.driven and c.mapped.kind == LineKind.DATA), None)
        if data_line is None:
            self._lines.callbacks.reject(ErrorCode.BAD_LINE, message.TYPE, queued.sequence, BYTES_LINE)
            self._finish(queued)
            return
        if self._shifter is not None:
            self._shift(queued, message, self._shifter)
            return
        self._lines.set_level(data_line, True)
        begin = self._lines.now_us
        end = begin + round(len(message.data) * _BITS * 1e6 / self._lines.baudrate)
        self._lines.schedule(end, lambda: self._on_sent(queued, message, data_line, begin))

    def _shift(self, queued: QueuedCommand, message: TransmitCommand, shifter: SimulatedShifter) -> None:
        if not shifter.clocks:
            shifter.load(message.id, message.data)
            self._finish(queued)
            return
        begin = self._lines.now_us
        end = begin + shifter.duration_us(len(message.data))
        self._lines.schedule(end, lambda: self._on_shifted(queued, message, shifter, begin))

    def _on_shifted(
        self, queued: QueuedCommand, message: TransmitCommand, shifter: SimulatedShifter, begin: int
    ) -> None:
        self.bytes_sent += len(message.data)
        shifter.finish_burst(message.id, message.data, self._on_clock(message.data, begin), begin)
        self._finish(queued)

    def _on_sent(self, queued: QueuedCommand, message: TransmitCommand, line: SimulatedPin, begin: int) -> None:
        self._last_stop_us = self._lines.now_us
        self.bytes_sent += len(message.data)
        self._on_transmit(line.number, message.data, begin, self._lines.now_us)
        self._lines.callbacks.report(TransmitDone(message.id, begin, self._lines.now_us))
        attention = self._lines.attention()
        if attention is not None and message.flags & TransmitFlag.LOWER:
            self._lines.schedule(
                self._lines.now_us + self._lines.wanted.timing.hold_us, lambda: self._lower(queued, attention)
            )
        else:
            self._finish(queued)

    def _lower(self, queued: QueuedCommand, attention: SimulatedPin) -> None:
        self._lines.set_level(attention, False)
        self._finish(queued)

    def _finish(self, queued: QueuedCommand) -> None:
        # If the order has caused the safe state, everything is finished already.
        if self._current is queued:
            self._current = None
            self._busy = False
            self._free(queued.cost)
            self._pump()

    def _report_if_late(self, number: int, at_us: int) -> None:
        if at_us and self._lines.now_us > at_us + _LATE_LIMIT_US:
            self._lines.callbacks.report(TransmitLate(number, 0, self._lines.now_us - at_us))


class ReportQueue:
    """The queue of reports to the host.

    Args:
        capacity: bytes of reports that may wait.
        emit: writes one message to the host.

    Attributes:
        lost: total number of dropped items of each kind.
    """

    def __init__(self, capacity: int, emit: Callable[[BoardMessage], None]) -> None:
        self.lost = Counter[LossKind]()
        self._capacity = capacity
        self._emit = emit
        self._waiting: deque[tuple[BoardMessage, int]] = deque()
        self._occupied = 0
        self._limit = 0
        self._spent = 0
        self._unreported = Counter[LossKind]()
        self._open = False

    def stop(self) -> None:
        """End a session: queued reports are lost, and none is sent until the next session."""
        self._open = False
        for message, _ in self._waiting:
            self.discard(message)
        self._waiting.clear()
        self._occupied = 0

    def start(self, limit: int, *, resumes: bool) -> None:
        """Start a session with this much credit; a host that resumes gets a report of its losses."""
        if not resumes:
            self._unreported.clear()
        self._open = True
        self._limit = limit
        self._spent = 0

    def update_limit(self, limit: int) -> None:
        """Accept a new limit from the host."""
        if signed_distance(limit, self._limit) > 0:
            self._limit = limit
        self.pump()

    def add(self, message: BoardMessage) -> None:
        """Queue a report; where it does not fit, count it as lost."""
        cost = credit_cost(message) if message.QUEUED else 0
        if not self._open or self._occupied + cost > self._capacity:
            self.discard(message)
            return
        self._waiting.append((message, cost))
        self._occupied += cost
        self.pump()

    def discard(self, message: BoardMessage) -> None:
        """Count a report that will not be sent as lost."""
        if message.QUEUED:
            self.count_loss(*_classify_loss(message))

    def count_loss(self, kind: LossKind, number: int) -> None:
        """Count a loss."""
        if number:
            self.lost[kind] += number
            self._unreported[kind] += number

    def pump(self) -> None:
        """Send what credit allows; states do not wait for credit."""
        if not self._open:
            return
        while self._waiting:
            message, cost = self._waiting[0]
            if cost > signed_distance(self._limit, self._spent) and cost:
                self._send_states()
                return
            self._spent = (self._spent + cost) % CREDIT_MODULUS
            self._waiting.popleft()
            self._occupied -= cost
            self._emit(message)
        for sort, number in self._unreported.items():
            self._emit(DataLost(sort, number))
        self._unreported.clear()

    def _send_states(self) -> None:
        for item in [item for item in self._waiting if isinstance(item[0], BoardState)]:
            self._waiting.remove(item)
            self._emit(item[0])


def _classify_loss(message: BoardMessage) -> tuple[LossKind, int]:
    if isinstance(message, ReceivedBytes | BurstReceived):
        return LossKind.RECEIVED, message.count
    return (LossKind.EDGES if isinstance(message, LineEdge) else LossKind.REPORTS), 1


IDLE_US = 200
"""Microseconds without a byte after which the collected bytes are reported."""

MAX_HOLD_US = 1000
"""Longest time that a byte waits."""

_MAX_GAP_US = 255
_MAX_CONTENT = MAX_FRAME - CRC_SIZE - HEAD_SIZE - 11
MAX_WITH_GAPS = (_MAX_CONTENT + 1) // 2
"""Bytes of one report when it has gaps."""


class SimulatedReceiver:
    """Bytes of the data lines, each with the time at which its stop bit was over."""

    def __init__(self) -> None:
        self._line = 0
        self._data = bytearray()
        self._times: list[int] = []
        self._byte_us = 0.0

    @property
    def due_us(self) -> int | None:
        """When the collected bytes must be reported; `None` where there are none."""
        return min(self._times[0] + MAX_HOLD_US, self._times[-1] + IDLE_US) if self._times else None

    def add_byte(self, line: int, byte: int, at_us: int, baudrate: int) -> list[ReceivedBytes]:
        """Add one byte; returns reports of earlier bytes that cannot be reported with it."""
        reports: list[ReceivedBytes] = []
        at_us = max(at_us, self._times[-1]) if self._times else at_us
        fits = len(self._data) < MAX_WITH_GAPS and line == self._line
        if self._times and not (fits and at_us - self._times[-1] <= _MAX_GAP_US):
            reports = self.take_reports()
        self._line, self._byte_us = line, 10e6 / baudrate
        self._data.append(byte)
        self._times.append(at_us)
        return reports

    def take_reports(self) -> list[ReceivedBytes]:
        """Return the collected bytes as reports, and remove them."""
        if not self._times:
            return []
        gaps = bytes(later - earlier for earlier, later in zip(self._times, self._times[1:], strict=False))
        first = self._times[0]
        run = all(abs(at - first - n * self._byte_us) <= 1 for n, at in enumerate(self._times))
        spacing = TimestampEncoding.RUN if run else TimestampEncoding.GAPS
        report = ReceivedBytes(first, self._line, spacing, len(self._data), bytes(self._data), b"" if run else gaps)
        self._data.clear()
        self._times.clear()
        return [report]
