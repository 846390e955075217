"""The dialect `emount`: Sony's E-mount as public reverse engineering documents it, checked against captures."""

from collections.abc import Mapping

from lensmount_protocol.dialect import BaudrateMessage, Dialect
from lensmount_protocol.dialects.emount import (
    aperture,
    body_status,
    focus,
    focus_status,
    identification,
    lens_status,
    service,
    startup_shutdown,
)
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import FORMATS, build_frame
from lensmount_protocol.dialects.emount.identification import SpeedReply, SpeedRequest
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import (
    DRIVERS,
    FAST_BAUDRATE,
    LENS_POWER,
    LINE_FALLBACKS,
    VCC,
    VD,
    WIRING,
    XDETECT,
)
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply
from lensmount_protocol.dialects.emount.timing import TIMING
from lensmount_protocol.dialects.emount.transitions import TRANSITIONS, trigger_for
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_table
from lensmount_protocol.wire import Role

MESSAGES: tuple[type[Message], ...] = (
    identification.BodyCapabilities,
    identification.LensCapabilities,
    identification.IdentityRequest,
    identification.IdentityReply,
    identification.DescriptorRequest,
    identification.DescriptorReply,
    identification.Query09,
    identification.Answer09,
    identification.Query0B,
    identification.Answer0B,
    identification.SpeedRequest,
    identification.SpeedReply,
    identification.FrameRateRequest,
    identification.FrameRateReply,
    identification.NameRequest,
    identification.NameReply,
    identification.Query3D,
    identification.Answer3D,
    startup_shutdown.StreamLayoutRequest,
    startup_shutdown.StreamLayoutReply,
    body_status.BodyState,
    body_status.RowSelect,
    body_status.BodyMode,
    lens_status.LensStatus,
    focus_status.FocusStatus,
    focus.FocusStop,
    focus.FocusMove,
    focus.FocusOrder1E,
    focus.FocusScan,
    focus.PositionToDistance,
    focus.DistanceToPosition,
    focus.FocusOrder34,
    focus.FocusLimitDrive,
    focus.FocusStopped,
    focus.FocusAnswer1E,
    focus.FocusMoved,
    focus.FocusScanned,
    focus.DistanceOfPosition,
    focus.PositionOfDistance,
    focus.FocusAnswer34,
    focus.FocusLimitDriven,
    aperture.ApertureOrder,
    aperture.ApertureAnswer,
    startup_shutdown.StartUpRequest,
    startup_shutdown.StartUpReply,
    startup_shutdown.ShutDownRequest,
    startup_shutdown.ShutDownReply,
    service.Refusal,
    service.UpdateOrder14,
    service.UpdateBlock15,
    service.ErrorReport,
    service.Query19,
    service.Answer19,
    service.AdapterStatus20,
    service.Query26,
    service.Answer26,
    service.OpticsRequest28,
    service.OpticsReply28,
    service.OpticsRequest35,
    service.OpticsReply35,
    service.TableRequest3A,
    service.TableReply3A,
    service.TableRequest3B,
    service.TableReply3B,
    service.Query3E,
    service.Answer3E,
    service.ServiceCommand40,
    service.ServiceReply40,
    service.Order4A,
    service.Order4B,
    service.Order4C,
)


SOURCES = {
    "SIG": "https://github.com/sigrokproject/sigrok-dumps/tree/master/lens_mounts/sony_emount",
    "LEX": "https://github.com/LexOptical/E-Mount-Traffic-Samples",
    "LEXFW": "https://github.com/LexOptical/E-Mount",
    "BAS": "https://github.com/zUrp-Astronomics/basilisk",
    "BAS-SY": "https://github.com/zUrp-Astronomics/basilisk (static analysis of a Samyang lens)",
    "BAS-TA": "https://github.com/zUrp-Astronomics/basilisk (static analysis of a Tamron lens)",
    "BAS-TR": "https://github.com/zUrp-Astronomics/basilisk (bench traces)",
    "WZQ": "https://github.com/weiziqian/E-mount-protocol-RE",
    "ENT": "https://github.com/Entropy512/emount_tools",
    "AN": "https://gitea.angoosh.com/angoosh/Sony-e-mount",
    "LB": "https://github.com/m24h/lensbridge-samyang",
    "EXIF": "https://github.com/exiftool/exiftool/blob/master/lib/Image/ExifTool/Sony.pm",
}


def _selections(sender: Role, message: AnyMessage) -> Mapping[type[Message], int]:
    """The lens's echo of a stream layout fixes what `05` and `06` are built from; all zero only stops the stream."""
    if isinstance(message, StreamLayoutReply) and sender is Role.LENS and message.status_blocks:
        return {LensStatus: message.status_blocks, FocusStatus: message.focus_blocks}
    return {}


def _parse_baudrate_message(_sender: Role, _class: int, message: AnyMessage) -> BaudrateMessage | None:
    """`0C` requests the fast rate, the only one that can be requested; orders have no numbers."""
    if isinstance(message, SpeedRequest):
        return BaudrateMessage(0, FAST_BAUDRATE)
    return BaudrateMessage(0, accepts=bool(message.accepted & 1)) if isinstance(message, SpeedReply) else None


EMOUNT = Dialect(
    name="emount",
    title="Sony E-mount, ground truth from public reverse engineering and captures of real devices",
    notice=(
        "Documented by public reverse engineering, not by Sony; each message and field states its evidence. "
        "Not affiliated with or endorsed by Sony."
    ),
    sources=SOURCES,
    wiring=WIRING,
    drivers=DRIVERS,
    messages=message_table(MESSAGES),
    formats=FORMATS,
    build_frame=build_frame,
    transitions=TRANSITIONS,
    trigger_for=trigger_for,
    timing=TIMING,
    # The Viltrox adapter rests 149.7 ms inside one reply, so only a longer silence can end a frame outside windows.
    idle_timeout=0.2,
    supply=VCC,
    detect=XDETECT,
    # Glitches on LENS_CS, BODY_CS and RXD fill the first 1.5 ms of every logic capture.
    power_settling_s=2e-3,
    # 14 and 15 write flash (firmware update); 40 is a maker's service channel that locks up other lenses; 4B and 4C
    # lock up a lens that has no size for them.
    protected_types=frozenset({0x14, 0x15, 0x40, 0x4B, 0x4C}),
    # A lens's service replies and reports write nothing in a body.
    unprotected=frozenset({(Role.LENS, 0x40)}),
    selecting=frozenset({StreamLayoutReply}),
    selections=_selections,
    routine=frozenset({"03", "03+2F", "04", "05", "06"}),
    rails=(LENS_POWER,),
    sync=VD,
    parse_baudrate_message=_parse_baudrate_message,
    # Padding after the reply and the silent handshake are over within a millisecond; 20.3 ms of silence follow them.
    baudrate_switch_delay=2e-3,
    line_fallbacks=LINE_FALLBACKS,
)
