"""What learning knows of the E-mount: frames as words, and where the alphabets are."""

from collections.abc import Iterable

from lensmount_emulator.engine.learn_traits import Answer, LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.dialects.emount.units import RefusalCode
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

STREAMED = frozenset({0x03, 0x04, 0x05, 0x06, 0x2F})
"""Types that an end sends with every frame."""

SHORT = 2
"""Size of a message with one byte, which is part of its word: `10(0)`."""


def _word(message: AnyMessage) -> str:
    type_ = message_type(message)
    if isinstance(message, Refusal):
        return f"02({message.type_:02X},{int(message.code)})"
    if isinstance(message, Message) and message.SIZE == SHORT:
        return f"{type_:02X}({message.build()[1]})"
    return f"{type_:02X}"


def _words(arrival: ReceivedFrame) -> Iterable[OutputToken]:
    for message in arrival.messages:
        streams = arrival.frame.class_ == LOOP_CLASS and message_type(message) in STREAMED
        yield OutputToken(_word(message), streams)


OTHER = 0x26
"""A reply of this type answers no request of a start."""


def _answer(arrival: ReceivedFrame, how: str) -> Answer | None:
    """The answer of a lens without a fast rate: it must not leave the rate that the probe listens at."""
    if arrival.frame.class_ == LOOP_CLASS:
        # Whatever the letter: silence in the loop would count time.
        return Answer((LensStatus(),), LOOP_CLASS)
    if arrival.frame.class_ != REQUEST_CLASS or not arrival.messages:
        return None
    request = arrival.messages[0]
    type_ = message_type(request) if how != "other" else OTHER
    if how == "refuse":
        return Answer((Refusal(type_=type_, code=RefusalCode.UNKNOWN_MESSAGE),), REQUEST_CLASS)
    if isinstance(request, StreamLayoutRequest) and how == "right":
        layout = StreamLayoutReply(status_blocks=request.status_blocks, focus_blocks=request.focus_blocks)
        return Answer((layout,), REQUEST_CLASS)
    reply = EMOUNT.messages.get((Role.LENS, type_))
    return None if reply is None else Answer((reply(),), REQUEST_CLASS)


EMOUNT_LEARN = LearnTraits(
    alphabets="lensmount_emulator.roles.emount.alphabets",
    describe=lambda arrival: tuple(_words(arrival)),
    answer=_answer,
)
"""The E-mount traits for learning."""
