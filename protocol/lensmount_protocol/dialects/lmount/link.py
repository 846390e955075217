"""Greeting, rate, acknowledgement and refusal: the messages of the link itself."""

from lensmount_protocol.deferred import Bytes, GreedyBytes, Int8ub, Int16ul, Int32ul, Prefixed, PrefixedArray
from lensmount_protocol.dialects.lmount.evidence import OWN, items
from lensmount_protocol.dialects.lmount.types import Outcome, PowerClass, RefusalCode
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.wire import Role

REVISION = 2
"""Of this model; a peer of another revision speaks with the lower one's fields."""


@message(0x01, Role.BODY, items(4, 39))
class BodyHello(SizedMessage):
    """The body greets: what it is, and which revision and features it has."""

    revision: int = field(Int8ub, "of the model", default=REVISION, headline=True)
    features: int = field(Int32ul, "bit set of section 5", show=hex, headline=True)
    maker: int = field(Int16ul, "maker's number in this model", headline=True)
    model: int = field(Int16ul, "the maker's number of the body", headline=True)
    firmware: bytes = field(Bytes(4), "version, highest part first", default=bytes(4))
    largest_payload: int = field(Int16ul, "bytes that the body takes in one frame", default=512, unit="bytes")
    rates: list[int] = field(
        PrefixedArray(Int8ub, Int32ul), "rates that the body offers", default=[115_200], unit="baud"
    )


@message(0x81, Role.LENS, items(2, 4))
class LensHello(SizedMessage):
    """The lens greets back, and says how much it draws before it draws it."""

    revision: int = field(Int8ub, "of the model", default=REVISION, headline=True)
    features: int = field(Int32ul, "bit set of section 5", show=hex, headline=True)
    power_class: PowerClass = field(
        enum_field(Int8ub, PowerClass), "the most that it will draw", default=PowerClass.NORMAL, headline=True
    )
    peak_current_ma: int = field(Int16ul, "the most that it will draw", unit="mA", headline=True)
    largest_payload: int = field(Int16ul, "bytes that the lens takes in one frame", default=512, unit="bytes")
    rates: list[int] = field(PrefixedArray(Int8ub, Int32ul), "rates that the lens can", default=[115_200], unit="baud")


@message(0x02, Role.BODY, items(5))
class Challenge(SizedMessage):
    """The extension point for a proof of right: public sources do not say whether there is one; scheme 0 is none."""

    scheme: int = field(Int8ub, "0: none", headline=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "what the scheme says", default=b"")


@message(0x82, Role.LENS, items(5))
class ChallengeAnswer(SizedMessage):
    """The lens's half of it."""

    scheme: int = field(Int8ub, "0: none", headline=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "what the scheme says", default=b"")


@message(0x03, Role.BODY, OWN)
class RateOrder(SizedMessage):
    """Both ends switch to this rate when the lens has accepted."""

    number: int = field(Int8ub, "of the order", headline=True)
    baudrate: int = field(Int32ul, "the new rate", unit="baud", headline=True)


@message(0x85, Role.LENS, items(16, 18, 36))
class Done(SizedMessage):
    """What became of an order, by the order's own number."""

    number: int = field(Int8ub, "of the order", headline=True)
    order: int = field(Int8ub, "its type", show=hex, headline=True)
    outcome: Outcome = field(enum_field(Int8ub, Outcome), "what became of it", default=Outcome.ACCEPTED, headline=True)


@message(0x84, Role.LENS, items(36))
class Refusal(SizedMessage):
    """An order that is not carried out, and why: an answer, never silence."""

    number: int = field(Int8ub, "of the order; 0 where it could not be read", headline=True)
    order: int = field(Int8ub, "its type", show=hex, headline=True)
    code: RefusalCode = field(
        enum_field(Int8ub, RefusalCode), "why", default=RefusalCode.UNKNOWN_MESSAGE, headline=True
    )
    field_number: int = field(Int8ub, "which field is at fault, from 1; 0 for none")


@message(0x04, Role.BODY, items(3))
class Sleep(SizedMessage):
    """The lens is to rest: it parks its groups and stops its stream, and keeps what it was told."""

    number: int = field(Int8ub, "of the order", headline=True)
    keeps_drive: int = field(Int8ub, "1: drive power stays on")


@message(0x05, Role.BODY, items(14, 26))
class StreamOrder(SizedMessage):
    """Which reports the lens sends with each frame; none stops the stream."""

    number: int = field(Int8ub, "of the order", headline=True)
    reports: list[int] = field(PrefixedArray(Int8ub, Int8ub), "types of the reports", default=[0xA0, 0xA8, 0xB0, 0xB8])
