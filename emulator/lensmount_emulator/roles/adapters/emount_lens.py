"""The near end of an adapter for E-mount lenses: a lens of the open model whose groups are those of the lens behind.

What it cannot translate it refuses with `NOT_ABLE`, has not got, or tells: its entry in `AccessoryReport` says single
autofocus, and people are told the rest when the lens behind is known.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lensmount_emulator.roles.adapters.emount_body import FarBody
from lensmount_emulator.roles.adapters.emount_identity import translated, unknown_lens
from lensmount_emulator.roles.adapters.emount_models import FarFocus, FarIris, FarZoom
from lensmount_emulator.roles.lmount.accessory_optics import entry_of
from lensmount_emulator.roles.lmount.lens import LensEngine
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.lens_orders import refuse
from lensmount_emulator.roles.lmount.settings import AccessorySettings, LensSettings
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.script import Step
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.emount.optics import metres
from lensmount_protocol.dialects.emount.types import FocusSwitch
from lensmount_protocol.dialects.lmount.aperture import ApertureDrive
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM, FocusDrive, FocusState, FocusTableRequest
from lensmount_protocol.dialects.lmount.framing import EVENT
from lensmount_protocol.dialects.lmount.identity import Abilities, AccessoryReport
from lensmount_protocol.dialects.lmount.lines import DETECT, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import BodyHello
from lensmount_protocol.dialects.lmount.picture import ControlEvent
from lensmount_protocol.dialects.lmount.types import ApertureMode, ControlKind, FocusOrder, RefusalCode
from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage
from lensmount_protocol.wire import LineChanged

ORDER_FIELD = 2
"""The field that says how a focus or an aperture drive is meant, and which table is wanted."""

UNTRANSLATED = "not translated: stabiliser, rings, speeds and smooth apertures, tables and corrections, firmware update"
MANUAL = 1
UM_PER_DMM = 100


class NearLens(LensEngine):
    """The lens to the body.

    Attributes:
        name: of the adapter, in front of what it tells people.
        far: the body to the lens behind.
        behind: whether it is known who that is.
    """

    def __init__(self, name: str, adapter: AccessorySettings, far: FarBody, random: Random | None) -> None:
        self.far = far
        super().__init__(unknown_lens(adapter), None, random)
        self.name = name
        self.behind = False
        self._adapter = adapter
        self._manual = 0
        # Pulled up by the body until something is behind it.
        self.levels[DETECT] = True
        far.met, far.known, far.heard = self._meet, self._know, self._hear

    @property
    def grounds_detect(self) -> bool:
        """Whether a lens is behind it."""
        return not self.levels[DETECT]

    @property
    def homed(self) -> bool:
        """Whether the lens behind takes orders; it homes by itself."""
        return self.far.drives

    @homed.setter
    def homed(self, _value: bool) -> None:
        """The lens behind says when, and nobody else."""

    def tell(self, text: str, *, trouble: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = "") -> None:
        """Report what happened, with the name of the device."""
        super().tell(f"{self.name}: {text}", trouble=trouble, kind=kind, subject=subject)

    def on_line(self, edge: LineChanged) -> None:
        """Both supplies reach the lens behind."""
        if edge.line == V_LOGIC:
            if not edge.level:
                self.behind = False
            self.far.supply(edge.level, self.now)
        elif edge.line == V_DRIVE:
            self.far.drive_power(edge.level, self.now)
        super().on_line(edge)

    def on_arrival(self, arrival: Arrival) -> None:
        """Nobody is greeted before it is known who is behind; a body greets again."""
        if not self.behind and any(isinstance(message, BodyHello) for message in arrival.messages):
            self.tell("the lens behind is not known yet")
            return
        super().on_arrival(arrival)

    def say(self, messages: Sequence[Message], class_: int, *, until: float | None = None) -> None:
        """Send a frame: the accessory reports itself beside the lens's abilities, distances are the lens's own."""
        for message in messages:
            if isinstance(message, FocusState):
                message.distance_mm = self._distance_mm()
        if any(isinstance(message, Abilities) for message in messages):
            messages = [*messages, AccessoryReport(entries=[entry_of(self._adapter)])]
        super().say(messages, class_, until=until)

    def hand_behind(self, step: Step) -> Step:
        """What a hand does at the lens behind, in the words of its mount: `zoom` is in tenths of a millimetre there."""
        if step.verb != "zoom":
            return step
        focal_um = max(self.shortest_um, min(self.longest_um, int(step.value)))
        return replace(step, value=focal_um // UM_PER_DMM)

    def _reply_to(self, order: AnyMessage, raw: bytes, *, legal: bool) -> Message:
        smooth = isinstance(order, ApertureDrive) and order.mode == ApertureMode.SMOOTH
        velocity = isinstance(order, FocusDrive) and order.order == FocusOrder.VELOCITY
        if legal and not self.asleep and (smooth or velocity or isinstance(order, FocusTableRequest)):
            assert isinstance(order, Message)
            return refuse(order, RefusalCode.NOT_ABLE, ORDER_FIELD)
        return super()._reply_to(order, raw, legal=legal)

    def _meet(self, there: bool) -> None:
        self.now = self.far.now
        self.drive(DETECT, not there)

    def _know(self) -> None:
        self.now = self.far.now
        self._become(translated(self._adapter, self.far.lens))
        self.behind = True
        self.tell(f"behind it is {self.settings.name}; {UNTRANSLATED}")

    def _become(self, settings: LensSettings) -> None:
        """Be the lens of these settings from now on."""
        model = LensCore(settings, None, None)
        self.settings, self.version, self.model = settings, model.version, model.model
        self.budget, self.reduction = model.budget, model.reduction
        self.shortest_um, self.longest_um, self.nearest_mm = model.shortest_um, model.longest_um, model.nearest_mm
        self.widest, self.smallest = model.widest, model.smallest
        self.focus = FarFocus(self.far, self._clock)
        self.iris = FarIris(self.far, self._clock, self.widest[0], self.smallest)
        self.zoom = FarZoom(self.far, settings)

    def _clock(self) -> float:
        return self.now

    def _hear(self) -> None:
        status = self.far.lens.status
        manual = MANUAL if status is not None and status.focus_switch == FocusSwitch.MF else 0
        if manual != self._manual and self.told.reports:
            self._manual = manual
            self.now = self.far.now
            self.say([ControlEvent(control=ControlKind.FOCUS_SWITCH, value=manual)], EVENT)
            self._advance()

    def _distance_mm(self) -> int:
        status = self.far.lens.status
        if status is None:
            return INFINITY_MM
        distance = metres(status.distance)
        return INFINITY_MM if distance == float("inf") else min(INFINITY_MM - 1, round(distance * 1000))
