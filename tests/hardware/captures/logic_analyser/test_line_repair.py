"""Bad lines of logic captures are named, repaired where that is possible, and never cost a frame."""

import json
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lensmount_hardware.captures.capture import without_lines
from lensmount_hardware.captures.logic_analyser import line_repair
from lensmount_hardware.captures.logic_analyser.logic_lines import decode_logic_lines
from lensmount_hardware.captures.logic_analyser.uart import LogicLine
from lensmount_hardware.captures.record_json import parse_object, record_from_json, record_to_json, records_from_json
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Defect, Edge, LineDefect, Role

RATE = 12e6
CYCLES = 24
PERIOD = 10e-3
LINES = {"emount": ("BODY_CS", "LENS_CS", "VD"), "lmount": ("BODY_ATT", "LENS_ATT", "FSYNC")}

Levels = dict[str, LogicLine]
Change = Callable[[Levels, str], Levels]


class Drawing:
    """Edges in samples, of a line that is high or low at rest."""

    def __init__(self, initial: bool) -> None:
        self.initial, self.level, self.edges = initial, initial, list[int]()

    def set(self, at: float, level: bool) -> None:
        if level is not self.level:
            self.level = level
            self.edges.append(round(at * RATE))

    def send(self, at: float, data: bytes, baudrate: int) -> float:
        for value in data:
            for number, level in enumerate((False, *(bool(value >> bit & 1) for bit in range(8)), True)):
                self.set(at + number / baudrate, level)
            at += 10 / baudrate
        return at

    def line(self, length: int) -> LogicLine:
        return LogicLine(self.initial, np.array(self.edges, np.int64), length)


def only_type(dialect, role: Role) -> int:
    """A message type that one end alone sends."""
    return next(
        number for sender, number in sorted(dialect.messages, key=lambda key: key[1])
        if sender is role and (role.peer, number) not in dialect.messages
    )  # fmt: skip


def session(dialect) -> Levels:
    """Cycles of a sync pulse, a frame of the body and one of the lens, each in its window."""
    names = {line.sender: (line.name, line.select) for line in dialect.wiring.serial}
    baudrate = dialect.wiring.baudrates[-1]
    drawn = {name: Drawing(True) for pair in names.values() for name in pair[:1]}
    drawn |= {select: Drawing(False) for _, select in names.values()} | {dialect.sync: Drawing(True)}
    for cycle in range(CYCLES):
        start = 1e-3 + cycle * PERIOD
        drawn[dialect.sync].set(start, False)
        drawn[dialect.sync].set(start + 60e-6, True)
        for role, at in ((Role.BODY, start + 1e-3), (Role.LENS, start + 4e-3)):
            name, select = names[role]
            kind = only_type(dialect, role)
            payload = bytes([kind]) + bytes(random.Random(cycle).randbytes(21))
            if dialect.name == "lmount":
                payload = bytes([kind, 19, 0]) + payload[3:]
            end = drawn[name].send(at, dialect.build_frame(payload, 1, cycle), baudrate)
            drawn[select].set(at - 20e-6, True)
            drawn[select].set(end + 15e-6, False)
    length = round((CYCLES * PERIOD + 5e-3) * RATE)
    return {name: drawing.line(length) for name, drawing in drawn.items()}


def read(lines: Levels, dialect) -> tuple[dict[Role, int], list[LineDefect]]:
    """Frames of each end with a message that only this end sends, and the defects, which come first."""
    events = list(Decoder(dialect).decode(decode_logic_lines(lines, dialect.wiring, RATE, 2.0)))
    defects = [event for event in events if isinstance(event, LineDefect)]
    assert events[: len(defects)] == defects
    right = {
        role: sum(
            isinstance(event, DecodedFrame)
            and event.sender is role
            and event.frame.payload[0] == only_type(dialect, role)
            for event in events
        )
        for role in Role
    }
    return right, defects


def with_edges(line: LogicLine, edges: Iterator[int] | list[int]) -> LogicLine:
    return LogicLine(line.initial, np.array(sorted(edges), np.int64), line.length)


def stuck(level: bool) -> Change:
    return lambda lines, name: lines | {name: LogicLine(level, np.empty(0, np.int64), lines[name].length)}


def missing(lines: Levels, name: str) -> Levels:
    return {other: line for other, line in lines.items() if other != name}


