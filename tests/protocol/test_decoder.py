"""The decoder: times, windows, padding, pauses and garbage, from records as readers give them."""

import math

import pytest

from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.emount.framing import pad_frame
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.timing import edge, first_bit, frame_end, last_bit, measure, window_closes, window_opens
from lensmount_protocol.timing_marks import extract_marks
from lensmount_protocol.wire import Annotation, Burst, Defect, Edge, LineDefect, Role, WireRecord

REQUEST = bytes.fromhex("f00b0002000b6000780055")
BYTE = 10 / 750_000


def burst(at: float, data: bytes, sender: Role = Role.BODY, *, whole: bool = False) -> Burst:
    return Burst(at, sender, data, 750_000, at + len(data) * BYTE, whole)


def window(at: float, data: bytes) -> list[WireRecord]:
    return [
        Edge(at, "BODY_CS", True),
        burst(at + 20e-6, data),
        Edge(at + 50e-6 + len(data) * BYTE, "BODY_CS", False),
    ]


def decode(dialect: Dialect, records: list[WireRecord]) -> list[Decoded]:
    return list(Decoder(dialect).decode(records))


def test_a_frame_carries_its_window_padding_and_times(emount: Dialect) -> None:
    (frame,) = [
        event for event in decode(emount, window(1.0, pad_frame(REQUEST, 16))) if isinstance(event, DecodedFrame)
    ]
    assert frame.at == pytest.approx(1.00002)
    assert frame.end == pytest.approx(1.00002 + 11 * BYTE)
    assert frame.clocked_end == pytest.approx(1.00002 + 16 * BYTE)
    assert (frame.opened, frame.padding) == (1.0, bytes(5))
    assert frame.closed == pytest.approx(1.00005 + 16 * BYTE)


def test_a_pause_inside_a_frame_is_told_and_does_not_cut_it(emount: Dialect) -> None:
    records: list[WireRecord] = [
        Edge(0.0, "LENS_CS", True),
        burst(0.001, REQUEST[:8], Role.LENS),
        burst(0.151, REQUEST[8:], Role.LENS),
        Edge(0.152, "LENS_CS", False),
    ]
    (frame,) = [event for event in decode(emount, records) if isinstance(event, DecodedFrame)]
    assert frame.max_pause == pytest.approx(0.15 - 8 * BYTE)


def test_outside_windows_only_the_dialect_s_silence_cuts_a_frame(emount: Dialect) -> None:
    for gap, kinds in ((0.15, [DecodedFrame]), (0.25, [DecodedGarbage, DecodedGarbage])):
        events = decode(emount, [burst(0.0, REQUEST[:8]), burst(gap, REQUEST[8:])])
        assert [type(event) for event in events] == kinds
    (first, _) = events
    assert isinstance(first, DecodedGarbage)
    assert first.reason is GarbageReason.SILENCE


def test_garbage_has_the_time_of_its_first_byte(emount: Dialect) -> None:
    events = decode(emount, [burst(2.0, b"\x01\x02\x03" + REQUEST)])
    garbage, frame = events
    assert isinstance(garbage, DecodedGarbage)
    assert isinstance(frame, DecodedFrame)
    assert (garbage.at, garbage.data, garbage.offset) == (2.0, b"\x01\x02\x03", 0)
    assert frame.at == pytest.approx(2.0 + 3 * BYTE)


def test_a_window_without_a_byte_is_reported(emount: Dialect) -> None:
    events = decode(emount, [Edge(0.1, "BODY_CS", True), Edge(0.2, "BODY_CS", False)])
    assert EmptyWindow(Role.BODY, 0.1, 0.2) in events


def test_a_line_of_a_log_never_joins_the_next(emount: Dialect) -> None:
    records: list[WireRecord] = [burst(0.0, REQUEST[:6], whole=True), burst(0.001, REQUEST[6:], whole=True)]
    assert all(isinstance(event, DecodedGarbage) for event in decode(emount, records))


def test_records_without_times_decode_too(emount: Dialect) -> None:
    (frame,) = decode(emount, [Burst(None, Role.LENS, REQUEST, 750_000, whole=True)])
    assert isinstance(frame, DecodedFrame)
    assert (frame.at, frame.end) == (None, None)


