"""How faithful an engine is: a capture's peer is played at it, and what it answers is compared with the real device."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.registry import cast_of, played_dialects
from lensmount_emulator.sessions.score import Replay
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown
from lensmount_protocol.wire import Record

CaptureReplay = Callable[[Sequence[Record], Dialect, Profile], Replay]
"""Plays a capture against the engine of a profile; what `Cast.capture_replay` names."""


def replay(records: Sequence[Record], dialect: Dialect, profile: Profile) -> Replay:
    """Play a capture against the engine of a profile, in the profile's role.

    Raises:
        CaptureError: the capture lacks frames of one end.
        DialectError: captures of this dialect cannot be replayed here, or what replays them cannot be imported.
    """
    place = cast_of(dialect.name).capture_replay if dialect.name in played_dialects() else ""
    if not place:
        known = [name for name in played_dialects() if cast_of(name).capture_replay]
        raise DialectError(unknown("dialect to replay", dialect.name, known))
    module, _, name = place.partition(":")
    try:
        function = cast("CaptureReplay", getattr(import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise DialectError(f"dialect {dialect.name!r}: captures cannot be replayed by {place}: {error}") from error
    return function(records, dialect, profile)
