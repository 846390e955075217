"""What learning knows of the E-mount: frames as words, and where the alphabets are."""

from collections.abc import Iterable

from lensmount_emulator.engine.learn_traits import LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.service import Refusal
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type

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


EMOUNT_LEARN = LearnTraits(
    alphabets="lensmount_emulator.roles.emount.alphabets",
    describe=lambda arrival: tuple(_words(arrival)),
)
"""The E-mount traits for learning."""
