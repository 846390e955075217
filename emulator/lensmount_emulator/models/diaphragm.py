"""The diaphragm model: blades that move to an aperture in steps, quickly or evenly, within the range of the zoom.

Apertures are Av/256, a unit that public interfaces of the makers use; the motion itself is modelled.
"""

UNITS_PER_AV = 256

_STEEPEST = 1.5
"""Peak speed of an even movement, as a multiple of its mean speed."""


class DiaphragmModel:
    """The iris; apertures in Av/256, a larger value is a smaller aperture. Query times from the last order on.

    Args:
        widest: widest aperture.
        smallest: smallest aperture.
        step: its resolution, counted from the widest aperture.
        av_per_s: top speed, in Av a second.

    Attributes:
        widest: widest aperture at this zoom.
        smallest: smallest aperture at this zoom.
        target: the aperture that it moves to or has reached.
        settles_at: time at which it is reached, in seconds.
    """

    __slots__ = ("_begins", "_even", "_origin", "_speed", "_step", "settles_at", "smallest", "target", "widest")

    def __init__(self, *, widest: int, smallest: int, step: int, av_per_s: float) -> None:
        self.widest = self.target = widest
        self.smallest = max(widest, smallest)
        self.settles_at = self._begins = 0.0
        self._origin = float(widest)
        self._even = False
        self._step = max(1, step)
        self._speed = av_per_s * UNITS_PER_AV

    def set_target(self, target: int, now: float, duration: float = 0.0) -> float:
        """Move to the possible aperture nearest to `target`; returns the time at which it is reached.

        Args:
            target: aperture.
            now: time of the order, in seconds.
            duration: 0 for top speed; else seconds for an even movement, which lasts longer if the blades are too
                slow.
        """
        origin = self._exact(now)
        notches = (target - self.widest + self._step // 2) // self._step
        self.target = max(self.widest, min(self.smallest, self.widest + notches * self._step))
        lasts = abs(self.target - origin) / self._speed
        self._even = duration > 0
        if self._even and lasts:
            lasts = max(duration, lasts * _STEEPEST)
        self._origin, self._begins = origin, now
        self.settles_at = now + lasts
        return self.settles_at

    def limits(self, widest: int, smallest: int, now: float) -> float:
        """Set the range that the zoom leaves; returns the time at which the blades reach their target within it.

        An aperture outside of the new range is at its edge at once: the glass in front of the blades cuts the light,
        and nothing has to move for it.
        """
        origin = self._exact(now)
        self.widest, self.smallest = widest, max(widest, smallest)
        edge = max(self.widest, min(self.smallest, origin))
        target = max(self.widest, min(self.smallest, self.target))
        if target != self.target or edge != origin:
            self._origin, self._begins, self._even = edge, now, False
            self.target = target
            self.settles_at = now + abs(target - self._origin) / self._speed
        return max(self.settles_at, now)

    def position(self, now: float) -> int:
        """Return the current aperture of the blades."""
        return self.target if now >= self.settles_at else round(self._exact(now))

    def moving(self, now: float) -> bool:
        """Whether it still moves."""
        return now < self.settles_at

    def _exact(self, now: float) -> float:
        if now >= self.settles_at:
            return float(self.target)
        part = max(0.0, (now - self._begins) / (self.settles_at - self._begins))
        if self._even:
            part *= part * (3 - 2 * part)
        return self._origin + (self.target - self._origin) * part
