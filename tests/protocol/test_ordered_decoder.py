"""Decoded events in the order of their times, in bounded memory, and nothing lost."""

import random

import pytest

from lensmount_protocol.decoder import (
    MAX_QUEUED,
    Decoded,
    DecodedFrame,
    DecodedGarbage,
    Decoder,
    EmptyWindow,
    OrderedDecoder,
)
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord

REQUEST = bytes.fromhex("f00b0002000b6000780055")
BYTE = 10 / 750_000


def burst(at: float | None, data: bytes = REQUEST, sender: Role = Role.BODY) -> Burst:
    return Burst(at, sender, data, 750_000, None if at is None else at + len(data) * BYTE)


def time_of(event: Decoded) -> float | None:
    return event.opened if isinstance(event, EmptyWindow) else event.at


def ordered(dialect: Dialect, records: list[WireRecord]) -> list[Decoded]:
    return list(OrderedDecoder(Decoder(dialect)).decode(records))


def is_in_order(events: list[Decoded]) -> bool:
    times = [at for event in events if (at := time_of(event)) is not None]
    return times == sorted(times)


def test_frames_windows_and_edges_come_in_time_order(emount: Dialect) -> None:
    dice, records = random.Random(1), list[WireRecord]()
    for cycle in range(200):
        at = cycle * 0.016
        records += [Edge(at, "VD", False), Edge(at + 60e-6, "VD", True)]
        for select, sender, start in (("BODY_CS", Role.BODY, 1e-3), ("LENS_CS", Role.LENS, 1.05e-3)):
            start += at + dice.random() * 1e-3
            records += [Edge(start, select, True), Edge(start + dice.choice([1e-3, 9e-3]), select, False)]
            if dice.random() < 0.8:
                records.append(burst(start + 20e-6, REQUEST, sender))
        if dice.random() < 0.2:
            records.append(burst(at + 12e-3, dice.randbytes(9), Role.LENS))
    records.sort(key=lambda record: record.at or 0.0)
    events = ordered(emount, records)
    plain = list(Decoder(emount).decode(records))
    assert is_in_order(events)
    assert not is_in_order(plain)
    assert sorted(map(repr, events)) == sorted(map(repr, plain))
    assert {DecodedFrame, DecodedGarbage, EmptyWindow, Edge} <= set(map(type, events))


def test_records_that_come_a_little_late_are_put_in_order(emount: Dialect) -> None:
    dice = random.Random(2)
    records: list[WireRecord] = [Edge(number * 1e-3, "VD", number % 2 == 0) for number in range(2000)]
    records.sort(key=lambda record: (record.at or 0.0) + dice.random() * 15e-3)
    assert is_in_order(ordered(emount, records))


def test_event_without_a_time_keeps_its_place(emount: Dialect) -> None:
    records: list[WireRecord] = [
        Annotation(None, "first"),
        Edge(1.0, "VD", True),
        Annotation(None, "second"),
        Edge(2.0, "VD", False),
    ]
    assert ordered(emount, records) == records
    timeless: list[WireRecord] = [burst(None), Annotation(None, "between"), burst(None, REQUEST, Role.LENS)]
    assert len(ordered(emount, timeless)) == 3


@pytest.mark.parametrize(
    "never_ends",
    [Edge(0.0, "LENS_CS", True), burst(0.0, b"\xf0\xff\x03\x02\x00", Role.LENS)],
    ids=["open window", "partial frame"],
)
def test_what_never_ends_does_not_keep_the_rest_waiting(emount: Dialect, never_ends: WireRecord) -> None:
    decoder = OrderedDecoder(Decoder(emount))
    given = list(decoder.feed(never_ends))
    for number in range(3 * MAX_QUEUED):
        given += decoder.feed(Edge(0.001 * number, "VD", number % 2 == 0))
        assert number + 2 - len(given) <= MAX_QUEUED + 2
    given += decoder.finish()
    assert len(given) >= 3 * MAX_QUEUED
    times = [event.at for event in given if isinstance(event, Edge)]
    assert times == sorted(times)


def test_partial_frame_is_given_up_after_the_silence(emount: Dialect) -> None:
    partial = burst(0.0, REQUEST[:6], Role.LENS)
    edges: list[WireRecord] = [Edge(0.01 * number, "VD", number % 2 == 0) for number in range(1, 100)]
    events = ordered(emount, [partial, *edges])
    assert isinstance(events[0], DecodedGarbage)
    assert is_in_order(events)


def test_second_clock_does_not_mix_with_the_first(emount: Dialect) -> None:
    first: list[WireRecord] = [Edge(100.0 + 0.001 * number, "VD", number % 2 == 0) for number in range(30)]
    second: list[WireRecord] = [Edge(1.0 + 0.001 * number, "VD", number % 2 == 0) for number in range(30)]
    assert ordered(emount, [*first, *second]) == [*first, *second]


def test_settled_frames_need_no_window_to_close(emount: Dialect) -> None:
    decoder = OrderedDecoder(Decoder(emount), slack=0.0)
    assert decoder.feed(burst(1.0), flush=True) == []
    (frame, *_) = decoder.feed(Edge(1.1, "VD", True), flush=True)
    assert isinstance(frame, DecodedFrame)
