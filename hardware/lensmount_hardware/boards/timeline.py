"""Times of a board on the host's clock that never jump: what a recording's times are made with.

`ClockMap` gives the best guess, and changes it with every round trip. Two edges that are 20 µs apart must not come out
500 µs apart because a better guess was found between them: so a timeline begins at the first guess, and follows the
later ones by running a little faster or slower than the board.
"""

from lensmount_hardware.boards.clock_map import ClockMap

MOST_SLEW = 300e-6
"""Share of time by which a timeline runs faster or slower than its board to come closer to the guess: 3 µs in 10 ms."""

HORIZON = 1.0
"""Seconds within which a small error is to be gone."""

_US = 1e-6


class Timeline:
    """One board's times.

    Args:
        clock: the best guess; it must know the board's time.
        follows: whether to follow it. Without that, times differ by exactly the board's microseconds, and run away from
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
        return self._at + (board_us - self._us) * _US * self._rate

    def board_us(self, at: float) -> int:
        """The board's time at a time of the host: the inverse of `at`."""
        start_us = self._latest_us if self._us is None else self._us
        return start_us + round((at - self.at(start_us)) / (_US * self._rate))

    def begin_anew(self) -> None:
        """What was believed of the clock is wrong: the next time is the best guess, wherever that is."""
        self._us = None
        self._rate = 1.0

    def follow(self) -> None:
        """The best guess is another one: go towards it from the latest time that was asked for."""
        if self._us is None or not self._follows:
            return
        here = self._latest_us
        at = self.at(here)
        error = self._clock.host_time(here) - at
        slew = min(max(error / HORIZON, -MOST_SLEW), MOST_SLEW)
        self._us, self._at, self._rate = here, at, 1 + self._clock.drift_ppm * _US + slew
