"""Traits of Micro Four Thirds for fuzzing, gauges and learning: reads and answers, shown fields, frames as words.

Gauges show the fields of the lens's status raw, since no document states their units.
"""

from collections.abc import Iterable

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.engine.traits import Gauge, LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.mft.framing import ANSWER, COMMAND
from lensmount_protocol.dialects.mft.messages import ANSWERS, LensByte
from lensmount_protocol.dialects.mft.transactions import OFF
from lensmount_protocol.framer import Frame
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role

REPLY_TIMEOUT_S = 0.5
"""Time in which a body has the answer to a read, or has given up: some attempts with their pauses."""

_ANSWER_TYPES = {request.TYPE: answer.TYPE for request, answer in ANSWERS.items()}


def _request_key(frame: Frame) -> int | None:
    """The type of the answer to a read with a documented answer."""
    return _ANSWER_TYPES.get(frame.payload[0]) if frame.class_ == COMMAND else None


def _reply_key(frame: Frame) -> int | None:
    """The type of an answer, if a read has it."""
    type_ = frame.payload[0]
    return type_ if frame.class_ == ANSWER and type_ in _ANSWER_TYPES.values() else None


def _reply_keys(frame: Frame) -> Iterable[int]:
    """The types of the answers that a lens may send after a frame of the body, or that a frame of the lens is."""
    keys = (_request_key(frame), _reply_key(frame))
    return [key for key in keys if key is not None]


MFT_TRAITS = FuzzTraits(
    request_key=_request_key,
    reply_key=_reply_key,
    reply_keys=_reply_keys,
    unrequested=(),
    reply_timeout=lambda _key: REPLY_TIMEOUT_S,
    recovery_s=10.0,
    bodies=("e-pl1", "e-p1"),
    lenses=("bell-lens",),
    scripts=("", "aperture 0x3b2; focus 0x24e", "focus 0x1ffd7; ring reverse; sleep; wake"),
    verbs=("wait 0.05", "aperture 0x400", "focus 0x24e", "focus 0x1ffd7", "ring forward", "sleep; wake"),
    control_steps=("zoom 12", "zoom 0"),
    asleep=frozenset({OFF}),
)
"""The Micro Four Thirds traits for fuzzing."""

MFT_GAUGES = (
    Gauge("focus", Role.LENS, "focus", "StandbyReply.raw_focus"),
    Gauge("distance", Role.LENS, "focus distance", "StandbyReply.focus_distance", text="raw {}".format),
    Gauge("iris", Role.LENS, "aperture, raw", "StandbyReply.aperture"),
    Gauge("zoom", Role.LENS, "zoom, raw", "StandbyReply.scaled_zoom"),
)


def _words(arrival: ReceivedFrame) -> tuple[OutputToken, ...]:
    """A single byte with its value; of an answer only its type, since values are not states."""
    return tuple(
        OutputToken(f"01({message.value:02X})" if isinstance(message, LensByte) else f"{message_type(message):02X}")
        for message in arrival.messages
    )


MFT_LEARN = LearnTraits(alphabets="lensmount_emulator.roles.mft.alphabets", describe=_words)
"""The Micro Four Thirds traits for learning."""