def test_what_a_table_does_not_explain_stays_visible(emount: Dialect) -> None:
    raw = emount.build_frame(b"\x0b\x60\x00\xee\x01\x02", 2, 0)
    (frame,) = decode(emount, [burst(0.0, raw, whole=True)])
    assert isinstance(frame, DecodedFrame)
    known, unknown = frame.messages
    assert known.build() == b"\x0b\x60\x00"
    assert isinstance(unknown, UnknownMessage)
    assert (unknown.data, unknown.reason) == (b"\xee\x01\x02", "no message of type 0xee from the body")


def test_the_layout_s_echo_changes_what_a_status_is_built_from(emount: Dialect) -> None:
    layout = StreamLayoutReply(status_blocks=0b11, focus_blocks=1)
    status = LensStatus(blocks=0b11, aperture=0x1400)
    records: list[WireRecord] = [
        burst(at, emount.build_frame(message.build(), class_, 0), Role.LENS, whole=True)
        for at, message, class_ in ((0.0, layout, 2), (0.1, status, 1))
    ]
    frames = [event for event in decode(emount, records) if isinstance(event, DecodedFrame)]
    assert frames[1].messages == [status]


def test_remarks_pass_through(emount: Dialect) -> None:
    remark = Annotation(None, "line 3: somebody's note")
    assert decode(emount, [remark]) == [remark]


def test_memory_does_not_grow_with_the_capture(emount: Dialect) -> None:
    decoder = Decoder(emount)
    for number in range(2_000):
        for record in window(number * 0.01, pad_frame(REQUEST, 16)):
            list(decoder.feed(record))
    directions = decoder._directions
    assert all(len(direction.bursts) <= 2 for direction in directions.values())


def test_marks_and_rules_measure_what_happened(emount: Dialect) -> None:
    events = decode(emount, window(1.0, pad_frame(REQUEST, 16)))
    marks = {mark: at for at, mark in extract_marks(events, emount)}
    assert marks[window_opens(Role.BODY, 0x0B)] == 1.0
    assert marks[first_bit(Role.BODY, "class 2")] == pytest.approx(1.00002)
    assert marks[frame_end(Role.BODY)] < marks[last_bit(Role.BODY)] < marks[window_closes(Role.BODY)]
    rules = {rule.name: rule for rule in emount.timing}
    setup, hold = measure([rules["body set-up"], rules["body hold"]], extract_marks(events, emount))
    assert setup.intervals_us == [pytest.approx(20.0)]
    assert not setup.violations
    assert hold.violations == [(marks[window_closes(Role.BODY)], pytest.approx(30.0))]


def test_glitches_while_power_settles_are_no_marks(emount: Dialect) -> None:
    records: list[WireRecord] = [
        Edge(0.0, "VCC", True),
        Edge(0.0005, "LENS_CS", True),
        Edge(0.0009, "LENS_CS", False),
        Edge(0.0030, "LENS_CS", True),
    ]
    marks = [mark for _, mark in extract_marks(decode(emount, records), emount)]
    assert marks == [edge("VCC", True), edge("LENS_CS", True)]


def exact(at: float, data: bytes, until: float, *, whole: bool = False) -> Burst:
    return Burst(at, Role.BODY, data, 750_000, until, whole)


@pytest.mark.parametrize(("begins", "kinds"), [(0.2, [DecodedFrame]), (0.2001, [DecodedGarbage, DecodedGarbage])])
def test_silence_is_more_than_200_ms_from_the_end_of_the_last_byte(
    emount: Dialect, begins: float, kinds: list[type]
) -> None:
    records = [exact(-0.5, REQUEST[:8], 0.0), exact(begins, REQUEST[8:], begins + 0.1)]
    assert [type(event) for event in decode(emount, records)] == kinds


