"""The contacts of a model board to the microsecond: filters, rails, frame signal, rest, and what it refuses."""

from typing import Any

import pytest

from lensmount_hardware.boards.protocol.commands import Configure, DriveCommand, MappedLine, Sync, Timing
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    ConfigureFlag,
    ErrorCode,
    LineFlag,
    LineKind,
    SafeStateReason,
    SyncFlag,
)
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import LineEdge
from lensmount_hardware.boards.simulator.lines import (
    BYTES_LINE,
    LONG_AGO_US,
    LineCallbacks,
    SimulatedLines,
    SimulatedPin,
    check_configuration,
    find_guard_pin,
    make_pins,
)

OUT, HIGH = LineFlag.OUTPUT, LineFlag.IDLE_HIGH
DETECT, SUPPLY, RAIL, SYNC, CS, PEER_CS, DATA = range(7)
LINES = (
    MappedLine(6, LineKind.PRESENCE),
    MappedLine(7, LineKind.SUPPLY, OUT, 400),
    MappedLine(8, LineKind.RAIL, OUT, 250),
    MappedLine(9, LineKind.SYNC, OUT | HIGH),
    MappedLine(10, LineKind.ATTENTION, OUT),
    MappedLine(11, LineKind.ATTENTION),
    MappedLine(0, LineKind.DATA, OUT),
)
TIMING = Timing(setup_us=10, hold_us=20, gap_us=30, presence_us=5000, absence_us=700)


class Bench:
    """A wire and what it did, with its time."""

    def __init__(
        self, lines: tuple[MappedLine, ...] = LINES, role: int = BoardRole.BODY, flags: int = 0, at: int = 0
    ) -> None:
        self.log: list[Any] = []
        self.rests: list[SafeStateReason] = []
        self.refused: list[tuple[int, int, int, int]] = []
        self.changes = 0
        wanted = Configure(role, flags, 115_200, TIMING, lines)
        contacts = make_pins(wanted, lambda gpio: gpio == 6)
        hooks = LineCallbacks(self.report, self.refuse, self.rests.append, self.changed, self.drove)
        self.wire = SimulatedLines(wanted, contacts, hooks, at)

    def report(self, message: BoardMessage) -> None:
        self.log.append(message)

    def refuse(self, *told: int) -> None:
        self.refused.append(told)

    def changed(self) -> None:
        self.changes += 1

    def drove(self, line: int, level: bool, at_us: int) -> None:
        self.log.append((line, level, at_us))

    def take(self) -> list[Any]:
        log, self.log = self.log, []
        return log

    def drive(self, line: int, level: int) -> None:
        self.wire.drive(DriveCommand(1, 0, line, level, 0), 77)

    def mounted(self) -> "Bench":
        self.wire.on_level(DETECT, False)
        self.wire.advance_to(self.wire.now_us + 5000)
        return self

    def powered(self) -> "Bench":
        self.mounted()
        self.drive(SUPPLY, 1)
        self.wire.advance_to(self.wire.now_us + 400)
        self.take()
        return self


def test_a_lens_counts_when_it_has_lasted_and_the_edge_has_the_time_of_its_start() -> None:
    bench = Bench(at=100)
    wire = bench.wire
    assert (wire.present, wire.now_us, wire.next_step_us()) == (False, 100, None)
    wire.on_level(DETECT, False)
    wire.advance_to(5099)
    assert (wire.present, bench.take(), wire.next_step_us()) == (False, [], 5100)
    wire.advance_to(5100)
    assert (wire.present, bench.take()) == (True, [LineEdge(DETECT, 0, 100)])
    assert (bench.changes, bench.rests) == (1, [])


def test_a_loss_counts_when_it_has_lasted_and_brings_everything_to_rest() -> None:
    bench = Bench().powered()
    wire, lost = bench.wire, bench.wire.now_us
    wire.on_level(DETECT, True)
    wire.advance_to(lost + 699)
    assert (wire.present, bench.rests) == (True, [])
    wire.advance_to(lost + 700)
    assert (wire.present, bench.rests) == (False, [SafeStateReason.ABSENT])
    assert bench.take() == [LineEdge(DETECT, 1, lost), (SUPPLY, False, lost + 700)]
    assert not wire.powered


