"""Which of our times a board's time is: a line through round trips, with a bound on its error.

A question that left at `sent` and whose answer came at `received` shows that the board's time in the answer fell
between the two. Both clocks are crystals, so they run apart by at most `MOST_DRIFT`; every round trip therefore bounds
the error at every other time too, and the narrowest bound holds.
"""

from collections import deque
from dataclasses import dataclass

MOST_DRIFT = 200e-6
"""How far two crystals may run apart, as a share of time: 50 ppm each is usual, and heat adds to it."""

_REMEMBERED = 128
"""Round trips that a map keeps; at ten a second, 13 s of them."""

_US = 1e-6


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One question and its answer.

    Attributes:
        sent: our time before the question left.
        received: our time when the answer was there.
        board_us: the board's time in the answer.
    """

    sent: float
    received: float
    board_us: int

    @property
    def middle(self) -> float:
        """Our best guess for when the board's time was read."""
        return (self.sent + self.received) / 2

    @property
    def half(self) -> float:
        """How wrong that can be, in seconds."""
        return (self.received - self.sent) / 2


@dataclass(frozen=True, slots=True)
class _Line:
    board_us: int
    host: float
    rate: float
    uncertainty: float


class ClockMap:
    """A board's clock against ours.

    Attributes:
        breaks: times that the round trips contradicted each other, as after the board started anew; the map then
            begins again.
        trips: round trips that were taken in.
        last_trip: seconds that the last one took.
        last_us: the board's time in it.
    """

    def __init__(self) -> None:
        self.breaks = 0
        self.trips = 0
        self.last_trip = 0.0
        self.last_us = 0
        self._kept: deque[RoundTrip] = deque(maxlen=_REMEMBERED)
        self._line: _Line | None = None

    def add(self, sent: float, received: float, board_us: int) -> None:
        """Take in one round trip; later ones must come later.

        Raises:
            ValueError: the answer came before the question.
        """
        if received < sent:
            raise ValueError(f"an answer at {received} s to a question at {sent} s")
        self._kept.append(RoundTrip(sent, received, board_us))
        self.trips += 1
        self.last_trip, self.last_us = received - sent, board_us
        line = _fitted(self._kept)
        if line is None:
            self.breaks += 1
            last = self._kept[-1]
            self._kept.clear()
            self._kept.append(last)
            line = _fitted(self._kept)
        self._line = line

    @property
    def known(self) -> bool:
        """Whether there was a round trip yet."""
        return self._line is not None

    @property
    def drift_ppm(self) -> float:
        """By how much the board's clock is slow against ours, in millionths; 0 until it can be told."""
        return 0.0 if self._line is None else (self._line.rate - 1) * 1e6

    def one_way(self) -> float:
        """Seconds that a message takes to the board when nothing is in its way: half of the shortest round trip."""
        return min((trip.half for trip in self._kept), default=0.0)

    def host_time(self, board_us: int) -> float:
        """Our time, in seconds, of a time of the board; there must have been a round trip."""
        line = self._known_line()
        return line.host + (board_us - line.board_us) * _US * line.rate

    def board_time_us(self, host: float) -> int:
        """The board's time, in microseconds, of one of ours; there must have been a round trip."""
        line = self._known_line()
        return round(line.board_us + (host - line.host) / (_US * line.rate))

    def uncertainty(self, board_us: int) -> float:
        """Seconds by which `host_time` can be wrong at most, as long as the clocks keep to `MOST_DRIFT`."""
        line = self._known_line()
        return line.uncertainty + 2 * MOST_DRIFT * abs(board_us - line.board_us) * _US

    def _known_line(self) -> _Line:
        if self._line is None:
            raise ValueError("the board's time is not known before the first round trip")
        return self._line


def _fitted(trips: deque[RoundTrip]) -> _Line | None:
    """The line through the trips, at the last of them, kept within what they allow; `None` where they contradict."""
    last = trips[-1]
    rate = _rate(trips)
    lowest, highest = float("-inf"), float("inf")
    weights = total = 0.0
    for trip in trips:
        ahead = (last.board_us - trip.board_us) * _US
        margin = trip.half + MOST_DRIFT * abs(ahead)
        lowest = max(lowest, trip.middle + ahead - margin)
        highest = min(highest, trip.middle + ahead + margin)
        weight = 1 / (trip.half + _US) ** 2
        weights += weight
        total += weight * (trip.middle + ahead * rate)
    # Times are read in whole microseconds on one side.
    if lowest > highest + 2 * _US:
        return None
    host = min(max(total / weights, lowest), highest)
    return _Line(last.board_us, host, rate, max(highest - host, host - lowest) + _US)


def _rate(trips: deque[RoundTrip]) -> float:
    """Our seconds for each of the board's, by weighted least squares."""
    first = trips[0]
    points = [
        ((trip.board_us - first.board_us) * _US, trip.middle - first.middle, 1 / (trip.half + _US) ** 2)
        for trip in trips
    ]
    weights = sum(weight for _, _, weight in points)
    mean_x = sum(weight * x for x, _, weight in points) / weights
    mean_y = sum(weight * y for _, y, weight in points) / weights
    spread = sum(weight * (x - mean_x) ** 2 for x, _, weight in points)
    if spread <= 0:
        return 1.0
    rate = sum(weight * (x - mean_x) * (y - mean_y) for x, y, weight in points) / spread
    return min(max(rate, 1 - MOST_DRIFT), 1 + MOST_DRIFT)
