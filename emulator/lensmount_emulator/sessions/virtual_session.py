"""The virtual session: a body, accessories and a lens on virtual mounts, one per joint, in one virtual time.

Joint 0 is at the body; its traffic is the session. A session runs by itself, at the pace of a caller's clock, or event
by event, and takes script steps, faults and changes of the lens while it runs. The same seed and the same changes at
the same times give the same session, byte for byte. The header of a recording is enough to run a session again.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from lensmount_emulator.engine.dialect_roles import Accessory, DialectRoles, get_roles
from lensmount_emulator.engine.engine import Engine, recording_output
from lensmount_emulator.engine.observer import Notice, Observer
from lensmount_emulator.engine.script import Step, parse_script
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.faulty_mount import FaultyMount
from lensmount_emulator.faults.registry import FaultPlan, parse_fault
from lensmount_emulator.faults.rule import Rule, relay_rules
from lensmount_emulator.faults.timing_faults import ClockDrift
from lensmount_emulator.mount.virtual_mount import Resolution, VirtualMount
from lensmount_emulator.rules.interposer import Interposer
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.virtual.steering import Order, Pacer, ScriptRun, add_steps, operator_verbs, step_maker
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError
from lensmount_protocol.payload import PayloadMemo
from lensmount_protocol.wire import Annotation, Role, SetBaudrate, WireRecord

MakeMount = Callable[[Dialect, Callable[[WireRecord], None], Scheduler, Resolution, FaultPlan | None], VirtualMount]
"""Makes a mount from its dialect, its observer, the time, the resolution of deliveries, and the faults."""

MAX_STEP_S = 1.0
"""Virtual seconds after which `VirtualSession.step` ends without an event."""

MAX_ADVANCE_S = 10.0
"""Virtual seconds that one call of `VirtualSession.advance` runs at most: a caller that was suspended loses more."""


def make_mount(
    dialect: Dialect,
    tap: Callable[[WireRecord], None],
    scheduler: Scheduler,
    resolution: Resolution,
    plan: FaultPlan | None,
) -> VirtualMount:
    """Return a mount that takes faults, from the plan and later ones."""
    return FaultyMount(dialect, tap, scheduler, resolution, plan)


def make_plain_mount(
    dialect: Dialect,
    tap: Callable[[WireRecord], None],
    scheduler: Scheduler,
    resolution: Resolution,
    plan: FaultPlan | None,
) -> VirtualMount:
    """Return a mount for a session that nothing changes: without a plan it takes no faults, and is faster."""
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


class SessionObserver(Observer):
    """Sees what an end receives, sends and reports, and every record at the body's mount. Override what you need."""

    def on_record(self, record: WireRecord) -> None:
        """A byte run, an edge or an annotation at the body's mount has become certain."""