def test_silence_in_a_window_cuts_nothing_and_behind_it_does(emount: Dialect) -> None:
    records = [
        Edge(0.0, "BODY_CS", True),
        burst(0.1, REQUEST[:8]),
        burst(1.0, REQUEST[8:]),
        Edge(1.5, "BODY_CS", False),
        burst(2.0, REQUEST[:8]),
        burst(3.0, REQUEST[8:]),
    ]
    kinds = [type(event) for event in decode(emount, records) if not isinstance(event, Edge)]
    assert kinds == [DecodedFrame, DecodedGarbage, DecodedGarbage]


def test_bursts_without_times_are_never_silent(emount: Dialect) -> None:
    records: list[WireRecord] = [burst(0.0, REQUEST[:8]), Burst(None, Role.BODY, REQUEST[8:], 750_000)]
    assert [type(event) for event in decode(emount, records)] == [DecodedFrame]


def test_a_frame_out_of_three_bursts_has_the_times_of_its_ends_and_its_longest_pause(emount: Dialect) -> None:
    records = [
        exact(0.0, b"\x07\x07" + REQUEST[:2], 0.004),
        exact(0.010, REQUEST[2:6], 0.014),
        exact(0.044, REQUEST[6:9], 0.047),
        exact(0.050, REQUEST[9:] + b"\x09\x09", 0.054),
    ]
    garbage, frame, rest = decode(emount, records)
    assert isinstance(garbage, DecodedGarbage)
    assert isinstance(frame, DecodedFrame)
    assert isinstance(rest, DecodedGarbage)
    assert frame.at == pytest.approx(0.002)
    assert frame.end == pytest.approx(0.052)
    assert frame.clocked_end == frame.end
    assert frame.max_pause == pytest.approx(0.030)
    assert (garbage.at, garbage.offset) == (0.0, 0)
    assert rest.at == pytest.approx(0.052)
    assert (rest.offset, rest.data, rest.baudrate, rest.sender) == (13, b"\x09\x09", 750_000, Role.BODY)


def test_pauses_beside_a_frame_are_not_its_own(emount: Dialect) -> None:
    records = [
        Edge(0.0, "BODY_CS", True),
        exact(0.000, b"\x01", 0.001),
        exact(0.101, REQUEST[:5], 0.106),
        exact(0.108, REQUEST[5:], 0.114),
        exact(0.314, b"\x02", 0.315),
        Edge(0.4, "BODY_CS", False),
    ]
    frame = next(event for event in decode(emount, records) if isinstance(event, DecodedFrame))
    assert frame.max_pause == pytest.approx(0.002)
    assert frame.padding == b"\x02"
    assert frame.clocked_end == pytest.approx(0.315)


def test_a_frame_in_one_burst_has_no_pause(emount: Dialect) -> None:
    (frame,) = decode(emount, [burst(0.0, REQUEST)])
    assert isinstance(frame, DecodedFrame)
    assert (frame.max_pause, frame.padding, frame.opened, frame.closed) == (0.0, b"", None, None)
    assert (frame.sender, frame.baudrate) == (Role.BODY, 750_000)


def test_a_burst_without_an_end_gives_a_frame_without_one(emount: Dialect) -> None:
    (frame,) = decode(emount, [Burst(0.5, Role.BODY, REQUEST, 750_000, None)])
    assert isinstance(frame, DecodedFrame)
    assert (frame.at, frame.end, frame.clocked_end) == (0.5, None, None)


def test_what_a_window_holds_is_complete_when_it_closes_and_not_before(emount: Dialect) -> None:
    decoder = Decoder(emount)
    assert decoder.feed(Edge(0.0, "BODY_CS", True)) == [Edge(0.0, "BODY_CS", True)]
    assert decoder.feed(burst(0.1, REQUEST)) == []
    assert decoder.flush() == []
    edge_, frame = decoder.feed(Edge(0.2, "BODY_CS", False))
    assert edge_ == Edge(0.2, "BODY_CS", False)
    assert isinstance(frame, DecodedFrame)
    assert (frame.opened, frame.closed) == (0.0, 0.2)


def test_outside_windows_a_frame_waits_for_padding_until_it_is_settled(emount: Dialect) -> None:
    decoder = Decoder(emount)
    assert decoder.feed(burst(0.1, REQUEST)) == []
    (frame,) = decoder.flush()
    assert isinstance(frame, DecodedFrame)
    assert decoder.flush() == []
    assert decoder.finish() == []


