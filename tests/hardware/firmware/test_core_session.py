"""The firmware's core and its host: greeting, sequence, credit, questions, and every message that is refused."""

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ErrorCode,
    LineFlag,
    LineKind,
    LossKind,
    SafeStateReason,
    StateFlag,
)
from lensmount_hardware.boards.protocol.framing import build_frame, build_raw_frame

FINE = Timing(watchdog_ms=100)
GUARD = MappedLine(6, LineKind.PRESENCE)


def body(*lines, timing=FINE, flags=0, baudrate=750_000, role=BoardRole.BODY):
    return o.Configure(role, flags, baudrate, timing, lines)


def test_a_greeting_is_answered_with_who_the_board_is_and_how_things_are(core):
    core.greet(session=0xCAFE)
    welcome, state = core.heard()
    assert isinstance(welcome, r.HelloReply)
    assert (welcome.session, welcome.lines, welcome.unique_id) == (0xCAFE, 16, bytes(range(1, 9)))
    assert (welcome.queue_bytes, welcome.report_bytes, welcome.firmware) == (16384, 65536, b"simulated")
    assert isinstance(state, r.BoardState)
    assert (state.flags, state.reason) == (StateFlag.ALL_IDLE, SafeStateReason.HELLO)


@pytest.mark.parametrize(
    "message",
    [
        body(GUARD),
        o.HostCredit(1),
        o.TransmitCommand(1, 0, 0, 0, b"x"),
        o.TimeRequest(1),
        o.EnterSafeState(),
        o.Bootloader(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_nothing_is_taken_before_a_greeting(core, message):
    core.send(message)
    (refused,) = core.heard()
    assert (refused.code, refused.of_type) == (ErrorCode.NO_SESSION, message.TYPE)
    assert not core.boots()


def test_another_version_is_refused_and_changes_nothing(core):
    core.greet(session=5)
    core.heard()
    core.write(build_frame(o.Hello(2, 0, 6, 0), 77))
    core.send(o.ReadState())
    refused, state = core.heard()
    assert (refused.code, refused.detail) == (ErrorCode.VERSION, 1)
    assert isinstance(state, r.BoardState)


def test_a_second_host_is_refused_while_the_first_is_received(core):
    core.greet(session=1)
    core.send(body(GUARD))
    core.heard()
    core.greet(session=2)
    (refused,) = core.heard()
    assert (refused.code, refused.detail) == (ErrorCode.BUSY, 1)
    core.greet(session=2, flags=1)
    assert [type(said) for said in core.heard()] == [r.HelloReply, r.BoardState]
    core.greet(session=3)
    assert isinstance(core.heard()[0], r.HelloReply), "a session without a map keeps nobody out"


def test_the_same_host_may_greet_again_at_any_time(core):
    core.start_body()
    core.heard()
    core.greet(session=1)
    welcome, state = core.heard()
    assert isinstance(welcome, r.HelloReply)
    assert state.flags == StateFlag.ALL_IDLE
    assert all(core.pin_state(pin) == 0 for pin in range(30))


def test_a_host_that_fell_silent_keeps_no_one_out(core):
    core.greet(session=1)
    core.send(body(GUARD, timing=Timing(watchdog_ms=0)))
    core.run(1_900_000)
    core.heard()
    core.greet(session=2)
    assert isinstance(core.heard()[0], r.MessageRejected)
    core.send(o.TimeRequest(1))
    core.run(2_100_000)
    core.heard()
    core.greet(session=2)
    assert isinstance(core.heard()[0], r.HelloReply)


def test_time_and_counters_are_reported(core):
    core.greet()
    core.run(1234)
    core.heard()
    core.send(o.TimeRequest(99), o.ReadCounters())
    clock, counters = core.heard()
    assert clock.token == 99
    assert core.now_us - 2 <= clock.at_us <= core.now_us
    assert (counters.frames_taken, counters.frames_bad, counters.refused, counters.rests) == (3, 0, 0, 1)


def test_gaps_and_old_frames_in_the_hosts_sequence_are_counted(core):
    core.greet()
    core.send(o.TimeRequest(0))
    core.heard()
    core.frame(o.TimeRequest(1), 7)
    core.frame(o.TimeRequest(2), 3)
    core.frame(o.TimeRequest(3), 8)
    said = core.heard()
    assert [message.token for message in said if isinstance(message, r.TimeResponse)] == [1, 3]
    assert [(message.sort, message.count) for message in said if isinstance(message, r.DataLost)] == [
        (LossKind.FRAMES, 5),
        (LossKind.FRAMES, 1),
    ]
    core.send(o.ReadCounters())
    (counters,) = core.heard_of(r.Counters)
    assert (counters.frames_missed, counters.frames_bad) == (5, 1)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x05abc\x00",
        b"\x01\x00",
        b"\x03ab\x00",
        b"x" * 300 + b"\x00",
        build_frame(o.TimeRequest(9), 2)[:-2] + b"\xee\x00",
    ],
    ids=["run too long", "empty run", "too short", "too long", "checksum"],
)
def test_what_is_no_frame_is_dropped_and_told(core, noise):
    core.greet()
    core.heard()
    core.write(noise)
    core.run(1)
    core.send(o.TimeRequest(1))
    dropped, clock = core.heard()
    assert clock.token == 1
    assert (dropped.sort, dropped.count) == (LossKind.FRAMES, 1)


REFUSED = [
    (o.TransmitCommand(1, 4, 0, 0, b"x"), ErrorCode.MALFORMED, 4),
    (o.DriveCommand(1, 2, 4, 1, 0), ErrorCode.MALFORMED, 4),
    (o.DriveCommand(1, 0, 4, 2, 0), ErrorCode.MALFORMED, 6),
    (o.DriveCommand(1, 0, 4, 1, 5), ErrorCode.MALFORMED, 7),
    (o.DriveCommand(1, 0, 99, 1, 0), ErrorCode.BAD_LINE, 99),
    (o.DriveCommand(1, 1, 5, 1, 0), ErrorCode.BAD_LINE, 5),
    (o.BaudrateCommand(1, 200, 0), ErrorCode.BAD_BAUDRATE, 300),
    (o.BaudrateCommand(1, 4_000_000, 0), ErrorCode.BAD_BAUDRATE, 3_000_000),
    (o.BaudrateCommand(1, 0, 0), ErrorCode.BAD_BAUDRATE, 300),
    (o.Sync(4, 1000, 10, 0), ErrorCode.MALFORMED, 2),
    (o.Sync(1, 99, 10, 0), ErrorCode.BAD_TIMING, 3),
    (o.Sync(1, 1000, 0, 0), ErrorCode.BAD_TIMING, 7),
    (o.Sync(1, 1000, 1000, 0), ErrorCode.BAD_TIMING, 7),
    (o.EnterSafeState(2), ErrorCode.MALFORMED, 2),
    (o.Bootloader(1), ErrorCode.BAD_MAGIC, 0),
]


@pytest.mark.parametrize(("message", "code", "detail"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_makes_no_sense_is_refused_and_its_credit_given_back(core, message, code, detail):
    core.start_body()
    core.heard()
    core.send(message)
    said = core.heard()
    refused = next(report for report in said if isinstance(report, r.MessageRejected))
    assert (refused.code, refused.of_type, refused.detail) == (code, message.TYPE, detail)
    spends = message.QUEUED and not (isinstance(message, o.DriveCommand) and not message.flags & 1)
    room = [report.limit for report in said if isinstance(report, r.BoardCredit)]
    assert room == ([16384 + len(message.build()) + 4] if spends else [])


@pytest.mark.parametrize("type_", [0x00, 0x0F, 0x7F, 0x81, 0xFF])
def test_unknown_messages_are_refused(core, type_):
    core.greet()
    core.heard()
    core.write(build_raw_frame(type_, b"", 1))
    core.run(1)
    (refused,) = core.heard()
    assert (refused.code, refused.of_type) == (ErrorCode.UNKNOWN_TYPE, type_)


@pytest.mark.parametrize("type_", [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C])
@pytest.mark.parametrize("longer", [False, True])
def test_every_message_of_a_wrong_size_is_refused(core, type_, longer):
    core.start_body()
    core.heard()
    fields = bytes(200) if longer else b""
    core.write(build_raw_frame(type_, fields, core._sequence))
    core.run(1)
    refused = core.heard_of(r.MessageRejected)
    fits = type_ == 0x04 if longer else type_ in (0x0B, 0x0C)
    assert [error.code for error in refused] == ([] if fits else [ErrorCode.MALFORMED])


@pytest.mark.parametrize(
    "message", [o.TransmitCommand(1, 0, 0, 0, b"x"), o.DriveCommand(1, 0, 0, 1, 0), o.Sync(1, 1000, 9, 0)]
)
def test_orders_need_a_map(core, message):
    core.greet()
    core.heard()
    core.send(message)
    assert core.heard_of(r.MessageRejected)[0].code == ErrorCode.NOT_CONFIGURED


OUT, LOOK = LineFlag.OUTPUT, 0
SNIFFER, LENS = BoardRole.SNIFFER, BoardRole.LENS
BAD_MAPS = {
    "no guard": (body(), ErrorCode.NO_INTERLOCK, 0),
    "lens without supply": (body(role=LENS), ErrorCode.NO_INTERLOCK, 0),
    "role": (body(role=3), ErrorCode.MALFORMED, 2),
    "flags": (body(GUARD, flags=4), ErrorCode.MALFORMED, 3),
    "rate": (body(GUARD, baudrate=100), ErrorCode.BAD_BAUDRATE, 300),
    "absence": (body(GUARD, timing=Timing(absence_us=1001)), ErrorCode.BAD_TIMING, 18),
    "too many": (body(*[GUARD] * 17), ErrorCode.TOO_MANY_LINES, 16),
    "pin twice": (body(GUARD, MappedLine(6, LineKind.PLAIN)), ErrorCode.LINE_TWICE, 1),
    "no pin": (body(GUARD, MappedLine(23, LineKind.PLAIN)), ErrorCode.BAD_PIN, 1),
    "pin beyond": (body(GUARD, MappedLine(200, LineKind.PLAIN)), ErrorCode.BAD_PIN, 1),
    "kind": (body(GUARD, MappedLine(7, 9)), ErrorCode.BAD_KIND, 1),
    "unknown flag": (body(GUARD, MappedLine(7, 0, 64)), ErrorCode.BAD_KIND, 1),
    "both pulls": (body(GUARD, MappedLine(7, 0, 24)), ErrorCode.BAD_KIND, 1),
    "open drain input": (body(GUARD, MappedLine(7, 0, LineFlag.OPEN_DRAIN)), ErrorCode.BAD_KIND, 1),
    "open drain data": (
        body(GUARD, MappedLine(0, LineKind.DATA, OUT | LineFlag.OPEN_DRAIN)), ErrorCode.BAD_KIND, 1),
    "rail rests high": (
        body(GUARD, MappedLine(7, LineKind.SUPPLY, OUT | LineFlag.IDLE_HIGH)), ErrorCode.BAD_KIND, 1),
    "presence driven by the body": (body(MappedLine(6, LineKind.PRESENCE, OUT)), ErrorCode.BAD_KIND, 0),
    "supply of the body only seen": (body(GUARD, MappedLine(7, LineKind.SUPPLY)), ErrorCode.BAD_KIND, 1),
    "rail without a supply": (body(GUARD, MappedLine(7, LineKind.RAIL, OUT)), ErrorCode.BAD_KIND, 1),
    "delay of no rail": (body(GUARD, MappedLine(7, LineKind.PLAIN, OUT, 5)), ErrorCode.BAD_TIMING, 33),
    "data on no UART": (body(GUARD, MappedLine(7, LineKind.DATA, OUT)), ErrorCode.BAD_PIN, 1),
    "data in on no UART": (body(GUARD, MappedLine(0, LineKind.DATA)), ErrorCode.BAD_PIN, 1),
    "two data outputs": (
        body(GUARD, MappedLine(0, LineKind.DATA, OUT), MappedLine(4, LineKind.DATA, OUT)), ErrorCode.LINE_TWICE, 2),
    "one UART heard twice": (
        body(GUARD, MappedLine(1, LineKind.DATA), MappedLine(13, LineKind.DATA)), ErrorCode.LINE_TWICE, 2),
    "two presences": (body(GUARD, MappedLine(7, LineKind.PRESENCE)), ErrorCode.LINE_TWICE, 1),
    "two supplies": (
        body(GUARD, MappedLine(7, LineKind.SUPPLY, OUT), MappedLine(8, LineKind.SUPPLY, OUT)), ErrorCode.LINE_TWICE, 2),
    "two attention outputs": (
        body(GUARD, MappedLine(7, LineKind.ATTENTION, OUT), MappedLine(8, LineKind.ATTENTION, OUT)),
        ErrorCode.LINE_TWICE, 2),
    "two frame signals": (
        body(GUARD, MappedLine(7, LineKind.SYNC, OUT), MappedLine(8, LineKind.SYNC, OUT)), ErrorCode.LINE_TWICE, 2),
    "a sniffer that drives": (body(MappedLine(7, 0, OUT), role=SNIFFER), ErrorCode.LISTENS_ONLY, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MAPS)
def test_a_map_that_makes_no_sense_touches_no_pin(core, name):
    message, code, detail = BAD_MAPS[name]
    core.greet()
    core.heard()
    before = len(core.changes())
    core.send(message)
    (refused,) = core.heard()
    assert (refused.code, refused.detail) == (code, detail)
    assert len(core.changes()) == before


def test_a_map_whose_count_is_not_that_of_its_lines_is_refused(core):
    core.greet()
    core.heard()
    good = body(GUARD).build()
    for fields in (good[:-1], good + b"\0", good[:19], good[:20]):
        core.write(build_raw_frame(0x02, fields, core._sequence))
        core._sequence += 1
        core.run(1)
        (refused,) = core.heard()
        assert (refused.code, refused.detail) == (ErrorCode.MALFORMED, 22)


def test_a_queue_that_is_full_refuses_and_says_how_much_room_there_was(core):
    core.start_body()
    core.heard()
    big = o.TransmitCommand(1, 0, core.now_us + 50_000, 0, bytes(231))
    cost = len(big.build()) + 4
    for _ in range(16384 // cost):
        core.send(big)
    assert core.heard_of(r.MessageRejected) == []
    core.send(big)
    (refused,) = core.heard_of(r.MessageRejected)
    assert (refused.code, refused.detail) == (ErrorCode.NO_CREDIT, 16384 % cost)
    for _ in range(40):
        core.send(o.TimeRequest(0), run_us=10_000)
    said = core.heard()
    limits = [report.limit for report in said if isinstance(report, r.BoardCredit)]
    assert limits == sorted(limits)
    assert limits[-1] == 16384 + cost * (16384 // cost)
    assert len(core.bytes_sent()) == 231 * (16384 // cost)


def test_reports_wait_for_credit_and_what_finds_no_room_is_reported(core):
    core.greet(limit=0)
    core.send(body(GUARD, MappedLine(1, LineKind.DATA), MappedLine(18, LineKind.PLAIN), timing=Timing(watchdog_ms=0)))
    core.run(20_000)
    core.heard()
    for edge in range(6000):
        core.set_pin(18, edge % 2 == 0)
        core.run(3)
    for value in range(200):
        core.feed(0, value, 0)
        core.run(14)
    core.run(5000)
    said = core.heard()
    assert {type(report) for report in said} == {r.DataLost}
    lost = sum(report.count for report in said if report.sort == LossKind.EDGES)
    assert 0 < lost < 6000
    assert sum(report.count for report in said if report.sort == LossKind.RECEIVED) == 200
    core.send(o.HostCredit(1 << 20))
    core.run(5000)
    edges = core.heard_of(r.LineEdge)
    assert len(edges) == 6000 - lost
    assert [edge.at_us for edge in edges] == sorted(edge.at_us for edge in edges)


def test_credit_that_was_told_before_takes_nothing_back(core):
    core.greet(limit=1000)
    core.send(o.HostCredit(10), body(GUARD, MappedLine(18, LineKind.PLAIN)))
    core.set_pin(18, True)
    core.run(10)
    assert len(core.heard_of(r.LineEdge)) == 1


def test_a_host_that_does_not_read_finds_all_of_it_later(core):
    core.start_body()
    core.heard()
    core.host_reads(False)
    for edge in range(600):
        core.set_pin(18, edge % 2 == 0)
        core.run(50)
        if edge % 100 == 0:
            core.send(o.TimeRequest(edge))
    core.host_reads(True)
    core.run(5000)
    said = core.heard()
    assert len([report for report in said if isinstance(report, r.LineEdge)]) == 600
    assert [report for report in said if isinstance(report, r.DataLost)] == []


def test_a_host_that_does_not_read_is_given_no_more_room_for_orders(core):
    core.start_body()
    core.heard()
    core.host_reads(False)
    for edge in range(2000):
        core.set_pin(18, edge % 2 == 0)
        core.run(50)
        if edge % 100 == 0:
            core.send(o.TimeRequest(edge))
    for number in range(40):
        core.send(o.TransmitCommand(number, 0, 0, 0, bytes(200)), run_us=3000)
    core.host_reads(True)
    said, at = [], core.now_us
    while core.now_us < at + 5000:
        core.run(10)
        said += core.heard()
    rooms = [number for number, report in enumerate(said) if isinstance(report, r.BoardCredit)]
    edges = [number for number, report in enumerate(said) if isinstance(report, r.LineEdge)]
    assert len(edges) == 2000
    assert [report for report in said if isinstance(report, r.DataLost)] == []
    assert rooms, "it comes in the end"
    assert rooms[0] > edges[300]


def test_rest_and_forget_end_the_session(core):
    core.start_body()
    core.heard()
    core.send(o.EnterSafeState(1))
    (state,) = core.heard_of(r.BoardState)
    assert (state.flags, state.reason) == (StateFlag.ALL_IDLE, SafeStateReason.HOST)
    assert all(core.pin_state(pin) == 0 for pin in range(30))
    core.send(o.ReadState())
    assert core.heard_of(r.MessageRejected)[0].code == ErrorCode.NO_SESSION


def test_the_way_to_boot_mode(core):
    core.start_body()
    core.send(o.Bootloader())
    assert core.boots()
    assert all(core.pin_state(pin) == 0 for pin in range(30))


def test_an_unplugged_board_rests_and_wants_a_greeting(core):
    core.start_body()
    core.heard()
    core.usb(False)
    core.run(10)
    assert core.pin_state(7) == 1
    core.usb(True)
    core.send(o.ReadState())
    said = core.heard()
    assert said[-1].code == ErrorCode.NO_SESSION
    core.usb(False)
    core.usb(True)
    core.greet(session=2)
    assert isinstance(core.heard()[0], r.HelloReply)


@pytest.mark.parametrize("cut_at", [1, 5, 14])
def test_half_a_frame_of_a_host_that_went_away_costs_the_next_host_none(core, cut_at):
    core.greet()
    core.write(build_frame(o.BaudrateCommand(1, 115_200, 0), 1)[:cut_at])
    core.usb(False)
    core.run(10)
    core.heard()
    core.usb(True)
    core.greet(session=2)
    assert core.heard_of(r.HelloReply)


def test_nothing_is_watched_before_there_is_a_map(core):
    core.greet()
    core.heard()
    core._sim.board_mount_service()
    core.run(1_000_000)
    assert core.heard() == []


def test_a_greeting_with_unknown_flags_is_refused(core):
    core.greet(flags=2)
    (refused,) = core.heard()
    assert (refused.code, refused.detail) == (ErrorCode.MALFORMED, 3)


def test_many_frames_at_once_are_all_taken(core):
    core.greet()
    core.heard()
    core.send(*(o.TimeRequest(token) for token in range(200)), run_us=100)
    core.send(o.ReadCounters())
    (counters,) = core.heard_of(r.Counters)
    assert counters.frames_taken == 202


def test_the_longest_turn_of_the_main_loop_is_reported(core):
    core.greet()
    core.reads_take(77)
    core.run(200)
    core.reads_take(0)
    core.heard()
    core.send(o.ReadCounters())
    assert core.heard_of(r.Counters)[0].worst_loop_us == 77


def test_a_refusal_in_a_long_row_is_lost_and_told(core):
    core.greet()
    core.heard()
    core.host_reads(False)
    for _ in range(600):
        core.send(o.DriveCommand(1, 0, 0, 1, 0))
    core.host_reads(True)
    core.run(2000)
    said = core.heard()
    refused = [report for report in said if isinstance(report, r.MessageRejected)]
    lost = sum(report.count for report in said if isinstance(report, r.DataLost) and report.sort == LossKind.REPORTS)
    assert 0 < lost == 600 - len(refused)
