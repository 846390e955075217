"""One end of ours against the device on a port, in real time: a thread plays, and the test asks it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, NoReturn, TypeVar

import pytest

from lensmount_emulator.engine.dialect_roles import DialectRoles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.pytest_plugin.mount_session import BodyAction, MountSession
from lensmount_emulator.pytest_plugin.shared_port import SharedPort
from lensmount_emulator.pytest_plugin.traffic_log import TrafficLog
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.verdict import script_progress
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import MountError
from lensmount_protocol.wire import Role, WireRecord

T = TypeVar("T")

POLL_INTERVAL_S = 0.02
"""Seconds between checks of a condition without traffic: the condition may depend on the time."""

FAST_POLL_INTERVAL_S = 1e-6
"""What was asked for from outside begins at a deadline of its own, so that the session carries it out at once."""

REPLY_TIMEOUT_S = 2.5
"""A device that was mounted at the very end of a test has so long to send its first byte, as `fuzz` gives it."""

SESSION_PREFIX = "session: "
"""Only entries of `allow` that begin so name how a session may end; a pattern for everything does not."""

MAX_CLOSE_S = 5.0
"""A session looks up ten times a second; one that has not ended by then hangs in its port."""


class LiveMountSession(MountSession):
    """One end is ours, the other is the device."""

    def __init__(
        self,
        engine: Engine,
        transport: Transport,
        port: SharedPort,
        roles: DialectRoles,
        log: TrafficLog,
        lines: int,
        reported: str,
        allow: Sequence[str] = (),
    ) -> None:
        super().__init__(engine.dialect, roles, log, lines)
        self._engine = engine
        self._port = port
        self._name = transport.name
        self._reported = reported
        self._clock = MonotonicClock()
        self._queued_actions = SimpleQueue[Task]()
        self._news, self._stop, self._ended = Event(), Event(), Event()
        self._error: Exception | None = None
        self._reported_error = False
        self._allow = tuple(allow)
        self._keeps_power = engine.role is Role.BODY and engine.dialect.supply not in transport.lines
        log.on_news, log.on_detached = self._news.set, self._detached
        self._session = EngineDriver(engine, transport, self._clock, self._tap, self._listen, before=port.levels)
        self._thread = Thread(target=self._play, name=f"lensmount {transport.name}", daemon=True)
        self._thread.start()

    @property
    def body(self) -> Engine:
        """The body's engine, where the lens is the device."""
        return self._engine if self._engine.role is Role.BODY else self._skip("the body is")

    @property
    def lens(self) -> Engine:
        """The lens's engine, where the body is the device."""
        return self._engine if self._engine.role is Role.LENS else self._skip("the lens is")

    @property
    def virtual_session(self) -> VirtualSession:
        """Not available on a port."""
        return self._skip("virtual contacts and virtual time are wanted, and there is")

    @property
    def now(self) -> float:
        """Seconds on the host's clock."""
        return self._clock.now()

    @property
    def violations(self) -> list[str]:
        """Not available: the state of the device is unknown."""
        return []

    @property
    def judges_timing(self) -> bool:
        """Times are the host's, and bytes come late."""
        return False

    def run(self, seconds: float) -> None:
        """Let so much time pass; the session goes on anyway."""
        __tracebackhide__ = True
        self._ended.wait(seconds)
        self._check()

    def operate(self, text: str) -> None:
        """Operate a control of our lens."""
        lens = self.lens
        for step in self._control_steps(text):
            self._queued_actions.put(self._operate_control(lens, step))

    def detach(self) -> None:
        """Not available: no simulated operator on a port."""
        self._skip("an operator must detach the lens; there is only")

    def attach(self) -> None:
        """Not available: no simulated operator on a port."""
        self._skip("an operator must attach the lens; there is only")

    def check_device(self) -> None:
        """Fail a test that passed although the device never answered, its script was not done, or errors are left.

        Errors that an `assert_clean` of the test has looked at, and those that its marker allows, are not left.
        A silent device is allowed by the exact entry `lens: sent nothing` (`body: sent nothing`), never by a pattern.
        An end of the session is allowed by a pattern after `session: `, also where the test has caught its error.

        Raises:
            AssertionError: see above; shows the timeline.
        """
        __tracebackhide__ = True
        self._ended_as_allowed()
        peer = self._engine.role.peer
        silent = f"{peer.value}: sent nothing"
        if silent not in self._allow:
            self._wait(
                lambda: self.log.count(peer) or self._ended_as_allowed(), REPLY_TIMEOUT_S, self._ended_as_allowed
            )
            if not self.log.count(peer):
                self._fail(
                    f"nothing came from the {peer.value} on {self._name} in {self.now:.1f} s\n"
                    f"where that is meant, put {silent!r} into the marker's `allow`"
                )
        progress = script_progress(self._engine)
        if progress is not None and progress.steps and not progress.complete:
            self._fail(f"the test is over and its script is not: {progress.describe()}")
        reported = [f"{one.role.value}: {one.text}" for one in self.log.notices[self._checked :] if one.is_error]
        left = [text for text in reported if not any(fnmatchcase(text, pattern) for pattern in self._allow)]
        if left:
            listed = "\n".join(f"  {text}" for text in left[: self.lines])
            self._fail(f"errors that no assertion looked at; the marker's `allow` names those that may be:\n{listed}")

    def report(self, lines: int) -> Sequence[tuple[str, str]]:
        """What a failed test's report gets: with how late this computer was, since the peer sees that in our times."""
        jitter = self._session.jitter
        late = [("lateness", f"{jitter.total} deadlines met late by {jitter.summary()}")] if jitter.total else []
        return (*super().report(lines), *late)

    def close(self) -> None:
        """End the session, and with it the recording.

        Raises:
            MountError: the session had ended by itself, and no error was raised yet.
        """
        self._stop.set()
        self._thread.join(MAX_CLOSE_S)
        self.log.close()
        if not self._reported_error:
            self._ended_as_allowed()

    def _wait(self, ready: Callable[[], T], within: float, check: Callable[[], object] | None = None) -> T:
        __tracebackhide__ = True
        until = self.now + within
        while True:
            self._news.clear()
            value = ready()
            left = until - self.now
            if value or left <= 0:
                return value
            (check or self._check)()
            self._news.wait(min(left, POLL_INTERVAL_S))

    def _start_action(self, action: BodyAction[Any]) -> None:
        self._queued_actions.put(action.task(FAST_POLL_INTERVAL_S))

    def _note(self, text: str | None, *, waited: bool) -> None:
        """What was sent is in the recording, and is replayed from there."""

    def _replay(self) -> str:
        return self._reported

    def _tap(self, record: WireRecord) -> None:
        self._port.note(record)
        self.log.tap(record)

    def _listen(self, notice: Notice) -> None:
        """Record a notice; what a lens that never loses its power still sends from an earlier session is no error."""
        if notice.is_error and self._keeps_power and not self.log.count(Role.BODY):
            notice = replace(notice, text=f"before our first byte: {notice.text}", is_error=False)
        self.log.on_notice(notice)

    def _play(self) -> None:
        try:
            self._session.run(None, stop_when=self._start_queued)
        except Exception as error:
            # It belongs to the test, which runs in another thread.
            self._error = error
        finally:
            self._ended.set()
            self._news.set()

    def _start_queued(self) -> bool:
        """Begin what the test has asked for; whether the session is over."""
        try:
            while True:
                task = self._queued_actions.get_nowait()
                self._engine.now = self.now
                self._engine.spawn(task)
        except Empty:
            return self._stop.is_set()

    def _operate_control(self, lens: Engine, step: Step) -> Task:
        yield lens.now + FAST_POLL_INTERVAL_S
        lens.on_control(step)

    def _check(self) -> None:
        __tracebackhide__ = True
        if self._error is not None:
            self._reported_error = True
            if isinstance(self._error, MountError):
                self._fail(f"the session on {self._name} has ended: {self._error}")
            raise self._error

    def _ended_as_allowed(self) -> bool:
        """Whether the session has ended in a way that `allow` names.

        Raises:
            AssertionError: it has ended in another way.
        """
        __tracebackhide__ = True
        if isinstance(self._error, MountError):
            ending = f"{SESSION_PREFIX}{self._error}"
            if any(entry.startswith(SESSION_PREFIX) and fnmatchcase(ending, entry) for entry in self._allow):
                return True
        self._check()
        return False

    def _skip(self, what: str) -> NoReturn:
        pytest.skip(f"{what} the device on {self._name}")

    def _detached(self) -> None:
        # A body that lost its lens has to get to know it again before it can do anything.
        self._engine.done = False
