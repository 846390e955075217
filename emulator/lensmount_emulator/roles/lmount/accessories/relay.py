"""An active accessory: relays frames between body and lens in both directions, and rewrites some of them.

Lines are wires, including the detect line: the body detects a lens if one is mounted on the accessory. The relay
receives a whole frame, rewrites it, and sends it in the same attention window with the sequence number of its sender.
It forwards garbage unchanged, because an accessory must not hide a fault; frames without rewritten fields pass byte for
byte. Each end sends the items from the other end in their order and in their windows.
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from random import Random

from lensmount_emulator.engine.dialect_roles import Accessory, DeviceSpec, RandomFor
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, Wait, WaitFor
from lensmount_emulator.roles.lmount.accessories.rewrite import AccessoryOptics, make_rules
from lensmount_emulator.roles.lmount.lens.commands import SWITCH_US
from lensmount_emulator.roles.lmount.lens.stream import LATEST_US
from lensmount_emulator.roles.lmount.link_engine import GAP_US, HOLD_US
from lensmount_emulator.roles.lmount.profile import AccessorySettings
from lensmount_emulator.rules.engine import RuleEngine
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.lines import (
    BAUDRATES,
    BODY_ATT,
    DETECT,
    FIRST_BAUDRATE,
    FSYNC,
    LENS_ATT,
    RXD,
    TXD,
    V_DRIVE,
    V_LOGIC,
)
from lensmount_protocol.dialects.lmount.link import CommandDone, SetBaudrateCommand
from lensmount_protocol.dialects.lmount.timing import SETUP_US
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.framer import Garbage
from lensmount_protocol.wire import LineChanged, Role, transmission_time

PROCESSING_DELAY_US = 10.0
"""Time to check and rewrite a frame; modelled."""

CLASS_OFFSET = 3
"""Offset of the class in a frame."""

MAX_QUEUED = 64
"""Items that may wait; a window that opens with more is dropped as a whole."""


ITEM = "item"
"""Topic of `Wait.on`: a new item waits."""


@dataclass(frozen=True, slots=True)
class WindowOpen:
    """The attention line rises.

    Attributes:
        until: latest time for the beginning of a frame's reports, in seconds.
    """

    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class WindowClose:
    """The attention line falls."""


@dataclass(frozen=True, slots=True)
class BaudrateSwitch:
    """Switch to this rate, 1 ms after the previous frame."""

    baudrate: int


QueueItem = bytes | WindowOpen | WindowClose | BaudrateSwitch
"""A frame, an edge of the attention line, or a rate."""


class RelayEngine(Engine):
    """One end of an accessory.

    An edge of the attention line is forwarded at once, unless an earlier frame is still being sent: so a window opens
    here at the same time as at the other end, and stays open until its frame is sent.

    Attributes:
        name: name of the accessory, a prefix of its reports.
        forward_line: called with every edge of the peer at this end.
        forward_arrival: called with every frame that arrives at this end.
        forward_garbage: called with garbage that arrives at this end.
    """

    __slots__ = (
        "_fell_at",
        "_playing",
        "_queue",
        "_raised_at",
        "_skips",
        "forward_arrival",
        "forward_garbage",
        "forward_line",
        "name",
    )

    def __init__(self, name: str, role: Role, random: Random | None = None) -> None:
        super().__init__(LMOUNT, role, None, random)
        self.name = name
        self.forward_line: Callable[[LineChanged], None] = lambda _edge: None
        self.forward_arrival: Callable[[ReceivedFrame], None] = lambda _arrival: None
        self.forward_garbage: Callable[[Garbage], None] = lambda _garbage: None
        # The body at either mount pulls it up until a device is mounted.
        self.levels[DETECT] = True
        self._queue: deque[QueueItem] = deque()
        self._playing = self._skips = False
        self._raised_at = self._fell_at = float("-inf")

    @property
    def asserts_detect(self) -> bool:
        """Whether it grounds the detect contact now, because a lens is mounted on it."""
        return not self.levels[DETECT]

    def report(
        self, text: str, *, is_error: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = ""
    ) -> None:
        """Report what happened, with the name of the device."""
        super().report(f"{self.name}: {text}", is_error=is_error, kind=kind, subject=subject)

    def on_line(self, edge: LineChanged) -> None:
        """Pass the edge to `forward_line`."""
        self.forward_line(edge)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Pass the frame to `forward_arrival`."""
        self.forward_arrival(arrival)

    def on_garbage(self, garbage: Garbage) -> None:
        """Pass the garbage to `forward_garbage`."""
        self.forward_garbage(garbage)

    def mirror_line(self, line: str, level: bool, now: float) -> None:
        """Set a line to its level at the other end."""
        self.now = now
        self.drive(line, level)

    def forward(self, item: QueueItem, now: float) -> None:
        """Send an item from the other end, after the waiting items."""
        self.now = now
        full = len(self._queue) >= MAX_QUEUED
        if full and isinstance(item, WindowOpen):
            self._skips = True
        # A rate switch is dropped with the frame that it follows.
        if self._skips or (full and isinstance(item, bytes | BaudrateSwitch)):
            self._skips = self._skips and not isinstance(item, WindowClose)
            self.report("too much at once: left out", is_error=True)
            return
        self._queue.append(item)
        self.wake(ITEM)
        if isinstance(item, bytes):
            self.sending = True
        if not self._playing:
            self._playing = True
            self.spawn(self._send_queue())
        self._advance()

    def switch_baudrate(self, baudrate: int) -> None:
        """Switch the baud rate 1 ms from now."""
        self.spawn(self._switch(baudrate))

    def reset(self, lines: tuple[str, ...], now: float) -> None:
        """Handle a loss of power: drop all waiting items, and set these lines low."""
        self.now = now
        self.stop_tasks()
        self._queue.clear()
        self._playing = self._skips = self.sending = False
        for line in lines:
            self.drive(line, False)
        self.set_baudrate(FIRST_BAUDRATE)

    def _send_queue(self) -> Task:
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                yield max(self.after(PROCESSING_DELAY_US), self.at(self._raised_at, SETUP_US))
                self.transmit(item)
                yield self.after(transmission_time(len(item), self.baudrate) * 1e6 + HOLD_US)
            elif isinstance(item, BaudrateSwitch):
                self.switch_baudrate(item.baudrate)
            elif isinstance(item, WindowClose):
                self.drive(self.select, False)
                self._fell_at = self.now
            elif (yield from self._in_time(item)):
                self.drive(self.select, True)
                self._raised_at = self.now
        self._playing = self.sending = False

    def _in_time(self, opening: WindowOpen) -> Generator[WaitFor, bool, bool]:
        """Whether a window may open; late reports are dropped, as a lens does."""
        yield self.at(self._fell_at, GAP_US)
        if self.now <= opening.until:
            return True
        yield Wait(ready=lambda: bool(self._queue), on=(ITEM,))
        first = self._queue[0]
        if not isinstance(first, bytes) or first[CLASS_OFFSET : CLASS_OFFSET + 1] != bytes((CYCLE,)):
            return True
        while not isinstance(self._queue[0], WindowClose):
            self._queue.popleft()
            yield Wait(ready=lambda: bool(self._queue), on=(ITEM,))
        self._queue.popleft()
        return False

    def _switch(self, baudrate: int) -> Task:
        yield self.after(SWITCH_US)
        self.set_baudrate(baudrate)


