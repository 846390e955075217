"""Who plays the open L-Mount model."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.roles.cast import Cast, Place
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.lmount.body import BodyEngine, ask, one_more_step
from lensmount_emulator.roles.lmount.body_script import VERBS
from lensmount_emulator.roles.lmount.checks import check
from lensmount_emulator.roles.lmount.coupling import couple
from lensmount_emulator.roles.lmount.fuzz_traits import LMOUNT_TRAITS
from lensmount_emulator.roles.lmount.lens import LensEngine
from lensmount_emulator.roles.lmount.lens_hand import LENS_VERBS
from lensmount_emulator.roles.lmount.rules import RULES
from lensmount_emulator.roles.lmount.settings import AccessorySettings, BodySettings, LensSettings
from lensmount_emulator.roles.script import Step
from lensmount_protocol.dialects.lmount.identity import IdentityRequest


def _engine(settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
    if isinstance(settings, LensSettings):
        lens = LensEngine(settings, carried, random)
        lens.script = tuple(script)
        return lens
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


LMOUNT_CAST = Cast(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings, Place.ACCESSORY: AccessorySettings},
    check=check,
    verbs=VERBS,
    lens_verbs=LENS_VERBS,
    rules=RULES,
    engine=_engine,
    usual_body="panasonic-s1r",
    usual_lens="leica-vario-elmarit-sl-24-90mm-f2.8-4",
    check_script="check all",
    couple=couple,
    carry_out=one_more_step,
    ask=ask,
    fuzz_traits=LMOUNT_TRAITS,
    probe=IdentityRequest,
)
