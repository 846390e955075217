"""Profiles by name: those in the package, those that other packages offer, and any TOML file by its path."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from lensmount_emulator.profiles.profile import Profile, read_profile
from lensmount_protocol.errors import ProfileError, unknown
from lensmount_protocol.wire import Role

ENTRY_POINTS = "lensmount.profiles"
"""The entry-point group; each entry's value names a package that holds `.toml` files."""

SUFFIX = ".toml"
_DIALECT_FOLDERS = ("emount", "lmount")


def profile_names() -> list[str]:
    """Every profile that can be loaded by name, sorted."""
    return sorted({file.name.removesuffix(SUFFIX) for file in _files()})


def all_profiles() -> list[Profile]:
    """Every profile that can be loaded by name, read and checked."""
    return [load_profile(name) for name in profile_names()]


def load_profile(name: str, role: Role | None = None) -> Profile:
    """The profile of this name, or in the TOML file at this path.

    Args:
        name: a name, or a path that ends in `.toml`.
        role: the end that it must play.

    Raises:
        ProfileError: unknown (lists the known ones), offered twice, impossible, or of the other role.
    """
    profile = _read(name)
    if role is not None and profile.place.value != role.value:
        raise ProfileError(f"profile {name!r} is a {profile.place.value}; a {role.value} is needed here")
    return profile


def _read(name: str) -> Profile:
    if name.endswith(SUFFIX):
        path = Path(name)
        try:
            return read_profile(path.read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
    found = [file for file in _files() if file.name == name + SUFFIX]
    if not found:
        raise ProfileError(unknown("profile", name, profile_names()) + "; or give the path of a .toml file")
    if len(found) > 1:
        raise ProfileError(f"profile {name!r} is offered twice: {' and '.join(str(file) for file in found)}")
    return read_profile(found[0].read_text(encoding="utf-8"), f"profile {name}")


def _files() -> Iterator[Traversable]:
    here = files("lensmount_emulator.profiles")
    folders = [here / folder for folder in _DIALECT_FOLDERS]
    folders += [files(entry.value) for entry in entry_points(group=ENTRY_POINTS)]
    for folder in folders:
        yield from (file for file in folder.iterdir() if file.name.endswith(SUFFIX))
