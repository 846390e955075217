"""A role that runs without I/O and without a clock: events in, actions out, and tasks that wait for either."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from random import Random

from lensmount_emulator.mount.port import Port, noting
from lensmount_emulator.roles.arming import armed_types
from lensmount_emulator.roles.findings import Finding
from lensmount_emulator.roles.notice import Notice, NoticeKind
from lensmount_emulator.roles.observer import Observer
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import ANYTHING, Tasks, Wait
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.connection import Arrival, Connection
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.frame import Garbage
from lensmount_protocol.wire import LineChanged, Role, WireAction, WireEvent

LARGEST_JITTER_US = 0.5
"""A device's reactions differ by at least as much from one time to the next: a timer tick, an interrupt."""

ARRIVAL = "arrival"
"""Topic of `Wait.on`: a frame came from the peer."""

WINDOW = "window"
"""Topic of `Wait.on`: a window of ours has closed."""


class Engine(Tasks):
    """The part that every role shares: the connection, the levels of lines, tasks in time, and the outbox.

    A role adds its behaviour by overriding `on_start`, `on_line`, `on_arrival` and `on_garbage`.

    Attributes:
        connection: the link as this end sees it.
        levels: every line of the mount as far as this end knows it; unknown lines are low.
        carried: the lines that the port carries, on a live port; a role plays a reduced form without the others.
        live: whether a real port is played on, and not the virtual mount.
        windowed: whether the body's select line is among them, so that handshakes can be made.
        baudrate: the rate in force.
        sending: whether a window of ours is open.
        free_at: when the next one may open, so that the line is seen low in between, in seconds.
        hears: whether bytes come in at all; what arrives while its serial port is off is lost.
        done: whether the script has been carried out, or has been given up; an engine without one never is.
        gave_up: whether it is done because it got nowhere: nothing more happens until the lens is taken off and put on.
        findings: what a script's checks came to.
        script: what this end does by itself once the link runs, step by step.
        position: how many steps of it are done.
        hand: does what only a hand at the mount can do; `None` where nobody's is there.
        select: the line that we hold high while it is; `""` where the mount has none.
        random: where reaction times get their jitter from; `None` reacts in exactly nominal time.
    """

    # Looked up tens of thousands of times in a virtual second; a dictionary of so many names is slower than slots.
    __slots__ = (
        "_actions",
        "_announce",
        "_draw",
        "_notices",
        "_observers",
        "_port",
        "baudrate",
        "carried",
        "connection",
        "dialect",
        "done",
        "findings",
        "free_at",
        "gave_up",
        "hand",
        "hears",
        "levels",
        "live",
        "position",
        "random",
        "role",
        "script",
        "select",
        "sending",
        "windowed",
    )

    def __init__(
        self,
        dialect: Dialect,
        role: Role,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
    ) -> None:
        super().__init__()
        self.live = carried is not None
        self.role = role
        self.dialect = dialect
        self.carried = frozenset(dialect.wiring.lines) if carried is None else carried
        self.windowed = dialect.select_line(Role.BODY) in self.carried
        # A live port's bytes lag behind its edges, so there a falling select line ends no frame.
        self.connection = Connection(dialect, role, keeps_windows=not self.live)
        self.random = random
        self._draw = None if random is None else random.random
        self.levels: dict[str, bool] = {}
        self.baudrate = dialect.wiring.baudrates[0]
        self.sending = False
        self.free_at = 0.0
        self.hears = True
        self.done = False
        self.gave_up = False
        self.findings: list[Finding] = []
        self.script: tuple[Step, ...] = ()
        self.position = 0
        self.hand: Callable[[Step], None] | None = None
        self.select = dialect.select_line(role)
        self._actions: deque[WireAction] = deque()
        self._notices: deque[Notice] = deque()
        self._observers: tuple[Observer, ...] = ()
        self._port = noting(self._actions.append)
        self._announce: Callable[[Notice], None] = self._notices.append

    def join(self, scheduler: Scheduler, port: Port, listen: Callable[[Notice], None]) -> None:
        """Play in a company that shares its time: to be called before `start`.

        Args:
            scheduler: where our tasks wait from now on, in place of `next_deadline` and `handle_deadline`.
            port: carries out what we do as we do it, in place of `actions`.
            listen: hears what we tell people, in place of `notices`.
        """
        self._share(scheduler)
        self._port, self._announce = port, listen

    def start(self, now: float) -> None:
        """The session begins."""
        self.now = now
        self.on_start()
        self._advance()

    def receive(self, event: WireEvent, now: float) -> None:
        """The peer did something."""
        self.now = now
        connection = self.connection
        try:
            if isinstance(event, LineChanged):
                line, level = event.line, event.level
                moved = self.levels.get(line, False) != level
                self.levels[line] = level
                connection.receive(event, now)
                while (arrived := connection.next_event()) is not None:
                    self._take(arrived)
                if moved:
                    self.on_line(event)
                    if line in self._waiting:
                        self.wake(line)
            elif self.hears:
                connection.receive(event, now)
                while (arrived := connection.next_event()) is not None:
                    self._take(arrived)
        except ProtocolError as error:
            # A peer that leaves the tables must not take this end down with it.
            self.tell_error(error)
        if self._woken or ANYTHING in self._waiting:
            self._advance()

    def actions(self) -> Iterator[WireAction]:
        """What to do on the wire, in order; each is given once."""
        while self._actions:
            yield self._actions.popleft()

    def notices(self) -> Iterator[Notice]:
        """What to tell people, in order; each is given once."""
        while self._notices:
            yield self._notices.popleft()

    def drive(self, line: str, level: bool) -> None:
        """Put one of our lines at a level; nothing happens where it is there already or the port has no such line."""
        if line in self.carried and self.levels.get(line, False) != level:
            self.levels[line] = level
            self._port.drive(line, level)
            if line in self._waiting:
                self.wake(line)

    def transmit(self, data: bytes) -> None:
        """Send bytes, starting now."""
        self._port.transmit(data)

    def set_baudrate(self, baudrate: int) -> None:
        """Send and listen at this rate from now on."""
        if self.baudrate != baudrate:
            self.baudrate = baudrate
            self._port.set_baudrate(baudrate)

    def tell(self, text: str, *, trouble: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = "") -> None:
        """Report what happened: a line for people, and its kind and subject for programs."""
        notice = Notice(self.now, self.role, text, trouble, kind, subject)
        self._announce(notice)
        for observer in self._observers:
            observer.on_notice(notice)

    def observe(self, observer: Observer) -> None:
        """Have an observer see what this end receives, sends and reports from now on."""
        self._observers = (*self._observers, observer)
        self.connection.observe(observer)

    def after(self, microseconds: float) -> float:
        """A reaction: a delay from now, with the jitter of a real device where a source of it is given."""
        if self._draw is not None:
            microseconds += LARGEST_JITTER_US * self._draw()
        return self.now + microseconds * 1e-6

    def at(self, since: float, microseconds: float) -> float:
        """A time on a grid that began at `since`."""
        return since + microseconds * 1e-6

    def level(self, line: str, level: bool, *, until: float | None = None) -> Wait:
        """Wait for a line to be at a level; a line that the port does not carry is always where we want it."""
        return Wait(until, lambda: line not in self.carried or self.levels.get(line, False) == level, (line,))

    @property
    def grounds_detect(self) -> bool:
        """Whether putting this device on a mount shows on the contact of presence."""
        return True

    def take_hand(self, step: Step, now: float) -> None:
        """A hand at this device does something."""
        self.now = now
        self.by_hand(step)
        self._advance()

    def by_hand(self, step: Step) -> None:
        """A hand at this device does something; where nothing can be turned, nothing happens."""
        self.tell(f"nothing to be done by hand: {step.text}")

    def arm(self, names: Iterable[str]) -> None:
        """Allow guarded messages in this run, by name (`UpdateOffer`, `Update*`), and unknown types (`0x7f`).

        Raises:
            DialectError: a name that no guarded message has; lists those that there are.
        """
        self.connection.armed |= armed_types(self.dialect, self.role, names)

    def on_start(self) -> None:
        """The session begins."""

    def on_line(self, edge: LineChanged) -> None:
        """The peer moved a line; `levels` knows it already."""

    def on_arrival(self, arrival: Arrival) -> None:
        """A frame came from the peer."""

    def on_garbage(self, garbage: Garbage) -> None:
        """Bytes came that are no frame."""
        self.tell(f"{len(garbage.data)} bytes are no frame: {garbage.reason.value}", trouble=True)

    def _take(self, arrived: Arrival | Garbage) -> None:
        if isinstance(arrived, Garbage):
            self.on_garbage(arrived)
        else:
            self.on_arrival(arrived)
        if ARRIVAL in self._waiting:
            self.wake(ARRIVAL)
