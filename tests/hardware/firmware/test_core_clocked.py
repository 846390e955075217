"""The firmware's core on a clocked link: bursts by pauses, units, and levels between bursts."""

import ctypes

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine
from lensmount_hardware.boards.protocol.constants import (
    MAX_BURST_PART,
    BoardRole,
    BurstFlag,
    ConfigureFlag,
    DriveFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    LinkFlag,
    LossKind,
    SafeStateReason,
    StateFlag,
    TransmitFlag,
)

from .clocked_core import (  # noqa: TID252  helpers of this folder
    BODY_DATA,
    BYTE_US,
    CLOCK,
    DOWN,
    GAP_US,
    LENS_DATA,
    MODE_3,
    OUT,
    PINS,
    RATE,
    bursts,
    clock,
    configure,
    lines,
    shifted,
    start,
    unit,
)


@pytest.fixture
def lens(core):
    start(core, BoardRole.LENS)
    return core


@pytest.fixture
def body(core):
    start(core, BoardRole.BODY)
    return core


def test_a_burst_ends_with_a_pause_and_is_told_once(lens):
    began = lens.now_us
    clock(lens, bytes.fromhex("00000820"))
    (burst,) = bursts(lens)
    assert (burst.line, burst.data, burst.bits) == (BODY_DATA, bytes.fromhex("00000820"), 0)
    assert burst.flags & BurstFlag.LAST
    assert burst.at_us == pytest.approx(began + BYTE_US, abs=1)
    assert burst.took_us == pytest.approx(3 * BYTE_US, abs=1)


def test_two_bursts_with_a_pause_between_them_are_two(lens):
    pause_us = int(GAP_US + BYTE_US) + 3
    clock(lens, b"\x01\x02", pause_us=pause_us)
    clock(lens, b"\x03")
    assert [one.data for one in bursts(lens)] == [b"\x01\x02", b"\x03"]


def test_a_pause_shorter_than_the_gap_ends_no_burst(lens):
    clock(lens, b"\x01\x02", pause_us=GAP_US - 1)
    clock(lens, b"\x03")
    (burst,) = bursts(lens)
    assert burst.data == b"\x01\x02\x03"
    assert burst.took_us == pytest.approx(2 * BYTE_US + GAP_US - 1, abs=2)


def test_bits_after_the_last_whole_byte_are_reported(lens):
    clock(lens, b"\x08\x00\x88", partial=0xFF, bits=7)
    clock(lens, b"\x01")
    first, second = bursts(lens)
    assert (first.data, first.bits, first.count) == (b"\x08\x00\x88\xfe", 7, 4)
    assert (second.data, second.bits) == (b"\x01", 0), "the next burst begins with a whole byte"


def test_edges_of_the_clock_without_a_burst_lose_no_unit_and_no_bit(lens):
    lens.send(unit(b"\x11", 1))
    lens.set_pin(PINS["clock"], True)
    lens.run(200)
    assert bursts(lens) == []
    clock(lens, b"\x00")
    assert shifted(lens) == b"\x11"
    bursts(lens)
    at = lens.now_us
    clock(lens, b"", partial=0xFF, bits=3)
    (burst,) = bursts(lens)
    assert (burst.data, burst.bits, burst.count, burst.at_us, burst.took_us) == (b"\xe0", 3, 1, at, 0)
    clock(lens, b"\x01")
    assert [(one.data, one.bits) for one in bursts(lens)] == [(b"\x01", 0)]


def test_a_burst_longer_than_a_report_is_told_in_parts(lens):
    data = bytes(n % 251 for n in range(2 * MAX_BURST_PART + 5))
    clock(lens, data)
    parts = bursts(lens)
    assert [part.flags & BurstFlag.LAST for part in parts] == [0, 0, 1]
    assert b"".join(part.data for part in parts) == data
    clock(lens, data[:MAX_BURST_PART], partial=0x80, bits=1)
    full, rest = bursts(lens)
    assert (full.count, full.bits, rest.data, rest.bits) == (MAX_BURST_PART, 0, b"\x80", 1)


def test_a_burst_that_lasts_long_has_the_longest_time(core):
    start(core, BoardRole.LENS, rate=1000)
    clock(core, bytes(10), pause_us=20_000)
    (burst,) = bursts(core)
    assert (burst.count, burst.took_us) == (10, 65_535)


