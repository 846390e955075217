"""What explanations know of E-mount sessions: symptoms, due steps, the loop, refusals, devices of each bound."""

from lensmount_emulator.engine.session_knowledge import DueStep, PeerError, SessionKnowledge, Symptom
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
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.timing import EMPTY, TimingRule, edge, first_bit, window_closes, window_opens
from lensmount_protocol.wire import Role

_CAPTURED, _BENCH = EvidenceLevel.CAPTURED, EvidenceLevel.BENCH
_FIRMWARE, _CLAIM, _CODE = EvidenceLevel.FIRMWARE, EvidenceLevel.CLAIM, EvidenceLevel.PUBLIC_CODE
_BODY, _LENS = Role.BODY, Role.LENS

SYMPTOMS = (
    Symptom(
        "no-frame-sync", frozenset({"step missing", "frame sync stopped"}), "A lens answers and never streams",
        "Every lens times its stream by VD; it pulses from 2.2 ms after the supply on, before any request.",
        "Drive VD every 16.68 ms with low pulses of 63 µs, idle high, and check that the line reaches the lens.",
        Evidence(_CAPTURED, "SIG"), end=_BODY,
    ),
    Symptom(
        "unknown-request", frozenset({"refused", "no reply"}), "A newer body asks what an older lens does not know",
        "An a9 II asks 3F and 3D at the start and drops a lens that answers neither; a lens lists what it knows in its "
        "reply to 01.",
        "Look up the type in the lens's list (01); a lens emulator must answer it, and a body must not ask it.",
        Evidence(_CLAIM, "WZQ"), frozenset({0x3D, 0x3F}),
    ),
    Symptom(
        "service-channel", frozenset({"refused", "no reply", "repeated request"}),
        "A message of one maker's service channel locks another lens up",
        "40 belongs to Samyang. An FE 24-105 that receives it repeats 02 until its supply is cut, and goes on "
        "streaming.",
        "Cut the supply of the lens; send 40 only to a lens that its profile declares it for.",
        Evidence(_BENCH, "BAS-TR"), frozenset({0x40}),
    ),
    Symptom(
        "refusal-flood", frozenset({"refused"}), "A lens repeats its refusal",
        "An FE 24-105 that has lost its place in the bytes answers every window of the body with 02 until power-off. "
        "Code 1 means a wrong last byte, 2 a wrong first byte, 3 the checksum, 4 an unknown message.",
        "Check that the body clocks only whole frames in its windows; then cut the supply once.",
        Evidence(_BENCH, "BAS-TR"), end=_LENS,
    ),
    Symptom(
        "unknown-size", frozenset({"no reply", "silence"}), "A lens answers nothing any more after one message",
        "Nothing on the wire gives the size of a message. A Samyang hangs on a type that it does not know until its "
        "supply is cut.",
        "Cut the supply; do not send types that the lens does not list in its reply to 01.",
        Evidence(_FIRMWARE, "BAS-SY"), end=_LENS,
    ),
    Symptom(
        "long-pause", frozenset({"short frame", "no reply"}), "A reply is dropped although the lens goes on sending",
        "A Viltrox adapter pauses 150 ms inside its reply to 0B and 7 ms inside 08, with LENS_CS high. A time-out of "
        "20 ms between bytes is too short.",
        "End a frame by the fall of the select line and not by a pause between bytes.",
        Evidence(_CAPTURED, "SIG"), frozenset({0x0B, 0x08}),
    ),
    Symptom(
        "select-falls-early", frozenset({"short frame", "bad frame"}), "The last bytes of a frame are lost",
        "LENS_CS can fall 1 to 3 µs after the last stop bit. A receiver with latency that cuts at the edge loses "
        "bytes.",
        "Take the length from the header, and wait for bytes on their way after the select line has fallen.",
        Evidence(_CODE, "BAS"), end=_LENS,
    ),
    Symptom(
        "no-handshake", frozenset({"step missing"}), "A lens that kept its supply does not do the handshake",
        "A Samyang AF 135 that stays powered while the body restarts never raises LENS_CS, and still answers 01.",
        "Send 01 all the same after 500 ms, or cut the supply between two starts.",
        Evidence(_BENCH, "BAS-TR"), end=_LENS,
    ),
    Symptom(
        "rate-not-followed", frozenset({"wrong baud rate", "bytes without a frame"}),
        "Garbage after the speed switch",
        "Both ends change from 750 000 to 1 500 000 Bd after an accepted 0C and a second handshake without bytes. A "
        "lens "
        "keeps the fast rate until its supply is cut.",
        "Switch both ends, or answer 0C with 00 and leave type 0C out of the reply to 01: a NEX-7 never asks for it.",
        Evidence(_CAPTURED, "SIG, LEX"),
    ),
    Symptom(
        "homing-takes-long", frozenset({"no reply", "repeated request"}), "10 is repeated, and the lens starts over",
        "10 moves the lens to its start and is answered only then: 1.33 s on a Sony zoom. A second 10 restarts it.",
        "Wait at least 2 s for 10 and never repeat it; the same holds for 0A and 16.",
        Evidence(_CAPTURED, "SIG"), frozenset({0x10, 0x0A, 0x16}),
    ),
    Symptom(
        "outside-window", frozenset({"frame outside its window"}), "Bytes are sent and have no effect",
        "A lens drops bytes that come while BODY_CS is low, and a Samyang resynchronises only after the announced "
        "length.",
        "Raise the select line 15 µs before the first bit, and hold it until the last bit is out.",
        Evidence(_FIRMWARE, "BAS-SY"),
    ),
    Symptom(
        "power-on-delayed", frozenset({"line before supply"}), "A body waits long before it powers a lens again",
        "A lens that keeps RXD driven after 16 feeds the body through its input; an a9 II then delays the next "
        "power-on.",
        "Switch RXD off after the reply to 16.",
        Evidence(_CLAIM, "WZQ"), end=_LENS,
    ),
    Symptom(
        "shut-down-unanswered", frozenset({"no reply"}), "A body keeps the supply on for seconds at power-off",
        "An a9 II that gets no answer to 16 holds the supply for more than 4.1 s.",
        "Answer 16 with 00 when the iris is parked, 15 to 550 ms later.",
        Evidence(_CLAIM, "WZQ"), frozenset({0x16}),
    ),
    Symptom(
        "contact", frozenset({"lens detached", "line bounces", "supply lost"}), "The contact fails for a moment",
        "A body cuts the supply as soon as LENS_XDETECT goes high, and begins with a cold start.",
        "Clean the contacts; check the 680 Ω or the direct connection of LENS_XDETECT to ground in an adapter.",
        Evidence(_CLAIM, "SIG"),
    ),
)  # fmt: skip
"""The base of known symptoms; the documents list it."""


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


def _peer_error(_frame: DecodedFrame, message: AnyMessage) -> PeerError | None:
    if isinstance(message, Refusal):
        known = None if message.type_ == 0xFF else message.type_
        code = getattr(message.code, "name", "")
        words = f", {code.lower().replace('_', ' ')}" if code else ""
        return PeerError(f"refuses (02, code {int(message.code)}{words})", known)
    if isinstance(message, ErrorReport):
        return PeerError(f"reports an error (17, {message.content.hex(' ')}) after")
    if isinstance(message, StartUpReply) and message.build()[1:2] != b"\x00":
        return PeerError(f"reports that its start-up movement failed (10, code {message.build()[1]}) after", 0x10)
    if isinstance(message, SpeedReply) and not message.accepted & 1:
        return PeerError("does not accept the fast rate after", _SPEED)
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
    peer_error=_peer_error,
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
