"""The replies that a board has, and the units that it loads by them in place of its host."""

from collections import deque
from collections.abc import Iterator, Sequence

from lensmount_hardware.boards.protocol.commands import ReplyCommand
from lensmount_hardware.boards.protocol.constants import MAX_REPLIES, MAX_REPLY_UNIT, REPLY_MATCH, ReplyFlag
from lensmount_hardware.transport import PreparedReply
from lensmount_protocol.errors import TransportError

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