def test_a_contact_that_comes_back_in_time_was_never_lost() -> None:
    bench = Bench().powered()
    wire, lost = bench.wire, bench.wire.now_us
    wire.on_level(DETECT, True)
    wire.advance_to(lost + 699)
    wire.on_level(DETECT, False)
    wire.advance_to(lost + 10_000)
    assert (wire.present, bench.take(), bench.rests) == (True, [], [])


def test_a_lens_that_is_there_at_the_start_is_filtered_too() -> None:
    wanted = Configure(BoardRole.BODY, 0, 115_200, TIMING, LINES)
    bench = Bench()
    wire = SimulatedLines(wanted, make_pins(wanted, lambda _gpio: False), bench.wire.callbacks, 0)
    assert not wire.present
    wire.advance_to(4999)
    assert not wire.present
    wire.advance_to(5000)
    assert wire.present


def test_without_a_guard_the_other_end_is_always_there() -> None:
    bench = Bench((MappedLine(0, LineKind.DATA, OUT),), flags=ConfigureFlag.NO_INTERLOCK)
    assert bench.wire.present
    assert bench.wire.powered
    assert bench.wire.attention() is None


def test_an_input_reports_each_change_once_and_data_none() -> None:
    bench = Bench(at=50)
    for level in (True, True, False, False):
        bench.wire.on_level(PEER_CS, level)
    assert bench.take() == [LineEdge(PEER_CS, 1, 50), LineEdge(PEER_CS, 0, 50)]
    data_in = Bench((MappedLine(6, LineKind.PRESENCE), MappedLine(1, LineKind.DATA)))
    data_in.wire.on_level(1, True)
    assert data_in.take() == []


def test_rails_wait_for_the_presence_and_for_each_other() -> None:
    bench = Bench().mounted()
    bench.take()
    present = bench.wire.now_us
    bench.drive(RAIL, 1)
    bench.drive(SUPPLY, 1)
    bench.wire.advance_to(present + 5000)
    assert bench.take() == [(SUPPLY, True, present + 400), (RAIL, True, present + 650)]
    bench.drive(RAIL, 0)
    bench.drive(RAIL, 1)
    assert bench.take() == [(RAIL, False, present + 5000), (RAIL, True, present + 5000)]


def test_a_rail_that_is_ordered_off_before_its_time_stays_off() -> None:
    bench = Bench().mounted()
    bench.take()
    bench.drive(SUPPLY, 1)
    bench.drive(SUPPLY, 0)
    bench.wire.advance_to(bench.wire.now_us + 5000)
    assert bench.take() == []
    assert bench.rests == []


def test_a_supply_that_goes_off_brings_the_rest_with_it_in_order() -> None:
    bench = Bench().powered()
    bench.drive(RAIL, 1)
    bench.wire.advance_to(bench.wire.now_us + 250)
    bench.drive(CS, 1)
    at = bench.wire.now_us
    bench.take()
    bench.drive(SUPPLY, 0)
    assert bench.take() == [(CS, False, at), (RAIL, False, at), (SUPPLY, False, at)]
    assert bench.rests == [SafeStateReason.SUPPLY]


@pytest.mark.parametrize(
    ("state", "line", "level", "code"),
    [
        ("nothing", 7, 1, ErrorCode.BAD_LINE),
        ("nothing", PEER_CS, 1, ErrorCode.BAD_LINE),
        ("nothing", CS, 1, ErrorCode.NOT_PRESENT),
        ("nothing", SUPPLY, 1, ErrorCode.NOT_PRESENT),
        ("nothing", CS, 0, None),
        ("nothing", SYNC, 1, None),
        ("mounted", CS, 1, ErrorCode.NOT_POWERED),
        ("mounted", SYNC, 0, ErrorCode.NOT_POWERED),
        ("mounted", SUPPLY, 1, None),
        ("mounted", RAIL, 1, None),
        ("powered", CS, 1, None),
        ("powered", DATA, 1, None),
    ],
)
def test_what_may_be_driven_when(state: str, line: int, level: int, code: ErrorCode | None) -> None:
    bench = Bench()
    if state != "nothing":
        getattr(bench, state)()
    bench.drive(line, level)
    assert bench.refused == ([] if code is None else [(code, DriveCommand.TYPE, 77, line)])


