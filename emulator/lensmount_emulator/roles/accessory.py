"""What stands between a body and a lens: pieces as profiles say them, and the engines that they are played by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from msgspec import Struct

from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.script import Step


@dataclass(frozen=True, slots=True)
class Piece:
    """A lens or an accessory, as its profile says it.

    Attributes:
        name: of the profile.
        title: one line for people.
        dialect: what it speaks towards the body.
        settings: the values.
    """

    name: str
    title: str
    dialect: str
    settings: Struct


@dataclass(frozen=True, slots=True)
class Accessory:
    """An accessory that is played: it has an engine at each of its two mounts.

    Attributes:
        name: of its profile.
        near: the lens to what is on the body's side.
        far: the body to what is on the lens's side.
        hand: what a hand at the lens must do for a step that is said in the body's values.
    """

    name: str
    near: Engine
    far: Engine
    hand: Callable[[Step], Step] = field(default=lambda step: step)


@dataclass(frozen=True, slots=True)
class Train:
    """A lens and what it hangs on, ready to be played.

    Attributes:
        lens: the lens's settings; a lens that knows an accessory is another one with it.
        accessories: those that take part on the wire, from the body on.
        remarks: what people must know of those that do not.
    """

    lens: Struct
    accessories: Sequence[Accessory] = ()
    remarks: Sequence[str] = field(default=())


RandomOf = Callable[[str], Random | None]
"""Gives each end a source of jitter of its own, by a name; `None` for nominal times."""

Coupler = Callable[[Sequence[Piece], Piece, RandomOf], Train]
"""Accessories from the body on, and the lens, to what is played; raises `ProfileError` where something does not fit."""
