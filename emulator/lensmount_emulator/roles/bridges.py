"""What translates between two dialects, by name: only here do two of them meet, and only when somebody asks."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from lensmount_emulator.roles.accessory import Accessory, Piece, RandomOf
from lensmount_protocol.errors import ProfileError

Bridge = Callable[[Piece, Piece, RandomOf], Accessory]
"""An adapter and the lens that hangs on it to the engines that translate between them."""

BUILT_IN = {("lmount", "emount"): "lensmount_emulator.roles.adapters.emount_on_lmount:bridge"}
"""Dialect towards the body, dialect towards the lens -> `package.module:NAME` of a `Bridge`."""


def bridge_of(near: str, far: str) -> Bridge:
    """What translates between two dialects.

    Raises:
        ProfileError: nothing does (lists what there is).
    """
    value = BUILT_IN.get((near, far))
    if value is None:
        known = ", ".join(f"{far} on {near}" for near, far in BUILT_IN) or "none"
        raise ProfileError(f"nothing translates a lens of {far} for a body of {near}; known: {known}")
    module, _, attribute = value.partition(":")
    return cast("Bridge", getattr(import_module(module), attribute))
