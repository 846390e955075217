"""A lens that knows an accessory: together they are another lens, and the accessory is no more than wires.

Public: files name a Sigma 100-400 alone and with its converter by two different numbers
(https://github.com/exiftool/exiftool, Sigma.pm). How a lens comes to its other number is modelled.
"""

from msgspec.structs import replace

from lensmount_emulator.roles.lmount.accessory_optics import uint16
from lensmount_emulator.roles.lmount.checks import F_NUMBER, FOCAL_MM
from lensmount_emulator.roles.lmount.numbers import lens_number, model_number
from lensmount_emulator.roles.lmount.rewriting_texts import joined_name
from lensmount_emulator.roles.lmount.settings import AccessorySettings, LensSettings

LARGEST_RANGE_UM = 32_767


def folded(settings: LensSettings, accessory: AccessorySettings, name: str) -> LensSettings:
    """The lens that a lens is with an accessory that it knows.

    Args:
        settings: the lens alone.
        accessory: what it knows.
        name: of the accessory, as it stands behind the lens's own.
    """
    factor, optics = accessory.factor, settings.optics
    behind = replace(
        optics,
        focal_mm=[min(FOCAL_MM[1], round(value * factor, 3)) for value in optics.focal_mm],
        f_number=[min(F_NUMBER[1], round(value * factor, 2)) for value in optics.f_number],
        smallest_f_number=min(F_NUMBER[1], round(optics.smallest_f_number * factor, 2)),
    )
    pages = tuple(page for page in settings.firmware.pages if page != "joint corrections" or factor == 1)
    stabiliser = settings.stabiliser
    return replace(
        settings,
        optics=behind,
        stabiliser=replace(stabiliser, range_um=min(LARGEST_RANGE_UM, round(stabiliser.range_um * factor))),
        power=replace(settings.power, idle_ma=uint16(settings.power.idle_ma + accessory.idle_ma)),
        firmware=replace(settings.firmware, pages=pages),
        name=joined_name(settings.name, name),
        number=model_number(0, lens_number(settings), name),
    )
