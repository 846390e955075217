"""The engine base: a role without I/O and without a clock. Events go in, actions come out, and tasks wait for events.

The module also holds the table of message handlers, the names of the messages that a run allows, and the output
functions of one end.
"""

import fnmatch
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Generic, TypeVar

from lensmount_emulator.engine.observer import Notice, NoticeKind, Observer
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import ANYTHING, Task, TaskRunner, Wait
from lensmount_emulator.engine.verdicts import CompatibilityResult
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.connection import Connection, ReceivedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, ProtocolError, unknown_name_message
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import DriveLine, LineChanged, Role, SetBaudrate, Transmit, WireAction, WireEvent

S = TypeVar("S")
M = TypeVar("M", bound=Message)
R = TypeVar("R")


class HandlerTable(Generic[S, R]):
    """Table of handlers: functions of a subject and a message, found by the message's class.

    ```python
    handle_command = HandlerTable[LensCore, None]()

    @handle_command.on(FocusMove)
    def _move(lens: LensCore, order: FocusMove) -> None: ...
    ```
    """

    def __init__(self) -> None:
        self._table: dict[type[Any], Callable[[S, Any], R]] = {}

    def on(self, cls: type[M]) -> Callable[[Callable[[S, M], R]], Callable[[S, M], R]]:
        """Register the decorated function for this class; each class has one."""

        def register(function: Callable[[S, M], R]) -> Callable[[S, M], R]:
            if cls in self._table:
                raise ValueError(f"{cls.__name__} has a handler already: {self._table[cls].__name__}")
            self._table[cls] = function
            return function

        return register

    def __iter__(self) -> Iterator[tuple[type[Any], Callable[[S, Any], R]]]:
        """Each class and the function that handles it, in the order of their registration."""
        yield from self._table.items()

    def __call__(self, subject: S, message: AnyMessage) -> R | None:
        """Handle a message; `None` where no handler accepts it."""
        handler = self._table.get(type(message))
        return None if handler is None else handler(subject, message)


def allowed_types(dialect: Dialect, role: Role, allowed: Iterable[str], also: Iterable[str] = ()) -> set[int]:
    """Return the type bytes that the names in `allowed` allow.

    Args:
        dialect: the dialect in use.
        role: the end that sends.
        allowed: names of protected messages (`UpdateOffer`, `Update*`), numbers of unknown types (`0x7f`).
        also: names that the caller handles itself.

    Raises:
        DialectError: a name that no protected message has; lists the names that exist.
    """
    protected = dialect.types_protected_from(role)
    guarded = {
        cls.__name__: type_
        for (sender, type_), cls in dialect.messages.items()
        if sender is role and type_ in protected
    }
    types = set[int]()
    for name in allowed:
        meant = fnmatch.filter(guarded, name)
        if name in also:
            continue
        if (number := _parse_type_number(name)) is not None:
            types.add(number)
        elif meant:
            types |= {guarded[one] for one in meant}
        else:
            known = (*guarded, *also, "the number of an unknown type, such as 0x7f")
            raise DialectError(unknown_name_message(f"guarded message of a {role.value}", name, known))
    return types


def _parse_type_number(name: str) -> int | None:
    if not name.lower().startswith("0x"):
        return None
    try:
        return int(name, 16)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class WireOutput:
    """The output functions of one end.

    Attributes:
        drive: puts one of our lines at a level, now.
        transmit: sends bytes back to back, starting now.
        set_baudrate: sends and listens at this rate from now on.
    """

    drive: Callable[[str, bool], object]
    transmit: Callable[[bytes], object]
    set_baudrate: Callable[[int], object]


def recording_output(note: Callable[[WireAction], object]) -> WireOutput:
    """A port that only queues the actions; the caller takes and executes them later."""
    return WireOutput(
        lambda line, level: note(DriveLine(line, level)),
        lambda data: note(Transmit(data)),
        lambda baudrate: note(SetBaudrate(baudrate)),
    )


MAX_JITTER_US = 0.5
"""A device's reactions differ by at least as much from one time to the next: a timer tick, an interrupt."""

ARRIVAL = "arrival"
"""Topic of `Wait.on`: a frame came from the peer."""

