"""Mounts accessories on a lens: checks that each one fits, and makes the engines that its profile requires.

An accessory with behaviour `speaks` or `translates` has its own engines. A `silent` one is only wires, and so is one
that the lens includes in its own identity: they send nothing, and a remark reports their effect on the picture.

A converter does not fit on a converter: its front reaches into the rear of the next part, and only lenses and tubes
have space there. At most three accessories are allowed. Both rules are modelled.

A lens that knows an accessory becomes another lens with it. Public: files name a Sigma 100-400 alone and with its
converter by two different numbers (https://github.com/exiftool/exiftool, Sigma.pm). The computation of the second
number is modelled.
"""

from collections.abc import Sequence
from functools import partial
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from lensmount_emulator.engine.dialect_roles import Accessory, AccessoryChain, DeviceSpec, RandomFor, get_adapter
from lensmount_emulator.roles.lmount.accessories.relay import make_relay
from lensmount_emulator.roles.lmount.accessories.rewrite import clamp_uint16, join_names
from lensmount_emulator.roles.lmount.ids import lens_number, model_number
from lensmount_emulator.roles.lmount.profile import F_NUMBER, FOCAL_MM, AccessorySettings, LensSettings
from lensmount_protocol.errors import ProfileError

MAX_ACCESSORIES = 3
"""Maximum number of accessories in a row."""

MountedAccessories = Sequence[tuple[str, AccessorySettings]]
"""Name and settings of the accessories between one and the lens, the nearest first."""


def check_fit(
    name: str,
    settings: AccessorySettings,
    lens_name: str,
    lens: Struct,
    mounted: MountedAccessories = (),
    lens_dialect: str = "lmount",
) -> str | None:
    """Return in one line why an accessory does not fit on these accessories and this lens; `None` if it fits.

    Args:
        name: name of the accessory's profile.
        settings: settings of the accessory.
        lens_name: name of the lens's profile.
        lens: settings of the lens.
        mounted: accessories between the accessory and the lens.
        lens_dialect: dialect of the lens.
    """
    if len(mounted) >= MAX_ACCESSORIES:
        return (
            f"{name} does not fit: {len(mounted)} accessories are mounted already, and at most {MAX_ACCESSORIES} are "
            f"allowed"
        )
    far = "lmount" if mounted else lens_dialect
    what = mounted[0][0] if mounted else lens_name
    if settings.far_dialect != far:
        return f"{name} does not fit {what}: its far side needs the dialect {settings.far_dialect}, not {far}"
    if mounted and settings.kind == mounted[0][1].kind == "teleconverter":
        return f"{name} does not fit {what}: a converter has no space for a converter's front; put a tube between them"
    if isinstance(lens, LensSettings) and name in lens.folds:
        # A lens that includes an accessory in its own identity knows that it fits.
        return None
    return _fits_lens(name, settings, lens_name)


def _fits_lens(name: str, settings: AccessorySettings, lens_name: str) -> str | None:
    for beginning, why in settings.fits_not.items():
        if lens_name.startswith(beginning):
            return f"{name} does not fit {lens_name}: {why}"
    if settings.fits and not any(lens_name.startswith(beginning) for beginning in settings.fits):
        return f"{name} does not fit {lens_name}; it fits {', '.join(settings.fits)}"
    return None


MAX_RANGE_UM = 32_767


def merge_accessory(settings: LensSettings, accessory: AccessorySettings, name: str) -> LensSettings:
    """Return the settings of a lens together with an accessory that it knows.

    Args:
        settings: the lens alone.
        accessory: the known accessory.
        name: name of the accessory, which is appended to the lens's own.
    """
    factor, optics = accessory.factor, settings.optics
    combined = replace(
        optics,
        focal_mm=[min(FOCAL_MM[1], round(value * factor, 3)) for value in optics.focal_mm],
        f_number=[min(F_NUMBER[1], round(value * factor, 2)) for value in optics.f_number],
        smallest_f_number=min(F_NUMBER[1], round(optics.smallest_f_number * factor, 2)),
    )
    pages = tuple(page for page in settings.firmware.pages if page != "joint corrections" or factor == 1)
    stabiliser = settings.stabiliser
    return replace(
        settings,
        optics=combined,
        stabiliser=replace(stabiliser, range_um=min(MAX_RANGE_UM, round(stabiliser.range_um * factor))),
        power=replace(settings.power, idle_ma=clamp_uint16(settings.power.idle_ma + accessory.idle_ma)),
        firmware=replace(settings.firmware, pages=pages),
        name=join_names(settings.name, name),
        number=model_number(0, lens_number(settings), name),
    )


def assemble_accessories(pieces: Sequence[DeviceSpec], lens: DeviceSpec, make_random: RandomFor) -> AccessoryChain:
    """Mount accessories on a lens.

    Args:
        pieces: the accessories, from the body on.
        lens: the lens.
        make_random: returns the random generators for jitter.

    Raises:
        ProfileError: an accessory does not fit.
    """
    mounted: list[tuple[str, AccessorySettings]] = []
    for piece in reversed(pieces):
        assert isinstance(piece.settings, AccessorySettings)
        why_not = check_fit(piece.name, piece.settings, lens.name, lens.settings, mounted, lens.dialect)
        if why_not is not None:
            raise ProfileError(why_not)
        mounted.insert(0, (piece.name, piece.settings))
    settings, accessories, remarks = lens.settings, list[Accessory](), list[str]()
    for place, piece in reversed(list(enumerate(pieces))):
        accessory = piece.settings
        assert isinstance(accessory, AccessorySettings)
        on_lens = place == len(pieces) - 1
        if on_lens and isinstance(settings, LensSettings) and piece.name in settings.folds:
            settings = merge_accessory(settings, accessory, piece.title)
            remarks.append(f"{piece.title}: the lens knows it, and is {settings.name} with it")
        elif accessory.behaviour == "silent":
            remarks.append(f"{piece.title}: wires only, which the body cannot detect; {_changes_optics(accessory)}")
        elif accessory.behaviour == "translates":
            accessories.insert(0, get_adapter(piece.dialect, accessory.far_dialect)(piece, lens, make_random))
        else:
            accessories.insert(0, make_relay(piece, partial(_make_random_of_end, make_random, place)))
    return AccessoryChain(settings, accessories, remarks)


def _make_random_of_end(make_random: RandomFor, place: int, end: str) -> Random | None:
    """Return the source of random numbers of one end of the accessory at a place."""
    return make_random(f"accessory {place} {end}")


def _changes_optics(accessory: AccessorySettings) -> str:
    """Return the effect of an accessory on the picture as text."""
    done: list[str] = []
    if accessory.factor != 1:
        done.append(f"focal length and f-number are {accessory.factor:g} times what the lens says")
    if accessory.length_mm:
        done.append(f"the lens stands {accessory.length_mm:g} mm further out: nearer things are sharp, far ones never")
    return "; ".join(done) or "the picture is as without it"
