"""Records of a port that keeps time reach a recording in the order of their times, and all of them do."""

import random

from lensmount_emulator.sessions.listener import HOLD, MAX_WAITING, Listener, RecordSorter
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord


def test_late_records_are_put_in_order() -> None:
    dice, kept = random.Random(1), list[WireRecord]()
    records: list[WireRecord] = [Edge(0.003 * number, "VD", number % 2 == 0) for number in range(500)]
    late = sorted(records, key=lambda record: (record.at or 0.0) + dice.random() * 0.9 * HOLD)
    assert late != records
    order = RecordSorter(kept.append)
    for record in late:
        order.put(record)
    assert len(kept) > 400
    order.flush()
    assert kept == records


def test_record_without_a_time_keeps_its_place() -> None:
    kept: list[WireRecord] = []
    order = RecordSorter(kept.append)
    records: list[WireRecord] = [
        Annotation(None, "a"),
        Edge(1.0, "VD", True),
        Annotation(None, "b"),
        Edge(2.0, "VD", False),
    ]
    for record in records:
        order.put(record)
    order.flush()
    assert kept == records


def test_what_waits_is_bounded_and_goes_when_its_time_is_over() -> None:
    kept: list[WireRecord] = []
    order = RecordSorter(kept.append)
    for number in range(MAX_WAITING + 10):
        order.put(Edge(1.0, "VD", number % 2 == 0))
    assert len(kept) == 10
    order.release(0.99)
    assert len(kept) == 10
    order.release(1.0)
    assert len(kept) == MAX_WAITING + 10


def test_listener_of_a_board_records_a_burst_before_the_edges_during_it() -> None:
    kept: list[WireRecord] = []
    listener = Listener(load_dialect("emount"), kept.append, None, 750_000, keeps_windows=True)
    burst = Burst(1.0, Role.BODY, b"\xf0" * 30, 750_000, 1.0004)
    edges = [Edge(0.9999, "BODY_CS", True), Edge(1.0002, "VD", False), Edge(1.0005, "BODY_CS", False)]
    for record in (*edges[:2], burst, edges[2]):
        listener.on_record(record)
    listener.finish()
    assert kept == [edges[0], burst, *edges[1:]]
