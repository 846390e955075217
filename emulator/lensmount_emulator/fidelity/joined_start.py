"""Starts an engine with a usual peer up to its loop, so that it can join a session that was captured in the middle."""

import heapq
from collections.abc import Callable
from itertools import count
from operator import itemgetter

from lensmount_emulator.engine.dialect_roles import DialectRoles, make_engine
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    Transmit,
    WireEvent,
    WireRecord,
    transmission_time,
)

LOOP_FRAMES = 64
"""Frames of its loop that the engine sends before it joins: about a second, in which a lens has homed."""

FEW_FRAMES = 12
"""The same for a session that is joined soon after its start."""

MAX_START_S = 8.0
"""Virtual seconds in which a start-up must reach its loop."""

MAX_STEPS = 200_000
"""Events of a start-up at most; a pair that never reaches its loop must not run on."""


def run_start(
    dialect: Dialect, roles: DialectRoles, profile: Profile, is_loop: Callable[[DecodedFrame], bool], until: float
) -> tuple[Engine, float] | None:
    """Run the engine of a profile and the usual peer of its dialect into their loop.

    Args:
        dialect: the dialect.
        roles: its roles.
        profile: our end.
        is_loop: whether a frame belongs to the loop.
        until: when the next pulse should come, in seconds; the start-up begins so much earlier.

    Returns:
        The engine and the time, in seconds, of the next frame-sync pulse, which the engine has not seen; `None` where
        they do not reach a loop that is timed by pulses.
    """
    if dialect.wiring.clocked is not None or not dialect.sync:
        return None
    peer = load_profile(roles.default_body if profile.role is Role.LENS else roles.default_lens, profile.role.peer)

    def run(begin: float, frames: int) -> tuple[Engine, float] | None:
        ends = {
            profile.role: make_engine(roles, profile.settings, None, None, ()),
            profile.role.peer: make_engine(roles, peer.settings, None, None, ()),
        }
        pair = _Pair(dialect, ends, profile.role, is_loop, begin)
        return (ends[profile.role], pair.now) if pair.run(frames) else None

    # What follows the clock of a device, such as a shake, needs the same clock from its start on.
    for frames in (LOOP_FRAMES, FEW_FRAMES):
        first = run(0.0, frames)
        if first is not None and until >= first[1]:
            return run(until - first[1], frames)
    return run(0.0, LOOP_FRAMES)


class _Pair:
    """Two engines on one clock, which exchange their edges and bytes."""

    def __init__(
        self,
        dialect: Dialect,
        ends: dict[Role, Engine],
        ours: Role,
        is_loop: Callable[[DecodedFrame], bool],
        begin: float,
    ) -> None:
        self.now = self._begin = begin
        self._dialect, self._ends, self._ours, self._is_loop = dialect, ends, ours, is_loop
        self._decoder = Decoder(dialect)
        self._free_at = dict.fromkeys(Role, 0.0)
        self._numbers = count()
        self._waiting: list[tuple[float, int, Role, WireEvent]] = []
        self._looped = 0

    def run(self, frames: int) -> bool:
        """Run until the next pulse after enough frames of the loop; return whether that came."""
        for role, engine in self._ends.items():
            engine.start(self.now)
            self._take(role)
        # The lens is on the mount from the beginning.
        self._push(Role.BODY, LineChanged(self._dialect.detect, False))
        for _ in range(MAX_STEPS):
            deadlines = [(at, role) for role, one in self._ends.items() if (at := one.next_deadline()) is not None]
            times = [at for at, _ in deadlines] + [at for at, *_ in self._waiting[:1]]
            if not times or min(times) > self._begin + MAX_START_S:
                return False
            self.now = max(self.now, min(times))
            if self._waiting and self._waiting[0][0] <= self.now:
                _, _, role, event = heapq.heappop(self._waiting)
                if self._is_pulse(role, event) and self._looped >= frames:
                    return True
                self._ends[role].receive(event, self.now)
            else:
                role = min(deadlines, key=itemgetter(0))[1]
                self._ends[role].handle_deadline(self.now)
            self._take(role)
        return False

    def _is_pulse(self, role: Role, event: WireEvent) -> bool:
        is_fall = isinstance(event, LineChanged) and event.line == self._dialect.sync and not event.level
        return is_fall and role is self._ours

    def _push(self, role: Role, event: WireEvent, at: float | None = None) -> None:
        heapq.heappush(self._waiting, (self.now if at is None else at, next(self._numbers), role, event))

    def _take(self, role: Role) -> None:
        """Forward the actions of an engine."""
        engine = self._ends[role]
        for action in engine.actions():
            if isinstance(action, DriveLine):
                self._push(role.peer, LineChanged(action.line, action.level))
                self._note(role, Edge(self.now, action.line, action.level))
            elif isinstance(action, Transmit):
                begin = max(self.now, self._free_at[role])
                end = self._free_at[role] = begin + transmission_time(len(action.data), engine.baudrate)
                self._push(role.peer, Received(action.data), end)
                self._note(role, Burst(begin, role, action.data, engine.baudrate, end))
        for _ in engine.notices():
            # Nothing reads the notices of a start-up that only leads to a join.
            pass

    def _note(self, role: Role, record: WireRecord) -> None:
        if role is self._ours:
            frames = (one for one in self._decoder.feed(record) if isinstance(one, DecodedFrame))
            self._looped += sum(self._is_loop(one) for one in frames)
