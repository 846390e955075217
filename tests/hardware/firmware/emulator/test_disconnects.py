"""What breaks in mid-session, on the image that ships: a dead host, a cable, a second host, a main loop that hangs."""

import pytest

from emulated.emulator import EmulatedHost
from emulated.stream import EmulatedClock, EmulatedStream
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    LineFlag,
    LineKind,
    LossKind,
    SafeStateReason,
    StateFlag,
    SyncFlag,
)
from lensmount_hardware.boards.protocol.framing import build_frame
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import BoardError

OUT = LineFlag.OUTPUT
SUPPLY, SYNC, ATTENTION, LOOK = 1, 2, 3, 5
LINES = (
    MappedLine(6, LineKind.PRESENCE, LineFlag.PULL_UP),
    MappedLine(7, LineKind.SUPPLY, OUT),
    MappedLine(10, LineKind.SYNC, OUT),
    MappedLine(11, LineKind.ATTENTION, OUT),
    MappedLine(0, LineKind.DATA, OUT),
    MappedLine(14, LineKind.PLAIN, LineFlag.PULL_DOWN),
)
PINS = (0, 7, 10, 11)
SESSION = 5
WATCHDOG_MS = 300
CHIP_WATCHDOG_US = 100_000


def start(host, session=SESSION, limit=1 << 20):
    """A body at work: an open window, the frame signal, orders for later."""
    emulator = host.emulator
    emulator.set_pin(0, 6, False)
    host.greet(session, limit)
    timing = Timing(20, 30, 40, 500, 300, WATCHDOG_MS)
    host.send(o.Configure(BoardRole.BODY, 0, 750_000, timing, LINES))
    host.send(o.DriveCommand(0, 0, SUPPLY, 1, 0))
    host.send(o.Sync(SyncFlag.ON, 1000, 63, 0))
    emulator.run(20_000)
    host.received()
    later = round(emulator.now_us) + 5_000_000
    host.send(
        o.TransmitCommand(1, 1, 0, 0, bytes(200)),
        o.TransmitCommand(2, 3, later, 0, b"later"),
        o.BaudrateCommand(3, 1_500_000, 0),
    )
    assert {emulator.board_status(0)["states"][pin] for pin in (7, 11)} == {"high"}
    return emulator.now_us


def driven(host):
    states = host.emulator.board_status(0)["states"]
    return [pin for pin in PINS if states[pin] in ("high", "uart")]


