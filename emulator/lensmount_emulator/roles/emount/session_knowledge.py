"""What explanations know of E-mount sessions: due steps, the loop, refusals, and the devices of each bound."""

from lensmount_emulator.engine.session_knowledge import Complaint, DueStep, SessionKnowledge
from lensmount_emulator.roles.emount.symptoms import SYMPTOMS
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.identification import SpeedReply
from lensmount_protocol.dialects.emount.lines import BODY_CS, DRIVERS, LENS_CS, RXD, TXD, VCC, VD, XDETECT
from lensmount_protocol.dialects.emount.service import ErrorReport, Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import (
    ShutDownRequest,
    StartUpReply,
    StreamLayoutReply,
    StreamLayoutRequest,
)
from lensmount_protocol.dialects.emount.timing import TIMING
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.timing import EMPTY, TimingRule, edge, first_bit, window_closes, window_opens
from lensmount_protocol.wire import Role

_BODY, _LENS = Role.BODY, Role.LENS
_SPEED, _LAYOUT, _SHUT_DOWN = 0x0C, 0x0A, 0x16

LENS_CS_WITHIN_US = 12_000.0
"""LENS_CS after BODY_CS in the handshake: up to 9.0 ms on a bench (BAS-TR, an FE 24-105)."""

SUPPLY_WITHIN_US = 2_000_000.0
"""A body that sees a lens powers it; no capture shows the delay, so it is generous."""

REPLY_US = 20_000.0
"""A reply that no capture shows; apart from 10 and 16, which move something, no captured reply takes 2 ms."""


def _starts_stream(event: Decoded) -> bool:
    return isinstance(event, DecodedFrame) and any(
        isinstance(one, StreamLayoutReply) and (one.status_blocks or one.focus_blocks) for one in event.messages
    )


def _accepts_speed(event: Decoded) -> bool:
    return isinstance(event, DecodedFrame) and any(
        isinstance(one, SpeedReply) and one.accepted & 1 for one in event.messages
    )


def _is_loop(frame: DecodedFrame) -> bool:
    # An acknowledgement may stand in front of the report of its frame.
    return frame.frame.class_ == LOOP_CLASS and any(message_type(one) in _LOOP_TYPES for one in frame.messages)


_LOOP_TYPES = frozenset({0x03, 0x04, 0x05, 0x06})


def _stops_loop(frame: DecodedFrame) -> bool:
    return any(
        isinstance(one, ShutDownRequest)
        or (isinstance(one, StreamLayoutRequest) and not one.status_blocks and not one.focus_blocks)
        for one in frame.messages
    )


def _complaint(_frame: DecodedFrame, message: AnyMessage) -> Complaint | None:
    if isinstance(message, Refusal):
        known = None if message.type_ == 0xFF else message.type_
        code = getattr(message.code, "name", "")
        words = f", {code.lower().replace('_', ' ')}" if code else ""
        return Complaint(f"refuses (02, code {int(message.code)}{words})", known)
    if isinstance(message, ErrorReport):
        return Complaint(f"reports an error (17, {message.content.hex(' ')}) after")
    if isinstance(message, StartUpReply) and message.build()[1:2] != b"\x00":
        return Complaint(f"reports that its start-up movement failed (10, code {message.build()[1]}) after", 0x10)
    if isinstance(message, SpeedReply) and not message.accepted & 1:
        return Complaint("does not accept the fast rate after", _SPEED)
    return None


VD_PERIOD_S = 16.684e-3


