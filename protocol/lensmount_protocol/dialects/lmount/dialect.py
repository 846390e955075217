"""The dialect `lmount`: an open model built from public evidence, and not the L-Mount protocol."""

from lensmount_protocol.dialect import BaudrateMessage, Dialect
from lensmount_protocol.dialects.lmount import (
    aperture_zoom,
    exposure,
    firmware_update,
    focus,
    identity,
    link,
    power,
    stabiliser,
)
from lensmount_protocol.dialects.lmount.framing import FORMATS, ORDER, build_frame, end_of_unknown_message
from lensmount_protocol.dialects.lmount.lines import DETECT, DRIVERS, FSYNC, LINE_FALLBACKS, V_DRIVE, V_LOGIC, WIRING
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected, SetBaudrateCommand
from lensmount_protocol.dialects.lmount.timing import TIMING
from lensmount_protocol.dialects.lmount.transitions import TRANSITIONS, trigger_for
from lensmount_protocol.dialects.lmount.types import SOURCES, Outcome
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_table
from lensmount_protocol.wire import Role

MESSAGES: tuple[type[Message], ...] = (
    link.BodyHello,
    link.LensHello,
    link.Challenge,
    link.ChallengeAnswer,
    link.SetBaudrateCommand,
    link.CommandDone,
    link.CommandRejected,
    link.Sleep,
    link.StreamConfig,
    identity.IdentityRequest,
    identity.Identity,
    identity.LensCapabilitiesRequest,
    identity.LensCapabilities,
    identity.AccessoryReport,
    identity.MetadataRequest,
    identity.Metadata,
    power.PowerGrant,
    power.PowerReport,
    power.BrownOut,
    power.ImageCircleSelect,
    focus.FocusDrive,
    focus.FocusState,
    focus.FocusLimits,
    focus.RingBehaviour,
    focus.RingMoved,
    focus.FocusTableRequest,
    focus.DistanceScale,
    focus.BreathingTable,
    focus.DefocusTable,
    aperture_zoom.ApertureDrive,
    aperture_zoom.ApertureState,
    aperture_zoom.ZoomDrive,
    aperture_zoom.ZoomState,
    stabiliser.StabiliserCommand,
    stabiliser.AngularRate,
    stabiliser.StabiliserState,
    exposure.FrameStart,
    exposure.Exposure,
    exposure.CorrectionRequest,
    exposure.Correction,
    exposure.ControlEvent,
    firmware_update.UpdateOffer,
    firmware_update.UpdateBlock,
    firmware_update.UpdateActivate,
    firmware_update.UpdateRollback,
    firmware_update.UpdateState,
    firmware_update.ExtensionOffer,
    firmware_update.ExtensionAccept,
    firmware_update.ExtensionCommand,
    firmware_update.ExtensionReport,
)


NOTICE = (
    "An open model of our own, designed from public facts. The protocol of the L-Mount is licensed and unpublished: "
    "this is not it, and no byte of it is Leica's, Panasonic's or Sigma's."
)


def _parse_baudrate_message(_sender: Role, class_: int, message: AnyMessage) -> BaudrateMessage | None:
    """An order, or its answer by the order's own number; frames of other classes hold no orders."""
    if class_ != ORDER:
        return None
    if isinstance(message, SetBaudrateCommand):
        return BaudrateMessage(message.number, message.baudrate)
    if isinstance(message, CommandDone | CommandRejected) and message.order == SetBaudrateCommand.TYPE:
        return BaudrateMessage(
            message.number, accepts=isinstance(message, CommandDone) and message.outcome == Outcome.ACCEPTED
        )
    return None


LMOUNT = Dialect(
    name="lmount",
    title="Open model of an L-Mount link, designed from public evidence",
    notice=NOTICE,
    sources=SOURCES,
    wiring=WIRING,
    drivers=DRIVERS,
    messages=message_table(MESSAGES),
    formats=FORMATS,
    build_frame=build_frame,
    transitions=TRANSITIONS,
    trigger_for=trigger_for,
    timing=TIMING,
    # Five bytes at the slowest rate take 434 µs; a sender that pauses longer than this inside a frame has lost it.
    idle_timeout=2e-3,
    supply=V_LOGIC,
    detect=DETECT,
    power_settling_s=1e-3,
    # Firmware update can leave a lens dead.
    protected_types=frozenset({0x60, 0x61, 0x62, 0x63}),
    unknown_message_end=end_of_unknown_message,
    routine=frozenset({"48", "48+39", "A0+A8+B0+B8"}),
    rails=(V_DRIVE,),
    sync=FSYNC,
    parse_baudrate_message=_parse_baudrate_message,
    baudrate_switch_delay=1e-3,
    line_fallbacks=LINE_FALLBACKS,
)
