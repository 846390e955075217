"""The queue of a model board, in virtual time: orders in their turn, windows, deadlines."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lensmount_hardware.boards.model_pins import Contact
from lensmount_hardware.boards.model_wire import BYTES, LONG_AGO_US, ModelWire
from lensmount_hardware.boards.orders import SendBytes, SetLevel, SetRate
from lensmount_hardware.boards.reports import Late, Sent
from lensmount_hardware.boards.words import ErrorCode, LineKind, TransmitFlag

Said = Callable[[int, bytes, int, int], None]
"""Hears the data line, the bytes, their first start bit and their last stop bit, in microseconds."""

_BITS = 10
_LATE_BEYOND_US = 2


@dataclass(frozen=True, slots=True)
class Queued:
    """An order that waits: its message, its sequence number and what it costs."""

    message: SendBytes | SetLevel | SetRate
    sequence: int
    cost: int


class ModelQueue:
    """What waits for its turn.

    Args:
        wire: where it is carried out.
        free: hears that credit is free again.
        said: hears what went out.

    Attributes:
        bytes_sent: how many went out.
    """

    def __init__(self, wire: ModelWire, free: Callable[[int], None], said: Said) -> None:
        self._wire = wire
        self._free = free
        self._said = said
        self.bytes_sent = 0
        self._queue: deque[Queued] = deque()
        self._busy = False
        self._under_way: Queued | None = None
        self._dropping: int | None = None
        self._last_stop_us = wire.now_us - LONG_AGO_US

    @property
    def empty(self) -> bool:
        """Whether nothing waits or is under way."""
        return not (self._queue or self._under_way)

    def add(self, queued: Queued) -> None:
        """Take an order that waits its turn."""
        self._queue.append(queued)
        self._pump()

    def clear(self) -> tuple[int, int]:
        """Forget everything; how many transmissions and how many other orders that were."""
        waiting = [*([self._under_way] if self._under_way else []), *self._queue]
        self._queue.clear()
        self._under_way = None
        self._busy = False
        self._dropping = None
        for queued in waiting:
            self._free(queued.cost)
        sent = sum(isinstance(queued.message, SendBytes) for queued in waiting)
        return sent, len(waiting) - sent

    def _pump(self) -> None:
        if self._busy or not self._queue:
            return
        self._under_way = queued = self._queue.popleft()
        self._busy = True
        if queued.message.at_us > self._wire.now_us:
            self._wire.at(queued.message.at_us, lambda: self._begin(queued))
        else:
            self._begin(queued)

    def _begin(self, queued: Queued) -> None:
        message = queued.message
        if isinstance(message, SendBytes):
            self._begin_window(queued, message)
            return
        due = self._due(message)
        if due > self._wire.now_us:
            self._wire.at(due, lambda: self._begin(queued))
            return
        self._tell_if_late(message.id, message.at_us)
        if isinstance(message, SetLevel):
            self._wire.drive(message, queued.sequence)
        else:
            self._wire.baudrate = message.baudrate
        self._finish(queued)

    def _due(self, message: SetLevel | SetRate) -> int:
        """The attention line neither falls within the hold time nor rises within the gap."""
        if isinstance(message, SetRate) or message.line >= len(self._wire.contacts):
            return self._wire.now_us
        contact = self._wire.contacts[message.line]
        if contact.mapped.kind != LineKind.ATTENTION or contact.level is bool(message.level):
            return self._wire.now_us
        timing = self._wire.wanted.timing
        return self._wire.attention_moved_us + timing.gap_us if message.level else self._last_stop_us + timing.hold_us

    def _begin_window(self, queued: Queued, message: SendBytes) -> None:
        code = None if self._wire.present else ErrorCode.NOT_PRESENT
        if code is None and not self._wire.powered:
            code = ErrorCode.NOT_POWERED
        if code is not None:
            self._wire.hooks.refuse(code, message.TYPE, queued.sequence, BYTES)
            self._finish(queued)
            return
        timing, attention = self._wire.wanted.timing, self._wire.attention()
        raises = attention is not None and bool(message.flags & TransmitFlag.RAISE) and not attention.level
        begins = max(self._wire.now_us, self._wire.attention_moved_us + (timing.gap_us if raises else 0))
        first_bit = begins + timing.setup_us if raises else max(begins, self._wire.attention_moved_us + timing.setup_us)
        begins = begins if raises else first_bit
        too_late = message.latest_us and begins > message.latest_us
        if too_late or self._dropping == message.id:
            self._dropping = None if message.flags & TransmitFlag.LOWER else message.id
            self._wire.hooks.report(Late(message.id, 1, max(0, begins - message.at_us)))
            self._finish(queued)
            return
        self._dropping = None
        if message.at_us and begins > message.at_us + _LATE_BEYOND_US:
            self._wire.hooks.report(Late(message.id, 0, begins - message.at_us))
        if raises and attention is not None:
            self._wire.at(begins, lambda: self._wire.move(attention, True))
        self._wire.at(first_bit, lambda: self._send(queued, message))

    def _send(self, queued: Queued, message: SendBytes) -> None:
        data_line = next((c for c in self._wire.contacts if c.driven and c.mapped.kind == LineKind.DATA), None)
        if data_line is None:
            self._wire.hooks.refuse(ErrorCode.BAD_LINE, message.TYPE, queued.sequence, BYTES)
            self._finish(queued)
            return
        self._wire.move(data_line, True)
        begin = self._wire.now_us
        end = begin + round(len(message.data) * _BITS * 1e6 / self._wire.baudrate)
        self._wire.at(end, lambda: self._sent(queued, message, data_line, begin))

    def _sent(self, queued: Queued, message: SendBytes, line: Contact, begin: int) -> None:
        self._last_stop_us = self._wire.now_us
        self.bytes_sent += len(message.data)
        self._said(line.number, message.data, begin, self._wire.now_us)
        self._wire.hooks.report(Sent(message.id, begin, self._wire.now_us))
        attention = self._wire.attention()
        if attention is not None and message.flags & TransmitFlag.LOWER:
            self._wire.at(self._wire.now_us + self._wire.wanted.timing.hold_us, lambda: self._lower(queued, attention))
        else:
            self._finish(queued)

    def _lower(self, queued: Queued, attention: Contact) -> None:
        self._wire.move(attention, False)
        self._finish(queued)

    def _finish(self, queued: Queued) -> None:
        # A rest, which an order may bring about, has finished everything already.
        if self._under_way is queued:
            self._under_way = None
            self._busy = False
            self._free(queued.cost)
            self._pump()

    def _tell_if_late(self, number: int, at_us: int) -> None:
        if at_us and self._wire.now_us > at_us + _LATE_BEYOND_US:
            self._wire.hooks.report(Late(number, 0, self._wire.now_us - at_us))
