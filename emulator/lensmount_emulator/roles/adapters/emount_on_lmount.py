"""An E-mount lens on a body of the open model: two dialects meet in one accessory, and each end speaks only its own.

No maker's adapter is meant; that an adapter for other lenses allowed single autofocus only when it came is public
(http://360photography.in/archives/32103).
"""

from lensmount_emulator.roles.accessory import Accessory, Piece, RandomOf
from lensmount_emulator.roles.adapters.emount_body import FarBody
from lensmount_emulator.roles.adapters.emount_lens import NearLens
from lensmount_emulator.roles.lmount.settings import AccessorySettings


def bridge(piece: Piece, _lens: Piece, random_of: RandomOf) -> Accessory:
    """The engines of the adapter; who hangs on it, it learns from the lens itself."""
    assert isinstance(piece.settings, AccessorySettings)
    far = FarBody(piece.name, random_of(f"{piece.name} far"))
    near = NearLens(piece.name, piece.settings, far, random_of(f"{piece.name} near"))
    return Accessory(piece.name, near, far, near.hand_behind)
