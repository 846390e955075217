"""The engine of a body of the open model: powers a lens, identifies it, and executes a script."""

from lensmount_emulator.engine.dialect_roles import RequestTask
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.roles.lmount import compatibility_rules
from lensmount_emulator.roles.lmount.body.engine_base import ANSWER, REPORT, BodyEngineBase, LensInfo
from lensmount_emulator.roles.lmount.body.frame_loop import report_handlers
from lensmount_emulator.roles.lmount.body.script import execute_step
from lensmount_emulator.roles.lmount.body.startup import start_up
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionReport, UpdateState
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT
from lensmount_protocol.dialects.lmount.identity import AccessoryReport
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, DETECT, FIRST_BAUDRATE, FSYNC, TXD, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import LensHello
from lensmount_protocol.dialects.lmount.transitions import ASLEEP, OFF
from lensmount_protocol.dialects.lmount.types import UpdateStage
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Role

NO_LENS_S = 0.3
"""Time after which a body with a script gives up on an empty mount."""

RETRY_DELAY_S = 0.1
UPDATES = ("update", "rollback")
"""Steps after which a lens restarts, and the only steps for a lens in recovery."""

MAX_ATTEMPTS = 3
"""Number of power-ups for a lens that fails the greeting."""


class BodyEngine(BodyEngineBase):
    """A body of the open model, configured by its profile."""

    def on_start(self) -> None:
        """Wait for a lens and run the whole session."""
        self.spawn(_run_body(self))

    def on_line(self, edge: LineChanged) -> None:
        """Switch off the supply at once when the lens is detached."""
        if edge.line == DETECT and edge.level and self.levels.get(V_LOGIC):
            self.power_off()
            expected, self.expects_detach = self.expects_detach, False
            self.report("the lens is gone; supply off, lines at rest", is_error=not expected)
            if expected:
                # The script's task has ended with the lens.
                self.record_result("detach", Verdict.WORKS, "lines at rest, supply off")
                self.position += 1
                if self.position == len(self.script):
                    self.done = True
            self.restarting = True
            self.spawn(_run_body(self))

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Handle a frame: reports and events update the state; a message with a number answers an order."""
        if self.connection.state == OFF:
            # On a port without supply lines a lens may still send to the previous body.
            return
        if arrival.violation is not None:
            self.report_error(arrival.violation)
            return
        news = arrival.frame.class_ in (CYCLE, EVENT)
        for message in arrival.messages:
            if not isinstance(message, Message):
                self.report(f"passed over: {message.reason}")
            elif not news and isinstance(message, LensHello):
                self.lens_info.hello = message
                self.wake(ANSWER)
            elif news or isinstance(message, AccessoryReport):
                report_handlers(self, message)
                if isinstance(message, ExtensionReport):
                    self.extension_reports.append(message)
                    self.wake(REPORT)
            else:
                if isinstance(message, UpdateState) and message.stage == UpdateStage.RECOVERY:
                    self.lens_info.recovery = message
                self.on_reply(message)
        if self.lens_sleeps and self.connection.state != ASLEEP:
            # Another sender woke it; the script would not control it before its next step.
            self.restart("the lens was sent to sleep and answers")

    def restart(self, why: str) -> None:
        """Power-cycle the lens and identify it again; the current step of the script is repeated."""
        self.power_off()
        self.report(f"{why}; starts again", is_error=True)
        self.restarting = True
        self.spawn(_run_body(self))

    def power_off(self) -> None:
        """Switch the supply off: all lines idle, and the state of the lens is forgotten."""
        self.stop_tasks()
        self.clear_queue()
        self.streaming = self.lens_sleeps = False
        for line in (BODY_ATT, V_DRIVE, FSYNC, TXD, V_LOGIC):
            self.drive(line, False)
        self.set_baudrate(FIRST_BAUDRATE)
        self.lens_info, self.share = LensInfo(), None
        self.extension_reports.clear()
        self.connection.move("power lost", by=Role.BODY)


def _run_body(body: BodyEngine) -> Task:
    """Wait for a lens, identify it, and execute the script."""
    tries = 0
    while True:
        if not (yield body.level(DETECT, False, until=body.now + NO_LENS_S)):
            if body.script and not body.compatibility_results:
                body.record_result(
                    "attach", Verdict.REFUSED, "the contact of presence stays open", compatibility_rules.NO_CONTACTS
                )
                body.done = body.gave_up = True
            yield body.level(DETECT, False)
            body.gave_up = False
        yield body.after(body.settings.timing.detect)
        if DETECT in body.carried and body.levels.get(DETECT, False):
            # It bounced.
            continue
        try:
            known = yield from start_up(body)
        except LocalProtocolError as error:
            # An answer to another sender changed the link state during the start.
            body.report_error(error)
            known = False
        if known:
            break
        # A lens in recovery accepts only updates; the script may contain one.
        wanted = body.script[body.position].verb if body.position < len(body.script) else ""
        if body.lens_info.recovery is not None and wanted in UPDATES:
            yield from execute_step(body, body.script[body.position])
            if body.restarts:
                _start_from_new_image(body)
                return
        tries += 1
        body.power_off()
        goes_on = tries < MAX_ATTEMPTS or DETECT not in body.carried
        body.report("asks again" if goes_on else "gives up", is_error=True)
        if not goes_on:
            body.done = body.gave_up = True
            # Wait until the user detaches the lens and attaches it, or another one, again.
            yield body.level(DETECT, True)
            body.done = body.gave_up = False
            tries = 0
            continue
        body.compatibility_results = [
            finding for finding in body.compatibility_results if finding.verdict is not Verdict.REFUSED
        ]
        if (yield body.level(DETECT, True, until=body.now + RETRY_DELAY_S)):
            # Another lens may come, and has all attempts.
            tries = 0
    body.report("the lens reports")
    try:
        while body.position < len(body.script):
            yield from execute_step(body, body.script[body.position])
            if body.restarts:
                _start_from_new_image(body)
                return
            body.position += 1
    except LocalProtocolError as error:
        # The lens is not in the expected state: another sender addressed it.
        body.restart(str(error))
        return
    body.done, body.restarting = True, False


def execute_extra_step(engine: Engine, step: Step) -> Task:
    """Execute one step after the end of the script; after an update the lens is identified again."""
    assert isinstance(engine, BodyEngine)
    yield from execute_step(engine, step)
    if engine.restarts:
        engine.done = False
        _start_from_new_image(engine)
        yield Wait(ready=lambda: engine.done)


def request(engine: Engine, message: Message) -> RequestTask:
    """Send an order, and repeat it without an answer, as the body itself does.

    Raises:
        LocalProtocolError: it is no order of a body: it has no number that identifies the answer.
    """
    assert isinstance(engine, BodyEngine)
    if message.SENDER is not Role.BODY or not hasattr(message, "number"):
        raise LocalProtocolError(f"{type(message).__name__} is no order of a body's; it cannot be asked")
    return (yield from engine.request(message))


def _start_from_new_image(body: BodyEngine) -> None:
    body.restarts = False
    body.position += 1
    body.compatibility_results = [
        finding for finding in body.compatibility_results if finding.rule != compatibility_rules.RECOVERY
    ]
    body.power_off()
    body.report("supply off, so that the lens starts from its new image")
    body.restarting = True
    body.spawn(_run_again(body))


def _run_again(body: BodyEngine) -> Task:
    yield body.now + RETRY_DELAY_S
    yield from _run_body(body)
