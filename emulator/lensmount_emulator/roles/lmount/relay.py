"""An accessory that speaks: it stands in the line, passes on what is said in both directions, and rewrites some of it.

Lines are wires, the detect line too: the body sees a lens where one is behind the accessory. A frame is taken whole,
rewritten, and sent on in the same attention window with the sequence number of its sender. What is no frame goes on as
it came, for an accessory must not hide a fault; a frame that nothing is to be rewritten in goes on byte for byte.
"""

from dataclasses import replace

from lensmount_emulator.roles.accessory import Accessory, Piece, RandomOf
from lensmount_emulator.roles.lmount.accessory_optics import Optics
from lensmount_emulator.roles.lmount.lens_stream import LATEST_US
from lensmount_emulator.roles.lmount.relay_end import Closing, Opening, RelayEnd, Switch
from lensmount_emulator.roles.lmount.rewriting import to_body, to_lens
from lensmount_emulator.roles.lmount.settings import AccessorySettings
from lensmount_emulator.roles.script import Step
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.lmount.framing import LARGEST, build_frame
from lensmount_protocol.dialects.lmount.lines import (
    BAUDRATES,
    BODY_ATT,
    DETECT,
    FSYNC,
    LENS_ATT,
    RXD,
    TXD,
    V_DRIVE,
    V_LOGIC,
)
from lensmount_protocol.dialects.lmount.link import Done, RateOrder
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.frame import Garbage
from lensmount_protocol.paving import AnyMessage, build_payload
from lensmount_protocol.wire import LineChanged, Role

BODY_LINES = (V_LOGIC, V_DRIVE, BODY_ATT, FSYNC, TXD)
"""What the far end lets fall when power is lost; the supply first, so that nothing starts on its way down."""

LENS_LINES = (LENS_ATT, RXD)


class Relay:
    """An accessory between two mounts.

    Attributes:
        near: the lens to what is on the body's side.
        far: the body to what is on the lens's side.
        powered: whether its processor runs.
    """

    def __init__(self, piece: Piece, random_of: RandomOf) -> None:
        assert isinstance(piece.settings, AccessorySettings)
        self.near = RelayEnd(piece.name, Role.LENS, random_of(f"{piece.name} near"))
        self.far = RelayEnd(piece.name, Role.BODY, random_of(f"{piece.name} far"))
        self.powered = False
        self._optics = Optics.of(piece.title, piece.settings)
        self._rates: dict[int, int] = {}
        self._frame_at = float("-inf")
        self.near.heard, self.near.arrived = self._body_moved, self._body_said
        self.far.heard, self.far.arrived = self._lens_moved, self._lens_said
        self.near.broken = lambda garbage: self._pass_garbage(self.near, self.far, garbage)
        self.far.broken = lambda garbage: self._pass_garbage(self.far, self.near, garbage)

    def by_hand(self, step: Step) -> Step:
        """What a hand at the lens does for a step that is said in the body's values."""
        if step.verb == "zoom":
            value = self._optics.focal_before(step.value)
            return replace(step, text=f"zoom {value / 1000:g}", value=value)
        if step.verb == "ring" and step.value is not None:
            return replace(step, value=step.value - self._optics.av)
        return step

    def _body_moved(self, edge: LineChanged) -> None:
        far, now = self.far, self.near.now
        if edge.line == FSYNC and not edge.level:
            self._frame_at = now
        if edge.line == V_LOGIC:
            self._power(edge.level, now)
        elif not self.powered:
            return
        elif edge.line == BODY_ATT:
            far.pass_on(Opening() if edge.level else Closing(), now)
        else:
            far.follow(edge.line, edge.level, now)

    def _lens_moved(self, edge: LineChanged) -> None:
        near, now = self.near, self.far.now
        if edge.line == DETECT:
            near.follow(DETECT, edge.level, now)
        elif not self.powered:
            return
        elif edge.line == LENS_ATT:
            near.pass_on(Opening(self._latest(now)) if edge.level else Closing(), now)
        else:
            near.follow(edge.line, edge.level, now)

    def _latest(self, now: float) -> float:
        """When a window that opens now must be open at the body, should it hold the reports of this frame."""
        latest = self._frame_at + LATEST_US * 1e-6
        return latest if now <= latest else float("inf")

    def _power(self, level: bool, now: float) -> None:
        self.powered = level
        if level:
            self.far.follow(V_LOGIC, True, now)
        else:
            self._rates.clear()
            self.far.rest(BODY_LINES, now)
            self.near.rest(LENS_LINES, now)

    def _body_said(self, arrival: Arrival) -> None:
        if not self.powered:
            return
        self._pass_frame(self.near, self.far, arrival, to_lens(self._optics, arrival.messages))
        for message in arrival.messages:
            if isinstance(message, RateOrder) and message.baudrate in BAUDRATES:
                self._rates[message.number] = message.baudrate

    def _lens_said(self, arrival: Arrival) -> None:
        if not self.powered:
            return
        self._pass_frame(self.far, self.near, arrival, to_body(self._optics, arrival.messages))
        for message in arrival.messages:
            if isinstance(message, Done) and message.order == RateOrder.TYPE and message.outcome == Outcome.ACCEPTED:
                baudrate = self._rates.pop(message.number, None)
                if baudrate is not None:
                    self.far.switch(baudrate)
                    self.near.pass_on(Switch(baudrate), self.far.now)

    def _pass_frame(self, here: RelayEnd, there: RelayEnd, arrival: Arrival, messages: list[AnyMessage]) -> None:
        frame, data = arrival.frame, arrival.frame.raw
        if [*map(id, messages)] != [*map(id, arrival.messages)]:
            data = build_frame(build_payload(messages), frame.class_, frame.sequence)
            if len(data) > LARGEST[there.role]:
                here.tell(f"{len(data)} bytes are more than a frame holds; passed on as they came")
                data = frame.raw
        there.pass_on(data, here.now)

    def _pass_garbage(self, here: RelayEnd, there: RelayEnd, garbage: Garbage) -> None:
        if self.powered:
            there.pass_on(garbage.data, here.now)


def relay(piece: Piece, random_of: RandomOf) -> Accessory:
    """The engines of an accessory that speaks."""
    made = Relay(piece, random_of)
    return Accessory(piece.name, made.near, made.far, made.by_hand)
