"""Units of a half-duplex clocked link from logic lines, and what is read where a line or a bit is missing."""

import numpy as np
import pytest

from lensmount_hardware.captures.logic_analyser.clocked import decode_acknowledged
from lensmount_hardware.captures.logic_analyser.uart import LogicLine
from lensmount_hardware.captures.logic_analyser.waveform import analyse, render_steps
from lensmount_protocol.dialects.mft.dialect import MFT
from lensmount_protocol.dialects.mft.link import BIT_RATE, BODY_ACK, CLK, DATA, LENS_ACK
from lensmount_protocol.wire import Annotation, Burst, Defect, Edge, LineDefect, Role, WireRecord

RATE = 10_000_000
# A read and a plain command, as a program of github.com/stevenbell/microfourthirds sends them, commit 046255c.
UNITS = [
    (Role.BODY, "c0f60000"),
    (Role.LENS, "b6"),
    (Role.LENS, "05000a10c409e7"),
    (Role.BODY, "a0b0fe00"),
    (Role.LENS, "4e"),
]


def session() -> list[WireRecord]:
    """The units with the edges that frame them."""
    link = MFT.wiring.clocked
    assert link is not None
    at = 1e-3
    records: list[WireRecord] = [Edge(1e-4, CLK, True)]
    for sender, text in UNITS:
        data = bytes.fromhex(text)
        first, second = (BODY_ACK, LENS_ACK) if sender is Role.BODY else (LENS_ACK, BODY_ACK)
        end = at + link.duration(len(data))
        records += [Edge(at - 2e-5, first, True), Edge(at - 1e-5, second, True)]
        records += [Burst(at, sender, data, BIT_RATE, end, whole=True)]
        records += [Edge(end + 1e-5, second, False), Edge(end + 2e-5, first, False)]
        at = end + 1e-4
    return records


def lines_of(records: list[WireRecord]) -> dict[str, LogicLine]:
    waveform = analyse("test", records, MFT.wiring)
    where: list[np.ndarray] = []
    ports: list[np.ndarray] = []
    for steps, levels in render_steps(records, waveform, RATE, 0.0):
        where.append(steps)
        ports.append(levels)
    steps, levels = np.concatenate(where), np.concatenate(ports)
    lines: dict[str, LogicLine] = {}
    for index, name in enumerate(waveform.lines):
        high = np.concatenate(([waveform.initial[index]], (levels >> np.uint64(index) & np.uint64(1)).astype(bool)))
        lines[name] = LogicLine(waveform.initial[index], steps[high[1:] != high[:-1]], int(steps[-1]) + 1000)
    return lines


def units_of(records: list[WireRecord]) -> list[tuple[Role, str]]:
    return [(record.sender, record.data.hex()) for record in records if isinstance(record, Burst)]


def decode(lines: dict[str, LogicLine]) -> list[WireRecord]:
    return list(decode_acknowledged(lines, MFT.wiring, RATE))


def test_units_and_edges_around_them_are_read() -> None:
    records = session()
    read = decode(lines_of(records))
    assert units_of(read) == UNITS
    for line in (BODY_ACK, LENS_ACK):
        edges = [(edge.level, round(edge.at * 1e6)) for edge in records if isinstance(edge, Edge) and edge.line == line]
        found = [(edge.level, round(edge.at * 1e6)) for edge in read if isinstance(edge, Edge) and edge.line == line]
        assert found == [(False, 0), *edges]


def test_bytes_of_a_unit_are_acknowledged_one_by_one() -> None:
    lines = lines_of(session())
    # 5 units, and a pulse after each byte but the last: of the lens after all, of the body where the lens sends.
    assert len(lines[LENS_ACK].edges) == 2 * (5 + 3 + 6 + 3)
    assert len(lines[BODY_ACK].edges) == 2 * (5 + 6)
    assert len(lines[CLK].edges) == 2 * 8 * sum(len(text) // 2 for _, text in UNITS)


@pytest.mark.parametrize("missing", [BODY_ACK, LENS_ACK])
def test_missing_acknowledge_line_is_named_and_the_order_shows_the_sender(missing: str) -> None:
    lines = lines_of(session())
    del lines[missing]
    read = decode(lines)
    assert [(one.line, one.defect) for one in read if isinstance(one, LineDefect)] == [(missing, Defect.MISSING)]
    assert units_of(read) == UNITS


def test_inverted_clock_is_reported_and_read() -> None:
    lines = lines_of(session())
    clock = lines[CLK]
    lines[CLK] = LogicLine(not clock.initial, clock.edges, clock.length)
    read = decode(lines)
    assert [(one.line, one.defect) for one in read if isinstance(one, LineDefect)] == [(CLK, Defect.INVERTED)]
    assert units_of(read) == UNITS


def test_byte_of_seven_bits_is_named_with_its_place_and_later_units_are_read() -> None:
    lines = lines_of(session())
    clock = lines[CLK]
    second = 1 + 2 * 8 * 3
    lines[CLK] = LogicLine(clock.initial, np.delete(clock.edges, [second + 8, second + 9]), clock.length)
    read = decode(lines)
    notes = [record for record in read if isinstance(record, Annotation)]
    assert [note.text for note in notes] == ["CLK: a byte of 7 clock edges; a byte has 8; not taken as data"]
    assert units_of(read)[1:] == UNITS[1:]


def test_level_that_changes_inside_a_unit_is_kept_after_it() -> None:
    lines = lines_of(session())
    ack = lines[LENS_ACK]
    # The last byte of the first unit comes after three pulses; there the line stays low.
    lines[LENS_ACK] = LogicLine(ack.initial, np.delete(ack.edges, [6, 7]), ack.length)
    read = decode(lines)
    first = next(record for record in read if isinstance(record, Burst))
    edge = next(record for record in read if isinstance(record, Edge) and record.line == LENS_ACK and not record.level)
    assert edge.at == 0.0
    later = [one for one in read if isinstance(one, Edge) and one.line == LENS_ACK and one.at > (first.at or 0)]
    assert not later[0].level
    assert later[0].at == pytest.approx(first.end)


def test_capture_without_a_clock_gives_nothing() -> None:
    lines = lines_of(session())
    lines[CLK] = LogicLine(True, np.empty(0, np.int64), lines[CLK].length)
    assert decode(lines) == []
    assert DATA in lines
