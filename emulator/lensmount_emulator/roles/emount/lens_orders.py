"""What a lens does with the messages of the body's loop frames: a table from message to what changes."""

import math

from lensmount_emulator.roles.emount.lens_core import LensCore
from lensmount_emulator.roles.handlers import Handlers
from lensmount_protocol.dialects.emount.body_state import BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus import (
    DistanceOfPosition,
    DistanceToPosition,
    FocusLimitDrive,
    FocusLimitDriven,
    FocusMove,
    FocusMoved,
    FocusScan,
    FocusScanned,
    FocusStop,
    FocusStopped,
    PositionOfDistance,
    PositionToDistance,
)
from lensmount_protocol.dialects.emount.optics import distance_code, metres
from lensmount_protocol.message import Message

LEADING_COPY = 0x80
"""`03` f7 bit 7: the leading copy of the aperture target counts (Tamron firmware)."""

RELATIVE = 0x04
UNIT = 0x03
STEPS = 0


obey = Handlers[LensCore, None]()
"""Do what one message of a loop frame says; a message without a handler changes nothing."""


@obey.on(BodyState)
def _take_state(lens: LensCore, message: BodyState) -> None:
    lens.stream.target = message.aperture_target_leading if message.control & LEADING_COPY else message.aperture_target
    lens.stream.phase_zero = lens.stream.phase_zero or message.cycle_phase == 0


@obey.on(RowSelect)
def _take_rows(lens: LensCore, message: RowSelect) -> None:
    lens.rows.select((message.row_a, message.row_b))


@obey.on(FocusMove)
def _move(lens: LensCore, message: FocusMove) -> None:
    if message.flags & UNIT == 1:
        lens.tell(f"refuses a focus order in unit 1 (flags {message.flags:#04x})", trouble=True)
        _acknowledge(lens, FocusMoved(result=1))
        return
    operand = message.operand
    frame = float(lens.stream.frame)
    if message.flags & RELATIVE:
        signed = operand - 0x10000 if operand >= 0x8000 else operand
        operand = lens.motor.planned(frame) + signed
    _drive(lens, operand, FocusMoved())


def _drive(lens: LensCore, target: int, acknowledgement: Message) -> None:
    """Run to a target within the limits; an order that is under way is replaced and never acknowledged."""
    stream, settings = lens.stream, lens.settings.focus
    if not settings.driven:
        return
    begins = float(stream.frame)
    stream.moves = lens.motor.clamp(target) != lens.motor.planned(begins)
    stream.moving_to = lens.motor.order(target, begins)
    stream.motion_left = settings.motion_outlasts
    stream.acknowledgements.clear()
    _acknowledge(lens, acknowledgement)
    lens.tell(f"focus runs to {stream.moving_to:#06x}")


MOST_ACKNOWLEDGEMENTS = 64
"""Acknowledgements that wait for their frame; so many fit beside a `06`, and more are left out."""


def _acknowledge(lens: LensCore, message: Message) -> None:
    if len(lens.stream.acknowledgements) >= MOST_ACKNOWLEDGEMENTS:
        lens.lost += 1
        lens.overflowed_at = lens.now
        return
    due = lens.stream.frame + lens.settings.focus.acknowledge_frames
    lens.stream.acknowledgements.append((due, message))


@obey.on(FocusStop)
def _stop(lens: LensCore, _message: FocusStop) -> None:
    lens.stream.acknowledgements.clear()
    if lens.settings.focus.driven:
        lens.stream.moving_to = lens.motor.stop(float(lens.stream.frame))
    _acknowledge(lens, FocusStopped())


@obey.on(FocusScan)
def _scan(lens: LensCore, message: FocusScan) -> None:
    """The sweep's far turn is what counts for timing: run to B, which closes the scan."""
    _drive(lens, message.limit_b, FocusScanned())


@obey.on(FocusLimitDrive)
def _drive_to_limit(lens: LensCore, message: FocusLimitDrive) -> None:
    direction = 1 if message.speed >= 0 else 0xFF
    target = lens.motor.upper if message.speed >= 0 else lens.motor.lower
    _drive(lens, target, FocusLimitDriven(direction=direction))


@obey.on(PositionToDistance)
def _tell_distance(lens: LensCore, message: PositionToDistance) -> None:
    _acknowledge(lens, DistanceOfPosition(distance=_distance_at(lens, message.position)))


@obey.on(DistanceToPosition)
def _tell_position(lens: LensCore, message: DistanceToPosition) -> None:
    _acknowledge(lens, PositionOfDistance(position=_position_at(lens, message.distance)))


def _distance_at(lens: LensCore, position: int) -> int:
    """A lens is modelled as linear in dioptres, infinity at the lower limit and one metre at the upper."""
    motor = lens.motor
    dioptres = (motor.clamp(position) - motor.lower) / max(1, motor.upper - motor.lower)
    return distance_code(math.inf if dioptres == 0 else 1 / dioptres)


def _position_at(lens: LensCore, distance: int) -> int:
    motor = lens.motor
    dioptres = min(1.0, 1 / metres(distance))
    return round(motor.lower + dioptres * (motor.upper - motor.lower))
