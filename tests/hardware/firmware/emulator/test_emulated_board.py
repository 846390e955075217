"""The image that ships, in an emulator: USB, bytes both ways, edges, rails, the frame signal, its interrupts."""

import itertools

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.commands import MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import (
    BoardRole,
    LineFlag,
    LineKind,
    SafeStateReason,
    StateFlag,
    SyncFlag,
)

OUT, IN_TURN = LineFlag.OUTPUT, 1
PRESENCE, SUPPLY, RAIL, SYNC, ATTENTION, LOOK, DATA, HEARD = range(8)
LINES = (
    MappedLine(6, LineKind.PRESENCE, LineFlag.PULL_UP),
    MappedLine(7, LineKind.SUPPLY, OUT, 300),
    MappedLine(8, LineKind.RAIL, OUT, 200),
    MappedLine(10, LineKind.SYNC, OUT),
    MappedLine(11, LineKind.ATTENTION, OUT),
    MappedLine(14, LineKind.ATTENTION, LineFlag.PULL_DOWN),
    MappedLine(0, LineKind.DATA, OUT),
    MappedLine(1, LineKind.DATA, 0),
)
TIMING = Timing(setup_us=20, hold_us=30, gap_us=40, presence_us=500, absence_us=300, watchdog_ms=0)


def start_body(host, timing=TIMING, baudrate=750_000):
    host.emulator.set_pin(0, 6, True)
    host.greet()
    host.send(o.Configure(BoardRole.BODY, 0, baudrate, timing, LINES))
    host.emulator.set_pin(0, 6, False)
    host.emulator.run(1000)
    host.send(o.DriveCommand(0, 0, SUPPLY, 1, 0), run_us=1000)


def moves(host, pin, state):
    return [at for at, _, moved, took in host.emulator.pins if (moved, took) == (pin, state)]


def sound(host):
    told = host.emulator.board_status(host.board)
    assert told["faults"] == []
    assert not told["watchdog"]
    return told


def text_of(descriptor):
    return bytes(descriptor[2:]).decode("utf-16-le")


def test_a_usb_host_finds_what_a_cdc_device_must_tell(emulated):
    found = sound(emulated)["found"]
    device, configuration = found["device"], found["configuration"]
    assert len(device) == device[0] == 18
    assert found["device8"] == device[:8]
    assert len(configuration) == configuration[2] | configuration[3] << 8
    assert found["configuration9"] == configuration[:9]
    at, interfaces, endpoints = 0, [], []
    while at < len(configuration):
        size, kind = configuration[at : at + 2]
        interfaces += [configuration[at + 5]] if kind == 4 else []
        endpoints += [configuration[at + 2]] if kind == 5 else []
        at += size
    assert (at, interfaces, endpoints) == (len(configuration), [2, 10], [0x81, 0x02, 0x82])
    assert [text_of(found[f"string{n}"]) for n in (1, 2, 3)] == ["lensmount", "lensmount board", "0000000000000001"]
    assert found["string0"] == [4, 3, 9, 4]
    assert found["qualifier"] is None, "a full-speed device has none"
    assert found["string4"] is None
    assert found["coding_read"] == [0x80, 0x84, 0x1E, 0, 0, 0, 8]
    assert sound(emulated)["address"] == 7


def test_requests_that_make_no_sense_are_stalled_and_the_next_is_answered(emulated):
    for name, setup in {
        "vendor": [0xC0, 1, 0, 0, 0, 0, 8, 0],
        "unknown": [0x80, 0x55, 0, 0, 0, 0, 2, 0],
        "configuration 2": [0x00, 9, 2, 0, 0, 0, 0, 0],
        "status": [0x80, 0, 0, 0, 0, 0, 2, 0],
        "which": [0x80, 8, 0, 0, 0, 0, 1, 0],
        "interface": [0x81, 10, 0, 0, 0, 0, 1, 0],
        "halt": [0x02, 1, 0, 0, 0x82, 0, 0, 0],
        "break": [0x21, 0x23, 0, 0, 0, 0, 0, 0],
    }.items():
        emulated.emulator.order("ask", board=0, name=name, setup=setup)
        emulated.emulator.run(2000)
    found = sound(emulated)["found"]
    assert [found[name] for name in ("vendor", "unknown", "configuration 2")] == [None] * 3
    assert (found["status"], found["which"], found["interface"]) == ([0, 0], [1], [0])
    assert (found["halt"], found["break"]) == ([], [])
    emulated.greet()
    assert isinstance(emulated.received()[0], r.HelloReply)


