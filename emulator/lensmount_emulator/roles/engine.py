"""A role that runs without I/O and without a clock: events in, actions out, and tasks that wait for either."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from random import Random

from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.connection import Arrival, Connection
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.frame import Garbage
from lensmount_protocol.wire import DriveLine, LineChanged, Role, SetBaudrate, Transmit, WireAction, WireEvent

LARGEST_JITTER_US = 0.5
"""A device's reactions differ by at least as much from one time to the next: a timer tick, an interrupt."""


ARRIVAL = "arrival"
"""Topic of `Wait.on`: a frame came from the peer."""

WINDOW = "window"
"""Topic of `Wait.on`: a window of ours has closed."""

_ANYTHING = "anything"
"""Where tasks wait that say no topic."""


@dataclass(slots=True)
class Wait:
    """What a task waits for: something to become true, at the longest until a time.

    Attributes:
        until: seconds on the session's clock; `None` waits for ever.
        ready: asked at once, and again whenever it can have changed; `None` for a plain delay.
        on: what can change it: lines by name, and topics that somebody wakes; nothing: any event.
    """

    until: float | None = None
    ready: Callable[[], bool] | None = None
    on: tuple[str, ...] = ()


_DUE = Wait()
"""What a task waits for whose time has passed already."""

_NEWS = Wait()
"""What a task waits for that only wants to hear of a topic."""

Await = float | str | Wait
"""A time in seconds, the next news of a topic, or a condition."""

Task = Generator[Await, bool, None]
"""A sequence of steps in time; each `yield` says what it waits for, and gets back whether a `Wait.ready` came true."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an engine tells people.

    Attributes:
        at: when, in seconds.
        role: who tells it.
        text: what happened, in one line.
        trouble: whether something went wrong.
    """

    at: float
    role: Role
    text: str
    trouble: bool = False


class _Running:
    """A task under way.

    Attributes:
        task: the task.
        send: goes on with it.
        wait: what it waits for; `None` while it runs, waits for a time only, or is over.
        timer: the scheduler's number for its time; 0 where it has none.
    """

    __slots__ = ("send", "task", "timer", "wait")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.send = task.send
        self.wait: Wait | None = None
        self.timer = 0