BODY_LINES = (V_LOGIC, V_DRIVE, BODY_ATT, FSYNC, TXD)
"""Lines that the far end sets low on a loss of power; the supply first, so that the lens starts nothing."""

LENS_LINES = (LENS_ATT, RXD)


class AccessoryRelay:
    """An accessory between two mounts.

    Attributes:
        near: the lens end, on the body's side.
        far: the body end, on the lens's side.
        powered: whether its processor runs.
    """

    def __init__(self, piece: DeviceSpec, make_random: RandomFor) -> None:
        assert isinstance(piece.settings, AccessorySettings)
        self.near = RelayEngine(piece.name, Role.LENS, make_random(f"{piece.name} near"))
        self.far = RelayEngine(piece.name, Role.BODY, make_random(f"{piece.name} far"))
        self.powered = False
        self._optics = AccessoryOptics.from_settings(piece.title, piece.settings)
        self._rules = RuleEngine(LMOUNT, make_rules(self._optics))
        self._rates: dict[int, int] = {}
        self._frame_at = float("-inf")
        self.near.forward_line, self.near.forward_arrival = self._on_body_line, self._on_body_frame
        self.far.forward_line, self.far.forward_arrival = self._on_lens_line, self._on_lens_frame
        self.near.forward_garbage = lambda garbage: self._forward_garbage(self.near, self.far, garbage)
        self.far.forward_garbage = lambda garbage: self._forward_garbage(self.far, self.near, garbage)

    def translate_control(self, step: Step) -> Step:
        """Translate a control step from the body's values into the lens's values."""
        if step.verb == "zoom":
            value = self._optics.focal_at_lens(step.value)
            return replace(step, text=f"zoom {value / 1000:g}", value=value)
        if step.verb == "ring" and step.value is not None:
            return replace(step, value=step.value - self._optics.av)
        return step

    def _on_body_line(self, edge: LineChanged) -> None:
        far, now = self.far, self.near.now
        if edge.line == FSYNC and not edge.level:
            self._frame_at = now
        if edge.line == V_LOGIC:
            self._power(edge.level, now)
        elif not self.powered:
            return
        elif edge.line == BODY_ATT:
            far.forward(WindowOpen() if edge.level else WindowClose(), now)
        else:
            far.mirror_line(edge.line, edge.level, now)

    def _on_lens_line(self, edge: LineChanged) -> None:
        near, now = self.near, self.far.now
        if edge.line == DETECT:
            near.mirror_line(DETECT, edge.level, now)
        elif not self.powered:
            return
        elif edge.line == LENS_ATT:
            near.forward(WindowOpen(self._latest(now)) if edge.level else WindowClose(), now)
        else:
            near.mirror_line(edge.line, edge.level, now)

    def _latest(self, now: float) -> float:
        """Return the latest time at which a window with this frame's reports must be open at the body."""
        latest = self._frame_at + LATEST_US * 1e-6
        return latest if now <= latest else float("inf")

    def _power(self, level: bool, now: float) -> None:
        self.powered = level
        if level:
            self.far.mirror_line(V_LOGIC, True, now)
        else:
            self._rates.clear()
            self.far.reset(BODY_LINES, now)
            self.near.reset(LENS_LINES, now)

    def _on_body_frame(self, arrival: ReceivedFrame) -> None:
        if not self.powered:
            return
        self._forward_frame(self.near, self.far, arrival)
        for message in arrival.messages:
            if isinstance(message, SetBaudrateCommand) and message.baudrate in BAUDRATES:
                self._rates[message.number] = message.baudrate

    def _on_lens_frame(self, arrival: ReceivedFrame) -> None:
        if not self.powered:
            return
        self._forward_frame(self.far, self.near, arrival)
        for message in arrival.messages:
            if (
                isinstance(message, CommandDone)
                and message.order == SetBaudrateCommand.TYPE
                and message.outcome == Outcome.ACCEPTED
            ):
                baudrate = self._rates.pop(message.number, None)
                if baudrate is not None:
                    self.far.switch_baudrate(baudrate)
                    self.near.forward(BaudrateSwitch(baudrate), self.far.now)

    def _forward_frame(self, here: RelayEngine, there: RelayEngine, arrival: ReceivedFrame) -> None:
        result = self._rules.rewrite(there.role, arrival.frame, arrival.messages, here.now)
        if result is not None and result.error:
            here.report(f"a frame {result.error}; passed on as it came")
        there.forward(arrival.frame.raw if result is None else result.data, here.now)

    def _forward_garbage(self, here: RelayEngine, there: RelayEngine, garbage: Garbage) -> None:
        if self.powered:
            there.forward(garbage.data, here.now)


def make_relay(piece: DeviceSpec, make_random: RandomFor) -> Accessory:
    """Return the engines of an active accessory."""
    made = AccessoryRelay(piece, make_random)
    return Accessory(piece.name, made.near, made.far, made.translate_control)
