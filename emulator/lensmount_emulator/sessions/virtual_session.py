"""Virtual sessions: a body, accessories and a lens on virtual mounts, one per joint, in one virtual time.

Joint 0 is at the body; its traffic is the session. A chain without accessories is a bench: a body and a lens on one
mount. The same seed gives the same session, byte for byte.

A mount is plain, or has a fault plan. The header of a session's recording is enough to run the session again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from lensmount_emulator.engine.dialect_roles import Accessory
from lensmount_emulator.engine.engine import Engine, recording_output
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import Step
from lensmount_emulator.faults.faulty_mount import FaultyMount
from lensmount_emulator.faults.registry import FaultPlan
from lensmount_emulator.mount.virtual_mount import Resolution, VirtualMount
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import SetBaudrate, WireRecord

MakeMount = Callable[[Dialect, Callable[[WireRecord], None], Scheduler, Resolution, FaultPlan | None], VirtualMount]
"""Makes a mount from its dialect, its observer, the time, the resolution of deliveries, and the faults."""


def make_mount(
    dialect: Dialect,
    tap: Callable[[WireRecord], None],
    scheduler: Scheduler,
    resolution: Resolution,
    plan: FaultPlan | None,
) -> VirtualMount:
    """Return a mount; without a plan, or with an empty one, a plain mount."""
    return FaultyMount(dialect, tap, scheduler, resolution, plan) if plan else VirtualMount(
        dialect, tap, scheduler, resolution
    )  # fmt: skip


def connect(engine: Engine, mount: VirtualMount, on_notice: Callable[[Notice], None]) -> None:
    """Connect an engine to its end of a mount, at the engine's own rate."""
    mount.apply(engine.role, SetBaudrate(engine.baudrate))
    mount.connect(engine.role, engine.receive)
    engine.connect(mount.timebase(engine.role), mount.port(engine.role), on_notice)


def disconnect(engine: Engine) -> None:
    """Disconnect an engine: its later actions reach no mount."""
    engine.stop_tasks()
    engine.connect(Scheduler(), recording_output(lambda _action: None), lambda _notice: None)


MountPair = tuple[Engine, Engine]
"""The two engines at a joint: the one on the body's side, and the one on the lens's."""


