"""The handlers of a lens for the body's loop frames: aperture target, rows, focus orders and their acknowledgements.

Where makers differ, `[behaviour]` of the profile decides.
"""

import math

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase, ScanLeg
from lensmount_emulator.roles.emount.windows import for_baudrate, send_window
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus import (
    DistanceOfPosition,
    DistanceToPosition,
    FocusAnswer1E,
    FocusLimitDrive,
    FocusLimitDriven,
    FocusMove,
    FocusMoved,
    FocusOrder1E,
    FocusScan,
    FocusScanned,
    FocusStop,
    FocusStopped,
    PositionOfDistance,
    PositionToDistance,
)
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.units import distance_code, metres
from lensmount_protocol.message import Message

LEADING_COPY = 0x80
"""`03` f7 bit 7: the leading copy of the aperture target counts (Tamron firmware)."""

RELATIVE = 0x04
UNIT = 0x03
DECOUPLED = 0x02
"""`04` f3 bit 1: the ring does not move the focus."""


handle_command = HandlerTable[LensEngineBase, None]()
"""Execute one message of a loop frame; a message without a handler changes nothing."""


@handle_command.on(BodyState)
def _take_state(lens: LensEngineBase, message: BodyState) -> None:
    stream = lens.stream
    stream.target = message.aperture_target_leading if message.control & LEADING_COPY else message.aperture_target
    stream.phase_zero = stream.phase_zero or message.cycle_phase == 0
    stream.state_due = True


@handle_command.on(BodyMode)
def _take_mode(lens: LensEngineBase, message: BodyMode) -> None:
    lens.stream.mode_due = True
    lens.stream.decoupled = bool(message.focus_mode & DECOUPLED)
    lens.homing_frames += 1


@handle_command.on(RowSelect)
def _take_rows(lens: LensEngineBase, message: RowSelect) -> None:
    lens.rows.select((message.row_a, message.row_b))


@handle_command.on(FocusMove)
def _move(lens: LensEngineBase, message: FocusMove) -> None:
    if message.flags & UNIT == 1:
        lens.report(f"refuses a focus order in unit 1 (flags {message.flags:#04x})", is_error=True)
        acknowledge(lens, FocusMoved(result=lens.settings.behaviour.refused_unit_result))
        return
    drive_focus(lens, resolve_target(lens, message.operand, message.flags), FocusMoved())


def resolve_target(lens: LensEngineBase, operand: int, flags: int) -> int:
    """Return the target of an order in motor steps; a relative order counts from the planned position."""
    if not flags & RELATIVE:
        return operand
    signed = operand - 0x10000 if operand >= 0x8000 else operand
    return lens.motor.planned(float(lens.stream.frame)) + signed


def drive_focus(lens: LensEngineBase, target: int, acknowledgement: Message | None) -> None:
    """Run to a target within the limits; a current order is replaced, and acknowledged only by some makers."""
    stream = lens.stream
    if not lens.settings.focus.driven:
        return
    begins = float(stream.frame)
    planned = lens.motor.planned(begins)
    _replace_order(lens)
    if target != planned:
        target += int(math.copysign(lens.settings.behaviour.overshoot, target - planned))
    stream.moves = lens.motor.clamp(target) != planned
    _start_move(lens, target)
    if acknowledgement is not None:
        acknowledge(lens, acknowledgement)
    lens.report(f"focus runs to {stream.moving_to:#06x}")


def _start_move(lens: LensEngineBase, target: int, speed: int | None = None) -> None:
    stream = lens.stream
    stream.moving_to = lens.motor.set_target(target, float(stream.frame), speed)
    stream.motion_left = lens.settings.focus.motion_outlasts
    stream.pulses_moved = 0


def _replace_order(lens: LensEngineBase, *, stops: bool = False) -> None:
    """End the current order: its acknowledgement is lost, or comes at once; that of a scan only for a stop."""
    stream = lens.stream
    if lens.settings.behaviour.acknowledges_replaced:
        replaced = [message for _, message in stream.acknowledgements]
        stream.released.extend(message for message in replaced if stops or not isinstance(message, FocusScanned))
    stream.acknowledgements.clear()
    stream.legs.clear()
    stream.scan_phase = 0


MAX_ACKNOWLEDGEMENTS = 64
"""Acknowledgements that may wait for their frame; so many fit beside a `06`, and more are dropped."""


def acknowledge(lens: LensEngineBase, message: Message) -> None:
    """Send an acknowledgement beside a later `06`."""
    if len(lens.stream.acknowledgements) + len(lens.stream.released) >= MAX_ACKNOWLEDGEMENTS:
        lens.dropped += 1
        lens.overflowed_at = lens.now
        return
    due = lens.stream.frame + lens.settings.focus.acknowledge_frames
    lens.stream.acknowledgements.append((due, message))


@handle_command.on(FocusStop)
def _stop(lens: LensEngineBase, _message: FocusStop) -> None:
    _replace_order(lens, stops=True)
    if lens.settings.focus.driven:
        lens.stream.moving_to = lens.motor.stop(float(lens.stream.frame))
    acknowledge(lens, FocusStopped(result=lens.settings.behaviour.stop_result))


APPROACH, SWEEP, RETURN = 0x10, 0x20, 0x30
"""`06` f25 during the legs of a scan (WZQ)."""

SCAN_UNIT = 0x80
"""`1F` f3 bits 6-7: the only unit of speed that a Samyang takes (BAS-SY)."""


