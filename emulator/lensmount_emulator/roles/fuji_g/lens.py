"""The engine of a Fuji G lens: start-up, words and acknowledges, blocks, focus, iris, rings, parking.

The body clocks; the lens loads its next word in time. A reply goes out in the exchange after its request, with the
value at the time of the request. The reaction to a damaged burst is our own model: the lens reports it, shifts out
null, and waits for the next session.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import cast

from lensmount_emulator.engine.engine import Engine, HandlerTable
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.fuji_g.motion import FocusMotion, IrisMotion
from lensmount_emulator.roles.fuji_g.profile import LensSettings
from lensmount_emulator.roles.fuji_g.replies import prepare_replies
from lensmount_hardware.transport import PreparedReply
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.dialects.fuji_g.exchange import ACK_BASE
from lensmount_protocol.dialects.fuji_g.lines import DETECT, FOCUS_BUSY, IRIS_BUSY, LENS_DATA, SUPPLY
from lensmount_protocol.dialects.fuji_g.link import (
    FIRST_EMPTY_HEADER,
    FIRST_HEADER,
    REPEATED_EMPTY_HEADER,
    REPEATED_HEADER,
    BodyAcknowledge,
    BodyBlock,
    BodyEmptyBlock,
    BodyNull,
    LensAcknowledge,
    LensBlock,
    LensEmptyBlock,
    LensNull,
)
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE, BLOCK, WORD
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import LineChanged, Role

FOCUS_BIT = 1 << 0
IRIS_BIT = 1 << 1
FOCUS_RING_BIT = 1 << 3
APERTURE_RING_BIT = 1 << 4
TURN_SHIFT = 7
NO_TURN = 1
"""Bits 7 to 9 of the status before the first turn of the focus ring."""

FULL_SPEED = 0x7FFF
MAKE_REPLY: dict[int, Callable[[int], Message]] = {cls.TYPE: cast("Callable[[int], Message]", cls) for cls in c.REPLIES}
"""Type -> the reply with a value."""


class LensEngine(Engine):
    """A Fuji G lens, configured by its profile.

    Attributes:
        settings: the profile's data.
        focus: the focus drive.
        iris: the iris.
        ring_index: index of the aperture ring.
        turn: turn of the focus ring that the body has not read.
        status_bits: bits of the status that no model explains.
        turn_code: bits 7 to 9 of the status: the size of the last turn of the focus ring.
        moved: bits of the rings that moved since they were read.
        result: value of the next 09.3.
        mode: the argument of the last 15.1.
        parking: whether it parks: status bit 0, then bit 1, with both parts at rest.
    """

    def __init__(
        self, settings: LensSettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(FUJI_G, Role.LENS, carried, random)
        self.settings = settings
        self.on_power_on()

    def on_power_on(self) -> None:
        """Set the state after power-up."""
        settings = self.settings
        self.focus = FocusMotion(settings.focus)
        self.iris = IrisMotion(settings.iris)
        self.ring_index = 0
        self.turn = 0
        self.first_read = True
        self.status_bits = settings.status_bits
        self.turn_code = NO_TURN
        self.moved = 0
        self.result = 0
        self.parking = 0
        self._started = False
        self._request: AnyMessage | None = None
        self._reply: Message = LensNull()
        self._body_number = 0
        self._blocks: list[Message] = []
        self._announced: list[Message] = []
        self._speed = settings.focus.speed
        self.mode = 0
        self._pending: list[Callable[[], None]] = []

    @property
    def is_started(self) -> bool:
        """Whether the start is over: the rings are read, and the busy line is high."""
        return self._started

    def join(self, now: float) -> None:
        """Take the state of a lens that has long started, between two sessions."""
        self.now = now
        self.levels[SUPPLY] = True
        self.connection.move("power", by=Role.BODY)
        self.connection.move("ready", by=Role.LENS)
        self.ring_index, self.first_read, self._started = self.settings.ring_index, False, True
        self.drive(FOCUS_BUSY, True)
        self.drive(IRIS_BUSY, True)
        self.load(LensNull(), WORD)

    def read_ring(self, bit: int) -> None:
        """Report the position of a ring for the first time."""
        self.moved |= bit
        if bit == FOCUS_RING_BIT:
            self.turn_code = turn_code(self.settings.first_turn)
        else:
            self.ring_index = self.settings.ring_index

    def finish_start(self) -> None:
        """End the start: the busy line goes high."""
        self._started = True
        self.drive(FOCUS_BUSY, True)

    def on_start(self) -> None:
        """Wait for the supply, and ground the line that shows a body that there is a lens."""
        if self.live:
            # On the virtual mount the mount grounds this contact when the lens is attached.
            self.levels[DETECT] = True
        self.drive(DETECT, False)

    def on_line(self, edge: LineChanged) -> None:
        """Start with the supply, and rest without it."""
        if edge.line != SUPPLY:
            return
        if edge.level:
            self.on_power_on()
            self.connection.move("power", by=Role.BODY)
            self.spawn(_start(self))
        else:
            self.stop_tasks()
            for line in (FOCUS_BUSY, IRIS_BUSY, LENS_DATA):
                self.drive(line, False)
            self.connection.move("power lost", by=Role.LENS)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Take a burst of the body, and load what the next one needs."""
        if self.levels.get(LENS_DATA):
            self.drive(LENS_DATA, False)
        if arrival.violation is not None:
            self.report_error(arrival.violation)
            self._abandon()
            return
        message = arrival.messages[0]
        if isinstance(message, BodyBlock | BodyEmptyBlock):
            self._load_next_block()
        elif isinstance(message, BodyAcknowledge):
            self._on_acknowledge(message)
        else:
            self._on_word(message)

    def on_garbage(self, garbage: Garbage) -> None:
        """Report a damaged burst; the session is lost (our model: no capture shows it)."""
        super().on_garbage(garbage)
        self._abandon()

    def prepared_replies(self) -> Sequence[PreparedReply]:
        """What it answers at each point of a session, with the values of now; see `replies`."""
        return prepare_replies(self)

    @property
    def next_turn(self) -> int:
        """The value of the next 0c.2: the turn of the focus ring, or the start value."""
        return self.settings.first_turn if self.first_read else min(max(self.turn, -0x8000), 0x7FFF)

    @property
    def status(self) -> int:
        """The value of 08.0 now."""
        bits = self.status_bits | self.moved | self.turn_code << TURN_SHIFT
        if not self.levels.get(FOCUS_BUSY, False) and self.parking != IRIS_BIT:
            bits |= FOCUS_BIT
        if not self.levels.get(IRIS_BUSY, False) or self.parking == IRIS_BIT:
            bits |= IRIS_BIT
        return bits

    def on_control(self, step: Step) -> None:
        """Turn a ring: `turn 4` the focus ring, `ring 10` the aperture ring."""
        if step.verb == "turn":
            self.turn += int(step.value)
            self.moved |= FOCUS_RING_BIT
            self.turn_code = turn_code(int(step.value))
        elif step.verb == "ring":
            self.ring_index = int(step.value)
            self.moved |= APERTURE_RING_BIT
        else:
            super().on_control(step)
            return
        self.report(f"control: {step.text}", kind=NoticeKind.OTHER)

    def load(self, message: Message, class_: int) -> None:
        """Load a unit for the next burst of the clock."""
        number = message.number & 7 if isinstance(message, LensAcknowledge) else 0
        self.transmit(self.connection.send([message], class_, number))

    def load_soon(self, message: Message, class_: int) -> None:
        """Load a unit after the time that this lens takes."""
        self.spawn(_load_after(self, message, class_))

    def run_busy(self, line: str, end: Callable[[], float], result: Callable[[], int]) -> None:
        """Hold a busy line low until a time that may still change."""
        self.spawn(_busy(self, line, end, result))

    def _on_word(self, message: AnyMessage) -> None:
        self._request = message
        self.load_soon(LensAcknowledge(ACK_BASE | self._body_number, 0, message_type(message)), ACKNOWLEDGE)
        if isinstance(message, BodyNull) or not isinstance(message, Message):
            self._reply = LensNull()
            return
        value = handle_request(self, message)
        argument: int = message.values()["argument"]
        self._reply = MAKE_REPLY[message.TYPE](argument if value is None else value)

    def _on_acknowledge(self, acknowledge: BodyAcknowledge) -> None:
        request, self._request = self._request, None
        if isinstance(request, c.ExecuteCommand):
            self.spawn(_execute(self, self._pending))
            self._pending = []
        if request is None or isinstance(request, BodyNull):
            self._body_number = 0
            self._pending = []
            self._blocks, self._announced = self._announced, []
            self._load_next_block()
            return
        self._body_number = acknowledge.number & 7
        self.load_soon(self._reply, WORD)

    def _load_next_block(self) -> None:
        """Load the next announced block, or null for the next session."""
        if self._blocks:
            self.load_soon(self._blocks.pop(0), BLOCK)
        else:
            self.load_soon(LensNull(), WORD)

    def _abandon(self) -> None:
        self._request, self._reply, self._body_number = None, LensNull(), 0
        self._blocks, self._announced, self._pending = [], [], []
        self.load_soon(LensNull(), WORD)

    def announce(self, first: Message, second: Message) -> None:
        """Shift out two blocks after this session."""
        self._announced = [first, second]

    def defer(self, action: Callable[[], None]) -> None:
        """Do an action at the next execute of this session."""
        self._pending.append(action)

    @property
    def ordered_speed(self) -> float:
        """The speed of 15.0, in units a second."""
        return self._speed

    @ordered_speed.setter
    def ordered_speed(self, value: float) -> None:
        self._speed = value


