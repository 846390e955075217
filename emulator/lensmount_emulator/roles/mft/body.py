"""The engine of a Micro Four Thirds body: supply, start-up, rounds with SHUTTER and FOCUS, orders, and a script.

The order of the start-up and the pauses are those of a program that plays an E-PL1. What a real body decides, and what
it does with a lens that fails, is not documented: orders are scripted, and a lens that fails is put to sleep and woken.
"""

from collections.abc import Callable, Mapping

from lensmount_emulator.engine.body_sessions import RETRY_DELAY_S, operator_step, run_sessions, wait_step
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step, VerbArgumentParser, no_argument, parse_count, parse_seconds
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.mft.body_base import WORK, BodyEngineBase, LensFailedError
from lensmount_emulator.roles.mft.profile import DIRECTIONS
from lensmount_protocol.dialects.mft import messages as m
from lensmount_protocol.dialects.mft.link import BODY_ACK, CLK, FOCUS, LENS_ACK, MOUNTED, SHUTTER, SLEEP, VDD
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Role

MAX_STARTS = 3
"""Starts of a lens that fails, before the body gives up; the behaviour of a real body is not known."""

SLEEP_S = 0.01
"""Time for which a lens that failed is put to sleep."""


class BodyEngine(BodyEngineBase):
    """A Micro Four Thirds body, configured by its profile."""

    def on_start(self) -> None:
        """Wait for a lens and run the whole session."""
        self.spawn(run_body(self))

    def on_line(self, edge: LineChanged) -> None:
        """Switch the supply off when the lens is gone."""
        if edge.line == MOUNTED and edge.level and self.levels.get(VDD):
            self.power_off("the lens is gone; supply off, lines at rest")
            self.spawn(run_body(self))


def run_body(body: BodyEngineBase) -> Task:
    """Power a lens, start it up, and run the script; a body that has given up waits for another lens."""
    return run_sessions(body, MOUNTED, lambda: _play_session(body), body.power_off)


def _play_session(body: BodyEngineBase) -> Task:
    yield from start_lens(body)
    while body.position < len(body.script):
        yield from execute_step(body, body.script[body.position])
        body.position += 1


def start_lens(body: BodyEngineBase) -> Task:
    """Switch the supply on, wake the lens, make the start-up, and begin the rounds."""
    body.forget()
    if not body.levels.get(VDD):
        body.connection.move("power", by=Role.BODY)
        body.drive(VDD, True)
        body.drive(CLK, True)
        yield body.after(body.settings.supply_ms * 1e3)
    yield from _wake(body)
    yield from _set_up(body)
    body.started = True
    body.spawn(_rounds(body))


def _wake(body: BodyEngineBase) -> Task:
    """Raise SLEEP, and wait for the pulse of LENS_ACK that answers BODY_ACK."""
    settings = body.settings
    body.connection.move("wake", by=Role.BODY)
    body.drive(SLEEP, True)
    yield body.after(settings.wake_ms * 1e3)
    body.drive(BODY_ACK, True)
    for level, what in ((True, "does not wake up"), (False, "stays in its first pulse")):
        in_time = yield body.level(LENS_ACK, level, until=body.now + settings.ready_timeout_ms * 1e-3)
        if not in_time:
            raise LensFailedError(f"the lens {what}")
    body.connection.move("ready", by=Role.LENS)
    yield body.after(settings.acknowledge_us)
    body.drive(BODY_ACK, False)
    yield body.after(settings.after_ready_ms * 1e3)


def _set_up(body: BodyEngineBase) -> Task:
    """The transactions of the start-up, in the order of an E-PL1."""
    hello = m.HelloCommand() if body.settings.hello == "F2" else m.OtherHelloCommand()
    yield from body.transact(hello)
    yield from body.transact(m.SetupRequest())
    yield from body.transact(m.ClockHoldCommand())
    body.drive(CLK, False)
    yield body.after(body.settings.clock_hold_ms * 1e3)
    body.drive(CLK, True)
    yield body.after(body.settings.acknowledge_us)
    identity = yield from body.transact(m.IdentityRequest())
    if isinstance(identity, m.IdentityReply):
        body.lens.identity = identity
        body.report(f"lens {m.format_text(identity.text)!r}")
    yield from body.transact(m.SetupWriteCommand(), m.SetupData())
    yield from _read_status(body)
    yield from body.transact(_direction(body.settings.ring_direction))
    yield from body.transact(m.SetupActionCommand())


def _direction(name: str) -> m.RingDirectionCommand:
    return m.RingDirectionCommand(bytes((0xFE, DIRECTIONS.index(name))))


def _read_status(body: BodyEngineBase) -> Task:
    standby = yield from body.transact(m.StandbyRequest(bytes.fromhex(body.settings.standby)))
    if isinstance(standby, m.StandbyReply):
        body.lens.standby = standby


def _rounds(body: BodyEngineBase) -> Task:
    """The rounds: SHUTTER, the status, at most one order, FOCUS."""
    settings = body.settings
    try:
        while True:
            body.rounds += 1
            yield body.after(settings.before_shutter_ms * 1e3)
            body.drive(SHUTTER, True)
            yield body.after(settings.shutter_us)
            body.drive(SHUTTER, False)
            yield body.after(settings.after_shutter_ms * 1e3)
            yield from _read_status(body)
            if body.rounds == settings.first_order_round:
                yield from body.transact(m.OrderCommand(m.FIRST_MASK), m.OrderData())
            elif body.queue:
                yield from _send_order(body)
            yield body.after(settings.before_toggle_ms * 1e3)
            body.drive(FOCUS, not body.levels.get(FOCUS, False))
    except LensFailedError as error:
        body.started = False
        body.report_error(error, f"{error}; the lens is put to sleep and woken")
        body.spawn(_restart(body))


