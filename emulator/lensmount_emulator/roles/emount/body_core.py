"""What a body is made of: its profile, what it learned of the lens, and what the loop shall say next."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from lensmount_emulator.roles.emount.settings import BodySettings
from lensmount_emulator.roles.emount.transmit_ring import TransmitRing
from lensmount_emulator.roles.emount.windows import send_window
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.tasks import Task
from lensmount_emulator.roles.wording import copies_of, message_from, values_from
from lensmount_protocol.dialects.emount.body_mode import BodyMode
from lensmount_protocol.dialects.emount.body_state import BodyState
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.init import DescriptorReply, IdentityReply, LensCapabilities
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import FAST_BAUDRATE, XDETECT
from lensmount_protocol.dialects.emount.types import MountKind
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

M = TypeVar("M", bound=Message)

SPEED_TYPE = 0x0C
CAN_SWITCH_SPEED = 0x02

PULSE = "pulse"
"""Topic of `Wait.on`: VD fell, so `pulses` has gone up."""

LOOP_FRAME = "loop frame"
"""Topic of `Wait.on`: a loop frame is out, so `loop.frame` has gone up."""

MOST_ACKNOWLEDGEMENTS = 64
"""Acknowledgements that are kept for somebody to ask about; lenses send some that nobody ordered."""


@dataclass(slots=True)
class LoopMemory:
    """What one run of the loop remembers from frame to frame.

    Attributes:
        row: place in the profile's list of rows.
        frame: number of the frame, from 0.
        asked: the first frame of the loop has been sent.
        echoes: consecutive `05` that echoed that row.
        phase: the cycle phase sent last.
        cycle: length of the cycle that is running; a new length counts from the next cycle on.
        pair_seen: a `06` came, so the lens's switch can be believed.
    """

    row: int
    frame: int = 0
    asked: bool = False
    echoes: int = 0
    phase: int = 0
    cycle: int = 1
    pair_seen: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What the photographer and the camera's own control want from one loop frame on.

    Attributes:
        aperture: the aperture code; `None` leaves it as it was.
        cycle_length: frames in a cycle; `None` leaves that to the profile.
        orders: focus messages to send with the frame's `04`.
    """

    aperture: int | None = None
    cycle_length: int | None = None
    orders: tuple[Message, ...] = ()


class Lens:
    """What the body has learned of the lens, kept through sleep.

    Attributes:
        capabilities: its `01`.
        identity: its `07`.
        descriptor: its `08`.
        slow_starter: its `0D` reply was 0, as two manual lenses say; a NEX-7 then begins its loop one frame later.
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
        """Whether it called itself an adapter."""
        return self.identity is not None and self.identity.kind == MountKind.ADAPTER

    @property
    def offers_speed(self) -> bool:
        """Whether it lists `0C` and says that it can do the fast rate; both were set wherever a body asked for it."""
        listed = self.capabilities is not None and self.capabilities.types >> (SPEED_TYPE - 1) & 1
        return bool(listed and self.identity is not None and self.identity.capabilities & CAN_SWITCH_SPEED)


class BodyCore(Engine):
    """A body without its behaviour.

    Attributes:
        settings: the profile's data.
        lens: what it knows of the lens.
        ring: the buffer that its frames leave from.
        pulses: frame-sync pulses since power-up.
        pulses_before: pulses that the body had counted before this engine began.
        pulse_at: when VD last fell.
        select_fell_at: when BODY_CS last fell in a handshake.
        aperture: the code that it wants; `None` leaves the choice to the profile.
        cycle_length: frames in a cycle, where somebody else than the profile says so.
        orders: focus messages for the next `04`, oldest first.
        wishes: loop frame -> what is wanted from it on.
        first_sequence: number of the first loop frame; `None` counts pulses from power-up, as bodies do.
        acknowledged: acknowledgements that nobody has asked about yet.
        asked: type of the request that was sent last.
        reply: the last class 2 message from the lens that nobody has taken yet.
        looping: whether `03` and `04` are sent.
        saying_farewell: whether the loop carries the power-off values.
        loop: what the loop remembers.
        heard_at: when the last `05` came, or the loop began, in seconds.
    """

    def __init__(
        self, settings: BodySettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(EMOUNT, Role.BODY, carried, random)
        self.settings = settings
        self.lens = Lens()
        self.ring = TransmitRing(settings.pads_to, settings.ring_blocks)
        self.pulses = 0
        self.pulse_at = 0.0
        self.select_fell_at = 0.0
        self.aperture: int | None = None
        self.cycle_length: int | None = None
        self.orders: deque[Message] = deque()
        self.wishes: dict[int, Wish] = {}
        self.first_sequence: int | None = None
        self.pulses_before = 0
        self.acknowledged: deque[Message] = deque(maxlen=MOST_ACKNOWLEDGEMENTS)
        self.asked = 0
        self.reply: Message | None = None
        self.looping = False
        self.saying_farewell = False
        self.loop = LoopMemory(settings.first_row)
        self.heard_at = 0.0
        # The body pulls this line up; a lens grounds it.
        self.levels[XDETECT] = XDETECT in self.carried
        self._worded: dict[tuple[type[Message], bool, bool], Callable[[], Any]] = {}
        self._holds: dict[tuple[int, int], float] = {}
        self._start: dict[type[Message], list[dict[str, Any]]] = {
            cls: [values_from(cls, fields) for fields in settings.start.get(cls.__name__, [])]
            for cls in (BodyState, BodyMode)
        }

    def start_anew(self, why: str) -> None:
        """Take the lens's supply and get to know it again; the step of the script that was under way is repeated."""

    def says(self, cls: type[M]) -> M:
        """A fresh message as the profile words it for this kind of lens and this time of the session."""
        key = (cls, self.lens.is_adapter, self.saying_farewell)
        copy = self._worded.get(key)
        if copy is None:
            fields = dict(self.settings.messages.get(cls.__name__, {}))
            if self.lens.is_adapter:
                fields |= self.settings.adapter.get(cls.__name__, {})
            if self.saying_farewell:
                fields |= self.settings.farewell.get(cls.__name__, {})
            copy = self._worded[key] = copies_of(message_from(cls, fields))
        message: M = copy()
        return message

    def start_up(self, message: Message, frame: int) -> None:
        """Put over a message what the profile says of this first loop frame."""
        patches = self._start[type(message)]
        if frame < len(patches):
            for name, value in patches[frame].items():
                setattr(message, name, value)

    def send(self, messages: list[Message], class_: int, sequence: int) -> Task:
        """One frame in its window, padded as this body pads."""
        frame = self.connection.send(messages, class_, sequence)
        window = self.ring.window(frame) if self.windowed else frame
        return send_window(self, window, self.settings.timing.setup, self._hold_us(len(window)))

    def _hold_us(self, size: int) -> float:
        """From the last stop bit of a window of this size to the fall of the select line, in microseconds."""
        hold_us = self._holds.get((self.baudrate, size))
        if hold_us is None:
            hold = self.settings.timing.hold
            rate = "fast" if self.baudrate == FAST_BAUDRATE else "slow"
            hold_us = self._holds[self.baudrate, size] = hold.get(f"{rate} {size}", hold["otherwise"])
        return hold_us
