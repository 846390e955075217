"""The start-up movement and the shut-down."""

from lensmount_protocol.deferred import Int8ub
from lensmount_protocol.dialects.emount.optics import show_hex8
from lensmount_protocol.evidence import Evidence, Proof
from lensmount_protocol.message import Message, field, message
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(Proof.CAPTURED, "SIG, LEX")


@message(0x10, Role.BODY, _CAPTURED)
class StartUpRequest(Message):
    """Home the drives."""

    drives: int = field(
        Int8ub,
        "1F native lens, 3F adapter; bit 2 iris, bit 3 focus",
        default=0x1F,
        show=show_hex8,
        headline=True,
    )


@message(0x10, Role.LENS, _CAPTURED)
class StartUpReply(Message):
    """The movement is over; it may take more than a second."""

    result: int = field(Int8ub, "0 done; 1 error (Tamron)", headline=True)


@message(0x16, Role.BODY, _CAPTURED)
class ShutDownRequest(Message):
    """Park and sleep."""

    order: int = field(Int8ub, "1", default=1, headline=True)


@message(0x16, Role.LENS, _CAPTURED)
class ShutDownReply(Message):
    """The iris is parked."""

    result: int = field(
        Int8ub,
        "0",
        evidence=Evidence(Proof.CAPTURED, "LEX", "one adapter is said to echo the request (WZQ)"),
        headline=True,
    )