def test_a_window_whose_rise_was_missed_has_no_end_either(emount: Dialect) -> None:
    events = decode(emount, [burst(0.1, REQUEST), Edge(0.2, "BODY_CS", False)])
    frame = next(event for event in events if isinstance(event, DecodedFrame))
    assert (frame.opened, frame.closed) == (None, None)
    assert not any(isinstance(event, EmptyWindow) for event in events)


def test_each_window_counts_its_own_bytes(emount: Dialect) -> None:
    records = [*window(1.0, REQUEST), Edge(2.0, "BODY_CS", True), Edge(2.1, "BODY_CS", False), *window(3.0, REQUEST)]
    assert [event for event in decode(emount, records) if isinstance(event, EmptyWindow)] == [
        EmptyWindow(Role.BODY, 2.0, 2.1)
    ]


def test_a_window_that_opens_again_without_a_fall_ends_the_frame(emount: Dialect) -> None:
    records = [Edge(0.0, "BODY_CS", True), burst(0.1, REQUEST[:8]), Edge(0.2, "BODY_CS", True), burst(0.3, REQUEST)]
    events = [event for event in decode(emount, records) if not isinstance(event, Edge)]
    assert [type(event) for event in events] == [DecodedGarbage, DecodedFrame]
    garbage, frame = events
    assert isinstance(garbage, DecodedGarbage)
    assert garbage.reason is GarbageReason.WINDOW_CLOSED
    assert isinstance(frame, DecodedFrame)
    assert frame.opened == 0.2


def test_a_line_of_a_log_in_a_window_may_be_continued(emount: Dialect) -> None:
    records = [
        Edge(0.0, "BODY_CS", True),
        exact(0.1, REQUEST[:6], 0.11, whole=True),
        exact(0.2, REQUEST[6:], 0.21, whole=True),
        Edge(0.3, "BODY_CS", False),
    ]
    assert [type(event) for event in decode(emount, records) if not isinstance(event, Edge)] == [DecodedFrame]


def test_the_source_s_end_is_the_reason_for_a_whole_line_that_is_cut(emount: Dialect) -> None:
    (garbage,) = decode(emount, [burst(0.0, REQUEST[:6], whole=True)])
    assert isinstance(garbage, DecodedGarbage)
    assert garbage.reason is GarbageReason.SOURCE_ENDED


def test_both_directions_count_their_own_bytes(emount: Dialect) -> None:
    events = decode(emount, [burst(0.0, b"\x01\x02"), burst(0.0, b"\x03", Role.LENS), burst(0.1, b"\x04")])
    assert [(event.sender, event.offset, event.data) for event in events if isinstance(event, DecodedGarbage)] == [
        (Role.BODY, 0, b"\x01\x02\x04"),
        (Role.LENS, 0, b"\x03"),
    ]


@pytest.mark.parametrize("level", [True, False])
def test_select_line_stuck_in_a_recording_costs_no_frame(emount: Dialect, level: bool) -> None:
    records: list[WireRecord] = [Edge(0.0, "BODY_CS", level)]
    for number in range(8):
        records.append(burst(0.01 + number * 1e-3, pad_frame(REQUEST, 16)))
    *events, defect = decode(emount, records)
    frames = [event for event in events if isinstance(event, DecodedFrame)]
    assert [len(frame.padding) for frame in frames] == [5] * 8
    assert isinstance(defect, LineDefect)
    assert (defect.line, defect.defect) == ("BODY_CS", Defect.STUCK_HIGH if level else Defect.STUCK_LOW)


def test_lost_closing_edge_does_not_make_the_next_frame_padding(emount: Dialect) -> None:
    lost = window(0.01, REQUEST)[:2]
    events = decode(emount, [*window(0.0, REQUEST), *lost, *window(0.02, REQUEST), *window(0.03, REQUEST)])
    assert sum(isinstance(event, DecodedFrame) for event in events) == 4


