"""What a Fuji GFX body does in order: power-up, start-up, polls, reactions to the rings, the script, sleep and wake."""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import pairwise

from lensmount_emulator.engine.body_sessions import RETRY_DELAY_S, operator_step, run_sessions, wait_step
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step, VerbArgumentParser, no_argument, parse_count, parse_seconds
from lensmount_emulator.engine.tasks import Task, Wait, WaitFor
from lensmount_emulator.roles.fuji_g.body_base import (
    TEMPERATURE_POLLS,
    WORK,
    BodyEngineBase,
    LensSilentError,
)
from lensmount_emulator.roles.fuji_g.lens import APERTURE_RING_BIT, FOCUS_RING_BIT, FULL_SPEED
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.lines import AF_PULSE, CLK, DETECT, FOCUS_BUSY, IRIS_BUSY, LENS_DATA, SUPPLY
from lensmount_protocol.dialects.fuji_g.link import LensBlock
from lensmount_protocol.dialects.fuji_g.units import iris_order
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

MAX_LOST_SESSIONS = 5
"""Sessions that fail after each other, after which the body switches the lens off (our model)."""

FIRST_POLL = 0.9
"""Periods from the status of the start-up to the first poll: 37 ms of 40 in a capture."""

MOVE_TIMEOUT_S = 5.0
SETTLE_S = 0.05
RING_MODE = 0x0120
APPROACH_MODE = 0x0101

_RING_WAYS = ((1, 5), (2, 10), (3, 17), (4, 26), (8, 79), (9, 97), (11, 136), (15, 237))
"""Turn of the focus ring -> way of the target (captures; the way of 1 is ours)."""

RING_MOVE_S = 0.088
RING_MOVE_OFFSET = 40
MIN_RING_WAY = 4
"""A move by the ring has the speed (way + 40) / 88 ms, and at least that of a way of 4 (8 of 8 captured speeds)."""

SHUTTER_REST = 4
"""State of the shutter button at rest."""

POWER_START = 0x8002
POWER_SLEEP = 0x8001


def run_body(body: BodyEngineBase) -> Task:
    """Power a lens, start it up, and run the script; a body that has given up waits for another lens."""
    return run_sessions(body, DETECT, lambda: _play_session(body), body.power_off)


def _play_session(body: BodyEngineBase) -> Task:
    yield from power_up(body)
    body.spawn(poll_lens(body, body.now + body.settings.poll_ms * FIRST_POLL * 1e-3))
    yield from _finish_start(body)
    while body.position < len(body.script):
        yield from execute_step(body, body.script[body.position])
        body.position += 1


def power_up(body: BodyEngineBase) -> Task:
    """Switch the supply on, wait until the lens is ready, and read its blocks."""
    settings, began = body.settings, body.now
    body.forget()
    body.powered_at = began
    body.connection.move("power", by=Role.BODY)
    body.drive(SUPPLY, True)
    body.drive(AF_PULSE, True)
    yield body.at(began, settings.clock_after_ms * 1e3)
    body.drive(CLK, True)
    ready = yield Wait(
        began + settings.ready_timeout_ms * 1e-3, lambda: body.levels.get(LENS_DATA, False), (LENS_DATA,)
    )
    if not ready:
        raise LensSilentError(f"the lens is not ready {settings.ready_timeout_ms:g} ms after the supply")
    body.connection.move("ready", by=Role.LENS)
    yield body.after(settings.first_burst_ms * 1e3)
    yield from _start_session(body, [c.ExecuteCommand()])
    yield body.after(settings.word_gap_us)
    block = yield from _read_blocks(body)
    yield body.after(settings.block_after_ms * 1e3)
    if block.model.rstrip(b"\0").decode("ascii", "replace") in settings.block_for:
        yield from _start_session(body, [c.BlockPrepareCommand(0xB801), c.BodyBlockAnnounceCommand()])
        yield from body.blocks(body.own_blocks())
        yield body.after(settings.block_after_ms * 1e3)
        yield from _start_session(body, [c.BlocksDoneCommand()])
        yield body.after(settings.word_gap_us)
    yield from _start_session(body, [c.StatusRequest()])
    yield body.after(settings.word_gap_us)
    yield from _start_session(body, [c.ApertureRingRequest()])
    name = block.name.rstrip(b"\0").decode("ascii", "replace")
    body.report(f"lens {name!r}, model {block.model.rstrip(bytes(1)).decode('ascii', 'replace')}")


