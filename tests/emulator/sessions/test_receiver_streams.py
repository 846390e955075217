"""The watch over every frame that a receiver could find: candidates, offsets and what is kept, byte by byte."""

import pytest

from lensmount_emulator.sessions import receiver_streams
from lensmount_emulator.sessions.receiver_streams import (
    MAX_DOUBTS,
    MAX_FRAME_SIZE,
    MAX_RATES,
    BaudrateStreams,
    Candidate,
    CandidateTracker,
    frame_limits,
    without_limits,
)
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.wire import Role

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")
FRAME = EMOUNT.build_frame(b"\x0b\x60\x00", 2, 0)


def watch() -> CandidateTracker:
    payload_at, smallest = frame_limits(EMOUNT, Role.BODY)
    return CandidateTracker(without_limits(EMOUNT.formats[Role.BODY], smallest), payload_at)


def test_the_limits_of_both_dialects() -> None:
    assert MAX_FRAME_SIZE == 1_048_576
    assert frame_limits(EMOUNT, Role.BODY) == frame_limits(EMOUNT, Role.LENS) == (5, 9)
    assert frame_limits(LMOUNT, Role.BODY) == (5, 8)
    assert (MAX_RATES, MAX_DOUBTS, receiver_streams._TRIM_AT) == (4, 4, 262_144)


def test_a_format_without_limits_measures_what_a_dialect_calls_too_long() -> None:
    limited = EMOUNT.formats[Role.BODY]
    assert limited.frame_length(b"\xf0\x00\x01") is GarbageReason.LENGTH
    free = without_limits(limited, 9)
    assert free.frame_length(b"\xf0\x00\x01") == 256
    assert free.frame_length(b"\xf0\x09\x00") == 9
    assert free.frame_length(b"\xf0\x08\x00") is GarbageReason.LENGTH
    assert free.frame_length(b"\xf0\xff\xff") == 65_535
    raw = EMOUNT.build_frame(b"\x0b", 99, 0)
    assert limited.check(raw) is GarbageReason.CLASS
    assert free.check(raw) is None


def test_a_frame_in_one_write_is_complete_and_one_in_two_is_announced_first() -> None:
    one = watch()
    assert one.push(FRAME) == ([Candidate(11, 0, 11)], [])
    assert one.candidate_bytes(Candidate(11, 0, 11)) == FRAME
    assert one.first_type(Candidate(11, 0, 11)) == 0x0B
    for cut in range(6, 11):
        two = watch()
        assert two.push(FRAME[:cut]) == ([], [Candidate(11, 0, 11)])
        assert two.push(FRAME[cut:]) == ([Candidate(11, 0, 11)], [])
        assert two.total == 11


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_candidate_begins_when_its_first_type_is_there(cut: int) -> None:
    seen = watch()
    assert seen.push(FRAME[:cut]) == ([], [])
    assert seen.push(FRAME[cut:6]) == ([], [Candidate(11, 0, 11)])
    assert seen.push(FRAME[6:]) == ([Candidate(11, 0, 11)], [])


def test_offsets_count_from_the_start_of_the_stream_and_candidates_may_be_inside_each_other() -> None:
    outer = b"\xf0" + bytes((len(FRAME) + 9, 0)) + b"\x02\x00" + FRAME + b"\x00\x00\x00\x55"
    seen = watch()
    seen.push(b"\x01\x02\x03")
    assert seen.push(outer, loose=True) == ([Candidate(23, 3, 20, True), Candidate(19, 8, 11, True)], [])
    assert seen.candidate_bytes(Candidate(19, 8, 11)) == FRAME
    assert seen.push(FRAME)[0] == [Candidate(34, 23, 11, False)]


def test_what_a_header_gives_no_length_for_is_announced_without_a_size_and_not_followed() -> None:
    seen = watch()
    assert seen.push(b"\xf0\x01\x00\x02\x00\x0b\x00") == ([], [Candidate(7, 0, 0)])
    assert seen.candidate_bytes(Candidate(7, 0, 0)) == b"\xf0\x01\x00\x02\x00\x0b\x00"
    assert seen.push(bytes(100)) == ([], [])


