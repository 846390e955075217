"""Power: the grant of the body, the draw of the lens, and brown-outs."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ul
from lensmount_protocol.dialects.lmount.types import ImageCircle, PowerClass, evidence_items
from lensmount_protocol.message import LengthPrefixedMessage, enum_field, field, message
from lensmount_protocol.wire import Role


@message(0x10, Role.BODY, evidence_items(2, 3))
class PowerGrant(LengthPrefixedMessage):
    """The current that the lens may draw from now on; with less than requested it works reduced."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    granted: PowerClass = field(
        enum_field(Int8ub, PowerClass), "class that is granted", default=PowerClass.NORMAL, in_summary=True
    )
    limit_ma: int = field(Int16ul, "the most that it may draw", unit="mA", in_summary=True)
    warned: int = field(Int8ub, "1: the body has warned its user about the consumption")


@message(0x90, Role.LENS, evidence_items(2))
class PowerReport(LengthPrefixedMessage):
    """The draw of the lens now, and the parts that it switched off to stay within the grant."""

    draw_ma: int = field(Int16ul, "now", unit="mA", in_summary=True)
    peak_ma: int = field(Int16ul, "since the last report", unit="mA")
    reduced: int = field(
        Int8ub, "bit 0: focus speed; bit 1: stabiliser; bit 2: diaphragm speed", formatter=hex, in_summary=True
    )


@message(0x91, Role.LENS, evidence_items(2, 37))
class BrownOut(LengthPrefixedMessage):
    """The supply fell below what the lens needs; it stopped its motors and knows no position until it has homed."""

    supply_mv: int = field(Int16ul, "lowest voltage seen", unit="mV", in_summary=True)


@message(0x11, Role.BODY, evidence_items(9))
class ImageCircleSelect(LengthPrefixedMessage):
    """The part of the image circle that the body uses."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    used: ImageCircle = field(
        enum_field(Int8ub, ImageCircle), "image circle in use", default=ImageCircle.FULL_FRAME, in_summary=True
    )
