"""Tasks: sequences of steps in time, written as generators that yield what they wait for.

```python
def blink(lens: LensEngine) -> Task:
    yield lens.now + 0.5                                    # a time, in seconds
    yield "VD"                                              # the next edge of a line, or event of `Engine.topics`
    in_time = yield Wait(lens.now + 1.0, lens.frame_is_over, on=("BODY_CS",))
```

The scheduler resumes a task only when its condition may have become true; it does not poll.
"""

from collections import deque
from collections.abc import Callable, Container, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from lensmount_emulator.engine.observer import NoticeKind, error_kind
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.errors import ProtocolError

ANYTHING = "anything"
"""Topic of a wait without `on`: any event."""


@dataclass(slots=True)
class Wait:
    """A condition that a task waits for, with a time limit.

    Attributes:
        until: seconds on the session's clock; `None` waits for ever.
        ready: evaluated at once, and again whenever it may have changed; `None` for a plain delay.
        on: what can change it: names of lines, and topics that `wake` names; empty for any event.
    """

    until: float | None = None
    ready: Callable[[], bool] | None = None
    on: tuple[str, ...] = ()


@dataclass(slots=True)
class Reaction(Wait):
    """A wait for the next event of a topic, and for the time that the device takes to react to it.

    It is a `Wait` and a delay in one, for what each edge of an acknowledge line needs: the task runs once, not twice.

    Attributes:
        delay_us: from the event to the reaction in microseconds, more than 0; `TaskRunner.after` adds the jitter.
    """

    delay_us: float = 0.0


_DUE = Wait()
"""A wait that has expired already."""

_NEXT_EVENT = Wait()
"""A wait without a condition of its own: the next event of a topic ends it."""

WaitFor = float | str | Wait
"""A time in seconds, the next event of a topic, or a condition."""

Task = Generator[WaitFor, bool, None]
"""A sequence of steps in time; each `yield` waits, and returns whether `Wait.ready` became true."""


class _RunningTask:
    """A running task.

    Attributes:
        task: the task.
        send: resumes the task.
        wait: its current wait; `None` while it runs, waits for a time only, or is over.
        timer: the scheduler's number for its time; 0 where it has none.
        reacts: whether that is the time of its reaction to an event.
    """

    __slots__ = ("reacts", "send", "task", "timer", "wait")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.send = task.send
        self.wait: Wait | None = None
        self.timer = 0
        self.reacts = False


class _DelayedCall:
    """A function that is called later.

    Attributes:
        action: the function.
        timer: the scheduler's number for its time.
    """

    __slots__ = ("action", "timer")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.timer = 0