def test_a_loaded_unit_goes_out_with_the_next_burst_and_only_once(lens):
    lens.send(unit(bytes.fromhex("0f10801a"), 7))
    clock(lens, bytes.fromhex("00000820"))
    burst, sent = (one for one in lens.heard() if isinstance(one, r.BurstReceived | r.TransmitDone))
    assert shifted(lens) == bytes.fromhex("0f10801a")
    assert (sent.id, sent.begin_us, sent.end_us) == (7, burst.at_us, burst.at_us + burst.took_us)
    assert not burst.flags & BurstFlag.EMPTY
    clock(lens, b"\x01\x02")
    (second,) = bursts(lens)
    assert second.flags & BurstFlag.EMPTY
    assert shifted(lens)[4:] == bytes(2)


def test_who_has_loaded_nothing_shifts_out_the_idle_byte(core):
    start(core, BoardRole.LENS, idle_byte=0xA5)
    clock(core, b"\x01\x02")
    assert shifted(core) == b"\xa5\xa5"
    core.send(unit(b"\x11"))
    clock(core, b"\x01\x02")
    assert shifted(core)[2:] == b"\x11\xa5", "the burst is longer than the unit"


def test_a_later_unit_replaces_one_that_waits_for_the_clock(lens):
    lens.send(unit(b"\x11\x11", 1), unit(b"\x22\x22", 2))
    clock(lens, b"\x00\x00")
    assert shifted(lens) == b"\x22\x22"
    assert [sent.id for sent in lens.heard_of(r.TransmitDone)] == [2]


def test_a_unit_that_comes_during_a_burst_is_loaded_after_it(lens):
    lens.send(unit(b"\x11\x11", 1))
    clock(lens, b"\x00", pause_us=0)
    lens.send(unit(b"\x22\x22", 2))
    clock(lens, b"\x00")
    clock(lens, b"\x00\x00")
    assert shifted(lens) == b"\x11\x11\x22\x22"
    assert [sent.id for sent in lens.heard_of(r.TransmitDone)] == [1, 2]


def test_a_unit_is_loaded_at_its_time(lens):
    lens.send(unit(b"\x11", 1, at_us=lens.now_us + 500), run_us=300)
    clock(lens, b"\x00", pause_us=300)
    clock(lens, b"\x00")
    assert shifted(lens) == b"\x00\x11"
    lens.send(unit(b"\x22", 2, latest_us=lens.now_us - 5))
    (late,) = lens.heard_of(r.TransmitLate)
    assert (late.id, late.dropped) == (2, 1)


def test_a_body_clocks_its_units_and_receives_the_other_end(body):
    body._sim.sim_peer_loads(b"\xaa\xbb", ctypes.c_size_t(2))
    body.send(unit(b"\x01\x02", 5), run_us=100)
    sent, burst = (one for one in body.heard() if isinstance(one, r.BurstReceived | r.TransmitDone))
    assert shifted(body) == b"\x01\x02"
    assert (burst.line, burst.data, burst.flags) == (LENS_DATA, b"\xaa\xbb", BurstFlag.LAST)
    assert (sent.id, sent.begin_us, sent.end_us) == (5, burst.at_us, burst.at_us + burst.took_us)
    assert {(change.pin, change.state) for change in body.changes(8, 2)} >= {(8, 3), (2, 3)}


def test_bursts_of_a_body_have_a_pause_between_them(body):
    body.send(unit(b"\x01\x02", 5), unit(b"\x03", 6), run_us=200)
    one, other = body.heard_of(r.TransmitDone)
    assert (one.id, other.id) == (5, 6)
    assert other.begin_us - BYTE_US - one.end_us >= GAP_US
    body.send(unit(b"\x04", 7), o.DriveCommand(8, DriveFlag.IN_TURN, CLOCK, 0, 0), run_us=1)
    body.run(50)
    assert shifted(body) == b"\x01\x02\x03\x04", "the clock rests after the burst, not in it"
    assert body.pin_state(8) == 1


def test_nothing_is_loaded_before_there_is_power(core):
    core.greet()
    core.send(o.ClockedLinkCommand(MODE_3, 0, GAP_US), configure(BoardRole.LENS))
    core.send(unit(b"\x01"), o.DriveCommand(2, DriveFlag.IN_TURN, LENS_DATA, 1, 0))
    assert [one.code for one in core.heard_of(r.MessageRejected)] == [ErrorCode.NOT_PRESENT] * 2
    assert core.pin_state(3) == 1


