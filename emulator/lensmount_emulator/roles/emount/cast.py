"""Who plays an E-mount."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.roles.cast import Cast, Place
from lensmount_emulator.roles.emount.body import BodyEngine
from lensmount_emulator.roles.emount.body_asking import ask, one_more_step
from lensmount_emulator.roles.emount.body_script import VERBS
from lensmount_emulator.roles.emount.checks import check
from lensmount_emulator.roles.emount.fuzz_traits import EMOUNT_TRAITS
from lensmount_emulator.roles.emount.lens import LensEngine
from lensmount_emulator.roles.emount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.script import Step
from lensmount_protocol.dialects.emount.init import IdentityRequest


def _engine(settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
    if isinstance(settings, LensSettings):
        return LensEngine(settings, carried, random)
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


EMOUNT_CAST = Cast(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings},
    check=check,
    verbs=VERBS,
    lens_verbs={},
    rules={},
    engine=_engine,
    usual_body="a6000",
    usual_lens="sel55210",
    check_script="wait 0.2; focus +50; focus -50; stop; aperture f/8; wait 0.1; sleep; wake; wait 0.1",
    carry_out=one_more_step,
    ask=ask,
    fuzz_traits=EMOUNT_TRAITS,
    probe=IdentityRequest,
    capture_replay="lensmount_emulator.sessions.emount.replaying:replay_emount",
)
