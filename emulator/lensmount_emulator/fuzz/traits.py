"""Dialects, roles, traits and profiles by name, each looked up once for all the sessions of a run."""

from functools import cache

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.cast import Cast
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_emulator.roles.registry import cast_of, played_dialects
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.registry import load_dialect


@cache
def traits_of(dialect: str) -> FuzzTraits:
    """What fuzzing knows of a dialect: what its roles declare, and the defaults where it has no roles."""
    try:
        return players_of(dialect).fuzz_traits
    except DialectError:
        return FuzzTraits()


def fuzzed_dialects() -> list[str]:
    """The dialects whose traits name bodies and lenses to play, sorted: what a run fuzzes where none is named."""
    return [name for name in played_dialects() if traits_of(name).bodies and traits_of(name).lenses]


@cache
def dialect_of(name: str) -> Dialect:
    """A dialect by its name, looked up once: packages are asked for theirs at each look-up.

    Raises:
        DialectError: as `load_dialect`.
    """
    return load_dialect(name)


@cache
def players_of(name: str) -> Cast:
    """The cast that plays a dialect, looked up once.

    Raises:
        DialectError: as `cast_of`.
    """
    return cast_of(name)


@cache
def profile(name: str) -> Profile:
    """A profile, read once.

    Raises:
        ProfileError: as `load_profile`.
    """
    return load_profile(name)
