"""The far end of an adapter for E-mount lenses: a body that knows its lens before it may drive it.

It is a plain E-mount body but for its order: who the lens is has to be known before the other mount asks, so identity
and description come first, and what moves motors waits until the other mount has granted power. Its times are modelled.
"""

from collections.abc import Callable
from random import Random

from lensmount_emulator.roles.emount.body import BodyEngine
from lensmount_emulator.roles.emount.body_core import Lens
from lensmount_emulator.roles.emount.body_loop import start_loop
from lensmount_emulator.roles.emount.body_power import frame_sync, shake_hands
from lensmount_emulator.roles.emount.body_requests import LensSilentError, get_to_know
from lensmount_emulator.roles.emount.body_sleep import sleep, wake
from lensmount_emulator.roles.emount.settings import BodySettings, BodyTiming
from lensmount_emulator.roles.emount.transmit_ring import TransmitRing
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_POWER, SLOW_BAUDRATE, TXD, VCC, VD, XDETECT
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.frame import Garbage
from lensmount_protocol.wire import LineChanged, Role

WHO = ["01", "07", "08", "0D"]
"""What can be asked before a motor has power."""

START = ["0B", "09", "10", "0A"]
"""What starts the motors and the stream."""

FAREWELL_FRAMES = 4
SETTLED_FRAMES = 2
"""Frames with the same limits after which they are believed."""

LONGEST_SETTLING = 30
"""Frames of a stream after which a lens is taken as it is: one without a drive never tells any limits."""

MOTORS = "motors"
"""Topic of `Wait.on`: drive power came or went."""

SETTINGS = BodySettings(
    timing=BodyTiming(select_rises=2_000.0, first_poll=500.0, poll=500.0, setup=(20.0, 20.0), hold={"otherwise": 55.0}),
    switches_speed=False,
    cold=[*WHO, *START],
    warm=["0B", "09", "0D", "10", "0A"],
    messages={},
)
"""An adapter's own; a look at the lens twice a millisecond."""


class FarBody(BodyEngine):
    """The body to the E-mount lens.

    Attributes:
        name: of the adapter, in front of what it tells people.
        met: told when a lens came or was taken off.
        known: told when it is known who the lens is.
        heard: told of every frame of the lens's stream.
        motors: whether there is drive power.
    """

    def __init__(self, name: str, random: Random | None) -> None:
        super().__init__(SETTINGS, None, random)
        self.name = name
        self.met: Callable[[bool], None] = lambda _there: None
        self.known: Callable[[], None] = lambda: None
        self.heard: Callable[[], None] = lambda: None
        self.motors = False
        self._limits = (0, 0)
        self._same_limits = 0

    @property
    def drives(self) -> bool:
        """Whether the lens reports its state, knows its limits, and takes orders."""
        settled = self._same_limits >= SETTLED_FRAMES or self.loop.frame >= LONGEST_SETTLING
        return self.looping and self.loop.pair_seen and settled and not self.saying_farewell

    def tell(self, text: str, *, trouble: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = "") -> None:
        """Report what happened, with the name of the device."""
        super().tell(f"{self.name}: {text}", trouble=trouble, kind=kind, subject=subject)

    def on_start(self) -> None:
        """Nothing happens before the other mount gives power."""

    def on_line(self, edge: LineChanged) -> None:
        """A lens was put on or taken off."""
        if edge.line == XDETECT:
            self.met(not edge.level)

    def on_arrival(self, arrival: Arrival) -> None:
        """What the lens says, and whoever waits for it."""
        super().on_arrival(arrival)
        if self.looping:
            for message in arrival.messages:
                if isinstance(message, FocusStatus):
                    self._compare_limits((message.lower_limit, message.upper_limit))
            self.heard()

    def on_garbage(self, garbage: Garbage) -> None:
        """What a lens was saying when its power was taken is cut, and nobody's fault."""
        if self.levels.get(VCC):
            super().on_garbage(garbage)

    def supply(self, level: bool, now: float) -> None:
        """Logic power comes or goes."""
        self.now = now
        if level:
            self.spawn(self._live())
            self._advance()
        else:
            self._rest()

    def drive_power(self, level: bool, now: float) -> None:
        """Drive power comes or goes."""
        self.now = now
        self.motors = level
        self.wake(MOTORS)
        self._advance()

    def _compare_limits(self, limits: tuple[int, int]) -> None:
        """Limits settle in the first frames of a stream, and an adapter may not know its own for longer."""
        known = limits == self._limits and limits[0] < limits[1]
        self._same_limits = self._same_limits + 1 if known else 0
        self._limits = limits

    def _live(self) -> Task:
        for line in (VCC, VD):
            self.drive(line, True)
        self.connection.move("power", by=Role.BODY)
        self.spawn(frame_sync(self))
        try:
            yield from shake_hands(self, self.at(self.now, self.settings.timing.select_rises))
            yield from get_to_know(self, WHO)
            self.known()
            yield from self._motors(True)
            yield from get_to_know(self, START)
            start_loop(self)
            while True:
                yield from self._motors(False)
                yield from sleep(self, FAREWELL_FRAMES)
                self.drive(LENS_POWER, False)
                yield from self._motors(True)
                yield from wake(self)
        except (LensSilentError, ProtocolError) as error:
            self.looping = False
            self.tell_error(error, f"{error}; giving up")

    def _motors(self, level: bool) -> Task:
        yield Wait(ready=lambda: self.motors == level, on=(MOTORS,))
        if level:
            self.drive(LENS_POWER, True)

    def _rest(self) -> None:
        self.stop_tasks()
        self.looping = self.sending = self.saying_farewell = self.motors = False
        for line in (VCC, LENS_POWER, BODY_CS, TXD, VD):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.lens, self.pulses, self.aperture = Lens(), 0, None
        self.orders.clear()
        self._limits, self._same_limits = (0, 0), 0
        self.ring = TransmitRing(self.settings.pads_to, self.settings.ring_blocks)
        if self.connection.state != self.dialect.transitions.initial:
            self.connection.move("power lost", by=Role.BODY)
