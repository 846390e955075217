"""Columns of decoded traffic: the same events, lines and field values as the decoder gives."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic.event_columns import FRAME, EventColumns
from lensmount_emulator.traffic.field_columns import LastValue
from lensmount_protocol.codec.lazy_construct import Int8ub, Int16ub
from lensmount_protocol.decoder import DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message
from lensmount_protocol.payload import message_table
from lensmount_protocol.unit_forms import DeclaredUnitFormat, UnitBits, UnitBytes, UnitForm
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

PAIRS = {
    "emount": ("a6000", "sel55210", "wait 0.1; focus 0x4200; sleep"),
    "lmount": ("panasonic-s5ii", "panasonic-s-20-60mm-f3.5-5.6", "focus 2m; sleep"),
}


CLOCKED = {
    "fuji-g": ("gfx50r", "gf45", "focus 800; iris 3"),
    "mft": ("e-pl1", "bell-lens", "aperture 0x3b2; focus 0x24e"),
}
"""Links whose frames hold no type byte as such."""


@pytest.fixture(scope="module", params=sorted(PAIRS))
def traffic(request):
    return played(*PAIRS[request.param])


def played(body, lens, script):
    result = run_loopback(body, lens, script=script, seed=7, faults=["bitflip rate=1e-4"])
    events = list(OrderedDecoder(Decoder(result.dialect)).decode(result.records))
    return result.dialect, events, EventColumns(result.dialect).add_all(events)


def same(one, other) -> bool:
    if not isinstance(one, DecodedFrame):
        return one == other
    plain = [dataclasses.asdict(frame) | {"frame": frame.frame.raw} for frame in (one, other)]
    return plain[0] == plain[1] and one.messages == other.messages


def test_rows_give_the_events_of_the_decoder(traffic):
    _, events, columns = traffic
    rows = [event for event in events if not isinstance(event, Edge)]
    assert len(columns) == len(rows) > 50
    assert [number for number, pair in enumerate(zip(rows, columns.events(), strict=True)) if not same(*pair)] == []


def test_lines_give_the_edges_of_the_decoder(traffic):
    _, events, columns = traffic
    for name, line in columns.lines().items():
        edges = [(event.at, event.level) for event in events if isinstance(event, Edge) and event.line == name]
        assert list(zip(line.at.tolist(), map(bool, line.level.tolist()), strict=True)) == edges
    assert columns.edge_count == sum(isinstance(event, Edge) for event in events)


def test_every_field_has_the_values_of_the_messages(traffic):
    _, events, columns = traffic
    assert len(columns.field_names()) > 40
    check_fields(events, columns)


@pytest.mark.parametrize("dialect", sorted(CLOCKED))
def test_every_field_of_a_clocked_link_has_the_values_of_the_messages(dialect):
    _, events, columns = played(*CLOCKED[dialect])
    assert len(columns.field_names()) > 20
    check_fields(events, columns)
    rows = [event for event in events if not isinstance(event, Edge)]
    assert [number for number, pair in enumerate(zip(rows, columns.events(), strict=True)) if not same(*pair)] == []


def check_fields(events, columns):
    frames = [event for event in events if isinstance(event, DecodedFrame)]
    for name in columns.field_names():
        kind, _, path = name.partition(".")
        expected = [
            getattr(message, path)
            for frame in frames
            for message in frame.messages
            if type(message).__name__ == kind and _on_the_wire(message, path)
        ]
        assert columns.field(name).values.tolist() == expected, name


def _on_the_wire(message: Message, name: str) -> bool:
    blocks = getattr(message, "blocks", None)
    return blocks is None or any(spec.name == name for spec in type(message).fields_with(blocks))


def test_answers_name_the_request_row(traffic):
    _, _, columns = traffic
    rows = columns.rows()
    pairs = [(row, request) for row, request in enumerate(rows["answers"].tolist()) if request >= 0]
    assert len(pairs) > 4
    for row, request in pairs:
        assert request < row
        assert columns.composition(request).sender is Role.BODY
        assert columns.composition(row).sender is Role.LENS
        assert rows["at"][row] > rows["end"][request]


def test_states_begin_and_end_as_the_script_has_it(traffic):
    _, _, columns = traffic
    assert columns.states[-1].state == "OFF" or "ASLEEP" in {change.state for change in columns.states}


def test_an_unknown_field_is_named(traffic):
    _, _, columns = traffic
    with pytest.raises(DialectError, match="unknown message 'Nothing'"):
        columns.field("Nothing.here")
    kind = columns.field_names()[0].partition(".")[0]
    with pytest.raises(DialectError, match=f"unknown field of {kind} 'nothing'"):
        columns.field(f"{kind}.nothing")


@message(0x41, Role.BODY, Evidence(EvidenceLevel.MODELLED, "this test"))
class Move(Message):
    """A position in bytes of the unit, a speed in bits of one."""

    position: int = field(Int16ub, "position")
    speed: int = field(Int8ub, "speed")


def test_columns_of_declared_units_are_the_values_of_the_messages():
    parts = (0x41, UnitBytes(1, 2), UnitBits(-1, 1, 2, 4))
    one = DeclaredUnitFormat((UnitForm("unit", 0, (5, 6), (), parts),))
    dialect = dataclasses.replace(
        load_dialect("fuji-g"),
        name="own",
        formats=dict.fromkeys(Role, one),
        messages=message_table((Move,)),
        trigger_for=lambda *_: None,
        selecting=frozenset(),
    )
    units = [bytes((9, number, 7 * number & 255, 9, 5 * number & 63, *(3,) * (number % 2))) for number in range(1, 40)]
    for some in (units, units[::2]):
        records = [Burst(number * 1e-3, Role.BODY, unit, 125_000) for number, unit in enumerate(some)]
        events = [one for one in Decoder(dialect).decode(records) if isinstance(one, DecodedFrame)]
        columns = EventColumns(dialect).add_all(events)
        found = [event.messages[0] for event in events]
        assert len(found) == len(some)
        assert columns.field("Move.position").values.tolist() == [one.position for one in found]
        assert columns.field("Move.speed").values.tolist() == [one.speed for one in found]
        assert found[0].position == 0x107


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Role)), st.binary(min_size=1, max_size=40)), max_size=12))
def test_noise_keeps_every_byte(bursts):
    dialect = load_dialect("emount")
    records = [Burst(number * 1e-3, sender, data, 750_000) for number, (sender, data) in enumerate(bursts)]
    columns = EventColumns(dialect).add_all(OrderedDecoder(Decoder(dialect)).decode(records))
    rows = columns.rows()
    assert sum(rows["size"].tolist()) + sum(rows["padding"].tolist()) == sum(len(data) for _, data in bursts)
    assert all(not math.isnan(at) for at in rows["at"][rows["kind"] == FRAME].tolist())


@pytest.mark.parametrize("name", ["FocusState.position", "LensCapabilities.shortest_um", "Exposure.duration_us"])
def test_last_value_is_that_of_the_whole_field_while_traffic_grows(name, monkeypatch):
    monkeypatch.setattr("lensmount_emulator.traffic.field_columns.SCANNED", 7)
    result = run_loopback("panasonic-s5ii", "sigma-45mm-f2.8-dg-dn", script="focus 2m; expose 1/60", seed=2)
    events = list(OrderedDecoder(Decoder(result.dialect)).decode(result.records))
    whole = EventColumns(result.dialect).add_all(events)
    column = whole.field(name)

    def expected(at):
        place = int(np.searchsorted(column.at, at, side="right")) - 1
        return (-1, None) if place < 0 else (int(column.row[place]), column.values[place])

    growing, last = EventColumns(result.dialect), LastValue(name)
    for number, event in enumerate(events):
        growing.add(event)
        if number % 31 == 0 and len(growing):
            at = float(np.nanmax(growing.column("at")))
            found = last.find(growing, at)
            assert (last.row, last.value) == expected(at)
            assert found == (last.row >= 0)
    # Backwards as well, as a user moves the cursor.
    for at in (2.0, 0.4, 0.41, 0.01, 1.0):
        last.find(growing, at)
        assert (last.row, last.value) == expected(at)


def test_last_value_is_found_among_rows_without_a_time():
    result = run_loopback("panasonic-s5ii", "sigma-45mm-f2.8-dg-dn", script="focus 2m; expose 1/60", seed=2)
    columns = EventColumns(result.dialect)
    for number, event in enumerate(OrderedDecoder(Decoder(result.dialect)).decode(result.records)):
        columns.add(event)
        # Such as damaged lines of a recording give, one by one and many at once.
        for _ in range((number % 7 == 0) + 40 * (number % 97 == 0)):
            columns.add(Annotation(None, "a damaged line", incomplete=True))
    times = columns.column("at")
    known = times[~np.isnan(times)]
    for name in ("FocusState.position", "Exposure.duration_us"):
        column, last = columns.field(name), LastValue(name)
        for at in [*np.linspace(0.0, known[-1] + 0.1, 100).tolist(), 0.5, known[-1], 0.01]:
            place = int(np.searchsorted(column.at, at, side="right")) - 1
            last.find(columns, at)
            assert last.row == (int(column.row[place]) if place >= 0 else -1), (name, at)
            # Rows of the future are not counted as searched.
            assert not (times[: last.scanned] > at).any()