def test_a_rollback_takes_back_the_last_write_and_only_that() -> None:
    seen = watch()
    seen.push(FRAME[:7])
    assert seen.push(FRAME[7:] + FRAME[:6]) == ([Candidate(11, 0, 11)], [Candidate(22, 11, 11)])
    seen.rollback()
    assert (seen.total, seen.tail(100)) == (7, FRAME[:7])
    seen.rollback()
    assert seen.total == 7
    assert seen.push(FRAME[7:]) == ([Candidate(11, 0, 11)], [])
    assert seen.push(b"") == ([], [])
    seen.rollback()
    assert seen.total == 11


def test_a_copy_goes_on_by_itself() -> None:
    seen = watch()
    seen.push(FRAME[:7])
    other = seen.copy()
    assert other.push(FRAME[7:]) == ([Candidate(11, 0, 11)], [])
    assert (seen.total, seen.tail(3)) == (7, FRAME[4:7])
    assert seen.push(FRAME[7:]) == ([Candidate(11, 0, 11)], [])


def test_a_tail_is_the_last_bytes_or_what_there_is() -> None:
    seen = watch()
    assert (seen.tail(0), seen.tail(3)) == (b"", b"")
    seen.push(b"abcdef")
    assert (seen.tail(0), seen.tail(2), seen.tail(100)) == (b"", b"ef", b"abcdef")


def test_old_bytes_are_dropped_and_those_of_a_candidate_are_kept() -> None:
    seen = watch()
    seen.push(bytes(300_000))
    seen.push(b"\xf0\xff\xff\x02\x00\x0b")
    assert len(seen._buffer) < 100
    assert seen.total == 300_006
    seen.push(bytes(65_000))
    complete, _ = seen.push(bytes(529) + FRAME)
    assert complete == [Candidate(365_535, 300_000, 65_535), Candidate(365_546, 365_535, 11)]
    assert seen.candidate_bytes(complete[0])[:6] == b"\xf0\xff\xff\x02\x00\x0b"
    assert seen.candidate_bytes(complete[1]) == FRAME


def found(streams: BaudrateStreams, data: bytes) -> list[int]:
    """How often each stream that the bytes belong to has the frame complete with them."""
    return [
        sum(stream.candidate_bytes(candidate) == FRAME for candidate in stream.push(data)[0])
        for stream in streams.active()
    ]


def test_bytes_at_one_rate_are_one_stream() -> None:
    streams = BaudrateStreams(watch(), 9600)
    assert found(streams, FRAME) == [1]
    streams.change(9600)
    assert len(streams.active()) == 1


def test_a_second_rate_joins_or_does_not() -> None:
    streams = BaudrateStreams(watch(), 9600)
    found(streams, FRAME[:7])
    streams.change(19_200)
    # The stream of both rates; that of the new one alone is its end until the rate changes again.
    assert found(streams, FRAME[7:]) == [1]
    streams.change(9600)
    # All bytes, and those of the old rate alone.
    assert len(streams.active()) == 2
    assert found(streams, FRAME[7:]) == [0, 1]
    streams.change(19_200)
    assert len(streams.active()) == 2


def test_the_bytes_of_a_rate_alone_are_known_when_it_comes_back() -> None:
    streams = BaudrateStreams(watch(), 9600)
    found(streams, b"\x01")
    streams.change(19_200)
    found(streams, FRAME[:7])
    streams.change(9600)
    found(streams, b"\x02")
    streams.change(19_200)
    assert found(streams, FRAME[7:]) == [0, 1]


def test_more_rates_than_are_told_apart_count_as_one() -> None:
    streams = BaudrateStreams(watch(), 1)
    for rate in (2, 3, 4):
        streams.change(rate)
    before = len(streams._sets)
    streams.change(5)
    five = len(streams._sets)
    streams.change(6)
    assert len(streams._sets) == five
    assert five > before


def test_a_doubt_is_followed_once_for_the_same_bytes_and_the_oldest_goes_first() -> None:
    streams = BaudrateStreams(watch(), 9600)
    streams.mark_uncertain()
    assert len(streams.active()) == 1
    found(streams, FRAME[:7])
    streams.mark_uncertain()
    streams.mark_uncertain()
    assert [stream.total for stream in streams.active()] == [7, 0]
    for _ in range(6):
        found(streams, b"\x01")
        streams.mark_uncertain()
    assert len(streams.active()) == 1 + MAX_DOUBTS
    assert [stream.total for stream in streams.active()] == [13, 12, 12, 12, 12]
