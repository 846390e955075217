"""A role that runs without I/O and without a clock: events in, actions out, and tasks that wait for either."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from random import Random

from lensmount_protocol.connection import Arrival, Connection
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.frame import Garbage
from lensmount_protocol.wire import DriveLine, LineChanged, Role, SetBaudrate, Transmit, WireAction, WireEvent

LARGEST_JITTER_US = 0.5
"""A device's reactions differ by at least as much from one time to the next: a timer tick, an interrupt."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a task waits for: a time, something to become true, or whichever comes first.

    Attributes:
        until: seconds on the session's clock; `None` waits for ever.
        ready: asked again after every event; `None` for a plain delay.
    """

    until: float | None = None
    ready: Callable[[], bool] | None = None


Task = Generator[Wait, bool, None]
"""A sequence of steps in time; each `yield Wait(...)` gives back whether `ready` came true (else time ran out)."""


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


@dataclass(slots=True)
class _Running:
    task: Task
    wait: Wait


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
        random: where reaction times get their jitter from; `None` reacts in exactly nominal time.
    """

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
        self.now = 0.0
        self.levels: dict[str, bool] = {}
        self.baudrate = dialect.wiring.baudrates[0]
        self.sending = False
        self._running: list[_Running] = []
        self._current: _Running | None = None
        self._actions: deque[WireAction] = deque()
        self._notices: deque[Notice] = deque()

    def start(self, now: float) -> None:
        """The session begins."""
        self.now = now
        self.on_start()
        self._advance()

    def receive(self, event: WireEvent, now: float) -> None:
        """The peer did something."""
        self.now = now
        moved = isinstance(event, LineChanged) and self.levels.get(event.line, False) != event.level
        if isinstance(event, LineChanged):
            self.levels[event.line] = event.level
        try:
            self.connection.receive(event, now)
            self._take_arrivals()
            if moved and isinstance(event, LineChanged):
                self.on_line(event)
        except ProtocolError as error:
            # A peer that leaves the tables must not take this end down with it.
            self.tell(str(error), trouble=True)
        self._advance()

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called, in seconds; `None`: not before the next event."""
        return min((running.wait.until for running in self._running if running.wait.until is not None), default=None)

    def handle_deadline(self, now: float) -> None:
        """The time asked for by `next_deadline` has come."""
        self.now = now
        self._advance()

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
            self._running.append(_Running(task, next(task)))
        except StopIteration:
            return
        except ProtocolError as error:
            self.tell(str(error), trouble=True)

    def stop_tasks(self) -> None:
        """End every task but the one that asks for it, as a loss of power does."""
        for running in self._running:
            if running is not self._current:
                running.task.close()
        self._running = [running for running in self._running if running is self._current]

    def drive(self, line: str, level: bool) -> None:
        """Put one of our lines at a level; nothing happens where it is there already or the port has no such line."""
        if line in self.carried and self.levels.get(line, False) != level:
            self.levels[line] = level
            self._actions.append(DriveLine(line, level))

    def transmit(self, data: bytes) -> None:
        """Send bytes, starting now."""
        self._actions.append(Transmit(data))

    def set_baudrate(self, baudrate: int) -> None:
        """Send and listen at this rate from now on."""
        if self.baudrate != baudrate:
            self.baudrate = baudrate
            self._actions.append(SetBaudrate(baudrate))

    def tell(self, text: str, *, trouble: bool = False) -> None:
        """Tell people what happened."""
        self._notices.append(Notice(self.now, self.role, text, trouble))

    def after(self, microseconds: float) -> Wait:
        """A reaction: a delay from now, with the jitter of a real device where a source of it is given."""
        jitter_us = 0.0 if self.random is None else self.random.uniform(0, LARGEST_JITTER_US)
        return Wait(self.now + (microseconds + jitter_us) * 1e-6)

    def at(self, since: float, microseconds: float) -> Wait:
        """A time on a grid that began at `since`."""
        return Wait(since + microseconds * 1e-6)

    def level(self, line: str, level: bool, *, until: float | None = None) -> Wait:
        """Wait for a line to be at a level; a line that the port does not carry is always where we want it."""
        return Wait(until, lambda: line not in self.carried or self.levels.get(line, False) == level)

    def on_start(self) -> None:
        """The session begins."""

    def on_line(self, edge: LineChanged) -> None:
        """The peer moved a line; `levels` knows it already."""

    def on_arrival(self, arrival: Arrival) -> None:
        """A frame came from the peer."""

    def on_garbage(self, garbage: Garbage) -> None:
        """Bytes came that are no frame."""
        self.tell(f"{len(garbage.data)} bytes are no frame: {garbage.reason.value}", trouble=True)

    def _take_arrivals(self) -> None:
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, Garbage):
                self.on_garbage(event)
            else:
                self.on_arrival(event)

    def _advance(self) -> None:
        progress = True
        while progress:
            progress = False
            for running in tuple(self._running):
                wait = running.wait
                ready = wait.ready is not None and wait.ready()
                due = wait.until is not None and wait.until <= self.now
                if (ready or due) and running in self._running:
                    progress = True
                    self._resume(running, ready)

    def _resume(self, running: _Running, ready: bool) -> None:
        self._current = running
        try:
            running.wait = running.task.send(ready)
        except StopIteration:
            self._running.remove(running)
        except ProtocolError as error:
            self._running.remove(running)
            self.tell(str(error), trouble=True)
        finally:
            self._current = None
