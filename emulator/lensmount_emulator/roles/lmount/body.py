"""The body end of the open model: powers a lens, gets to know it, and does what a script says."""

from lensmount_emulator.roles.cast import Asking
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.findings import Verdict
from lensmount_emulator.roles.lmount import rules
from lensmount_emulator.roles.lmount.body_core import ANSWER, REPORT, BodyCore, Known
from lensmount_emulator.roles.lmount.body_cycle import hear
from lensmount_emulator.roles.lmount.body_greeting import get_to_know
from lensmount_emulator.roles.lmount.body_script import carry_out
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT
from lensmount_protocol.dialects.lmount.identity import AccessoryReport
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, DETECT, FIRST_BAUDRATE, FSYNC, TXD, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import LensHello
from lensmount_protocol.dialects.lmount.transitions import ASLEEP, OFF
from lensmount_protocol.dialects.lmount.types import UpdateStage
from lensmount_protocol.dialects.lmount.update import PageReport, UpdateState
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Role

NO_LENS_S = 0.3
"""A body with a script gives up on a mount on which nothing is seen for so long."""

BEFORE_NEXT_TRY_S = 0.1
UPDATES = ("update", "rollback")
"""Steps behind which a lens starts anew, and the only ones for a lens in recovery."""

TRIES = 3
"""How often a lens that does not get through the greeting is given its supply anew."""


class BodyEngine(BodyCore):
    """A body as its profile describes it."""

    def on_start(self) -> None:
        """Wait for a lens and take it all the way."""
        self.spawn(_live(self))

    def on_line(self, edge: LineChanged) -> None:
        """A lens that is taken off loses its power at once."""
        if edge.line == DETECT and edge.level and self.levels.get(V_LOGIC):
            self.power_off()
            expected, self.expects_detach = self.expects_detach, False
            self.tell("the lens is gone; supply off, lines at rest", trouble=not expected)
            if expected:
                # The task of the script went with the lens.
                self.find("detach", Verdict.WORKS, "lines at rest, supply off")
                self.position += 1
                if self.position == len(self.script):
                    self.done = True
            self.spawn(_live(self))

    def on_arrival(self, arrival: Arrival) -> None:
        """Reports and news are heard; what carries a number answers an order."""
        if self.connection.state == OFF:
            # On a port without supply lines a lens may still speak to the body that was there before.
            return
        if arrival.violation is not None:
            self.tell_error(arrival.violation)
            return
        news = arrival.frame.class_ in (CYCLE, EVENT)
        for message in arrival.messages:
            if not isinstance(message, Message):
                self.tell(f"passed over: {message.reason}")
            elif not news and isinstance(message, LensHello):
                self.known.hello = message
                self.wake(ANSWER)
            elif news or isinstance(message, AccessoryReport):
                hear(self, message)
                if isinstance(message, PageReport):
                    self.page_reports.append(message)
                    self.wake(REPORT)
            else:
                if isinstance(message, UpdateState) and message.stage == UpdateStage.RECOVERY:
                    self.known.recovery = message
                self.take_answer(message)
        if self.lens_sleeps and self.connection.state != ASLEEP:
            # Somebody else spoke to it; nobody would look after it until the script goes on, if it does.
            self.start_anew("the lens was sent to sleep and answers")

    def start_anew(self, why: str) -> None:
        """Take the lens's supply and get to know it again; the step of the script that was under way is repeated."""
        self.power_off()
        self.tell(f"{why}; starts anew", trouble=True)
        self.spawn(_live(self))

    def power_off(self) -> None:
        """Take the supply: everything at rest, and all forgotten that was learned."""
        self.stop_tasks()
        self.silence()
        self.streaming = self.lens_sleeps = False
        for line in (BODY_ATT, V_DRIVE, FSYNC, TXD, V_LOGIC):
            self.drive(line, False)
        self.set_baudrate(FIRST_BAUDRATE)
        self.known, self.share = Known(), None
        self.page_reports.clear()
        self.connection.move("power lost", by=Role.BODY)


def _live(body: BodyEngine) -> Task:
    """Wait for a lens, get to know it, and do what the script says."""
    tries = 0
    while True:
        if not (yield body.level(DETECT, False, until=body.now + NO_LENS_S)):
            if body.script and not body.findings:
                body.find("attach", Verdict.REFUSED, "the contact of presence stays open", rules.NO_CONTACTS)
                body.done = body.gave_up = True
            yield body.level(DETECT, False)
            body.gave_up = False
        yield body.after(body.settings.timing.detect)
        if DETECT in body.carried and body.levels.get(DETECT, False):
            # It bounced.
            continue
        try:
            known = yield from get_to_know(body)
        except LocalProtocolError as error:
            # Somebody else's answer moved the link on in the midst of ours.
            body.tell_error(error)
            known = False
        if known:
            break
        # A lens in recovery can do nothing else; perhaps that is just what the script wants.
        wanted = body.script[body.position].verb if body.position < len(body.script) else ""
        if body.known.recovery is not None and wanted in UPDATES:
            yield from carry_out(body, body.script[body.position])
            if body.restarts:
                _start_from_new_image(body)
                return
        tries += 1
        body.power_off()
        goes_on = tries < TRIES or DETECT not in body.carried
        body.tell("asks again" if goes_on else "gives up", trouble=True)
        if not goes_on:
            body.done = body.gave_up = True
            # Until somebody takes it off and puts it, or another one, on again.
            yield body.level(DETECT, True)
            body.done = body.gave_up = False
            tries = 0
            continue
        body.findings = [finding for finding in body.findings if finding.verdict is not Verdict.REFUSED]
        yield body.now + BEFORE_NEXT_TRY_S
    body.tell("the lens reports")
    try:
        while body.position < len(body.script):
            yield from carry_out(body, body.script[body.position])
            if body.restarts:
                _start_from_new_image(body)
                return
            body.position += 1
    except LocalProtocolError as error:
        # The lens is elsewhere than this end believed: somebody else spoke to it.
        body.start_anew(str(error))
        return
    body.done = True


def one_more_step(engine: Engine, step: Step) -> Task:
    """Do one step for a body that is done with its script; behind an update the lens is got to know again."""
    assert isinstance(engine, BodyEngine)
    yield from carry_out(engine, step)
    if engine.restarts:
        engine.done = False
        _start_from_new_image(engine)
        yield Wait(ready=lambda: engine.done)


def ask(engine: Engine, message: Message) -> Asking:
    """Send an order, and again where no answer comes, as the body itself does.

    Raises:
        LocalProtocolError: it is no order of a body: it has no number, by which an answer could be told.
    """
    assert isinstance(engine, BodyEngine)
    if message.SENDER is not Role.BODY or not hasattr(message, "number"):
        raise LocalProtocolError(f"{type(message).__name__} is no order of a body's; it cannot be asked")
    return (yield from engine.ask(message))


def _start_from_new_image(body: BodyEngine) -> None:
    body.restarts = False
    body.position += 1
    body.findings = [finding for finding in body.findings if finding.rule != rules.RECOVERY]
    body.power_off()
    body.tell("supply off, so that the lens starts from its new image")
    body.spawn(_again(body))


def _again(body: BodyEngine) -> Task:
    yield body.now + BEFORE_NEXT_TRY_S
    yield from _live(body)