def half_a_frame(host):
    """One whose other half never comes."""
    frame = build_frame(o.TransmitCommand(9, 0, 0, 0, b"never whole"), 0)
    host.emulator.write(0, frame[: len(frame) // 2])
    host.emulator.run(500)


def rested_at(host):
    return max(at for at, _, pin, _ in host.emulator.pins if pin in PINS)


def missing(host):
    return {report.sort: report.count for report in host.received_of(r.DataLost)}


def test_a_host_that_is_killed_in_mid_frame_leaves_rest_within_the_watchdog(emulated):
    last_us = start(emulated)
    half_a_frame(emulated)
    emulated.emulator.run(WATCHDOG_MS * 1000 + 1000)
    assert driven(emulated) == []
    assert rested_at(emulated) - last_us < WATCHDOG_MS * 1000 + 1000
    said = emulated.received()
    assert [state.reason for state in said if isinstance(state, r.BoardState)] == [SafeStateReason.WATCHDOG]
    lost = {report.sort: report.count for report in said if isinstance(report, r.DataLost)}
    assert lost == {LossKind.TRANSMISSIONS: 1, LossKind.DRIVES: 1}
    emulated.greet(SESSION)
    assert missing(emulated) == {LossKind.FRAMES: 1}


@pytest.mark.parametrize("how", ["close", "suspend", "unplug"])
def test_a_cable_that_comes_out_in_mid_frame_leaves_rest_and_the_same_host_is_told_what_is_missing(emulated, how):
    emulator = emulated.emulator
    start(emulated)
    half_a_frame(emulated)
    out_us = emulator.now_us
    if how == "close":
        emulator.order("lines", board=0, value=0)
    else:
        emulator.order(how, board=0, on=True)
    for level in (True, False) * 10:
        emulator.set_pin(0, 14, level)
        emulator.run(1500)
    assert driven(emulated) == []
    # The emulator's bus reset takes 10 ms to come.
    assert rested_at(emulated) - out_us < (21_000 if how == "unplug" else 10_000)
    if how == "close":
        emulator.order("lines", board=0, value=3)
    elif how == "suspend":
        emulator.order(how, board=0, on=False)
    emulator.until_ready()
    emulator.usb_data[0] = b""
    emulated.greet(SESSION)
    emulator.run(5000)
    said = emulated.received()
    first = next(at for at, report in enumerate(said) if isinstance(report, r.HelloReply))
    lost = {report.sort: report.count for report in said[first:] if isinstance(report, r.DataLost)}
    # The window that was open is over before the bus is reset.
    assert lost[LossKind.TRANSMISSIONS] == (1 if how == "unplug" else 2)
    assert (lost[LossKind.DRIVES], lost[LossKind.FRAMES]) == (1, 1)
    assert lost[LossKind.EDGES] > 0
    emulated.greet(SESSION + 1)
    assert missing(emulated) == {}, "nobody else's business"


def test_a_second_host_is_refused_in_one_line_and_no_wire_moves(emulated):
    emulator = emulated.emulator
    dialect = load_dialect("emount")
    plan = make_pin_map(
        parse_spec("board:emulated"), get_contacts(dialect), BoardRole.BODY, dialect.wiring.baudrates[0]
    )
    start(emulated)
    emulated.send(o.Sync(0, 1000, 63, 0), o.EnterSafeState(), run_us=3000)
    before = len(emulator.pins)
    with pytest.raises(BoardError) as refused:
        BoardTransport(EmulatedStream(emulator, 0), plan, EmulatedClock(emulator), 99)
    assert str(refused.value) == (
        "board:emulated 0: another host has the board; close the program that holds it, or take it over"
    )
    emulator.run(10_000)
    assert emulator.pins[before:] == []
    emulator.usb_data[0] = b""
    emulated.send(o.ReadState())
    (state,) = emulated.received_of(r.BoardState)
    assert state.flags & StateFlag.CONFIGURED, "the first has it still"


def test_a_second_host_in_mid_session_moves_nothing_either(emulated):
    emulator = emulated.emulator
    start(emulated)
    emulated.send(o.Sync(0, 1000, 63, 0), run_us=5000)
    before = len(emulator.pins)
    EmulatedHost(emulator, 0).greet(SESSION + 1)
    (refused,) = emulated.received_of(r.MessageRejected)
    assert refused.detail == SESSION
    assert emulator.pins[before:] == []
    assert driven(emulated) != []


def test_a_main_loop_that_hangs_keeps_no_one_powered(emulated):
    """Presence is the interrupts' own; and the chip's watchdog ends what is left."""
    emulator = emulated.emulator
    start(emulated)
    emulator.run(2000)
    emulator.order("hang", board=0)
    emulator.run(20_000)
    assert driven(emulated) != []
    emulator.set_pin(0, 6, True)
    emulator.run(2000)
    assert driven(emulated) == []
    assert not emulator.board_status(0)["watchdog"]


def test_the_chips_watchdog_ends_a_hang_and_the_board_comes_back_without_boot_mode(emulated):
    emulator = emulated.emulator
    start(emulated)
    emulator.run(2000)
    emulator.order("hang", board=0)
    emulator.run(CHIP_WATCHDOG_US - 10_000)
    assert not emulator.board_status(0)["watchdog"]
    emulator.run(10_001)
    assert emulator.board_status(0)["watchdog"]
    emulator.order("reset", board=0, watchdog=True)
    assert driven(emulated) == []
    emulator.until_ready()
    assert not emulator.board_status(0)["boot_mode"]
    emulator.usb_data[0] = b""
    host = EmulatedHost(emulator, 0)
    host.greet(SESSION)
    said = host.received()
    assert [type(report) for report in said[:2]] == [r.HelloReply, r.BoardState]
    assert set(emulator.board_status(0)["states"]) == {"input"}
