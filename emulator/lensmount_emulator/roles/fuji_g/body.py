"""The engine of a Fuji GFX body: power, start-up, polls every 40 ms, reactions to status and busy lines, and a script.

The order of the start-up and the pauses come from captures. What a real body decides is not in them: where to focus
and when is scripted. A lens that does not answer is switched off and on; that is our own model.
"""

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.fuji_g.body_base import BodyEngineBase
from lensmount_emulator.roles.fuji_g.sequences import execute_step, poll_lens, run_body
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.lines import AF_PULSE, CLK, DETECT, FOCUS_BUSY, IRIS_BUSY, SUPPLY
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Role


class BodyEngine(BodyEngineBase):
    """A Fuji GFX body, configured by its profile."""

    def on_start(self) -> None:
        """Wait for a lens and run the whole session."""
        self.spawn(run_body(self))

    def join(self, now: float, first_poll: float) -> None:
        """Take the state of a body that has long started its lens, between two sessions.

        Args:
            now: seconds.
            first_poll: when the first poll is due, in seconds.
        """
        self.now = now
        for line in (SUPPLY, CLK, AF_PULSE):
            self.drive(line, True)
        self.levels |= {DETECT: False, FOCUS_BUSY: True, IRIS_BUSY: True}
        self.connection.move("power", by=Role.BODY)
        self.connection.move("ready", by=Role.LENS)
        self.started = self.done = True
        self.spawn(poll_lens(self, first_poll))

    def on_line(self, edge: LineChanged) -> None:
        """React to the lens's lines: detached, or a move that is over."""
        if edge.line == DETECT and edge.level and self.levels.get(SUPPLY):
            self.power_off("the lens is gone; supply off, lines at rest")
            self.spawn(run_body(self))
        elif edge.line in (FOCUS_BUSY, IRIS_BUSY) and edge.level and self.started and not self.parking:
            self.results_due += 1
            self.spawn(_ask_result(self, edge.line))


def _ask_result(body: BodyEngine, line: str) -> Task:
    """Ask for the result of a move, after a busy line went high."""
    yield body.after(body.settings.reaction_us)
    last: Message = c.PositionRequest(1) if line == FOCUS_BUSY else c.IrisStepRequest(1)
    for request in (c.BusyEndedCommand(), c.MoveResultRequest(), last):
        body.order(request)
    body.results_due -= 1


def execute_extra_step(engine: Engine, step: Step) -> Task:
    """Execute one more step of a body that is done with its script.

    Raises:
        LocalProtocolError: the body gave up on its lens, or is no body of this dialect.
    """
    if not isinstance(engine, BodyEngine) or engine.gave_up:
        raise LocalProtocolError("the body has given up on the lens; detach it and attach it")
    yield from execute_step(engine, step)
