"""Focus orders, which follow `04` in its frame, and their confirmations beside a later `06`."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16sl, Int16ul
from lensmount_protocol.dialects.emount.units import format_distance, format_hex8, format_steps
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message, unknown_bytes
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "LEX, BAS-TR")
_BENCH = Evidence(EvidenceLevel.BENCH, "BAS-TR")
_CLAIM = Evidence(EvidenceLevel.CLAIM, "WZQ, ENT")
_CODE = Evidence(EvidenceLevel.PUBLIC_CODE, "ENT")
_FIRMWARE = Evidence(EvidenceLevel.FIRMWARE, "BAS")
_SAMYANG = Evidence(EvidenceLevel.FIRMWARE, "BAS-SY")
_MAKERS = Evidence(EvidenceLevel.FIRMWARE, "BAS-SY, BAS-TA")


@message(0x1C, Role.BODY, _BENCH)
class FocusStop(Message):
    """Stop the focus where it is."""


@message(0x1D, Role.BODY, _CAPTURED)
class FocusMove(Message):
    """Run the focus to a position, or by a distance; a target beyond the limits is clamped without a report."""

    operand: int = field(
        Int16ul, "target or signed distance, in the unit that the flags name", formatter=format_steps, in_summary=True
    )
    amplitude: int = field(Int8ub, "oscillation")
    flags: int = field(
        Int8ub,
        "bits 0-1 unit (0 steps, 2 the lens's own, 3 distance code); bit 2 relative; bit 3 waits for the cycle; "
        "bits 4-5 scale of the oscillation; bits 6-7 side of arrival",
        formatter=format_hex8,
        evidence=Evidence(EvidenceLevel.FIRMWARE, "BAS", "00 and 2C seen on a wire"),
        in_summary=True,
    )


@message(0x1E, Role.BODY, _FIRMWARE)
class FocusOrder1E(Message):
    """A focus order that only firmware shows."""

    content: bytes = unknown_bytes(4)


@message(0x1F, Role.BODY, Evidence(EvidenceLevel.CAPTURED, "AN, WZQ, ENT", "an alpha 5000; fields from BAS-SY"))
class FocusScan(Message):
    """Approach one end fast, then sweep at constant speed."""

    window: int = field(
        Int8ub,
        "bits 0-1: 0 soft limits, 1 the thresholds of `06` f0, 2 B to A, 3 around the centre; bits 2-3 start: 0 beyond "
        "A, 1 beyond B, 2 or 3 the nearer end; bits 4-5 with window 3: 0 measures A and B from the centre; bits 6-7 "
        "not 0: twice the run-up",
        formatter=format_hex8,
        evidence=_SAMYANG,
    )
    divisor: int = field(Int8ub, "divides run-up and speed; a Samyang needs another value than 0", evidence=_SAMYANG)
    flags: int = field(
        Int8ub,
        "bit 1: return to the centre; bits 2-5: unit of A and B, 0 motor steps; bits 6-7: with the run-out",
        formatter=format_hex8,
        evidence=_SAMYANG,
    )
    speed: int = field(
        Int8ub, "bits 0-5 speed, bits 6-7 its unit; a Samyang takes 2 only", formatter=format_hex8, evidence=_SAMYANG
    )
    limit_a: int = field(Int16ul, "end A", formatter=format_steps)
    limit_b: int = field(Int16ul, "end B", formatter=format_steps)
    run_out: int = field(Int8ub, "run-out of the sweep", evidence=_SAMYANG)
    run_up: int = field(Int8ub, "run-up of the approach", evidence=_SAMYANG)
    unknown_10: int = field(Int8ub, "unknown")
    centre: int = field(Int16ul, "centre; 0 where the focus is now", formatter=format_steps)


@message(0x22, Role.BODY, _CODE)
class PositionToDistance(Message):
    """Which distance is this position?"""

    position: int = field(Int16ul, "position", formatter=format_steps)


@message(0x2E, Role.BODY, _FIRMWARE)
class DistanceToPosition(Message):
    """Which position is this distance?"""

    distance: int = field(Int16ul, "distance", formatter=format_distance)


@message(0x34, Role.BODY, _FIRMWARE)
class FocusOrder34(Message):
    """A focus move with a reply of its own, known from firmware only."""

    operand: int = field(Int16ul, "target or signed distance", formatter=format_steps, evidence=_MAKERS)
    unknown_2: int = field(Int8ub, "not read")
    flags: int = field(
        Int8ub,
        "as of `1D`: bits 0-1 unit, bit 2 relative, bits 6-7 side of arrival",
        formatter=format_hex8,
        evidence=_MAKERS,
    )
    bound: int = field(
        Int8ub,
        "a Samyang keeps an absolute target within 384/17 steps a unit of its position; a Tamron reads milliseconds",
        evidence=Evidence(EvidenceLevel.DISPUTED, "BAS-SY, BAS-TA"),
    )
    unknown_5: bytes = unknown_bytes(18)


@message(0x3C, Role.BODY, _CODE)
class FocusLimitDrive(Message):
    """Drive towards one limit."""

    unknown_0: int = field(Int8ub, "unknown")
    speed: int = field(Int16sl, "speed; its sign is the direction")
    unknown_3: bytes = unknown_bytes(4)


@message(0x1C, Role.LENS, _BENCH)
class FocusStopped(Message):
    """The lens has stopped."""

    result: int = field(Int8ub, "0 Sony, Samyang; 1 Tamron, Yongnuo", in_summary=True)


@message(0x1D, Role.LENS, _CAPTURED)
class FocusMoved(Message):
    """The plan has reached the target; the motor still runs for two or three frames."""

    result: int = field(Int8ub, "0 done; 1 refused or interrupted (Tamron)", in_summary=True)


@message(0x1E, Role.LENS, _SAMYANG)
class FocusAnswer1E(Message):
    """The acknowledgement of the order that only firmware shows, in a frame of the loop; its effect is not known."""

    result: int = field(Int8ub, "0")


@message(0x1F, Role.LENS, _CLAIM)
class FocusScanned(Message):
    """The sweep is over, or could not be done; a Samyang answers 0 to both."""

    result: int = field(Int8ub, "0; 1 possible on a Tamron")


@message(0x22, Role.LENS, _CODE)
class DistanceOfPosition(Message):
    """The requested distance."""

    distance: int = field(Int16ul, "distance", formatter=format_distance)


@message(0x2E, Role.LENS, _FIRMWARE)
class PositionOfDistance(Message):
    """The requested position."""

    position: int = field(Int16ul, "position", formatter=format_steps)


@message(0x34, Role.LENS, _FIRMWARE)
class FocusAnswer34(Message):
    """The answer to the move that only firmware shows; it leaves when the move begins."""

    status: int = field(Int8ub, "0 on a Samyang; state of the conversion on a Tamron", evidence=_MAKERS)
    value: int = field(
        Int16ul,
        "the request's value on a Samyang; the position after the bound's time on a Tamron",
        formatter=format_steps,
        evidence=Evidence(EvidenceLevel.DISPUTED, "BAS-SY, BAS-TA"),
    )
    unknown_3: bytes = unknown_bytes(20)


@message(0x3C, Role.LENS, _CODE)
class FocusLimitDriven(Message):
    """The limit drive was taken."""

    direction: int = field(Int8ub, "direction")
    unknown_1: bytes = unknown_bytes(2)
