"""What the body says first in every frame: the exposure's wishes, the cycle, and which optical row it wants."""

from lensmount_protocol.deferred import Int8ub, Int16ul
from lensmount_protocol.dialects.emount.optics import show_aperture, show_hex8, show_hex16
from lensmount_protocol.evidence import Evidence, Proof
from lensmount_protocol.message import Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(Proof.CAPTURED, "SIG, LEX")


@message(0x03, Role.BODY, _CAPTURED)
class BodyState(Message):
    """The body's state and aperture target, once a frame."""

    state: int = field(Int16ul, "body state, unknown; 00EC while powering off", default=0x2EBB, show=show_hex16)
    unknown_2: int = field(Int8ub, "zero")
    aperture_target: int = field(
        Int16ul, "aperture target", unit="aperture code", default=0x1000, show=show_aperture, headline=True
    )
    aperture_target_leading: int = field(
        Int16ul, "the same one frame earlier", unit="aperture code", default=0x1000, show=show_aperture
    )
    control: int = field(
        Int8ub,
        "94 at first, then 1C to native lenses; bit 7: the leading copy counts",
        default=0x1C,
        show=show_hex8,
        evidence=Evidence(Proof.CAPTURED, "SIG, LEX", "bit 7 from firmware (BAS-TA)"),
    )
    unknown_8: bytes = unknown_bytes(2)
    cycle_length: int = field(Int8ub, "frames in a cycle: 1, 2, 4, then 6", default=6, headline=True)
    cycle_phase: int = field(Int8ub, "frame of the cycle, from 0", headline=True)
    parity_flags: int = field(
        Int8ub,
        "bit 0: lowest bit of the sequence number; bits 3-4: speed profile",
        show=show_hex8,
        evidence=Evidence(Proof.CAPTURED, "SIG, LEX", "bits 3-4 from firmware (BAS-SY, BAS-TA)"),
    )
    mode: int = field(Int16ul, "mode, unknown; 2 or 3", default=2, show=show_hex16)
    unknown_15: int = field(Int8ub, "2 or 3", default=3)
    unknown_16: int = field(Int8ub, "1", default=1)
    unknown_17: int = field(Int8ub, "zero")
    start_flag: int = field(Int8ub, "10 in the first 7 to 18 frames on some pairs", show=show_hex8)
    unknown_19: int = field(Int8ub, "zero")


@message(0x2F, Role.BODY, _CAPTURED)
class RowSelect(Message):
    """The pair of row indices that the lens shall echo in `05`; repeated until it has."""

    row_a: int = field(Int8ub, "row index", default=0x15, show=show_hex8, headline=True)
    row_b: int = field(Int8ub, "row index, usually the same", default=0x15, show=show_hex8)
