"""Sequence numbers: the body sends a masked counter of frame-sync pulses, the lens answers with the next number.

Evidence: 840 of 840 loop frames of five logic captures, through the wraps (protocol/spec/emount.md, frame layer).
"""

_FORBIDDEN = 0xF0


def body_sequence(pulse_count: int) -> int:
    """The number that a body sends after `pulse_count` pulses: 0xF0..0xFF travel as 0x80..0x8F."""
    number = pulse_count & 0xFF
    return number & 0x8F if number >= _FORBIDDEN else number


def lens_sequence(last_body_sequence: int) -> int:
    """The number that a lens sends after the body's: one more, where 0xF0 is sent as 0."""
    number = last_body_sequence + 1 & 0xFF
    return 0 if number == _FORBIDDEN else number