@dataclass(slots=True)
class VirtualSession:
    """All engines, the mounts between them, and the time.

    Attributes:
        dialect: the dialect of the body.
        body: the body's engine.
        lens: the lens's engine.
        accessories: the accessories between them, from the body on.
        tap: receives every byte and edge at the body's mount, as it becomes certain.
        on_notice: receives the notices of the engines.
        resolution: whether bytes are delivered in frames or one by one; the session is the same either way.
        tap_inner: receives the same at the other joints, with the number of the joint.
        plan: the faults at the body's mount; `None` for none.
        make_other_lens: makes the engine of another lens, by the name of its profile, for a fault that attaches one.
        scheduler: the events of the session; the caller may add events.
        mounts: the contacts of each joint, from the body on.
    """

    dialect: Dialect
    body: Engine
    lens: Engine
    accessories: Sequence[Accessory] = ()
    tap: Callable[[WireRecord], None] = lambda _record: None
    on_notice: Callable[[Notice], None] = lambda _notice: None
    resolution: Resolution = "frame"
    tap_inner: Callable[[int, WireRecord], None] = lambda _joint, _record: None
    plan: FaultPlan | None = None
    make_other_lens: Callable[[str], Engine] | None = None
    scheduler: Scheduler = field(default_factory=Scheduler)
    mounts: list[VirtualMount] = field(init=False)
    _mount_pairs: list[MountPair] = field(init=False)

    def __post_init__(self) -> None:
        bodies = [self.body, *(accessory.far for accessory in self.accessories)]
        lenses = [*(accessory.near for accessory in self.accessories), self.lens]
        self._mount_pairs = list(zip(bodies, lenses, strict=True))
        self.mounts = []
        for joint, couple in enumerate(self._mount_pairs):
            tap = partial(self.tap_inner, joint) if joint else self.tap
            plan = None if joint else self.plan
            mount = make_mount(couple[0].dialect, tap, self.scheduler, self.resolution, plan)
            self.mounts.append(mount)
            if isinstance(mount, FaultyMount):
                mount.on_attach, mount.on_swap = self.attach_lens, self.swap_lens
            for engine in couple:
                connect(engine, mount, self.on_notice)
        self.body.operate_mount = self.operate_mount

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
        return [engine for couple in self._mount_pairs for engine in couple]

    @property
    def violations(self) -> list[str]:
        """Electrical violations at any joint; those of inner joints name the joint."""
        inner = [
            f"joint {joint}: {what}" for joint, mount in enumerate(self.mounts) if joint for what in mount.violations
        ]
        return [*self.mounts[0].violations, *inner]

    @property
    def sending(self) -> bool:
        """Whether a window of any end is open."""
        return any(engine.sending for engine in self.engines)

    def start(self) -> None:
        """Switch the body on, and attach everything to its mount."""
        for engine in self.engines:
            engine.start(self.now)
        self.attach_lens(self.now)

    def attach_lens(self, now: float) -> None:
        """Close every open joint, from the lens on."""
        for joint in reversed(range(len(self.mounts))):
            self.close_joint(joint, now)

    def detach_lens(self, now: float) -> None:
        """Open the joint at the body."""
        self.open_joint(0, now)

    def close_joint(self, joint: int, now: float) -> None:
        """Close a joint. It stays open for a lens without contacts, and for an accessory without a lens after it."""
        mount, device = self.mounts[joint], self._mount_pairs[joint][1]
        if mount.attached:
            return
        if device is not self.lens:
            mount.attach(now, grounded=device.grounds_detect)
        elif device.grounds_detect:
            mount.attach(now)

    def open_joint(self, joint: int, now: float) -> None:
        """Open a joint; the devices on the far side stay together."""
        if self.mounts[joint].attached:
            self.mounts[joint].detach(now)

    def swap_lens(self, name: str) -> None:
        """Choose another lens to attach next; an accessory keeps its lens."""
        if self.make_other_lens is not None and not self.accessories:
            disconnect(self.lens)
            self.lens = self.make_other_lens(name)
            self._mount_pairs = [(self.body, self.lens)]
            connect(self.lens, self.mount, self.on_notice)
            self.lens.start(self.now)

    def operate_mount(self, step: Step) -> None:
        """Do an action of the operator, at once: `detach` takes all off the body, for so many seconds or for good.

        Other actions act on the lens, in the body's own values: through a converter `zoom 280` becomes less.
        """
        if step.verb == "detach":
            self.scheduler.call_soon(lambda _none, now: self.detach_lens(now), None)
            if step.value is not None:
                self.scheduler.call_at(self.now + step.value, lambda _none, now: self.attach_lens(now), None)
        else:
            for accessory in self.accessories:
                step = accessory.translate_control(step)
            self.mounts[-1].timebase(self.lens.role).call_soon(self.lens.operate_control, step)

    def run(self, until: float, *, stop_when: Callable[[], bool] | None = None) -> None:
        """Advance time to `until` seconds, or to the first moment after which `stop_when` is true."""
        self.scheduler.run(until, stop_when)


