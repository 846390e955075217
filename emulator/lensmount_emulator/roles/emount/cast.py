"""Who plays an E-mount, and what a profile of it must keep that its shape alone cannot say."""

from collections.abc import Sequence
from random import Random
from typing import Any

from msgspec import Struct

from lensmount_emulator.roles.cast import Cast, Place
from lensmount_emulator.roles.emount.body import BodyEngine
from lensmount_emulator.roles.emount.body_asking import ask, one_more_step
from lensmount_emulator.roles.emount.body_script import VERBS
from lensmount_emulator.roles.emount.lens import LensEngine
from lensmount_emulator.roles.emount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.wording import message_from, values_from
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.errors import ProfileError, unknown

ROW_SIZE = 6
"""Bytes of an optical row."""


def _engine(settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
    if isinstance(settings, LensSettings):
        return LensEngine(settings, carried, random)
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


def _check(place: Place, settings: Struct) -> None:
    assert isinstance(settings, LensSettings | BodySettings)
    _check_messages(place, settings)
    if isinstance(settings, LensSettings):
        _check_limits(settings)


def _check_messages(place: Place, settings: LensSettings | BodySettings) -> None:
    """Every message that the profile words can be built, and every field that it names exists."""
    classes = {cls.__name__: cls for (role, _), cls in EMOUNT.messages.items() if role.value == place.value}

    def known(name: str) -> Any:
        if name not in classes:
            raise ProfileError(unknown(f"message of a {place.value}", name, classes))
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


EMOUNT_CAST = Cast(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings},
    check=_check,
    verbs=VERBS,
    lens_verbs={},
    rules={},
    engine=_engine,
    usual_body="a6000",
    usual_lens="sel55210",
    check_script="wait 0.2; focus +50; focus -50; stop; aperture f/8; wait 0.1; sleep; wake; wait 0.1",
    carry_out=one_more_step,
    ask=ask,
)