def _next_sequence(frame: DecodedFrame, own: DecodedFrame | None, peer: DecodedFrame | None) -> frozenset[int] | None:
    """The numbers that a frame may have.

    Requests and replies have 0. The body counts frame syncs and sends Fx as 8x; the lens sends the last number of the
    body plus one, F0 as 00.
    """
    if frame.frame.class_ != LOOP_CLASS:
        return frozenset({0}) if frame.frame.class_ == REQUEST_CLASS else None
    if frame.sender is _BODY:
        if own is None or own.at is None or frame.at is None or frame.at - own.at > 1.5 * VD_PERIOD_S:
            return None
        number = own.frame.sequence
        following = {0xEF: 0x80, 0x8F: 0x00}.get(number, number + 1)
        # 80 to 8F come twice in a round: as themselves, and for F0 to FF.
        return frozenset({number, following, number + 1} if number == 0x8F else {number, following})
    if peer is None:
        return None
    after = peer.frame.sequence + 1
    return frozenset({0x00 if after == 0xF0 else after & 0xFF})


_NEXT = {
    type_: tuple(rule.name for rule in TIMING if rule.start == window_closes(_LENS, type_) and rule.end[1] == "body")
    for type_ in (0x01, 0x07, 0x0B, 0x08, 0x09, 0x0D, 0x10)
}
"""Reply -> the rules that bound the next request."""

_NEXT_REQUESTS = tuple(
    DueStep(
        f"request after {type_:02X}",
        window_closes(_LENS, type_),
        (first_bit(_BODY),),
        _BODY,
        f"{{owner}} sent no request after the reply to {type_:02X}",
        "A start-up is a chain of requests; the body must have dropped this reply, or it stopped.",
        rules=rules,
        cancelled_by=(window_opens(_BODY, EMPTY),),
    )
    for type_, rules in _NEXT.items()
)

STEPS = (
    DueStep(
        "supply", edge(XDETECT, False), (edge(VCC, True),), _BODY, "{owner} never switched the logic supply "
        "({VCC}) on",
        "A lens without supply can do nothing.", SUPPLY_WITHIN_US,
    ),
    DueStep(
        "frame sync", edge(VCC, True), (edge(VD, False),), _BODY, f"frame sync ({VD}) never pulsed",
        "Requests can be answered without it, but no lens streams, so no 05 follows the layout reply.",
        rules=("VCC to first VD",),
    ),
    DueStep(
        "BODY_CS", edge(VCC, True), (edge(BODY_CS, True),), _BODY, f"{{owner}} never raised {BODY_CS} for the "
        "handshake",
        "The handshake on the select lines opens the link.", rules=("VCC to BODY_CS",),
    ),
    DueStep(
        "LENS_CS", edge(BODY_CS, True), (edge(LENS_CS, True),), _LENS, f"{{owner}} never raised {LENS_CS} in the "
        "handshake",
        "A lens answers the rise of BODY_CS; one that kept its supply may not, and the body then goes on without.",
        LENS_CS_WITHIN_US, cancelled_by=(first_bit(_BODY),), in_handshake=True,
    ),
    DueStep(
        "TXD", edge(BODY_CS, True), (edge(TXD, True),), _BODY, f"{{owner}} never switched its serial line ({TXD}) on",
        "A lens waits for the idle level of TXD.", 30_000.0, cancelled_by=(first_bit(_BODY),), in_handshake=True,
    ),
    DueStep(
        "RXD", edge(BODY_CS, True), (edge(RXD, True),), _LENS, f"{{owner}} never switched its serial line ({RXD}) on",
        f"The body lowers {BODY_CS} only when {RXD} is high.", rules=("BODY_CS to RXD on",),
        cancelled_by=(first_bit(_BODY),), in_handshake=True,
    ),
    DueStep(
        "BODY_CS low", edge(RXD, True), (edge(BODY_CS, False),), _BODY, f"{{owner}} never lowered {BODY_CS} in the "
        "handshake",
        f"The body polls {RXD} every 5.04 ms.", rules=("RXD on to BODY_CS low",), while_high=(BODY_CS,),
    ),
    DueStep(
        "LENS_CS low", window_closes(_BODY, EMPTY), (edge(LENS_CS, False),), _LENS,
        f"{{owner}} never lowered {LENS_CS} after the handshake",
        f"The body sends its first request only when {LENS_CS} is low.", rules=("BODY_CS low to LENS_CS low",),
    ),
    DueStep(
        "first request", window_closes(_BODY, EMPTY), (first_bit(_BODY),), _BODY,
        "{owner} sent no request after the handshake",
        "The first one is 01, or 0B after a sleep and after the speed switch.", rules=("silent handshake to 0B",),
        while_low=(LENS_CS,),
    ),
    *_NEXT_REQUESTS,
    DueStep(
        "speed switch", window_closes(_LENS, _SPEED), (edge(BODY_CS, True),), _BODY,
        f"{{owner}} never raised {BODY_CS} for the speed switch",
        "After an accepted 0C both ends do a second handshake without bytes.", rules=("speed switch begins",),
        applies=_accepts_speed,
    ),
    DueStep(
        "stream", window_closes(_LENS, _LAYOUT), (window_opens(_LENS, 0x05), window_opens(_LENS, 0x06)), _LENS,
        "{owner} never streamed: no 05 followed the layout reply",
        "A lens streams from its layout reply on, timed by frame sync.", rules=("stream starts",),
        applies=_starts_stream,
    ),
    DueStep(
        "loop", window_closes(_LENS, _LAYOUT), (window_opens(_BODY, 0x03),), _BODY,
        "{owner} never began its loop: no 03 followed the layout reply",
        "The body begins with the first frame sync after the layout reply.", rules=("loop starts",),
        applies=_starts_stream,
    ),
)  # fmt: skip
"""The steps of a start-up, in their order."""

