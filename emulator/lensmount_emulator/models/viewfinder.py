"""The viewfinder model: what a body sees of a test scene, in numbers: blur, depth of field, brightness, contrast.

All of it is our model, a thin lens in front of flat planes; no picture of a lens is included. A page draws the scene
from these numbers, and the autofocus of a body climbs the contrast.
"""

import math
from dataclasses import dataclass

from lensmount_emulator.models.optics import blur_table, correction
from lensmount_protocol.dialects.lmount.types import CorrectionKind

FULL_FRAME_UM = 36_000
APS_C_UM = 23_600
"""Width of a sensor, in micrometres."""

SHARP_PARTS = 1200
"""The largest blur that counts as sharp is the sensor's width divided by this: 30 µm in full frame."""

NEUTRAL_S, NEUTRAL_F = 1 / 60, 4.0
"""Exposure time and f-number at which the scene has its own brightness."""

FREQUENCIES = (0.5, 2.0, 8.0)
"""Frequencies of the contrast signal, in line pairs per millimetre: coarse ones show the way from far off."""

SUBJECT_FOCAL_LENGTHS = 30
NEAREST_FACTOR = 1.25
"""The subject is at so many mean focal lengths, and at least this factor beyond the nearest focus."""

BACKGROUND_FACTOR, FOREGROUND_FACTOR = 4.0, 0.6
"""Distances of the other planes, as multiples of the subject's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a lens is set.

    Attributes:
        focal_mm: focal length.
        f_number: aperture.
        focused_mm: object distance; infinite at the far end.
        exposure_s: exposure time.
        sensor_um: width of the sensor.
        breathes_percent: how much larger the image is at the nearest focus than at infinity.
        nearest_mm: nearest focus.
    """

    focal_mm: float
    f_number: float
    focused_mm: float
    exposure_s: float = NEUTRAL_S
    sensor_um: int = FULL_FRAME_UM
    breathes_percent: float = 0.0
    nearest_mm: float = 300.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The test scene of a lens: three planes and the horizon.

    Attributes:
        framing_mm: focal length at which the scene fills the picture as it is drawn.
        subject_mm: distance of the chart in the middle, which autofocus focuses.
    """

    framing_mm: float
    subject_mm: float

    @property
    def planes(self) -> dict[str, float]:
        """Name of each plane -> its distance in millimetres, the farthest first."""
        return {
            "horizon": math.inf,
            "background": self.subject_mm * BACKGROUND_FACTOR,
            "subject": self.subject_mm,
            "foreground": self.subject_mm * FOREGROUND_FACTOR,
        }


def make_scene(shortest_mm: float, longest_mm: float, nearest_mm: float) -> Scene:
    """The test scene that suits a lens.

    Args:
        shortest_mm: shortest focal length.
        longest_mm: longest focal length.
        nearest_mm: nearest focus.
    """
    framing = math.sqrt(max(1.0, shortest_mm) * max(1.0, longest_mm))
    return Scene(framing, max(SUBJECT_FOCAL_LENGTHS * framing, NEAREST_FACTOR * nearest_mm))


def blur_um(setting: Setting, distance_mm: float) -> float:
    """Diameter of the blur of a point at a distance, on the sensor, in micrometres.

    Defocus is that of a thin lens. Diffraction and aberration are those of the lens's own blur table.
    """
    focal = setting.focal_mm
    sharp = blur_table(setting.f_number, round(focal * 1000), 1)[0] / 256
    focused, seen = _image_mm(focal, setting.focused_mm), _image_mm(focal, distance_mm)
    defocus = focal / setting.f_number * abs(seen - focused) / seen * 1000
    return math.hypot(sharp, defocus)


def _image_mm(focal_mm: float, distance_mm: float) -> float:
    """Image distance of a thin lens; an object nearer than two focal lengths counts as at two focal lengths."""
    if math.isinf(distance_mm):
        return focal_mm
    distance = max(distance_mm, 2 * focal_mm)
    return focal_mm * distance / (distance - focal_mm)


def depth_of_field_mm(setting: Setting) -> tuple[float, float]:
    """The nearest and the farthest distance that are sharp; the farthest may be infinite."""
    focal, focused = setting.focal_mm, setting.focused_mm
    sharp_mm = setting.sensor_um / SHARP_PARTS / 1000
    hyperfocal = focal * focal / (setting.f_number * sharp_mm) + focal
    if math.isinf(focused):
        return hyperfocal, math.inf
    near = hyperfocal * focused / (hyperfocal + focused - focal)
    far = math.inf if focused >= hyperfocal else hyperfocal * focused / (hyperfocal - focused + focal)
    return near, far


def contrast(setting: Setting, distance_mm: float) -> float:
    """The contrast of a chart at a distance, 0 to 1: highest in focus, and falling evenly on both sides."""
    blur_mm = blur_um(setting, distance_mm) / 1000
    return sum(1 / (1 + (math.pi * blur_mm * frequency) ** 2) for frequency in FREQUENCIES) / len(FREQUENCIES)


def brightness_stops(setting: Setting) -> float:
    """How much brighter the picture is than the scene's own brightness, in stops."""
    return math.log2(setting.exposure_s / NEUTRAL_S) - 2 * math.log2(setting.f_number / NEUTRAL_F)


def breathing_factor(setting: Setting) -> float:
    """Size of the image, as a multiple of that with the focus at infinity."""
    if math.isinf(setting.focused_mm):
        return 1.0
    # The focus group moves evenly with the reciprocal of the distance.
    share = min(1.0, setting.nearest_mm / max(1.0, setting.focused_mm))
    return 1 + setting.breathes_percent / 100 * share


def distortion_and_vignetting(setting: Setting, shortest_mm: float, longest_mm: float) -> dict[str, list[float]]:
    """The coefficients that correct the picture; see `lensmount_emulator.models.optics.correction`."""
    span = longest_mm - shortest_mm
    fraction = (setting.focal_mm - shortest_mm) / span if span > 0 else 0.5
    distance = 10**9 if math.isinf(setting.focused_mm) else round(setting.focused_mm)
    return {
        kind.name.lower(): [
            value / 32_768
            for value in correction(kind, fraction, round(setting.focal_mm * 1000), distance, setting.f_number)
        ]
        for kind in (CorrectionKind.DISTORTION, CorrectionKind.VIGNETTING)
    }
