"""Profiles by name: those in the package, those that other packages offer, and any TOML file by its path."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from lensmount_emulator.profiles.profile import Profile, read_profile
from lensmount_emulator.profiles.toml_text import MAX_SIZE
from lensmount_hardware.inputs import read_input
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import ProfileError, nearest
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Role

ENTRY_POINTS = "lensmount.profiles"
"""The entry-point group; each entry's value names a package that holds `.toml` files."""

SUFFIX = ".toml"

_log = get_logger("plugins")
_FOLDERS = ("emount", "lmount/bodies", "lmount/lenses", "lmount/accessories")


def profile_names() -> list[str]:
    """Every profile that can be loaded by name, sorted."""
    return sorted(_offered())


def all_profiles() -> list[Profile]:
    """Every profile that can be loaded by name, read and checked.

    Raises:
        ProfileError: one of them is offered twice or impossible.
    """
    return [_read(name, offers) for name, offers in sorted(_offered().items())]


def load_profile(name: str, role: Role | None = None) -> Profile:
    """The profile of this name, or in the TOML file at this path.

    Args:
        name: a name, or a path that ends in `.toml`.
        role: the end that it must play.

    Raises:
        ProfileError: unknown (names those near it), offered twice, impossible, or of the other role.
    """
    profile = _from_path(name) if name.endswith(SUFFIX) else _by_name(name)
    if role is not None and profile.place.value != role.value:
        raise ProfileError(f"profile {name!r} is a {profile.place.value}; a {role.value} is needed here")
    return profile


def _from_path(name: str) -> Profile:
    try:
        text = read_input(Path(name), MAX_SIZE, "a profile", ProfileError).decode()
    except UnicodeDecodeError as error:
        raise ProfileError(f"{name}: {error}") from error
    return read_profile(text, name)


def _by_name(name: str) -> Profile:
    offered = _offered()
    if name not in offered:
        alike = [known for known in sorted(offered) if name in known] or nearest(name, offered, 5, 0.5)
        near = ", ".join(alike[:5])
        raise ProfileError(
            f"unknown profile {name!r}{'; near it: ' + near if near else ''}; "
            f"`lensmount profiles` lists all {len(offered)}; or give the path of a .toml file"
        )
    return _read(name, offered[name])


def _read(name: str, offers: Sequence[Traversable]) -> Profile:
    if len(offers) > 1:
        raise ProfileError(f"profile {name!r} is offered twice: {' and '.join(str(file) for file in offers)}")
    return read_profile(offers[0].read_text(encoding="utf-8"), f"profile {name}")


def _offered() -> dict[str, list[Traversable]]:
    offered: dict[str, list[Traversable]] = defaultdict(list)
    for file in _files():
        offered[file.name.removesuffix(SUFFIX)].append(file)
    return offered


def _files() -> Iterator[Traversable]:
    here = files("lensmount_emulator.profiles")
    folders = [here.joinpath(*folder.split("/")) for folder in _FOLDERS]
    for entry in entry_points(group=ENTRY_POINTS):
        _log.debug("profiles of another package: read from %s", entry.value)
        folders.append(files(entry.value))
    for folder in folders:
        yield from (file for file in folder.iterdir() if file.name.endswith(SUFFIX))
