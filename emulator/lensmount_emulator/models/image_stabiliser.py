"""A stabiliser in a lens: it shifts the image against a movement, as far as it can, and tells panning from tremor."""

import math

PITCH, YAW = 1, 2
"""Bits of the axes that it may use."""

PANS_FROM_DEG_S = 5.0
"""A steady yaw above this is meant; modelled, and above what the modelled tremor does."""

PANS_AFTER_S = 0.2

_STEEPEST_DEG = 80.0
"""No lens shifts its image by so much; beyond 90 degrees the tangent would come back from the other side."""


class ImageStabiliser:
    """What shifts the image.

    Args:
        range_um: largest shift of the image each way, in micrometres.
    """

    __slots__ = ("_range_um",)

    def __init__(self, range_um: int) -> None:
        self._range_um = range_um

    def shift_um(self, angle_deg: tuple[float, float], focal_um: int, share: float, axes: int) -> tuple[int, int, bool]:
        """The shift that a movement needs, within what it can do.

        Args:
            angle_deg: pitch and yaw of the camera.
            focal_um: focal length.
            share: the lens's part of the correction, 0 to 1.
            axes: bit 0 pitch, bit 1 yaw; the others stay in the middle.

        Returns:
            Shift along the long side (yaw) and along the short side (pitch), in micrometres, and whether either is
            at its limit and should be further.
        """
        pitch, yaw = angle_deg
        x = self._shift(yaw, focal_um, share) if axes & YAW else 0
        y = self._shift(pitch, focal_um, share) if axes & PITCH else 0
        limit = self._range_um
        return max(-limit, min(limit, x)), max(-limit, min(limit, y)), abs(x) > limit or abs(y) > limit

    @staticmethod
    def _shift(angle_deg: float, focal_um: int, share: float) -> int:
        angle_deg = max(-_STEEPEST_DEG, min(_STEEPEST_DEG, angle_deg))
        return round(focal_um * math.tan(math.radians(angle_deg)) * share)


class PanningDetector:
    """Sees that a camera is turned on purpose: the yaw rate stays above a threshold, on one side, for a while."""

    __slots__ = ("_latest", "_side", "_since")

    def __init__(self) -> None:
        self._since = self._latest = -math.inf
        self._side = 0

    def add(self, yaw_rate: float, now: float) -> None:
        """Take a measurement, in degrees a second; times do not go back."""
        side = (yaw_rate > PANS_FROM_DEG_S) - (yaw_rate < -PANS_FROM_DEG_S)
        # Nobody knows what was between two measurements that lie too far apart.
        if side != self._side or now - self._latest > PANS_AFTER_S:
            self._side, self._since = side, now
        self._latest = now

    def panning(self, now: float) -> bool:
        """Whether it has been turned steadily, up to a measurement that is not stale."""
        return bool(self._side) and now - self._since >= PANS_AFTER_S and now - self._latest <= PANS_AFTER_S
