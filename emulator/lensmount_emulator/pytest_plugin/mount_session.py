"""The session of a body and a lens in a test: actions, waits, and the received traffic.

Something that a test has a body do, and what comes of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar, overload

from lensmount_emulator.engine.dialect_roles import DialectRoles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import Step, parse_script
from lensmount_emulator.engine.tasks import Task, WaitFor
from lensmount_emulator.engine.verdicts import CompatibilityResult
from lensmount_emulator.pytest_plugin.failure_report import append_timeline, report_sections, timeline
from lensmount_emulator.pytest_plugin.traffic_log import (
    Recording,
    TrafficLog,
    collect_problems,
    find_message,
    format_expectation,
    format_mismatch,
)
from lensmount_emulator.sessions.virtual.steering import operator_verbs, step_maker
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.decoder import Decoded
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, MountError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, WireRecord

R = TypeVar("R")


class BodyAction(Generic[R]):
    """A task of an engine the end of which a test waits for.

    Attributes:
        over: whether it has ended, however it went.
        was_cut: whether it was ended from outside, as a loss of power does.
        error: why it could not be done.
        result: what came of it.
    """

    def __init__(self, engine: Engine, make: Callable[[], Generator[WaitFor, bool, R]]) -> None:
        self.engine = engine
        self.over = self.was_cut = False
        self.error: MountError | None = None
        self.result: R | None = None
        self._make = make

    def task(self, delay: float = 0.0) -> Task:
        """Run the action as a task; it starts so many seconds from now."""
        try:
            if delay:
                yield self.engine.now + delay
            self.result = yield from self._make()
        except MountError as error:
            self.error = error
        except GeneratorExit:
            self.was_cut = True
            raise
        finally:
            self.over = True


def run_steps(body: Engine, execute_step: Callable[[Engine, Step], Task], steps: Sequence[Step]) -> Task:
    """Steps of a script, each when the one before is done."""
    for step in steps:
        yield from execute_step(body, step)


M = TypeVar("M", bound=Message)
T = TypeVar("T")

DEFAULT_TIMEOUT_S = 10.0
"""Default timeout of a wait for a condition, in seconds."""

MAX_ACTION_S = 60.0
"""Default timeout of a script, in seconds."""

DETACH = "detach"
"""The verb of a script that takes the lens off, so that what is under way ends with it."""


class MountSession(ABC):
    """A body and a lens that have met; on a port one of the two is the device.

    Attributes:
        dialect: the dialect.
        roles: who plays it.
        log: all traffic.
        lines: lines of the timeline in the text of a failed assertion.
    """

    def __init__(self, dialect: Dialect, roles: DialectRoles, log: TrafficLog, lines: int) -> None:
        self.dialect = dialect
        self.roles = roles
        self.log = log
        self.lines = lines
        self._seen = 0
        self._checked = 0

    def __repr__(self) -> str:
        return f"<{self.dialect.name} at {self.now:.6f} s, {len(self.log.records)} records received>"

    @property
    @abstractmethod
    def body(self) -> Engine:
        """The body's engine; where the body is the device on the port, the test is skipped."""

    @property
    @abstractmethod
    def lens(self) -> Engine:
        """The lens's engine; where the lens is the device on the port, the test is skipped."""

    @property
    @abstractmethod
    def virtual_session(self) -> VirtualSession:
        """Contacts and virtual time; on a port the test is skipped."""

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds since the mount was made: virtual ones, or those of the host where a port is played on."""

    @property
    @abstractmethod
    def violations(self) -> list[str]:
        """Return the actions of an end that would damage a real one; unknown on a port."""

    @property
    @abstractmethod
    def judges_timing(self) -> bool:
        """Whether times are those of the wire, so that the timing contract can be judged."""

    @abstractmethod
    def run(self, seconds: float) -> None:
        """Let so much time pass."""

    @abstractmethod
    def operate(self, text: str) -> None:
        """Operate a control of the lens, at once: `zoom 70`, `turn focus 30`; the test continues meanwhile.

        Raises:
            ScriptError: an unknown verb, or an invalid value.
        """

    @abstractmethod
    def detach(self) -> None:
        """Take the lens off the body."""

    @abstractmethod
    def attach(self) -> None:
        """Put the lens back on the body."""

    @abstractmethod
    def close(self) -> None:
        """The test is over."""

    @abstractmethod
    def check_device(self) -> None:
        """Fail a test that passed although its device did not do its part; a virtual mount has none."""

    @abstractmethod
    def _wait(self, ready: Callable[[], T], within: float) -> T:
        """Wait until something is true, and give what it was at last."""

    @abstractmethod
    def _start_action(self, action: BodyAction[Any]) -> None:
        """Have the body begin something."""

    @abstractmethod
    def _note(self, text: str | None, *, waited: bool) -> None:
        """Note an action for the replay command; without a text no script can express it."""

    @abstractmethod
    def _replay(self) -> str:
        """The command that shows the session again."""

    @property
    def notices(self) -> list[Notice]:
        """The notices of the engines, in order."""
        return list(self.log.notices)

    @property
    def compatibility(self) -> list[CompatibilityResult]:
        """The results of `check` steps."""
        return list(self.body.compatibility_results)

    @property
    def records(self) -> list[WireRecord]:
        """Every byte and edge so far."""
        return list(self.log.records)

    @property
    def events(self) -> list[Decoded]:
        """The same, decoded."""
        return list(self.log.events)

    @property
    def recording(self) -> Recording:
        """The recording file and its records."""
        return Recording(lambda: self.log)

    @overload
    def messages(self, kind: None = None, role: Role | str | None = None) -> list[Message]: ...

    @overload
    def messages(self, kind: type[M], role: Role | str | None = None) -> list[M]: ...

    def messages(self, kind: Any = None, role: Role | str | None = None) -> Any:
        """Messages of a class, of a sender (`"body"`, `"lens"`), or all, in the order in which they were sent."""
        return self.log.messages(kind, role)

    def wait_until(self, condition: Callable[[], T], within: float = DEFAULT_TIMEOUT_S) -> T:
        """Let time pass until something is true, and give it.

        Args:
            condition: asked whenever something has happened.
            within: seconds, at the longest.

        Raises:
            AssertionError: it did not become true; the text has the timeline.
        """
        __tracebackhide__ = True
        value = self._wait(condition, within)
        if not value:
            self._fail(f"it did not become true within {within:g} s, up to {self.now * 1e3:.3f} ms")
        return value

    def run_script(self, text: str, within: float = MAX_ACTION_S, *, wait: bool = True) -> list[Notice]:
        """Have the body run a script; return the notices of the engines meanwhile.

        Args:
            text: `focus 2m; aperture f/8`.
            within: seconds that the body may take to get to know the lens, and for each step.
            wait: whether to wait for the end of it; else the test goes on while the body works.

        Raises:
            ScriptError: an unknown verb or value.
            DialectError: the dialect's roles take no more steps after the script.
            AssertionError: it was not done in time, or the lens was gone; the text has the timeline.
        """
        __tracebackhide__ = True
        body = self.body
        carry_out = step_maker(body, self.roles.execute_step, "to mount(script=…)")
        steps = parse_script(text, self.roles.verbs)
        seen_notices = len(self.log.notices)
        self._await_body(within)
        self._seen = len(self.log.messages_log)
        for step in steps if wait else ():
            self._await_body(within)
            self._run_action(BodyAction(body, partial(carry_out, body, step)), step, within)
        if not wait:
            for step in steps:
                self._note(step.text, waited=False)
            self._start_action(BodyAction(body, partial(run_steps, body, carry_out, steps)))
        return self.log.notices[seen_notices:]

    def request(self, message: Message, within: float = DEFAULT_TIMEOUT_S) -> Message | None:
        """Have the body send a message of the test's own wording, and give the answer; `None` where none came.

        Raises:
            LocalProtocolError: it cannot be asked, or not now.
            DialectError: the dialect's roles have no `ask`.
            AssertionError: the body was not ready, or the lens was gone; the text has the timeline.
        """
        __tracebackhide__ = True
        body, ask = self.body, self.roles.request
        if not body.takes_steps:
            raise DialectError("a body in C sends what it decides itself; a test cannot have it send requests")
        if ask is None:
            raise DialectError(f"a body of {self.dialect.name} sends no requests: its roles have no `ask`")
        self._await_body(within)
        self._seen = len(self.log.messages_log)
        action = BodyAction(body, partial(ask, body, message))
        self._note(None, waited=True)
        self._finish(action, type(message).__name__, within)
        return action.result

    def expect(self, kind: type[M], /, *, within: float = 1.0, **fields: Any) -> M:
        """Wait for a message with these fields, and give it.

        Counts what arrived since the last `run_script`, `request` or `operate` began, unless it was expected before.

        Args:
            kind: class of the message.
            within: seconds to wait, at the longest.
            fields: values of its fields.

        Raises:
            AssertionError: it did not come; the text has what came instead, and the timeline.
            TypeError: a field that the message does not have.
        """
        __tracebackhide__ = True
        wanted = format_expectation(kind, fields)
        since, begun = self._seen, self.now
        place = self._wait(lambda: find_message(self.log.messages_log, since, kind, fields), within)
        if place is None:
            came = [logged.message for logged in self.log.messages_log[since:] if isinstance(logged.message, kind)]
            self._fail(
                f"no {wanted} within {within:g} s of {begun * 1e3:.3f} ms; " + format_mismatch(kind, came, fields)
            )
        self._seen = place.later_count
        message = place.message
        assert isinstance(message, kind)
        return message

    def assert_clean(self, allow: Sequence[str] = ()) -> None:
        """Hold that nothing went wrong: no errors, no garbage, no violation of timing or of what contacts can bear.

        On a port the times are the host's, so the timing contract is not judged there.

        Args:
            allow: patterns of what may have gone wrong: `"body: the lens is gone*"`.

        Raises:
            AssertionError: something did; the text has each, and the timeline around the first.
        """
        __tracebackhide__ = True
        wrong = collect_problems(self.log, self.violations, allow, judge_timing=self.judges_timing)
        if wrong:
            more = [f"… and {len(wrong) - self.lines} more"] if len(wrong) > self.lines else []
            listed = "\n".join([f"  {one}" for one in wrong[: self.lines]] + more)
            self._fail(f"{len(wrong)} thing{'s' if len(wrong) > 1 else ''} went wrong:\n{listed}", wrong[0].at)
        self._checked = len(self.log.notices)

    def timeline(self, lines: int | None = None) -> list[str]:
        """Return the last lines of the timeline so far, times in milliseconds."""
        return timeline(self.log, lines or self.lines)

    def report(self, lines: int) -> Sequence[tuple[str, str]]:
        """What a failed test's report gets: a name and a text each."""
        return report_sections(self.log, lines, self._replay())

    def _control_steps(self, text: str) -> list[Step]:
        # The control is operated now; verbs that let time pass are for a lens with a script of its own.
        self._seen = len(self.log.messages_log)
        return parse_script(text, operator_verbs(self.roles))

    def _await_body(self, within: float) -> None:
        __tracebackhide__ = True
        body = self.body
        if not self._wait(lambda: body.done, within):
            self._fail(f"the body was not ready within {within:g} s")
        if body.gave_up:
            self._fail("the body gave up on the lens, which does not get through its start")

    def _run_action(self, action: BodyAction[Any], step: Step, within: float) -> None:
        __tracebackhide__ = True
        self._note(step.text, waited=True)
        self._finish(action, step.text, within, may_end=step.verb == DETACH)

    def _finish(self, action: BodyAction[Any], what: str, within: float, *, may_end: bool = False) -> None:
        __tracebackhide__ = True
        self._start_action(action)
        if not self._wait(lambda: action.over, within):
            self._fail(f"{what}: not done within {within:g} s")
        if action.error is not None:
            raise action.error
        if action.was_cut and not may_end:
            self._fail(f"{what}: the lens was gone before it was done")

    def _fail(self, what: str, around: float | None = None) -> NoReturn:
        __tracebackhide__ = True
        raise AssertionError(append_timeline(what, self.log, self.lines, around))
