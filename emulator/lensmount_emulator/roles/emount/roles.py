"""The E-mount dialect's roles: engines, settings, script verbs and defaults."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import DialectRoles, Place
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.script import VERBS, execute_extra_step, request
from lensmount_emulator.roles.emount.lens.controls import LENS_VERBS
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings, check_settings
from lensmount_emulator.roles.emount.schema import upgrade_profile
from lensmount_emulator.roles.emount.traits import EMOUNT_GAUGES, EMOUNT_TRAITS
from lensmount_protocol.dialects.emount.identification import IdentityRequest


def _make_engine(
    settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
) -> Engine:
    if isinstance(settings, LensSettings):
        lens = LensEngine(settings, carried, random)
        lens.script = tuple(script)
        return lens
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


EMOUNT_ROLES = DialectRoles(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings},
    check=check_settings,
    verbs=VERBS,
    lens_verbs=LENS_VERBS,
    rules={},
    make_engine=_make_engine,
    default_body="a6000",
    default_lens="sel55210",
    check_script="wait 0.2; focus +50; focus -50; stop; aperture f/8; wait 0.1; sleep; wake; wait 0.1",
    demo_script="wait 0.1; focus 0x4200; wait 0.05; aperture f/8; wait 0.05; sleep",
    execute_step=execute_extra_step,
    request=request,
    fuzz_traits=EMOUNT_TRAITS,
    probe=IdentityRequest,
    gauges=EMOUNT_GAUGES,
    capture_replay="lensmount_emulator.roles.emount.fidelity.capture_replay:replay_capture",
    session_knowledge="lensmount_emulator.roles.emount.session_knowledge:EMOUNT_KNOWLEDGE",
    upgrade_profile=upgrade_profile,
    twin="lensmount_emulator.roles.emount.twin.traits:EMOUNT_TWIN",
    follower="lensmount_emulator.roles.emount.fidelity:make_follower",
    learn="lensmount_emulator.roles.emount.traits:EMOUNT_LEARN",
)
