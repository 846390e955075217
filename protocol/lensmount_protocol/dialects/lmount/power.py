"""Power: what the body grants, what the lens draws, and what happens when there is too little."""

from lensmount_protocol.deferred import Int8ub, Int16ul
from lensmount_protocol.dialects.lmount.evidence import items
from lensmount_protocol.dialects.lmount.types import ImageCircle, PowerClass
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.wire import Role


@message(0x10, Role.BODY, items(2, 3))
class PowerGrant(SizedMessage):
    """How much the lens may draw from now on; less than it asked for leaves it working, reduced."""

    number: int = field(Int8ub, "of the order", headline=True)
    granted: PowerClass = field(
        enum_field(Int8ub, PowerClass), "class that is granted", default=PowerClass.NORMAL, headline=True
    )
    limit_ma: int = field(Int16ul, "the most that it may draw", unit="mA", headline=True)
    warned: int = field(Int8ub, "1: the body has told its user of the consumption")


@message(0x90, Role.LENS, items(2))
class PowerReport(SizedMessage):
    """What the lens draws now, and what it left out to stay within the grant."""

    draw_ma: int = field(Int16ul, "now", unit="mA", headline=True)
    peak_ma: int = field(Int16ul, "since the last report", unit="mA")
    reduced: int = field(
        Int8ub, "bit 0: focus speed; bit 1: stabiliser; bit 2: diaphragm speed", show=hex, headline=True
    )


@message(0x91, Role.LENS, items(2, 37))
class BrownOut(SizedMessage):
    """The supply fell below what the lens needs; it stopped its motors and knows no position until it has homed."""

    supply_mv: int = field(Int16ul, "lowest voltage seen", unit="mV", headline=True)


@message(0x11, Role.BODY, items(9))
class CropNotice(SizedMessage):
    """The part of the image circle that the body uses."""

    number: int = field(Int8ub, "of the order", headline=True)
    used: ImageCircle = field(
        enum_field(Int8ub, ImageCircle), "what is used", default=ImageCircle.FULL_FRAME, headline=True
    )