def test_a_lens_needs_only_its_supply_as_it_sees_it() -> None:
    lines = (MappedLine(5, LineKind.SUPPLY), MappedLine(4, LineKind.PRESENCE, OUT | HIGH), MappedLine(3, 0, OUT))
    bench = Bench(lines, BoardRole.LENS)
    bench.drive(1, 0)
    assert bench.take() == [(1, False, 0)]
    bench.drive(2, 1)
    assert bench.refused == [(ErrorCode.NOT_PRESENT, DriveCommand.TYPE, 77, 2)]
    bench.wire.on_level(0, True)
    bench.wire.advance_to(5000)
    bench.drive(2, 1)
    assert bench.take() == [LineEdge(0, 1, 0), (2, True, 5000)]
    assert bench.wire.powered
    # A lens that loses its supply stays on the mount.
    bench.wire.on_level(0, False)
    bench.wire.advance_to(5700)
    assert bench.take() == [LineEdge(0, 0, 5000), (2, False, 5700)]
    bench.wire.enter_safe_state(SafeStateReason.HOST)
    assert bench.take() == [(1, True, 5700)]


@pytest.mark.parametrize("reason", SafeStateReason)
def test_only_the_host_and_a_greeting_take_a_lens_off_the_mount(reason: SafeStateReason) -> None:
    bench = Bench((MappedLine(5, LineKind.SUPPLY), MappedLine(4, LineKind.PRESENCE, OUT | HIGH)), BoardRole.LENS)
    bench.drive(1, 0)
    bench.take()
    bench.wire.enter_safe_state(reason)
    leaves = reason in (SafeStateReason.HOST, SafeStateReason.HELLO)
    assert bench.take() == ([(1, True, 0)] if leaves else [])
    assert bench.rests == [reason]


def test_own_edges_are_reported_where_that_is_asked_for() -> None:
    for flags, reports in ((0, []), (ConfigureFlag.OWN_EDGES, [LineEdge(CS, 1, 5400)])):
        bench = Bench(flags=flags).powered()
        bench.drive(CS, 1)
        assert bench.take() == [*reports, (CS, True, 5400)]
        bench.drive(CS, 1)
        assert bench.take() == []
        assert bench.wire.attention_moved_us == 5400


def test_at_rest_is_when_no_output_is_away_from_it() -> None:
    bench = Bench()
    assert bench.wire.is_idle
    assert bench.wire.attention_moved_us == -LONG_AGO_US == -1_000_000
    bench.powered()
    assert not bench.wire.is_idle
    bench.wire.enter_safe_state(SafeStateReason.HOST)
    assert bench.wire.is_idle


def pulses(bench: Bench) -> list[tuple[bool, int]]:
    return [(entry[1], entry[2]) for entry in bench.take() if isinstance(entry, tuple) and entry[0] == SYNC]


def test_a_frame_signal_has_its_period_its_width_and_its_start() -> None:
    bench = Bench().powered()
    at = bench.wire.now_us
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, at + 300), 5)
    assert bench.wire.sync is not None
    assert not bench.wire.is_idle
    bench.wire.advance_to(at + 2400)
    assert pulses(bench) == [
        (False, at + 300), (True, at + 360), (False, at + 1300), (True, at + 1360),
        (False, at + 2300), (True, at + 2360),
    ]  # fmt: skip


def test_a_start_that_is_over_is_whole_periods_later_and_none_is_now() -> None:
    bench = Bench().powered()
    at = bench.wire.now_us
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, at - 1700), 5)
    bench.wire.advance_to(at + 900)
    assert pulses(bench) == [(False, at + 300), (True, at + 360)]
    bench = Bench().powered()
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, 0), 5)
    bench.wire.advance_to(at + 100)
    assert pulses(bench) == [(False, at), (True, at + 60)]


def test_pulses_may_be_high() -> None:
    bench = Bench().powered()
    at = bench.wire.now_us
    bench.wire.start_sync(Sync(SyncFlag.ON | SyncFlag.PULSE_HIGH, 1000, 60, at + 500), 5)
    bench.wire.advance_to(at + 600)
    assert pulses(bench) == [(False, at), (True, at + 500), (False, at + 560)]
    bench.wire.stop_sync()
    assert pulses(bench) == []