def _start_session(body: BodyEngineBase, requests: Sequence[Message]) -> Task:
    """Make a session of the start-up; one that fails is repeated (our model).

    Raises:
        LensSilentError: each of `MAX_LOST_SESSIONS` attempts failed.
    """
    for left in reversed(range(MAX_LOST_SESSIONS)):
        try:
            yield from body.session(requests)
        except LensSilentError as error:
            if not left:
                raise
            body.report_error(error)
            yield body.after(body.settings.word_gap_us)
        else:
            return


def _read_blocks(body: BodyEngineBase) -> Generator[WaitFor, bool, LensBlock]:
    """Read the lens's pair of blocks; a pair without a valid block is announced again (our model).

    Raises:
        LensSilentError: no valid block came in `MAX_LOST_SESSIONS` attempts.
    """
    for _ in range(MAX_LOST_SESSIONS):
        yield from _start_session(body, [c.BlockPrepareCommand(0xB801), c.LensBlockAnnounceCommand()])
        yield from body.blocks(body.empty_blocks())
        if body.lens.block is not None:
            return body.lens.block
        yield body.after(body.settings.word_gap_us)
    raise LensSilentError("no valid block of the lens came")


def _finish_start(body: BodyEngineBase) -> Task:
    """The sessions after the lens has started: state, power state, first focus move, shutter button."""
    settings = body.settings
    started = yield Wait(
        body.now + body.settings.ready_timeout_ms * 1e-3, lambda: body.levels.get(FOCUS_BUSY, False), (FOCUS_BUSY,)
    )
    if not started:
        raise LensSilentError("the lens is busy since its start")
    yield body.at(body.powered_at, settings.query_after_ms * 1e3)
    for requests in (
        (c.Query20(), c.ExecuteCommand()),
        (c.Command2A(2), c.ExecuteCommand()),
        (
            c.BusyEndedCommand(),
            c.Query09Request(1),
            c.PositionRequest(1),
            c.IrisStepRequest(1),
            c.MoveResultRequest(),
        ),
        (c.TemperatureRequest(),),
    ):
        yield from _done(body, body.order(*requests))
    body.started = True
    target = body.lens.position if settings.start_focus is None else settings.start_focus
    count = body.order(
        c.PowerStateCommand(POWER_START),
        c.FocusSpeedCommand(FULL_SPEED),
        c.FocusModeCommand(settings.start_mode),
        c.FocusTargetCommand(target),
        c.ExecuteCommand(),
    )
    yield from _done(body, count)
    yield from _settled(body, FOCUS_BUSY)
    yield from _done(body, body.order(c.ShutterButtonCommand(0), c.ExecuteCommand()))
    yield body.after(settings.shutter_rest_ms * 1e3)
    yield from _done(body, body.order(c.ShutterButtonCommand(SHUTTER_REST), c.ExecuteCommand()))


def _done(body: BodyEngineBase, count: int) -> Task:
    """Wait until so many queued sessions are done."""
    yield Wait(ready=lambda: body.orders_done >= count, on=(WORK,))


def poll_lens(body: BodyEngineBase, due: float) -> Task:
    """Poll the status in its period, and make the queued sessions between the polls.

    Args:
        body: the body.
        due: when the first poll is due, in seconds.
    """
    lost = 0
    while True:
        queued = yield Wait(due, lambda: bool(body.queue), (WORK,))
        requests = body.queue.popleft() if queued and body.now < due else None
        try:
            if requests is not None:
                yield from body.session(requests)
            else:
                # A chain of sessions may delay a poll; the next one does not follow at once.
                due = max(due, body.now - body.settings.poll_ms * 0.25e-3) + body.settings.poll_ms * 1e-3
                body.polls += 1
                polled: list[Message] = [c.StatusRequest()]
                if body.polls % TEMPERATURE_POLLS == 0:
                    polled.append(c.TemperatureRequest())
                yield from body.session(polled)
                yield from _follow_rings(body)
            lost = 0
            if requests is not None:
                body.orders_done += 1
                body.wake(WORK)
        except LensSilentError as error:
            lost += 1
            if lost >= MAX_LOST_SESSIONS:
                body.power_off(f"{error}; supply off, tries again")
                body.spawn(run_body(body))
                return
            body.report_error(error)
            if requests is not None:
                body.queue.appendleft(requests)
        yield body.after(body.settings.word_gap_us)