def turn_code(turn: int) -> int:
    """Return bits 7 to 9 of the status for a turn of the focus ring.

    Captures have 0 below 8, 2 for 8 and 9, 4 from 10 on, and 7 after a negative start value.
    """
    if turn < 0:
        return 7
    return 0 if turn < 8 or turn >= FIRST_VALUES else 2 if turn < 10 else 4


FIRST_VALUES = 0x7FF0
"""Turns from here on are start values of the ring (captures: 7ffe on a GF110)."""


def _start(lens: LensEngine) -> Task:
    settings, began = lens.settings, lens.now
    lens.drive(FOCUS_BUSY, True)
    lens.drive(IRIS_BUSY, True)
    yield lens.at(began, settings.busy_after_ms * 1e3)
    lens.drive(FOCUS_BUSY, False)
    yield lens.at(began, settings.ready_after_ms * 1e3)
    lens.connection.move("ready", by=Role.LENS)
    lens.load(LensNull(), WORD)
    lens.drive(LENS_DATA, True)
    rings = ((settings.ring_after_ms, APERTURE_RING_BIT), (settings.turn_after_ms, FOCUS_RING_BIT))
    for after_ms, bit in sorted(rings):
        yield lens.at(began, after_ms * 1e3)
        lens.read_ring(bit)
    yield lens.at(began, settings.started_after_ms * 1e3)
    lens.finish_start()


