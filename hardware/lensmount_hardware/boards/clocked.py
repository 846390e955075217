"""Clocked mounts on a board: bursts from its reports, and the replies that it loads in place of its host."""

from collections import deque
from collections.abc import Iterator, Sequence

from lensmount_hardware.boards.protocol.commands import ReplyCommand
from lensmount_hardware.boards.protocol.constants import MAX_REPLIES, MAX_REPLY_UNIT, REPLY_MATCH, BurstFlag, ReplyFlag
from lensmount_hardware.boards.protocol.reports import BurstReceived
from lensmount_hardware.transport import PreparedReply
from lensmount_protocol.errors import TransportError
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


FIRST_ID = 0x8000
"""Numbers from here on are those of replies; our orders have the ones below."""

MAX_AGE_S = 0.05
"""Seconds after which an answer of the board expects no unit of the host for the same burst."""

_NEVER = 255
_MAX_RETIRED = 3 * MAX_REPLIES


class ReplyTable:
    """The replies of one board.

    Args:
        name: the board's port, for errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._replies: list[PreparedReply | None] = []
        self._units: dict[int, bytes | None] = {}
        self._in_force: dict[int, int] = {}
        # Replies that the board has no more may still be reported; the oldest are forgotten.
        self._retired: deque[int] = deque()
        self._next_id = FIRST_ID
        self._answered: deque[float] = deque()

    def update(self, replies: Sequence[PreparedReply]) -> Iterator[ReplyCommand]:
        """Yield the messages that make these the replies of the board.

        Raises:
            TransportError: a board does not hold so many, or so large ones.
        """
        if len(replies) > MAX_REPLIES:
            raise TransportError(f"{self._name}: {len(replies)} replies; a board holds {MAX_REPLIES}")
        self._replies += [None] * (len(replies) - len(self._replies))
        for number, old in enumerate(self._replies):
            new = replies[number] if number < len(replies) else None
            if new is not old and new != old:
                self._replies[number] = new
                yield self._command(number, new)

    def unit(self, number: int, copied: bytes) -> bytes | None:
        """The unit of a reply that went out; `None` where the board has no such reply.

        Args:
            number: its `id`.
            copied: the burst that it copied, if it does.
        """
        if number not in self._units:
            return None
        unit = self._units[number]
        return copied if unit is None else unit

    def on_answered(self, now: float) -> None:
        """The board has loaded a reply: our unit for the same burst is not needed."""
        self._answered.append(now)

    def takes_unit(self, now: float) -> bool:
        """Whether the board needs a unit of ours; it does not where it has answered that burst."""
        while self._answered and now - self._answered[0] > MAX_AGE_S:
            self._answered.popleft()
        if not self._answered:
            return True
        self._answered.popleft()
        return False

    def _command(self, number: int, reply: PreparedReply | None) -> ReplyCommand:
        if reply is None:
            self._retire(number)
            return ReplyCommand(number, 0, _NEVER, 0, 0, 0, 1, bytes(REPLY_MATCH), bytes(REPLY_MATCH), b"\0")
        if reply.unit is not None and not 0 < len(reply.unit) <= MAX_REPLY_UNIT:
            raise TransportError(f"{self._name}: a reply of {len(reply.unit)} bytes; a board holds {MAX_REPLY_UNIT}")
        self._retire(number)
        id_ = self._free_id()
        self._units[id_], self._in_force[number] = reply.unit, id_
        flags = ReplyFlag.COPY if reply.unit is None else 0
        match, mask = (data[:REPLY_MATCH].ljust(REPLY_MATCH, b"\0") for data in (reply.match, reply.mask))
        return ReplyCommand(
            number, id_, reply.state, reply.after, reply.after_mask, flags, reply.size, match, mask, reply.unit or b""
        )

    def _retire(self, number: int) -> None:
        """The board gets another reply of this number, or none."""
        old = self._in_force.pop(number, None)
        if old is not None:
            self._retired.append(old)
            if len(self._retired) > _MAX_RETIRED:
                del self._units[self._retired.popleft()]

    def _free_id(self) -> int:
        """The next number that no known reply has."""
        while self._next_id in self._units:
            self._step()
        free = self._next_id
        self._step()
        return free

    def _step(self) -> None:
        self._next_id = self._next_id + 1 if self._next_id < 0xFFFF else FIRST_ID
