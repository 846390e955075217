"""Messages of the link itself: handshake, rate, acknowledgement and refusal."""

from lensmount_protocol.codec.lazy_construct import (
    Bytes,
    GreedyBytes,
    Int8ub,
    Int16ul,
    Int32ul,
    Prefixed,
    PrefixedArray,
)
from lensmount_protocol.dialects.lmount.types import OUR_DESIGN, Outcome, PowerClass, RejectionCode, evidence_items
from lensmount_protocol.message import LengthPrefixedMessage, enum_field, field, message
from lensmount_protocol.wire import Role

REVISION = 2
"""Revision of this model; two peers use the fields of the lower of their revisions."""


@message(0x01, Role.BODY, evidence_items(4, 39))
class BodyHello(LengthPrefixedMessage):
    """The hello of the body: its identity, its revision and its features."""

    revision: int = field(Int8ub, "of the model", default=REVISION, in_summary=True)
    features: int = field(Int32ul, "bit set of section 5", formatter=hex, in_summary=True)
    maker: int = field(Int16ul, "maker's number in this model", in_summary=True)
    model: int = field(Int16ul, "the maker's number of the body", in_summary=True)
    firmware: bytes = field(Bytes(4), "version, highest part first", default=bytes(4))
    largest_payload: int = field(
        Int16ul, "largest payload that the body accepts in one frame", default=512, unit="bytes"
    )
    rates: list[int] = field(
        PrefixedArray(Int8ub, Int32ul), "rates that the body offers", default=[115_200], unit="baud"
    )


@message(0x81, Role.LENS, evidence_items(2, 4))
class LensHello(LengthPrefixedMessage):
    """The lens answers the hello, and reports its power demand before it draws the power."""

    revision: int = field(Int8ub, "of the model", default=REVISION, in_summary=True)
    features: int = field(Int32ul, "bit set of section 5", formatter=hex, in_summary=True)
    power_class: PowerClass = field(
        enum_field(Int8ub, PowerClass), "the most that it will draw", default=PowerClass.NORMAL, in_summary=True
    )
    peak_current_ma: int = field(Int16ul, "the most that it will draw", unit="mA", in_summary=True)
    largest_payload: int = field(
        Int16ul, "largest payload that the lens accepts in one frame", default=512, unit="bytes"
    )
    rates: list[int] = field(PrefixedArray(Int8ub, Int32ul), "rates that the lens can", default=[115_200], unit="baud")


@message(0x02, Role.BODY, evidence_items(5))
class Challenge(LengthPrefixedMessage):
    """The extension point for authentication: public sources do not show whether there is any; scheme 0 is none."""

    scheme: int = field(Int8ub, "0: none", in_summary=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "data of the scheme", default=b"")


@message(0x82, Role.LENS, evidence_items(5))
class ChallengeAnswer(LengthPrefixedMessage):
    """The lens's half of it."""

    scheme: int = field(Int8ub, "0: none", in_summary=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "data of the scheme", default=b"")


@message(0x03, Role.BODY, OUR_DESIGN)
class SetBaudrateCommand(LengthPrefixedMessage):
    """Both ends switch to this rate when the lens has accepted."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    baudrate: int = field(Int32ul, "the new rate", unit="baud", in_summary=True)


@message(0x85, Role.LENS, evidence_items(16, 18, 36))
class CommandDone(LengthPrefixedMessage):
    """Outcome of an order, with the order's own number."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    order: int = field(Int8ub, "its type", formatter=hex, in_summary=True)
    outcome: Outcome = field(
        enum_field(Int8ub, Outcome), "outcome of the order", default=Outcome.ACCEPTED, in_summary=True
    )


@message(0x84, Role.LENS, evidence_items(36))
class CommandRejected(LengthPrefixedMessage):
    """Rejection of an order, with its reason: an answer, never silence."""

    number: int = field(Int8ub, "of the order; 0 where it could not be read", in_summary=True)
    order: int = field(Int8ub, "its type", formatter=hex, in_summary=True)
    code: RejectionCode = field(
        enum_field(Int8ub, RejectionCode), "why", default=RejectionCode.UNKNOWN_MESSAGE, in_summary=True
    )
    field_number: int = field(Int8ub, "number of the field at fault, from 1; 0 for none")


@message(0x04, Role.BODY, evidence_items(3))
class Sleep(LengthPrefixedMessage):
    """The lens goes to sleep: it parks its groups and stops its stream, and keeps its settings."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    keeps_drive: int = field(Int8ub, "1: drive power stays on")


@message(0x05, Role.BODY, evidence_items(14, 26))
class StreamConfig(LengthPrefixedMessage):
    """Which reports the lens sends with each frame; none stops the stream."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    reports: list[int] = field(PrefixedArray(Int8ub, Int8ub), "types of the reports", default=[0xA0, 0xA8, 0xB0, 0xB8])
