"""The Micro Four Thirds dialect's roles: engines, settings, script verbs, traits and defaults."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import DialectRoles, FuzzTraits, Place
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.mft.body import LENS_VERBS, VERBS, BodyEngine, execute_extra_step
from lensmount_emulator.roles.mft.lens import LensEngine
from lensmount_emulator.roles.mft.profile import BodySettings, LensSettings, check_settings
from lensmount_emulator.roles.mft.session_knowledge import (
    MFT_GAUGES,
    REPLY_TIMEOUT_S,
    reply_key,
    reply_keys,
    request_key,
)
from lensmount_protocol.dialects.mft.transactions import ASLEEP, OFF


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
    learn="lensmount_emulator.roles.mft.session_knowledge:MFT_LEARN",
    session_knowledge="lensmount_emulator.roles.mft.session_knowledge:MFT_KNOWLEDGE",
    gauges=MFT_GAUGES,
    fuzz_traits=FuzzTraits(
        request_key=request_key,
        reply_key=reply_key,
        reply_keys=reply_keys,
        unrequested=(),
        reply_timeout=lambda _key: REPLY_TIMEOUT_S,
        recovery_s=10.0,
        bodies=("e-pl1", "e-p1"),
        lenses=("bell-lens",),
        scripts=("", "aperture 0x3b2; focus 0x24e", "focus 0x1ffd7; ring reverse; sleep; wake"),
        verbs=("wait 0.05", "aperture 0x400", "focus 0x24e", "focus 0x1ffd7", "ring forward", "sleep; wake"),
        control_steps=("zoom 12", "zoom 0"),
        asleep=frozenset({ASLEEP, OFF}),
    ),
)
