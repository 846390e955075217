"""The stream of a lens: one `05` and one `06` a frame, computed from its models."""

from collections.abc import Iterable

from lensmount_emulator.engine.tasks import Task, WaitFor
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.emount.lens.focus_orders import advance_focus
from lensmount_emulator.roles.emount.windows import for_baudrate, send_window
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.focus import FocusLimitDriven, FocusMoved, FocusStopped
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import VD
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type

IDLE = 0x01
MOTION = 0x40
NEAR_LOWER = 0x10
NEAR_UPPER = 0x08
INCREASING = 0x02
DECREASING = 0x04
CYCLE = 0x40
VELOCITY_SAMPLES = 7
PAIR_LENGTH = 4e-3
"""Duration of a pair at the slow rate, with a margin, in seconds."""

MIN_START_S = 0.8e-3
"""Shortest time from the layout reply to the first pair, in seconds: the contract's lower bound of `stream starts`."""

END_MARGIN = 2
"""Steps from a limit within which a lens reports the limit; plan and encoder differ by up to 2 at rest."""


def on_frame_sync(lens: LensEngineBase) -> None:
    """Start the next pair after a falling edge of VD."""
    lens.pulse_period, lens.pulse_at = lens.now - lens.pulse_at, lens.now
    if lens.settings.behaviour.streams_pairs:
        if lens.stream.running and not lens.stream.busy and (lens.stream.state_due or lens.stream.mode_due):
            lens.spawn(_pair_after(lens, lens.settings.timing.status_after_vd))
        return
    if lens.stream.frame < 0 and lens.now + lens.settings.timing.status_after_vd * 1e-6 < lens.stream.ready_at:
        return
    # A late first pair replaces this one.
    if (
        lens.stream.running
        and not lens.stream.busy
        and (lens.stream.frame >= 0 or lens.settings.timing.first_status < 0 or lens.stream.waits)
    ):
        lens.spawn(_pair_after(lens, lens.settings.timing.status_after_vd))


def on_body_frame(lens: LensEngineBase, arrival: ReceivedFrame) -> None:
    """Without a frame-sync line, start the next pair after the body's `04`, as an emulator in the field does."""
    idle = lens.stream.running and not lens.stream.busy
    if VD not in lens.carried and idle and isinstance(arrival.messages[0], BodyMode):
        lens.spawn(_pair_after(lens, lens.settings.timing.focus_after_status))


def send_first_pair(lens: LensEngineBase) -> Task:
    """Send the pair after the layout reply; native lenses send it at once, if it ends before the next pulse."""
    delay_us = lens.settings.timing.first_status
    next_pulse = lens.pulse_at + lens.pulse_period
    lens.stream.ready_at = lens.now + MIN_START_S
    if lens.settings.behaviour.streams_pairs:
        return
    if delay_us >= 0 and (VD not in lens.carried or lens.now + delay_us * 1e-6 + PAIR_LENGTH < next_pulse):
        yield from _pair_after(lens, delay_us)
    else:
        lens.stream.waits = True


def _pair_after(lens: LensEngineBase, delay_us: float) -> Task:
    stream = lens.stream
    stream.next_pair()
    stream.busy = True
    frame, sequence, run = stream.frame, stream.sequence, stream.run
    answers = lens.settings.behaviour.streams_pairs and VD in lens.carried
    with_status, with_focus = not answers or stream.state_due, not answers or stream.mode_due
    stream.state_due = stream.mode_due = False
    status, focus = make_pair(lens)
    yield lens.after(delay_us)
    if with_status:
        yield from _send(lens, status, sequence, run)
    if with_focus and frame >= lens.settings.focus_skips:
        yield lens.after(lens.settings.timing.focus_after_status)
        yield from _send(lens, focus, sequence, run)
    if stream.run == run:
        stream.busy = False


def make_pair(lens: LensEngineBase) -> tuple[list[Message], list[Message]]:
    """Return the messages of the two frames of the current pair, from the models, the rules and the start list."""
    status, focus = _status(lens), _focus(lens)
    frame = lens.stream.frame
    lens.inputs.next_pair()
    if lens.player is not None:
        lens.player.apply((status, focus), lens.inputs.inputs(frame, lens.stream.sequence))
    lens.apply_startup_patch(status, frame)
    lens.apply_startup_patch(focus, frame)
    acknowledged = _acknowledgements(lens)
    first = lens.settings.focus.acknowledges_first
    return [status], [*acknowledged, focus] if first else [focus, *acknowledged]


def _send(lens: LensEngineBase, messages: list[Message], sequence: int, run: int) -> Iterable[WaitFor]:
    """Return the task that sends one frame, or nothing if the stream has stopped."""
    if not lens.stream.running or lens.stream.run != run:
        return ()
    timing = lens.settings.timing
    data = lens.connection.send(messages, LOOP_CLASS, sequence)
    pauses = timing.pauses.get(f"{message_type(messages[0]):02X}", ()) if timing.pauses else ()
    return send_window(lens, data, timing.setup, for_baudrate(lens, timing.hold), pauses)


def _status(lens: LensEngineBase) -> LensStatus:
    stream = lens.stream
    status = lens.message_from_profile(LensStatus)
    status.blocks = stream.status_blocks
    if lens.turned_to_dmm:
        status.focal_length_dmm = status.nominal_focal_length_dmm = lens.turned_to_dmm
    _show_iris(lens, status)
    if stream.moves and (stream.moving_to is not None or stream.motion_left):
        status.motion_flags |= MOTION
        stream.motion_left -= stream.moving_to is None
    _show_rows(lens, status)
    return status


