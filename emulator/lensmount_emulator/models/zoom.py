"""The zoom model: a manual ring or a motor between two focal lengths, and its effect on the focus.

The focal length grows by equal factors over equal parts of the range. Modelled.
"""

import math

WHOLE_POSITION = 255
"""Zoom position at the long end; public interfaces of a maker count it in one byte (Rambalac/GMaster)."""

_PERMILLE = 1000.0


class ZoomModel:
    """A zoom, or a prime with a fixed focal length. Query times from the last order on.

    Args:
        min_focal_um: shortest focal length, in micrometres.
        max_focal_um: longest focal length; the same for a prime.
        seconds: time of the motor for the range.

    Attributes:
        settles_at: time at which it stands, in seconds.
    """

    __slots__ = (
        "_begins",
        "_end",
        "_end_um",
        "_is_manual",
        "_max_focal_um",
        "_min_focal_um",
        "_origin",
        "_range",
        "_seconds",
        "settles_at",
    )  # fmt: skip

    def __init__(self, *, min_focal_um: int, max_focal_um: int, seconds: float) -> None:
        self._min_focal_um = min_focal_um
        self._max_focal_um = max(min_focal_um, max_focal_um)
        self._range = math.log(self._max_focal_um / min_focal_um)
        self._seconds = seconds
        self._origin = self._end = 0.0
        self._end_um = min_focal_um
        self._is_manual = False
        self._begins = self.settles_at = 0.0

    def turn_to(self, focal_um: int, now: float, seconds: float = 0.3) -> float:
        """Turn the ring to a focal length within `seconds`, smoothly at both ends; returns the time when it stands."""
        focal_um = max(self._min_focal_um, min(self._max_focal_um, focal_um))
        return self._go(self._to_fraction(focal_um), focal_um, now, max(0.0, seconds), is_manual=True)

    def drive(self, permille_per_s: int, now: float) -> float:
        """Run the motor towards an end; returns the time of arrival.

        Args:
            permille_per_s: thousandths of the range a second, positive towards the long end, 0 to stop; limited to
                the top speed of the motor.
            now: time of the order, in seconds.
        """
        if not permille_per_s:
            return self.stop(now)
        end, end_um = (1.0, self._max_focal_um) if permille_per_s > 0 else (0.0, self._min_focal_um)
        lasts = abs(end - self.fraction(now)) * max(self._seconds, _PERMILLE / abs(permille_per_s))
        return self._go(end, end_um, now, lasts, is_manual=False)

    def stop(self, now: float) -> float:
        """Stop at the current position at once; returns the time."""
        return self._go(self.fraction(now), self.focal_um(now), now, 0.0, is_manual=False)

    def focal_um(self, now: float) -> int:
        """Focal length, in micrometres."""
        if now >= self.settles_at:
            return self._end_um
        return round(self._min_focal_um * math.exp(self._range * self.fraction(now)))

    def position(self, now: float) -> int:
        """Zoom position, 0 at the short end to 255."""
        return round(WHOLE_POSITION * self.fraction(now))

    def fraction(self, now: float) -> float:
        """Fraction of the range from the short end, 0 to 1; 0 for a prime."""
        if now >= self.settles_at:
            return self._end
        part = max(0.0, (now - self._begins) / (self.settles_at - self._begins))
        if self._is_manual:
            part *= part * (3 - 2 * part)
        return self._origin + (self._end - self._origin) * part

    def moving(self, now: float) -> bool:
        """Whether it still moves."""
        return now < self.settles_at

    def _to_fraction(self, focal_um: int) -> float:
        return math.log(focal_um / self._min_focal_um) / self._range if self._range else 0.0

    def _go(self, end: float, end_um: int, now: float, lasts: float, *, is_manual: bool) -> float:
        if not self._range:
            return now
        self._origin, self._begins = self.fraction(now), now
        self._end, self._end_um, self._is_manual = end, end_um, is_manual
        self.settles_at = now + (lasts if end != self._origin else 0.0)
        return self.settles_at


def focus_shift(fraction: float, shift_steps: int) -> int:
    """Return the focus shift of a zoom that is not parfocal, in steps: 0 at the short end.

    It grows with the square of the zoom position: an error on the image side grows with the square of the focal
    length. Modelled.

    Args:
        fraction: fraction of the zoom range from the short end, 0 to 1.
        shift_steps: the shift at the long end, in steps of the focus drive.
    """
    fraction = max(0.0, min(1.0, fraction))
    return round(shift_steps * fraction * fraction)
