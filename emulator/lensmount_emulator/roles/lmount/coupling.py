"""Accessories are put on a lens: each is held against what is behind it, and played as its profile says it behaves.

One that speaks, or translates, has engines of its own. One that is silent is no more than wires, and so is one that
the lens takes into its own identity: nothing of them is on the wire, and what they do to the picture is told to people.
"""

from collections.abc import Sequence

from lensmount_emulator.roles.accessory import Accessory, Piece, RandomOf, Train
from lensmount_emulator.roles.bridges import bridge_of
from lensmount_emulator.roles.lmount.fitting import fits
from lensmount_emulator.roles.lmount.folding import folded
from lensmount_emulator.roles.lmount.relay import relay
from lensmount_emulator.roles.lmount.settings import AccessorySettings, LensSettings
from lensmount_protocol.errors import ProfileError


def couple(pieces: Sequence[Piece], lens: Piece, random_of: RandomOf) -> Train:
    """Put accessories on a lens.

    Args:
        pieces: the accessories, from the body on.
        lens: the lens.
        random_of: sources of jitter.

    Raises:
        ProfileError: one does not fit where it is put.
    """
    behind: list[tuple[str, AccessorySettings]] = []
    for piece in reversed(pieces):
        assert isinstance(piece.settings, AccessorySettings)
        why_not = fits(piece.name, piece.settings, lens.name, lens.settings, behind, lens.dialect)
        if why_not is not None:
            raise ProfileError(why_not)
        behind.insert(0, (piece.name, piece.settings))
    settings, accessories, remarks = lens.settings, list[Accessory](), list[str]()
    for place, piece in reversed(list(enumerate(pieces))):
        accessory = piece.settings
        assert isinstance(accessory, AccessorySettings)
        on_lens = place == len(pieces) - 1
        if on_lens and isinstance(settings, LensSettings) and piece.name in settings.folds:
            settings = folded(settings, accessory, piece.title)
            remarks.append(f"{piece.title}: the lens knows it, and is {settings.name} with it")
        elif accessory.behaviour == "silent":
            remarks.append(f"{piece.title}: wires only, nobody tells the body of it; {_in_the_picture(accessory)}")
        elif accessory.behaviour == "translates":
            accessories.insert(0, bridge_of(piece.dialect, accessory.far_dialect)(piece, lens, random_of))
        else:
            name = f"accessory {place}"
            accessories.insert(0, relay(piece, lambda end, name=name: random_of(f"{name} {end}")))  # type: ignore[misc]
    return Train(settings, accessories, remarks)


def _in_the_picture(accessory: AccessorySettings) -> str:
    """What an accessory does to the picture, whoever knows of it."""
    done: list[str] = []
    if accessory.factor != 1:
        done.append(f"focal length and f-number are {accessory.factor:g} times what the lens says")
    if accessory.length_mm:
        done.append(f"the lens stands {accessory.length_mm:g} mm further out: nearer things are sharp, far ones never")
    return "; ".join(done) or "the picture is as without it"
