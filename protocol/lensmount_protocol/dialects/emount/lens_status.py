"""The first message of the lens in every frame: aperture, distance, focal length, its switches and its optical rows."""

from typing import ClassVar

from lensmount_protocol.codec.lazy_construct import Bytes, Int8sb, Int8ub, Int16ul
from lensmount_protocol.dialects.emount.units import (
    FocusSwitch,
    format_aperture,
    format_distance,
    format_hex8,
    format_hex16,
    format_tenths_mm,
)
from lensmount_protocol.message import (
    Evidence,
    EvidenceLevel,
    SelectableMessage,
    enum_field,
    field,
    message,
    unknown_bytes,
)
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "SIG, LEX")
_ADAPTER = "aperture descriptor of EF adapters, eighths of a stop: "


@message(0x05, Role.LENS, _CAPTURED)
class LensStatus(SelectableMessage):
    """The lens's state, once a frame, from the blocks that the stream layout selects."""

    DEFAULT_BLOCKS: ClassVar[int] = 0x7FFF

    aperture: int = field(
        Int16ul, "aperture now", unit="aperture code", formatter=format_aperture, block=1, in_summary=True
    )
    aperture_next: int = field(
        Int16ul,
        "aperture one frame ahead; the final target on an adapter",
        unit="aperture code",
        formatter=format_aperture,
        block=1,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG", "another source calls it a plain copy"),
        in_summary=True,
    )
    aperture_frames_left: int = field(
        Int8ub, "frames until the aperture is reached", unit="frames", block=1, in_summary=True
    )
    aperture_error: int = field(
        Int16ul,
        "reported minus commanded aperture",
        formatter=format_hex16,
        block=1,
        evidence=Evidence(EvidenceLevel.INFERRED, "SIG, LEX"),
    )
    unknown_7: int = field(Int8ub, "zero", block=1)
    state: int = field(
        Int8ub,
        "bit 0: aperture at rest",
        default=7,
        formatter=format_hex8,
        block=2,
        evidence=Evidence(EvidenceLevel.DISPUTED, "SIG, BAS-TR", "constant 02 on a Sony FE 24-105"),
    )
    pair_9: int = field(Int16ul, "42 Sony, 170 FE 24-105, 0 manual", block=3)
    pair_11: int = field(Int16ul, "as the field before", block=3)
    pair_13: int = field(Int16ul, "340 autofocus, 0 manual", block=3)
    pair_15: int = field(Int16ul, "as the field before", block=3)
    ring_aperture: int = field(
        Int16ul,
        "aperture set by the lens's own ring",
        unit="aperture code",
        formatter=format_hex16,
        block=4,
        evidence=Evidence(EvidenceLevel.PUBLIC_CODE, "BAS"),
    )
    ring_flags: int = field(
        Int8ub, "bit 0: the ring's aperture is valid", block=4, evidence=Evidence(EvidenceLevel.PUBLIC_CODE, "BAS")
    )
    distance: int = field(
        Int16ul, "focus distance", unit="distance code", default=0x0700, formatter=format_distance, block=5
    )
    motion_flags: int = field(Int8ub, "bit 7: in service; bit 6: motion", default=0x80, formatter=format_hex8, block=5)
    coarse_distance: int = field(
        Int8sb,
        "about -32 per dioptre, -1 at infinity",
        default=-1,
        block=5,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "scale from WZQ"),
    )
    focal_length_dmm: int = field(Int16ul, "focal length now", formatter=format_tenths_mm, block=5, in_summary=True)
    nominal_focal_length_dmm: int = field(Int16ul, "focal length as marked", formatter=format_tenths_mm, block=5)
    unknown_28: int = field(Int16ul, "unknown, per lens", formatter=format_hex16, block=5)
    aperture_above_widest: int = field(
        Int16ul,
        "how far the aperture is above the lens's fastest",
        formatter=format_hex16,
        block=6,
        evidence=Evidence(EvidenceLevel.INFERRED, "SIG, LEX"),
    )
    row_a: bytes = field(Bytes(6), "optical row A", default=bytes.fromhex("260000000000"), block=6)
    row_b: bytes = field(Bytes(6), "optical row B", default=bytes.fromhex("260000000000"), block=6)
    descriptor_44: int = field(Int8ub, _ADAPTER + "largest", block=6)
    unknown_45: int = field(Int8ub, "zero", block=6)
    descriptor_46: int = field(Int8ub, _ADAPTER + "unknown", block=6)
    unknown_47: int = field(Int8ub, "zero", block=6)
    descriptor_48: int = field(Int8ub, _ADAPTER + "A0", block=6)
    unknown_49: bytes = unknown_bytes(2, block=6)
    descriptor_51: int = field(Int8ub, _ADAPTER + "largest again", block=6)
    descriptor_52: int = field(Int8ub, _ADAPTER + "smallest", block=6)
    unknown_53: int = field(Int8ub, "zero", block=6)
    coarse_position: int = field(Int16ul, "coarse focus position", block=6)
    unknown_56: bytes = unknown_bytes(2, block=6)
    unknown_58: int = field(Int8ub, "zero", block=7)
    descriptor_59: int = field(Int8ub, _ADAPTER + "01", block=7)
    ring_turning: int = field(Int8sb, "1 or -1 while the focus ring turns", block=8)
    unknown_61: int = field(Int8ub, "zero; 1 in single frames", block=8)
    focus_switch: int = field(enum_field(Int8ub, FocusSwitch), "AF/MF switch", default=FocusSwitch.AF, block=8)
    unknown_63: int = field(Int8ub, "zero", block=8)
    barrel_flags: int = field(
        Int8ub,
        "bit 3: barrel button; bit 4: stabiliser on",
        formatter=format_hex8,
        block=8,
        evidence=Evidence(EvidenceLevel.PUBLIC_CODE, "BAS, BAS-TR"),
    )
    unknown_65: int = field(Int8ub, "zero", block=8)
    barrel_controls: int = field(Int8ub, "barrel controls, probably", formatter=format_hex8, block=9)
    unknown_67: int = field(Int8ub, "not zero on zooms only", formatter=format_hex8, block=10)
    unknown_68: int = field(Int8ub, "zero", block=10)
    unknown_69: bytes = unknown_bytes(8, block=11)
    row_index_a: int = field(Int8ub, "echo of the row select", formatter=format_hex8, block=12, in_summary=True)
    row_index_b: int = field(Int8ub, "echo of the row select", formatter=format_hex8, block=12)
    row_extra_a: int = field(Int8ub, "second index pair, zero in the loop", formatter=format_hex8, block=12)
    row_extra_b: int = field(Int8ub, "second index pair, zero in the loop", formatter=format_hex8, block=12)
    effective_focal_length_dmm: int = field(
        Int16ul, "effective focal length (breathing)", formatter=format_tenths_mm, block=12
    )
    row_c: bytes = field(Bytes(6), "optical row C", default=bytes(6), block=13)
    row_d: bytes = field(Bytes(6), "optical row D", default=bytes(6), block=14)
    unknown_95: int = field(Int8ub, "11 on Sony zooms", formatter=format_hex8, block=15)
    unknown_96: bytes = unknown_bytes(6, block=16)
    unknown_102: bytes = unknown_bytes(3, block=17)
    unknown_105: bytes = unknown_bytes(3, block=18)

    blocks: int = 0x7FFF