@handle_command.on(FocusScan)
def _scan(lens: LensEngineBase, message: FocusScan) -> None:
    """Sweep a window, or run to limit B, which ends the scan; the far turn of the sweep determines its timing."""
    if not lens.settings.behaviour.sweeps_scans:
        drive_focus(lens, message.limit_b, FocusScanned())
        return
    if not lens.settings.focus.driven:
        return
    _replace_order(lens)
    window = _scan_window(lens, message)
    speed = (message.speed & 0x3F) * lens.settings.behaviour.scan_step // max(1, message.divisor)
    if window is None or not speed or message.speed & 0xC0 != SCAN_UNIT or not message.divisor:
        lens.report("refuses a scan: it does not take these fields", is_error=True)
        acknowledge(lens, FocusScanned())
        return
    stream, planned = lens.stream, lens.motor.planned(float(lens.stream.frame))
    low, high = window
    start = message.window >> 2 & 3
    downwards = start == 0 or (start > 1 and abs(planned - high) <= abs(planned - low))
    run_up = message.run_up * (2 if message.window & 0xC0 else 1)
    begin, end = (high + run_up, low - message.run_out) if downwards else (low - run_up, high + message.run_out)
    stream.legs.extend((ScanLeg(begin, None, APPROACH), ScanLeg(end, speed, SWEEP)))
    if message.flags & 0x02:
        stream.legs.append(ScanLeg(message.centre or planned, None, RETURN))
    stream.moves = True
    _next_leg(lens)
    acknowledge(lens, FocusScanned())
    lens.report(f"focus scans from {begin:#06x} to {end:#06x}")


def _scan_window(lens: LensEngineBase, message: FocusScan) -> tuple[int, int] | None:
    """Return the lower and upper end of a scan; `None` where its form is not one that a Samyang takes (BAS-SY)."""
    limits, form = lens.published_limits, message.window & 3
    if form == 0:
        return limits
    if form == 1:
        ends = lens.settings.behaviour.end_positions
        return ends if ends != (0, 0) else limits
    in_steps = not message.flags & 0x3C
    if form == 2:
        a, b = (message.limit_a, message.limit_b) if in_steps else limits
    else:
        centre = message.centre or lens.motor.planned(float(lens.stream.frame))
        a, b = (centre + message.limit_a, centre - message.limit_b) if not message.window & 0x30 else limits
        if not in_steps:
            return None
    return max(limits[0], min(a, b)), min(limits[1], max(a, b))


def _next_leg(lens: LensEngineBase) -> None:
    leg = lens.stream.legs.popleft()
    lens.stream.scan_phase = leg.phase
    _start_move(lens, leg.target, leg.speed)


def advance_focus(lens: LensEngineBase) -> None:
    """Begin the next leg of a scan when the focus stands at the end of the current one; called once a frame."""
    stream = lens.stream
    if stream.legs and lens.motor.planned(float(stream.frame)) == stream.moving_to:
        _next_leg(lens)
    elif stream.scan_phase and not stream.legs and lens.motor.planned(float(stream.frame)) == stream.moving_to:
        stream.scan_phase = 0


def count_move_pulse(lens: LensEngineBase) -> None:
    """Cut a long move off while the body drives the focus; called at each pulse of VD."""
    stream, limit = lens.stream, lens.settings.behaviour.move_pulses
    if not limit or stream.moving_to is None or not stream.decoupled:
        return
    stream.pulses_moved += 1
    if stream.pulses_moved >= limit:
        stream.legs.clear()
        stream.moving_to = lens.motor.stop(float(stream.frame))
        lens.report(f"focus move cut off after {limit} frames")


@handle_command.on(FocusLimitDrive)
def _drive_to_limit(lens: LensEngineBase, message: FocusLimitDrive) -> None:
    direction = 1 if message.speed >= 0 else 0xFF
    target = lens.motor.upper if message.speed >= 0 else lens.motor.lower
    drive_focus(lens, target, FocusLimitDriven(direction=direction))


@handle_command.on(PositionToDistance)
def _report_distance(lens: LensEngineBase, message: PositionToDistance) -> None:
    acknowledge(lens, DistanceOfPosition(distance=_distance_at(lens, message.position)))


@handle_command.on(DistanceToPosition)
def _report_position(lens: LensEngineBase, message: DistanceToPosition) -> None:
    acknowledge(lens, PositionOfDistance(position=_position_at(lens, message.distance)))


@handle_command.on(FocusOrder1E)
def _answer_1e(lens: LensEngineBase, _message: FocusOrder1E) -> None:
    """Answer at once, in a frame of its own (BAS-SY); a lens without the message in its profile does nothing."""
    if lens.has_message(FocusAnswer1E) and lens.stream.running:
        lens.spawn(_send_in_loop(lens, lens.message_from_profile(FocusAnswer1E)))


def _send_in_loop(lens: LensEngineBase, message: Message) -> Task:
    yield lens.after(lens.settings.timing.reply_otherwise)
    if lens.stream.running:
        frame = lens.connection.send([message], LOOP_CLASS, lens.stream.sequence)
        yield from send_window(lens, frame, lens.settings.timing.setup, for_baudrate(lens, lens.settings.timing.hold))


def _distance_at(lens: LensEngineBase, position: int) -> int:
    """The distance of a position, linear in dioptres (modelled): infinity at the lower limit, 1 m at the upper."""
    lower, upper = lens.published_limits
    dioptres = (max(lower, min(upper, position)) - lower) / max(1, upper - lower)
    return distance_code(math.inf if dioptres == 0 else 1 / dioptres)


def _position_at(lens: LensEngineBase, distance: int) -> int:
    lower, upper = lens.published_limits
    dioptres = min(1.0, 1 / metres(distance))
    return round(lower + dioptres * (upper - lower))