def pulses(width: float, during: bool) -> Change:
    """Three pulses of the other level in each window, or in each pause between windows."""

    def change(lines: Levels, name: str) -> Levels:
        line, dice = lines[name], random.Random(1)
        edges = line.edges.tolist()
        first = int(during == line.initial)
        added = list[int]()
        for start, stop in zip(edges[first::2], edges[first + 1 :: 2], strict=False):
            room = (stop - start) // 3
            for third in range(3):
                at = start + third * room + dice.randrange(100, room - round(width * RATE) - 50)
                added += [at, at + round(width * RATE)]
        return lines | {name: with_edges(line, edges + added)}

    return change


def bounce(lines: Levels, name: str) -> Levels:
    line = lines[name]
    edges = line.edges.tolist()
    return lines | {name: with_edges(line, edges + [edge + step for edge in edges for step in (6, 12, 20, 30)])}


def noise(lines: Levels, name: str) -> Levels:
    line, dice, at, edges = lines[name], random.Random(2), 0, list[int]()
    while (at := at + dice.randrange(300, 4000)) < line.length:
        edges.append(at)
    return lines | {name: with_edges(line, edges)}


SELECT_DEFECTS: dict[str, tuple[Change, Defect]] = {
    "high": (stuck(True), Defect.STUCK_HIGH),
    "low": (stuck(False), Defect.STUCK_LOW),
    "missing": (missing, Defect.MISSING),
    "short gaps": (pulses(0.5e-6, True), Defect.CHATTERS),
    "gaps inside bytes": (pulses(6e-6, True), Defect.CHATTERS),
    "spikes": (pulses(2e-6, False), Defect.CHATTERS),
    "bounce": (bounce, Defect.CHATTERS),
    "noise": (noise, Defect.CHATTERS),
}


@pytest.mark.parametrize("dialect", LINES)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", SELECT_DEFECTS)
def test_bad_select_line_is_named_and_costs_no_frame(dialect, which, name):
    spoken, line = load_dialect(dialect), LINES[dialect][which]
    change, defect = SELECT_DEFECTS[name]
    frames, defects = read(change(session(spoken), line), spoken)
    assert frames == {Role.BODY: CYCLES, Role.LENS: CYCLES}
    assert [(found.line, found.defect) for found in defects] == [(line, defect)]
    assert defects[0].text.startswith(f"{line} ")


@pytest.mark.parametrize("dialect", LINES)
def test_good_lines_have_no_defect(dialect):
    spoken = load_dialect(dialect)
    assert read(session(spoken), spoken) == ({Role.BODY: CYCLES, Role.LENS: CYCLES}, [])


