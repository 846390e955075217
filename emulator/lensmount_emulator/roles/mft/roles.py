"""The Micro Four Thirds dialect's roles: engines, settings, script verbs, traits and defaults."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import DialectRoles, Place
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.mft.body import LENS_VERBS, VERBS, BodyEngine, execute_extra_step
from lensmount_emulator.roles.mft.lens import LensEngine
from lensmount_emulator.roles.mft.profile import BodySettings, LensSettings, check_settings
from lensmount_emulator.roles.mft.traits import MFT_GAUGES, MFT_TRAITS


def _make_engine(
    settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
) -> Engine:
    if isinstance(settings, LensSettings):
        return LensEngine(settings, carried, random)
    assert isinstance(settings, BodySettings)
    return BodyEngine(settings, carried, random, script)


MFT_ROLES = DialectRoles(
    settings={Place.LENS: LensSettings, Place.BODY: BodySettings},
    check=check_settings,
    verbs={**VERBS, **LENS_VERBS},
    lens_verbs=LENS_VERBS,
    rules={},
    make_engine=_make_engine,
    default_body="e-pl1",
    default_lens="bell-lens",
    check_script="aperture 0x3b2; focus 0x24e; ring reverse; sleep; wake; wait 0.1",
    execute_step=execute_extra_step,
    learn="lensmount_emulator.roles.mft.traits:MFT_LEARN",
    session_knowledge="lensmount_emulator.roles.mft.session_knowledge:MFT_KNOWLEDGE",
    gauges=MFT_GAUGES,
    fuzz_traits=MFT_TRAITS,
)
