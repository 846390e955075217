"""The state of an E-mount body: its profile, the known state of the lens, and the next values of the loop."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.profile_values import MessageFields, build_message, field_values, message_copier
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.profile import BodySettings
from lensmount_emulator.roles.emount.windows import TransmitBuffer, send_window
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.identification import DescriptorReply, IdentityReply, LensCapabilities
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import FAST_BAUDRATE, XDETECT
from lensmount_protocol.dialects.emount.units import MountKind
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

M = TypeVar("M", bound=Message)

SPEED_TYPE = 0x0C
CAN_SWITCH_SPEED = 0x02

PULSE = "pulse"
"""Topic of `Wait.on`: VD fell, so `pulses` has gone up."""

LOOP_FRAME = "loop frame"
"""Topic of `Wait.on`: a loop frame is out, so `loop.frame` has gone up."""

MAX_ACKNOWLEDGEMENTS = 64
"""Acknowledgements that are kept for later checks; lenses send some without an order."""


@dataclass(slots=True)
class LoopState:
    """State of one run of the loop.

    Attributes:
        row: index in the profile's list of rows.
        frame: number of the frame, from 0.
        asked: the first frame of the loop has been sent.
        echoes: consecutive `05` that echoed that row.
        phase: the cycle phase sent last.
        cycle: length of the cycle that is running; a new length counts from the next cycle on.
        pair_seen: a `06` has arrived, so the state of the lens's switch is reliable.
        farewell: frame from which it carries the power-off values; `None`: it does not.
    """

    row: int
    frame: int = 0
    asked: bool = False
    echoes: int = 0
    phase: int = 0
    cycle: int = 1
    pair_seen: bool = False
    farewell: int | None = None


@dataclass(frozen=True, slots=True)
class LoopUpdate:
    """Values that the photographer and the camera's own control set from one loop frame on.

    Attributes:
        aperture: the aperture code; `None` keeps it.
        cycle_length: frames in a cycle; `None` keeps the profile's value.
        orders: focus messages to send with the frame's `04`.
        fields: message -> fields that the camera's own control sets.
    """

    aperture: int | None = None
    cycle_length: int | None = None
    orders: tuple[Message, ...] = ()
    fields: Mapping[type[Message], Mapping[str, Any]] = field(
        default_factory=lambda: dict[type[Message], Mapping[str, Any]]()
    )


class LensInfo:
    """The state of the lens as the body knows it, kept during sleep.

    Attributes:
        capabilities: its `01`.
        identity: its `07`.
        descriptor: its `08`.
        slow_starter: its `0D` reply was 0, as from two manual lenses; a NEX-7 then begins its loop one frame later.
        status: its last `05`.
        focus: its last `06`.
    """

    def __init__(self) -> None:
        self.capabilities: LensCapabilities | None = None
        self.identity: IdentityReply | None = None
        self.descriptor: DescriptorReply | None = None
        self.slow_starter = False
        self.status: LensStatus | None = None
        self.focus: FocusStatus | None = None

    @property
    def is_adapter(self) -> bool:
        """Whether it identified itself as an adapter."""
        return self.identity is not None and self.identity.kind == MountKind.ADAPTER

    def lists(self, type_: int) -> bool:
        """Whether it lists a message type."""
        return self.capabilities is not None and bool(self.capabilities.types >> (type_ - 1) & 1)

    @property
    def offers_speed(self) -> bool:
        """Whether it lists `0C` and reports the fast rate; both were set in each capture with a speed request."""
        return bool(
            self.lists(SPEED_TYPE) and self.identity is not None and self.identity.capabilities & CAN_SWITCH_SPEED
        )


class BodyEngineBase(Engine):
    """A body without its behaviour.

    Attributes:
        settings: the profile's data.
        lens: the known state of the lens.
        row_pairs: the pairs of its row selects, in order.
        ring: the transmit buffer of its frames.
        pulses: frame-sync pulses since power-up.
        pulses_before: pulses that the body counted before this engine began.
        pulse_at: time of the last falling edge of VD.
        select_fell_at: time of the last falling edge of BODY_CS in a handshake.
        aperture: the aperture code to send; `None` keeps the profile's value.
        cycle_length: frames in a cycle that override the profile; `None` keeps the profile's value.
        camera: message -> fields that the camera's own control has set; the power-off values end them.
        orders: focus messages for the next `04`, oldest first.
        loop_updates: loop frame -> values from it on.
        first_sequence: number of the first loop frame; `None` counts pulses from power-up, as bodies do.
        acknowledged: acknowledgements that no step has checked yet.
        pending_request: type of the last request.
        reply: the last class 2 message from the lens that no task has taken yet.
        looping: whether `03` and `04` are sent.
        sending_farewell: whether the loop carries the power-off values.
        stopping_stream: whether its next layout order stops the stream.
        loop: state of the loop.
        last_received_at: time of the last `05`, or of the loop's beginning, in seconds.
    """

    topics = Engine.topics | {PULSE, LOOP_FRAME}

    def __init__(
        self, settings: BodySettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(EMOUNT, Role.BODY, carried, random)
        self.settings = settings
        self.lens = LensInfo()
        self.row_pairs = settings.row_pairs
        self.ring = TransmitBuffer(settings.pads_to, settings.ring_blocks)
        self.pulses = 0
        self.pulse_at = 0.0
        self.select_fell_at = 0.0
        self.aperture: int | None = None
        self.cycle_length: int | None = None
        self.camera: dict[type[Message], dict[str, Any]] = {BodyState: {}, BodyMode: {}}
        self.orders: deque[Message] = deque()
        self.loop_updates: dict[int, LoopUpdate] = {}
        self.first_sequence: int | None = None
        self.pulses_before = 0
        self.acknowledged: deque[Message] = deque(maxlen=MAX_ACKNOWLEDGEMENTS)
        self.pending_request = 0
        self.reply: Message | None = None
        self.looping = False
        self.sending_farewell = self.stopping_stream = False
        self.loop = LoopState(settings.first_row)
        self.last_received_at = 0.0
        # The body pulls this line up; a lens grounds it.
        self.levels[XDETECT] = XDETECT in self.carried
        self._copiers: dict[tuple[type[Message], bool, bool], Callable[[], Any]] = {}
        self._holds: dict[tuple[int, int], float] = {}
        self._start = _frame_lists(settings.start)
        self._slow_start = _frame_lists(settings.slow_start)
        self._farewell_start = _frame_lists(settings.farewell_start)
        self._focusing: dict[type[Message], dict[str, Any]] = {
            cls: field_values(cls, settings.focusing.get(cls.__name__, {})) for cls in (BodyState, BodyMode)
        }

    def restart(self, why: str) -> None:
        """Power-cycle the lens and identify it again; the current step of the script is repeated."""

    def message_from_profile(self, cls: type[M]) -> M:
        """Return a new message with the profile's fields for this kind of lens and this phase of the session."""
        key = (cls, self.lens.is_adapter, self.sending_farewell)
        copy = self._copiers.get(key)
        if copy is None:
            fields = dict(self.settings.messages.get(cls.__name__, {}))
            if self.lens.is_adapter:
                fields |= self.settings.adapter.get(cls.__name__, {})
            if self.sending_farewell:
                fields |= self.settings.farewell.get(cls.__name__, {})
            copy = self._copiers[key] = message_copier(build_message(cls, fields))
        message: M = copy()
        return message

    def apply_startup_patch(self, message: Message, frame: int) -> None:
        """Apply the profile's fields of this loop frame to a message, and those that the camera has set."""
        cls = type(message)
        _patch(message, self._start[cls], frame)
        if self.lens.slow_starter:
            _patch(message, self._slow_start[cls], frame)
        if self.loop.farewell is not None:
            _patch(message, self._farewell_start[cls], frame - self.loop.farewell)
        for name, value in self.camera[cls].items():
            setattr(message, name, value)

    def apply_focusing_patch(self, message: Message) -> None:
        """Apply the profile's fields of a loop frame that carries focus orders to a message."""
        for name, value in self._focusing.get(type(message), {}).items():
            setattr(message, name, value)

    def send(self, messages: list[Message], class_: int, sequence: int) -> Task:
        """Send one frame in its window, with this body's padding."""
        frame = self.connection.send(messages, class_, sequence)
        window = self.ring.window(frame) if self.windowed else frame
        if class_ == LOOP_CLASS and self.windowed:
            window = window.ljust(self.settings.loop_window, b"\0")
        return send_window(self, window, self.settings.timing.setup, self._hold_us(len(window)))

    def _hold_us(self, size: int) -> float:
        """Return the time from the last stop bit of a window to the fall of the select line, in microseconds."""
        hold_us = self._holds.get((self.baudrate, size))
        if hold_us is None:
            hold = self.settings.timing.hold
            rate = "fast" if self.baudrate == FAST_BAUDRATE else "slow"
            hold_us = self._holds[self.baudrate, size] = hold.get(f"{rate} {size}", hold["otherwise"])
        return hold_us


def _patch(message: Message, patches: Sequence[Mapping[str, Any]], frame: int) -> None:
    """Set the fields of this entry of a list, if it has one."""
    if frame < len(patches):
        for name, value in patches[frame].items():
            setattr(message, name, value)


def _frame_lists(given: Mapping[str, Sequence[MessageFields]]) -> dict[type[Message], list[dict[str, Any]]]:
    """The fields of each loop message, frame by frame, with the values that the messages take."""
    classes: tuple[type[Message], ...] = (BodyState, BodyMode)
    return {cls: [field_values(cls, fields) for fields in given.get(cls.__name__, [])] for cls in classes}
