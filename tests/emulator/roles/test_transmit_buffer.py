"""Padding as an A6000 makes it: whole blocks, zero at first, then what stood there one round ago."""

from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.roles.emount.windows import TransmitBuffer


def test_the_first_round_is_padded_with_zero_and_the_second_with_the_first() -> None:
    ring = TransmitBuffer(4, 3)
    windows = [ring.window(frame) for frame in (b"abcdef", b"gh", b"i", b"jk", b"lmn")]
    assert windows == [b"abcdef\0\0", b"gh\0\0", b"ibcd", b"jk\0\0"[:2] + b"\0\0", b"lmn\0"]


def test_without_a_ring_padding_is_zero() -> None:
    ring = TransmitBuffer(16, 0)
    assert [ring.window(bytes([7]) * size) for size in (10, 16)] == [bytes([7]) * 10 + bytes(6), bytes([7]) * 16]


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=30), st.integers(0, 9))
def test_a_window_is_its_frame_and_whole_blocks(frames: list[bytes], blocks: int) -> None:
    ring = TransmitBuffer(16, blocks)
    for frame in frames:
        window = ring.window(frame)
        assert window.startswith(frame)
        assert len(window) % 16 == 0
        assert len(window) - len(frame) < 16