def test_the_level_of_a_data_line_between_bursts_is_driven_and_told(lens):
    lens.send(o.DriveCommand(2, DriveFlag.IN_TURN, LENS_DATA, 1, 0))
    assert (lens.link_level(), lens.pin_state(3)) == (1, 3)
    lens.send(unit(b"\x01"))
    assert lens.link_level() == 1, "a unit leaves the level until the clock comes"
    lens.send(o.DriveCommand(2, DriveFlag.IN_TURN, LENS_DATA, 0, 0))
    assert (lens.link_level(), lens.pin_state(3)) == (0, 3), "what is loaded still goes out"
    clock(lens, b"\x00")
    assert shifted(lens) == b"\x01"
    lens.send(o.EnterSafeState())
    assert lens.pin_state(3) == 1
    lens.send(o.DriveCommand(2, DriveFlag.IN_TURN, LENS_DATA, 0, 0))
    assert lens.pin_state(3) == 1, "a line that is at rest stays there"
    lens.send(unit(b"\x01"))
    assert (lens.link_level(), lens.pin_state(3)) == (0, 3)


def test_a_level_of_the_peers_data_line_is_an_edge_if_no_burst_follows(body):
    at = body.now_us
    body.set_pin(3, True)
    body.run(200)
    (edge,) = body.heard_of(r.LineEdge)
    assert (edge.line, edge.level, edge.at_us) == (LENS_DATA, 1, at)
    body.send(unit(b"\x01"), run_us=100)
    assert body.heard_of(r.LineEdge) == [], "it is as high as before"
    body.send(unit(b"\x01"), run_us=3)
    body.set_pin(3, False)
    body.run(200)
    (edge,) = body.heard_of(r.LineEdge)
    assert (edge.line, edge.level) == (LENS_DATA, 0)


def test_edges_of_the_bits_of_a_burst_are_no_levels(lens):
    lens.set_pin(2, True)
    clock(lens, b"\x80", pause_us=0)
    lens.set_pin(2, False)
    lens.run(200)
    assert lens.heard_of(r.LineEdge) == []


def test_a_line_that_is_ready_at_the_start_is_reported(core):
    core.set_pin(3, True)
    start(core, BoardRole.SNIFFER)
    core.set_pin(2, True)
    core.run(200)
    assert [(edge.line, edge.level) for edge in core.heard_of(r.LineEdge)] == [(BODY_DATA, 1)]
    assert core.pin_state(2) == core.pin_state(3) == 4


def test_a_sniffer_receives_both_lines_of_a_burst(core):
    core.greet()
    core.send(o.ClockedLinkCommand(MODE_3, 0, GAP_US), configure(BoardRole.SNIFFER))
    core.heard()
    clock(core, b"\x12\x40\x18\xba", b"\x00\x00\x3f\xc6", partial=0xC0, bits=2)
    one, other = bursts(core)
    assert (one.line, one.data, one.bits) == (BODY_DATA, b"\x12\x40\x18\xba\xc0", 2)
    assert (other.line, other.data, other.flags) == (LENS_DATA, b"\x00\x00\x3f\xc6\xc0", BurstFlag.LAST)
    core.send(unit(b"\x01"))
    assert core.heard_of(r.MessageRejected)[0].code == ErrorCode.LISTENS_ONLY


def test_a_line_that_is_not_wired_is_not_told(core):
    core.greet()
    few = tuple(line for line in lines(BoardRole.SNIFFER) if line.gpio in (8, 2))
    core.send(o.ClockedLinkCommand(MODE_3, 0, GAP_US), configure(BoardRole.SNIFFER, wanted=few))
    clock(core, b"\x12", b"\x34", partial=0x80, bits=1)
    (burst,) = bursts(core)
    assert (burst.line, burst.data) == (1, b"\x12\x80")
    core.send(o.ClockedLinkCommand(MODE_3, 0, GAP_US), configure(BoardRole.SNIFFER, wanted=few[:1]))
    core._sim.board_on_shifted(0, 1, core.now_us & 0xFFFFFFFF)
    core.run(100)
    assert bursts(core) == [], "there is a clock, and no data line"


def test_when_power_goes_a_unit_that_waits_is_no_loss_and_lines_rest(lens):
    lens.send(unit(b"\x01\x02\x03", 1))
    assert lens.pin_state(3) == 3
    lens.set_pin(7, False)
    lens.run(1000)
    said = lens.heard()
    assert [one for one in said if isinstance(one, r.DataLost)] == []
    state = next(one for one in reversed(said) if isinstance(one, r.BoardState))
    assert (state.flags & StateFlag.ALL_IDLE, state.reason) == (StateFlag.ALL_IDLE, SafeStateReason.ABSENT)
    assert lens.pin_state(3) == 1


