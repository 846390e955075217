"""Messages of the body in every frame: exposure, cycle and optical rows first, then the focus mode.

Focus orders follow in the same frame.
"""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ul
from lensmount_protocol.dialects.emount.units import (
    FocusMode,
    format_aperture,
    format_body_state,
    format_hex8,
    format_hex16,
)
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, enum_field, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "SIG, LEX")


@message(0x03, Role.BODY, _CAPTURED)
class BodyState(Message):
    """The body's state and aperture target, once a frame."""

    state: int = field(
        Int16ul,
        "body state; 00EC while powering off; on an alpha 5000 the low byte is 1D in AF, 4C in MF, 3F in neither",
        default=0x2EBB,
        formatter=format_body_state,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "meaning of the low byte from AN"),
    )
    unknown_2: int = field(Int8ub, "zero")
    aperture_target: int = field(
        Int16ul, "aperture target", unit="aperture code", default=0x1000, formatter=format_aperture, in_summary=True
    )
    aperture_target_leading: int = field(
        Int16ul, "the same one frame earlier", unit="aperture code", default=0x1000, formatter=format_aperture
    )
    control: int = field(
        Int8ub,
        "94 at first, then 1C to native lenses; bit 7: the leading copy counts",
        default=0x1C,
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "bit 7 from firmware (BAS-TA)"),
    )
    unknown_8: bytes = unknown_bytes(2)
    cycle_length: int = field(Int8ub, "frames in a cycle: 1, 2, 4, then 6", default=6, in_summary=True)
    cycle_phase: int = field(Int8ub, "frame of the cycle, from 0", in_summary=True)
    parity_flags: int = field(
        Int8ub,
        "bit 0: lowest bit of the sequence number; bits 3-4: speed profile",
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "bits 3-4 from firmware (BAS-SY, BAS-TA)"),
    )
    mode: int = field(Int16ul, "mode, unknown; 2 or 3", default=2, formatter=format_hex16)
    unknown_15: int = field(Int8ub, "2 or 3", default=3)
    unknown_16: int = field(Int8ub, "1", default=1)
    unknown_17: int = field(Int8ub, "zero")
    start_flag: int = field(Int8ub, "10 in the first 7 to 18 frames on some pairs", formatter=format_hex8)
    unknown_19: int = field(Int8ub, "zero")


@message(0x2F, Role.BODY, _CAPTURED)
class RowSelect(Message):
    """The pair of row indices that the lens must echo in `05`; repeated until it does."""

    row_a: int = field(Int8ub, "row index", default=0x15, formatter=format_hex8, in_summary=True)
    row_b: int = field(
        Int8ub,
        "row index, usually the same",
        default=0x15,
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.CAPTURED, "LEX, AN", "15 16 with a Tamron 28-200, others with a power zoom"),
    )


@message(0x04, Role.BODY, Evidence(EvidenceLevel.CAPTURED, "SIG, LEX"))
class BodyMode(Message):
    """The body's focus mode, once a frame."""

    unknown_0: bytes = unknown_bytes(2)
    unknown_2: int = field(Int8ub, "19 on every body", default=0x19, formatter=format_hex8)
    focus_mode: int = field(
        enum_field(Int8ub, FocusMode),
        "follows the lens's switch; bit 1 clear lets the lens's ring move the focus",
        default=FocusMode.BODY_DRIVES,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "bit 1 from firmware (BAS-SY, BAS-TA)"),
        in_summary=True,
    )
    unknown_4: bytes = unknown_bytes(2)
    focus_setting: int = field(
        Int8ub,
        "66 in AF and D6 in DMF on an alpha 5000; 3B A6000, 3D NEX-7, 7F A7; zero while powering off",
        default=0x3B,
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX, AN"),
    )
    target_kind: int = field(Int8ub, "A6000: 1F to native lenses, 0 to adapters", formatter=format_hex8)
    unknown_8: int = field(Int8ub, "zero")
    focus_activity: int = field(
        Int8ub,
        "bit 7: autofocus is active",
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.CAPTURED, "AN", "an alpha 5000; zero on an A6000 and a NEX-7"),
    )
    state: int = field(
        Int8ub,
        "41 in autofocus and 09 in DMF on an alpha 5000; 31 or 30 A6000, 01 NEX-7, 09 while powering off; a9 II: 40 or "
        "41 with moves, 48 with scans",
        default=0x01,
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX, AN", "a9 II from WZQ"),
        in_summary=True,
    )
    unknown_11: bytes = unknown_bytes(2)
