"""What a body says every frame: `03` with the exposure's wishes and `04` with the focus orders, at fixed times."""

from lensmount_emulator.roles.emount.body_core import LOOP_FRAME, PULSE, BodyCore, LoopMemory
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.emount.body_mode import BodyMode
from lensmount_protocol.dialects.emount.body_state import BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LARGEST, LOOP_CLASS, SMALLEST
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.sequence import body_sequence
from lensmount_protocol.dialects.emount.types import FocusMode, FocusSwitch
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

PULSES_AHEAD = 2
"""`03` carries the number of VD falls seen so far plus two (840 of 840 loop frames of five captures)."""

ENTRY_CONTROL = 0x94
"""`03` f7 in the first frame to a native lens, and in the second one too to a lens that starts slowly."""

ECHOES_WANTED = 2
"""A body moves to the next row pair once two consecutive `05` have echoed the current one."""

SILENT_S = 1.0
"""A lens that streams and is not heard for so long gets its supply anew; what a real body does is not known."""


def start_loop(body: BodyCore) -> None:
    """The layout's echo is in: `03` and `04` from the next pulse on."""
    body.loop = LoopMemory(body.settings.first_row)
    body.heard_at = body.now
    body.looping = True
    if body.first_sequence is not None:
        body.pulses_before = body.first_sequence - PULSES_AHEAD - body.pulses - 1
    body.spawn(_run(body))
    body.tell("loops")


def hear(body: BodyCore, message: Message) -> None:
    """Take what the lens says in its loop frames."""
    if isinstance(message, LensStatus):
        body.lens.status = message
        body.heard_at = body.now
        _count_echo(body, message.row_index_a)
    elif isinstance(message, FocusStatus):
        body.lens.focus = message
        body.loop.pair_seen = True
    else:
        body.acknowledged.append(message)


def _run(body: BodyCore) -> Task:
    """Two frames a pulse until somebody ends the loop."""
    timing = body.settings.timing
    while True:
        yield PULSE
        if not body.looping:
            return
        if body.now - body.heard_at > SILENT_S:
            body.start_anew("the lens has fallen silent")
            return
        pulse_at = body.pulse_at
        sequence = body_sequence(body.pulses_before + body.pulses + PULSES_AHEAD)
        _take_wish(body)
        try:
            yield body.at(pulse_at, timing.state_after_vd)
            yield from body.send(_state(body, sequence), LOOP_CLASS, sequence)
            yield body.at(pulse_at, timing.mode_after_vd)
            yield from body.send(_mode(body), LOOP_CLASS, sequence)
        except LocalProtocolError as error:
            # The link is elsewhere than this end believed: somebody else spoke on it.
            body.start_anew(str(error))
            return
        body.loop.frame += 1
        body.wake(LOOP_FRAME)


def _take_wish(body: BodyCore) -> None:
    wish = body.wishes.get(body.loop.frame)
    if wish is not None:
        body.aperture = body.aperture if wish.aperture is None else wish.aperture
        body.cycle_length = body.cycle_length if wish.cycle_length is None else wish.cycle_length
        body.orders.extend(wish.orders)


def _state(body: BodyCore, sequence: int) -> list[Message]:
    loop, rows = body.loop, body.settings.rows
    state = body.says(BodyState)
    if not body.saying_farewell:
        state.cycle_length = _cycle_length(body)
    if body.cycle_length is not None:
        state.cycle_length = body.cycle_length
    state.parity_flags = state.parity_flags & ~1 | sequence & 1
    state.aperture_target_leading = _wanted_aperture(body)
    if loop.frame <= body.lens.slow_starter:
        # The target proper stays at the profile's start value until the entry is over.
        state.control = ENTRY_CONTROL
        body.start_up(state, loop.frame)
    else:
        body.start_up(state, loop.frame)
        state.aperture_target = state.aperture_target_leading
    state.cycle_phase = _next_phase(loop, state.cycle_length)
    loop.asked = True
    # Adapters never get a row select, and a NEX-7 leaves it out of the first frame to a manual lens.
    if body.lens.is_adapter or (loop.frame == 0 and body.lens.slow_starter):
        return [state]
    return [state, RowSelect(row_a=rows[loop.row], row_b=rows[loop.row])]


def _next_phase(loop: LoopMemory, announced: int) -> int:
    """Count on: a longer cycle begins when the running one is over, a shorter one makes this its last frame.

    Every step of six logs keeps this but one, in which a NEX-7 is being switched off (SIG, LEX).
    """
    if announced < loop.cycle:
        loop.phase, loop.cycle = loop.cycle - 1, announced
        return loop.phase
    loop.phase += 1
    if loop.phase >= loop.cycle:
        loop.phase, loop.cycle = 0, announced
    return loop.phase


def _mode(body: BodyCore) -> list[Message]:
    mode = body.says(BodyMode)
    status = body.lens.status
    if body.loop.pair_seen and status is not None and status.focus_switch == FocusSwitch.MF:
        mode.focus_mode = FocusMode.MANUAL
    body.start_up(mode, body.loop.frame)
    room = LARGEST[Role.BODY] - SMALLEST + 1 - len(mode.build()) if body.orders else 0
    orders: list[Message] = []
    # What does not fit into this frame goes with the next one.
    while body.orders and (room := room - len(body.orders[0].build())) >= 0:
        orders.append(body.orders.popleft())
    return [mode, *orders]


def _count_echo(body: BodyCore, row: int) -> None:
    loop, rows = body.loop, body.settings.rows
    # What the lens shows before the body's first frame is its own choice, and no echo.
    loop.echoes = loop.echoes + 1 if loop.asked and row == rows[loop.row] else 0
    if loop.echoes == ECHOES_WANTED:
        loop.row = (loop.row + 1) % len(rows)
        loop.echoes = 0


def _cycle_length(body: BodyCore) -> int:
    frame = body.loop.frame
    for length, frames in body.settings.cycles:
        if frame < frames or not frames:
            return length
        frame -= frames
    return body.settings.cycles[-1][0]


def _wanted_aperture(body: BodyCore) -> int:
    if body.aperture is not None:
        return body.aperture
    return body.lens.descriptor.widest_aperture if body.lens.descriptor is not None else 0
