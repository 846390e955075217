"""A body and a lens on a virtual mount in virtual time: the same seed gives the same session, byte for byte."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lensmount_emulator.faults.mount import FaultyMount
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.mount.virtual import Resolution, VirtualMount
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.script import Step
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.mounting import Mounting, join, leave, make_mount
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Record


@dataclass(slots=True)
class Bench:
    """Both engines, the mount between them, and the time.

    Attributes:
        dialect: what they speak.
        body: the body's engine.
        lens: the lens's engine.
        tap: sees every byte and edge, as it becomes certain.
        listen: hears what the engines tell people.
        resolution: whether bytes are delivered in frames or one by one; all that happens is the same either way.
        plan: what goes wrong; `None` or none: nothing, on a plain mount.
        mounting: makes the mount.
        other_lens: makes the engine of another lens, by the name of its profile, for a fault that puts one on.
        scheduler: what happens when; whoever works on the bench may put in something of their own.
        mount: the contacts.
    """

    dialect: Dialect
    body: Engine
    lens: Engine
    tap: Callable[[Record], None] = lambda _record: None
    listen: Callable[[Notice], None] = lambda _notice: None
    resolution: Resolution = "frame"
    plan: Plan | None = None
    mounting: Mounting = make_mount
    other_lens: Callable[[str], Engine] | None = None
    scheduler: Scheduler = field(default_factory=Scheduler)
    mount: VirtualMount = field(init=False)

    def __post_init__(self) -> None:
        self.mount = self.mounting(self.dialect, self.tap, self.scheduler, self.resolution, self.plan)
        if isinstance(self.mount, FaultyMount):
            self.mount.puts_on, self.mount.exchanges = self.put_on, self.exchange
        for engine in (self.body, self.lens):
            join(engine, self.mount, self.listen)
        self.body.hand = self.do_by_hand

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.scheduler.now

    def start(self) -> None:
        """The body is switched on, and the lens is on the mount."""
        for engine in (self.body, self.lens):
            engine.start(self.now)
        self.put_on(self.now)

    def put_on(self, now: float) -> None:
        """Put the lens on the mount; one without contacts shows nowhere."""
        if self.lens.grounds_detect and not self.mount.attached:
            self.mount.attach(now)

    def take_off(self, now: float) -> None:
        """Take the lens off."""
        if self.mount.attached:
            self.mount.detach(now)

    def exchange(self, name: str) -> None:
        """Have another lens by hand, to be put on next; nothing happens where nobody can make one."""
        if self.other_lens is not None:
            leave(self.lens)
            self.lens = self.other_lens(name)
            join(self.lens, self.mount, self.listen)
            self.lens.start(self.now)

    def do_by_hand(self, step: Step) -> None:
        """Do what only a hand can, at once: `detach` takes the lens off, for so many seconds or for good."""
        if step.verb == "detach":
            self.scheduler.soon(lambda _none, now: self.take_off(now), None)
            if step.value is not None:
                self.scheduler.at(self.now + step.value, lambda _none, now: self.put_on(now), None)
        else:
            self.mount.timebase(self.lens.role).soon(self.lens.take_hand, step)

    def run(self, until: float, *, unless: Callable[[], bool] | None = None) -> None:
        """Let time pass up to `until` seconds, or to the first moment after which `unless` is true."""
        self.scheduler.run(until, unless)
