"""The near end of an adapter for E-mount lenses: a lens of the open model with the groups of the E-mount lens.

Each end of the adapter uses only its own dialect. The identity of the E-mount lens becomes settings of the open model.
The near end refuses untranslated orders with `NOT_ABLE`, or does not have the part; its entry in `AccessoryReport`
limits it to single autofocus, and a report lists the rest when the E-mount lens is identified.

It models no maker's adapter; that an adapter for other lenses allowed single autofocus only at its release is public
(http://360photography.in/archives/32103).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from lensmount_emulator.engine.dialect_roles import Accessory, DeviceSpec, RandomFor
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.profile_values import build_message
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.emount.body.engine_base import LensInfo
from lensmount_emulator.roles.emount.profile import LensSettings as FarLensSettings
from lensmount_emulator.roles.emount_adapter.body import AdapterBodyEngine
from lensmount_emulator.roles.emount_adapter.models import STEPS, RemoteFocusModel, RemoteIrisModel, RemoteZoomModel
from lensmount_emulator.roles.lmount.accessories.rewrite import accessory_entry
from lensmount_emulator.roles.lmount.lens.commands import make_rejection
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.lmount.profile import (
    AccessorySettings,
    Firmware,
    FocusGroup,
    LensParts,
    LensPower,
    LensSettings,
    LensTiming,
    Optics,
    ZoomGroup,
)
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.identification import DescriptorReply
from lensmount_protocol.dialects.emount.units import FocusSwitch, f_number, format_lens_spec, metres
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive
from lensmount_protocol.dialects.lmount.exposure import ControlEvent
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM, FocusDrive, FocusState, FocusTableRequest
from lensmount_protocol.dialects.lmount.framing import EVENT
from lensmount_protocol.dialects.lmount.identity import AccessoryReport, LensCapabilities
from lensmount_protocol.dialects.lmount.lines import DETECT, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import BodyHello
from lensmount_protocol.dialects.lmount.types import ApertureMode, ControlKind, FocusCommand, RejectionCode
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import LineChanged

NEAREST_M = 1.0
"""No E-mount lens reports its nearest distance; modelled."""

BOOT_US = 145_000.0
"""Boot time, the longest that is legal, because the E-mount lens needs time for its own start."""

LENS_MA = LensPower(idle_ma=60, focus_ma=220, diaphragm_ma=60, stabiliser_ma=0)
"""Currents of an E-mount lens, which does not report them; modelled."""

TIMING = LensTiming(boot=BOOT_US)


def placeholder_settings(adapter: AccessorySettings) -> LensSettings:
    """Return the settings of the adapter before its lens is known."""
    return LensSettings(
        optics=Optics(maker=adapter.maker, focal_mm=[50.0], f_number=[4.0], nearest_m=1.0), timing=TIMING
    )


def translate_lens(adapter: AccessorySettings, lens: LensInfo) -> LensSettings:
    """Return the settings of the lens towards the body, without functions that cannot be translated.

    Args:
        adapter: the adapter's profile.
        lens: the lens's replies.
    """
    identity, descriptor = lens.identity, lens.descriptor
    if identity is None or descriptor is None:
        return placeholder_settings(adapter)
    spec = descriptor.lens_spec
    wide, tele = _bcd(spec[5:6]) / 10, _bcd(spec[6:7]) / 10
    widest = f_number(descriptor.widest_aperture)
    named = [value for value in (wide, tele) if value]
    driven = not lens.slow_starter
    name = format_lens_spec(spec)
    firmware = identity.firmware_version
    return LensSettings(
        optics=Optics(
            maker=adapter.maker,
            format="aps-c" if name.startswith(("E ", "DT ")) else "full-frame",
            focal_mm=_focal_mm(spec),
            f_number=sorted(named) or [round(widest, 1)],
            smallest_f_number=max(round(f_number(descriptor.narrowest_aperture), 1), *named, round(widest, 1)),
            nearest_m=NEAREST_M,
        ),
        parts=LensParts(
            diaphragm=descriptor.narrowest_aperture > descriptor.widest_aperture,
            focus_motor=driven,
            focus_ring=False,
        ),
        focus=FocusGroup(steps=STEPS, drive_hz=(60,), breathes_percent=0.0),
        zoom=ZoomGroup(focus_shift_steps=0),
        power=LENS_MA,
        timing=TIMING,
        firmware=Firmware(version=f"{firmware >> 8}.{firmware & 0xFF}", features=(), pages=()),
        name=f"{name} ({identity.lens_id:#06x})",
        number=identity.lens_id,
        serial=str(descriptor.serial),
    )


def translate_zoom(step: Step, min_focal_um: int, max_focal_um: int) -> Step:
    """Translate a control step for the E-mount lens: its `zoom` is in tenths of a millimetre, within its range."""
    if step.verb != "zoom":
        return step
    focal_um = max(min_focal_um, min(max_focal_um, int(step.value)))
    return replace(step, value=focal_um // UM_PER_DMM)


def control_translator(lens: DeviceSpec) -> Callable[[Step], Step]:
    """Return the translation of control steps for a lens on an adapter that is not an engine of ours.

    A lens that is a firmware in C as well gets the text of a step, so its steps stay as they are.
    """
    settings = lens.settings
    if not isinstance(settings, FarLensSettings):
        return lambda step: step
    focal_mm = _focal_mm(build_message(DescriptorReply, settings.messages.get("DescriptorReply", {})).lens_spec)
    return lambda step: translate_zoom(step, round(focal_mm[0] * 1000), round(focal_mm[-1] * 1000))


def _focal_mm(spec: bytes) -> list[float]:
    return [float(value) for value in (_bcd(spec[1:3]) or 50, _bcd(spec[3:5])) if value]


def _bcd(digits: bytes) -> int:
    number = digits.hex()
    return int(number) if number.isdecimal() else 0


ORDER_FIELD = 2
"""The field with the mode of a focus or aperture drive, and with the number of a table."""

UNTRANSLATED = "not translated: stabiliser, rings, speeds and smooth apertures, tables and corrections, firmware update"
MANUAL = 1
UM_PER_DMM = 100


class AdapterLensEngine(LensEngine):
    """The lens to the body.

    Attributes:
        name: name of the adapter, a prefix of its reports.
        far: the body end, towards the E-mount lens.
        lens_identified: whether the E-mount lens is identified.
    """

    def __init__(self, name: str, adapter: AccessorySettings, far: AdapterBodyEngine, random: Random | None) -> None:
        self.far = far
        super().__init__(placeholder_settings(adapter), None, random)
        self.name = name
        self.lens_identified = False
        self._adapter = adapter
        self._manual = 0
        # The body pulls it up until a lens is mounted.
        self.levels[DETECT] = True
        far.on_lens_attached, far.on_lens_identified, far.on_lens_frame = (
            self._on_lens_attached,
            self._on_lens_identified,
            self._on_lens_frame,
        )

    @property
    def asserts_detect(self) -> bool:
        """Whether a lens is mounted on the adapter."""
        return not self.levels[DETECT]

    @property
    def homed(self) -> bool:
        """Whether the E-mount lens accepts orders; it homes by itself."""
        return self.far.drives

    @homed.setter
    def homed(self, _value: bool) -> None:
        """Ignore the value: only the E-mount lens determines it."""

    def report(
        self, text: str, *, is_error: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = ""
    ) -> None:
        """Report what happened, with the name of the device."""
        super().report(f"{self.name}: {text}", is_error=is_error, kind=kind, subject=subject)

    def on_line(self, edge: LineChanged) -> None:
        """Forward both supplies to the E-mount lens."""
        if edge.line == V_LOGIC:
            if not edge.level:
                self.lens_identified = False
            self.far.set_logic_power(edge.level, self.now)
        elif edge.line == V_DRIVE:
            self.far.set_drive_power(edge.level, self.now)
        super().on_line(edge)

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Ignore greetings until the E-mount lens is identified; a body greets again."""
        if not self.lens_identified and any(isinstance(message, BodyHello) for message in arrival.messages):
            self.report("the E-mount lens is not identified yet")
            return
        super().on_arrival(arrival)

    def queue_frame(self, messages: Sequence[Message], class_: int, *, until: float | None = None) -> None:
        """Send a frame: the accessory reports itself beside the lens's abilities, distances are the lens's own."""
        for message in messages:
            if isinstance(message, FocusState):
                message.distance_mm = self._distance_mm()
        if any(isinstance(message, LensCapabilities) for message in messages):
            messages = [*messages, AccessoryReport(entries=[accessory_entry(self._adapter)])]
        super().queue_frame(messages, class_, until=until)

    def translate_control(self, step: Step) -> Step:
        """Translate a control step for the E-mount lens."""
        return translate_zoom(step, self.min_focal_um, self.max_focal_um)

    def _reply_to(self, order: AnyMessage, raw: bytes, *, legal: bool) -> Message:
        smooth = isinstance(order, ApertureDrive) and order.mode == ApertureMode.SMOOTH
        velocity = isinstance(order, FocusDrive) and order.order == FocusCommand.VELOCITY
        if legal and not self.asleep and (smooth or velocity or isinstance(order, FocusTableRequest)):
            assert isinstance(order, Message)
            return make_rejection(order, RejectionCode.NOT_ABLE, ORDER_FIELD)
        return super()._reply_to(order, raw, legal=legal)

    def _on_lens_attached(self, there: bool) -> None:
        self.now = self.far.now
        self.drive(DETECT, not there)

    def _on_lens_identified(self) -> None:
        self.now = self.far.now
        self._use_settings(translate_lens(self._adapter, self.far.lens))
        self.lens_identified = True
        self.report(f"it carries {self.settings.name}; {UNTRANSLATED}")

    def _use_settings(self, settings: LensSettings) -> None:
        """Use the settings of the identified lens from now on."""
        model = LensEngineBase(settings, None, None)
        self.settings, self.version, self.model = settings, model.version, model.model
        self.budget, self.reduction = model.budget, model.reduction
        self.min_focal_um, self.max_focal_um, self.nearest_mm = model.min_focal_um, model.max_focal_um, model.nearest_mm
        self.widest, self.smallest = model.widest, model.smallest
        self.focus = RemoteFocusModel(self.far, self._clock)
        self.iris = RemoteIrisModel(self.far, self._clock, self.widest[0], self.smallest)
        self.zoom = RemoteZoomModel(self.far, settings)

    def _clock(self) -> float:
        return self.now

    def _on_lens_frame(self) -> None:
        status = self.far.lens.status
        manual = MANUAL if status is not None and status.focus_switch == FocusSwitch.MF else 0
        if manual != self._manual and self.body_requests.reports:
            self._manual = manual
            self.now = self.far.now
            self.queue_frame([ControlEvent(control=ControlKind.FOCUS_SWITCH, value=manual)], EVENT)
            self._advance()

    def _distance_mm(self) -> int:
        status = self.far.lens.status
        if status is None:
            return INFINITY_MM
        distance = metres(status.distance)
        return INFINITY_MM if distance == float("inf") else min(INFINITY_MM - 1, round(distance * 1000))


def make_adapter(piece: DeviceSpec, _lens: DeviceSpec, make_random: RandomFor) -> Accessory:
    """Return the engines of the adapter; it identifies its lens by itself."""
    assert isinstance(piece.settings, AccessorySettings)
    far = AdapterBodyEngine(piece.name, make_random(f"{piece.name} far"))
    near = AdapterLensEngine(piece.name, piece.settings, far, make_random(f"{piece.name} near"))
    return Accessory(piece.name, near, far, near.translate_control)
