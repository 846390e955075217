"""A body and a lens as a test sees them: what it can have them do, what it can wait for, and what it hears."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar, overload

from lensmount_emulator.pytest_plugin.clean import all_wrong
from lensmount_emulator.pytest_plugin.deeds import Deed, one_after_the_other
from lensmount_emulator.pytest_plugin.expecting import differences, found, worded
from lensmount_emulator.pytest_plugin.heard import Heard, Recording
from lensmount_emulator.pytest_plugin.telling import sections, timeline, with_timeline
from lensmount_emulator.roles.cast import Cast
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.findings import Finding
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.script import Step, parse_script
from lensmount_emulator.sessions.chain import Chain
from lensmount_protocol.decoder import Decoded
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Record, Role

M = TypeVar("M", bound=Message)
T = TypeVar("T")

PATIENCE_S = 10.0
"""What a test waits for something to become true, unless it says otherwise."""

LONGEST_DEED_S = 60.0
"""What a test waits for a script to be carried out, unless it says otherwise."""

PAUSE = "wait"
"""The verb of a script that lets time pass."""

OFF = "detach"
"""The verb of a script that takes the lens off, so that what is under way ends with it."""


class Mounted(ABC):
    """A body and a lens that have met; on a port one of the two is the device.

    Attributes:
        dialect: what is spoken.
        cast: who plays it.
        heard: all that was said.
        lines: lines of the timeline that a failed assertion tells.
    """

    def __init__(self, dialect: Dialect, cast: Cast, heard: Heard, lines: int) -> None:
        self.dialect = dialect
        self.cast = cast
        self.heard = heard
        self.lines = lines
        self._seen = 0
        self._judged = 0

    def __repr__(self) -> str:
        return f"<{self.dialect.name} at {self.now:.6f} s, {len(self.heard.records)} records heard>"

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
    def bench(self) -> Chain:
        """Contacts and virtual time; on a port the test is skipped."""

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds since the mount was made: virtual ones, or those of the host where a port is played on."""

    @property
    @abstractmethod
    def violations(self) -> list[str]:
        """What an end did that would hurt a real one; on a port nobody can tell."""

    @property
    @abstractmethod
    def judges_timing(self) -> bool:
        """Whether times are those of the wire, so that the timing contract can be judged."""

    @abstractmethod
    def run(self, seconds: float) -> None:
        """Let so much time pass."""

    @abstractmethod
    def hand(self, text: str) -> None:
        """Have the hand at the lens do something, at once: `zoom 70`, `turn focus 30`; the test goes on meanwhile.

        Raises:
            ScriptError: a verb or value that no hand knows.
        """

    @abstractmethod
    def take_off(self) -> None:
        """Take the lens off the body."""

    @abstractmethod
    def put_on(self) -> None:
        """Put the lens back on the body."""

    @abstractmethod
    def close(self) -> None:
        """The test is over."""

    @abstractmethod
    def judge(self) -> None:
        """Fail a test that passed although its device did not do its part; a virtual mount has none."""

    @abstractmethod
    def _wait(self, ready: Callable[[], T], within: float) -> T:
        """Wait until something is true, and give what it was at last."""

    @abstractmethod
    def _begin(self, deed: Deed[Any]) -> None:
        """Have the body begin something."""

    @abstractmethod
    def _note(self, text: str | None, *, waited: bool) -> None:
        """A deed is about to begin, for who tells of it later; without a text it cannot be said as a script."""

    @abstractmethod
    def _replay(self) -> str:
        """The command that shows the session again."""

    @property
    def notices(self) -> list[Notice]:
        """What the engines told, in order."""
        return list(self.heard.notices)

    @property
    def findings(self) -> list[Finding]:
        """What `check` steps came to."""
        return list(self.body.findings)

    @property
    def records(self) -> list[Record]:
        """Every byte and edge so far."""
        return list(self.heard.records)

    @property
    def events(self) -> list[Decoded]:
        """The same, decoded."""
        return list(self.heard.events)

    @property
    def recording(self) -> Recording:
        """The file of what was heard, and its records."""
        return Recording(lambda: self.heard)

    @overload
    def messages(self, kind: None = None, role: Role | str | None = None) -> list[Message]: ...

    @overload
    def messages(self, kind: type[M], role: Role | str | None = None) -> list[M]: ...

    def messages(self, kind: Any = None, role: Role | str | None = None) -> Any:
        """Messages of a class, of a sender (`"body"`, `"lens"`), or all, in the order in which they were said."""
        return self.heard.messages(kind, role)

    def until(self, condition: Callable[[], T], within: float = PATIENCE_S) -> T:
        """Let time pass until something is true, and give it.

        Args:
            condition: asked whenever something has happened.
            within: seconds, at the longest.

        Raises:
            AssertionError: it did not become true; tells the timeline.
        """
        __tracebackhide__ = True
        value = self._wait(condition, within)
        if not value:
            self._fail(f"it did not become true within {within:g} s, up to {self.now * 1e3:.3f} ms")
        return value

    def do(self, text: str, within: float = LONGEST_DEED_S, *, wait: bool = True) -> list[Notice]:
        """Have the body carry out a script, and give what the engines told meanwhile.

        Args:
            text: `focus 2m; aperture f/8`.
            within: seconds that the body may take to get to know the lens, and for each step.
            wait: whether to wait for the end of it; else the test goes on while the body works.

        Raises:
            ScriptError: a verb or value that nobody knows.
            DialectError: the dialect's cast takes no more steps behind its script.
            AssertionError: it was not done in time, or the lens was gone; tells the timeline.
        """
        __tracebackhide__ = True
        body, carry_out = self.body, self.cast.carry_out
        if carry_out is None:
            raise DialectError(f"a body of {self.dialect.name} takes no more steps; give them to mount(script=…)")
        steps = parse_script(text, self.cast.verbs)
        told = len(self.heard.notices)
        self._await_body(within)
        self._seen = len(self.heard.said)
        for step in steps if wait else ():
            self._await_body(within)
            self._carry_out(Deed(body, partial(carry_out, body, step)), step, within)
        if not wait:
            for step in steps:
                self._note(step.text, waited=False)
            self._begin(Deed(body, partial(one_after_the_other, body, carry_out, steps)))
        return self.heard.notices[told:]

    def ask(self, message: Message, within: float = PATIENCE_S) -> Message | None:
        """Have the body send a message of the test's own wording, and give the answer; `None` where none came.

        Raises:
            LocalProtocolError: it cannot be asked, or not now.
            DialectError: the dialect's cast asks for nobody.
            AssertionError: the body was not ready, or the lens was gone; tells the timeline.
        """
        __tracebackhide__ = True
        body, ask = self.body, self.cast.ask
        if ask is None:
            raise DialectError(f"a body of {self.dialect.name} asks for nobody: its cast has no `ask`")
        self._await_body(within)
        self._seen = len(self.heard.said)
        deed = Deed(body, partial(ask, body, message))
        self._note(None, waited=True)
        self._finish(deed, type(message).__name__, within)
        return deed.result

    def expect(self, kind: type[M], /, *, within: float = 1.0, **fields: Any) -> M:
        """Wait for a message with these fields, and give it.

        What came since the last `do`, `ask` or `hand` began counts, unless it was expected before.

        Args:
            kind: class of the message.
            within: seconds to wait, at the longest.
            fields: values of its fields.

        Raises:
            AssertionError: it did not come; tells what came instead, and the timeline.
            TypeError: a field that the message does not have.
        """
        __tracebackhide__ = True
        wanted = worded(kind, fields)
        since, begun = self._seen, self.now
        place = self._wait(lambda: found(self.heard.said, since, kind, fields), within)
        if place is None:
            came = [said.message for said in self.heard.said[since:] if isinstance(said.message, kind)]
            self._fail(f"no {wanted} within {within:g} s of {begun * 1e3:.3f} ms; " + differences(kind, came, fields))
        self._seen = place.behind
        message = place.message
        assert isinstance(message, kind)
        return message

    def assert_clean(self, allow: Sequence[str] = ()) -> None:
        """Hold that nothing went wrong: no errors, no garbage, no violation of timing or of what contacts can bear.

        On a port the times are the host's, so the timing contract is not judged there.

        Args:
            allow: patterns of what may have gone wrong: `"body: the lens is gone*"`.

        Raises:
            AssertionError: something did; tells each, and the timeline around the first.
        """
        __tracebackhide__ = True
        wrong = all_wrong(self.heard, self.violations, allow, judge_timing=self.judges_timing)
        if wrong:
            more = [f"… and {len(wrong) - self.lines} more"] if len(wrong) > self.lines else []
            listed = "\n".join([f"  {one}" for one in wrong[: self.lines]] + more)
            self._fail(f"{len(wrong)} thing{'s' if len(wrong) > 1 else ''} went wrong:\n{listed}", wrong[0].at)
        self._judged = len(self.heard.notices)

    def timeline(self, lines: int | None = None) -> list[str]:
        """The last lines of the story so far, times in milliseconds."""
        return timeline(self.heard, lines or self.lines)

    def report(self, lines: int) -> Sequence[tuple[str, str]]:
        """What a failed test's report gets: a name and a text each."""
        return sections(self.heard, lines, self._replay())

    def _hand_steps(self, text: str) -> list[Step]:
        # The hand acts now; what lets time pass is for a lens that has a script of its own.
        verbs = {verb: reader for verb, reader in self.cast.lens_verbs.items() if verb != PAUSE}
        self._seen = len(self.heard.said)
        return parse_script(text, verbs)

    def _await_body(self, within: float) -> None:
        __tracebackhide__ = True
        body = self.body
        if not self._wait(lambda: body.done, within):
            self._fail(f"the body was not ready within {within:g} s")
        if body.gave_up:
            self._fail("the body gave up on the lens, which does not get through its start")

    def _carry_out(self, deed: Deed[Any], step: Step, within: float) -> None:
        __tracebackhide__ = True
        self._note(step.text, waited=True)
        self._finish(deed, step.text, within, may_end=step.verb == OFF)

    def _finish(self, deed: Deed[Any], what: str, within: float, *, may_end: bool = False) -> None:
        __tracebackhide__ = True
        self._begin(deed)
        if not self._wait(lambda: deed.over, within):
            self._fail(f"{what}: not done within {within:g} s")
        if deed.error is not None:
            raise deed.error
        if deed.cut and not may_end:
            self._fail(f"{what}: the lens was gone before it was done")

    def _fail(self, what: str, around: float | None = None) -> NoReturn:
        __tracebackhide__ = True
        raise AssertionError(with_timeline(what, self.heard, self.lines, around))
