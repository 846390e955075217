"""How far an end came with its script, step by step."""

from dataclasses import dataclass

from lensmount_emulator.roles.engine import Engine
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class ScriptProgress:
    """How far a script came.

    Attributes:
        done: steps that are done.
        steps: every step, as it was written.
        over: whether the engine is done with it: carried out, or given up.
        gave_up: whether it was given up.
    """

    done: int
    steps: tuple[str, ...]
    over: bool
    gave_up: bool = False

    @property
    def complete(self) -> bool:
        """Whether every step was carried out."""
        return self.over and not self.gave_up and self.done >= len(self.steps)

    @property
    def stopped_at(self) -> str:
        """The step that was not carried out; `""` where there is none."""
        return "" if self.done >= len(self.steps) else self.steps[self.done]

    def describe(self) -> str:
        """The progress in a few words: `1 of 3 steps done, stopped at "aperture f/8"`."""
        if not self.steps:
            return "done" if self.complete else "the start-up was not completed"
        told = f"{min(self.done, len(self.steps))} of {len(self.steps)} steps done"
        if self.done >= len(self.steps):
            return told if self.complete else f"{told}, its end was not reached"
        how = "given up" if self.over else "stopped"
        return f'{told}, {how} at "{self.stopped_at}"'


def script_progress(engine: Engine) -> ScriptProgress | None:
    """How far an engine came with its script; `None` for a lens without one, which has nothing to complete."""
    steps = tuple(step.text for step in engine.script)
    if engine.role is Role.LENS:
        return ScriptProgress(engine.position, steps, engine.position >= len(steps)) if steps else None
    # An engine of another package may say that it is done without counting its steps.
    carried_out = len(steps) if engine.done and not engine.gave_up else engine.position
    return ScriptProgress(carried_out, steps, engine.done, engine.gave_up)