def _follow_rings(body: BodyEngineBase) -> Task:
    """Read the rings that moved, and move the focus and the iris by them.

    Where both have moved, the body reads the aperture ring, and at the next poll both (captures: three start-ups).
    """
    settings, status = body.settings, body.lens.status
    focus, aperture = status & FOCUS_RING_BIT, status & APERTURE_RING_BIT
    requests = list[Message]()
    if aperture or (focus and body.reads_both):
        requests.append(c.ApertureRingRequest())
    if focus and not aperture:
        requests.insert(0, c.FocusRingRequest())
    body.reads_both = bool(focus and aperture)
    if not requests:
        return
    before = body.lens.ring_index
    yield body.after(settings.word_gap_us)
    yield from body.session(requests)
    turn, index = body.lens.turn, body.lens.ring_index
    if focus and not aperture and settings.focus_by_ring and body.started and turn and abs(turn) < FULL_SPEED - 1:
        body.spawn(_move_by_ring(body, turn))
    if settings.iris_by_ring and body.started and index and before and index != before:
        body.order(c.IrisTargetCommand(iris_order(min(index - 1, 63))), c.ExecuteCommand())


def _move_by_ring(body: BodyEngineBase, turn: int) -> Task:
    """Move the focus by a turn of its ring, from where the move before has ended."""
    yield body.after(body.settings.ring_reaction_ms * 1e3)
    if not body.levels.get(FOCUS_BUSY, False):
        yield from _settled(body, FOCUS_BUSY)
        yield body.after(body.settings.ring_reaction_ms * 1e3)
    yield Wait(ready=lambda: not body.results_due and body.orders_done == body.orders_made, on=(WORK,))
    position, limit = body.lens.position, body.settings.ring_lower
    way = math.copysign(_interpolate(_RING_WAYS, abs(turn)), turn)
    # A lens that is beyond the limit stays there.
    target = round(min(max(position - way, min(limit, position)), 0x7FFF))
    speed = math.floor((max(abs(target - position), MIN_RING_WAY) + RING_MOVE_OFFSET) / RING_MOVE_S + 1e-6)
    body.order(
        c.FocusSpeedCommand(min(speed, FULL_SPEED)),
        c.FocusModeCommand(RING_MODE),
        c.FocusTargetCommand(target),
        c.ExecuteCommand(),
    )


def _interpolate(table: tuple[tuple[int, int], ...], key: float) -> float:
    """The value of a table at a key, linear between its rows."""
    if key <= table[0][0]:
        return float(table[0][1])
    for (first, low), (second, high) in pairwise(table):
        if key <= second:
            return low + (high - low) * (key - first) / (second - first)
    return float(table[-1][1])


def parse_position(text: str) -> int:
    """Parse a focus position or, with a sign `+`, a distance: `1158`, `0x486`, `-40`."""
    try:
        value = int(text, 0)
    except ValueError:
        raise ValueError(f"wants position units such as 1158 or -40, not {text!r}") from None
    if not -0x8000 <= value <= 0x7FFF:
        raise ValueError(f"wants position units from -32768 to 32767, not {text!r}")
    return value


def parse_step(text: str) -> int:
    """Parse an iris step: third stops from the widest."""
    value = parse_count(text)
    if value > 63:
        raise ValueError(f"wants third stops from the widest, 0 to 63, not {text!r}")
    return value


def parse_speed(text: str) -> int:
    """Parse a focus speed: position units a second, or `full`."""
    value = FULL_SPEED if text == "full" else parse_count(text)
    if not 1 <= value <= FULL_SPEED:
        raise ValueError(f"wants position units a second, 1 to {FULL_SPEED}, or full, not {text!r}")
    return value


def parse_turn(text: str) -> int:
    """Parse a turn of the focus ring: ring steps, clockwise is positive."""
    value = parse_position(text)
    if not value:
        raise ValueError("wants ring steps other than 0")
    return value


