"""What learning knows of the open model: frames as words, and where the alphabets are."""

from collections.abc import Iterable

from lensmount_emulator.engine.learn_traits import Answer, LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK
from lensmount_protocol.dialects.lmount.identity import (
    Identity,
    IdentityRequest,
    LensCapabilities,
    LensCapabilitiesRequest,
)
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, CommandRejected, LensHello
from lensmount_protocol.dialects.lmount.types import Outcome, RejectionCode
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


RELIABLE = 64
"""Flag of a focus position that counts: the lens has homed."""

OTHER = 100
"""Added to the number of an order, for the answer to another one."""


def _answer(arrival: ReceivedFrame, how: str) -> Answer | None:
    """The answer of a lens without motors that speaks at the first rate only."""
    class_ = arrival.frame.class_
    order = arrival.messages[0] if arrival.messages else None
    if not isinstance(order, Message):
        return None
    if class_ == CYCLE:
        # Whatever the letter: silence in the loop would count time.
        return Answer((FocusState(flags=RELIABLE),), CYCLE)
    if isinstance(order, BodyHello):
        return Answer((LensHello(),), LINK) if how == "right" else None
    number = getattr(order, "number", None)
    if number is None:
        return None
    if how == "refuse":
        rejection = CommandRejected(number=number, order=order.TYPE, code=RejectionCode.NOT_NOW)
        return Answer((rejection,), class_)
    if how == "other":
        number = (number + OTHER) % 255 + 1
    return Answer((_reply(order, number),), class_)


def _reply(order: Message, number: int) -> Message:
    if isinstance(order, IdentityRequest):
        return Identity(number=number)
    if isinstance(order, LensCapabilitiesRequest):
        return LensCapabilities(number=number)
    return CommandDone(number=number, order=order.TYPE, outcome=Outcome.DONE)


LMOUNT_LEARN = LearnTraits(
    alphabets="lensmount_emulator.roles.lmount.alphabets",
    describe=lambda arrival: tuple(_words(arrival)),
    number=_number,
    answer=_answer,
)
"""The open model's traits for learning."""
