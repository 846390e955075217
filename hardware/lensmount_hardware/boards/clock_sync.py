"""Maps a board's time to the host's time: a line through round trips, with a bound on its error.

A request that left at `sent` and its response at `received` show that the board read its time between the two. Both
clocks are crystals, so they drift apart by at most `MAX_DRIFT`. Every round trip therefore bounds the error at every
other time too, and the narrowest bound holds.

`ClockMap` holds the best estimate and changes it with every round trip. `MonotonicTimeline` makes the times of a
recording, which never jump: two edges that are 20 µs apart must not become 500 µs apart because the estimate improved
between them. A timeline starts at the first estimate and follows later ones by running slightly faster or slower.
"""

from collections import deque
from dataclasses import dataclass

MAX_DRIFT = 200e-6
"""Maximum drift between two crystals, as a share of time: 50 ppm each is usual, and heat adds to it."""

_MAX_TRIPS = 128
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
        """Our best estimate of when the board read its time."""
        return (self.sent + self.received) / 2

    @property
    def half(self) -> float:
        """The largest error of `middle`, in seconds."""
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
        breaks: number of times that round trips contradicted each other, as after a restart of the board; the map
            then starts from scratch.
        trips: number of round trips added.
        last_trip: duration of the last one, in seconds.
        last_us: the board's time in it.
    """

    def __init__(self) -> None:
        self.breaks = 0
        self.trips = 0
        self.last_trip = 0.0
        self.last_us = 0
        self._trips: deque[RoundTrip] = deque(maxlen=_MAX_TRIPS)
        self._line: _Line | None = None

    def add(self, sent: float, received: float, board_us: int) -> None:
        """Add one round trip; calls must be in time order.

        Raises:
            ValueError: the answer came before the question.
        """
        if received < sent:
            raise ValueError(f"an answer at {received} s to a question at {sent} s")
        self._trips.append(RoundTrip(sent, received, board_us))
        self.trips += 1
        self.last_trip, self.last_us = received - sent, board_us
        line = _fit_line(self._trips)
        if line is None:
            self.breaks += 1
            last = self._trips[-1]
            self._trips.clear()
            self._trips.append(last)
            line = _fit_line(self._trips)
        self._line = line

    @property
    def known(self) -> bool:
        """Whether there has been a round trip."""
        return self._line is not None

    @property
    def drift_ppm(self) -> float:
        """How much the board's clock is slow against ours, in millionths; 0 while it is unknown."""
        return 0.0 if self._line is None else (self._line.rate - 1) * 1e6

    def one_way(self) -> float:
        """Return the minimum latency of a message to the board, in seconds: half of the shortest round trip."""
        return min((trip.half for trip in self._trips), default=0.0)

    def host_time(self, board_us: int) -> float:
        """Our time, in seconds, of a time of the board; there must have been a round trip."""
        line = self._known_line()
        return line.host + (board_us - line.board_us) * _US * line.rate

    def board_time_us(self, host: float) -> int:
        """The board's time, in microseconds, of one of ours; there must have been a round trip."""
        line = self._known_line()
        return round(line.board_us + (host - line.host) / (_US * line.rate))

    def uncertainty(self, board_us: int) -> float:
        """Seconds by which `host_time` can be wrong at most, as long as the clocks keep to `MAX_DRIFT`."""
        line = self._known_line()
        return line.uncertainty + 2 * MAX_DRIFT * abs(board_us - line.board_us) * _US

    def _known_line(self) -> _Line:
        if self._line is None:
            raise ValueError("the board's time is not known before the first round trip")
        return self._line


def _fit_line(trips: deque[RoundTrip]) -> _Line | None:
    """Fit a line through the trips, at the last of them and within their bounds; `None` where they contradict."""
    last = trips[-1]
    rate = _fit_rate(trips)
    lowest, highest = float("-inf"), float("inf")
    weights = total = 0.0
    for trip in trips:
        ahead = (last.board_us - trip.board_us) * _US
        margin = trip.half + MAX_DRIFT * abs(ahead)
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


def _fit_rate(trips: deque[RoundTrip]) -> float:
    """Return our seconds for each of the board's, by weighted least squares."""
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
    return min(max(rate, 1 - MAX_DRIFT), 1 + MAX_DRIFT)


MAX_SLEW = 300e-6
"""Share of time by which a timeline runs faster or slower than its board to approach the estimate: 3 µs in 10 ms."""

HORIZON = 1.0
"""Seconds within which a timeline corrects a small error."""

_MICROSECOND = 1e-6


class MonotonicTimeline:
    """One board's times.

    Args:
        clock: the best estimate; it must know the board's time.
        follows: whether to follow it. Without that, times differ by exactly the board's microseconds, and drift from
            the host's clock by as much as the two crystals differ.
    """

    def __init__(self, clock: ClockMap, *, follows: bool) -> None:
        self._clock = clock
        self._follows = follows
        self._us: int | None = None
        self._at = 0.0
        self._rate = 1.0
        self._latest_us = 0

    def at(self, board_us: int) -> float:
        """The host's time of a time of the board, in seconds."""
        if self._us is None:
            self._us = self._latest_us = board_us
            self._at = self._clock.host_time(board_us)
        self._latest_us = max(self._latest_us, board_us)
        return self._at + (board_us - self._us) * _MICROSECOND * self._rate

    def board_us(self, at: float) -> int:
        """The board's time at a time of the host: the inverse of `at`."""
        start_us = self._latest_us if self._us is None else self._us
        return start_us + round((at - self.at(start_us)) / (_MICROSECOND * self._rate))

    def reset(self) -> None:
        """Discard the timeline: the next time is the best estimate, even if that is a jump."""
        self._us = None
        self._rate = 1.0

    def follow(self) -> None:
        """Turn towards a new best estimate, from the latest time that was requested."""
        if self._us is None or not self._follows:
            return
        here = self._latest_us
        at = self.at(here)
        error = self._clock.host_time(here) - at
        slew = min(max(error / HORIZON, -MAX_SLEW), MAX_SLEW)
        self._us, self._at, self._rate = here, at, 1 + self._clock.drift_ppm * _MICROSECOND + slew
