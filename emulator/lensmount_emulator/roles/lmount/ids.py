"""The numbers of names in this model: makers, models, features, parts, EXIF tags and pages; none is a maker's own.

Pages have a name in profiles, a number and a revision; both ends agree on common pages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lensmount_emulator.roles.lmount.profile import FeatureName, LensParts, LensSettings, PageName
from lensmount_protocol.checksums import CRC16_IBM_3740
from lensmount_protocol.dialects.lmount.extensions import EXTENSION_REVISION, FAST_FOCUS, JOINT_CORRECTIONS
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionId
from lensmount_protocol.dialects.lmount.types import Feature, ImageCircle, Part

MAKERS = (
    "", "Leica", "Panasonic", "Sigma", "Ernst Leitz Wetzlar", "DJI", "Samyang", "Astrodesign", "Blackmagic", "Sirui",
    "Viltrox", "7Artisans", "AstrHori", "Laowa", "Meike", "Pergear", "TTArtisan",
)  # fmt: skip
"""The alliance's ten in the order of their joining, then others; a maker's number is its index."""

FIRST_OTHER = 0x8000
"""First number of unlisted makers; their numbers are computed from their names."""

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
"""Tags of EXIF 2.32 (CIPA DC-008) for the data of a lens."""


def maker_number(name: str) -> int:
    """Return the number of a maker in this model."""
    return MAKERS.index(name) if name in MAKERS else FIRST_OTHER | CRC16_IBM_3740.compute(name.encode()) & 0x7FFF


def maker_name(number: int) -> str:
    """Return the maker of this number, or the number as text if it is not listed."""
    return MAKERS[number] if number < len(MAKERS) else f"{number:#06x}"


def model_number(number: int, *parts: object) -> int:
    """Return a profile's own number, or one computed from the values that identify the model."""
    return number or CRC16_IBM_3740.compute(" ".join(map(str, parts)).encode()) or 1


def lens_number(lens: LensSettings) -> int:
    """Return the maker's number of a lens."""
    optics = lens.optics
    return model_number(lens.number, optics.maker, optics.focal_mm, optics.f_number, optics.nearest_m, optics.weight_g)


def feature_bits(names: Iterable[FeatureName]) -> int:
    """Return the feature bits of a greeting."""
    return sum(1 << Feature[name.upper().replace(" ", "_")] for name in set(names))


def has_bit(bits: int, bit: Feature | Part) -> bool:
    """Whether a set holds a feature or part."""
    return bool(bits >> int(bit) & 1)


def part_bits(parts: LensParts, *, stabiliser: bool) -> int:
    """Return the bits of the parts that a lens has."""
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


@dataclass(frozen=True, slots=True)
class ExtensionFeature:
    """A page of the specification.

    Attributes:
        number: number of the page.
        revision: the newest known revision.
        feature: description of its feature.
    """

    number: int
    revision: int
    feature: str

    @property
    def as_offer(self) -> ExtensionId:
        """The page as an end offers it."""
        return ExtensionId(number=self.number, revision=self.revision)


EXTENSIONS: dict[PageName, ExtensionFeature] = {
    "joint corrections": ExtensionFeature(
        JOINT_CORRECTIONS,
        EXTENSION_REVISION,
        "a correction profile that both makers made, for lens and sensor together",
    ),
    "fast focus": ExtensionFeature(
        FAST_FOCUS, EXTENSION_REVISION, "focus set points within the frame, up to 480 a second, and how they were met"
    ),
}
"""Every page of this model's own, by its name in profiles."""


def offered_extensions(own: Iterable[PageName]) -> list[ExtensionId]:
    """Return the pages that an end has, for its offer."""
    return [EXTENSIONS[name].as_offer for name in own]


def agreed_extensions(offered: Sequence[ExtensionId], own: Iterable[PageName]) -> list[ExtensionId]:
    """Return the pages that both ends have, with the lower revision, in the order of the offer, each once."""
    mine = {EXTENSIONS[name].number: EXTENSIONS[name].revision for name in own}
    both: dict[int, ExtensionId] = {}
    for page in offered:
        # Revision 0 is none: an end that offers it supports no version.
        if page.number in mine and page.revision:
            both.setdefault(
                page.number, ExtensionId(number=page.number, revision=min(page.revision, mine[page.number]))
            )
    return list(both.values())


def extension_name(number: int) -> PageName | None:
    """Return the name of a page; `None` if this model does not have it."""
    return next((name for name, page in EXTENSIONS.items() if page.number == number), None)
