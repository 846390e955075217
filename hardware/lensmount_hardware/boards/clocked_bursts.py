"""Bursts of a clocked mount from a board's reports: parts put together, and the data of both ends."""

from collections import deque
from collections.abc import Iterator

from lensmount_hardware.boards.protocol.constants import BurstFlag
from lensmount_hardware.boards.protocol.reports import BurstReceived
from lensmount_protocol.wire import BITS_PER_CLOCKED_BYTE, Annotation, Burst, ClockedLink, PartialBurst, Role

MAX_BURST = 1 << 16
"""Bytes of a burst that are kept; a clock that never pauses has no bursts, and is recorded in pieces of this size."""

_KEPT = 3
"""The last burst, the one that a reply answered, and the one that it copied."""


class BurstAssembler:
    """The bursts of one session.

    Args:
        link: the physical layer.
        role: the end that we play; `None` where we only listen.
    """

    def __init__(self, link: ClockedLink, role: Role | None) -> None:
        self._link = link
        self._role = role
        self._byte_s = BITS_PER_CLOCKED_BYTE / link.bit_rate
        self._parts: dict[Role, bytearray] = {}
        self._began: dict[Role, float] = {}
        self._size = 0
        self._received: deque[bytes] = deque(maxlen=_KEPT)

    def copied(self, size: int) -> bytes:
        """The burst of the other end that a reply copied which went out with the last burst, as far as it has room."""
        return self._received[0][:size] if len(self._received) == _KEPT else b""

    def add(self, sender: Role, report: BurstReceived, first: float, last: float) -> Iterator[Burst | Annotation]:
        """Add a report; yields the records of a burst that ends with it.

        Args:
            sender: the end that drives the line.
            report: the report.
            first: when its first byte was over, in seconds.
            last: when its last whole byte was over.
        """
        parts = self._parts.setdefault(sender, bytearray())
        if not parts:
            self._began[sender] = first - self._byte_s
        parts += report.data
        if not report.flags & BurstFlag.LAST and len(parts) < MAX_BURST:
            return
        data = bytes(parts[: len(parts) - bool(report.bits)])
        parts.clear()
        yield from self._end(sender, data, report, last)

    def own_burst(self, unit: bytes, first: float, last: float) -> Burst:
        """The record of a unit of ours that went out: as long as the burst, where the other end clocks."""
        idle = bytes((self._link.idle_byte,))
        size = len(unit) if self._role is self._link.clocked_by else self._size
        data = unit[:size].ljust(size, idle)
        assert self._role is not None
        return Burst(first - self._byte_s, self._role, data, self._link.bit_rate, last, whole=True)

    def _end(self, sender: Role, data: bytes, report: BurstReceived, last: float) -> Iterator[Burst | Annotation]:
        link, began = self._link, self._began[sender]
        if not data:
            yield Annotation(began, f"{link.clock}: {report.bits} of 8 edges, and a pause; not taken as data")
            return
        self._size = len(data)
        self._received.append(data)
        empty = report.flags & BurstFlag.EMPTY and self._role is not None
        if empty and self._role is not None:
            yield Annotation(began, f"the {self._role.value} has loaded nothing: it shifts out {link.idle_byte:#04x}")
        if report.bits:
            bits = unpack_bits(report.data[-1], link)[: report.bits]
            yield PartialBurst(began, sender, data, link.bit_rate, last, whole=True, bits=bits)
        else:
            yield Burst(began, sender, data, link.bit_rate, last, whole=True)
        if empty and self._role is not None:
            yield Burst(began, self._role, self._idle(len(data)), link.bit_rate, last, whole=True)

    def _idle(self, size: int) -> bytes:
        return bytes((self._link.idle_byte,)) * size


def unpack_bits(value: int, link: ClockedLink) -> str:
    """Return the bits of a byte in the order in which they are shifted, as `0` and `1`."""
    bits = f"{value:08b}"
    return bits if link.msb_first else bits[::-1]
