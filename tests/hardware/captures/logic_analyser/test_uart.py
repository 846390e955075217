"""Edges to bytes: rates, phases, pauses, windows and damage, from signals drawn in the test."""

from dataclasses import replace

import numpy as np
import pytest

from lensmount_hardware.captures.logic_analyser import uart
from lensmount_hardware.captures.logic_analyser.uart import LogicLine, decode_uart, transitions
from lensmount_protocol.wire import Annotation, Burst

FRAME = bytes.fromhex("f00a0002000d00190055")
OTHER = bytes.fromhex("f00b0002000b6000780055")


def logic_line(levels: np.ndarray) -> LogicLine:
    port = levels.astype(np.uint8)
    return LogicLine(bool(port[0]), transitions(port, int(port[0]), 0)[0], len(port))


def decode(signal, wiring, line="TXD", select=True):
    serial = next(serial for serial in wiring.serial if serial.name == line)
    count = len(signal.samples())
    windows = logic_line(signal.levels(serial.select, count)) if select else None
    return list(decode_uart(logic_line(signal.levels(line, count)), windows, serial, wiring, signal.rate))


def bytes_of(records) -> bytes:
    return b"".join(record.data for record in records if isinstance(record, Burst))


@pytest.mark.parametrize("rate", [4.5e6, 6e6, 8e6, 10e6, 12.5e6, 24e6])
@pytest.mark.parametrize("baudrate", [750_000, 1_500_000])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.75])
def test_bytes_times_and_rate_at_any_sample_rate_and_phase(signal, wiring, rate, baudrate, phase):
    wave = signal(rate)
    at = 100e-6 + phase / rate
    wave.window("TXD", "BODY_CS", at, FRAME, baudrate)
    [burst] = decode(wave, wiring)
    assert (burst.data, burst.baudrate) == (FRAME, baudrate)
    assert 0 <= burst.at - at <= 1 / rate + 1e-12
    assert abs(burst.end - (at + len(FRAME) * 10 / baudrate)) <= 2 / rate


@pytest.mark.parametrize("value", range(256))
def test_every_byte_value_survives(signal, wiring, value):
    wave = signal()
    wave.window("RXD", "LENS_CS", 100e-6, bytes([0xF0, value, value]), 1_500_000)
    assert bytes_of(decode(wave, wiring, "RXD")) == bytes([0xF0, value, value])


@pytest.mark.parametrize("deviation", [-0.02, 0.02])
def test_a_sender_whose_clock_is_off_is_still_timed_to_the_sample(signal, wiring, deviation):
    wave = signal(12e6)
    data = FRAME * 10
    starts = wave.window("TXD", "BODY_CS", 100e-6, data, 750_000 * (1 + deviation))
    [burst] = decode(wave, wiring)
    assert burst.data == data
    assert max(abs(burst.byte_at(index) - start) for index, start in enumerate(starts)) <= 2 / wave.rate


def test_rates_may_change_from_window_to_window(signal, wiring):
    wave = signal()
    rates = [750_000, 1_500_000, 750_000, 1_500_000]
    for number, rate in enumerate(rates):
        wave.window("TXD", "BODY_CS", 1e-3 * (number + 1), FRAME, rate)
    bursts = decode(wave, wiring)
    assert [(burst.data, burst.baudrate) for burst in bursts] == [(FRAME, rate) for rate in rates]


def test_a_pause_begins_a_new_burst(signal, wiring):
    wave = signal()
    starts = wave.window("TXD", "BODY_CS", 100e-6, FRAME, 750_000, gap=lambda index: 150e-3 if index == 3 else 0.0)
    first, second = decode(wave, wiring)
    assert first.data + second.data == FRAME
    assert len(first.data) == 4
    assert second.at == pytest.approx(starts[4], abs=1 / wave.rate)
    assert first.end == pytest.approx(starts[3] + 10 / 750_000, abs=1 / wave.rate)


