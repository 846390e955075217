"""The Fuji G dialect's roles: engines, settings, script verbs, traits and defaults."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import DialectRoles, Place
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.fuji_g.body import BodyEngine, execute_extra_step
from lensmount_emulator.roles.fuji_g.lens import LensEngine
from lensmount_emulator.roles.fuji_g.profile import BodySettings, LensSettings, check_settings
from lensmount_emulator.roles.fuji_g.sequences import LENS_VERBS, VERBS
from lensmount_emulator.roles.fuji_g.traits import FUJI_G_GAUGES, FUJI_G_TRAITS


def _make_engine(
    settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
) -> Engine:
    if isinstance(settings, LensSettings):
        return LensEngine(settings, carried, random)
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


FUJI_G_ROLES = DialectRoles(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings},
    check=check_settings,
    verbs={**VERBS, **LENS_VERBS},
    lens_verbs=LENS_VERBS,
    rules={},
    make_engine=_make_engine,
    default_body="gfx50r",
    default_lens="gf45",
    check_script="focus 800; speed 2000; focus 100; iris 9; iris 0; sleep; wake; wait 0.1",
    execute_step=execute_extra_step,
    capture_replay="lensmount_emulator.roles.fuji_g.fidelity:replay_capture",
    learn="lensmount_emulator.roles.fuji_g.traits:FUJI_G_LEARN",
    session_knowledge="lensmount_emulator.roles.fuji_g.traits:FUJI_G_KNOWLEDGE",
    gauges=FUJI_G_GAUGES,
    fuzz_traits=FUJI_G_TRAITS,
)
