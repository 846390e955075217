"""Flow control by credit: limits are totals since the handshake, so the next message makes up for a lost one."""

from lensmount_hardware.boards.protocol.constants import CREDIT_MODULUS


def signed_distance(later: int, earlier: int) -> int:
    """Return how far one total is ahead of another, as a signed 32-bit number."""
    distance = (later - earlier) % CREDIT_MODULUS
    return distance - CREDIT_MODULUS if distance >= CREDIT_MODULUS // 2 else distance


class SendCredit:
    """Credit that the other end grants to us.

    Attributes:
        invalid_limits: received limits that are impossible: they shrink, or exceed the other end's capacity.
    """

    def __init__(self, capacity: int) -> None:
        self.invalid_limits = 0
        self._capacity = capacity
        self._limit = capacity % CREDIT_MODULUS
        self._spent = 0

    @property
    def available(self) -> int:
        """Bytes that may be spent now."""
        return signed_distance(self._limit, self._spent)

    def update_limit(self, limit: int) -> None:
        """Accept a new limit; an impossible one is counted and ignored."""
        if signed_distance(limit, self._limit) < 0 or not 0 <= signed_distance(limit, self._spent) <= self._capacity:
            self.invalid_limits += 1
            return
        self._limit = limit

    def consume(self, cost: int) -> bool:
        """Spend `cost` if there is enough credit; returns whether there was."""
        if cost > self.available:
            return False
        self._spent = (self._spent + cost) % CREDIT_MODULUS
        return True


class ReceiveCredit:
    """Credit that we grant to the other end.

    Args:
        capacity: bytes that we can buffer.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used = 0
        self._freed = 0
        self._advertised = capacity

    @property
    def limit(self) -> int:
        """The limit in force."""
        return (self._freed + self._capacity) % CREDIT_MODULUS

    @property
    def occupied(self) -> int:
        """Bytes accepted and not yet released."""
        return self._used - self._freed

    def accept(self, cost: int) -> bool:
        """Account for bytes that the other end spent; `False`, without effect, where they exceed the limit we sent."""
        if self._used + cost > self._advertised:
            return False
        self._used += cost
        return True

    def release(self, cost: int) -> None:
        """Release bytes that were accepted."""
        self._freed += cost

    def limit_update(self) -> int | None:
        """Return a limit worth sending: after the last one, a quarter of the capacity was released, or all of it."""
        grown = self._freed + self._capacity - self._advertised
        if grown and (grown * 4 >= self._capacity or not self.occupied):
            self._advertised = self._freed + self._capacity
            return self.limit
        return None