@pytest.mark.parametrize("gap_bits", [0.1, 0.4, 0.9])
@pytest.mark.parametrize("where", [{4}, {1, 2, 3}, set(range(10))])
def test_small_gaps_never_move_a_byte_by_more_than_a_sample(signal, wiring, gap_bits, where):
    wave = signal(24e6)
    gap = gap_bits / 750_000
    starts = wave.window("TXD", "BODY_CS", 100e-6, FRAME, 750_000, gap=lambda index: gap if index in where else 0.0)
    bursts = decode(wave, wiring)
    assert bytes_of(bursts) == FRAME
    told = [burst.byte_at(index) for burst in bursts for index in range(len(burst.data))]
    assert max(abs(at - start) for at, start in zip(told, starts, strict=True)) <= 2 / wave.rate


def test_a_select_edge_parts_bursts_even_without_a_pause(signal, wiring):
    wave = signal()
    starts = wave.send("TXD", 100e-6, FRAME + OTHER, 750_000)
    wave.pulse("BODY_CS", 80e-6, starts[len(FRAME)] - 2e-6)
    first, second = decode(wave, wiring)
    assert (first.data, second.data) == (FRAME, OTHER)


def test_outside_any_window_the_rate_of_the_window_before_holds(signal, wiring):
    wave = signal()
    wave.window("TXD", "BODY_CS", 1e-3, FRAME, 1_500_000)
    # By itself this byte, whose pulses are all two bits or more, would pass for one at the slower rate.
    stray = b"\xcc"
    wave.send("TXD", 2e-3, stray, 1_500_000)
    assert [(burst.data, burst.baudrate) for burst in decode(wave, wiring)] == [
        (FRAME, 1_500_000),
        (stray, 1_500_000),
    ]


def test_a_select_line_that_never_moves_is_as_good_as_none(signal, wiring):
    wave = signal()
    wave.send("TXD", 1e-3, FRAME, 750_000)
    wave.send("TXD", 2e-3, OTHER, 1_500_000)
    for select in (True, False):
        assert [(burst.data, burst.baudrate) for burst in decode(wave, wiring, select=select)] == [
            (FRAME, 750_000),
            (OTHER, 1_500_000),
        ]


@pytest.mark.parametrize(
    ("rate", "damaged"),
    [(1_500_000, "000b0002000b"), (1_500_000, "e10b02"), (750_000, "ff0a00"), (750_000, "810102")],
)
def test_a_damaged_first_byte_does_not_hide_the_rate(signal, wiring, rate, damaged):
    wave = signal()
    wave.window("TXD", "BODY_CS", 1e-3, FRAME, 2_250_000 - rate)
    wave.window("TXD", "BODY_CS", 2e-3, bytes.fromhex(damaged), rate)
    assert decode(wave, wiring)[-1].data.hex() == damaged


def test_a_line_that_is_low_until_its_uart_starts_says_nothing(signal, wiring):
    wave = signal(initial={"TXD": False})
    wave.pulse("TXD", 1.3178e-3, 1.3218e-3)
    wave.pulse("TXD", 1.3258e-3, 1.3298e-3)
    wave.set("BODY_CS", 3e-3, True)
    wave.set("TXD", 3.01e-3, True)
    wave.set("BODY_CS", 8e-3, False)
    wave.window("TXD", "BODY_CS", 10e-3, FRAME, 750_000)
    assert [burst.data for burst in decode(wave, wiring)] == [FRAME]


def test_a_missing_stop_bit_is_remarked_upon_and_the_next_bytes_are_read(signal, wiring):
    wave = signal()
    wave.window("TXD", "BODY_CS", 1e-3, FRAME + b"\x0f" + OTHER, 750_000, broken=frozenset({len(FRAME)}))
    wave.window("TXD", "BODY_CS", 3e-3, OTHER, 750_000)
    records = decode(wave, wiring)
    [remark] = [record for record in records if isinstance(record, Annotation)]
    assert "TXD" in remark.text
    assert "stop bit" in remark.text
    assert remark.at == pytest.approx(1e-3 + len(FRAME) * 10 / 750_000, abs=1 / wave.rate)
    assert records[0].data == FRAME
    assert records[-1].data == OTHER