def test_rest_in_a_burst_cuts_it_and_counts_the_units(body):
    body.send(unit(bytes(200), 1), unit(b"\x01", 2), run_us=100)
    body.send(o.EnterSafeState(), run_us=50)
    said = body.heard()
    (burst,) = (one for one in said if isinstance(one, r.BurstReceived))
    (lost,) = (one for one in said if isinstance(one, r.DataLost))
    assert 10 < burst.count < 30
    assert burst.flags == BurstFlag.LAST
    assert (lost.sort, lost.count) == (LossKind.TRANSMISSIONS, 2)
    assert body.pin_state(8) == body.pin_state(2) == 1
    body.send(o.EnterSafeState(), run_us=50)
    assert body.heard_of(r.DataLost) == [], "there was nothing to drop"


def test_another_map_ends_the_link(body):
    body.send(unit(bytes(200), 1), run_us=100)
    body.start_body()
    body.heard()
    body.window(b"\x01\x02")
    body.run(300)
    assert [byte.uart for byte in body.bytes_sent()[-2:]] == [0, 0]
    body.feed(0, 0x5A, 0)
    body.run(500)
    assert [one.data for one in body.heard_of(r.ReceivedBytes)] == [b"\x5a"]


def test_own_edges_of_clock_and_data_are_reported(core):
    start(core, BoardRole.BODY, flags=ConfigureFlag.OWN_EDGES)
    core.send(unit(b"\x01"), run_us=50)
    core.send(o.DriveCommand(3, DriveFlag.IN_TURN, CLOCK, 1, 0))
    core.send(o.DriveCommand(3, DriveFlag.IN_TURN, CLOCK, 0, 0))
    edges = [(one.line, one.level) for one in core.heard_of(r.LineEdge)]
    assert edges == [(CLOCK, 1), (CLOCK, 0)], "bits are no levels"
    core.send(o.DriveCommand(3, DriveFlag.IN_TURN, BODY_DATA, 1, 0))
    core.send(o.EnterSafeState())
    edges = [(one.line, one.level) for one in core.heard_of(r.LineEdge)]
    assert edges[:2] == [(BODY_DATA, 1), (BODY_DATA, 0)]


def test_a_clock_that_idles_low_has_no_edge_before_its_first_bit(core):
    start(core, BoardRole.BODY, flags=ConfigureFlag.OWN_EDGES, mode=LinkFlag.SAMPLED_ON_RISE)
    core.send(unit(b"\x01"), unit(b"\x02"), run_us=100)
    assert shifted(core) == b"\x01\x02"
    assert core.heard_of(r.LineEdge) == []
    assert core.pin_state(8) == core.pin_state(2) == 3


def test_the_clock_may_rise_before_the_first_burst(body):
    body.send(o.DriveCommand(3, DriveFlag.IN_TURN, CLOCK, 1, 0))
    assert body.pin_state(8) == 3
    body.send(unit(b"\x01"), run_us=50)
    assert shifted(body) == b"\x01"


def test_bytes_beyond_the_queue_are_counted_and_the_burst_goes_on(lens):
    lens.slow(50_000)
    for _ in range(6):
        clock(lens, bytes(200), pause_us=50)
    lens.run(60_000)
    said = lens.heard()
    lost = {one.sort: one.count for one in said if isinstance(one, r.DataLost)}
    assert sum(one.count for one in said if isinstance(one, r.BurstReceived)) + lost[LossKind.RECEIVED] == 1200


def test_ends_and_levels_beyond_the_queue_are_counted(lens):
    lens.slow(1_000_000)
    for at in range(300):
        lens.set_pin(2, bool(at % 2))
        lens.run(60)
        clock(lens, b"\x01", pause_us=60)
    lens.run(1_000_000)
    lost = {one.sort: one.count for one in lens.heard_of(r.DataLost)}
    assert lost[LossKind.REPORTS] > 0
    assert lost[LossKind.EDGES] > 0


def test_reports_of_bursts_that_a_host_did_not_take_are_counted(lens):
    lens.host_reads(False)
    lens.greet(session=1, limit=0)
    lens.send(o.ClockedLinkCommand(MODE_3, 0, GAP_US), configure(BoardRole.SNIFFER))
    clock(lens, bytes(100))
    lens.host_reads(True)
    lens.greet(session=1)
    assert [(one.sort, one.count) for one in lens.heard_of(r.DataLost)] == [(LossKind.RECEIVED, 200)]


