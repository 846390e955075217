"""Tasks: sequences of steps in time, written as generators that yield what they wait for.

```python
def blink(lens: LensEngine) -> Task:
    yield lens.now + 0.5                                    # a time, in seconds
    yield "VD"                                              # the next news of a topic: here, a line moves
    in_time = yield Wait(lens.now + 1.0, lens.frame_is_over, on=("BODY_CS",))
```

A task goes on only when what it waits for can have come true; nobody asks in between.
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass

from lensmount_emulator.roles.notice import NoticeKind, error_kind
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.errors import ProtocolError

ANYTHING = "anything"
"""Topic of those that say none: any event."""


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


class Tasks:
    """The tasks of one end.

    Attributes:
        now: the time of the event that is being handled, in seconds.
    """

    # Looked up tens of thousands of times in a virtual second; a dictionary of so many names is slower than slots.
    __slots__ = ("_at", "_bell", "_current", "_running", "_scheduler", "_waiting", "_woken", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._running: dict[_Running, None] = {}
        self._current: _Running | None = None
        self._waiting: dict[str, list[tuple[_Running, Wait]]] = {}
        self._woken: deque[tuple[str, _Running, Wait]] = deque()
        self._scheduler = Scheduler()
        self._at = self._scheduler.at
        self._bell = self._ring

    def _share(self, scheduler: Scheduler) -> None:
        """Wait in this scheduler from now on."""
        self._scheduler, self._at = scheduler, scheduler.at

    def tell(self, text: str, *, trouble: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = "") -> None:
        """Report what happened: a line for people, and its kind and subject for programs."""

    def tell_error(self, error: Exception, text: str = "") -> None:
        """Report an error; `text` replaces its own where given."""
        self.tell(text or str(error), trouble=True, kind=error_kind(error))

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called, in seconds; `None`: not before the next event."""
        return self._scheduler.next_time()

    def handle_deadline(self, now: float) -> None:
        """The time asked for by `next_deadline` has come."""
        self.now = now
        self._scheduler.catch_up(now)

    def spawn(self, task: Task) -> None:
        """Begin a task; it runs up to its first wait at once."""
        try:
            wait = next(task)
        except StopIteration:
            return
        except ProtocolError as error:
            self.tell_error(error)
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
        # The one that asks waits for nothing while it runs.
        self._waiting.clear()

    def running(self) -> int:
        """How many tasks are under way."""
        return len(self._running)

    def waiting_in_vain(self) -> int:
        """How many places in the lists of those who wait belong to tasks that wait for something else by now."""
        return sum(running.wait is not wait for pairs in self._waiting.values() for running, wait in pairs)

    def wake(self, topic: str) -> None:
        """Something happened that tasks may wait for: a line moved, or a topic of `Wait.on` has news."""
        waiting = self._waiting.pop(topic, None)
        if waiting is not None:
            self._woken.extend([(topic, running, wait) for running, wait in waiting])

    def _settle(self, running: _Running, wait: Await) -> None:
        """Put a task where it will be found when what it waits for has come."""
        if isinstance(wait, str):
            running.wait = _NEWS
            self._waiting.setdefault(wait, []).append((running, _NEWS))
        elif not isinstance(wait, Wait):
            if wait > self.now:
                running.timer = self._at(wait, self._bell, running)
            else:
                running.wait = _DUE
                self._woken.append(("", running, _DUE))
        else:
            running.wait = wait
            if wait.ready is not None and wait.ready():
                self._woken.append(("", running, wait))
                return
            if wait.ready is not None:
                for topic in wait.on or (ANYTHING,):
                    self._waiting.setdefault(topic, []).append((running, wait))
            if wait.until is not None:
                running.timer = self._at(wait.until, self._bell, running)

    def _ring(self, running: _Running, now: float) -> None:
        """A task's time has come."""
        running.timer = 0
        self.now = now
        if running.wait is not None:
            self._withdraw(running)
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
                self.tell_error(error)
            else:
                if isinstance(await_, float) and await_ > self.now:
                    running.timer = self._at(await_, self._bell, running)
                else:
                    self._settle(running, await_)
            next_ = self._next_woken() if self._woken or ANYTHING in self._waiting else None
        self._current = None

    def _next_woken(self) -> _Running | None:
        """A task that was woken and whose condition is true; the others go on waiting."""
        if ANYTHING in self._waiting:
            self.wake(ANYTHING)
        while self._woken:
            topic, running, wait = self._woken.popleft()
            if running.wait is not wait:
                continue
            if wait.ready is None or wait.ready():
                self._unset(running)
                if len(wait.on) > 1:
                    self._withdraw(running)
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

    def _withdraw(self, running: _Running) -> None:
        """It does not wait for any topic any more; where nothing ever happens, the lists must not grow."""
        wait = running.wait
        if wait is None or wait.ready is None:
            return
        for topic in wait.on or (ANYTHING,):
            left = [pair for pair in self._waiting.pop(topic, ()) if pair[0] is not running]
            if left:
                self._waiting[topic] = left
