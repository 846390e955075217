"""Rules of the open model that a lens keeps on the wire, checked from outside, for firmware in C.

Each rule follows from the specification (sections 3, 4, 9 and 12). A rule looks at what the lens has received and what
it sends, so it holds under any fault between the ends.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ApertureState, ZoomDrive
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusLimits, FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT
from lensmount_protocol.dialects.lmount.identity import LensCapabilities
from lensmount_protocol.dialects.lmount.lines import BODY_ATT, FSYNC, LENS_ATT, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    LensHello,
    Sleep,
    StreamConfig,
)
from lensmount_protocol.dialects.lmount.power import PowerGrant
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome, PowerClass
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.wire import BITS_PER_BYTE, Role

SETUP_S = 10e-6
"""The attention line is high for so long before the first bit, and low for so long between two frames."""
LATEST_REPORT_S = 1.5e-3
MIN_ANSWER_S = 20e-6
CALL_S = 1e-3 - 1e-5
"""The line of the body is high for so long when it wakes a lens."""
SLACK_S = 2e-6
"""Tolerance: firmware counts whole microseconds."""
KEPT = 24
"""Orders that are remembered: the lens keeps the answers to eight."""
SETTLED_FRAMES = 3
"""Reports after an order in which its target is surely seen."""
DRIVES = (FocusDrive, ApertureDrive, ZoomDrive)


@dataclass(slots=True)
class _Order:
    """An order that the lens has received.

    Attributes:
        message: the order.
        raw: its bytes.
        at: its time, in seconds.
        asleep: whether the lens was surely asleep.
        powered: whether its parts could move.
        repeated: whether an equal order was received before.
        standing: where the focus stood at that time, if the wire shows it.
        accepted: whether it was accepted and its end is still to come.
        shared: whether an answer with its number may be that of another order, so that nothing is due for it.
        ended: whether its end is reported.
    """

    message: Message
    raw: bytes
    at: float
    asleep: bool
    powered: bool
    repeated: bool
    standing: int | None
    accepted: bool = False
    shared: bool = False
    ended: bool = False


@dataclass(slots=True)
class _Focus:
    """What the wire shows of the focus drive; `None` if it shows nothing.

    Attributes:
        steps: the positions of the drive.
        limits: far and near; `None` for the ends of the drive.
        unclear: an answer set the limits of one of several orders with one number.
        wanted: the target that the reports must give.
        reports: how many came since the drive was accepted.
        standing: where the drive stands.
    """

    steps: int | None = None
    limits: tuple[int, int] | None = None
    unclear: bool = False
    wanted: int | None = None
    reports: int = 0
    standing: int | None = None


def _key(message: Message) -> tuple[int, int]:
    """Return what an answer names of an order: its type and its number."""
    return message.TYPE, int(getattr(message, "number", 0))


class LmountLensRules:
    """Checks one lens."""

    def __init__(self) -> None:
        self._parser = FrameParser(LMOUNT, Role.LENS, LMOUNT.payload_parser())
        self._levels: dict[str, bool] = {}
        self._focus_steps: int | None = None
        self._frame_signal_at = -1.0
        self._att_at = -1.0
        self._busy_until = -1.0
        self._sent_in_window = False
        self._baudrate = LMOUNT.wiring.baudrates[0]
        self._forget()

    def _forget(self) -> None:
        self._orders: deque[_Order] = deque(maxlen=KEPT)
        self._granted = False
        self._asleep = False
        self._called_at = -1.0
        self._streams = False
        self._stream_asked = self._stream_asked_again = False
        self._ended_at = -1.0
        self._focus = _Focus(self._focus_steps)
        # Drives from before a hello, by type and number: they go on, and may still end.
        self._earlier: set[tuple[int, int]] = set()

    def on_rx(self, frame: Frame, now: float) -> Iterator[str]:
        """Take a frame that the lens has received."""
        if frame.class_ in (CYCLE, EVENT):
            return
        for message in frame.messages:
            if isinstance(message, BodyHello):
                self._asleep = self._granted = False
                self._earlier |= {
                    _key(order.message)
                    for order in self._orders
                    if isinstance(order.message, DRIVES) and not order.ended
                }
                self._orders.clear()
                self._stream_asked_again = False
                self._focus.wanted = None
            elif isinstance(message, Message) and not isinstance(message, UnknownMessage):
                self._take_order(message, now)
        yield from ()

    def _take_order(self, message: Message, now: float) -> None:
        raw = message.build()
        repeated = any(order.raw == raw for order in self._orders)
        # A line that is high without a frame yet may be the signal that the lens has woken up.
        wakes = self._levels.get(LENS_ATT, False) and not self._sent_in_window
        called = self._levels.get(BODY_ATT, False) and now - self._called_at > CALL_S
        asleep = self._asleep and now > self._ended_at and not wakes and not called
        powered = self._granted and self._levels.get(V_DRIVE, False)
        standing = self._focus.standing
        if isinstance(message, FocusDrive | FocusLimits | Sleep):
            self._focus.wanted = self._focus.standing = None
        order = _Order(message, raw, now, asleep, powered, repeated, standing)
        twins = [other for other in self._orders if other.raw != raw and _key(other.message) == _key(message)]
        for one in (order, *twins):
            one.shared = one.shared or bool(twins) or _key(message) in self._earlier
        self._orders.append(order)
        if isinstance(message, StreamConfig) and message.reports:
            self._stream_asked = self._stream_asked_again = True
        if isinstance(message, PowerGrant) and message.granted != PowerClass.NONE:
            # It may take effect before its answer is sent.
            for order in self._orders:
                order.powered = order.powered or order.at >= now
            self._granted = True

    def on_line(self, line: str, level: bool, now: float) -> Iterator[str]:
        """Take an edge at the lens, of the body or of the lens."""
        if self._levels.get(line, False) == level:
            return
        self._levels[line] = level
        if line == FSYNC and not level:
            self._frame_signal_at = now
        elif line == V_LOGIC:
            self._forget()
            self._busy_until = now
            self._baudrate = LMOUNT.wiring.baudrates[0]
        elif line == V_DRIVE and not level:
            self._focus.wanted = None
            # The ends of drives may be reported or not; nothing is due for them.
            kept = [order for order in self._orders if not isinstance(order.message, DRIVES)]
            self._orders = deque(kept, maxlen=KEPT)
        elif line == LENS_ATT:
            yield from self._attention(level, now)
        elif line == BODY_ATT:
            if not level and now - self._called_at > CALL_S:
                # A long signal wakes it, even while its own line is high for a frame.
                self._asleep = False
            self._called_at = now

    def _attention(self, level: bool, now: float) -> Iterator[str]:
        powered = self._levels.get(V_LOGIC, False)
        if level:
            self._att_at, self._sent_in_window = now, False
            return
        if powered and now < self._busy_until - SLACK_S:
            yield f"the attention line falls {(self._busy_until - now) * 1e6:.0f} us before the last stop bit"
        if not self._sent_in_window:
            # A line that is raised without a frame: the lens has started or woken up.
            self._asleep = False

    def on_baudrate(self, baudrate: int) -> None:
        """The lens changes its rate."""
        self._baudrate = baudrate

    def on_tx(self, data: bytes, now: float) -> Iterator[str]:
        """Check bytes that the lens begins to send."""
        self._sent_in_window = True
        begins = max(now, self._busy_until)
        if now - self._att_at < SETUP_S - SLACK_S:
            yield f"the attention line rises {(now - self._att_at) * 1e6:.0f} us before the first bit; 10 us are needed"
        self._busy_until = begins + len(data) * BITS_PER_BYTE / self._baudrate
        for event in self._parser.receive(data):
            if isinstance(event, Frame):
                yield from self._check_frame(event, begins)

    def _check_frame(self, frame: Frame, now: float) -> Iterator[str]:
        if frame.class_ == CYCLE:
            late = now - self._frame_signal_at
            if late > LATEST_REPORT_S + SLACK_S:
                yield f"reports begin {late * 1e3:.1f} ms after the frame signal; 1.5 ms are the limit"
            called = self._levels.get(BODY_ATT, False) and now - self._called_at > CALL_S
            if self._asleep and not called:
                yield "reports from a lens that sleeps"
            elif not self._stream_asked:
                yield "reports that were not ordered since the hello"
        for message in frame.messages:
            if isinstance(message, CommandDone):
                yield from self._check_done(message, now)
            elif isinstance(message, FocusState):
                yield from self._check_focus(message)
            elif isinstance(message, ApertureState):
                if not message.widest <= message.target <= message.smallest:
                    yield f"the aperture's target {message.target} is outside of {message.widest} to {message.smallest}"
            elif isinstance(message, LensCapabilities):
                self._focus_steps = self._focus.steps = message.focus_steps
                yield from self._check_awake(message.number, "LensCapabilities")
            elif isinstance(message, LensHello):
                # Reports that wait when the hello arrives may still come before its answer.
                self._asleep, self._stream_asked = False, self._stream_asked_again

    def _find(self, number: int, type_: int) -> _Order | None:
        """Return the order that an answer belongs to; `None` where it may belong to two."""
        found = [order for order in self._orders if _key(order.message) == (type_, number)]
        if any(order.shared for order in found):
            self._focus.wanted = None
            for order in found:
                order.accepted = False
                self._focus.unclear = self._focus.unclear or isinstance(order.message, FocusLimits)
            return None
        return found[-1] if found else None

    def _check_awake(self, number: int, what: str) -> Iterator[str]:
        found = [one for one in self._orders if getattr(one.message, "number", 0) == number]
        order = found[0] if len(found) == 1 else None
        if order is not None and order.asleep and not order.repeated and not isinstance(order.message, Sleep):
            yield f"a sleeping lens answers {type(order.message).__name__} with {what}; NOT_NOW is needed"

    def _check_done(self, done: CommandDone, now: float) -> Iterator[str]:
        order = self._find(done.number, done.order)
        if order is None:
            key = done.order, done.number
            if done.outcome != Outcome.ACCEPTED and all(_key(one.message) != key for one in self._orders):
                self._earlier.discard(key)
            return
        message, name = order.message, type(order.message).__name__
        first = not order.accepted
        if first and not order.repeated:
            if now - order.at < MIN_ANSWER_S - SLACK_S:
                yield f"{name} is answered after {(now - order.at) * 1e6:.0f} us; 20 us are the least"
            yield from self._check_awake(done.number, f"CommandDone {done.outcome.name}")
        if isinstance(message, DRIVES) and done.number:
            # Numbers begin at 1, so nothing is due for a drive with the number 0.
            yield from self._check_drive(order, done)
        elif isinstance(message, Sleep):
            self._asleep, self._ended_at, self._streams = True, now, False
            self._stream_asked = False
        elif isinstance(message, FocusLimits):
            self._focus.limits, self._focus.wanted = (message.far, message.near), None
            self._focus.unclear = False
        elif isinstance(message, PowerGrant):
            self._granted = message.granted != PowerClass.NONE
        elif isinstance(message, StreamConfig):
            # An earlier order may still be in force where this one has a number twice, so reports stay legal.
            self._stream_asked = self._stream_asked or bool(message.reports)

    def _check_drive(self, order: _Order, done: CommandDone) -> Iterator[str]:
        message, name = order.message, type(order.message).__name__
        number = done.number
        if done.outcome == Outcome.ACCEPTED:
            if order.repeated or order.accepted:
                return
            if not order.powered and not self._granted:
                yield f"{name} {number} is accepted without drive power"
            for other in self._orders:
                if other is not order and other.accepted and type(other.message) is type(message):
                    other.accepted = False
                    before = getattr(other.message, "number", 0)
                    yield f"{name} {number} is accepted, and the end of {before} not reported"
            order.accepted = True
            # Orders are carried out as they come: one that came before this acceptance was sent has replaced it.
            if isinstance(message, FocusDrive) and not self._is_replaced(order):
                self._expect_focus(message, order.standing)
            return
        stops = isinstance(message, FocusDrive) and message.order == FocusCommand.STOP
        if not order.accepted and not order.repeated and not stops:
            yield f"{name} {number} ends {done.outcome.name} before its acceptance"
        for other in self._orders:
            # An order that was repeated is there twice.
            if other.raw == order.raw:
                other.accepted, other.ended = False, True
        if stops:
            self._focus.wanted = None

    def _is_replaced(self, order: _Order) -> bool:
        orders = list(self._orders)
        later = orders[next(at for at, one in enumerate(orders) if one is order) + 1 :]
        return any(isinstance(one.message, FocusDrive | FocusLimits | Sleep) for one in later)

    def _expect_focus(self, order: FocusDrive, standing: int | None) -> None:
        focus = self._focus
        focus.wanted, focus.reports = None, 0
        if focus.steps is None or focus.unclear:
            return
        far, near = focus.limits or (0, focus.steps - 1)
        if order.order == FocusCommand.ABSOLUTE:
            focus.wanted = max(far, min(near, order.value))
        elif order.order == FocusCommand.NEAR_END:
            focus.wanted = near
        elif order.order == FocusCommand.FAR_END:
            focus.wanted = far
        elif order.order == FocusCommand.RELATIVE and standing is not None:
            focus.wanted = max(far, min(near, standing + order.value))

    def _check_focus(self, state: FocusState) -> Iterator[str]:
        focus = self._focus
        if focus.steps is not None and focus.steps and not 0 <= state.position < focus.steps:
            yield f"the focus is at {state.position}, outside of 0 to {focus.steps - 1}"
        reached, reliable = bool(state.flags & 2), bool(state.flags & 64)
        moves = any(isinstance(order.message, FocusDrive) for order in self._orders if order.accepted)
        focus.standing = state.position if reached and reliable and not moves else None
        focus.reports += 1
        if focus.wanted is not None and focus.reports >= SETTLED_FRAMES:
            if state.target != focus.wanted:
                yield f"a drive to {focus.wanted} has the target {state.target}"
            focus.wanted = None
