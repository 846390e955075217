"""A profile: the data of one lens or body, read from TOML and checked as a whole before anything uses it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from lensmount_emulator.roles.emount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.registry import Settings, cast_of
from lensmount_emulator.roles.wording import message_from, values_from
from lensmount_protocol.errors import DialectError, ProfileError, unknown
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class Profile:
    """One lens or body.

    Attributes:
        name: how commands call it.
        role: the end that it plays.
        dialect: what it speaks.
        title: one line for people.
        notes: what to know of it.
        sources: key -> where its values come from.
        settings: the values.
    """

    name: str
    role: Role
    dialect: str
    title: str
    notes: str
    sources: Mapping[str, str]
    settings: Settings


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    role: Role
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
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{origin}: no TOML: {error}") from error
    try:
        head = msgspec.convert(told.pop("profile", {}), _Head)
        sources = msgspec.convert(told.pop("sources", {}), dict[str, str])
        settings = msgspec.convert(told, cast_of(head.dialect).settings[head.role])
        profile = Profile(head.name, head.role, head.dialect, head.title, head.notes, sources, settings)
        _check_messages(profile)
        if isinstance(settings, LensSettings):
            _check_limits(settings)
    except (msgspec.ValidationError, ProfileError, DialectError) as error:
        raise ProfileError(f"{origin}: {error}") from error
    return profile


def _check_messages(profile: Profile) -> None:
    """Every message that the profile words can be built, and every field that it names exists."""
    settings = profile.settings
    classes = {
        cls.__name__: cls for (role, _), cls in load_dialect(profile.dialect).messages.items() if role is profile.role
    }

    def known(name: str) -> Any:
        if name not in classes:
            raise ProfileError(unknown(f"message of a {profile.role.value}", name, classes))
        return classes[name]

    for name, fields in settings.messages.items():
        message_from(known(name), fields)
    for name, patches in settings.start.items():
        for patch in patches:
            message_from(known(name), patch)
    for entry in settings.variable:
        if entry.message != "Frame":
            values_from(known(entry.message), {entry.field: 0})
    if isinstance(settings, BodySettings):
        for group in (settings.adapter, settings.farewell):
            for name, fields in group.items():
                message_from(known(name), fields)


def _check_limits(settings: LensSettings) -> None:
    focus, iris = settings.focus, settings.iris
    if not focus.lower <= focus.planned <= focus.upper:
        raise ProfileError(
            f"focus.planned is {focus.planned:#x}; it must lie between focus.lower {focus.lower:#x} "
            f"and focus.upper {focus.upper:#x}"
        )
    if iris.widest > iris.narrowest:
        raise ProfileError(f"iris.widest {iris.widest:#x} is beyond iris.narrowest {iris.narrowest:#x}")
    for key, rows in (("b", settings.rows.b), ("c", settings.rows.c.values()), ("d", settings.rows.d)):
        for row in rows:
            _check_row(key, row)


def _check_row(key: str, row: str) -> None:
    try:
        size = len(bytes.fromhex(row))
    except ValueError:
        size = 0
    if size != ROW_SIZE:
        raise ProfileError(f"rows.{key}: {row!r} is not {ROW_SIZE} bytes in hexadecimal")


ROW_SIZE = 6
"""Bytes of an optical row."""
