"""Who plays the open L-Mount model."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.roles.cast import Cast, Place
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.lmount.checks import check
from lensmount_emulator.roles.lmount.settings import AccessorySettings, BodySettings, LensSettings
from lensmount_emulator.roles.script import Step


def _engine(settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
    raise NotImplementedError


LMOUNT_CAST = Cast(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings, Place.ACCESSORY: AccessorySettings},
    check=check,
    verbs={},
    lens_verbs={},
    engine=_engine,
    usual_body="panasonic-s1r",
    usual_lens="leica-vario-elmarit-sl-24-90mm-f2.8-4",
)
