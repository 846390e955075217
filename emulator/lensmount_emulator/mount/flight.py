"""A burst on its way from one end to the other: what of it has arrived, and what arrives next."""

from collections.abc import Callable

from lensmount_protocol.wire import Burst, WireEvent

Ear = Callable[[WireEvent, float], object]
"""What an end hears with: an event, and when it came."""


class Flight:
    """A burst on its way.

    Attributes:
        burst: the burst.
        hears: the ear that it goes to.
        stops: where its runs end, in bytes; empty where each byte is one.
        told: bytes that have arrived.
        run: number of the run that arrives next.
        due: when that is; other calls are left from before the burst was cut again.
        kept: the time of such a call, which will come in useful; 0 where there is none.
        number: its place in the scheduler; 0 once it is over.
    """

    __slots__ = ("burst", "due", "hears", "kept", "number", "run", "stops", "told")

    def __init__(self, burst: Burst, hears: Ear, stops: tuple[int, ...], due: float) -> None:
        self.burst = burst
        self.hears = hears
        self.stops = stops
        self.told = 0
        self.run = 0
        self.due = due
        self.kept = 0.0
        self.number = 0

    @property
    def by_byte(self) -> bool:
        """Whether every byte that is left is a run."""
        return len(self.stops) - self.run == len(self.burst.data) - self.told

    def whole(self, now: float, *, with_now: bool) -> int:
        """How many bytes have come whole before a time, or up to it."""
        burst, count, size = self.burst, self.told, len(self.burst.data)
        while count < size and ((end := end_of(burst, count + 1)) < now or (with_now and end == now)):
            count += 1
        return count

    def cut_again(self, arrived: int) -> None:
        """So many bytes have been told; the rest arrives byte by byte."""
        self.told, self.run = arrived, 0
        self.stops = tuple(range(arrived + 1, len(self.burst.data) + 1))
        self.kept, self.due = self.due, end_of(self.burst, arrived + 1)


def end_of(burst: Burst, count: int) -> float:
    """When the stop bit of the byte with this number, counted from 1, is over."""
    begins, ends, size = burst.at or 0.0, burst.until or 0.0, len(burst.data)
    return ends if count == size else begins + (ends - begins) * count / size
