"""The streams that receivers could make of bytes that are sent at changing rates.

A receiver that does not follow a change of rate misses what is sent until the rate is its own again, and joins what it
received before and after. Which changes a receiver follows is not known to the sender. So the bytes of each set of
rates are a stream of their own. A stream that is only the end of another one has nothing to find that the other one has
not, and is made when that is over.
"""

from lensmount_emulator.sessions.frame_watch import MAX_FRAME_SIZE, FrameWatch

MAX_RATES = 4
"""Rates that are told apart; all further ones count as one. Dialects have two or three."""

MAX_DOUBTS = 4
"""Streams that are kept because a write failed; the oldest goes first."""

_OTHER = 0
"""Stands for every rate after the first `MAX_RATES`."""


class RateStreams:
    """Follows what receivers could make of the bytes of one port."""

    def __init__(self, watch: FrameWatch, baudrate: int) -> None:
        """Start with no bytes.

        Args:
            watch: follows the stream of all bytes.
            baudrate: the rate at the beginning, in bits a second.
        """
        self._rate = baudrate
        self._rates = [baudrate]
        self._sets: dict[frozenset[int], FrameWatch] = {frozenset((baudrate,)): watch}
        self._empty = watch.copy()
        self._late: int | None = None
        self._doubted: list[FrameWatch] = []
        self._active = [watch]
        self._doubted_at = 0

    def active(self) -> list[FrameWatch]:
        """The streams that the next bytes belong to; that of all bytes is the first."""
        return self._active

    def change(self, baudrate: int) -> None:
        """What follows is sent at another rate."""
        if baudrate not in self._rates and len(self._rates) >= MAX_RATES:
            baudrate = _OTHER
        if baudrate == self._rate:
            return
        if self._late is not None:
            # Until now these bytes were the end of a longer stream, which has found all that there was in them.
            longer = self._sets[frozenset(self._rates)]
            alone = self._empty.copy()
            alone.push(longer.tail(min(longer.total - self._late, MAX_FRAME_SIZE)))
            self._sets[frozenset((self._rate,))] = alone
            self._late = None
        if baudrate not in self._rates:
            for rates, watch in list(self._sets.items()):
                self._sets[rates | {baudrate}] = watch.copy()
            self._rates.append(baudrate)
            self._late = self._sets[frozenset(self._rates)].total
        self._rate = baudrate
        self._choose()

    def doubt(self) -> None:
        """Follow from now on also what there is without the last bytes."""
        if self._active[0].total == self._doubted_at:
            return
        self._doubted_at = self._active[0].total
        without = self._active[0].copy()
        without.rollback()
        self._doubted = [*self._doubted, without][-MAX_DOUBTS:]
        self._choose()

    def _choose(self) -> None:
        sets = sorted(self._sets.items(), key=lambda item: -len(item[0]))
        self._active = [*(watch for rates, watch in sets if self._rate in rates), *self._doubted]
