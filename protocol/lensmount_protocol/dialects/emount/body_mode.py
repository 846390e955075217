"""What the body says second in every frame: who drives the focus; focus orders follow in the same frame."""

from lensmount_protocol.deferred import Int8ub
from lensmount_protocol.dialects.emount.optics import show_hex8
from lensmount_protocol.dialects.emount.types import FocusMode
from lensmount_protocol.enums import enum_field
from lensmount_protocol.evidence import Evidence, Proof
from lensmount_protocol.message import Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role


@message(0x04, Role.BODY, Evidence(Proof.CAPTURED, "SIG, LEX"))
class BodyMode(Message):
    """The body's focus mode, once a frame."""

    unknown_0: bytes = unknown_bytes(2)
    unknown_2: int = field(Int8ub, "19 on every body", default=0x19, show=show_hex8)
    focus_mode: int = field(
        enum_field(Int8ub, FocusMode),
        "follows the lens's switch; bit 1 clear lets the lens's ring move the focus",
        default=FocusMode.BODY_DRIVES,
        evidence=Evidence(Proof.CAPTURED, "SIG, LEX", "bit 1 from firmware (BAS-SY, BAS-TA)"),
        headline=True,
    )
    unknown_4: bytes = unknown_bytes(2)
    body_constant: int = field(
        Int8ub, "3B A6000, 3D NEX-7, 7F A7; zero while powering off", default=0x3B, show=show_hex8
    )
    target_kind: int = field(Int8ub, "A6000: 1F to native lenses, 0 to adapters", show=show_hex8)
    unknown_8: bytes = unknown_bytes(2)
    state: int = field(
        Int8ub, "31 or 30 A6000, 01 NEX-7, 09 while powering off", default=0x01, show=show_hex8, headline=True
    )
    unknown_11: bytes = unknown_bytes(2)