def test_new_values_go_on_from_the_last_pulse_at_least_half_a_period_behind_it() -> None:
    bench = Bench().powered()
    at = bench.wire.now_us
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, at), 5)
    bench.wire.advance_to(at + 100)
    bench.take()
    bench.wire.start_sync(Sync(SyncFlag.ON, 2000, 60, 0), 6)
    bench.wire.advance_to(at + 2100)
    assert pulses(bench) == [(False, at + 2000), (True, at + 2060)]
    # A phase that would begin too soon is a period later; one that may is taken.
    bench.wire.start_sync(Sync(SyncFlag.ON, 2000, 60, at + 2999), 7)
    bench.wire.advance_to(at + 5100)
    assert pulses(bench) == [(False, at + 4999), (True, at + 5059)]
    bench.wire.start_sync(Sync(SyncFlag.ON, 2000, 60, at + 5999), 8)
    bench.wire.advance_to(at + 6100)
    assert pulses(bench) == [(False, at + 5999), (True, at + 6059)]


def test_a_phase_far_ahead_is_brought_to_the_next_pulse() -> None:
    bench = Bench().powered()
    at = bench.wire.now_us
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, at), 5)
    bench.wire.advance_to(at + 100)
    bench.take()
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, at + 7500), 6)
    bench.wire.advance_to(at + 1400)
    assert pulses(bench) == [(False, at + 500), (True, at + 560)]


def test_a_frame_signal_stops_by_order_by_level_and_at_rest() -> None:
    bench = Bench().powered()
    at = bench.wire.now_us
    for number, stop in enumerate(
        (
            lambda: bench.wire.start_sync(Sync(0, 1000, 60, 0), 6),
            lambda: bench.drive(SYNC, 1),
            lambda: bench.wire.enter_safe_state(SafeStateReason.HOST),
        )
    ):
        bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, at + 10_000 * number), 5)
        bench.wire.advance_to(at + 10_000 * number + 30)
        bench.take()
        before = bench.changes
        stop()
        assert bench.wire.sync is None
        assert bench.changes > before
        assert pulses(bench) == [(True, at + 10_000 * number + 30)]
        bench.wire.advance_to(at + 10_000 * (number + 1))
        assert pulses(bench) == []


def test_a_frame_signal_is_refused_where_it_may_not_be_driven() -> None:
    bench = Bench()
    bench.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, 0), 5)
    bench.wire.start_sync(Sync(0, 1000, 60, 0), 6)
    assert bench.refused == [(ErrorCode.NOT_PRESENT, Sync.TYPE, 5, SYNC)]
    without = Bench(LINES[:3])
    without.wire.start_sync(Sync(SyncFlag.ON, 1000, 60, 0), 5)
    without.wire.start_sync(Sync(0, 1000, 60, 0), 6)
    assert without.refused == [
        (ErrorCode.BAD_LINE, Sync.TYPE, 5, BYTES_LINE),
        (ErrorCode.BAD_LINE, Sync.TYPE, 6, BYTES_LINE),
    ]


def test_steps_of_one_time_are_done_in_the_order_of_their_wish() -> None:
    wire, done = Bench().wire, list[int]()
    for number in (1, 2, 3):
        wire.schedule(10, lambda number=number: done.append(number))
    wire.schedule(5, lambda: done.append(0))
    wire.advance_to(10)
    assert (done, wire.now_us) == ([0, 1, 2, 3], 10)
    wire.advance_to(7)
    assert wire.now_us == 10


def test_a_contact_says_whose_it_is_and_its_level_at_rest() -> None:
    contact = SimulatedPin(1, MappedLine(7, LineKind.RAIL, OUT | HIGH), True)
    assert (contact.driven, contact.idle, contact.is_rail) == (True, True, True)
    contact = SimulatedPin(1, MappedLine(7, LineKind.SUPPLY), True)
    assert (contact.driven, contact.idle, contact.is_rail) == (False, False, False)
    assert not SimulatedPin(1, MappedLine(7, LineKind.SYNC, OUT), True).is_rail


def test_an_inverted_input_is_read_inverted() -> None:
    lines = (
        MappedLine(1, 0),
        MappedLine(2, 0),
        MappedLine(3, 0, LineFlag.INVERTED),
        MappedLine(4, 0, LineFlag.INVERTED),
    )
    wanted = Configure(BoardRole.BODY, 0, 115_200, TIMING, lines)
    assert [contact.level for contact in make_pins(wanted, lambda gpio: gpio in (1, 3))] == [True, False, False, True]
    assert [contact.number for contact in make_pins(wanted, bool)] == [0, 1, 2, 3]