def execute_step(body: BodyEngineBase, step: Step) -> Task:
    """Execute one step and wait until the lens has completed it."""
    body.report(f"script: {step.text}", kind=NoticeKind.SCRIPT_STEP, subject=step.text)
    yield from TASKS[step.verb](body, step)


def _focus(body: BodyEngineBase, step: Step) -> Task:
    count = body.order(c.FocusModeCommand(APPROACH_MODE), c.FocusTargetCommand(int(step.value)), c.ExecuteCommand())
    yield from _done(body, count)
    yield from _settled(body, FOCUS_BUSY)
    body.report(f"focus at {body.lens.position}")


def _speed(body: BodyEngineBase, step: Step) -> Task:
    yield from _done(body, body.order(c.FocusSpeedCommand(int(step.value))))


def _stop(body: BodyEngineBase, _step: Step) -> Task:
    yield from _done(body, body.order(c.FocusStopCommand(), c.ExecuteCommand()))
    yield from _settled(body, FOCUS_BUSY)


def _iris(body: BodyEngineBase, step: Step) -> Task:
    yield from _done(body, body.order(c.IrisTargetCommand(iris_order(int(step.value))), c.ExecuteCommand()))
    yield from _settled(body, IRIS_BUSY)
    body.report(f"iris at step {body.lens.iris_step}")


def _settled(body: BodyEngineBase, line: str) -> Task:
    """Wait until a busy line fell and rose, and the result of the move is read."""
    yield Wait(body.now + SETTLE_S, lambda: not body.levels.get(line, False), (line,))
    over = yield Wait(body.now + MOVE_TIMEOUT_S, lambda: body.levels.get(line, False), (line,))
    if not over:
        body.report(f"the lens is still busy after {MOVE_TIMEOUT_S:g} s", is_error=True)
        return
    before = body.orders_done
    yield Wait(body.now + SETTLE_S, lambda: body.orders_done > before and body.orders_done == body.orders_made, (WORK,))


def _sleep(body: BodyEngineBase, _step: Step) -> Task:
    """Let the lens park, and switch its supply off."""
    body.parking = True
    yield from _done(body, body.order(c.Query20(), c.ExecuteCommand()))
    yield from _done(body, body.order(c.PowerStateCommand(POWER_SLEEP), c.ParkCommand(1), c.ExecuteCommand()))
    yield from _settled(body, FOCUS_BUSY)
    yield from _done(
        body,
        body.order(
            c.BusyEndedCommand(),
            c.Query09Request(1),
            c.PositionRequest(1),
            c.IrisStepRequest(1),
            c.MoveResultRequest(),
        ),
    )
    yield body.after(body.settings.supply_off_ms * 1e3)
    body.power_off("the lens sleeps; supply off", is_error=False)


def _wake(body: BodyEngineBase, _step: Step) -> Task:
    """Start the lens up once more."""
    if body.levels.get(SUPPLY):
        return
    yield body.now + RETRY_DELAY_S
    yield from power_up(body)
    body.spawn(poll_lens(body, body.now + body.settings.poll_ms * FIRST_POLL * 1e-3))
    yield from _finish_start(body)


def _shutter(body: BodyEngineBase, step: Step) -> Task:
    yield from _done(body, body.order(c.ShutterButtonCommand(int(step.value))))


def _parse_button(text: str) -> int:
    value = parse_count(text)
    if value > 4:
        raise ValueError(f"wants a state of the shutter button, 0 to 4, not {text!r}")
    return value


VERBS: Mapping[str, VerbArgumentParser] = {
    "focus": parse_position,
    "speed": parse_speed,
    "stop": no_argument,
    "iris": parse_step,
    "shutter": _parse_button,
    "sleep": no_argument,
    "wake": no_argument,
    "wait": parse_seconds,
}
"""Verbs of a body's script."""

LENS_VERBS: Mapping[str, VerbArgumentParser] = {"turn": parse_turn, "ring": parse_count, "wait": parse_seconds}
"""Verbs of the operator at the lens."""

TASKS: Mapping[str, Callable[[BodyEngineBase, Step], Task]] = {
    "focus": _focus,
    "speed": _speed,
    "stop": _stop,
    "iris": _iris,
    "shutter": _shutter,
    "sleep": _sleep,
    "wake": _wake,
    "wait": wait_step,
    "turn": operator_step,
    "ring": operator_step,
}
