"""Who watches a session of a campaign: as the session machine does, with accessories, and with the states counted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random

from lensmount_emulator.fuzz.traits import players_of
from lensmount_emulator.fuzz.watch import Players, Watch
from lensmount_emulator.mount.virtual import VirtualMount
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.accessory import Accessory
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.observer import Observer
from lensmount_emulator.roles.script import Step
from lensmount_emulator.sessions.loopback import cast_parts
from lensmount_emulator.sessions.mounting import join, make_mount
from lensmount_protocol.connection import Arrival
from lensmount_protocol.paving import type_of
from lensmount_protocol.wire import Record, Role


class _TransitionCounter(Observer):
    """Counts the transitions of an end."""

    def __init__(self, counted: Counter[tuple[str, str, str, str]]) -> None:
        self._counted = counted

    def on_transition(self, role: Role, before: str, trigger: str, after: str) -> None:
        self._counted[role.value, before, trigger, after] += 1


class _StreamCounter(Observer):
    """Counts the frames of a running stream that a lens receives."""

    def __init__(self, frames: dict[Role, int], routine: frozenset[int]) -> None:
        self._frames = frames
        self._routine = routine

    def on_frame(self, role: Role, arrival: Arrival) -> None:
        if arrival.violation is None:
            self._frames[role] += all(type_of(message) in self._routine for message in arrival.messages)


class CampaignWatch(Watch):
    """A session with somebody who watches it and counts the states of both ends.

    What is watched is the body's mount, with whoever plays the lens there. Behind an accessory no question is held to
    its time, and no part of the lens to its speed: both are the accessory's.

    Args:
        players: who plays.
        tap: sees every byte and edge at the body's mount.
        between: profiles of what stands between, from the body on.
        lenses: profiles of lenses that faults may put on, by name.

    Attributes:
        transitions: (end, state, trigger, next state) -> how often.
    """

    def __init__(
        self,
        players: Players,
        tap: Callable[[Record], None] = lambda _record: None,
        between: Sequence[Profile] = (),
        lenses: Mapping[str, Profile] | None = None,
    ) -> None:
        self.transitions = Counter[tuple[str, str, str, str]]()
        self._lenses = lenses or {}
        self._between: list[Accessory] = []
        self._last: Engine | None = None
        self._inner: list[tuple[VirtualMount, tuple[Engine, Engine]]] = []
        if between:
            parts = cast_parts(players.body, players.lens, between, players.script, players.seed)
            self._between, self._last = list(parts.accessories), parts.lens
        super().__init__(players, tap)
        if self._between:
            self._stand_between()

    @property
    def sending(self) -> bool:
        """Whether a window of any end is open."""
        inner = (engine for _, couple in self._inner for engine in couple)
        return any(engine.sending for engine in (self.bench.body, self.bench.lens, *inner))

    @property
    def states(self) -> Counter[tuple[str, str]]:
        """(end, state) -> how often it was come to."""
        counted = Counter[tuple[str, str]]()
        for (role, _, _, state), count in self.transitions.items():
            counted[role, state] += count
        return counted

    def start(self) -> None:
        """The body is switched on, and everything is on its mount."""
        now = self.now
        for engine in (self.bench.body, self.bench.lens, *(engine for _, couple in self._inner for engine in couple)):
            engine.start(now)
        self._put_on(now)

    def _put_on(self, now: float) -> None:
        """Put together whatever is apart, from the lens on."""
        for mount, (_, device) in reversed(self._inner):
            if not mount.attached and (device is not self._last or device.grounds_detect):
                mount.attach(now, grounded=device.grounds_detect)
        if not self._between:
            self.bench.put_on(now)
        elif not self.mount.attached:
            self.mount.attach(now, grounded=self.bench.lens.grounds_detect)

    def _stand_between(self) -> None:
        """Put what is behind the first accessory's near end on mounts of its own, in the same time."""
        assert self._last is not None
        devices = [*(accessory.near for accessory in self._between[1:]), self._last]
        for couple in zip((accessory.far for accessory in self._between), devices, strict=True):
            mount = make_mount(couple[0].dialect, lambda _record: None, self.bench.scheduler, "frame", None)
            self._inner.append((mount, couple))
            for engine in couple:
                join(engine, mount, self.notices.append)
        self._overhear_last(self._last)
        # Behind an accessory the lens stays the same, whoever is put on by a fault.
        self.mount.puts_on, self.mount.exchanges = self._put_on, lambda _name: None
        self.bench.body.hand = self._do_by_hand

    def _do_by_hand(self, step: Step) -> None:
        if step.verb == "detach":
            self.bench.scheduler.soon(lambda _none, now: self.bench.take_off(now), None)
            if step.value is not None:
                self.bench.scheduler.at(self.now + step.value, lambda _none, now: self._put_on(now), None)
            return
        for accessory in self._between:
            step = accessory.hand(step)
        mount, (_, lens) = self._inner[-1]
        mount.timebase(lens.role).soon(lens.take_hand, step)

    # What the watch asks for: who plays, and whom it listens to.

    def _engine(self, profile: Profile, name: str) -> Engine:
        if name == "lens" and self._last is not None:
            return self._between[0].near if self._between else self._last
        return super()._engine(profile, name)

    def _other_lens(self, name: str) -> Engine:
        profile = self._lenses.get(name, self.cast.lens)
        chance = Random(f"{self.cast.seed} other lens")
        return self._welcome(players_of(profile.dialect).engine(profile.settings, None, chance, ()))

    def look(self) -> None:
        """Behind an accessory a lens's values are what that makes of them, and say nothing of what moves."""
        if not self._between:
            super().look()

    def overdue(self) -> list[tuple[Role, int, float]]:
        """What an accessory says beside a lens's answer is its own, so an answer is not known there as one."""
        return [] if self._between else super().overdue()

    def _overhear(self, engine: Engine) -> None:
        if engine.role is Role.BODY or not self._between:
            super()._overhear(engine)
            self._count(engine)

    def _overhear_last(self, lens: Engine) -> None:
        """Whether a stream runs is heard where it ends: at the lens itself, whatever it speaks."""
        self._count(lens)
        routine = frozenset(int(type_, 16) for said in lens.dialect.routine for type_ in said.split("+"))
        lens.observe(_StreamCounter(self.heard, routine))

    def _count(self, engine: Engine) -> None:
        engine.observe(_TransitionCounter(self.transitions))
