"""The framer: whole, at every cut, with noise before and data after; every byte accounted for exactly once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.dialects.emount.framing import FORMATS, build_frame, pad_frame
from lensmount_protocol.framer import MAX_RUN, Frame, FrameEvent, Framer, Garbage, GarbageReason, Padding
from lensmount_protocol.wire import Role

FRAME = bytes.fromhex("f00b0002000b6000780055")
OTHER = bytes.fromhex("f00a0002000c021a0055")


def run(chunks: list[bytes], role: Role = Role.LENS, *, windowed: bool = False) -> list[FrameEvent]:
    framer = Framer(FORMATS[role])
    events = framer.open_window() if windowed else []
    for chunk in chunks:
        events += framer.receive(chunk)
    return events + framer.close(GarbageReason.SOURCE_ENDED)


def frames(events: list[FrameEvent]) -> list[bytes]:
    return [event.raw for event in events if isinstance(event, Frame)]


def test_a_whole_frame_is_one_event_with_its_parts() -> None:
    (frame,) = run([FRAME])
    assert isinstance(frame, Frame)
    assert (frame.raw, frame.offset, frame.class_, frame.sequence, frame.payload) == (FRAME, 0, 2, 0, b"\x0b\x60\x00")


@pytest.mark.parametrize("cut", range(1, len(FRAME)))
def test_a_cut_anywhere_changes_nothing(cut: int) -> None:
    assert run([FRAME[:cut], FRAME[cut:]]) == run([FRAME])


def test_frames_back_to_back_are_all_found() -> None:
    assert frames(run([FRAME + OTHER + FRAME])) == [FRAME, OTHER, FRAME]


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        (b"\x01\x02", GarbageReason.NO_START),
        (b"\xf0\x00\x00", GarbageReason.LENGTH),
        (b"\xf0\xff\xff", GarbageReason.LENGTH),
        (b"\xf0\x0b\x00", GarbageReason.END),
    ],
)
def test_noise_in_front_is_one_garbage_event_and_the_frame_behind_it_is_found(
    noise: bytes, reason: GarbageReason
) -> None:
    garbage, frame = run([noise + FRAME])
    assert garbage == Garbage(noise, 0, reason)
    assert isinstance(frame, Frame)
    assert frame.offset == len(noise)


@pytest.mark.parametrize(
    ("position", "reason"),
    [(-1, GarbageReason.END), (-2, GarbageReason.CHECKSUM), (6, GarbageReason.CHECKSUM)],
)
def test_a_damaged_frame_says_why(position: int, reason: GarbageReason) -> None:
    damaged = bytearray(FRAME)
    damaged[position] ^= 1
    assert run([bytes(damaged)]) == [Garbage(bytes(damaged), 0, reason)]


def test_an_unknown_class_is_garbage_though_its_sum_is_right() -> None:
    raw = build_frame(b"\x0b\x60\x00", 7, 0)
    assert run([raw]) == [Garbage(raw, 0, GarbageReason.CLASS)]


def test_a_false_start_with_a_huge_length_does_not_swallow_the_frame_behind_it() -> None:
    stray = b"\xf0\x00\x03"
    framer = Framer(FORMATS[Role.LENS])
    framer.open_window()
    assert framer.receive(stray + FRAME) == []
    garbage, frame = framer.close(GarbageReason.WINDOW_CLOSED)
    assert garbage == Garbage(stray, 0, GarbageReason.WINDOW_CLOSED)
    assert isinstance(frame, Frame)


def test_a_window_that_closes_inside_a_frame_says_so() -> None:
    assert run([FRAME[:7]], windowed=True) == [Garbage(FRAME[:7], 0, GarbageReason.SOURCE_ENDED)]


def test_a_window_that_opens_ends_what_was_pending() -> None:
    framer = Framer(FORMATS[Role.LENS])
    framer.receive(FRAME[:5])
    assert framer.open_window() == [Garbage(FRAME[:5], 0, GarbageReason.WINDOW_CLOSED)]
    assert frames(framer.receive(FRAME)) == [FRAME]


def test_a_frame_that_was_cut_off_does_not_keep_the_next_one_waiting() -> None:
    framer = Framer(FORMATS[Role.LENS])
    framer.receive(b"\xf0\xa4\x00\x02\xef")
    framer.close(GarbageReason.SILENCE)
    assert [type(event) for event in framer.receive(FRAME)] == [Frame]


def test_what_a_body_clocks_behind_its_frame_is_padding() -> None:
    window = pad_frame(FRAME, 16)
    frame, padding = run([window], Role.BODY, windowed=True)
    assert isinstance(frame, Frame)
    assert padding == Padding(bytes(5), len(FRAME))


def test_padding_in_a_window_may_hold_old_bytes_but_not_more_than_a_buffer() -> None:
    stale = bytes(range(1, 16))
    assert run([FRAME + stale], Role.BODY, windowed=True)[1:] == [Padding(stale, len(FRAME))]
    debris = bytes(range(1, 41))
    rest = run([FRAME + debris], Role.BODY, windowed=True)[1:]
    assert rest == [
        Padding(debris[:15], len(FRAME)),
        Garbage(debris[15:], len(FRAME) + 15, GarbageReason.NO_START),
    ]


def test_outside_windows_only_zero_bytes_are_padding() -> None:
    events = run([FRAME + bytes(5) + OTHER + b"\x07" + FRAME], Role.BODY)
    assert frames(events) == [FRAME, OTHER, FRAME]
    assert [event for event in events if isinstance(event, Padding)] == [Padding(bytes(5), len(FRAME))]
    assert [event for event in events if isinstance(event, Garbage)] == [
        Garbage(b"\x07", 2 * len(FRAME) + 4, GarbageReason.NO_START)
    ]


def test_a_lens_never_pads() -> None:
    assert run([FRAME + bytes(3)])[1] == Garbage(bytes(3), len(FRAME), GarbageReason.NO_START)


def test_a_body_frame_of_256_bytes_is_too_long_and_a_lens_frame_is_not() -> None:
    raw = build_frame(bytes(248), 2, 0)
    assert frames(run([raw], Role.LENS)) == [raw]
    assert frames(run([raw], Role.BODY)) == []


def test_endless_garbage_is_told_in_pieces_and_memory_stays_bounded() -> None:
    framer = Framer(FORMATS[Role.LENS])
    told = sum(
        len(event.data) for _ in range(100) for event in framer.receive(b"\x11" * 1000) if isinstance(event, Garbage)
    )
    assert 100_000 - told <= MAX_RUN


ANYTHING = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.just(FRAME),
        st.just(OTHER),
        st.just(pad_frame(FRAME, 16)),
        st.binary(min_size=1, max_size=60).map(lambda payload: build_frame(payload, 1, 7)),
        st.binary(min_size=3, max_size=9).map(lambda tail: b"\xf0" + tail),
    ),
    max_size=12,
).map(b"".join)


@given(
    stream=ANYTHING, cuts=st.lists(st.integers(0, 400), max_size=20), role=st.sampled_from(Role), windowed=st.booleans()
)
def test_any_bytes_in_any_chunking_give_the_same_events(
    stream: bytes, cuts: list[int], role: Role, windowed: bool
) -> None:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(bounds)]
    events = run(chunks, role, windowed=windowed)
    assert events == run([stream], role, windowed=windowed)
    assert b"".join(event.raw if isinstance(event, Frame) else event.data for event in events) == stream
    offsets = [event.offset for event in events]
    assert offsets == sorted(offsets)


@given(stream=ANYTHING)
def test_garbage_is_one_event_a_run(stream: bytes) -> None:
    kinds = [type(event) for event in run([stream])]
    assert (Garbage, Garbage) not in set(itertools.pairwise(kinds))


def test_runs_are_given_out_in_pieces_of_4096_bytes_each_with_its_offset() -> None:
    assert MAX_RUN == 4096
    framer = Framer(FORMATS[Role.LENS])
    assert framer.receive(FRAME + b"\x11" * 4096)[1:] == []
    assert framer.receive(b"\x12" * 3) == [Garbage(b"\x11" * 4096, 11, GarbageReason.NO_START)]
    assert framer.receive(b"\x12" * 8200)[0] == Garbage(b"\x12" * 4096, 11 + 4096, GarbageReason.NO_START)
    assert framer.consumed_offset == 11 + 3 * 4096
    (rest,) = framer.close(GarbageReason.SOURCE_ENDED)
    assert rest == Garbage(b"\x12" * 11, 11 + 3 * 4096, GarbageReason.NO_START)
    assert framer.consumed_offset == 11 + 3 * 4096 + 11


def test_settled_counts_what_is_told_and_neither_pending_runs_nor_half_frames() -> None:
    framer = Framer(FORMATS[Role.BODY])
    assert framer.consumed_offset == 0
    framer.receive(b"\x01\x02" + FRAME[:5])
    assert framer.consumed_offset == 0
    framer.receive(FRAME[5:])
    assert framer.consumed_offset == 2 + len(FRAME)
    framer.receive(bytes(3))
    assert framer.consumed_offset == 2 + len(FRAME)
    framer.receive(OTHER)
    assert framer.consumed_offset == 2 + len(FRAME) + 3 + len(OTHER)


def test_needed_is_the_header_and_then_the_frame_that_it_announces() -> None:
    framer = Framer(FORMATS[Role.LENS])
    assert framer.needed == 3
    framer.receive(FRAME[:2])
    assert (framer.needed, framer.buffer, framer.offset) == (3, FRAME[:2], 0)
    framer.receive(FRAME[2:4])
    assert framer.needed == len(FRAME)
    framer.receive(FRAME[4:] + b"\x07")
    assert (framer.needed, framer.buffer, framer.offset) == (3, b"", len(FRAME) + 1)


def test_a_frame_is_reported_to_its_observer_before_it_is_given_out() -> None:
    seen: list[Frame] = []
    framer = Framer(FORMATS[Role.LENS], seen.append)
    events = framer.receive(b"\x07" + FRAME + OTHER)
    assert seen == [event for event in events if isinstance(event, Frame)]
    assert [frame.offset for frame in seen] == [1, 1 + len(FRAME)]


def test_padding_of_a_frame_ends_with_the_window() -> None:
    framer = Framer(FORMATS[Role.BODY])
    framer.open_window()
    assert frames(framer.receive(FRAME + b"\x01")) == [FRAME]
    assert framer.close(GarbageReason.WINDOW_CLOSED) == [Padding(b"\x01", len(FRAME))]
    assert framer.receive(b"\x02") == []
    assert framer.open_window() == [Garbage(b"\x02", len(FRAME) + 1, GarbageReason.NO_START)]


def test_padding_in_a_window_is_15_bytes_in_all_however_it_is_cut() -> None:
    framer = Framer(FORMATS[Role.BODY])
    framer.open_window()
    events = framer.receive(FRAME)
    for _ in range(8):
        events += framer.receive(b"\x01\x02")
    events += framer.close(GarbageReason.WINDOW_CLOSED)
    assert events[1:] == [
        Padding(b"\x01\x02" * 7 + b"\x01", len(FRAME)),
        Garbage(b"\x02", len(FRAME) + 15, GarbageReason.NO_START),
    ]


def test_zero_bytes_behind_the_15_are_padding_too_until_another_byte_comes() -> None:
    framer = Framer(FORMATS[Role.BODY])
    framer.open_window()
    events = framer.receive(FRAME + b"\x01" * 15 + bytes(4)) + framer.receive(bytes(2) + FRAME + bytes(2) + b"\x09")
    events += framer.close(GarbageReason.WINDOW_CLOSED)
    assert [type(event) for event in events] == [Frame, Padding, Frame, Padding]
    assert [len(event.data) for event in events if isinstance(event, Padding)] == [21, 3]


def test_a_frame_behind_a_frame_gets_padding_of_its_own() -> None:
    framer = Framer(FORMATS[Role.BODY])
    framer.open_window()
    events = framer.receive(FRAME + b"\x01" * 15 + FRAME + b"\x02" * 15)
    events += framer.close(GarbageReason.WINDOW_CLOSED)
    assert [event.data for event in events if isinstance(event, Padding)] == [b"\x01" * 15, b"\x02" * 15]


def test_a_candidate_that_fails_gives_up_one_byte_only() -> None:
    inner = FRAME
    outer = b"\xf0" + bytes((len(inner) + 9, 0)) + b"\x02\x00" + inner + b"\x00\x00\x00\x55"
    assert frames(run([outer])) == [inner]


def test_a_header_cut_at_the_end_of_the_source_is_garbage_of_that_end() -> None:
    for cut in (1, 2):
        assert run([FRAME[:cut]]) == [Garbage(FRAME[:cut], 0, GarbageReason.SOURCE_ENDED)]
    assert run([]) == []


def test_long_padding_outside_windows_is_given_out_in_pieces_too() -> None:
    events = run([FRAME + bytes(5000)], Role.BODY)
    assert [(event.offset, len(event.data)) for event in events if isinstance(event, Padding)] == [
        (11, 4096),
        (11 + 4096, 904),
    ]


def test_all_that_waited_is_read_when_a_wait_ends_behind_a_false_start() -> None:
    stray = b"\xf0\x40\x00"
    framer = Framer(FORMATS[Role.LENS])
    assert framer.receive(stray + FRAME + OTHER + b"\x07") == []
    events = framer.close(GarbageReason.SILENCE)
    assert [type(event) for event in events] == [Garbage, Frame, Frame, Garbage]
    assert framer.consumed_offset == len(stray + FRAME + OTHER) + 1
    (frame,) = framer.receive(FRAME)
    assert frame.offset == len(stray + FRAME + OTHER) + 1
