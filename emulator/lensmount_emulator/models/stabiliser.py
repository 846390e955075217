"""The stabiliser model: shifts the image against camera shake within its range, and distinguishes panning from shake.

The shake of a hand-held camera is a sum of a few sines, plus panning. It lies between 1 and 12 Hz, as is common
knowledge of stabiliser design; its size is modelled.
"""

import math
from random import Random

PITCH, YAW = 1, 2
"""Bits of the axes that it may use."""

PANNING_RATE_DEG_S = 5.0
"""A steady yaw rate above this is intended; modelled, and above the rates of the modelled shake."""

PANNING_DELAY_S = 0.2

_STEEPEST_DEG = 80.0
"""Limit of the angle: no lens shifts its image so far, and beyond 90 degrees the tangent changes its sign."""


class ImageStabiliser:
    """Shifts the image against a movement.

    Args:
        range_um: largest shift of the image each way, in micrometres.
    """

    __slots__ = ("_range_um",)

    def __init__(self, range_um: int) -> None:
        self._range_um = range_um

    def shift_um(self, angle_deg: tuple[float, float], focal_um: int, share: float, axes: int) -> tuple[int, int, bool]:
        """Return the shift that compensates a movement, within the range.

        Args:
            angle_deg: pitch and yaw of the camera.
            focal_um: focal length.
            share: the lens's part of the correction, 0 to 1.
            axes: bit 0 pitch, bit 1 yaw; the other axes stay centred.

        Returns:
            Shift along the long side (yaw) and along the short side (pitch), in micrometres, and whether the range
            limits either of them.
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
    """Detects panning: the yaw rate stays above a threshold, in one direction, for `PANNING_DELAY_S`."""

    __slots__ = ("_latest", "_side", "_since")

    def __init__(self) -> None:
        self._since = self._latest = -math.inf
        self._side = 0

    def add(self, yaw_rate: float, now: float) -> None:
        """Take a measurement, in degrees a second; times do not go back."""
        side = (yaw_rate > PANNING_RATE_DEG_S) - (yaw_rate < -PANNING_RATE_DEG_S)
        # The movement between two measurements too far apart is unknown.
        if side != self._side or now - self._latest > PANNING_DELAY_S:
            self._side, self._since = side, now
        self._latest = now

    def panning(self, now: float) -> bool:
        """Whether the camera pans steadily, up to a measurement that is not stale."""
        return bool(self._side) and now - self._since >= PANNING_DELAY_S and now - self._latest <= PANNING_DELAY_S


_FREQUENCIES_HZ = ((1.3, 3.1, 6.4, 10.7), (1.1, 2.7, 5.9, 11.3), (1.7, 4.3, 8.1))
"""Frequencies of pitch, yaw and roll, without random variation."""

_PHASES = ((0.4, 2.1, 4.4, 5.9), (1.2, 3.6, 5.1, 0.7), (2.9, 0.3, 4.0))

_SPREAD = 0.08
"""Random variation of the frequencies, as a fraction; all stay within 1 and 12 Hz."""

_Sine = tuple[float, float, float]
"""Amplitude in degrees, radians a second, phase in radians."""


class CameraShake:
    """Camera shake in three axes; all instances without a generator are equal.

    Args:
        random: generator of its phases and frequencies; `None` for fixed ones.
        amplitude_deg: largest angle in pitch and in yaw; in roll it is half of that.
    """

    __slots__ = ("_pans", "_pitch", "_roll", "_yaw")

    def __init__(self, random: Random | None, amplitude_deg: float = 0.2) -> None:
        self._pitch, self._yaw, self._roll = (
            _sines(frequencies, phases, amplitude, random)
            for frequencies, phases, amplitude in zip(
                _FREQUENCIES_HZ, _PHASES, (amplitude_deg, amplitude_deg, amplitude_deg / 2), strict=True
            )
        )
        self._pans: list[tuple[float, float, float]] = []

    def pan(self, rate_deg_s: float, begins: float, ends: float) -> None:
        """Pan the camera in yaw at a steady rate between two times; the angle stays afterwards."""
        self._pans.append((rate_deg_s, begins, max(begins, ends)))

    def angle(self, now: float) -> tuple[float, float]:
        """Pitch and yaw, in degrees."""
        yaw = _angle(self._yaw, now)
        for rate, begins, ends in self._pans:
            yaw += rate * max(0.0, min(now, ends) - begins)
        return _angle(self._pitch, now), yaw

    def rate(self, now: float) -> tuple[float, float, float]:
        """Rates of pitch, yaw and roll, in degrees a second."""
        yaw = _rate(self._yaw, now)
        for rate, begins, ends in self._pans:
            if begins <= now < ends:
                yaw += rate
        return _rate(self._pitch, now), yaw, _rate(self._roll, now)


def _sines(
    frequencies: tuple[float, ...], phases: tuple[float, ...], amplitude: float, random: Random | None
) -> tuple[_Sine, ...]:
    """Return sines; their amplitudes fall with the frequency and add up to `amplitude`."""
    if random is not None:
        frequencies = tuple(random.uniform(1 - _SPREAD, 1 + _SPREAD) * frequency for frequency in frequencies)
        frequencies = tuple(min(12.0, max(1.0, frequency)) for frequency in frequencies)
        phases = tuple(random.uniform(0.0, math.tau) for _ in phases)
    whole = sum(1 / frequency for frequency in frequencies)
    return tuple(
        (amplitude / frequency / whole, math.tau * frequency, phase)
        for frequency, phase in zip(frequencies, phases, strict=True)
    )


def _angle(sines: tuple[_Sine, ...], now: float) -> float:
    total = 0.0
    for amplitude, omega, phase in sines:
        total += amplitude * math.sin(omega * now + phase)
    return total


def _rate(sines: tuple[_Sine, ...], now: float) -> float:
    total = 0.0
    for amplitude, omega, phase in sines:
        total += amplitude * omega * math.cos(omega * now + phase)
    return total
