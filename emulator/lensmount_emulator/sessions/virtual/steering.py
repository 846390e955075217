"""Steering of a virtual session that runs: its pace, steps of its body beyond the script, and orders with their times.

The pace maps the clock of a caller to virtual time, at a speed and with pauses; it reads no clock.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lensmount_emulator.engine.dialect_roles import DialectRoles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step, VerbArgumentParser
from lensmount_emulator.engine.tasks import Task
from lensmount_protocol.errors import DialectError, LocalProtocolError, MountError, ScriptError, unknown_name_message

MAX_SPEED = 1e6
"""Largest number of virtual seconds per second of the caller's clock."""


class Pacer:
    """The relation between a caller's clock and virtual time.

    Attributes:
        paused: whether virtual time stands still.
    """

    __slots__ = ("_anchor", "_speed", "paused")

    def __init__(self) -> None:
        self.paused = False
        self._speed = 1.0
        self._anchor: tuple[float, float] | None = None

    @property
    def speed(self) -> float:
        """Virtual seconds per second of the caller's clock."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        if not 0 < value <= MAX_SPEED:
            raise ValueError(f"speed is {value:g}; give more than 0 and at most {MAX_SPEED:g}, or pause the session")
        self._speed = float(value)
        self._anchor = None

    def pause(self) -> None:
        """Let virtual time stand still."""
        self.paused = True
        self._anchor = None

    def resume(self) -> None:
        """Let virtual time pass from the next call of `target` on."""
        self.paused = False

    def target(self, clock: float, now: float, limit: float) -> float:
        """Return the virtual time that belongs to a time of the caller's clock.

        The first call, and the first after a change, returns `now`: time passes from then on.

        Args:
            clock: time of the caller's clock, in seconds.
            now: virtual time.
            limit: virtual seconds that may pass at most; time beyond it is dropped.
        """
        if self.paused:
            return now
        if self._anchor is None:
            self._anchor = clock, now
            return now
        began, since = self._anchor
        wanted = since + (clock - began) * self._speed
        if wanted <= now:
            return now
        if wanted > now + limit:
            self._anchor = clock, now + limit
            return now + limit
        return wanted

    def due(self, when: float | None) -> float | None:
        """Return the time of the caller's clock that belongs to a virtual time; `None`: nothing is due by itself."""
        if self.paused or self._anchor is None or when is None:
            return None
        began, since = self._anchor
        clock = began + (when - since) / self._speed
        # Rounding must not give a time that maps to just before the event: the caller would never reach it.
        while since + (clock - began) * self._speed < when:
            clock = math.nextafter(clock, math.inf)
        return clock


ExecuteStep = Callable[[Engine, Step], Task]
"""Makes the task of one step; `DialectRoles.execute_step`."""

MAX_STEPS = 10_000
"""Steps that a body takes in one session at most."""


@dataclass(slots=True, eq=False)
class ScriptRun:
    """Steps that were added to the script of a body, and their progress.

    Attributes:
        steps: the steps.
        body: the body.
        first: index of the first of them in the script of the body.
        error: why the body did not take the rest of them; `None` while there is no such error.
    """

    steps: tuple[Step, ...]
    body: Engine
    first: int
    error: MountError | None = None

    @property
    def position(self) -> int:
        """Number of steps that the body has finished."""
        return min(max(self.body.position - self.first, 0), len(self.steps))

    @property
    def done(self) -> bool:
        """Whether the body has finished every step."""
        return self.error is None and self.position == len(self.steps)

    @property
    def over(self) -> bool:
        """Whether nothing more of it happens: done, ended by an error, or given up with the lens."""
        return self.error is not None or self.body.gave_up or self.position == len(self.steps)

    def __repr__(self) -> str:
        state = "done" if self.done else "over" if self.over else "under way"
        return f"<{type(self).__name__} {'; '.join(step.text for step in self.steps)}: {state}, {self.position} steps>"