@dataclass(slots=True)
class PairSession:
    """Both engines, the mount between them, and the time.

    Attributes:
        dialect: the dialect of both.
        body: the body's engine.
        lens: the lens's engine.
        tap: receives every byte and edge, as it becomes certain.
        on_notice: receives the notices of the engines.
        resolution: whether bytes are delivered in frames or one by one; the session is the same either way.
        plan: the faults; `None` or an empty plan makes a plain mount.
        mount_factory: makes the mount.
        make_other_lens: makes the engine of another lens, by the name of its profile, for a fault that attaches one.
        scheduler: the events of the session; the caller may add events.
        mount: the contacts.
    """

    dialect: Dialect
    body: Engine
    lens: Engine
    tap: Callable[[WireRecord], None] = lambda _record: None
    on_notice: Callable[[Notice], None] = lambda _notice: None
    resolution: Resolution = "frame"
    plan: FaultPlan | None = None
    mount_factory: MakeMount = make_mount
    make_other_lens: Callable[[str], Engine] | None = None
    scheduler: Scheduler = field(default_factory=Scheduler)
    mount: VirtualMount = field(init=False)

    def __post_init__(self) -> None:
        self.mount = self.mount_factory(self.dialect, self.tap, self.scheduler, self.resolution, self.plan)
        if isinstance(self.mount, FaultyMount):
            self.mount.on_attach, self.mount.on_swap = self.attach_lens, self.swap_lens
        for engine in (self.body, self.lens):
            connect(engine, self.mount, self.on_notice)
        self.body.operate_mount = self.operate_mount

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.scheduler.now

    def start(self) -> None:
        """Switch the body on, with the lens on the mount."""
        for engine in (self.body, self.lens):
            engine.start(self.now)
        self.attach_lens(self.now)

    def attach_lens(self, now: float) -> None:
        """Attach the lens; a lens without contacts stays invisible."""
        if self.lens.grounds_detect and not self.mount.attached:
            self.mount.attach(now)

    def detach_lens(self, now: float) -> None:
        """Detach the lens."""
        if self.mount.attached:
            self.mount.detach(now)

    def swap_lens(self, name: str) -> None:
        """Choose another lens to attach next; without a factory of lenses nothing changes."""
        if self.make_other_lens is not None:
            disconnect(self.lens)
            self.lens = self.make_other_lens(name)
            connect(self.lens, self.mount, self.on_notice)
            self.lens.start(self.now)

    def operate_mount(self, step: Step) -> None:
        """Do an action of the operator, at once: `detach` takes the lens off, for so many seconds or for good."""
        if step.verb == "detach":
            self.scheduler.call_soon(lambda _none, now: self.detach_lens(now), None)
            if step.value is not None:
                self.scheduler.call_at(self.now + step.value, lambda _none, now: self.attach_lens(now), None)
        else:
            self.mount.timebase(self.lens.role).call_soon(self.lens.operate_control, step)

    def run(self, until: float, *, stop_when: Callable[[], bool] | None = None) -> None:
        """Advance time to `until` seconds, or to the first moment after which `stop_when` is true."""
        self.scheduler.run(until, stop_when)


KNOWN = frozenset(
    {
        "lensmount", "version", "dialect", "body", "lens", "with", "script", "seed", "duration", "resolution", "armed",
        "faults",
    }
)  # fmt: skip
"""The keys in the header of a virtual session; a session with any other key cannot be run again."""


def session_header(
    dialect: str,
    body: str,
    lens: str,
    script: str,
    seed: int | None,
    *,
    accessories: Sequence[str] = (),
    faults: Sequence[str] = (),
    duration: float | None = None,
    allowed: Sequence[str] = (),
) -> dict[str, object]:
    """The header of a virtual session's recording, in the order in which it is written, without unused keys.

    Args:
        dialect: the dialect of the body.
        body: the profile of the body.
        lens: the profile of the lens.
        script: the script of the body.
        seed: the seed of random decisions; `None` for none.
        accessories: profiles of the accessories between body and lens, from the body on.
        faults: their texts, each with its seed.
        duration: its maximum duration, in seconds.
        allowed: the allowed guarded messages.
    """
    header: dict[str, object] = {"dialect": dialect, "body": body, "lens": lens, "script": script, "seed": seed}
    if accessories:
        header["with"] = list(accessories)
    if faults:
        header["faults"] = list(faults)
    if duration is not None:
        header["duration"] = duration
    if allowed:
        header["armed"] = list(allowed)
    return header
