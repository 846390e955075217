"""The frame loop of a body: every frame it sends `03` with the exposure and `04` with focus orders, at fixed times."""

from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.body.engine_base import LOOP_FRAME, PULSE, BodyEngineBase, LoopState, LoopUpdate
from lensmount_emulator.roles.emount.wishes import Wish, camera_fields, parse_orders
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, MAX_SIZE, MIN_SIZE, next_body_sequence
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.units import FocusMode, FocusSwitch
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

PULSES_AHEAD = 2
"""`03` carries the number of VD falls seen so far plus two (840 of 840 loop frames of five captures)."""

ENTRY_CONTROL = 0x94
"""`03` f7 in the first frame to a native lens, and in the second one too to a lens that starts slowly."""

ECHOES_WANTED = 2
"""A body moves to the next row pair after two consecutive `05` have echoed the current one."""

SILENCE_TIMEOUT_S = 1.0
"""A body power-cycles a streaming lens after this silence; the behaviour of a real body is not known."""


def start_loop(body: BodyEngineBase) -> None:
    """Send `03` and `04` from the next pulse on; called after the layout reply."""
    body.loop = LoopState(body.settings.first_row)
    for fields in body.camera.values():
        fields.clear()
    for wish in body.settings.wishes:
        body.loop_updates.setdefault(wish.frame, _loop_update(wish))
    body.last_received_at = body.now
    body.looping = True
    if body.first_sequence is not None:
        body.pulses_before = body.first_sequence - PULSES_AHEAD - body.pulses - 1
    body.spawn(_run_loop(body))
    body.report("loops")


def _loop_update(wish: Wish) -> LoopUpdate:
    return LoopUpdate(wish.aperture, None, tuple(parse_orders(wish)), camera_fields(wish))


def resume_loop(body: BodyEngineBase) -> None:
    """Go on with the loop, from the next pulse on; called after a layout reply in the middle of a session."""
    body.loop.echoes = 0
    body.last_received_at = body.now
    body.looping = True
    body.spawn(_run_loop(body))
    body.report("loops again")


def on_loop_message(body: BodyEngineBase, message: Message) -> None:
    """Handle a message of a loop frame of the lens."""
    if isinstance(message, LensStatus):
        body.lens.status = message
        body.last_received_at = body.now
        _count_echo(body, (message.row_index_a, message.row_index_b))
    elif isinstance(message, FocusStatus):
        body.lens.focus = message
        body.loop.pair_seen = True
    else:
        body.acknowledged.append(message)


def _run_loop(body: BodyEngineBase) -> Task:
    """Send two frames a pulse until the loop ends."""
    timing = body.settings.timing
    while True:
        yield PULSE
        if not body.looping:
            return
        if body.now - body.last_received_at > SILENCE_TIMEOUT_S:
            body.restart("the lens has fallen silent")
            return
        pulse_at = body.pulse_at
        sequence = next_body_sequence(body.pulses_before + body.pulses + PULSES_AHEAD)
        _apply_loop_update(body)
        try:
            yield body.at(pulse_at, timing.state_after_vd)
            yield from body.send(_state(body, sequence), LOOP_CLASS, sequence)
            yield body.at(pulse_at, timing.mode_after_vd)
            yield from body.send(_mode(body), LOOP_CLASS, sequence)
        except LocalProtocolError as error:
            # The link is not in the expected state: another sender used it.
            body.restart(str(error))
            return
        body.loop.frame += 1
        body.wake(LOOP_FRAME)


def _apply_loop_update(body: BodyEngineBase) -> None:
    if body.sending_farewell and body.loop.farewell is None:
        body.loop.farewell = body.loop.frame
        for camera in body.camera.values():
            camera.clear()
    wish = body.loop_updates.get(body.loop.frame)
    if wish is not None:
        body.aperture = body.aperture if wish.aperture is None else wish.aperture
        body.cycle_length = body.cycle_length if wish.cycle_length is None else wish.cycle_length
        body.orders.extend(wish.orders)
        for cls, fields in wish.fields.items():
            body.camera[cls] |= fields


def _state(body: BodyEngineBase, sequence: int) -> list[Message]:
    loop = body.loop
    state = body.message_from_profile(BodyState)
    if not body.sending_farewell:
        state.cycle_length = _cycle_length(body)
    if body.cycle_length is not None:
        state.cycle_length = body.cycle_length
    state.parity_flags = state.parity_flags & ~1 | sequence & 1
    state.aperture_target_leading = _wanted_aperture(body)
    if loop.frame <= body.lens.slow_starter:
        # The target itself stays at the profile's start value until the entry is over.
        state.control = ENTRY_CONTROL
        body.apply_startup_patch(state, loop.frame)
    else:
        body.apply_startup_patch(state, loop.frame)
        state.aperture_target = state.aperture_target_leading
    state.cycle_phase = _next_phase(loop, state.cycle_length)
    loop.asked = True
    # Adapters never get a row select, and a NEX-7 leaves it out of the first frame to a manual lens.
    if body.lens.is_adapter or (loop.frame == 0 and body.lens.slow_starter):
        return [state]
    row_a, row_b = body.row_pairs[loop.row]
    return [state, RowSelect(row_a=row_a, row_b=row_b)]


def _next_phase(loop: LoopState, announced: int) -> int:
    """Advance the phase: a longer cycle begins after the running one; a shorter one makes this its last frame.

    Every step of six logs follows this except one, in which a NEX-7 is being switched off (SIG, LEX).
    """
    if announced < loop.cycle:
        loop.phase, loop.cycle = loop.cycle - 1, announced
        return loop.phase
    loop.phase += 1
    if loop.phase >= loop.cycle:
        loop.phase, loop.cycle = 0, announced
    return loop.phase


def _mode(body: BodyEngineBase) -> list[Message]:
    mode = body.message_from_profile(BodyMode)
    status = body.lens.status
    if body.loop.pair_seen and status is not None and status.focus_switch == FocusSwitch.MF:
        mode.focus_mode = FocusMode.MANUAL
    body.apply_startup_patch(mode, body.loop.frame)
    room = MAX_SIZE[Role.BODY] - MIN_SIZE + 1 - len(mode.build()) if body.orders else 0
    orders: list[Message] = []
    # Orders that do not fit into this frame wait for the next one.
    while body.orders and (room := room - len(body.orders[0].build())) >= 0:
        orders.append(body.orders.popleft())
    if orders:
        body.apply_focusing_patch(mode)
    return [mode, *orders]


def _count_echo(body: BodyEngineBase, pair: tuple[int, int]) -> None:
    loop, pairs = body.loop, body.row_pairs
    # The rows that the lens shows before the body's first frame are its own choice, and no echo.
    loop.echoes = loop.echoes + 1 if loop.asked and pair == pairs[loop.row] else 0
    if loop.echoes == ECHOES_WANTED:
        loop.row = (loop.row + 1) % len(pairs)
        loop.echoes = 0


def _cycle_length(body: BodyEngineBase) -> int:
    frame = body.loop.frame
    for length, frames in body.settings.cycles:
        if frame < frames or not frames:
            return length
        frame -= frames
    return body.settings.cycles[-1][0]


def _wanted_aperture(body: BodyEngineBase) -> int:
    if body.aperture is not None:
        return body.aperture
    return body.lens.descriptor.widest_aperture if body.lens.descriptor is not None else 0
