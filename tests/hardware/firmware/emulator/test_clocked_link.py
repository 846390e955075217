"""The shipped image on a clocked link: every mode of the clock, both ends, both lines of a sniffer, and how fast."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from emulated.emulator import EmulatedHost, Emulator
from lensmount_hardware.boards.protocol.commands import (
    ClockedLinkCommand,
    Configure,
    DriveCommand,
    MappedLine,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import BoardRole, LineFlag, LineKind, LinkFlag
from lensmount_hardware.boards.protocol.reports import BurstReceived, MessageRejected, TransmitDone
from lensmount_protocol.wire import ClockedLink, Role

OUT, DOWN = LineFlag.OUTPUT, LineFlag.PULL_DOWN
LINK = ClockedLink("CLK", Role.BODY, bit_rate=1_500_000, gap_s=10e-6, burst_sizes=(4, 131), idle_byte=0xA5)
HIGHEST_BIT_RATE = 2_000_000
DATA_OUT, DATA_IN, CLOCK, OTHER_DATA, DETECT, SUPPLY = 0, 1, 2, 5, 6, 7
BLOCK, OTHER = bytes(range(1, 132)), bytes((7 * n + 1) & 0xFF for n in range(131))


def start(emulator: Emulator, role: BoardRole, link: ClockedLink, *lines: MappedLine) -> EmulatedHost:
    host = EmulatedHost(emulator, 0)
    emulator.set_pin(0, CLOCK, link.idle_high)
    host.greet()
    flags = link.idle_high * LinkFlag.IDLE_HIGH | link.sampled_on_rise * LinkFlag.SAMPLED_ON_RISE
    flags |= link.msb_first * LinkFlag.MSB_FIRST
    timing = Timing(presence_us=200, watchdog_ms=0)
    host.send(
        ClockedLinkCommand(flags, link.idle_byte, 10),
        Configure(role, 0, min(link.bit_rate, HIGHEST_BIT_RATE), timing, lines),
    )
    assert host.received_of(MessageRejected) == []
    return host


def lens(emulator: Emulator, link: ClockedLink) -> EmulatedHost:
    host = start(
        emulator,
        BoardRole.LENS,
        link,
        MappedLine(SUPPLY, LineKind.SUPPLY, DOWN),
        MappedLine(CLOCK, LineKind.CLOCK),
        MappedLine(DATA_OUT, LineKind.DATA, OUT),
        MappedLine(DATA_IN, LineKind.DATA),
    )
    emulator.set_pin(0, SUPPLY, True)
    emulator.run(1000)
    return host


@pytest.mark.parametrize("sampled_on_rise", [True, False], ids=["rise", "fall"])
@pytest.mark.parametrize("idle_high", [True, False], ids=["idle high", "idle low"])
def test_a_unit_goes_out_while_another_comes_in(
    new_emulator: Callable[..., Emulator], idle_high: bool, sampled_on_rise: bool
) -> None:
    emulator = new_emulator()
    link = replace(LINK, idle_high=idle_high, sampled_on_rise=sampled_on_rise, msb_first=idle_high)
    host = lens(emulator, link)
    host.send(TransmitCommand(1, 0, 0, 0, OTHER[:7]))
    for bits in (64, 31, 3, 64):
        emulator.clock_burst(0, link, CLOCK, {DATA_IN: BLOCK[:8]}, DATA_OUT, bits=bits)
        emulator.run(400)
    bursts = host.received_of(BurstReceived)
    assert [(one.count, one.bits) for one in bursts] == [(8, 0), (4, 7), (1, 3), (8, 0)]
    assert bursts[0].data == bursts[3].data == BLOCK[:8]
    assert bursts[1].data[:3] == BLOCK[:3]
    assert emulator.shifted[0][3] == OTHER[:7] + b"\xa5", "the burst is longer than the unit"
    assert emulator.shifted[3][3] == b"\xa5" * 8


def test_a_block_at_the_highest_rate_is_whole_both_ways(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator()
    link = replace(LINK, bit_rate=HIGHEST_BIT_RATE)
    host = lens(emulator, link)
    host.send(TransmitCommand(1, 0, 0, 0, OTHER))
    emulator.clock_burst(0, link, CLOCK, {DATA_IN: BLOCK}, DATA_OUT)
    emulator.run(3000)
    (burst,) = host.received_of(BurstReceived)
    assert (burst.data, burst.bits) == (BLOCK, 0)
    assert emulator.shifted[0][3] == OTHER
    print(f"interrupts of {HIGHEST_BIT_RATE} bit/s: {emulator.board_status(0)['worst']['clocked link']}")


def test_a_sniffer_receives_both_lines_at_the_highest_rate(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator()
    link = replace(LINK, bit_rate=HIGHEST_BIT_RATE)
    host = start(
        emulator,
        BoardRole.SNIFFER,
        link,
        MappedLine(SUPPLY, LineKind.SUPPLY),
        MappedLine(CLOCK, LineKind.CLOCK),
        MappedLine(DATA_IN, LineKind.DATA),
        MappedLine(OTHER_DATA, LineKind.DATA),
    )
    # Power that comes and goes moves the clock, and is no bit.
    for level in (False, True):
        emulator.set_pin(0, CLOCK, level)
        emulator.run(500)
    emulator.clock_burst(0, link, CLOCK, {DATA_IN: BLOCK, OTHER_DATA: OTHER}, None)
    emulator.run(3000)
    one, other = host.received_of(BurstReceived)
    assert [(one.line, one.data, one.bits), (other.line, other.data, other.bits)] == [(2, BLOCK, 0), (3, OTHER, 0)]
    assert [state for _, _, pin, state in emulator.pins if pin in (CLOCK, DATA_IN, OTHER_DATA)] == []


@pytest.mark.parametrize("mode", [(True, True), (True, False), (False, True)], ids=["3", "2", "0"])
def test_a_body_clocks_its_units_at_its_rate(new_emulator: Callable[..., Emulator], mode: tuple[bool, bool]) -> None:
    emulator = new_emulator()
    link = replace(LINK, idle_high=mode[0], sampled_on_rise=mode[1])
    # What the body sends comes back to it.
    emulator.order("wire", pins=[[0, DATA_OUT], [0, DATA_IN]], pull=False)
    host = start(
        emulator,
        BoardRole.BODY,
        link,
        MappedLine(DETECT, LineKind.PRESENCE, LineFlag.PULL_UP),
        MappedLine(SUPPLY, LineKind.SUPPLY, OUT),
        MappedLine(CLOCK, LineKind.CLOCK, OUT),
        MappedLine(DATA_OUT, LineKind.DATA, OUT),
        MappedLine(DATA_IN, LineKind.DATA),
    )
    host.send(DriveCommand(0, 0, 1, 1, 0))
    moves = len(emulator.pins)
    host.send(TransmitCommand(1, 0, 0, 0, OTHER[:16]), TransmitCommand(2, 0, 0, 0, OTHER[16:20]))
    heard = [one for one in host.received() if isinstance(one, BurstReceived | TransmitDone)]
    assert [one.data for one in heard if isinstance(one, BurstReceived)] == [OTHER[:16], OTHER[16:20]]
    first, second = (one for one in heard if isinstance(one, TransmitDone))
    assert second.begin_us - first.end_us > 10 + 8e6 / link.bit_rate
    away = "low" if link.idle_high else "high"
    leads = [at for at, _, pin, state in emulator.pins[moves:] if pin == CLOCK and state == away]
    assert len(leads) == 8 * 20
    period_us = (leads[127] - leads[0]) / 127
    assert period_us == pytest.approx(1e6 / link.bit_rate, rel=0.001)
    rests = [at for at, _, pin, state in emulator.pins[moves:] if pin == CLOCK and state != away]
    assert rests[-1] > leads[-1], "the clock is at rest after the last bit"


def test_times_between_host_and_clock(new_emulator: Callable[..., Emulator]) -> None:
    """A burst until its report is with the host, and a unit from the host until it is loaded: the firmware and USB."""
    emulator = new_emulator()
    host = lens(emulator, LINK)
    told, loaded = list[float](), list[float]()
    for turn in range(8):
        emulator.run(137 * turn)
        emulator.clock_burst(0, LINK, CLOCK, {DATA_IN: BLOCK[:4]}, DATA_OUT)
        for _ in range(100):
            if host.received_of(BurstReceived):
                break
            emulator.run_until(emulator.now_us + 5000, unless_usb=True)
        told.append(emulator.now_us - emulator.shifted[-1][1])
        # The queue is in turn: the line, low before, is high when the unit before it is loaded.
        host.send(DriveCommand(1, 0, 2, 0, 0))
        moves = len(emulator.pins)
        host.send(TransmitCommand(2, 0, 0, 0, b"\xff" * 4), DriveCommand(3, 1, 2, 1, 0), run_us=0)
        began, rises = emulator.now_us, list[float]()
        for _ in range(100):
            emulator.run(10)
            rises = [at for at, _, pin, state in emulator.pins[moves:] if pin == DATA_OUT and state == "high"]
            if rises:
                break
        assert rises, f"turn {turn}: no unit is loaded within 1 ms"
        loaded.append(rises[0] - began)
        emulator.run(200)
        emulator.clock_burst(0, LINK, CLOCK, {DATA_IN: BLOCK[:4]}, DATA_OUT)
        emulator.run(500)
        assert emulator.shifted[-1][3] == b"\xff" * 4
        host.received()
    assert max(told) < 250
    assert max(loaded) < 150
    print(f"a burst is with the host {min(told):.0f} to {max(told):.0f} us after its last bit; a unit is loaded "
          f"{min(loaded):.0f} to {max(loaded):.0f} us after the host's order")  # fmt: skip
