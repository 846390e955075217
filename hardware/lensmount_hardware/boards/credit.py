"""Credit as both ends count it: whole sums since the greeting, so that the next message makes good a lost one."""

from lensmount_hardware.boards.words import CREDIT_MODULUS


def ahead(later: int, earlier: int) -> int:
    """By how much one sum is ahead of another, as a signed 32-bit number."""
    distance = (later - earlier) % CREDIT_MODULUS
    return distance - CREDIT_MODULUS if distance >= CREDIT_MODULUS // 2 else distance


class Allowance:
    """What we may spend at the other end.

    Attributes:
        nonsense: limits that were told and cannot be: they shrink, or are beyond what the other end has room for.
    """

    def __init__(self, room: int) -> None:
        self.nonsense = 0
        self._room = room
        self._limit = room % CREDIT_MODULUS
        self._spent = 0

    @property
    def left(self) -> int:
        """Bytes that may be spent now."""
        return ahead(self._limit, self._spent)

    def allow(self, limit: int) -> None:
        """Take a new limit; one that cannot be is counted and left alone."""
        if ahead(limit, self._limit) < 0 or not 0 <= ahead(limit, self._spent) <= self._room:
            self.nonsense += 1
            return
        self._limit = limit

    def spend(self, cost: int) -> bool:
        """Spend, if there is that much."""
        if cost > self.left:
            return False
        self._spent = (self._spent + cost) % CREDIT_MODULUS
        return True


class Ledger:
    """What the other end may spend with us.

    Args:
        room: bytes that we have room for.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._freed = 0
        self._told = room

    @property
    def limit(self) -> int:
        """The limit that holds now."""
        return (self._freed + self._room) % CREDIT_MODULUS

    @property
    def occupied(self) -> int:
        """Bytes taken and not yet free again."""
        return self._taken - self._freed

    def take(self, cost: int) -> bool:
        """Take what was spent with us; `False` where it is beyond the limit that we told, and is not taken."""
        if self._taken + cost > self._told:
            return False
        self._taken += cost
        return True

    def free(self, cost: int) -> None:
        """Something that was taken is done with."""
        self._freed += cost

    def news(self) -> int | None:
        """A limit worth telling: a quarter of the room has become free since the last, or all of it has."""
        grown = self._freed + self._room - self._told
        if grown and (grown * 4 >= self._room or not self.occupied):
            self._told = self._freed + self._room
            return self.limit
        return None
