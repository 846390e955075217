"""A zoom: a ring turned by hand or a motor between two focal lengths, and what it does to the focus.

Between its ends the focal length grows by equal factors over equal parts of the way. Modelled.
"""

import math

WHOLE_POSITION = 255
"""Zoom position at the long end; public interfaces of a maker count it in one byte (Rambalac/GMaster)."""

_PERMILLE = 1000.0


class ZoomMotion:
    """A zoom, or a prime, which stays what it is. Ask for times from the last order on.

    Args:
        shortest_um: shortest focal length, in micrometres.
        longest_um: longest focal length; a prime's is the same.
        seconds: how long its motor takes for the range.

    Attributes:
        done_at: when it stands, in seconds.
    """

    __slots__ = (
        "_begins", "_by_hand", "_end", "_end_um", "_longest_um", "_origin", "_range", "_seconds", "_shortest_um",
        "done_at",
    )  # fmt: skip

    def __init__(self, *, shortest_um: int, longest_um: int, seconds: float) -> None:
        self._shortest_um = shortest_um
        self._longest_um = max(shortest_um, longest_um)
        self._range = math.log(self._longest_um / shortest_um)
        self._seconds = seconds
        self._origin = self._end = 0.0
        self._end_um = shortest_um
        self._by_hand = False
        self._begins = self.done_at = 0.0

    def turn_to(self, focal_um: int, now: float, seconds: float = 0.3) -> float:
        """Turn the ring to a focal length within `seconds`, gently at both ends; gives the time when it stands."""
        focal_um = max(self._shortest_um, min(self._longest_um, focal_um))
        return self._go(self._fraction_of(focal_um), focal_um, now, max(0.0, seconds), by_hand=True)

    def drive(self, permille_per_s: int, now: float) -> float:
        """Run the motor towards an end; gives the time when it will be there.

        Args:
            permille_per_s: thousandths of the range a second, positive towards the long end, 0 to stop; the motor
                does no more than it can.
            now: time of the order, in seconds.
        """
        if not permille_per_s:
            return self.stop(now)
        end, end_um = (1.0, self._longest_um) if permille_per_s > 0 else (0.0, self._shortest_um)
        lasts = abs(end - self.fraction(now)) * max(self._seconds, _PERMILLE / abs(permille_per_s))
        return self._go(end, end_um, now, lasts, by_hand=False)

    def stop(self, now: float) -> float:
        """Stand where it is, at once; gives the time."""
        return self._go(self.fraction(now), self.focal_um(now), now, 0.0, by_hand=False)

    def focal_um(self, now: float) -> int:
        """Focal length, in micrometres."""
        if now >= self.done_at:
            return self._end_um
        return round(self._shortest_um * math.exp(self._range * self.fraction(now)))

    def position(self, now: float) -> int:
        """Zoom position, 0 at the short end to 255."""
        return round(WHOLE_POSITION * self.fraction(now))

    def fraction(self, now: float) -> float:
        """Part of the way from the short end, 0 to 1; a prime's is 0."""
        if now >= self.done_at:
            return self._end
        part = max(0.0, (now - self._begins) / (self.done_at - self._begins))
        if self._by_hand:
            part *= part * (3 - 2 * part)
        return self._origin + (self._end - self._origin) * part

    def moving(self, now: float) -> bool:
        """Whether it does not stand yet."""
        return now < self.done_at

    def _fraction_of(self, focal_um: int) -> float:
        return math.log(focal_um / self._shortest_um) / self._range if self._range else 0.0

    def _go(self, end: float, end_um: int, now: float, lasts: float, *, by_hand: bool) -> float:
        if not self._range:
            return now
        self._origin, self._begins = self.fraction(now), now
        self._end, self._end_um, self._by_hand = end, end_um, by_hand
        self.done_at = now + (lasts if end != self._origin else 0.0)
        return self.done_at


def focus_shift(fraction: float, shift_steps: int) -> int:
    """How many steps the plane of focus has moved at a zoom that is not parfocal: none at the short end.

    It grows with the square of the way: an error behind the lens grows with the square of the focal length. Modelled.

    Args:
        fraction: part of the zoom's way from the short end, 0 to 1.
        shift_steps: the shift at the long end, in steps of the focus drive.
    """
    fraction = max(0.0, min(1.0, fraction))
    return round(shift_steps * fraction * fraction)