def _show_iris(lens: LensEngineBase, status: LensStatus) -> None:
    """Move the diaphragm by one frame and report it: current value, next value and frames left."""
    settings, iris, stream = lens.settings.iris, lens.iris, lens.stream
    if not settings.driven:
        return
    moved = not iris.is_idle
    iris.step()
    stream.targets.append(stream.target)
    target = stream.targets.popleft() if len(stream.targets) >= settings.delay_frames else None
    if target is not None:
        iris.set_target(target)
    status.aperture = iris.current
    status.aperture_next = iris.goal if settings.announces_target else iris.next
    status.aperture_frames_left = min(0xFF, iris.frames_left + (moved or not iris.is_idle))
    wanted = iris.goal - iris.offset if target is None else iris.reachable(target)
    status.aperture_error = (iris.current - wanted) & 0xFFFF
    if not iris.is_idle:
        status.state &= ~IDLE
    if iris.fresh:
        status.motion_flags |= MOTION
        iris.fresh = False


def _show_rows(lens: LensEngineBase, status: LensStatus) -> None:
    rows, frame = lens.row_table, lens.stream.frame
    status.row_index_a, status.row_index_b = lens.rows.step()
    if rows.b:
        status.row_b = rows.b[frame % len(rows.b)]
    status.row_c = rows.c.get(status.row_index_a, status.row_c)
    status.row_d = rows.d[frame % len(rows.d)] if rows.d else status.row_c


def _focus(lens: LensEngineBase) -> FocusStatus:
    focus = lens.message_from_profile(FocusStatus)
    focus.blocks = lens.stream.focus_blocks
    if lens.settings.focus.driven:
        advance_focus(lens)
        _show_motor(lens, focus)
    _show_cycle(lens, focus)
    return focus


def _show_motor(lens: LensEngineBase, focus: FocusStatus) -> None:
    motor, frame = lens.motor, float(lens.stream.frame)
    planned, before = motor.planned(frame), motor.planned(frame - 1)
    focus.planned_position = planned
    lower, upper = focus.lower_limit, focus.upper_limit = lens.published_limits
    if lens.settings.focus.shows_limits:
        near = lens.settings.behaviour.end_positions
        low, high = near if near != (0, 0) else (lower + END_MARGIN, upper - END_MARGIN)
        focus.state |= NEAR_LOWER if planned <= low else 0
        focus.state |= NEAR_UPPER if planned >= high else 0
    if lens.stream.scan_phase:
        focus.scan_phase = lens.stream.scan_phase
    if planned != before:
        focus.direction = INCREASING if planned > before else DECREASING
    if lens.settings.focus.reports_encoder:
        focus.position = motor.encoder(frame)
        focus.velocity = motor.velocity(frame, VELOCITY_SAMPLES)


def _show_cycle(lens: LensEngineBase, focus: FocusStatus) -> None:
    """Set bit 6 of f23: Sony AF lenses flip it after a `03` of cycle phase 0, at most every other frame."""
    stream, behaviour = lens.stream, lens.settings.focus.cycle_flag
    if behaviour == "fixed":
        stream.cycle_flag = stream.frame - lens.settings.focus_skips & 2 == 0
    elif behaviour == "follows":
        # The first pair shows it set and the second one clear, before any `03` has arrived.
        flips = stream.frame <= 1 or (stream.phase_zero and not stream.flipped)
        stream.cycle_flag ^= flips
        stream.flipped = flips and stream.frame > 0
    stream.phase_zero = False
    if stream.cycle_flag:
        focus.cycle_flags |= CYCLE


def _acknowledgements(lens: LensEngineBase) -> list[Message]:
    """Return the acknowledgements of this frame: a move when its plan is at the target, others when they are due."""
    stream, settings = lens.stream, lens.settings
    text: list[Message] = []
    if stream.frame == settings.unsolicited_acknowledgement:
        text.append(FocusMoved())
    if stream.frame < settings.focus_skips:
        # This frame's `06` is not sent, so its acknowledgement would be lost.
        return text
    text.extend(stream.released)
    stream.released.clear()
    planned = lens.motor.planned(stream.frame)
    while stream.acknowledgements and stream.acknowledgements[0][0] <= stream.frame:
        message = stream.acknowledgements[0][1]
        if stream.legs or (stream.moving_to is not None and planned != stream.moving_to):
            break
        stream.acknowledgements.popleft()
        text.append(message)
    if not stream.acknowledgements and not (lens.settings.behaviour.move_pulses and planned != stream.moving_to):
        stream.moving_to = None
    most = settings.behaviour.acknowledgements_per_frame
    return _limited(lens, text, most) if most else text


def _limited(lens: LensEngineBase, due: list[Message], most: int) -> list[Message]:
    """Keep so many acknowledgements, one of a kind; a further stop or limit drive waits, others are lost (BAS-SY)."""
    kinds = {type(message): message for message in due}
    kept = list(kinds.values())
    later = [message for message in kept[most:] if isinstance(message, FocusStopped | FocusLimitDriven)]
    lens.stream.released.extend(later)
    return kept[:most]
