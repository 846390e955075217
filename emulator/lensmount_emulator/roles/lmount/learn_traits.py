"""What learning knows of the open model: frames as words, and where the alphabets are."""

from collections.abc import Iterable

from lensmount_emulator.engine.learn_traits import LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type


def _word(message: AnyMessage) -> str:
    if isinstance(message, CommandDone):
        return f"done({message.order:02X},{_name(message.outcome)})"
    if isinstance(message, CommandRejected):
        return f"no({message.order:02X},{_name(message.code)})"
    return f"{message_type(message):02X}"


def _name(value: int) -> str:
    """The name of an enumeration's member, or its number."""
    return str(getattr(value, "name", None) or int(value))


def _words(arrival: ReceivedFrame) -> Iterable[OutputToken]:
    """The words of a frame; spontaneous reports are left out, since they come when they come."""
    if arrival.frame.class_ == EVENT:
        return
    for message in arrival.messages:
        yield OutputToken(_word(message), arrival.frame.class_ == CYCLE)


def _number(message: Message, number: int) -> None:
    if hasattr(message, "number"):
        setattr(message, "number", number)  # noqa: B010  the class of the message is not known here


LMOUNT_LEARN = LearnTraits(
    alphabets="lensmount_emulator.roles.lmount.alphabets",
    describe=lambda arrival: tuple(_words(arrival)),
    number=_number,
)
"""The open model's traits for learning."""