def _load_after(lens: LensEngine, message: Message, class_: int) -> Task:
    yield lens.after(lens.settings.load_us)
    lens.load(message, class_)


def _execute(lens: LensEngine, actions: list[Callable[[], None]]) -> Task:
    yield lens.after(lens.settings.execute_us)
    for action in actions:
        action()


def _busy(lens: LensEngine, line: str, end: Callable[[], float], result: Callable[[], int]) -> Task:
    lens.drive(line, False)
    while (due := end()) > lens.now:
        yield due
    lens.result = result()
    lens.drive(line, True)


def _park(lens: LensEngine) -> Task:
    """Park the focus, then the iris: status bit 0, then bit 1, with the focus busy line low throughout."""
    half = lens.settings.park_ms * 500
    lens.parking = FOCUS_BIT
    lens.drive(FOCUS_BUSY, False)
    focus = lens.settings.focus
    lens.focus.move(focus.initial if focus.parked is None else focus.parked, focus.speed, lens.now)
    yield lens.after(half)
    lens.parking = IRIS_BIT
    lens.iris.move(0, 7, lens.now)
    yield lens.after(half)
    lens.parking = 0
    lens.drive(FOCUS_BUSY, True)


handle_request = HandlerTable[LensEngine, int]()
"""The commands with an effect or a value of their own; the lens echoes the argument of the others."""


@handle_request.on(c.StatusRequest)
def _status(lens: LensEngine, _request: c.StatusRequest) -> int:
    return lens.status


@handle_request.on(c.PositionRequest)
def _position(lens: LensEngine, _request: c.PositionRequest) -> int:
    return round(lens.focus.position(lens.now - lens.settings.focus.reading_ms * 1e-3))


@handle_request.on(c.IrisStepRequest)
def _iris_step(lens: LensEngine, _request: c.IrisStepRequest) -> int:
    return lens.iris.step << 8


