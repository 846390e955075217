"""Steps that a body takes while its session runs: they follow its script, and survive a restart of the body."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_protocol.errors import LocalProtocolError, MountError

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