class TaskRunner:
    """The tasks of one end.

    Attributes:
        now: the time of the current event, in seconds.
        topics: further topics that a task may yield by their name; see `Engine`.
    """

    topics: ClassVar[frozenset[str]] = frozenset()

    # Looked up tens of thousands of times in a virtual second; a dictionary of so many names is slower than slots.
    __slots__ = (
        "_at",
        "_cancel",
        "_current",
        "_delayed",
        "_running",
        "_scheduler",
        "_timer",
        "_topics",
        "_waiting",
        "_woken",
        "now",
    )

    def __init__(self) -> None:
        self.now = 0.0
        self._running: dict[_RunningTask, None] = {}
        self._current: _RunningTask | None = None
        self._delayed: dict[_DelayedCall, None] = {}
        self._waiting: dict[str, list[tuple[str, _RunningTask, Wait]]] = {}
        self._woken: deque[tuple[str, _RunningTask, Wait]] = deque()
        self._scheduler = Scheduler()
        self._at, self._cancel = self._scheduler.call_at, self._scheduler.cancel
        self._timer = self._on_timer
        self._topics: Container[str] | None = None

    def _use_scheduler(self, scheduler: Scheduler) -> None:
        """Use this scheduler for the timers from now on."""
        self._scheduler = scheduler
        self._at, self._cancel = scheduler.call_at, scheduler.cancel

    def report(
        self, text: str, *, is_error: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = ""
    ) -> None:
        """Report an event: a line for users, and its kind and subject for programs."""

    def report_error(self, error: Exception, text: str = "") -> None:
        """Report an error, with `text` in place of its own text if not empty."""
        self.report(text or str(error), is_error=True, kind=error_kind(error))

    def next_deadline(self) -> float | None:
        """Return the time of the next `handle_deadline` call, in seconds; `None`: not before the next event."""
        return self._scheduler.next_time()

    def handle_deadline(self, now: float) -> None:
        """Run the tasks that are due; call it at `next_deadline`."""
        self.now = now
        self._scheduler.run_due(now)

    def spawn(self, task: Task) -> None:
        """Start a task; it runs up to its first wait at once."""
        try:
            wait = next(task)
        except StopIteration:
            return
        except ProtocolError as error:
            self.report_error(error)
            return
        running = _RunningTask(task)
        self._running[running] = None
        self._schedule(running, wait)

    def call_at(self, when: float, action: Callable[[], None]) -> None:
        """Call a function at a time in seconds, as a task with one delay does; `stop_tasks` cancels it.

        For what each edge needs: it costs half of a task.
        """
        call = _DelayedCall(action)
        call.timer = self._at(when, self._on_delay, call)
        self._delayed[call] = None

    def _on_delay(self, call: _DelayedCall, now: float) -> None:
        del self._delayed[call]
        self.now = now
        try:
            call.action()
        except ProtocolError as error:
            self.report_error(error)
        if self._woken or ANYTHING in self._waiting:
            self._advance()

    def stop_tasks(self) -> None:
        """End every task but the calling one, as a loss of power does."""
        for call in self._delayed:
            self._scheduler.cancel(call.timer)
        self._delayed.clear()
        for running in tuple(self._running):
            if running is not self._current:
                self._cancel_timer(running)
                running.wait = None
                running.task.close()
                del self._running[running]
        # The calling task waits for nothing while it runs.
        self._waiting.clear()

    def task_count(self) -> int:
        """Return the number of running tasks, delayed calls included."""
        return len(self._running) + len(self._delayed)

    def stale_waits(self) -> int:
        """Return the number of entries in the wait lists that belong to tasks which now wait for something else."""
        return sum(running.wait is not wait for waiting in self._waiting.values() for _, running, wait in waiting)

    def wake(self, topic: str) -> None:
        """Wake the tasks that wait for a topic of `Wait.on`: an edge of a line, or another event."""
        waiting = self._waiting.pop(topic, None)
        if waiting is not None:
            self._woken.extend(waiting)

    def _wake_and_advance(self, topic: str) -> None:
        """Wake the tasks that wait for a topic, and resume those with a true condition: most often there is one."""
        waiting = self._waiting
        entries = waiting.pop(topic)
        if len(entries) > 1 or self._woken or ANYTHING in waiting:
            self._woken.extend(entries)
            self._advance()
            return
        _, running, wait = entries[0]
        if running.wait is not wait:
            return
        ready = wait.ready
        if ready is not None and not ready():
            waiting[topic] = entries
            return
        if self._end_wait(running, wait):
            self._continue(running, ready is not None)

    def _end_wait(self, running: _RunningTask, wait: Wait) -> bool:
        """End a wait after its event; return whether the task resumes at once, and not after a reaction time."""
        if running.timer:
            self._cancel(running.timer)
            running.timer = 0
        if type(wait) is Reaction:
            self._react(running, wait)
            return False
        if len(wait.on) > 1:
            self._unsubscribe(running)
        return True

    def after(self, microseconds: float) -> float:
        """Return a reaction time: a delay from now."""
        return self.now + microseconds * 1e-6

    def _react(self, running: _RunningTask, wait: Reaction) -> None:
        """Resume a task after its reaction time."""
        running.wait = None
        running.reacts = True
        running.timer = self._at(self.after(wait.delay_us), self._timer, running)

    def _await_event(self, running: _RunningTask, wait: Reaction) -> None:
        """Subscribe a task to the topic of a reaction; one without a topic reacts to what has happened already."""
        if not wait.on:
            self._react(running, wait)
            return
        waiting, topic, until = self._waiting, wait.on[0], wait.until
        if until is not None:
            running.timer = self._at(until, self._timer, running)
        elif self._topics is not None and topic not in self._topics:
            _refuse(self._running, running, wait)
        running.wait = wait
        if topic in waiting:
            waiting[topic].append((topic, running, wait))
        else:
            waiting[topic] = [(topic, running, wait)]

    def _schedule(self, running: _RunningTask, wait: WaitFor) -> None:
        """Subscribe a task to its timer and topics, or mark it as woken if its wait is over already."""
        if isinstance(wait, Reaction):
            self._await_event(running, wait)
        elif isinstance(wait, Wait):
            if wait.ready is None and wait.until is None:
                _refuse(self._running, running, wait)
            running.wait = wait
            if wait.ready is not None:
                if wait.ready():
                    self._woken.append(("", running, wait))
                    return
                waiting = self._waiting
                for topic in wait.on or (ANYTHING,):
                    if topic in waiting:
                        waiting[topic].append((topic, running, wait))
                    else:
                        waiting[topic] = [(topic, running, wait)]
            if wait.until is not None:
                running.timer = self._at(wait.until, self._timer, running)
        elif isinstance(wait, str):
            if self._topics is not None and wait not in self._topics:
                _refuse(self._running, running, wait)
            running.wait = _NEXT_EVENT
            self._waiting.setdefault(wait, []).append((wait, running, _NEXT_EVENT))
        else:
            # A plug-in without type checks may yield anything.
            if not isinstance(wait, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
                _refuse(self._running, running, wait)
            if wait > self.now:
                running.timer = self._at(wait, self._timer, running)
            else:
                running.wait = _DUE
                self._woken.append(("", running, _DUE))

    def _on_timer(self, running: _RunningTask, now: float) -> None:
        """Resume a task after its timer expired."""
        running.timer = 0
        self.now = now
        wait = running.wait
        if wait is None:
            reacts, running.reacts = running.reacts, False
            self._continue(running, reacts)
            return
        self._unsubscribe(running)
        self._continue(running, wait.ready is not None and wait.ready())

    def _advance(self) -> None:
        """Resume every task with a true condition."""
        running = self._next_woken()
        if running is not None:
            wait = running.wait
            self._continue(running, wait is not None and wait.ready is not None)

    def _continue(self, running: _RunningTask, in_time: bool) -> None:
        """Resume a task, and every task with a condition that becomes true by that.

        Args:
            running: the task.
            in_time: whether the condition of its wait is true.
        """
        while True:
            self._current = running
            running.wait = None
            try:
                await_ = running.send(in_time)
            except StopIteration:
                del self._running[running]
            except ProtocolError as error:
                del self._running[running]
                self.report_error(error)
            else:
                if type(await_) is float and await_ > self.now:
                    running.timer = self._at(await_, self._timer, running)
                elif type(await_) is Reaction:
                    self._await_event(running, await_)
                else:
                    self._schedule(running, await_)
            if not self._woken and ANYTHING not in self._waiting:
                break
            next_ = self._next_woken()
            if next_ is None:
                break
            running, wait = next_, next_.wait
            # A woken task without a condition waited for a time that is over, or for the next event.
            in_time = wait is not None and wait.ready is not None
        self._current = None

    def _next_woken(self) -> _RunningTask | None:
        """Return a woken task with a true condition; the others keep waiting."""
        if ANYTHING in self._waiting:
            self.wake(ANYTHING)
        woken = self._woken
        while woken:
            topic, running, wait = woken.popleft()
            if running.wait is not wait:
                continue
            if wait.ready is None or wait.ready():
                if self._end_wait(running, wait):
                    return running
            elif topic:
                self._waiting.setdefault(topic, []).append((topic, running, wait))
            else:
                self._schedule(running, wait)
        return None

    def _cancel_timer(self, running: _RunningTask) -> None:
        """Cancel the timer of a task."""
        if running.timer:
            self._scheduler.cancel(running.timer)
            running.timer = 0

    def _unsubscribe(self, running: _RunningTask) -> None:
        """Remove a task from the wait lists; without events the lists must not grow."""
        wait = running.wait
        if wait is None:
            return
        for topic in wait.on or ((ANYTHING,) if wait.ready is not None else ()):
            left = [entry for entry in self._waiting.pop(topic, ()) if entry[1] is not running]
            if left:
                self._waiting[topic] = left


def _refuse(tasks: dict[_RunningTask, None], running: _RunningTask, wait: object) -> NoReturn:
    """End one of the tasks with an error at its `yield`, because it waits for nothing that can happen."""
    del tasks[running]
    error = ValueError(
        f"a task yields {wait!r}, and would wait for ever; legal are a time in seconds, the name of a line or of a "
        "topic of the engine, and a Wait with a time or a condition"
    )
    # Raised within the task, so that the traceback has its line.
    with suppress(StopIteration):
        running.task.throw(error)
    raise error
