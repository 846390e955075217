"""What a model board keeps for the host until there is credit, and what it counts when there is no room."""

from collections import Counter, deque
from collections.abc import Callable

from lensmount_hardware.boards.credit import ahead
from lensmount_hardware.boards.declaration import BoardMessage
from lensmount_hardware.boards.protocol import cost_of
from lensmount_hardware.boards.reports import BoardState, Dropped, EdgeSeen, ReceivedBytes
from lensmount_hardware.boards.words import CREDIT_MODULUS, Sort


class ReportQueue:
    """Reports in their order.

    Args:
        room: bytes of reports that may wait.
        emit: writes one message to the host.

    Attributes:
        lost: how many of each sort were dropped, in all.
    """

    def __init__(self, room: int, emit: Callable[[BoardMessage], None]) -> None:
        self.lost = Counter[Sort]()
        self._room = room
        self._emit = emit
        self._waiting: deque[tuple[BoardMessage, int]] = deque()
        self._occupied = 0
        self._limit = 0
        self._spent = 0
        self._untold = Counter[Sort]()
        self._open = False

    def end(self) -> None:
        """A session ends: what has not been told is lost, and nothing is told until another begins."""
        self._open = False
        for message, _ in self._waiting:
            self.discard(message)
        self._waiting.clear()
        self._occupied = 0

    def begin(self, limit: int, *, goes_on: bool) -> None:
        """A session begins with this much credit; a host that goes on is told what it has lost."""
        if not goes_on:
            self._untold.clear()
        self._open = True
        self._limit = limit
        self._spent = 0

    def allow(self, limit: int) -> None:
        """The host has room for more."""
        if ahead(limit, self._limit) > 0:
            self._limit = limit
        self.pump()

    def add(self, message: BoardMessage) -> None:
        """Tell this when its turn comes; where there is no room, count it."""
        cost = cost_of(message) if message.QUEUED else 0
        if not self._open or self._occupied + cost > self._room:
            self.discard(message)
            return
        self._waiting.append((message, cost))
        self._occupied += cost
        self.pump()

    def discard(self, message: BoardMessage) -> None:
        """What will not be told any more is lost."""
        if message.QUEUED:
            self.count(*_loss(message))

    def count(self, sort: Sort, number: int) -> None:
        """Something was lost."""
        if number:
            self.lost[sort] += number
            self._untold[sort] += number

    def pump(self) -> None:
        """Tell what credit allows; a state does not wait for credit."""
        if not self._open:
            return
        while self._waiting:
            message, cost = self._waiting[0]
            if cost > ahead(self._limit, self._spent) and cost:
                self._tell_states()
                return
            self._spent = (self._spent + cost) % CREDIT_MODULUS
            self._waiting.popleft()
            self._occupied -= cost
            self._emit(message)
        for sort, number in self._untold.items():
            self._emit(Dropped(sort, number))
        self._untold.clear()

    def _tell_states(self) -> None:
        for item in [item for item in self._waiting if isinstance(item[0], BoardState)]:
            self._waiting.remove(item)
            self._emit(item[0])


def _loss(message: BoardMessage) -> tuple[Sort, int]:
    if isinstance(message, ReceivedBytes):
        return Sort.RECEIVED, message.count
    return (Sort.EDGES if isinstance(message, EdgeSeen) else Sort.REPORTS), 1