CLEAR_HALT_IN = [0x02, 1, 0, 0, 0x82, 0, 0, 0]
CLEAR_HALT_OUT = [0x02, 1, 0, 0, 0x02, 0, 0, 0]
SET_DATA_INTERFACE = [0x01, 11, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("setups", [[CLEAR_HALT_IN], [CLEAR_HALT_OUT], [SET_DATA_INTERFACE]])
@pytest.mark.parametrize("questions", [0, 1])
def test_clearing_a_halt_begins_the_data_toggle_again(emulated, setups, questions):
    """The emulated host checks each packet's toggle; with one question or none the board's next would be either."""
    emulated.greet()
    for _ in range(questions):
        emulated.send(o.ReadCounters())
    assert isinstance(emulated.received()[0], r.HelloReply)
    for name, setup in enumerate(setups):
        emulated.emulator.order("ask", board=0, name=str(name), setup=setup)
        emulated.emulator.run(2000)
        assert sound(emulated)["found"][str(name)] == []
    for session in (5, 6, 7):
        emulated.greet(session=session)
        assert [one.session for one in emulated.received() if isinstance(one, r.HelloReply)] == [session]
    assert sound(emulated)["faults"] == []


def test_halts_of_endpoints_that_are_not_there_are_stalled(emulated):
    for name, setup in {
        "no such endpoint": [0x02, 1, 0, 0, 0x83, 0, 0, 0],
        "no such direction": [0x02, 1, 0, 0, 0x01, 0, 0, 0],
        "no such feature": [0x02, 1, 1, 0, 0x82, 0, 0, 0],
    }.items():
        emulated.emulator.order("ask", board=0, name=name, setup=setup)
        emulated.emulator.run(2000)
        assert sound(emulated)["found"][name] is None


def test_the_greeting_over_usb(emulated):
    emulated.greet(session=77)
    welcome, state = emulated.received()
    assert (welcome.session, welcome.unique_id) == (77, bytes([0] * 7 + [1]))
    assert (welcome.lowest_baudrate, welcome.highest_baudrate) == (300, 3_000_000)
    assert welcome.firmware.startswith(b"1.0+")
    assert (state.flags, state.reason) == (StateFlag.ALL_IDLE, SafeStateReason.HELLO)


@pytest.mark.parametrize("baudrate", [115_200, 750_000, 1_500_000])
def test_bytes_go_out_and_come_back(emulated, baudrate):
    """The data output is wired to the data input: all there, in their order, at their rate."""
    emulated.emulator.order("join", **{"from": [0, 0], "to": [0, 0]})
    start_body(emulated, baudrate=baudrate)
    emulated.received()
    data = bytes(n * 7 % 256 for n in range(2310))
    for at in range(0, len(data), 231):
        emulated.send(o.TransmitCommand(at // 231, 3, 0, 0, data[at : at + 231]), run_us=231 * 1e7 / baudrate)
    emulated.emulator.run(20_000)
    reports = emulated.received()
    heard = [report for report in reports if isinstance(report, r.ReceivedBytes)]
    assert b"".join(report.data for report in heard) == data
    sent = emulated.emulator.sent
    rate = 1e7 / (sent[1][0] - sent[0][0])
    assert abs(rate / baudrate - 1) < 0.002
    assert [report.id for report in reports if isinstance(report, r.TransmitDone)] == list(range(10))
    windows = list(zip(moves(emulated, 11, "high"), moves(emulated, 11, "low")[1:], strict=True))
    setups = [sent[n * 231][0] - rise for n, (rise, _) in enumerate(windows)]
    holds = [fall - sent[n * 231 + 230][1] for n, (_, fall) in enumerate(windows)]
    print(
        f"set-up of 20 us: {min(setups):.1f} to {max(setups):.1f}; hold of 30 us: {min(holds):.1f} to {max(holds):.1f}"
    )
    assert 20 <= min(setups) <= max(setups) < 30
    assert 30 <= min(holds) <= max(holds) < 40
    sound(emulated)


def test_parts_of_a_window_follow_without_a_pause(emulated):
    start_body(emulated, baudrate=1_500_000)
    emulated.send(o.TransmitCommand(1, 1, 0, 0, bytes(100)), o.TransmitCommand(1, 2, 0, 0, bytes(100)), run_us=5000)
    sent = emulated.emulator.sent
    assert len(sent) == 200
    assert max(after[0] - before[1] for before, after in itertools.pairwise(sent)) < 0.1


def test_the_times_of_bytes_and_edges_are_the_wires(emulated):
    start_body(emulated)
    emulated.received()
    emulator = emulated.emulator
    began = emulator.now_us
    emulator.set_pin(0, 14, True)
    emulator.run(50)
    emulator.feed(0, 0, b"abc")
    emulator.run(400)
    emulator.feed(0, 0, b"d")
    emulator.run(100)
    emulator.set_pin(0, 14, False)
    emulator.run(3000)
    said = [report for report in emulated.received() if isinstance(report, r.LineEdge | r.ReceivedBytes)]
    assert [type(report) for report in said] == [r.LineEdge, r.ReceivedBytes, r.ReceivedBytes, r.LineEdge]
    byte = 1e7 / 750_000
    wanted = [began, began + 50 + byte, began + 450 + byte, began + 550]
    assert all(0 <= report.at_us - at + 1 < 3 for report, at in zip(said, wanted, strict=True))


def test_rails_wait_and_presence_lost_puts_all_at_rest(emulated):
    start_body(emulated)
    emulated.send(o.DriveCommand(0, 0, RAIL, 1, 0), o.Sync(SyncFlag.ON, 1000, 63, 0), run_us=3000)
    supply, rail = moves(emulated, 7, "high")[0], moves(emulated, 8, "high")[0]
    assert 200 <= rail - supply < 3000
    emulated.send(o.TransmitCommand(1, 3, 0, 0, bytes(200)), run_us=500)
    emulated.emulator.set_pin(0, 6, True)
    gone = emulated.emulator.now_us
    emulated.emulator.run(3000)
    off = [moves(emulated, pin, "low")[-1] for pin in (0, 10, 11, 8, 7)]
    assert all(300 <= at - gone < 350 for at in off)
    assert off[-2:] == sorted(off[-2:]), "the supply last"
    state = emulated.received_of(r.BoardState)[-1]
    assert (state.reason, state.flags) == (SafeStateReason.ABSENT, StateFlag.CONFIGURED | StateFlag.ALL_IDLE)
    assert not [at for at, _, _, took in emulated.emulator.pins if at > gone + 2000 and took in ("high", "uart")]


@pytest.mark.parametrize("busy", [False, True], ids=["alone", "under load"])
def test_the_frame_signal_keeps_within_2_us(emulated, busy):
    emulated.emulator.order("join", **{"from": [0, 0], "to": [0, 0]})
    start_body(emulated, baudrate=1_500_000)
    emulated.send(o.ReadState(), run_us=2000)
    emulated.received()
    began = round(emulated.emulator.now_us) + 3000
    emulated.send(o.Sync(SyncFlag.ON, 1000, 63, began), run_us=3500)
    for number in range(100):
        if busy:
            emulated.send(o.TransmitCommand(number, 3, 0, 0, bytes(130)), run_us=1000)
        else:
            emulated.emulator.run(1000)
    falls = [at for at in moves(emulated, 10, "low") if at > began - 10]
    rises = [at for at in moves(emulated, 10, "high") if at > began]
    assert len(falls) >= 100
    late = [at - (began + 1000 * n) for n, at in enumerate(falls)]
    late += [at - (began + 63 + 1000 * n) for n, at in enumerate(rises)]
    print(f"frame signal: {min(late):.2f} to {max(late):.2f} us behind its time")
    assert min(late) >= 0
    assert max(late) < 1


def test_a_host_that_closes_the_port_leaves_everything_at_rest(emulated):
    start_body(emulated)
    emulated.received()
    emulated.emulator.order("lines", board=0, value=0)
    at = emulated.emulator.now_us
    emulated.emulator.run(11_000)
    assert moves(emulated, 7, "low")[-1] - at < 10_000
    emulated.emulator.order("lines", board=0, value=3)
    emulated.greet(session=2)
    assert any(isinstance(message, r.HelloReply) for message in emulated.received())


@pytest.mark.parametrize("how", ["suspend", "unplug"])
def test_usb_that_goes_away_leaves_everything_at_rest(emulated, how):
    start_body(emulated)
    emulated.emulator.order(how, board=0, on=True)
    at = emulated.emulator.now_us
    emulated.emulator.run(30_000)
    # The emulator's bus reset takes 10 ms to come.
    assert moves(emulated, 7, "low")[-1] - at < (10_000 if how == "suspend" else 21_000)
    if how == "suspend":
        emulated.emulator.order(how, board=0, on=False)
    emulated.emulator.until_ready()
    emulated.emulator.usb_data[0] = b""
    emulated.greet(session=2)
    assert any(isinstance(message, r.HelloReply) for message in emulated.received())


def test_a_host_that_stalls_loses_nothing(emulated):
    emulated.emulator.order("join", **{"from": [0, 0], "to": [0, 0]})
    start_body(emulated, baudrate=1_500_000)
    emulated.received()
    data = bytes(n * 11 % 256 for n in range(10_000))
    emulated.emulator.order("reads", board=0, on=False)
    for at in range(0, len(data), 200):
        emulated.send(o.TransmitCommand(at // 200, 0, 0, 0, data[at : at + 200]), run_us=2000)
    emulated.emulator.run(400_000)
    emulated.emulator.order("reads", board=0, on=True)
    emulated.emulator.run(100_000)
    reports = emulated.received()
    assert b"".join(report.data for report in reports if isinstance(report, r.ReceivedBytes)) == data
    assert not [report for report in reports if isinstance(report, r.DataLost)]


def test_the_order_to_boot_mode_and_two_resets_lead_there(emulated):
    start_body(emulated)
    emulated.send(o.Bootloader())
    assert emulated.emulator.board_status(0)["boot_mode"]
    assert set(emulated.emulator.board_status(0)["states"]) == {"input"}


@pytest.mark.parametrize(("pause_us", "boots"), [(100_000, True), (700_000, False)])
def test_two_resets_in_a_row_lead_to_boot_mode(emulated, pause_us, boots):
    emulated.emulator.run(600_000)
    emulated.emulator.order("reset", board=0)
    emulated.emulator.run(pause_us)
    assert not emulated.emulator.board_status(0)["boot_mode"]
    emulated.emulator.order("reset", board=0)
    emulated.emulator.run(50_000)
    assert emulated.emulator.board_status(0)["boot_mode"] is boots


def test_wrong_rates_and_overruns_are_reported(emulated):
    start_body(emulated)
    emulated.received()
    emulated.emulator.feed(0, 0, b"\x55" * 5, baudrate=1_500_000)
    emulated.emulator.feed(0, 0, b"\xaa" * 3, broken=True)
    emulated.emulator.run(3000)
    assert sum(report.count for report in emulated.received_of(r.DataLost)) == 8


def test_the_clocks_are_set_for_the_mounts_rates(emulated):
    start_body(emulated, baudrate=1_500_000)
    told = sound(emulated)
    assert told["clk_sys"] == 125_000_000
    assert told["baudrates"] == [1_500_000, 1_500_000]
