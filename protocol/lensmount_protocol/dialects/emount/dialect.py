"""The dialect `emount`: Sony's E-mount as public reverse engineering documents it, checked against captures."""

from collections.abc import Mapping

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import FORMATS, build_frame
from lensmount_protocol.dialects.emount.init import SpeedReply, SpeedRequest
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
from lensmount_protocol.dialects.emount.messages import MESSAGES
from lensmount_protocol.dialects.emount.stream import StreamLayoutReply
from lensmount_protocol.dialects.emount.timing import TIMING
from lensmount_protocol.dialects.emount.transitions import TRANSITIONS, trigger
from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage, message_table
from lensmount_protocol.rates import RateWord
from lensmount_protocol.wire import Role

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
    "EXIF": "https://github.com/exiftool/exiftool/blob/master/lib/Image/ExifTool/Sony.pm",
}


def _selections(sender: Role, message: AnyMessage) -> Mapping[type[Message], int]:
    """The lens's echo of a stream layout fixes what `05` and `06` are built from; all zero only stops the stream."""
    if isinstance(message, StreamLayoutReply) and sender is Role.LENS and message.status_blocks:
        return {LensStatus: message.status_blocks, FocusStatus: message.focus_blocks}
    return {}


def _rate_words(_sender: Role, _class: int, message: AnyMessage) -> RateWord | None:
    """`0C` asks for the fast rate, and there is no other to be asked for; orders have no numbers."""
    if isinstance(message, SpeedRequest):
        return RateWord(0, FAST_BAUDRATE)
    return RateWord(0, accepts=bool(message.accepted & 1)) if isinstance(message, SpeedReply) else None


EMOUNT = Dialect(
    name="emount",
    title="Sony E-mount, ground truth from public reverse engineering and captures of real devices",
    notice=(
        "Documented by public reverse engineering, not by Sony; each message and field says how it is known. "
        "Not affiliated with or endorsed by Sony."
    ),
    sources=SOURCES,
    wiring=WIRING,
    drivers=DRIVERS,
    messages=message_table(MESSAGES),
    formats=FORMATS,
    build_frame=build_frame,
    transitions=TRANSITIONS,
    trigger=trigger,
    timing=TIMING,
    # The Viltrox adapter rests 149.7 ms inside one reply, so only a longer silence can end a frame outside windows.
    silence=0.2,
    supply=VCC,
    detect=XDETECT,
    # Glitches on LENS_CS, BODY_CS and RXD fill the first 1.5 ms of every logic capture.
    settles=2e-3,
    # 14 and 15 write flash (firmware update); 40 is a maker's service channel that locks up other lenses.
    guarded=frozenset({0x14, 0x15, 0x40}),
    selecting=frozenset({StreamLayoutReply}),
    selections=_selections,
    routine=frozenset({"03", "03+2F", "04", "05", "06"}),
    rails=(LENS_POWER,),
    sync=VD,
    rate_words=_rate_words,
    # Padding behind the reply and the silent handshake are over within a millisecond; 20.3 ms of silence follow them.
    rate_changes=2e-3,
    line_fallbacks=LINE_FALLBACKS,
)