def step_maker(body: Engine, execute_step: ExecuteStep | None, place: str) -> ExecuteStep:
    """Return what makes the task of one further step of a body.

    Args:
        body: the body.
        execute_step: that of its dialect's roles.
        place: where its script is given, in words: `as its script`.

    Raises:
        DialectError: it takes no steps after its script.
    """
    if not body.takes_steps:
        raise DialectError(f"a body in C takes no more steps; give them {place}")
    if execute_step is None:
        raise DialectError(f"a body of {body.dialect.name} takes no more steps; give them {place}")
    return execute_step


def add_steps(body: Engine, steps: Sequence[Step], execute_step: ExecuteStep) -> tuple[ScriptRun, Task | None]:
    """Add steps to the script of a body.

    A body that still starts, or that has steps of its own to take, goes on to these by itself. For an idle body the
    caller spawns the returned task on it. If the body loses its lens meanwhile, it repeats the current step after it
    has identified the lens again, and then goes on.

    Raises:
        LocalProtocolError: the body gave up on its lens, or it would have too many steps.
    """
    if body.gave_up:
        raise LocalProtocolError("the body gave up on the lens; detach the lens and attach it, then repeat the steps")
    if len(body.script) + len(steps) > MAX_STEPS:
        raise LocalProtocolError(f"a body takes at most {MAX_STEPS} steps in a session; start another session")
    run = ScriptRun(tuple(steps), body, len(body.script))
    body.script = (*body.script, *steps)
    if not steps or not body.done:
        return run, None
    body.done = False
    return run, None if body.restarting else _take_steps(run, execute_step)


def _take_steps(run: ScriptRun, execute_step: ExecuteStep) -> Task:
    """Take every step of the script that is left; also those that are added meanwhile."""
    body = run.body
    try:
        while (index := body.position) < len(body.script):
            yield from execute_step(body, body.script[index])
            # A step that restarts the lens counts itself.
            body.position = max(body.position, index + 1)
    except MountError as error:
        # The steps after it were written for a body that has taken it.
        run.error = error
        body.report_error(error)
        body.script = body.script[: body.position]
    body.done = True


WAIT = "wait"
"""The verb with which a script lets time pass; an operator acts at once."""


def operator_verbs(roles: DialectRoles) -> dict[str, VerbArgumentParser]:
    """The verbs of an operator who acts at once: those of the lens without `wait`."""
    return {verb: parse for verb, parse in roles.lens_verbs.items() if verb != WAIT}


ORDER_KINDS = {"script": True, "operate": True, "fault": True, "attach": False, "detach": False}
"""What may be ordered of a running session -> whether it has a text: steps of the body, actions of the operator at the
lens, a fault from then on, and the attachment of the lens."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is done to a session while it runs.

    Attributes:
        at: virtual time, in seconds.
        kind: a key of `ORDER_KINDS`.
        text: the steps, actions or fault; `""` for an attachment.
    """

    at: float
    kind: str
    text: str = ""

    def __str__(self) -> str:
        """The text form, which `parse_order` reads back to the same order."""
        return f"{self.at!r} {self.kind} {self.text}".strip()


def parse_order(text: str) -> Order:
    """An order from its text form: `0.5 script focus +200`, `1.2s fault drop rate=0.1`, `2 detach`.

    Raises:
        ScriptError: it has no time, or its kind is unknown or lacks its text.
    """
    when, _, rest = text.strip().partition(" ")
    kind, _, what = rest.strip().partition(" ")
    try:
        at = float(when.removesuffix("s"))
    except ValueError:
        at = math.nan
    if not 0 <= at < math.inf:
        raise ScriptError(f"order {text!r}: begin with the virtual time in seconds: 0.5 script focus +200")
    if kind not in ORDER_KINDS:
        raise ScriptError(f"order {text!r}: {unknown_name_message('kind of order', kind, ORDER_KINDS)}")
    if bool(what.strip()) is not ORDER_KINDS[kind]:
        raise ScriptError(f"order {text!r}: {kind} takes {'a text after it' if ORDER_KINDS[kind] else 'no text'}")
    return Order(at, kind, what.strip())


def parse_orders(texts: Iterable[str]) -> list[Order]:
    """The orders of a session by time; those of the same time in the order in which they are given.

    Raises:
        ScriptError: as `parse_order`.
    """
    return sorted(map(parse_order, texts), key=lambda order: order.at)
