"""Numbers that stand for names in this model: makers, models, features, parts, EXIF tags; none is a maker's own."""

from collections.abc import Iterable

from lensmount_emulator.roles.lmount.settings import FeatureName, LensParts, LensSettings
from lensmount_protocol.checksums import CRC16_IBM_3740
from lensmount_protocol.dialects.lmount.types import Feature, ImageCircle, Part

MAKERS = (
    "", "Leica", "Panasonic", "Sigma", "Ernst Leitz Wetzlar", "DJI", "Samyang", "Astrodesign", "Blackmagic", "Sirui",
    "Viltrox", "7Artisans", "AstrHori", "Laowa", "Meike", "Pergear", "TTArtisan",
)  # fmt: skip
"""The alliance's ten in the order of their joining, then others; a maker's number is its place."""

FIRST_OTHER = 0x8000
"""Makers that are not listed have numbers from here on, made from their names."""

CIRCLES = {"full-frame": ImageCircle.FULL_FRAME, "aps-c": ImageCircle.APS_C}

CIRCLE_MM = {ImageCircle.FULL_FRAME: 43.3, ImageCircle.APS_C: 28.2}
"""Diagonals of 36 x 24 and 23.6 x 15.6 mm."""

EXIF_FOCAL_LENGTH = 0x920A
EXIF_F_NUMBER = 0x829D
EXIF_DISTANCE = 0x9206
EXIF_SPECIFICATION = 0xA432
EXIF_MAKE = 0xA433
EXIF_MODEL = 0xA434
EXIF_SERIAL = 0xA435
"""Tags of EXIF 2.32 (CIPA DC-008) that what a lens knows ends in."""


def maker_number(name: str) -> int:
    """The number of a maker in this model."""
    return MAKERS.index(name) if name in MAKERS else FIRST_OTHER | CRC16_IBM_3740.of(name.encode()) & 0x7FFF


def maker_name(number: int) -> str:
    """The maker of this number, or the number where nobody listed it."""
    return MAKERS[number] if number < len(MAKERS) else f"{number:#06x}"


def model_number(number: int, *parts: object) -> int:
    """A number of a profile's own, or one made from what tells the model from others."""
    return number or CRC16_IBM_3740.of(" ".join(map(str, parts)).encode()) or 1


def lens_number(lens: LensSettings) -> int:
    """The maker's number of a lens."""
    optics = lens.optics
    return model_number(lens.number, optics.maker, optics.focal_mm, optics.f_number, optics.nearest_m, optics.weight_g)


def feature_bits(names: Iterable[FeatureName]) -> int:
    """The features of a greeting."""
    return sum(1 << Feature[name.upper().replace(" ", "_")] for name in set(names))


def has(bits: int, bit: Feature | Part) -> bool:
    """Whether a set holds a feature or part."""
    return bool(bits >> int(bit) & 1)


def part_bits(parts: LensParts, *, stabiliser: bool) -> int:
    """The parts that a lens has."""
    present = {
        Part.DIAPHRAGM: parts.diaphragm,
        Part.FOCUS_DRIVE: parts.focus_motor,
        Part.FOCUS_RING: parts.focus_ring,
        Part.APERTURE_RING: parts.aperture_ring,
        Part.POWERED_ZOOM: parts.power_zoom,
        Part.FOCUS_LIMITER: parts.limiter,
        Part.CLICK_SWITCH: parts.click_switch,
        Part.AFL_BUTTON: parts.afl_button,
        Part.STABILISER: stabiliser,
        Part.LINEAR_RING: parts.linear_ring,
    }
    return sum(1 << bit for bit, there in present.items() if there)