CLK, DATA_OUT, DATA_IN = MappedLine(8, LineKind.CLOCK), MappedLine(2, LineKind.DATA, OUT), MappedLine(3, LineKind.DATA)
POWER = MappedLine(7, LineKind.SUPPLY, DOWN)


@pytest.mark.parametrize(
    ("wanted", "code", "detail"),
    [
        ((POWER, DATA_OUT, DATA_IN), ErrorCode.MALFORMED, 22),
        ((POWER, CLK, MappedLine(9, LineKind.CLOCK)), ErrorCode.LINE_TWICE, 2),
        ((POWER, CLK, DATA_OUT, MappedLine(4, LineKind.DATA, OUT)), ErrorCode.LINE_TWICE, 3),
        ((POWER, CLK, DATA_OUT, DATA_IN, MappedLine(4, LineKind.DATA)), ErrorCode.MALFORMED, 22),
        ((POWER, CLK, *(MappedLine(pin, LineKind.DATA) for pin in (2, 3, 4))), ErrorCode.LINE_TWICE, 4),
        ((POWER, MappedLine(8, LineKind.CLOCK, OUT | LineFlag.IDLE_HIGH)), ErrorCode.BAD_KIND, 1),
        ((POWER, MappedLine(8, LineKind.CLOCK, OUT | LineFlag.OPEN_DRAIN)), ErrorCode.BAD_KIND, 1),
        ((POWER, MappedLine(8, 8)), ErrorCode.BAD_KIND, 1),
        ((POWER, MappedLine(24, LineKind.CLOCK)), ErrorCode.BAD_PIN, 1),
    ],
)
def test_a_map_that_no_clocked_link_has_is_refused(core, wanted, code, detail):
    core.greet()
    core.heard()
    core.send(o.ClockedLinkCommand(MODE_3, 0, GAP_US), configure(BoardRole.LENS, wanted=wanted))
    (refused,) = core.heard_of(r.MessageRejected)
    assert (refused.code, refused.detail) == (code, detail)


@pytest.mark.parametrize(
    ("message", "code", "detail"),
    [
        (o.ClockedLinkCommand(8, 0, 10), ErrorCode.MALFORMED, 2),
        (o.ClockedLinkCommand(MODE_3, 0, 0), ErrorCode.BAD_TIMING, 4),
        (o.BaudrateCommand(1, 750_000, 0), ErrorCode.BAD_BAUDRATE, RATE),
        (o.TransmitCommand(1, TransmitFlag.RAISE, 0, 0, b"x"), ErrorCode.MALFORMED, 4),
    ],
)
def test_what_no_clocked_link_does_is_refused(lens, message, code, detail):
    lens.send(message)
    (refused,) = lens.heard_of(r.MessageRejected)
    assert (refused.code, refused.detail) == (code, detail)


def test_a_rate_that_the_clock_cannot_have_is_refused(core):
    core.greet()
    core.send(o.ClockedLinkCommand(MODE_3, 0, 10), configure(BoardRole.LENS, rate=9_000_000))
    (refused,) = core.heard_of(r.MessageRejected)
    assert (refused.code, refused.detail) == (ErrorCode.BAD_BAUDRATE, 4_000_000)


def test_the_link_is_meant_for_one_map_and_one_session(core):
    core.greet()
    core.send(o.ClockedLinkCommand(MODE_3, 0, 10))
    core.greet()
    core.heard()
    core.send(configure(BoardRole.LENS))
    (refused,) = core.heard_of(r.MessageRejected)
    assert (refused.code, refused.detail) == (ErrorCode.BAD_KIND, CLOCK), "a clock without LINK"
    core.send(o.ClockedLinkCommand(MODE_3, 0, 10), configure(BoardRole.LENS), configure(BoardRole.LENS))
    (refused,) = core.heard_of(r.MessageRejected)
    assert refused.code == ErrorCode.BAD_KIND


def test_a_map_of_uarts_is_as_before_after_a_link(lens):
    lens.send(o.ClockedLinkCommand(MODE_3, 0, 10), o.ClockedLinkCommand(0, 0, 20))
    lens.send(configure(BoardRole.LENS, rate=1000))
    clock(lens, b"\x01", pause_us=20_000)
    assert [one.data for one in bursts(lens)] == [b"\x01"]
    assert lens.bit_rate() == 1000
