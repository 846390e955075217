"""The hand that holds a camera: a tremor of a few sines, and panning where somebody means to.

That tremor lies between 1 and 12 Hz is common knowledge of the art of stabilisers; its size is modelled.
"""

import math
from random import Random

_FREQUENCIES_HZ = ((1.3, 3.1, 6.4, 10.7), (1.1, 2.7, 5.9, 11.3), (1.7, 4.3, 8.1))
"""Of pitch, yaw and roll; a hand that is not asked for at random has just these."""

_PHASES = ((0.4, 2.1, 4.4, 5.9), (1.2, 3.6, 5.1, 0.7), (2.9, 0.3, 4.0))

_SPREAD = 0.08
"""How far a hand's frequencies lie from those above, as a share; all stay within 1 and 12 Hz."""

_Sine = tuple[float, float, float]
"""Amplitude in degrees, radians a second, phase in radians."""


class Shake:
    """A tremor in three axes; two of them without a generator are the same hand.

    Args:
        random: where its phases and frequencies come from; `None` for fixed ones.
        amplitude_deg: the most that it leaves the middle by in pitch and in yaw; in roll it is half of that.
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
        """Turn the camera on purpose, in yaw, at a steady rate between two times; what it turned by stays."""
        self._pans.append((rate_deg_s, begins, max(begins, ends)))

    def angle(self, now: float) -> tuple[float, float]:
        """Pitch and yaw, in degrees."""
        yaw = _angle(self._yaw, now)
        for rate, begins, ends in self._pans:
            yaw += rate * max(0.0, min(now, ends) - begins)
        return _angle(self._pitch, now), yaw

    def rate(self, now: float) -> tuple[float, float, float]:
        """How fast pitch, yaw and roll change, in degrees a second."""
        yaw = _rate(self._yaw, now)
        for rate, begins, ends in self._pans:
            if begins <= now < ends:
                yaw += rate
        return _rate(self._pitch, now), yaw, _rate(self._roll, now)


def _sines(
    frequencies: tuple[float, ...], phases: tuple[float, ...], amplitude: float, random: Random | None
) -> tuple[_Sine, ...]:
    """Sines whose amplitudes fall with their frequency and add up to `amplitude`."""
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
