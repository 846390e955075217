"""The optical model: apertures, distances, breathing, blur, and the corrections of a picture, in numbers.

All values are modelled; no data of a lens is included. The form of some is public: bodies write the distortion of a
picture as a scale and three coefficients in 1/32768 with `Ru = scale (Rd + a Rd³ + b Rd⁵ + c Rd⁷)`
(https://github.com/exiftool/exiftool, PanasonicRaw.pm 0x0119) and shade and colour next to it, and collections of
measured lenses have them depend on zoom, aperture and distance (https://github.com/lensfun/lensfun). Whether the lens
or the body computes them is not public.
"""

import math
from collections.abc import Callable, Mapping

from lensmount_protocol.dialects.lmount.focus import INFINITY_MM
from lensmount_protocol.dialects.lmount.types import CorrectionKind

UNITS_PER_DOUBLING = 512
"""Av/256 for twice the f-number, which is two stops."""

WHOLE = 32_768
"""A coefficient that stands for 1."""

_INT16, _UINT16 = 0x7FFF, 0xFFFF


def to_av256(f_number: float) -> int:
    """An f-number as Av/256: `512 · log2(N)`, f/1 is 0.

    Raises:
        ValueError: the value is no f-number.
    """
    if not 0 < f_number < math.inf:
        raise ValueError(f"an f-number is above 0 and finite, not {f_number:g}")
    return round(UNITS_PER_DOUBLING * math.log2(f_number))


def from_av256(av: int) -> float:
    """The f-number of an aperture in Av/256."""
    return float(2.0 ** (av / UNITS_PER_DOUBLING))


def max_aperture_at(fraction: float, wide: int, tele: int) -> int:
    """The widest aperture at a zoom, in Av/256.

    Args:
        fraction: part of the zoom's way from the short end, 0 to 1.
        wide: widest aperture at the short end.
        tele: widest aperture at the long end.
    """
    return round(wide + (tele - wide) * max(0.0, min(1.0, fraction)))


def field_of_view_deg(focal_um: int, image_circle_mm: float) -> float:
    """The angle, in degrees, that fills an image circle of this diameter from a focus at infinity."""
    return 2 * math.degrees(math.atan2(image_circle_mm * 1000, 2 * focal_um))


