"""The engine of an E-mount body: powers a lens, identifies it, runs the frame loop, and executes a script."""

from collections.abc import Generator, Sequence
from random import Random

from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, WaitFor
from lensmount_emulator.roles.emount.body.engine_base import BodyEngineBase, LensInfo
from lensmount_emulator.roles.emount.body.frame_loop import on_loop_message, start_loop
from lensmount_emulator.roles.emount.body.script import execute_step
from lensmount_emulator.roles.emount.body.startup import (
    LensNotRespondingError,
    handshake,
    identify_lens,
    power_up,
    run_frame_sync,
    wait_after_handshake,
)
from lensmount_emulator.roles.emount.profile import BodySettings
from lensmount_emulator.roles.emount.windows import TransmitBuffer
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import (
    BODY_CS,
    LENS_POWER,
    SLOW_BAUDRATE,
    TXD,
    VCC,
    VD,
    XDETECT,
)
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import LineChanged, Role

MAX_ATTEMPTS = 3
"""Number of power-ups for a lens that fails to start; the behaviour of a real body is not known."""

RETRY_DELAY_S = 0.1


class BodyEngine(BodyEngineBase):
    """An E-mount body, configured by its profile.

    Attributes:
        script: steps to execute in order after the loop has started.
        position: number of completed steps.
        warm: whether the lens is assumed to wake from sleep: a short start without identity and descriptor.
    """

    def __init__(
        self,
        settings: BodySettings,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        script: Sequence[Step] = (),
        *,
        warm: bool = False,
    ) -> None:
        super().__init__(settings, carried, random)
        self.warm = warm
        self.script = tuple(script)
        self.position = 0

    def on_start(self) -> None:
        """Wait for a lens and run the whole session."""
        self.spawn(_run_body(self))

    def on_line(self, edge: LineChanged) -> None:
        """Switch off the supply at once when the lens is detached."""
        if edge.line == XDETECT and edge.level and self.levels.get(VCC):
            self.power_off("the lens is gone; supply off, lines at rest")
            self.restarting = True
            self.spawn(_run_body(self))

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Handle a frame: loop frames carry the lens state; class 2 frames answer requests."""
        if arrival.violation is not None:
            self.report_error(arrival.violation)
            return
        if arrival.frame.class_ == LOOP_CLASS:
            for message in arrival.messages:
                if isinstance(message, Message):
                    on_loop_message(self, message)
        elif arrival.frame.class_ == REQUEST_CLASS:
            # A reply to another request, or to none, does not answer this one.
            answers = (
                m for m in arrival.messages if isinstance(m, Message) and m.TYPE in (self.pending_request, Refusal.TYPE)
            )
            self.reply = next(answers, self.reply)

    def restart(self, why: str) -> None:
        """Power-cycle the lens and identify it again; the current step of the script is repeated."""
        self.power_off(f"{why}; supply off, lines at rest, starts again")
        self.restarting = True
        self.spawn(_run_again(self))

    def power_off(self, why: str) -> None:
        """Switch the supply off: all lines idle, and the state of the lens is forgotten."""
        self.stop_tasks()
        self.looping = self.sending = self.sending_farewell = self.stopping_stream = False
        for line in (BODY_CS, TXD, VD, VCC, LENS_POWER):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.lens, self.pulses = LensInfo(), 0
        self.ring = TransmitBuffer(self.settings.pads_to, self.settings.ring_blocks)
        self.connection.move("power lost", by=Role.BODY)
        self.report(why, is_error=True)


def _run_body(body: BodyEngine) -> Task:
    """Power a lens, identify it and execute the script; a lens that fails to start is power-cycled."""
    while not (yield from _attempt_sessions(body)):
        body.done = body.gave_up = True
        # Wait until the user detaches the lens and attaches it, or another one, again.
        yield body.level(XDETECT, True)
        body.done = body.gave_up = False
    body.done, body.restarting = True, False


def _attempt_sessions(body: BodyEngine) -> Generator[WaitFor, bool, bool]:
    """Make up to `MAX_ATTEMPTS` attempts; returns whether one of them succeeded."""
    left = MAX_ATTEMPTS
    while left:
        left -= 1
        yield from power_up(body)
        powered_at = body.now
        body.spawn(run_frame_sync(body))
        while (trouble := (yield from _run_session(body, powered_at))) and XDETECT not in body.carried:
            # Without lines a body cannot detect the lens, so it keeps asking.
            body.report(f"{trouble}; asking again", is_error=True)
            powered_at = body.now
            body.connection.move("power lost", by=Role.BODY)
            body.connection.move("power", by=Role.BODY)
        if not trouble:
            return True
        body.power_off(f"{trouble}; supply off, {'asking again' if left else 'giving up'}")
        if left and (yield body.level(XDETECT, True, until=body.now + RETRY_DELAY_S)):
            # Another lens may come, and has all attempts.
            left = MAX_ATTEMPTS
    return False


def _run_again(body: BodyEngine) -> Task:
    yield body.now + RETRY_DELAY_S
    yield from _run_body(body)


def _run_session(body: BodyEngine, powered_at: float) -> Generator[WaitFor, bool, str]:
    """Make one attempt at the whole session; returns the reason of a failure, or `""`."""
    try:
        yield from handshake(body, powered_at + body.settings.timing.select_rises * 1e-6)
        if body.warm:
            yield from wait_after_handshake(body)
        yield from identify_lens(body, body.settings.warm if body.warm else body.settings.cold)
        start_loop(body)
        while body.position < len(body.script):
            yield from execute_step(body, body.script[body.position])
            body.position += 1
    except (LensNotRespondingError, ProtocolError) as error:
        body.looping = False
        return str(error)
    return ""
