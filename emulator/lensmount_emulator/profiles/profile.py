"""A profile: the data of one lens, body or accessory, read from TOML and checked as a whole before anything uses it."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from lensmount_emulator.profiles.slips import unknown_keys
from lensmount_emulator.profiles.toml_text import parse_toml
from lensmount_emulator.roles.cast import Place
from lensmount_emulator.roles.registry import cast_of
from lensmount_protocol.errors import DialectError, ProfileError
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class Profile:
    """One lens, body or accessory.

    Attributes:
        name: how commands call it.
        place: where it stands on the mount.
        dialect: what it speaks.
        title: one line for people.
        notes: what to know of it.
        sources: key -> where its values come from.
        evidence: key of a value or of a table -> the key of its source, or `modelled`.
        settings: the values.
    """

    name: str
    place: Place
    dialect: str
    title: str
    notes: str
    sources: Mapping[str, str]
    evidence: Mapping[str, str]
    settings: msgspec.Struct

    @property
    def role(self) -> Role:
        """The end that it plays.

        Raises:
            ProfileError: it is an accessory, and plays none.
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
    """The profile that a TOML text says.

    Args:
        text: the TOML.
        origin: what errors call it.

    Raises:
        ProfileError: one line that names the origin, the key, and what is legal.
    """
    try:
        told = parse_toml(text)
    except ValueError as error:
        raise ProfileError(f"{origin}: no TOML: {error}") from error
    shapes: type[msgspec.Struct] = _Head
    checked: object = None
    try:
        checked = told.pop("profile", {})
        head = msgspec.convert(checked, _Head)
        sources = msgspec.convert(told.pop("sources", {}), dict[str, str])
        evidence = msgspec.convert(told.pop("evidence", {}), dict[str, str])
        cast = cast_of(head.dialect)
        if head.role not in cast.settings:
            places = ", ".join(place.value for place in cast.settings)
            raise ProfileError(f"profile.role is {head.role.value}; {head.dialect} has {places}")
        shapes, checked = cast.settings[head.role], told
        settings = msgspec.convert(told, shapes)
        if getattr(settings, "name", None) == "":
            settings = msgspec.structs.replace(settings, name=head.title)
        cast.check(head.role, settings)
    except msgspec.ValidationError as error:
        wrong = next(unknown_keys(checked, shapes, "profile" if shapes is _Head else ""), None)
        raise ProfileError(f"{origin}: {wrong.text() if wrong else error}") from error
    except (ProfileError, DialectError) as error:
        raise ProfileError(f"{origin}: {error}") from error
    return Profile(head.name, head.role, head.dialect, head.title, head.notes, sources, evidence, settings)
