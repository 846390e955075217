"""The profile library: loads profiles by name, from this package and others, or from any TOML file by its path.

A profile holds the data of one lens, body or accessory; it is read from TOML and checked as a whole before its use.
Unknown keys are reported. TOML files are untrusted: size, nesting, length of keys and numbers are limited, because the
parser of the standard library takes quadratic time in the parts of a dotted key, and fails on deep nesting.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args, get_type_hints

import msgspec

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.field_rules import Origin
from lensmount_hardware.input_file import MAX_TOML, parse_toml, read_text
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import DialectError, ProfileError, nearest, unknown_name_message
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Role


class UnknownKey(NamedTuple):
    """A key that its table does not have.

    Attributes:
        key: the key.
        table: path of the table; empty for the top level.
        known: keys that the table has.
    """

    key: str
    table: str
    known: tuple[str, ...]

    def text(self) -> str:
        """Return the error in one line, with the known keys."""
        return unknown_name_message("key", self.key, self.known, f"[{self.table}]" if self.table else "")


def unknown_keys(data: object, shape: type[msgspec.Struct], table: str = "") -> Iterator[UnknownKey]:
    """Find the keys that no field of a structure has.

    Args:
        data: the parsed data.
        shape: the expected structure.
        table: path of the data within the file.
    """
    if not isinstance(data, Mapping):
        # A value of another type is reported by msgspec.
        return
    values = cast("Mapping[str, object]", data)
    if shape.__struct_config__.forbid_unknown_fields:
        known = shape.__struct_encode_fields__
        yield from (UnknownKey(key, table, known) for key in values if key not in known)
    for key, hint in get_type_hints(shape).items():
        inner = next(_struct_types(hint), None)
        if inner is not None and key in values:
            yield from _inside(values[key], inner, f"{table}.{key}".strip("."))


def _inside(value: object, shape: type[msgspec.Struct], path: str) -> Iterator[UnknownKey]:
    """Find the unknown keys in a value of the structure, or in a sequence of such values."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for number, item in enumerate(cast("Sequence[object]", value)):
            yield from unknown_keys(item, shape, f"{path}[{number}]")
    else:
        yield from unknown_keys(value, shape, path)