def test_a_break_is_no_byte(signal, wiring):
    wave = signal()
    wave.window("TXD", "BODY_CS", 1e-3, FRAME, 750_000)
    wave.pulse("TXD", 2e-3, 5e-3, level=False)
    wave.window("TXD", "BODY_CS", 6e-3, OTHER, 750_000)
    assert [burst.data for burst in decode(wave, wiring)] == [FRAME, OTHER]


def test_a_byte_that_the_capture_cuts_is_no_data(signal, wiring):
    wave = signal()
    starts = wave.window("TXD", "BODY_CS", 1e-3, FRAME, 750_000)
    count = int((starts[-1] + 5 / 750_000) * wave.rate)
    levels, select = wave.levels("TXD", count), wave.levels("BODY_CS", count)
    records = list(decode_uart(logic_line(levels), logic_line(select), wiring.serial[1], wiring, wave.rate))
    assert bytes_of(records) == FRAME[:-1]


@pytest.mark.parametrize("cut", [1, 2, 3, 100, 4095])
def test_transitions_do_not_depend_on_how_the_samples_are_cut(cut):
    samples = np.random.default_rng(7).integers(0, 3, 10_000).astype(np.uint8)
    whole, values = transitions(samples, int(samples[0]), 0)
    found, before = [], int(samples[0])
    for first in range(0, len(samples), cut):
        chunk = samples[first : first + cut]
        at, became = transitions(chunk, before, first)
        found += zip(at.tolist(), became.tolist(), strict=True)
        before = int(chunk[-1])
    assert found == list(zip(whole.tolist(), values.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_noise_gives_records_in_time_order_and_no_error(wiring, seed):
    random = np.random.default_rng(seed)
    levels = random.random(20_000) < random.random()
    records = list(decode_uart(logic_line(levels), None, wiring.serial[0], wiring, 6e6))
    assert [record.at for record in records] == sorted(record.at for record in records)
    assert all(record.data for record in records if isinstance(record, Burst))


def test_a_line_that_never_moves_says_nothing(wiring):
    for level in (True, False):
        assert list(decode_uart(logic_line(np.full(100, level)), None, wiring.serial[0], wiring, 6e6)) == []


def plainly(line: LogicLine, bit: float) -> list[tuple[int, bool]]:
    """Each character's value and whether it is stopped, by looking at one level after the other."""
    found, last = [], -1e9
    for fall in line.falls.tolist():
        if fall >= last + 9 * bit:
            middles = [fall + int((index + 0.5) * bit) for index in range(10)]
            levels = [line.initial ^ (sum(edge <= middle for edge in line.edges.tolist()) % 2) for middle in middles]
            stopped = bool(not levels[0] and levels[9] and middles[9] < line.length)
            found.append((sum(level << index for index, level in enumerate(levels[1:9])), stopped))
            last = fall
    return found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("block", [5, 65536])
def test_noise_is_sampled_in_the_middle_of_each_bit(wiring, monkeypatch, seed, block):
    monkeypatch.setattr(uart, "_BLOCK", block)
    rng = np.random.default_rng(seed)
    bit = 6e6 / 750_000
    # No low is as long as a break, and some characters begin in front of the middle of a stop bit.
    edges = np.cumsum(rng.uniform(1, rng.choice([2, 5, 9]) * bit, 300)).astype(np.int64)
    line = LogicLine(True, edges, int(edges[-1]) + 30)
    slow = replace(wiring, baudrates=(750_000,))
    records = list(decode_uart(line, None, wiring.serial[0], slow, 6e6))
    expected = plainly(line, bit)
    assert bytes_of(records) == bytes(value for value, stopped in expected if stopped)
    texts = [record.text for record in records if isinstance(record, Annotation)]
    unstopped = [f"0x{value:02x}" for value, stopped in expected if not stopped]
    assert len(texts) == len(unstopped)
    assert all(value in text for value, text in zip(unstopped, texts, strict=True))
