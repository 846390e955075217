"""The second message of the lens in every frame: focus position, target and limits."""

from typing import ClassVar

from lensmount_protocol.codec.lazy_construct import Bytes, Int8ub, Int16ul
from lensmount_protocol.dialects.emount.units import format_hex8, format_hex16, format_signed_bytes, format_steps
from lensmount_protocol.message import Evidence, EvidenceLevel, SelectableMessage, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_STEPS = "motor steps"


@message(0x06, Role.LENS, Evidence(EvidenceLevel.CAPTURED, "SIG, LEX"))
class FocusStatus(SelectableMessage):
    """The focus drive's state, once a frame, from the blocks that the stream layout selects."""

    DEFAULT_BLOCKS: ClassVar[int] = 0x3F

    state: int = field(
        Int8ub,
        "82 at rest; bit 4: at the lower limit, bit 3: at the upper",
        default=0x82,
        formatter=format_hex8,
        block=1,
    )
    direction: int = field(Int8ub, "bit 1: position increasing, bit 2: decreasing", block=1)
    planned_position: int = field(
        Int16ul,
        "planned position: ahead of the encoder while moving",
        unit=_STEPS,
        formatter=format_steps,
        block=2,
        evidence=Evidence(EvidenceLevel.DISPUTED, "SIG, LEX, BAS-TR", "how far it looks ahead is not established"),
        in_summary=True,
    )
    word_4: int = field(Int16ul, "unknown, per lens", formatter=format_hex16, block=2)
    unknown_6: int = field(Int8ub, "10; one Sony zoom counts", default=0x10, formatter=format_hex8, block=2)
    lower_limit: int = field(
        Int16ul, "lower travel limit, far end", unit=_STEPS, formatter=format_steps, block=2, in_summary=True
    )
    upper_limit: int = field(
        Int16ul, "upper travel limit, near end", unit=_STEPS, formatter=format_steps, block=2, in_summary=True
    )
    word_11: int = field(Int16ul, "unknown, per lens", formatter=format_hex16, block=2)
    steps_per_defocus: int = field(
        Int16ul,
        "steps per unit of defocus",
        block=3,
        evidence=Evidence(EvidenceLevel.CAPTURED, "SIG, LEX", "meaning from WZQ"),
    )
    unknown_15: int = field(Int8ub, "unknown", formatter=format_hex8, block=3)
    unknown_16: int = field(Int8ub, "changes with focus on a Sony FE 24-105", formatter=format_hex8, block=3)
    unknown_17: int = field(Int8ub, "as the byte before", formatter=format_hex8, block=3)
    word_18: int = field(Int16ul, "changes with focus on a Sony FE 24-105", formatter=format_hex16, block=3)
    position: int = field(Int16ul, "encoder position", unit=_STEPS, formatter=format_steps, block=3, in_summary=True)
    unknown_22: int = field(Int8ub, "zero", block=4)
    cycle_flags: int = field(
        Int8ub, "bit 6 toggles once per body cycle on Sony AF lenses", formatter=format_hex8, block=4
    )
    unknown_24: int = field(Int8ub, "per lens", formatter=format_hex8, block=4)
    scan_phase: int = field(
        Int8ub,
        "10, 20, 30, 00 during a scan",
        formatter=format_hex8,
        block=4,
        evidence=Evidence(EvidenceLevel.CLAIM, "WZQ"),
    )
    distance_word: int = field(
        Int16ul,
        "distance-like, per lens and zoom",
        block=5,
        evidence=Evidence(EvidenceLevel.DISPUTED, "SIG, LEX, BAS-TR", "falls towards close focus on a Sony FE 24-105"),
    )
    unknown_28: int = field(Int8ub, "zero", block=5)
    unknown_29: int = field(Int8ub, "3 on a Viltrox adapter", block=5)
    unknown_30: bytes = unknown_bytes(2, block=5)
    velocity: bytes = field(
        Bytes(7),
        "seven samples of previous minus current position, an eighth of a frame apart",
        default=bytes(7),
        formatter=format_signed_bytes,
        block=6,
        evidence=Evidence(EvidenceLevel.INFERRED, "BAS-TR", "another source reads one sample a frame"),
    )
    unknown_39: bytes = unknown_bytes(45, block=7)
    unknown_84: bytes = unknown_bytes(4, block=8)

    blocks: int = 0x3F