@dataclass(slots=True)
class VirtualSession:
    """All engines, the mounts between them, and the time.

    `run` passes virtual time at once, `advance` at the pace of a caller's clock, and `step` to the next event.

    Attributes:
        dialect: the dialect of the body.
        body: the body's engine.
        lens: the lens's engine.
        accessories: the accessories between them, from the body on; an interposer of rules is the first.
        tap: receives every byte and edge at the body's mount, as it becomes certain.
        on_notice: receives the notices of the engines.
        resolution: whether bytes are delivered in frames or one by one; the session is the same either way.
        tap_inner: receives the same at the other joints, with the number of the joint.
        plan: the faults at the body's mount; `None` for none.
        mount_factory: makes the mount at the body; the mounts of other joints are plain.
        make_other_lens: makes the engine of another lens, by the name of its profile, for a fault that attaches one.
        roles: the roles of the dialect, for `do` and `operate`; `None` looks them up when they are needed.
        scheduler: the events of the session; the caller may add events.
        memo: the parsed payloads at the body's mount, for a decoder of its records.
        breaks: whether a rule that holds a frame pauses the session, as a breakpoint does.
        held: what the last breakpoint was about, with its frame; empty for none.
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
    mount_factory: MakeMount = make_mount
    make_other_lens: Callable[[str], Engine] | None = None
    roles: DialectRoles | None = None
    scheduler: Scheduler = field(default_factory=Scheduler)
    memo: PayloadMemo = field(default_factory=PayloadMemo)
    breaks: bool = True
    held: str = ""
    mounts: list[VirtualMount] = field(init=False)
    _mount_pairs: list[MountPair] = field(init=False)
    _observers: tuple[Observer, ...] = field(default=(), init=False)
    _record_observers: tuple[SessionObserver, ...] = field(default=(), init=False)
    _pacer: Pacer = field(default_factory=Pacer, init=False)
    _keeps_lens: bool = field(init=False)
    _injected: int = field(default=0, init=False)
    _runs: bool = field(default=False, init=False)
    _steps: bool = field(default=False, init=False)
    _watched: bool = field(default=False, init=False)
    _event: WireRecord | Notice | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._keeps_lens = bool(self.accessories)
        self._stand_between()
        bodies = [self.body, *(accessory.far for accessory in self.accessories)]
        lenses = [*(accessory.near for accessory in self.accessories), self.lens]
        self._mount_pairs = list(zip(bodies, lenses, strict=True))
        self.mounts = []
        for joint, couple in enumerate(self._mount_pairs):
            tap = partial(self._record_inner, joint) if joint else self._record
            make, plan = (make_plain_mount, None) if joint else (self.mount_factory, self.plan)
            mount = make(couple[0].dialect, tap, self.scheduler, self.resolution, plan)
            self.mounts.append(mount)
            if isinstance(mount, FaultyMount):
                mount.on_attach, mount.on_swap, mount.on_hold = self.attach_lens, self.swap_lens, self.hold
            memo = PayloadMemo() if joint else self.memo
            for engine in couple:
                engine.connection.share_memo(memo)
                connect(engine, mount, self._notice)
        self.body.operate_mount = self.operate_mount

    def _stand_between(self) -> None:
        """Put an interposer next to the body where rules of the plan ask for one by their way."""
        faults = () if self.plan is None else self.plan.reset_copy()
        rules = [fault for fault in faults if isinstance(fault, Rule) and fault.needs_relay]
        if rules:
            interposer = Interposer(self.dialect, relay_rules(self.dialect, rules))
            interposer.note, interposer.hold = self.annotate, self.hold
            self.accessories = (interposer.accessory, *self.accessories)
            # It passes on byte by byte.
            self.resolution = "byte"

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.scheduler.now

    @property
    def mount(self) -> VirtualMount:
        """The contacts of the body."""
        return self.mounts[0]

    @property
    def device(self) -> Engine:
        """The engine at the body's mount on the side of the lens: of the first accessory, or the lens."""
        return self._mount_pairs[0][1]

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
        self.attach_lens()

    # Time.

    def run(self, until: float, *, stop_when: Callable[[], bool] | None = None) -> None:
        """Advance time to `until` seconds, or to the first moment after which `stop_when` is true.

        `pause` ends it earlier. A paused session runs as well, and stays paused.

        Raises:
            ValueError: `until` is no number, or infinite without anything that ends the run.
        """
        if math.isnan(until) or (until == math.inf and stop_when is None):
            raise ValueError(f"a run until {until} s never ends; give a time in seconds")
        self._runs = True
        try:
            self.scheduler.run(until, stop_when)
        finally:
            self._runs = False

    @property
    def paused(self) -> bool:
        """Whether `advance` lets no time pass."""
        return self._pacer.paused

    @property
    def speed(self) -> float:
        """Virtual seconds per second of the clock that `advance` gets; 1 is real time.

        Raises:
            ValueError: a value that is 0 or less, or larger than a million.
        """
        return self._pacer.speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._pacer.speed = value

    def pause(self) -> None:
        """Let `advance` pass no time, and end a run that is under way after the current event.

        An observer may call it, as a breakpoint does.
        """
        self._pacer.pause()
        if self._runs:
            self.scheduler.stop()

    def annotate(self, at: float, text: str) -> None:
        """Write what a rule did to the recording."""
        self._record(Annotation(at, f"fault: {text}"))

    def hold(self, text: str) -> None:
        """Stop time before a frame that a rule holds: the session is paused, and the frame goes out when it goes on."""
        self.held = text
        if self.breaks:
            self.pause()

    def resume(self) -> None:
        """Let `advance` pass time once more, from its next call on."""
        self._pacer.resume()

    def advance(self, clock: float) -> float | None:
        """Advance to the virtual time that belongs to the caller's clock; its first call passes no time.

        The session reads no clock: a program calls this with `time.monotonic()`, or with the time of its event loop,
        and again at the time that is returned or earlier. At most `MAX_ADVANCE_S` virtual seconds pass in a call.

        Args:
            clock: time of the caller's clock, in seconds.

        Returns:
            The time of the caller's clock at which the next event is due; `None` if none is due: the session is paused,
            or nothing is planned.

        Raises:
            ValueError: `clock` is no finite number.
        """
        if not math.isfinite(clock):
            raise ValueError(f"the clock shows {clock} s; give a time in seconds")
        target = self._pacer.target(clock, self.now, MAX_ADVANCE_S)
        if not self.paused:
            self.run(target)
        return self._pacer.due(self.scheduler.next_time())

    def step(self, until: float | None = None) -> WireRecord | Notice | None:
        """Pause the session, and run it to its next event or to a time.

        Args:
            until: virtual time in seconds; `None`: to the next record or notice, at most `MAX_STEP_S` ahead.

        Returns:
            The last event that happened; `None` if there was none.
        """
        self._pacer.pause()
        self._event, self._steps, self._watched = None, until is None, True
        try:
            self.run(self.now + MAX_STEP_S if until is None else until)
        finally:
            self._steps, self._watched = False, bool(self._record_observers)
        return self._event

    # Changes while the session runs.

    def do(self, text: str) -> ScriptRun:
        """Give the body more steps of its script: `focus 2m; aperture f/8`.

        It takes them after those that it has, once it has identified the lens. The session must run for that.

        Returns:
            The progress of the steps.

        Raises:
            ScriptError: an unknown verb or value.
            DialectError: a body of the dialect takes no steps after its script.
            LocalProtocolError: the body gave up on the lens, or it would have too many steps.
        """
        roles = self._get_roles()
        execute_step = step_maker(self.body, roles.execute_step, "as its script")
        run, task = add_steps(self.body, parse_script(text, roles.verbs), execute_step)
        if task is not None:
            self.mount.timebase(Role.BODY).call_soon(self.body.run_task, task)
        return run

    def operate(self, text: str) -> None:
        """Operate the controls of the lens, as an operator does, now: `zoom 70; turn focus 30`.

        Raises:
            ScriptError: an unknown verb or value, or a verb that lets time pass.
        """
        for step in parse_script(text, operator_verbs(self._get_roles())):
            self.operate_mount(step)

    def carry_out(self, order: Order) -> None:
        """Do now what an order says; its time is the caller's.

        Raises:
            MountError: as `do`, `operate` and `inject`.
        """
        steer: dict[str, Callable[[], object]] = {
            "script": lambda: self.do(order.text),
            "operate": lambda: self.operate(order.text),
            "fault": lambda: self.inject(order.text),
            "attach": self.attach_lens,
            "detach": self.detach_lens,
        }
        steer[order.kind]()

    def inject(self, fault: str | Fault) -> Fault:
        """Start a fault at the body's mount; its times count from now on.

        Args:
            fault: a fault, or its text: `bitflip rate=1e-4`, `detach at=50ms for=30ms`.

        Returns:
            The active fault. Its random source follows from the seed of the session and the number of the fault.

        Raises:
            FaultError: the fault, a key, a value or a line is unknown, or the mount takes no faults.
            ProfileError: a lens that the fault attaches is unknown, or has another dialect.
        """
        mount = self.mount
        if not isinstance(mount, FaultyMount):
            raise FaultError("this session takes no faults; make it by make_virtual_session")
        wanted = parse_fault(fault) if isinstance(fault, str) else fault
        if isinstance(wanted, Rule) and wanted.needs_relay:
            raise FaultError("a rule with a way stands in a relay, which the session has from its start or not at all")
        seed, planned = (0, 0) if self.plan is None else (self.plan.seed, len(self.plan.faults))
        plan = FaultPlan([wanted], seed)
        plan.check(self.dialect)
        if self.make_other_lens is not None and not self._keeps_lens:
            for lens in plan.lenses:
                # The error of a bad profile belongs to the caller, and not to the moment of the exchange.
                self.make_other_lens(lens)
        added = mount.add(wanted, f"{seed} {planned + self._injected}")
        self._injected += 1
        if isinstance(added, Rule):
            added.follow(self.body.connection.selections)
        if isinstance(added, ClockDrift):
            for role in mount.drift(added):
                engine = self.body if role is Role.BODY else self.device
                mount.connect(role, engine.receive)
                engine.connect(mount.timebase(role), mount.port(role), self._notice)
        return added

    def observe(self, observer: Observer) -> None:
        """Notify an observer of what body and lens receive, send and report from now on.

        A `SessionObserver` also sees every record at the body's mount. It may call the methods of the session that
        change it, but none that passes time.
        """
        self._observers = (*self._observers, observer)
        if isinstance(observer, SessionObserver):
            self._record_observers = (*self._record_observers, observer)
            self._watched = True
        for engine in (self.body, self.lens):
            engine.observe(observer)

    def attach_lens(self, now: float | None = None) -> None:
        """Close every open joint, from the lens on.

        Args:
            now: virtual time in seconds; `None`: the present.
        """
        for joint in reversed(range(len(self.mounts))):
            self.close_joint(joint, self.now if now is None else now)

    def detach_lens(self, now: float | None = None) -> None:
        """Open the joint at the body.

        Args:
            now: virtual time in seconds; `None`: the present.
        """
        self.open_joint(0, self.now if now is None else now)

    def close_joint(self, joint: int, now: float) -> None:
        """Close a joint. It stays open for a lens without contacts, and for an accessory without a lens after it."""
        mount, device = self.mounts[joint], self._mount_pairs[joint][1]
        if mount.attached:
            return
        if device is not self.lens:
            mount.attach(now, grounded=device.asserts_detect)
        elif device.asserts_detect:
            mount.attach(now)

    def open_joint(self, joint: int, now: float) -> None:
        """Open a joint; the devices on the far side stay together."""
        if self.mounts[joint].attached:
            self.mounts[joint].detach(now)

    def swap_lens(self, name: str) -> None:
        """Choose another lens to attach next; an accessory keeps its lens, and an interposer of rules does not."""
        if self._keeps_lens:
            self.annotate(self.now, "swap-lens: the accessory keeps its lens")
        elif self.make_other_lens is not None:
            last = len(self.mounts) - 1
            self.open_joint(last, self.now)
            disconnect(self.lens)
            self.lens = self.make_other_lens(name)
            self._mount_pairs[last] = (self._mount_pairs[last][0], self.lens)
            for observer in self._observers:
                self.lens.observe(observer)
            self.lens.connection.share_memo(PayloadMemo() if last else self.memo)
            connect(self.lens, self.mounts[last], self._notice)
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

    def _get_roles(self) -> DialectRoles:
        if self.roles is None:
            self.roles = get_roles(self.dialect.name)
        return self.roles

    def _record(self, record: WireRecord) -> None:
        self.tap(record)
        if self._watched:
            for observer in self._record_observers:
                observer.on_record(record)
            self._on_event(record)

    def _record_inner(self, joint: int, record: WireRecord) -> None:
        self.tap_inner(joint, record)

    def _notice(self, notice: Notice) -> None:
        self.on_notice(notice)
        if self._watched:
            self._on_event(notice)

    def _on_event(self, event: WireRecord | Notice) -> None:
        self._event = event
        if self._steps:
            self.scheduler.stop()
