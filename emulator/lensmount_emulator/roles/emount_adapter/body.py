"""The far end of an adapter for E-mount lenses: an E-mount body that identifies its lens before it may drive it.

It differs from an E-mount body only in its sequence: the lens must be known before the other mount requests its
identity, so identity and descriptor are first, and requests that move motors wait until the other mount has granted
power. Its times are modelled.
"""

from collections.abc import Callable
from random import Random

from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.engine_base import LensInfo
from lensmount_emulator.roles.emount.body.frame_loop import start_loop
from lensmount_emulator.roles.emount.body.startup import (
    LensNotRespondingError,
    handshake,
    identify_lens,
    run_frame_sync,
    sleep,
    wake,
)
from lensmount_emulator.roles.emount.profile import BodySettings, BodyTiming
from lensmount_emulator.roles.emount.windows import TransmitBuffer
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_POWER, SLOW_BAUDRATE, TXD, VCC, VD, XDETECT
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.wire import LineChanged, Role

IDENTIFY_TYPES = ["01", "07", "08", "0D"]
"""Requests that are possible before a motor has power."""

START_TYPES = ["0B", "09", "10", "0A"]
"""Requests that start the motors and the stream."""

FAREWELL_FRAMES = 4
SETTLED_FRAMES = 2
"""Frames with the same limits after which the limits count as valid."""

MAX_SETTLING_FRAMES = 30
"""Frames of a stream after which limits are not awaited any more: a lens without a drive never reports any."""

MOTORS = "motors"
"""Topic of `Wait.on`: drive power changed."""

SETTINGS = BodySettings(
    timing=BodyTiming(select_rises=2_000.0, first_poll=500.0, poll=500.0, setup=(20.0, 20.0), hold={"otherwise": 55.0}),
    switches_speed=False,
    cold=[*IDENTIFY_TYPES, *START_TYPES],
    warm=["0B", "09", "0D", "10", "0A"],
    messages={},
)
"""The adapter's own settings; it polls the lens twice a millisecond."""


class AdapterBodyEngine(BodyEngine):
    """The body to the E-mount lens.

    Attributes:
        name: name of the adapter, a prefix of its reports.
        on_lens_attached: called when a lens is attached or detached.
        on_lens_identified: called when the lens is identified.
        on_lens_frame: called with every frame of the lens's stream.
        motors: whether there is drive power.
    """

    def __init__(self, name: str, random: Random | None) -> None:
        super().__init__(SETTINGS, None, random)
        self.name = name
        self.on_lens_attached: Callable[[bool], None] = lambda _there: None
        self.on_lens_identified: Callable[[], None] = lambda: None
        self.on_lens_frame: Callable[[], None] = lambda: None
        self.motors = False
        self._limits = (0, 0)
        self._same_limits = 0

    @property
    def drives(self) -> bool:
        """Whether the lens reports its state, knows its limits, and takes orders."""
        settled = self._same_limits >= SETTLED_FRAMES or self.loop.frame >= MAX_SETTLING_FRAMES
        return self.looping and self.loop.pair_seen and settled and not self.sending_farewell

    def report(
        self, text: str, *, is_error: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = ""
    ) -> None:
        """Report what happened, with the name of the device."""
        super().report(f"{self.name}: {text}", is_error=is_error, kind=kind, subject=subject)

    def on_start(self) -> None:
        """Wait for power from the other mount."""

    def on_line(self, edge: LineChanged) -> None:
        """Handle an attached or detached lens."""
        if edge.line == XDETECT:
            self.on_lens_attached(not edge.level)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Handle a frame of the lens, and call `on_lens_frame`."""
        super().on_arrival(arrival)
        if self.looping:
            for message in arrival.messages:
                if isinstance(message, FocusStatus):
                    self._compare_limits((message.lower_limit, message.upper_limit))
            self.on_lens_frame()

    def on_garbage(self, garbage: Garbage) -> None:
        """Handle garbage; a frame that is cut because its lens lost power is no error."""
        if self.levels.get(VCC):
            super().on_garbage(garbage)

    def set_logic_power(self, level: bool, now: float) -> None:
        """Switch logic power on or off."""
        self.now = now
        if level:
            self.spawn(self._run_body())
            self._advance()
        else:
            self._reset()

    def set_drive_power(self, level: bool, now: float) -> None:
        """Switch drive power on or off."""
        self.now = now
        self.motors = level
        self.wake(MOTORS)
        self._advance()

    def _compare_limits(self, limits: tuple[int, int]) -> None:
        """Count frames with equal limits: they settle in the first frames, for an adapter as a lens even later."""
        known = limits == self._limits and limits[0] < limits[1]
        self._same_limits = self._same_limits + 1 if known else 0
        self._limits = limits

    def _run_body(self) -> Task:
        for line in (VCC, VD):
            self.drive(line, True)
        self.connection.move("power", by=Role.BODY)
        self.spawn(run_frame_sync(self))
        try:
            yield from handshake(self, self.at(self.now, self.settings.timing.select_rises))
            yield from identify_lens(self, IDENTIFY_TYPES)
            self.on_lens_identified()
            yield from self._motors(True)
            yield from identify_lens(self, START_TYPES)
            start_loop(self)
            while True:
                yield from self._motors(False)
                yield from sleep(self, FAREWELL_FRAMES)
                self.drive(LENS_POWER, False)
                yield from self._motors(True)
                yield from wake(self)
        except (LensNotRespondingError, ProtocolError) as error:
            self.looping = False
            self.report_error(error, f"{error}; giving up")

    def _motors(self, level: bool) -> Task:
        yield Wait(ready=lambda: self.motors == level, on=(MOTORS,))
        if level:
            self.drive(LENS_POWER, True)

    def _reset(self) -> None:
        self.stop_tasks()
        self.looping = self.sending = self.sending_farewell = self.motors = False
        for line in (VCC, LENS_POWER, BODY_CS, TXD, VD):
            self.drive(line, False)
        self.set_baudrate(SLOW_BAUDRATE)
        self.lens, self.pulses, self.aperture = LensInfo(), 0, None
        self.orders.clear()
        self._limits, self._same_limits = (0, 0), 0
        self.ring = TransmitBuffer(self.settings.pads_to, self.settings.ring_blocks)
        if self.connection.state != self.dialect.transitions.initial:
            self.connection.move("power lost", by=Role.BODY)