_DEVICES = {(_BODY, "SIG"): 1, (_BODY, "SIG, LEX"): 2, (_LENS, "SIG"): 3, (_LENS, "SIG, LEX"): 6}
"""The end that owes an interval, and the sources of its bounds -> number of devices in them.

SIG has an A6000 with an SEL55210, another Sony zoom and a Viltrox adapter; LEX has a NEX-7 with an SEL2870, a
Voigtländer 15 and a Loxia 21.
"""


def _owner(rule: TimingRule) -> Role:
    return DRIVERS[rule.end[1]] if rule.end[0] == "edge" else Role(rule.end[1])


EMOUNT_KNOWLEDGE = SessionKnowledge(
    steps=STEPS,
    is_loop=_is_loop,
    stops_loop=_stops_loop,
    silent_after=frozenset({_SPEED, _SHUT_DOWN}),
    reply_us=REPLY_US,
    names={
        0x01: "capabilities request", 0x07: "identity request", 0x08: "descriptor request", 0x09: "query",
        0x0A: "stream layout", 0x0B: "query", 0x0C: "speed request", 0x0D: "frame rate request",
        0x10: "start-up request", 0x16: "shut-down request", 0x3F: "name request", 0x40: "service command",
    },
    complaint=_complaint,
    next_sequence=_next_sequence,
    symptoms=SYMPTOMS,
    devices={rule.name: _DEVICES.get((_owner(rule), rule.evidence.source), 0) for rule in TIMING},
    parameter_rules={
        "lens status_after_vd": "VD to 05",
        "lens focus_after_status": "05 to 06",
        "lens serial_on": "BODY_CS to RXD on",
        "lens select_falls": "BODY_CS low to LENS_CS low",
        "lens setup slow": "lens set-up",
        "lens setup fast": "lens set-up",
        "lens hold slow": "lens hold",
        "lens hold fast": "lens hold",
        "lens first_status": "stream starts",
        "body first_vd": "VCC to first VD",
        "body vd_period": "VD period",
        "body vd_low": "VD low pulse",
        "body select_rises": "VCC to BODY_CS",
        "body serial_on": "BODY_CS to TXD on",
        "body switch_rises": "speed switch begins",
        "body switch_rests": "silent handshake to 0B",
        "body setup slow": "body set-up",
        "body setup fast": "body set-up",
        "body state_after_vd": "VD to 03",
        "body mode_after_vd": "VD to 04",
    },
)  # fmt: skip
"""What explanations know of the E-mount."""