WINDOW = "window"
"""Topic of `Wait.on`: a window of ours has closed."""


class Engine(TaskRunner):
    """The base of every role: the connection, the levels of lines, tasks in time, and the outbox.

    A role adds its behaviour by overriding `on_start`, `on_line`, `on_arrival` and `on_garbage`.

    Attributes:
        connection: the link as this end sees it.
        levels: every line of the mount as far as this end knows it; unknown lines are low.
        carried: the lines that the port carries, on a live port; a role plays a reduced form without the others.
        live: whether the engine runs on a real port, not on the virtual mount.
        windowed: whether the body's select line is among them, so that handshakes can be made.
        baudrate: the rate in force.
        sending: whether a window of ours is open.
        free_at: when the next one may open, so that the line is seen low in between, in seconds.
        rx_enabled: whether the serial port receives; bytes that arrive while it is off are dropped.
        done: whether the script is finished or given up; an engine without a script never is.
        restarting: whether it identifies the lens once more: it takes no further step before, though it may be `done`.
        gave_up: whether it is done because it could not go on: it stays idle until the lens is detached and attached.
        compatibility_results: results of the script's checks.
        script: steps that this end executes by itself once the link runs.
        position: number of finished steps.
        operate_mount: executes a control step at the mount; `None` where no operator is simulated.
        topics: further topics that a task may yield by their name: those that `wake` names; every line is one.
        takes_steps: whether it takes steps after its script and requests of a user; a firmware decides by itself.
        select: the line that we hold high while a window of ours is open; `""` where the mount has none.
        random: source of jitter for reaction times; `None` reacts in exactly nominal time.
    """

    topics: ClassVar[frozenset[str]] = frozenset({ARRIVAL, WINDOW})
    takes_steps: ClassVar[bool] = True

    # Looked up tens of thousands of times in a virtual second; a dictionary of so many names is slower than slots.
    __slots__ = (
        "_actions",
        "_next_random",
        "_notices",
        "_observers",
        "_on_notice",
        "_port",
        "baudrate",
        "carried",
        "compatibility_results",
        "connection",
        "dialect",
        "done",
        "free_at",
        "gave_up",
        "levels",
        "live",
        "operate_mount",
        "position",
        "random",
        "restarting",
        "role",
        "rx_enabled",
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
        self._topics = {*dialect.wiring.lines, *self.topics}
        self.live = carried is not None
        self.role = role
        self.dialect = dialect
        self.carried = frozenset(dialect.wiring.lines) if carried is None else carried
        self.windowed = dialect.select_line(Role.BODY) in self.carried
        # A live port's bytes arrive later than its edges, so there a falling select line ends no frame.
        self.connection = Connection(dialect, role, keeps_windows=not self.live)
        self.random = random
        self._next_random = None if random is None else random.random
        self.levels: dict[str, bool] = {}
        self.baudrate = dialect.wiring.baudrates[0]
        self.sending = False
        self.free_at = 0.0
        self.rx_enabled = True
        self.done = False
        self.gave_up = False
        self.restarting = False
        self.compatibility_results: list[CompatibilityResult] = []
        self.script: tuple[Step, ...] = ()
        self.position = 0
        self.operate_mount: Callable[[Step], None] | None = None
        self.select = dialect.select_line(role)
        self._actions: deque[WireAction] = deque()
        self._notices: deque[Notice] = deque()
        self._observers: tuple[Observer, ...] = ()
        self._port = recording_output(self._actions.append)
        self._on_notice: Callable[[Notice], None] = self._notices.append

    def connect(self, scheduler: Scheduler, port: WireOutput, on_notice: Callable[[Notice], None]) -> None:
        """Connect to a shared scheduler; call it before `start`.

        Args:
            scheduler: runs our tasks from now on, in place of `next_deadline` and `handle_deadline`.
            port: executes our actions at once, in place of `actions`.
            on_notice: receives our notices, in place of `notices`.
        """
        self._use_scheduler(scheduler)
        self._port, self._on_notice = port, on_notice

    def start(self, now: float) -> None:
        """The session begins."""
        self.now = now
        self.on_start()
        self._advance()

    def receive(self, event: WireEvent, now: float) -> None:
        """Handle an event of the peer."""
        self.now = now
        connection, topic = self.connection, ""
        try:
            if type(event) is LineChanged:
                line = event.line
                level = event.level
                levels = self.levels
                moved = levels.get(line, False) != level
                levels[line] = level
                if line == connection.select:
                    connection.receive(event, now)
                    while connection.events:
                        self._take_next()
                if moved:
                    self.on_line(event)
                    if line in self._waiting:
                        topic = line
            elif self.rx_enabled:
                connection.receive(event, now)
                while connection.events:
                    self._take_next()
        except ProtocolError as error:
            # A peer that leaves the tables must not take this end down with it.
            self.report_error(error)
        if topic:
            self._wake_and_advance(topic)
        elif self._woken or ANYTHING in self._waiting:
            self._advance()

    def actions(self) -> Iterator[WireAction]:
        """Return the actions on the wire since the last call, in order."""
        while self._actions:
            yield self._actions.popleft()

    def notices(self) -> Iterator[Notice]:
        """Return the notices for the user since the last call, in order."""
        while self._notices:
            yield self._notices.popleft()

    def drive(self, line: str, level: bool) -> None:
        """Drive one of our lines to a level, unless it has that level or the port has no such line."""
        levels = self.levels
        if levels.get(line, False) != level and line in self.carried:
            levels[line] = level
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

    def report(
        self, text: str, *, is_error: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = ""
    ) -> None:
        """Report an event: a line for users, and its kind and subject for programs."""
        notice = Notice(self.now, self.role, text, is_error, kind, subject)
        self._on_notice(notice)
        for observer in self._observers:
            observer.on_notice(notice)

    def observe(self, observer: Observer) -> None:
        """Notify an observer of what this end receives, sends and reports from now on."""
        self._observers = (*self._observers, observer)
        self.connection.observe(observer)

    def after(self, microseconds: float) -> float:
        """Return a reaction time: a delay from now, with the jitter of a real device if `random` is set."""
        next_random = self._next_random
        if next_random is not None:
            microseconds += MAX_JITTER_US * next_random()
        return self.now + microseconds * 1e-6

    def at(self, since: float, microseconds: float) -> float:
        """Return a time on a grid that began at `since`, in seconds."""
        return since + microseconds * 1e-6

    def level(self, line: str, level: bool, *, until: float | None = None) -> Wait:
        """Wait for a line to be at a level; a line that the port does not carry is always where we want it."""
        return Wait(until, lambda: line not in self.carried or self.levels.get(line, False) == level, (line,))

    @property
    def asserts_detect(self) -> bool:
        """Whether this device asserts the detect line when it is attached."""
        return True

    def run_task(self, task: Task, now: float) -> None:
        """Start a task that the caller makes, between two events."""
        self.now = now
        self.spawn(task)
        self._advance()

    def operate_control(self, step: Step, now: float) -> None:
        """Execute a control step of the operator at this device."""
        self.now = now
        self.on_control(step)
        self._advance()

    def on_control(self, step: Step) -> None:
        """Execute a control step of the operator; a device without controls only reports it."""
        self.report(f"no control for this step: {step.text}")

    def allow(self, names: Iterable[str]) -> None:
        """Allow protected messages in this run, by name (`UpdateOffer`, `Update*`), and unknown types (`0x7f`).

        Raises:
            DialectError: a name that no protected message has; lists the names that exist.
        """
        self.connection.allowed |= allowed_types(self.dialect, self.role, names)

    def on_start(self) -> None:
        """The session begins."""

    def on_line(self, edge: LineChanged) -> None:
        """The peer moved a line; `levels` knows it already."""

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """A frame arrived from the peer."""

    def on_garbage(self, garbage: Garbage) -> None:
        """Bytes arrived that are no frame."""
        self.report(f"{len(garbage.data)} bytes are no frame: {garbage.reason.value}", is_error=True)

    def _take_next(self) -> None:
        arrived = self.connection.next_event()
        if isinstance(arrived, ReceivedFrame):
            self.on_arrival(arrived)
        elif arrived is not None:
            self.on_garbage(arrived)
        if ARRIVAL in self._waiting:
            self.wake(ARRIVAL)
