"""The transition table of an E-mount link, for both ends."""

from lensmount_protocol.dialect import TransitionTable
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.identification import SpeedReply
from lensmount_protocol.dialects.emount.service import Refusal, ServiceReply40
from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownReply, StreamLayoutReply
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

OFF = "OFF"
WAKING = "WAKING"
READY = "READY"
ASKED = "ASKED"
SWITCHING = "SWITCHING"
STREAMING = "STREAMING"
STREAMING_ASKED = "STREAMING_ASKED"
ASLEEP = "ASLEEP"

_LOST = {"power lost": OFF}
_REPLIES = {"stream starts": STREAMING, "stream stops": READY, "lens sleeps": ASLEEP}

TRANSITIONS = TransitionTable(
    initial=OFF,
    moves={
        OFF: {"power": WAKING},
        # A lens takes the window of a request for the handshake, wakes, and loses the request. One that kept its supply
        # is not here: it answers in READY without a handshake (Samyang AF 135, bench logs).
        WAKING: {"linked": READY, **_LOST},
        READY: {"request": ASKED, "refusal": READY, "bad frame": READY, "report": READY, **_LOST},
        # A body may repeat a request without a reply. A report of a bad frame answers no request.
        ASKED: {
            "request": ASKED,
            "reply": READY,
            "refusal": READY,
            "bad frame": ASKED,
            "report": ASKED,
            "speed accepted": SWITCHING,
            **_REPLIES,
            **_LOST,
        },
        # Without its silent handshake there is no switch: both ends stay at the rate that they have.
        SWITCHING: {"switched": READY, "not switched": READY, "request": ASKED, **_LOST},
        # A lens may still send the loop frame that it had begun when the stop was ordered.
        STREAMING: {
            "loop": STREAMING,
            "refusal": STREAMING,
            "bad frame": STREAMING,
            "report": STREAMING,
            "request": STREAMING_ASKED,
            **_LOST,
        },
        STREAMING_ASKED: {
            "loop": STREAMING_ASKED,
            "request": STREAMING_ASKED,
            "reply": STREAMING,
            "refusal": STREAMING,
            "bad frame": STREAMING_ASKED,
            "report": STREAMING_ASKED,
            **_REPLIES,
            **_LOST,
        },
        ASLEEP: {"wake": WAKING, **_LOST},
    },
    triggered_by={
        "power": Role.BODY,
        "wake": Role.BODY,
        "linked": None,
        "switched": None,
        "not switched": None,
        "power lost": None,
        "request": Role.BODY,
        "loop": None,
        "reply": Role.LENS,
        "refusal": Role.LENS,
        "bad frame": Role.LENS,
        "report": Role.LENS,
        "speed accepted": Role.LENS,
        "stream starts": Role.LENS,
        "stream stops": Role.LENS,
        "lens sleeps": Role.LENS,
    },
)

REPORTS = frozenset(b"WHL")
"""Letters of service messages that a lens sends without a request: its controls, and the focus sensor (BAS-TR)."""

REFUSAL_TYPE = 0x02
UNTYPED = 0xFF
"""Type that a refusal names where it is about a frame that was not read."""

# Used for every frame, and the look-up of a name is faster than that of a member of an Enum.
_BODY, _LENS = Role.BODY, Role.LENS


def trigger_for(sender: Role, class_: int, message: AnyMessage) -> str:
    """The transition that a frame causes, by its sender, its class and its first message."""
    if sender is _LENS and message_type(message) == REFUSAL_TYPE:
        return "bad frame" if isinstance(message, Refusal) and message.type_ == UNTYPED else "refusal"
    if class_ == LOOP_CLASS:
        return "loop"
    if sender is _LENS and isinstance(message, ServiceReply40) and message.main in REPORTS:
        return "report"
    if sender is _BODY:
        return "request"
    if isinstance(message, StreamLayoutReply):
        return "stream starts" if message.status_blocks or message.focus_blocks else "stream stops"
    if isinstance(message, ShutDownReply):
        return "lens sleeps"
    if isinstance(message, SpeedReply) and message.accepted & 1:
        return "speed accepted"
    return "reply"