def test_start_byte_in_padding_without_a_pause_stays_padding(emount: Dialect) -> None:
    (frame,) = [
        event for event in decode(emount, window(0.0, REQUEST + b"\xf0\x0b\0\0\0")) if isinstance(event, DecodedFrame)
    ]
    assert frame.padding == b"\xf0\x0b\0\0\0"


def test_ignored_line_opens_no_window(emount: Dialect) -> None:
    defect = LineDefect("BODY_CS", Defect.CHATTERS, "BODY_CS chatters", ignored=True)
    cut = [Edge(1.00003, "BODY_CS", False), Edge(1.00004, "BODY_CS", True)]
    records = [window(1.0, REQUEST)[0], burst(1.00002, REQUEST[:5]), *cut, burst(1.0001, REQUEST[5:])]
    assert not any(isinstance(event, DecodedFrame) for event in decode(emount, [*records]))
    assert any(isinstance(event, DecodedFrame) for event in decode(emount, [defect, *records]))


def test_messages_of_the_other_end_name_swapped_lines(emount: Dialect) -> None:
    bodies = [burst(0.01 * at, emount.build_frame(b"\x03" + bytes(20), 1, at), Role.LENS) for at in range(6)]
    defects = [event for event in decode(emount, [*bodies]) if isinstance(event, LineDefect)]
    assert [(found.line, found.defect) for found in defects] == [("TXD", Defect.SWAPPED), ("RXD", Defect.SWAPPED)]
    assert not any(isinstance(event, LineDefect) for event in decode(emount, [*bodies[:4]]))


def test_messages_are_read_later_only_where_that_is_asked_for(emount: Dialect) -> None:
    for headers_only, later in ((True, True), (False, False)):
        (frame,) = Decoder(emount, headers_only=headers_only).decode([burst(0.0, REQUEST)])
        assert isinstance(frame, DecodedFrame)
        assert callable(frame.frame.lazy_messages) is later


def test_a_frame_has_no_padding_and_no_window_unless_it_is_given_them(emount: Dialect) -> None:
    (frame,) = decode(emount, [burst(0.0, REQUEST)])
    assert isinstance(frame, DecodedFrame)
    plain = DecodedFrame(0.0, 1.0, Role.BODY, 9600, frame.frame)
    assert (plain.padding, plain.max_pause, plain.clocked_end, plain.opened, plain.closed) == (
        b"", 0.0, None, None, None,
    )  # fmt: skip


def test_a_partial_frame_is_given_up_after_the_silence_of_the_dialect(emount: Dialect) -> None:
    decoder = Decoder(emount)
    decoder.feed(burst(5.0, REQUEST[:8]))
    ended = 5.0 + 8 * BYTE
    assert decoder.drop_timed_out(ended + emount.idle_timeout - 1e-6) == []
    (garbage,) = decoder.drop_timed_out(ended + emount.idle_timeout + 1e-6)
    assert isinstance(garbage, DecodedGarbage)
    assert (garbage.at, garbage.data, garbage.reason) == (5.0, REQUEST[:8], GarbageReason.SILENCE)
    assert decoder.drop_timed_out(99.0) == []


def test_what_is_undecided_begins_with_its_first_byte(emount: Dialect) -> None:
    decoder = Decoder(emount)
    assert decoder.undecided_since == math.inf
    decoder.feed(burst(5.0, REQUEST[:8]))
    assert decoder.undecided_since == 5.0
    decoder.feed(burst(5.0 + 8 * BYTE, REQUEST[8:]))
    # A whole frame is undecided too: padding may follow.
    assert decoder.undecided_since == 5.0
    decoder.feed(burst(6.0, REQUEST[:4], Role.LENS))
    assert decoder.undecided_since == 5.0
    decoder.flush()
    assert decoder.undecided_since == 6.0


@pytest.mark.parametrize("data", [REQUEST, REQUEST[:8]])
def test_bytes_without_a_time_keep_nothing_back(emount: Dialect, data: bytes) -> None:
    decoder = Decoder(emount)
    decoder.feed(Burst(None, Role.BODY, data, 750_000, None, False))
    assert decoder.undecided_since == math.inf
