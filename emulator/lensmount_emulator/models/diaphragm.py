"""A diaphragm: blades that go to an aperture in steps of their own, quickly or evenly, within what the zoom leaves.

Apertures are Av/256, a unit that public interfaces of the makers use; the motion itself is modelled.
"""

UNITS_PER_AV = 256

_STEEPEST = 1.5
"""Peak speed of an even movement, as a multiple of its mean speed."""


class DiaphragmMotion:
    """The iris; apertures in Av/256, larger is smaller. Ask for times from the last order on.

    Args:
        widest: widest aperture.
        smallest: smallest aperture.
        step: its resolution, counted from the widest.
        av_per_s: top speed, in Av a second.

    Attributes:
        widest: widest aperture at this zoom.
        smallest: smallest aperture at this zoom.
        target: where it goes to, or stands.
        done_at: when it is there, in seconds.
    """

    __slots__ = ("_begins", "_even", "_origin", "_speed", "_step", "done_at", "smallest", "target", "widest")

    def __init__(self, *, widest: int, smallest: int, step: int, av_per_s: float) -> None:
        self.widest = self.target = widest
        self.smallest = max(widest, smallest)
        self.done_at = self._begins = 0.0
        self._origin = float(widest)
        self._even = False
        self._step = max(1, step)
        self._speed = av_per_s * UNITS_PER_AV

    def order(self, target: int, now: float, duration: float = 0.0) -> float:
        """Go to the aperture nearest to `target` that it can do; gives the time when it is there.

        Args:
            target: aperture.
            now: time of the order, in seconds.
            duration: 0 to go as quickly as it can; else seconds for an even movement, which lasts longer where the
                blades cannot keep up.
        """
        origin = self._exact(now)
        notches = (target - self.widest + self._step // 2) // self._step
        self.target = max(self.widest, min(self.smallest, self.widest + notches * self._step))
        lasts = abs(self.target - origin) / self._speed
        self._even = duration > 0
        if self._even and lasts:
            lasts = max(duration, lasts * _STEEPEST)
        self._origin, self._begins = origin, now
        self.done_at = now + lasts
        return self.done_at

    def limits(self, widest: int, smallest: int, now: float) -> float:
        """The zoom has changed the range; gives the time when the blades are within it and where they were going.

        What is outside of the new range is at its edge at once: the glass in front of the blades cuts the light, and
        nothing has to move for it.
        """
        origin = self._exact(now)
        self.widest, self.smallest = widest, max(widest, smallest)
        edge = max(self.widest, min(self.smallest, origin))
        target = max(self.widest, min(self.smallest, self.target))
        if target != self.target or edge != origin:
            self._origin, self._begins, self._even = edge, now, False
            self.target = target
            self.done_at = now + abs(target - self._origin) / self._speed
        return max(self.done_at, now)

    def position(self, now: float) -> int:
        """Where the blades are."""
        return self.target if now >= self.done_at else round(self._exact(now))

    def moving(self, now: float) -> bool:
        """Whether it is still on its way."""
        return now < self.done_at

    def _exact(self, now: float) -> float:
        if now >= self.done_at:
            return float(self.target)
        part = max(0.0, (now - self._begins) / (self.done_at - self._begins))
        if self._even:
            part *= part * (3 - 2 * part)
        return self._origin + (self.target - self._origin) * part