def _send_order(body: BodyEngineBase) -> Task:
    """Send the first order of the queue; one that fails stays there for another start, but not for ever."""
    command, data = body.queue[0]
    body.failures += 1
    if body.failures <= MAX_STARTS:
        yield from body.transact(command, data)
    else:
        body.report(f"{type(command).__name__} failed {MAX_STARTS} times, and is dropped", is_error=True)
    body.failures = 0
    body.queue.popleft()
    body.orders_done += 1
    body.wake(WORK)


def _restart(body: BodyEngineBase) -> Task:
    """Put a lens that failed to sleep and start it again; after some attempts, switch it off and begin again."""
    for _ in range(MAX_STARTS):
        _put_to_sleep(body)
        yield body.now + SLEEP_S
        try:
            yield from start_lens(body)
        except LensFailedError as error:
            body.report_error(error)
        else:
            return
    body.power_off("the lens does not start again; supply off, tries again")
    body.spawn(run_body(body))


def _put_to_sleep(body: BodyEngineBase) -> None:
    body.drive(BODY_ACK, False)
    body.drive(SHUTTER, False)
    body.drive(SLEEP, False)
    body.connection.move("sleep", by=Role.BODY)


def execute_extra_step(engine: Engine, step: Step) -> Task:
    """Execute one more step of a body that is done with its script.

    Raises:
        LocalProtocolError: the body gave up on its lens, or is no body of this dialect.
    """
    if not isinstance(engine, BodyEngine) or engine.gave_up:
        raise LocalProtocolError("the body has given up on the lens; detach it and attach it")
    yield from execute_step(engine, step)


def execute_step(body: BodyEngineBase, step: Step) -> Task:
    """Execute one step and wait until the lens has acknowledged it."""
    body.report(f"script: {step.text}", kind=NoticeKind.SCRIPT_STEP, subject=step.text)
    yield from TASKS[step.verb](body, step)


def _order(body: BodyEngineBase, command: Message, data: Message | None = None) -> Task:
    """Queue an order and wait until its transaction is done."""
    if not body.levels.get(SLEEP):
        raise LocalProtocolError("the lens is asleep; wake it first")
    count = body.queue_order(command, data)
    yield Wait(ready=lambda: body.orders_done >= count, on=(WORK,))


def _aperture(body: BodyEngineBase, step: Step) -> Task:
    yield from _order(body, m.OrderCommand(m.APERTURE_MASK), m.OrderData(aperture=int(step.value)))


def _focus(body: BodyEngineBase, step: Step) -> Task:
    yield from _order(body, m.OrderCommand(m.FOCUS_MASK), m.OrderData(focus=int(step.value)))


def _ring(body: BodyEngineBase, step: Step) -> Task:
    yield from _order(body, _direction(str(step.value)))


def _sleep(body: BodyEngineBase, _step: Step) -> Task:
    """End the rounds and lower SLEEP: the supply stays."""
    if body.levels.get(SLEEP):
        yield from _stop_rounds(body)
        body.forget()
        body.drop_orders()
        _put_to_sleep(body)
        body.report("the lens is asleep")


def _release(body: BodyEngineBase, _step: Step) -> Task:
    """Press the lens release: the supply goes down before the lens leaves the mount."""
    if body.levels.get(VDD):
        yield from _stop_rounds(body)
        body.power_off("the lens release is pressed; supply off", is_error=False)


def _stop_rounds(body: BodyEngineBase) -> Task:
    """Wait until no transaction is under way, and end the rounds."""
    yield Wait(body.now + 1.0, lambda: not body.transacting, (WORK,))
    body.stop_tasks()


def _wake_up(body: BodyEngineBase, _step: Step) -> Task:
    if not body.levels.get(SLEEP):
        yield body.now + RETRY_DELAY_S
        yield from start_lens(body)


def _number(text: str, largest: int, what: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value <= largest:
        raise ValueError(f"wants {what}, 0 to {largest:#x}, not {text!r}")
    return value


def _parse_aperture(text: str) -> int:
    return _number(text, 0xFFFF, "an aperture as the lens reports it")


def _parse_focus(text: str) -> int:
    return _number(text, 0xFFFFFFFF, "a focus such as 0x1ffd7 or 0x24e")


def _parse_direction(text: str) -> str:
    if text not in DIRECTIONS:
        raise ValueError(f"wants {' or '.join(DIRECTIONS)}, not {text!r}")
    return text


def _parse_zoom(text: str) -> int:
    value = parse_count(text)
    if value > 0xFF:
        raise ValueError(f"wants a raw zoom, 0 to 255, not {text!r}")
    return value


VERBS: Mapping[str, VerbArgumentParser] = {
    "aperture": _parse_aperture,
    "focus": _parse_focus,
    "ring": _parse_direction,
    "sleep": no_argument,
    "wake": no_argument,
    "release": no_argument,
    "wait": parse_seconds,
}
"""Verbs of a body's script."""

LENS_VERBS: Mapping[str, VerbArgumentParser] = {"zoom": _parse_zoom, "wait": parse_seconds}
"""Verbs of the operator at the lens."""

TASKS: Mapping[str, Callable[[BodyEngineBase, Step], Task]] = {
    "aperture": _aperture,
    "focus": _focus,
    "ring": _ring,
    "sleep": _sleep,
    "wake": _wake_up,
    "release": _release,
    "wait": wait_step,
    "zoom": operator_step,
}
