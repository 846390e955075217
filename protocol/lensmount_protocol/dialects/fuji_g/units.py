"""Formats of Fuji G fields: status bits, positions, aperture steps, texts of blocks."""

STATUS_BITS = {
    0: "focus busy",
    1: "iris busy",
    3: "focus ring moved",
    4: "aperture ring moved",
}
"""Bits of the status with a known meaning; source: captures."""

_UNKNOWN_BITS = tuple(bit for bit in range(16) if bit not in STATUS_BITS)


def format_status(value: int) -> str:
    """The set bits by name, and the others as a number."""
    names = [name for bit, name in STATUS_BITS.items() if value >> bit & 1]
    rest = sum(1 << bit for bit in _UNKNOWN_BITS if value >> bit & 1)
    text = ", ".join(names) or "at rest"
    return f"{text}; others {rest:#06x}" if rest else text


def format_hex16(value: int) -> str:
    """A 16-bit number in hexadecimal."""
    return f"{value:#06x}"


def format_iris(value: int) -> str:
    """The mode and the step of an iris order: bits 15 to 12, and bits 11 to 6."""
    return f"step {value >> 6 & 0x3F}, mode {value >> 12}, others {value & 0x3F:#04x}"


def iris_order(step: int, mode: int = 1) -> int:
    """Return the argument of an iris order.

    Args:
        step: third stops from the widest aperture, 0 to 63.
        mode: 1 in normal use; 6 and 7 around the exposure.
    """
    return mode << 12 | step << 6


def format_step(value: int) -> str:
    """An iris step as the lens reports it: third stops from the widest, times 256."""
    return f"{value / 256:g} third stops from the widest"


def format_ring(value: int) -> str:
    """An index of the aperture ring: third stops, 1 is the widest, 0 while the lens starts."""
    return f"third stop {value - 1} from the widest" if value else "not known yet"


def format_text(value: bytes) -> str:
    """An ASCII text, padded with zero bytes."""
    return value.rstrip(b"\0").decode("ascii", "backslashreplace")


def format_ack(value: int) -> str:
    """The high byte of an acknowledge: `08` and a number of 3 bits."""
    return f"number {value & 7}" if value & 0xF8 == 0x08 else f"{value:#04x}"