def test_the_guard_is_the_first_presence_or_supply_that_is_an_input() -> None:
    def guard(*lines: MappedLine) -> tuple[int, bool] | None:
        wanted = Configure(BoardRole.BODY, 0, 115_200, TIMING, lines)
        found = find_guard_pin(make_pins(wanted, bool))
        return None if found is None else (found[0].number, found[1])

    plain, presence, supply = (MappedLine(1, kind) for kind in (LineKind.PLAIN, LineKind.PRESENCE, LineKind.SUPPLY))
    assert guard(plain, presence, supply) == (1, False)
    assert guard(plain, supply, presence) == (1, True)
    assert guard(MappedLine(1, LineKind.PRESENCE, OUT), MappedLine(2, LineKind.SUPPLY, OUT), plain) is None


RATES = (9_600, 3_000_000)


def wanted(
    *lines: MappedLine, role: int = BoardRole.BODY, flags: int = ConfigureFlag.NO_INTERLOCK, **more: Any
) -> Configure:
    timing = Timing(absence_us=more.get("absence_us", 500))
    return Configure(role, flags, more.get("baudrate", 115_200), timing, lines)


@pytest.mark.parametrize(
    ("configure", "found"),
    [
        (wanted(baudrate=9_600), None),
        (wanted(baudrate=9_599), (ErrorCode.BAD_BAUDRATE, 9_600)),
        (wanted(baudrate=3_000_000), None),
        (wanted(baudrate=3_000_001), (ErrorCode.BAD_BAUDRATE, 3_000_000)),
        (wanted(absence_us=1000), None),
        (wanted(absence_us=1001), (ErrorCode.BAD_TIMING, 18)),
        (wanted(*(MappedLine(pin, 0) for pin in range(16))), None),
        (wanted(*(MappedLine(pin, 0) for pin in range(17))), (ErrorCode.TOO_MANY_LINES, 16)),
        (wanted(MappedLine(29, 0)), None),
        (wanted(MappedLine(30, 0)), (ErrorCode.BAD_PIN, 0)),
        (wanted(flags=2 * max(ConfigureFlag) - 1), None),
        (wanted(flags=2 * max(ConfigureFlag)), (ErrorCode.MALFORMED, 3)),
        (wanted(MappedLine(1, 0, 2 * max(LineFlag) - 1 - LineFlag.PULL_UP)), None),
        (wanted(MappedLine(1, 0, 2 * max(LineFlag))), (ErrorCode.BAD_KIND, 0)),
        (wanted(MappedLine(1, max(LineKind) + 1)), (ErrorCode.BAD_KIND, 0)),
        (wanted(MappedLine(1, 0, LineFlag.PULL_UP)), None),
        (wanted(MappedLine(1, LineKind.RAIL, OUT), MappedLine(2, LineKind.RAIL, OUT)), None),
        (wanted(MappedLine(1, LineKind.SYNC, OUT), MappedLine(2, LineKind.SYNC, OUT)), (ErrorCode.LINE_TWICE, 1)),
        (wanted(MappedLine(1, LineKind.SYNC, OUT), MappedLine(2, LineKind.SYNC)), None),
        (wanted(MappedLine(1, LineKind.ATTENTION), MappedLine(2, LineKind.ATTENTION)), (ErrorCode.LINE_TWICE, 1)),
        (wanted(MappedLine(1, LineKind.DATA), MappedLine(2, LineKind.DATA, OUT)), None),
        (wanted(flags=0, role=BoardRole.SNIFFER), None),
        (wanted(flags=0), (ErrorCode.NO_INTERLOCK, 0)),
        (
            wanted(*(MappedLine(pin, LineKind.DATA) for pin in (1, 2)), role=BoardRole.SNIFFER),
            None,
        ),
        (
            wanted(*(MappedLine(pin, LineKind.DATA) for pin in (1, 2, 3)), role=BoardRole.SNIFFER),
            (ErrorCode.LINE_TWICE, 2),
        ),
        (
            wanted(*(MappedLine(pin, LineKind.PRESENCE) for pin in (1, 2)), role=BoardRole.SNIFFER),
            (ErrorCode.LINE_TWICE, 1),
        ),
    ],
)
def test_a_map_is_refused_from_exactly_there_on(configure: Configure, found: tuple[int, int] | None) -> None:
    assert check_configuration(configure, 16, RATES) == found
