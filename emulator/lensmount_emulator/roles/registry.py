"""What plays the two ends of a dialect: engines by dialect, so that sessions and commands name no mount."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from lensmount_emulator.roles.emount.body import BodyEngine
from lensmount_emulator.roles.emount.body_script import VERBS
from lensmount_emulator.roles.emount.lens import LensEngine
from lensmount_emulator.roles.emount.settings import BodySettings, LensSettings
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.script import Reader, Step
from lensmount_protocol.errors import DialectError, unknown
from lensmount_protocol.wire import Role

Settings = LensSettings | BodySettings


@dataclass(frozen=True, slots=True)
class Cast:
    """The two ends of a dialect.

    Attributes:
        settings: role -> what a profile of it must say.
        verbs: what a script can make the body do.
        engine: settings, carried lines (`None` on the virtual mount), source of jitter and script to an engine.
    """

    settings: Mapping[Role, type[Settings]]
    verbs: Mapping[str, Reader]
    engine: Callable[[Settings, frozenset[str] | None, Random | None, Sequence[Step]], Engine]


def _emount_engine(
    settings: Settings, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
) -> Engine:
    if isinstance(settings, LensSettings):
        return LensEngine(settings, carried, random)
    return BodyEngine(settings, carried, random, script)


CASTS: Mapping[str, Cast] = {
    "emount": Cast({Role.LENS: LensSettings, Role.BODY: BodySettings}, VERBS, _emount_engine),
}
"""Who plays which dialect."""


def cast_of(dialect: str) -> Cast:
    """The two ends of a dialect.

    Raises:
        DialectError: nobody plays it here, though it may be decoded; lists the ones that are played.
    """
    if dialect not in CASTS:
        raise DialectError(unknown("dialect to play", dialect, CASTS))
    return CASTS[dialect]


def is_done(engine: Engine) -> bool:
    """Whether an engine has carried out its script; one without a script never has."""
    return isinstance(engine, BodyEngine) and engine.done