@pytest.mark.parametrize("level", [True, False])
def test_select_line_lost_in_mid_session_names_the_moment(level):
    spoken = load_dialect("emount")
    lines = session(spoken)
    edges = lines["BODY_CS"].edges
    kept = edges[: len(edges) // 3 // 2 * 2 + level]
    lines["BODY_CS"] = LogicLine(False, kept, lines["BODY_CS"].length)
    frames, defects = read(lines, spoken)
    assert frames == {Role.BODY: CYCLES, Role.LENS: CYCLES}
    assert [found.defect for found in defects] == [Defect.STUCK_HIGH if level else Defect.STUCK_LOW]
    assert f"from {kept[-1] / RATE:.6f} s on" in defects[0].text


@pytest.mark.parametrize("dialect", LINES)
@pytest.mark.parametrize("what", [("select",), ("data",), ("select", "data")])
def test_swapped_lines_are_named_and_read_right(dialect, what):
    spoken = load_dialect(dialect)
    pairs = {"select": LINES[dialect][:2], "data": ("RXD", "TXD")}
    lines = session(spoken)
    for kind in what:
        one, other = pairs[kind]
        lines |= {one: lines[other], other: lines[one]}
    frames, defects = read(lines, spoken)
    assert frames == {Role.BODY: CYCLES, Role.LENS: CYCLES}
    assert {found.line for found in defects} == {name for kind in what for name in pairs[kind]}
    assert {found.defect for found in defects} == {Defect.SWAPPED}


@pytest.mark.parametrize("name", ["emount", "lmount"])
def test_swapped_lines_are_found_beyond_the_first_sample(name, monkeypatch):
    monkeypatch.setattr(line_repair, "SAMPLED_EDGES", (20, 10_000))
    dialect = load_dialect(name)
    one, other = dialect.wiring.serial
    lines = session(dialect)
    lines[one.name], lines[other.name] = lines[other.name], lines[one.name]
    right, defects = read(lines, dialect)
    assert right == dict.fromkeys(Role, CYCLES)
    assert {found.defect for found in defects} == {Defect.SWAPPED}


@pytest.mark.parametrize("name", ["emount", "lmount"])
def test_good_lines_are_sampled_once(name, monkeypatch):
    sampled = []
    first_runs = line_repair._LineRepair._first_runs
    monkeypatch.setattr(
        line_repair._LineRepair,
        "_first_runs",
        lambda self, line, select, edges: (sampled.append(edges), first_runs(self, line, select, edges))[1],
    )
    dialect = load_dialect(name)
    assert not read(session(dialect), dialect)[1]
    assert sampled == [line_repair.SAMPLED_EDGES[0]] * 2


@pytest.mark.parametrize("level", [True, False])
@pytest.mark.parametrize("line", ["RXD", "TXD"])
def test_dead_serial_line_leaves_the_other_direction(line, level):
    spoken = load_dialect("emount")
    frames, defects = read(stuck(level)(session(spoken), line), spoken)
    assert sorted(frames.values()) == [0, CYCLES]
    assert [(found.line, found.defect) for found in defects] == [
        (line, Defect.STUCK_HIGH if level else Defect.STUCK_LOW)
    ]
    frames, defects = read(missing(session(spoken), line), spoken)
    assert sorted(frames.values()) == [0, CYCLES]


@pytest.mark.parametrize("dialect", LINES)
@pytest.mark.parametrize(
    ("change", "defect"),
    [(stuck(True), Defect.STUCK_HIGH), (stuck(False), Defect.STUCK_LOW), (missing, Defect.MISSING)],
)
def test_dead_sync_line_is_named(dialect, change, defect):
    spoken = load_dialect(dialect)
    frames, defects = read(change(session(spoken), spoken.sync), spoken)
    assert frames == {Role.BODY: CYCLES, Role.LENS: CYCLES}
    assert [(found.line, found.defect) for found in defects] == [(spoken.sync, defect)]


def test_defects_survive_a_recording():
    for at in (None, 1.5):
        for defect in Defect:
            record = LineDefect("BODY_CS", defect, "BODY_CS is bad", defect is Defect.CHATTERS, at)
            text = record_to_json(record)
            assert record_from_json(parse_object(text)) == record
            assert records_from_json(text.encode() + b"\n") == [record]
            assert json.loads(text)["note"] == "BODY_CS is bad"


def test_line_that_is_left_out_brings_no_record(wiring):
    records = [
        LineDefect("BODY_CS", Defect.STUCK_HIGH, "x"),
        Edge(0.0, "BODY_CS", True),
        Edge(0.0, "VD", True),
        Burst(0.1, Role.LENS, b"1", 750_000),
        Burst(0.1, Role.BODY, b"1", 750_000),
    ]
    assert list(without_lines(records, wiring, {"BODY_CS"})) == records[2:]
    assert list(without_lines(records, wiring, {"RXD"})) == [*records[:3], records[4]]


def test_random_lines_raise_nothing():
    dice = random.Random(5)
    for number in range(150):
        spoken = load_dialect("emount" if number % 2 else "lmount")
        length, lines = dice.randrange(1, 100_000), Levels()
        for name in spoken.wiring.lines:
            step = dice.choice([1, 8, 80, 4000])
            edges = np.cumsum([dice.randrange(1, step + 1) for _ in range(dice.choice([0, 1, 2, 3, 50, 300]))])
            edges = edges.astype(np.int64)
            lines[name] = LogicLine(dice.random() < 0.5, edges[edges < length], length)
        kept = {name: line for name, line in lines.items() if dice.random() < 0.8}
        list(Decoder(spoken).decode(decode_logic_lines(kept, spoken.wiring, dice.choice([6e6, 12e6, 1e9]))))


def test_line_that_only_chatters_is_ignored():
    spoken = load_dialect("emount")
    lines = session(spoken)
    at = int(lines["TXD"].edges[40]) + 3
    lines["BODY_CS"] = LogicLine(True, np.array([at, at + 200], np.int64), lines["BODY_CS"].length)
    frames, defects = read(lines, spoken)
    assert frames == {Role.BODY: CYCLES, Role.LENS: CYCLES}
    assert [(found.defect, found.ignored) for found in defects] == [(Defect.CHATTERS, True)]