@handle_request.on(c.Query09Request)
def _query_09(_lens: LensEngine, _request: c.Query09Request) -> int:
    return 0


@handle_request.on(c.TemperatureRequest)
def _temperature(lens: LensEngine, _request: c.TemperatureRequest) -> int:
    return lens.settings.temperature


@handle_request.on(c.MoveResultRequest)
def _move_result(lens: LensEngine, _request: c.MoveResultRequest) -> int:
    return lens.result


@handle_request.on(c.ApertureRingRequest)
def _aperture_ring(lens: LensEngine, _request: c.ApertureRingRequest) -> int:
    lens.moved &= ~APERTURE_RING_BIT
    return lens.ring_index


@handle_request.on(c.FocusRingRequest)
def _focus_ring(lens: LensEngine, _request: c.FocusRingRequest) -> int:
    turn = lens.next_turn
    lens.turn, lens.first_read = 0, False
    lens.moved &= ~FOCUS_RING_BIT
    return turn


@handle_request.on(c.LensBlockAnnounceCommand)
def _announce_lens_block(lens: LensEngine, request: c.LensBlockAnnounceCommand) -> int:
    lens.announce(lens_block(lens.settings, FIRST_HEADER), lens_block(lens.settings, REPEATED_HEADER))
    return request.argument


@handle_request.on(c.BodyBlockAnnounceCommand)
def _announce_body_block(lens: LensEngine, request: c.BodyBlockAnnounceCommand) -> int:
    lens.announce(LensEmptyBlock(FIRST_EMPTY_HEADER), LensEmptyBlock(REPEATED_EMPTY_HEADER))
    return request.argument


@handle_request.on(c.FocusSpeedCommand)
def _focus_speed(lens: LensEngine, request: c.FocusSpeedCommand) -> int:
    full = request.argument >= FULL_SPEED
    lens.ordered_speed = lens.settings.focus.speed if full else float(request.argument)
    if lens.focus.is_moving(lens.now):
        lens.focus.set_speed(lens.ordered_speed, lens.now)
    return request.argument


@handle_request.on(c.FocusModeCommand)
def _focus_mode(lens: LensEngine, request: c.FocusModeCommand) -> int:
    lens.mode = request.argument
    return request.argument


@handle_request.on(c.FocusTargetCommand)
def _focus_target(lens: LensEngine, request: c.FocusTargetCommand) -> int:
    def move() -> None:
        lens.focus.move(request.argument, lens.ordered_speed, lens.now, lens.mode)
        lens.run_busy(FOCUS_BUSY, lambda: lens.focus.end, lambda: 1)

    lens.defer(move)
    return request.argument


@handle_request.on(c.FocusStopCommand)
def _focus_stop(lens: LensEngine, request: c.FocusStopCommand) -> int:
    def stop() -> None:
        if lens.focus.is_moving(lens.now):
            lens.focus.stop(lens.now)

    lens.defer(stop)
    return request.argument


@handle_request.on(c.IrisTargetCommand)
def _iris_target(lens: LensEngine, request: c.IrisTargetCommand) -> int:
    def move() -> None:
        before = lens.iris.step
        lens.iris.move(request.argument >> 6 & 0x3F, request.argument >> 12, lens.now)
        after = lens.iris.step
        lens.run_busy(IRIS_BUSY, lambda: lens.iris.end, lambda: 3 if after > before else 1)

    lens.defer(move)
    return request.argument


@handle_request.on(c.ParkCommand)
def _park_command(lens: LensEngine, request: c.ParkCommand) -> int:
    lens.defer(lambda: lens.spawn(_park(lens)))
    return request.argument


def lens_block(settings: LensSettings, header: int) -> LensBlock:
    """Return the block of a lens.

    Args:
        settings: its profile.
        header: of the first or of the second time.
    """
    return LensBlock(
        header,
        settings.code.encode().ljust(8, b"\0"),
        settings.model.encode().ljust(8, b"\0"),
        settings.lens_name.encode().ljust(64, b"\0"),
        settings.serial_number.encode().ljust(10, b"\0"),
        bytes.fromhex(settings.version_prefix).ljust(2, b"\0"),
        bytes.fromhex(settings.version).ljust(8, b"\0"),
        bytes.fromhex(settings.block_tail).ljust(28, b"\0"),
    )
