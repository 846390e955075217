"""Maps the clock of a caller to virtual time: at a speed, with pauses. It reads no clock."""

import math

MAX_SPEED = 1e6
"""Largest number of virtual seconds per second of the caller's clock."""


class Pacer:
    """The relation between a caller's clock and virtual time.

    Attributes:
        paused: whether virtual time stands still.
    """

    __slots__ = ("_anchor", "_speed", "paused")

    def __init__(self) -> None:
        self.paused = False
        self._speed = 1.0
        self._anchor: tuple[float, float] | None = None

    @property
    def speed(self) -> float:
        """Virtual seconds per second of the caller's clock."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        if not 0 < value <= MAX_SPEED:
            raise ValueError(f"speed is {value:g}; give more than 0 and at most {MAX_SPEED:g}, or pause the session")
        self._speed = float(value)
        self._anchor = None

    def pause(self) -> None:
        """Let virtual time stand still."""
        self.paused = True
        self._anchor = None

    def resume(self) -> None:
        """Let virtual time pass from the next call of `target` on."""
        self.paused = False

    def target(self, clock: float, now: float, limit: float) -> float:
        """Return the virtual time that belongs to a time of the caller's clock.

        The first call, and the first after a change, returns `now`: time passes from then on.

        Args:
            clock: time of the caller's clock, in seconds.
            now: virtual time.
            limit: virtual seconds that may pass at most; time beyond it is dropped.
        """
        if self.paused:
            return now
        if self._anchor is None:
            self._anchor = clock, now
            return now
        began, since = self._anchor
        wanted = since + (clock - began) * self._speed
        if wanted <= now:
            return now
        if wanted > now + limit:
            self._anchor = clock, now + limit
            return now + limit
        return wanted

    def due(self, when: float | None) -> float | None:
        """Return the time of the caller's clock that belongs to a virtual time; `None`: nothing is due by itself."""
        if self.paused or self._anchor is None or when is None:
            return None
        began, since = self._anchor
        clock = began + (when - since) / self._speed
        # Rounding must not give a time that maps to just before the event: the caller would never reach it.
        while since + (clock - began) * self._speed < when:
            clock = math.nextafter(clock, math.inf)
        return clock
