"""What explanations, fuzzing, learning and panels know of Micro Four Thirds: due steps, the loop, reads, words.

Gauges show the fields of the lens's status raw, since no document states their units.
"""

from collections.abc import Iterable

from lensmount_emulator.engine.session_knowledge import DueStep, SessionKnowledge
from lensmount_emulator.engine.traits import Gauge, LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.mft.framing import ANSWER, COMMAND
from lensmount_protocol.dialects.mft.link import BODY_ACK, LENS_ACK, MOUNTED, SLEEP, VDD
from lensmount_protocol.dialects.mft.messages import (
    ANSWERS,
    HelloCommand,
    LensByte,
    OtherHelloCommand,
    StandbyReply,
    StandbyRequest,
)
from lensmount_protocol.framer import Frame
from lensmount_protocol.payload import message_type
from lensmount_protocol.timing import edge, first_bit
from lensmount_protocol.wire import Role

MFT_GAUGES = (
    Gauge("focus", Role.LENS, "focus", "StandbyReply.raw_focus"),
    Gauge("distance", Role.LENS, "focus distance", "StandbyReply.focus_distance", text="raw {}".format),
    Gauge("iris", Role.LENS, "aperture, raw", "StandbyReply.aperture"),
    Gauge("zoom", Role.LENS, "zoom, raw", "StandbyReply.scaled_zoom"),
)


_BODY, _LENS = Role.BODY, Role.LENS

REPLY_TIMEOUT_S = 0.5
"""Time in which a body has the answer to a read, or has given up: some attempts with their pauses."""

REPLY_US = 20_000.0
"""Time in which an answer is due; no document has one."""

_ANSWER_TYPES = {request.TYPE: answer.TYPE for request, answer in ANSWERS.items()}


def request_key(frame: Frame) -> int | None:
    """The type of the answer to a read with a documented answer."""
    return _ANSWER_TYPES.get(frame.payload[0]) if frame.class_ == COMMAND else None


def reply_key(frame: Frame) -> int | None:
    """The type of an answer, if a read has it."""
    type_ = frame.payload[0]
    return type_ if frame.class_ == ANSWER and type_ in _ANSWER_TYPES.values() else None


def reply_keys(frame: Frame) -> Iterable[int]:
    """The types of the answers that a lens may send after a frame of the body, or that a frame of the lens is."""
    keys = (request_key(frame), reply_key(frame))
    return [key for key in keys if key is not None]


def _is_loop(frame: DecodedFrame) -> bool:
    return any(isinstance(message, StandbyRequest | StandbyReply) for message in frame.messages)


STEPS = (
    DueStep(
        "supply", edge(MOUNTED, False), (edge(VDD, True),), _BODY,
        f"{{owner}} never switched the supply ({VDD}) on", "A lens without supply can do nothing.", 2e6,
    ),
    DueStep(
        "wake", edge(VDD, True), (edge(SLEEP, True),), _BODY, f"{{owner}} never raised {SLEEP}",
        f"A lens wakes up with {SLEEP}.", 2e6,
    ),
    DueStep(
        "handshake", edge(SLEEP, True), (edge(BODY_ACK, True),), _BODY, f"{{owner}} never raised {BODY_ACK}",
        f"A lens that woke up waits for {BODY_ACK}.", rules=("wake to handshake",), cancelled_by=(edge(SLEEP, False),),
    ),
    DueStep(
        "lens is awake", edge(SLEEP, True), (edge(LENS_ACK, True),), _LENS,
        f"{{owner}} never pulsed {LENS_ACK} after {SLEEP}",
        f"The pulse answers {BODY_ACK}; the body sends nothing before.", 100_000.0, cancelled_by=(edge(SLEEP, False),),
    ),
    DueStep(
        "first command", edge(SLEEP, True),
        (first_bit(_BODY, HelloCommand.TYPE), first_bit(_BODY, OtherHelloCommand.TYPE)), _BODY,
        f"{{owner}} sent no command after {SLEEP}", "The first command is an action.", 200_000.0,
        cancelled_by=(edge(SLEEP, False),),
    ),
    DueStep(
        "ready", edge(BODY_ACK, True), (edge(LENS_ACK, True), edge(BODY_ACK, False)), _LENS,
        f"{{owner}} never raised {LENS_ACK}", "Every unit needs both lines high.", REPLY_US, while_low=(LENS_ACK,),
    ),
)  # fmt: skip

MFT_KNOWLEDGE = SessionKnowledge(steps=STEPS, is_loop=_is_loop, reply_us=REPLY_US)
"""The knowledge of Micro Four Thirds sessions."""


def _words(arrival: ReceivedFrame) -> tuple[OutputToken, ...]:
    """A single byte with its value; of an answer only its type, since values are not states."""
    return tuple(
        OutputToken(f"01({message.value:02X})" if isinstance(message, LensByte) else f"{message_type(message):02X}")
        for message in arrival.messages
    )


MFT_LEARN = LearnTraits(alphabets="lensmount_emulator.roles.mft.alphabets", describe=_words)
"""The Micro Four Thirds traits for learning."""
