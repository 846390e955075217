"""The clocked link of a simulated board: units that are loaded or clocked, and the bursts that carry them."""

from collections.abc import Callable, Mapping

from lensmount_hardware.boards.protocol.commands import ClockedLinkCommand, ReplyCommand
from lensmount_hardware.boards.protocol.constants import (
    MAX_BURST_PART,
    MAX_REPLY_UNIT,
    BurstFlag,
    LineKind,
    LinkFlag,
    ReplyFlag,
)
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import BurstReceived, TransmitDone
from lensmount_hardware.boards.simulator.lines import SimulatedLines

BurstCallback = Callable[[bytes, int], bytes]
"""Receives a unit that the board clocks and its first clock edge in microseconds; returns the other end's unit."""

_BITS = 8
KNOWN_FLAGS = LinkFlag.IDLE_HIGH | LinkFlag.SAMPLED_ON_RISE | LinkFlag.MSB_FIRST


class SimulatedShifter:
    """The shift registers of a configured board.

    Args:
        lines: the lines.
        link: the host's message for this map.

    Attributes:
        clocks: whether the board drives the clock.
        free_us: a burst of ours begins no sooner.
    """

    def __init__(self, lines: SimulatedLines, link: ClockedLinkCommand) -> None:
        self.clocks = any(pin.driven and pin.mapped.kind == LineKind.CLOCK for pin in lines.pins)
        self.free_us = lines.now_us
        self._lines = lines
        self._link = link
        self._unit: tuple[int, bytes] | None = None
        self._replies: dict[int, ReplyCommand] = {}
        self._state = 0
        self._earlier = b""

    def prepare(self, reply: ReplyCommand) -> None:
        """Keep a reply; it replaces the one of its number."""
        self._replies[reply.number] = reply

    def duration_us(self, size: int) -> int:
        """Microseconds of a burst of so many bytes."""
        return round(size * _BITS * 1e6 / self._lines.baudrate)

    def load(self, number: int, data: bytes) -> None:
        """Load a unit for the next burst of the other end; it replaces one that waits."""
        self._unit = number, data

    def drop(self) -> None:
        """Drop the unit that waits."""
        self._unit, self._state = None, 0

    def answer_burst(self, values: Mapping[int, bytes], begin_us: int) -> bytes:
        """Take a burst that the other end has clocked until now, and return what we shifted out.

        Args:
            values: number of each data input -> its bytes.
            begin_us: its first clock edge.
        """
        size = max(map(len, values.values()))
        number, unit = self._unit or (0, b"")
        answers = any(pin.driven and pin.mapped.kind == LineKind.DATA for pin in self._lines.pins)
        flags = BurstFlag.EMPTY if answers and self._unit is None else 0
        first = begin_us + self.duration_us(1)
        burst = next(iter(values.values()))
        reply = self._find(burst) if answers else None
        for line, data in values.items():
            self._report_burst(line, data, first, flags | (BurstFlag.ANSWERED if reply is not None else 0))
        if self._unit is not None:
            self._report(TransmitDone(number, first, self._lines.now_us))
        self._unit = None
        if reply is not None:
            copies = bool(reply.flags & ReplyFlag.COPY)
            self.load(reply.id, self._earlier[:MAX_REPLY_UNIT] if copies else reply.unit)
        self._earlier = burst
        return unit[:size].ljust(size, bytes((self._link.idle_byte,)))

    def _find(self, burst: bytes) -> ReplyCommand | None:
        for _, reply in sorted(self._replies.items()):
            pairs = zip(burst, reply.match, reply.mask, strict=False)
            same = all(not (value ^ wanted) & mask for value, wanted, mask in pairs)
            if reply.state == self._state and reply.size == len(burst) and same:
                self._state = (reply.next + (burst[0] & reply.next_mask)) % 256
                return reply
        self._state = 0
        return None

    def finish_burst(self, number: int, data: bytes, answer: bytes, begin_us: int) -> None:
        """Report a burst that we have clocked until now, and what the other end shifted out."""
        first = begin_us + self.duration_us(1)
        self._report(TransmitDone(number, first, self._lines.now_us))
        inputs = (pin.number for pin in self._lines.pins if not pin.driven and pin.mapped.kind == LineKind.DATA)
        for line in inputs:
            self._report_burst(line, answer.ljust(len(data), bytes((self._link.idle_byte,))), first, 0)
        self.free_us = self._lines.now_us + self._link.gap_us + self.duration_us(1)

    def _report_burst(self, line: int, data: bytes, first: int, flags: int) -> None:
        for start in range(0, len(data), MAX_BURST_PART):
            part = data[start : start + MAX_BURST_PART]
            at = first + self.duration_us(start)
            last = start + len(part) == len(data)
            took = self.duration_us(len(part) - 1)
            self._report(BurstReceived(at, min(took, 0xFFFF), line, flags | BurstFlag.LAST if last else 0, 0,
                                       len(part), part))  # fmt: skip

    def _report(self, message: BoardMessage) -> None:
        self._lines.callbacks.report(message)
