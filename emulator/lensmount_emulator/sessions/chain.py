"""A body, accessories and a lens: as many virtual mounts as there are joints, in one virtual time.

Joint 0 is at the body; what happens there is the session. A chain without accessories is a bench.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from lensmount_emulator.faults.mount import FaultyMount
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.mount.virtual import Resolution, VirtualMount
from lensmount_emulator.roles.accessory import Accessory
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.script import Step
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.mounting import join, leave, make_mount
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Record

Couple = tuple[Engine, Engine]
"""The engines that meet at a joint: the one on the body's side, and the one on the lens's."""


@dataclass(slots=True)
class Chain:
    """All engines, the mounts between them, and the time.

    Attributes:
        dialect: what the body speaks.
        body: the body's engine.
        lens: the lens's engine.
        accessories: what stands between them, from the body on.
        tap: sees every byte and edge at the body's mount, as it becomes certain.
        listen: hears what the engines tell people.
        resolution: whether bytes are delivered in frames or one by one; all that happens is the same either way.
        tap_inner: sees the same at the other joints, each with its number.
        plan: what goes wrong at the body's mount; `None` or none: nothing.
        other_lens: makes the engine of another lens, by the name of its profile, for a fault that puts one on.
        scheduler: what happens when; whoever works on the chain may put in something of their own.
        mounts: the contacts of each joint, from the body on.
    """

    dialect: Dialect
    body: Engine
    lens: Engine
    accessories: Sequence[Accessory] = ()
    tap: Callable[[Record], None] = lambda _record: None
    listen: Callable[[Notice], None] = lambda _notice: None
    resolution: Resolution = "frame"
    tap_inner: Callable[[int, Record], None] = lambda _joint, _record: None
    plan: Plan | None = None
    other_lens: Callable[[str], Engine] | None = None
    scheduler: Scheduler = field(default_factory=Scheduler)
    mounts: list[VirtualMount] = field(init=False)
    _couples: list[Couple] = field(init=False)

    def __post_init__(self) -> None:
        bodies = [self.body, *(accessory.far for accessory in self.accessories)]
        lenses = [*(accessory.near for accessory in self.accessories), self.lens]
        self._couples = list(zip(bodies, lenses, strict=True))
        self.mounts = []
        for joint, couple in enumerate(self._couples):
            tap = partial(self.tap_inner, joint) if joint else self.tap
            plan = None if joint else self.plan
            mount = make_mount(couple[0].dialect, tap, self.scheduler, self.resolution, plan)
            self.mounts.append(mount)
            if isinstance(mount, FaultyMount):
                mount.puts_on, mount.exchanges = self.put_on, self.exchange
            for engine in couple:
                join(engine, mount, self.listen)
        self.body.hand = self.do_by_hand

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.scheduler.now

    @property
    def mount(self) -> VirtualMount:
        """The contacts of the body."""
        return self.mounts[0]

    @property
    def engines(self) -> list[Engine]:
        """Every engine, from the body on."""
        return [engine for couple in self._couples for engine in couple]

    @property
    def violations(self) -> list[str]:
        """What an end did at any joint that would hurt a real one; those of inner joints say which."""
        inner = [
            f"joint {joint}: {what}" for joint, mount in enumerate(self.mounts) if joint for what in mount.violations
        ]
        return [*self.mounts[0].violations, *inner]

    @property
    def sending(self) -> bool:
        """Whether a window of any end is open."""
        return any(engine.sending for engine in self.engines)

    def start(self) -> None:
        """The body is switched on, and everything is on its mount."""
        for engine in self.engines:
            engine.start(self.now)
        self.put_on(self.now)

    def put_on(self, now: float) -> None:
        """Put together whatever is apart, from the lens on."""
        for joint in reversed(range(len(self.mounts))):
            self.attach(joint, now)

    def take_off(self, now: float) -> None:
        """Take off the body all that is on it."""
        self.detach(0, now)

    def attach(self, joint: int, now: float) -> None:
        """Close a joint; a lens without contacts shows nowhere, nor does an accessory without a lens behind it."""
        mount, device = self.mounts[joint], self._couples[joint][1]
        if mount.attached:
            return
        if device is not self.lens:
            mount.attach(now, grounded=device.grounds_detect)
        elif device.grounds_detect:
            mount.attach(now)

    def detach(self, joint: int, now: float) -> None:
        """Open a joint; what is behind it stays together."""
        if self.mounts[joint].attached:
            self.mounts[joint].detach(now)

    def exchange(self, name: str) -> None:
        """Have another lens by hand, to be put on next; behind an accessory it stays the same."""
        if self.other_lens is not None and not self.accessories:
            leave(self.lens)
            self.lens = self.other_lens(name)
            self._couples = [(self.body, self.lens)]
            join(self.lens, self.mount, self.listen)
            self.lens.start(self.now)

    def do_by_hand(self, step: Step) -> None:
        """Do what only a hand can, at once: `detach` takes all off the body, for so many seconds or for good.

        Anything else is done at the lens, in the body's own values: behind a converter `zoom 280` turns to less.
        """
        if step.verb == "detach":
            self.scheduler.soon(lambda _none, now: self.take_off(now), None)
            if step.value is not None:
                self.scheduler.at(self.now + step.value, lambda _none, now: self.put_on(now), None)
        else:
            for accessory in self.accessories:
                step = accessory.hand(step)
            self.mounts[-1].timebase(self.lens.role).soon(self.lens.take_hand, step)

    def run(self, until: float, *, unless: Callable[[], bool] | None = None) -> None:
        """Let time pass up to `until` seconds, or to the first moment after which `unless` is true."""
        self.scheduler.run(until, unless)
