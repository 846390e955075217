"""What an accessory does to numbers: focal lengths times its factor k, apertures and as much light as that costs.

Of the accessory's own glass nobody tells anything, so it is taken for perfect: what was at a distance from the
middle of the lens's image is at k times that distance behind it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lensmount_emulator.models.optics import av256
from lensmount_emulator.roles.lmount.numbers import maker_number, model_number
from lensmount_emulator.roles.lmount.settings import AccessorySettings
from lensmount_protocol.dialects.lmount.identity import AccessoryEntry
from lensmount_protocol.dialects.lmount.types import AccessoryKind, CorrectionKind

KINDS = {
    "teleconverter": AccessoryKind.TELECONVERTER,
    "extension tube": AccessoryKind.EXTENSION_TUBE,
    "mount adapter": AccessoryKind.MOUNT_ADAPTER,
}
SINGLE_AUTOFOCUS = 1
"""Bit of an entry's limits."""


@dataclass(frozen=True, slots=True)
class Optics:
    """An accessory in numbers.

    Attributes:
        name: as it stands in a picture's file.
        factor: k, the focal length behind it, of the lens's own.
        av: a, what it takes of the light, in Av/256.
        idle_ma: what it draws.
        entry: what it says of itself.
    """

    name: str
    factor: float
    av: int
    idle_ma: int
    entry: AccessoryEntry

    @classmethod
    def of(cls, name: str, settings: AccessorySettings) -> "Optics":
        """The numbers of a profile."""
        return cls(name, settings.factor, av256(settings.factor), settings.idle_ma, entry_of(settings))

    def focal_behind(self, focal_um: int) -> int:
        """What the body sees of a focal length of the lens."""
        return uint32(round(focal_um * self.factor))

    def focal_before(self, focal_um: int) -> int:
        """The lens's focal length that the body sees as this one."""
        return uint32(round(focal_um / self.factor))

    def enlarged(self, length_um: int) -> int:
        """A length in the lens's image, behind the accessory."""
        return round(length_um * self.factor)

    def blur_behind(self, blur: Sequence[int]) -> list[int]:
        """A table of blur behind the accessory: what no focus takes away is enlarged, the cone of light is slimmer."""
        if not blur or self.factor == 1:
            return list(blur)
        sharp = abs(blur[0])
        cones = (math.sqrt(max(0, value * value - sharp * sharp)) for value in blur)
        return [int16(round(math.hypot(sharp * self.factor, cone / self.factor))) for cone in cones]

    def coefficients_behind(self, kind: CorrectionKind, coefficients: Sequence[int]) -> list[int]:
        """The polynomial of a correction behind the accessory, where r is k times what it was."""
        make = _BEHIND.get(kind)
        return list(coefficients) if make is None else make(self.factor, coefficients)


def entry_of(settings: AccessorySettings) -> AccessoryEntry:
    """What an accessory says of itself."""
    return AccessoryEntry(
        kind=KINDS[settings.kind],
        maker=maker_number(settings.maker),
        model=model_number(settings.number, settings.maker, settings.kind, settings.factor, settings.length_mm),
        factor_permille=round(settings.factor * 1000),
        limits=SINGLE_AUTOFOCUS * settings.single_autofocus,
    )


def int16(value: int) -> int:
    """A value, or the end of a signed field of 16 bits that it is beyond."""
    return max(-0x8000, min(0x7FFF, value))


def uint16(value: int) -> int:
    """The same for an unsigned field of 16 bits."""
    return max(0, min(0xFFFF, value))


def uint32(value: int) -> int:
    """The same for an unsigned field of 32 bits."""
    return max(0, min(0xFFFF_FFFF, value))


def _distortion(factor: float, coefficients: Sequence[int]) -> list[int]:
    """v, a, b, c of `r' = (r + a r³ + b r⁵ + c r⁷) / (1 + v)`; v keeps the corner in its place."""
    grown = [round(value / factor ** (2 * power)) for power, value in enumerate(coefficients[1:], 1)]
    return [int16(value) for value in (sum(grown), *grown)][: len(coefficients)]


def _vignetting(factor: float, coefficients: Sequence[int]) -> list[int]:
    """a, b, c of the light that is left, `1 + a r² + b r⁴ + c r⁶`."""
    return [int16(round(value / factor ** (2 * power))) for power, value in enumerate(coefficients, 1)]


_BEHIND: Mapping[CorrectionKind, Callable[[float, Sequence[int]], list[int]]] = {
    CorrectionKind.DISTORTION: _distortion,
    CorrectionKind.VIGNETTING: _vignetting,
}