class Engine:
    """The part that every role shares: the connection, the levels of lines, tasks in time, and the outbox.

    A role adds its behaviour by overriding `on_start`, `on_line`, `on_arrival` and `on_garbage`.

    Attributes:
        now: the time of the event that is being handled, in seconds.
        connection: the link as this end sees it.
        levels: every line of the mount as far as this end knows it; unknown lines are low.
        carried: the lines that the port carries, on a live port; a role plays a reduced form without the others.
        live: whether a real port is played on, and not the virtual mount.
        windowed: whether the body's select line is among them, so that handshakes can be made.
        baudrate: the rate in force.
        sending: whether a window of ours is open.
        select: the line that we hold high while it is; `""` where the mount has none.
        random: where reaction times get their jitter from; `None` reacts in exactly nominal time.
    """

    # Looked up tens of thousands of times in a virtual second; a dictionary of so many names is slower than slots.
    __slots__ = (
        "baudrate",
        "carried",
        "connection",
        "dialect",
        "levels",
        "live",
        "now",
        "random",
        "role",
        "select",
        "sending",
        "windowed",
        "_act",
        "_actions",
        "_announce",
        "_bell",
        "_current",
        "_draw",
        "_notices",
        "_running",
        "_scheduler",
        "_waiting",
        "_woken",
    )

    def __init__(
        self,
        dialect: Dialect,
        role: Role,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
    ) -> None:
        self.live = carried is not None
        self.role = role
        self.dialect = dialect
        self.carried = frozenset(dialect.wiring.lines) if carried is None else carried
        self.windowed = dialect.select_line(Role.BODY) in self.carried
        # A live port's bytes lag behind its edges, so there a falling select line ends no frame.
        self.connection = Connection(dialect, role, keeps_windows=not self.live)
        self.random = random
        self._draw = None if random is None else random.random
        self.now = 0.0
        self.levels: dict[str, bool] = {}
        self.baudrate = dialect.wiring.baudrates[0]
        self.sending = False
        self.select = dialect.select_line(role)
        self._running: dict[_Running, None] = {}
        self._current: _Running | None = None
        self._waiting: dict[str, list[tuple[_Running, Wait]]] = {}
        self._woken: deque[tuple[str, _Running, Wait]] = deque()
        self._actions: deque[WireAction] = deque()
        self._notices: deque[Notice] = deque()
        self._scheduler = Scheduler()
        self._bell = self._ring
        self._act: Callable[[WireAction], None] = self._actions.append
        self._announce: Callable[[Notice], None] = self._notices.append

    def join(self, scheduler: Scheduler, act: Callable[[WireAction], None], listen: Callable[[Notice], None]) -> None:
        """Play in a company that shares its time: to be called before `start`.

        Args:
            scheduler: where our tasks wait from now on, in place of `next_deadline` and `handle_deadline`.
            act: carries out what we do as we do it, in place of `actions`.
            listen: hears what we tell people, in place of `notices`.
        """
        self._scheduler, self._act, self._announce = scheduler, act, listen

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
            else:
                connection.receive(event, now)
                while (arrived := connection.next_event()) is not None:
                    self._take(arrived)
        except ProtocolError as error:
            # A peer that leaves the tables must not take this end down with it.
            self.tell(str(error), trouble=True)
        if self._woken or _ANYTHING in self._waiting:
            self._advance()

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called, in seconds; `None`: not before the next event."""
        return self._scheduler.next_time()

    def handle_deadline(self, now: float) -> None:
        """The time asked for by `next_deadline` has come."""
        self.now = now
        self._scheduler.catch_up(now)

    def actions(self) -> Iterator[WireAction]:
        """What to do on the wire, in order; each is given once."""
        while self._actions:
            yield self._actions.popleft()

    def notices(self) -> Iterator[Notice]:
        """What to tell people, in order; each is given once."""
        while self._notices:
            yield self._notices.popleft()

    def spawn(self, task: Task) -> None:
        """Begin a task; it runs up to its first wait at once."""
        try:
            wait = next(task)
        except StopIteration:
            return
        except ProtocolError as error:
            self.tell(str(error), trouble=True)
            return
        running = _Running(task)
        self._running[running] = None
        self._settle(running, wait)

    def stop_tasks(self) -> None:
        """End every task but the one that asks for it, as a loss of power does."""
        for running in tuple(self._running):
            if running is not self._current:
                self._unset(running)
                running.wait = None
                running.task.close()
                del self._running[running]

    def wake(self, topic: str) -> None:
        """Something happened that tasks may wait for: a line moved, or a topic of `Wait.on` has news."""
        waiting = self._waiting.pop(topic, None)
        if waiting is not None:
            self._woken.extend([(topic, running, wait) for running, wait in waiting])

    def drive(self, line: str, level: bool) -> None:
        """Put one of our lines at a level; nothing happens where it is there already or the port has no such line."""
        if line in self.carried and self.levels.get(line, False) != level:
            self.levels[line] = level
            self._act(DriveLine(line, level))
            if line in self._waiting:
                self.wake(line)

    def transmit(self, data: bytes) -> None:
        """Send bytes, starting now."""
        self._act(Transmit(data))

    def set_baudrate(self, baudrate: int) -> None:
        """Send and listen at this rate from now on."""
        if self.baudrate != baudrate:
            self.baudrate = baudrate
            self._act(SetBaudrate(baudrate))

    def tell(self, text: str, *, trouble: bool = False) -> None:
        """Tell people what happened."""
        self._announce(Notice(self.now, self.role, text, trouble))

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

    def _settle(self, running: _Running, wait: Await) -> None:
        """Put a task where it will be found when what it waits for has come."""
        if isinstance(wait, str):
            running.wait = _NEWS
            self._waiting.setdefault(wait, []).append((running, _NEWS))
        elif not isinstance(wait, Wait):
            if wait > self.now:
                running.timer = self._scheduler.at(wait, self._bell, running)
            else:
                running.wait = _DUE
                self._woken.append(("", running, _DUE))
        else:
            running.wait = wait
            if wait.ready is not None and wait.ready():
                self._woken.append(("", running, wait))
                return
            if wait.ready is not None:
                for topic in wait.on or (_ANYTHING,):
                    self._waiting.setdefault(topic, []).append((running, wait))
            if wait.until is not None:
                running.timer = self._scheduler.at(wait.until, self._bell, running)

    def _ring(self, running: _Running, now: float) -> None:
        """A task's time has come."""
        running.timer = 0
        self.now = now
        self._go_on(running)

    def _advance(self) -> None:
        """Go on with every task whose condition has come true."""
        running = self._next_woken()
        if running is not None:
            self._go_on(running)

    def _go_on(self, next_: _Running | None) -> None:
        """Go on with a task, and with every task whose condition comes true by that."""
        while next_ is not None:
            self._current = running = next_
            wait, running.wait = running.wait, None
            try:
                await_ = running.send(wait is not None and wait.ready is not None and wait.ready())
            except StopIteration:
                del self._running[running]
            except ProtocolError as error:
                del self._running[running]
                self.tell(str(error), trouble=True)
            else:
                if isinstance(await_, float) and await_ > self.now:
                    running.timer = self._scheduler.at(await_, self._bell, running)
                else:
                    self._settle(running, await_)
            next_ = self._next_woken() if self._woken or _ANYTHING in self._waiting else None
        self._current = None

    def _next_woken(self) -> _Running | None:
        """A task that was woken and whose condition is true; the others go on waiting."""
        if _ANYTHING in self._waiting:
            self.wake(_ANYTHING)
        while self._woken:
            topic, running, wait = self._woken.popleft()
            if running.wait is not wait:
                continue
            if wait.ready is None or wait.ready():
                self._unset(running)
                return running
            if topic:
                self._waiting.setdefault(topic, []).append((running, wait))
            else:
                self._settle(running, wait)
        return None

    def _unset(self, running: _Running) -> None:
        """Its time does not matter any more."""
        if running.timer:
            self._scheduler.cancel(running.timer)
            running.timer = 0
