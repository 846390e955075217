"""The frame by hand against its declaration in construct, and the numbers that it carries."""

import construct
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.dialects.emount.framing import (
    ENVELOPE,
    FORMATS,
    build_frame,
    next_body_sequence,
    next_lens_sequence,
    pad_frame,
)
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.wire import Role

LENS = FORMATS[Role.LENS]


def accepted(candidate: bytes) -> bool:
    header = LENS.frame_length(candidate[:3]) if len(candidate) >= 9 and candidate[0] == 0xF0 else GarbageReason.LENGTH
    return header == len(candidate) and LENS.check(candidate) is None


def accepted_by_construct(candidate: bytes) -> bool:
    try:
        parsed = ENVELOPE.parse(candidate)
    except construct.ConstructError:
        return False
    value = parsed.checked.value
    return parsed.size == len(candidate) and 9 <= value.length <= LENS.max_size and value.class_ in (1, 2, 3)


@given(
    payload=st.binary(min_size=1, max_size=60),
    class_=st.integers(0, 5),
    sequence=st.integers(0, 255),
    flips=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 7)), max_size=2),
)
def test_the_hand_written_check_is_the_declared_envelope(
    payload: bytes, class_: int, sequence: int, flips: list[tuple[int, int]]
) -> None:
    candidate = bytearray(build_frame(payload, class_, sequence))
    for position, bit in flips:
        if position < len(candidate):
            candidate[position] ^= 1 << bit
    raw = bytes(candidate)
    assert accepted(raw) == accepted_by_construct(raw)


def test_the_worked_example_of_the_specification() -> None:
    assert build_frame(b"\x0b\x60\x00", 2, 0).hex() == "f00b0002000b6000780055"


def test_windows_are_whole_multiples_of_sixteen() -> None:
    sizes = {10: 16, 11: 16, 13: 16, 17: 32, 22: 32, 25: 32, 29: 32, 32: 32, 41: 48}
    assert {size: len(pad_frame(bytes(size), 16)) for size in sizes} == sizes
    assert pad_frame(b"abc", 1) == b"abc"


def test_the_body_s_counter_is_masked_above_ef() -> None:
    assert [next_body_sequence(count) for count in (0xEE, 0xEF, 0xF0, 0xFF, 0x100)] == [0xEE, 0xEF, 0x80, 0x8F, 0x00]


def test_the_lens_s_number_is_one_more_and_never_f0() -> None:
    assert [next_lens_sequence(number) for number in (0x00, 0xEE, 0xEF, 0x80, 0x8F)] == [0x01, 0xEF, 0x00, 0x81, 0x90]
