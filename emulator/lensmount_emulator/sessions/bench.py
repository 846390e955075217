"""A body and a lens on a virtual mount in virtual time: the same seed gives the same session, byte for byte."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lensmount_emulator.mount.virtual import VirtualMount
from lensmount_emulator.roles.engine import Engine, Notice
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Record, Role


@dataclass(slots=True)
class Bench:
    """Both engines, the mount between them, and the time.

    Attributes:
        dialect: what they speak.
        body: the body's engine.
        lens: the lens's engine.
        tap: sees every byte and edge, as it becomes certain.
        listen: hears what the engines tell people.
        now: virtual time in seconds.
    """

    dialect: Dialect
    body: Engine
    lens: Engine
    tap: Callable[[Record], None] = lambda _record: None
    listen: Callable[[Notice], None] = lambda _notice: None
    now: float = 0.0
    mount: VirtualMount = field(init=False)

    def __post_init__(self) -> None:
        self.mount = VirtualMount(self.dialect, self.tap)

    def start(self) -> None:
        """The body is switched on, and the lens is on the mount."""
        for engine in (self.body, self.lens):
            engine.start(self.now)
            self._carry_out(engine)
        self.mount.attach(self.now)

    def run(self, until: float, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to `until` seconds, or to the first moment after which `unless` is true."""
        while not unless():
            at = self._next_time()
            if at is None or at > until:
                self.now = until
                return
            self.now = at
            self._step()

    def _next_time(self) -> float | None:
        times = (self.mount.next_time(), self.body.next_deadline(), self.lens.next_deadline())
        return min((at for at in times if at is not None), default=None)

    def _step(self) -> None:
        while (due := self.mount.take_due(self.now)) is not None:
            role, event = due
            engine = self.body if role is Role.BODY else self.lens
            engine.receive(event, self.now)
            self._carry_out(engine)
        for engine in (self.body, self.lens):
            deadline = engine.next_deadline()
            if deadline is not None and deadline <= self.now:
                engine.handle_deadline(self.now)
                self._carry_out(engine)

    def _carry_out(self, engine: Engine) -> None:
        for action in engine.actions():
            self.mount.apply(engine.role, action, self.now)
        for notice in engine.notices():
            self.listen(notice)
