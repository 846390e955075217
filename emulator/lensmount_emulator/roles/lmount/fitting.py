"""Whether an accessory can stand where it is put: the lenses it is made for, what is behind it, how many there are.

Two converters on each other do not go: the front of a converter stands in the back of what is behind it, and only
lenses (and tubes) have room there. At most three accessories stand on each other. Both rules are modelled.
"""

from collections.abc import Sequence

from msgspec import Struct

from lensmount_emulator.roles.lmount.settings import AccessorySettings, LensSettings

MOST = 3
"""Accessories that may stand on each other."""

Behind = Sequence[tuple[str, AccessorySettings]]
"""Name and settings of the accessories behind one, the nearest first."""


def fits(
    name: str,
    settings: AccessorySettings,
    lens_name: str,
    lens: Struct,
    behind: Behind = (),
    lens_dialect: str = "lmount",
) -> str | None:
    """Why an accessory cannot stand in front of these accessories and this lens, in one line; `None` where it can.

    Args:
        name: of the accessory's profile.
        settings: what its profile says.
        lens_name: of the lens's profile.
        lens: what that says.
        behind: what is between the accessory and the lens.
        lens_dialect: what the lens speaks.
    """
    if len(behind) >= MOST:
        return f"{name} does not fit: {len(behind)} accessories are behind it, and at most {MOST} stand on each other"
    far = "lmount" if behind else lens_dialect
    what = behind[0][0] if behind else lens_name
    if settings.far_dialect != far:
        return f"{name} does not fit {what}: on its far side hangs what speaks {settings.far_dialect}, not {far}"
    if behind and settings.kind == behind[0][1].kind == "teleconverter":
        return f"{name} does not fit {what}: a converter's front has no room in a converter; put a tube between them"
    if isinstance(lens, LensSettings) and name in lens.folds:
        # Who takes an accessory into its own identity knows that it fits.
        return None
    return _fits_lens(name, settings, lens_name)


def _fits_lens(name: str, settings: AccessorySettings, lens_name: str) -> str | None:
    for beginning, why in settings.fits_not.items():
        if lens_name.startswith(beginning):
            return f"{name} does not fit {lens_name}: {why}"
    if settings.fits and not any(lens_name.startswith(beginning) for beginning in settings.fits):
        return f"{name} does not fit {lens_name}; it fits {', '.join(settings.fits)}"
    return None
