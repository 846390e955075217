"""The values that the phases of a profile can have in a session."""

from collections.abc import Iterator
from itertools import product
from math import prod

from msgspec import structs

from lensmount_emulator.roles.emount.profile import LensSettings

MAX_TOGETHER = 64
"""Combinations that are tried together; of more phases, each is tried alone."""

MAX_ALONE = 256
"""Choices that are tried at most."""


def phase_choices(settings: LensSettings) -> Iterator[LensSettings]:
    """The settings with other values of their phases, besides their own."""
    own = tuple(phase.value for phase in settings.phase)
    for count, values in enumerate(_values(settings)):
        if count >= MAX_ALONE:
            return
        if values != own:
            phases = [structs.replace(phase, value=value) for phase, value in zip(settings.phase, values, strict=True)]
            yield structs.replace(settings, phase=phases)


def _values(settings: LensSettings) -> Iterator[tuple[int, ...]]:
    phases = settings.phase
    if prod(phase.modulus for phase in phases) <= MAX_TOGETHER:
        yield from product(*(range(phase.modulus) for phase in phases))
        return
    own = tuple(phase.value for phase in phases)
    for place, phase in enumerate(phases):
        for value in range(phase.modulus):
            yield (*own[:place], value, *own[place + 1 :])