def distance_mm(position: int, steps: int, nearest_mm: int) -> int:
    """Object distance of a focus position: its reciprocal grows evenly from infinity to the nearest distance.

    Args:
        position: steps from the far end.
        steps: positions of the drive.
        nearest_mm: distance at the near end.
    """
    if position <= 0:
        return INFINITY_MM
    upper = steps - 1
    if position >= upper:
        return nearest_mm
    # Integers, rounded to the nearest: only the far end is at infinity.
    return min(INFINITY_MM - 1, (2 * nearest_mm * upper + position) // (2 * position))


def focus_position_for(distance_mm: int, steps: int, nearest_mm: int) -> int:
    """The focus position nearest to an object distance."""
    upper = max(0, steps - 1)
    if distance_mm >= INFINITY_MM:
        return 0
    if distance_mm <= nearest_mm:
        return upper
    return (2 * nearest_mm * upper + distance_mm) // (2 * distance_mm)


def distance_scale(steps: int, nearest_mm: int, points: int = 16) -> list[tuple[int, int]]:
    """Positions at even distances from the far end on, both ends among them, and the object distance of each."""
    upper, gaps = max(0, steps - 1), max(1, points - 1)
    positions = dict.fromkeys(upper * index // gaps for index in range(gaps + 1))
    return [(position, distance_mm(position, steps, nearest_mm)) for position in positions]


def breathing_scales(percent: float, points: int = 9) -> list[int]:
    """Size of the image at evenly spaced focus positions from the far end on, in 1/32768 of that at the far end.

    Args:
        percent: how much larger (or smaller, below 0) the image is at the near end.
        points: how many.
    """
    gaps = max(1, points - 1)
    sizes = (round(WHOLE * (1 + percent / 100 * index / gaps)) for index in range(points))
    return [max(0, min(_UINT16, size)) for size in sizes]


_WAVE_UM = 1.34
"""Diameter of the diffraction disc per f-number, in micrometres: 2.44 wavelengths of green light."""

_ABERRATION = 3e-4
"""Spherical aberration's share of the focal length, at f/1; it falls with the third power of the f-number."""

_DEFOCUS_UM = 10
"""Defocus from one point of a blur table to the next, in micrometres of image distance."""


def blur_table(f_number: float, focal_um: int, points: int = 9) -> list[int]:
    """Diameter of the blur at 0, 10, 20 … micrometres of defocus, in 1/256 micrometre."""
    sharp = math.hypot(_WAVE_UM * f_number, _ABERRATION * focal_um / f_number**3)
    blurs = (math.hypot(sharp, index * _DEFOCUS_UM / f_number) for index in range(points))
    return [min(_INT16, round(blur * 256)) for blur in blurs]


def correction(
    kind: CorrectionKind, focal_fraction: float, focal_um: int, distance_mm: int, f_number: float
) -> list[int]:
    """The coefficients that correct a picture, in 1/32768; each changes smoothly with the setting.

    With r the distance from the middle as a part of the corner's:

    - distortion: v, a, b, c of `r' = (r + a r³ + b r⁵ + c r⁷) / (1 + v)`, positive `a` where the lens has barrel
      distortion; v keeps the corner in its place.
    - lateral colour: p, q of `r' = r (1 + p + q r²)` for red, then for blue.
    - vignetting: a, b, c of the light that is left, `1 + a r² + b r⁴ + c r⁶`.
    - breathing: how much larger the image is than at infinity.

    Args:
        kind: the correction; an unknown one has no coefficients.
        focal_fraction: part of the zoom's way from the short end, 0 to 1; a prime's is 0.5.
        focal_um: focal length, in micrometres.
        distance_mm: object distance.
        f_number: aperture.
    """
    make = _CORRECTIONS.get(kind)
    if make is None:
        return []
    focal_mm = focal_um / 1000
    shortness = 1 / (1 + (focal_mm / _WIDE_MM) ** 2)
    closeness = focal_mm / (focal_mm + distance_mm)
    fraction = max(0.0, min(1.0, focal_fraction))
    return [_coefficient(value) for value in make(fraction, shortness, closeness, f_number)]


_WIDE_MM = 28.0
"""Focal length that counts as half wide."""


def _coefficient(value: float) -> int:
    return max(-_INT16 - 1, min(_INT16, round(value * WHOLE)))


def _distortion(fraction: float, shortness: float, closeness: float, _f_number: float) -> list[float]:
    third = (0.06 * (0.5 - fraction) + 0.03 * shortness) * (1 + closeness / 2)
    fifth, seventh = -0.2 * third, 0.05 * third
    return [third + fifth + seventh, third, fifth, seventh]


def _lateral_colour(fraction: float, shortness: float, closeness: float, _f_number: float) -> list[float]:
    amount = (0.0008 * (fraction - 0.5) - 0.0006 * shortness) * (1 + closeness)
    return [amount, amount / 2, -0.8 * amount, -0.4 * amount]


def _vignetting(_fraction: float, shortness: float, closeness: float, f_number: float) -> list[float]:
    # At close distances the lens is extended, and its effective aperture is smaller.
    works_at = f_number * (1 + closeness)
    barrel = 0.55 / (1 + works_at * works_at / 2)
    return [-0.35 * shortness, -0.6 * barrel, -0.4 * barrel]


def _breathing(_fraction: float, _shortness: float, closeness: float, _f_number: float) -> list[float]:
    return [0.3 * closeness]


_CORRECTIONS: Mapping[CorrectionKind, Callable[[float, float, float, float], list[float]]] = {
    CorrectionKind.DISTORTION: _distortion,
    CorrectionKind.LATERAL_COLOUR: _lateral_colour,
    CorrectionKind.VIGNETTING: _vignetting,
    CorrectionKind.BREATHING: _breathing,
}
