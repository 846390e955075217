"""The open model's roles: engines, settings, script verbs, rules and defaults."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import DialectRoles, Place
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.lmount.accessories.assembly import assemble_accessories
from lensmount_emulator.roles.lmount.body.engine import BodyEngine, execute_extra_step, request
from lensmount_emulator.roles.lmount.body.script import VERBS
from lensmount_emulator.roles.lmount.compatibility_rules import RULES
from lensmount_emulator.roles.lmount.lens.controls import LENS_VERBS
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_emulator.roles.lmount.lens.stream import take_state
from lensmount_emulator.roles.lmount.profile import AccessorySettings, BodySettings, LensSettings, check_settings
from lensmount_emulator.roles.lmount.traits import LMOUNT_GAUGES, LMOUNT_TRAITS, LMOUNT_VIEWFINDER
from lensmount_protocol.dialects.lmount.identity import IdentityRequest


def _make_engine(
    settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
) -> Engine:
    if isinstance(settings, LensSettings):
        lens = LensEngine(settings, carried, random)
        lens.script = tuple(script)
        return lens
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


LMOUNT_ROLES = DialectRoles(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings, Place.ACCESSORY: AccessorySettings},
    check=check_settings,
    verbs=VERBS,
    lens_verbs=LENS_VERBS,
    rules=RULES,
    make_engine=_make_engine,
    default_body="panasonic-s1r",
    default_lens="leica-vario-elmarit-sl-24-90mm-f2.8-4",
    check_script="check all",
    assemble_accessories=assemble_accessories,
    demo_script="focus 2m; aperture f/8; expose 1/60; sleep",
    execute_step=execute_extra_step,
    request=request,
    take_state=take_state,
    gauges=LMOUNT_GAUGES,
    viewfinder=LMOUNT_VIEWFINDER,
    fuzz_traits=LMOUNT_TRAITS,
    probe=IdentityRequest,
    twin="lensmount_emulator.roles.lmount.twin:LMOUNT_TWIN",
    session_knowledge="lensmount_emulator.roles.lmount.session_knowledge:LMOUNT_KNOWLEDGE",
    learn="lensmount_emulator.roles.lmount.traits:LMOUNT_LEARN",
)
