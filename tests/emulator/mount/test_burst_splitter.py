"""Runs: which bytes of a burst may arrive together."""

import pytest

from lensmount_emulator.mount.burst_delivery import BurstSplitter
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.framing import FORMATS, build_frame
from lensmount_protocol.wire import Role

FRAME = build_frame(BodyMode().build(), 1, 7)
SIZE = len(FRAME)


@pytest.fixture
def runs() -> BurstSplitter:
    made = BurstSplitter(FORMATS[Role.BODY])
    made.turn_window(True)
    return made


def by_byte(start: int, size: int) -> tuple[int, ...]:
    return tuple(range(start + 1, size + 1))


def test_a_frame_is_one_run(runs: BurstSplitter) -> None:
    assert runs.cut(FRAME) == (SIZE,)


def test_a_frame_and_its_padding_are_two(runs: BurstSplitter) -> None:
    assert runs.cut(FRAME + bytes(9)) == (SIZE, SIZE + 9)


def test_more_than_padding_goes_byte_by_byte(runs: BurstSplitter) -> None:
    assert runs.cut(FRAME + bytes(16)) == (SIZE, *by_byte(SIZE, SIZE + 16))


def test_behind_a_bad_frame_padding_may_be_anything(runs: BurstSplitter) -> None:
    bad = FRAME[:5] + bytes((FRAME[5] ^ 1,)) + FRAME[6:]
    assert runs.cut(bad + bytes(3)) == (SIZE, *by_byte(SIZE, SIZE + 3))


def test_a_frame_with_a_pause_goes_in_its_pieces(runs: BurstSplitter) -> None:
    assert runs.cut(FRAME[:10]) == (10,)
    assert runs.cut(FRAME[10:12]) == (2,)
    assert runs.cut(FRAME[12:] + b"\0") == (SIZE - 12, SIZE - 11)


@pytest.mark.parametrize("noise", [b"?", b"?" + FRAME, FRAME[:2], b"\xf0\x01\x00rest"])
def test_what_begins_no_frame_goes_byte_by_byte(runs: BurstSplitter, noise: bytes) -> None:
    assert runs.cut(noise) == by_byte(0, len(noise))


def test_only_the_first_frame_of_a_window_is_a_run(runs: BurstSplitter) -> None:
    runs.cut(FRAME)
    assert runs.cut(FRAME) == by_byte(0, SIZE)
    runs.turn_window(False)
    assert runs.cut(FRAME) == by_byte(0, SIZE)
    runs.turn_window(True)
    assert runs.cut(FRAME) == (SIZE,)