def _struct_types(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """Return the structures in a type: the type itself, or members of its sequence or union."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from _struct_types(part)


MAX_SIZE = MAX_TOML
"""Maximum size of a file in bytes; the largest profile has six thousand."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One lens, body or accessory.

    Attributes:
        name: its name in commands.
        place: its place on the mount.
        dialect: its dialect.
        title: one readable line.
        notes: remarks for the user.
        sources: key -> source of its values.
        evidence: key of a value or of a table -> the key of its source, or `modelled`.
        settings: the values.
        origin: the captures that the profile was inferred from; `None` where it was not.
    """

    name: str
    place: Place
    dialect: str
    title: str
    notes: str
    sources: Mapping[str, str]
    evidence: Mapping[str, str]
    settings: msgspec.Struct
    origin: Origin | None = None

    @property
    def role(self) -> Role:
        """The end of the mount that it represents.

        Raises:
            ProfileError: it is an accessory, which is no end.
        """
        if self.place is Place.ACCESSORY:
            raise ProfileError(f"profile {self.name!r} is an accessory; a lens or a body is needed here")
        return Role(self.place.value)


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    role: Place
    dialect: str
    title: str
    notes: str = ""


def read_profile(text: str, origin: str) -> Profile:
    """Read a profile from a TOML text.

    Args:
        text: the TOML.
        origin: its name in errors.

    Raises:
        ProfileError: one line with the origin, the key, and the legal values.
    """
    try:
        data = parse_toml(text)
    except ValueError as error:
        raise ProfileError(f"{origin}: no TOML: {error}") from error
    shapes: type[msgspec.Struct] = _Head
    checked: object = None
    try:
        checked = data.pop("profile", {})
        head = msgspec.convert(checked, _Head)
        sources = msgspec.convert(data.pop("sources", {}), dict[str, str])
        evidence = msgspec.convert(data.pop("evidence", {}), dict[str, str])
        origin_table = data.pop("origin", None)
        shapes, checked = Origin, origin_table
        learned = None if origin_table is None else msgspec.convert(origin_table, Origin)
        roles = get_roles(head.dialect)
        if head.role not in roles.settings:
            places = ", ".join(place.value for place in roles.settings)
            raise ProfileError(f"profile.role is {head.role.value}; {head.dialect} has {places}")
        data = roles.upgrade_profile(head.role, data)
        shapes, checked = roles.settings[head.role], data
        settings = msgspec.convert(data, shapes)
        if getattr(settings, "name", None) == "":
            settings = msgspec.structs.replace(settings, name=head.title)
        roles.check(head.role, settings)
    except msgspec.ValidationError as error:
        table = "profile" if shapes is _Head else "origin" if shapes is Origin else ""
        wrong = next(unknown_keys(checked, shapes, table), None)
        raise ProfileError(f"{origin}: {wrong.text() if wrong else error}") from error
    except (ProfileError, DialectError) as error:
        raise ProfileError(f"{origin}: {error}") from error
    return Profile(head.name, head.role, head.dialect, head.title, head.notes, sources, evidence, settings, learned)


ENTRY_POINTS = "lensmount.profiles"
"""The entry-point group; each entry's value names a package that holds `.toml` files."""

SUFFIX = ".toml"

_log = get_logger("plugins")
_FOLDERS = ("emount", "fuji_g", "lmount/bodies", "lmount/lenses", "lmount/accessories", "mft")


def profile_names() -> list[str]:
    """Every profile that can be loaded by name, sorted."""
    return sorted(_offered_profiles())


def all_profiles() -> list[Profile]:
    """Every profile that can be loaded by name, read and checked.

    Raises:
        ProfileError: one of them is offered twice or invalid.
    """
    return [_read(name, offers) for name, offers in sorted(_offered_profiles().items())]


def load_profile(name: str, role: Role | None = None) -> Profile:
    """Load the profile of this name, or from the TOML file at this path.

    Args:
        name: a name, a path that ends in `.toml`, or the path of a firmware, which ends in `.so`.
        role: the required end.

    Raises:
        ProfileError: unknown (the message lists similar names), offered twice, invalid, or of the other role.
    """
    if is_firmware(name):
        return firmware_profile(name, None if role is None else Place(role.value))
    profile = _from_path(name) if name.endswith(SUFFIX) else _by_name(name)
    if role is not None and profile.place.value != role.value:
        raise ProfileError(f"profile {name!r} is a {profile.place.value}; a {role.value} is needed here")
    return profile


FIRMWARE_SUFFIXES = (".so", ".worker")
"""Ends of the names of firmware: a library, or a program of its own."""

CONFIG_MARK = "#"
"""Separates the path of a firmware from the text that it gets: `./lens.so#mode=2`."""


def is_firmware(name: str) -> bool:
    """Whether the name of a device is the path of a firmware, with or without a text for it."""
    return name.partition(CONFIG_MARK)[0].endswith(FIRMWARE_SUFFIXES)


def firmware_library(profile: Profile) -> str:
    """Return the path of the firmware that plays a device; empty for an engine of ours."""
    return str(getattr(profile.settings, "library", "")) if is_firmware(profile.name) else ""


def firmware_profile(name: str, place: Place | None = None) -> Profile:
    """Return the profile of a device that is a firmware in C.

    Args:
        name: path of the shared library; `#` and a text after it go to the firmware.
        place: the required place; `None` for the lens, if it plays one, else for what it is, such as an adapter.

    Raises:
        FirmwareError: it cannot be loaded.
        ProfileError: it does not play that end.
    """
    # Loading C code is rare; programs without it do not need the module.
    engine = import_module("lensmount_emulator.firmware.engine")
    info = import_module("lensmount_emulator.firmware.library").probe_firmware(name.partition(CONFIG_MARK)[0])
    get_roles(info.dialect)
    role = "lens" if "lens" in info.roles else info.roles[0]
    if place is not None:
        role = "adapter" if place is Place.ACCESSORY else place.value
    if role not in info.roles:
        article = "an" if role == "adapter" else "a"
        raise ProfileError(f"firmware {name!r} is {info.role_text}; {article} {role} is needed here")
    path, _, config = name.partition(CONFIG_MARK)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    settings = engine.FirmwareSettings(
        library=path, role=role, config=config, name=info.name, digest=digest, far_dialect=info.far_dialect
    )
    title = f"{info.name} {info.version} (firmware)"
    at = Place.ACCESSORY if role == "adapter" else Place(role)
    return Profile(name, at, info.dialect, title, "firmware in C", {}, {}, settings)


def _from_path(name: str) -> Profile:
    return _read_once(read_text(Path(name), MAX_SIZE, "a profile", ProfileError), name)


def _by_name(name: str) -> Profile:
    offered = _offered_profiles()
    if name not in offered:
        alike = [known for known in sorted(offered) if name in known] or nearest(name, offered, 5, 0.5)
        near = ", ".join(alike[:5])
        raise ProfileError(
            f"unknown profile {name!r}{'; near it: ' + near if near else ''}; "
            f"`lensmount profiles` lists all {len(offered)}; or give the path of a .toml file"
        )
    return _read(name, offered[name])


def profile_text(name: str) -> str:
    """Return the TOML text of the profile of this name, or of the file at this path.

    Raises:
        ProfileError: as `load_profile`, or the profile has no TOML file.
    """
    load_profile(name)
    if is_firmware(name):
        raise ProfileError(f"{name!r} is a firmware, which has no TOML file")
    if name.endswith(SUFFIX):
        return Path(name).read_text(encoding="utf-8")
    return _offered_profiles()[name][0].read_text(encoding="utf-8")


def _read(name: str, offers: Sequence[Traversable]) -> Profile:
    if len(offers) > 1:
        raise ProfileError(f"profile {name!r} is offered twice: {' and '.join(str(file) for file in offers)}")
    return _read_once(offers[0].read_text(encoding="utf-8"), f"profile {name}")


_known: dict[tuple[str, str], Profile] = {}
"""Text and origin -> its profile: a text takes two milliseconds, and the same few are read for each session."""

MAX_KNOWN = 256


def _read_once(text: str, origin: str) -> Profile:
    """Read a profile; one of values that nothing can change is shared by all that read the same text."""
    profile = _known.get((text, origin))
    if profile is None:
        profile = read_profile(text, origin)
        if len(_known) < MAX_KNOWN and profile.settings.__struct_config__.frozen:
            _known[text, origin] = profile
    return profile


def _offered_profiles() -> dict[str, list[Traversable]]:
    offered: dict[str, list[Traversable]] = defaultdict(list)
    for file in _files():
        offered[file.name.removesuffix(SUFFIX)].append(file)
    return offered


def _files() -> Iterator[Traversable]:
    here = files("lensmount_emulator.profiles")
    folders = [here.joinpath(*folder.split("/")) for folder in _FOLDERS]
    for entry in entry_points(group=ENTRY_POINTS):
        _log.debug("profiles of another package: read from %s", entry.value)
        try:
            folders.append(files(entry.value))
        except Exception as error:
            raise ProfileError(
                f"profiles of another package cannot be loaded from {entry.value}: {error or type(error).__name__}; "
                "repair or uninstall that package"
            ) from error
    for folder in folders:
        yield from (file for file in folder.iterdir() if file.name.endswith(SUFFIX))
