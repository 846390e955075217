"""One board between a body and a lens: both directions, every edge, the board's own times, and nothing is driven."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.sessions.listener import BaudrateChange, BaudrateTracker, Listener
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role, SetBaudrate, WireRecord


def sniff(
    boards: Any, told: list[Decoded], records: list[WireRecord], *, begins: float = 0.0, on_its_way: float = 0.0
) -> list[Any]:
    """A session, listened to from a time on; what we hear is on its way for so long. Gives the two ends."""
    clock = boards.bench.clock
    ears: list[BoardTransport] = []
    arriving: deque[tuple[float, WireRecord]] = deque()
    listener = Listener(boards.dialect, records.append, told.append, keeps_windows=True)

    def look() -> None:
        if not ears and clock.now() >= begins:
            ears.append(boards.board(BoardRole.SNIFFER, 9))
        for ear in ears:
            due = clock.now() + on_its_way
            arriving.extend((due, sighting.record) for sighting in ear.timed_records(0, clock))
            while arriving and arriving[0][0] <= clock.now():
                _, came = arriving.popleft()
                if (change := listener.on_record(came)) is not None:
                    ear.send(SetBaudrate(change.baudrate, change.at))

    look()
    ends: list[Any] = boards.ends()
    boards.play(ends, 8, look)
    boards.bench.advance(0.01)
    look()
    listener.finish()
    assert ends[0].engine.done, ends[0].told[-5:]
    return ends


def rate_of(change: BaudrateChange | None) -> int | None:
    return None if change is None else change.baudrate


def lost_of(records: list[WireRecord]) -> int:
    return sum(one.count for one in records if isinstance(one, DataLoss) and one.what == BROKEN_BYTES)


@pytest.mark.parametrize("name", ["emount", "lmount"])
def test_who_said_what_and_when_is_told_to_the_microsecond(name: str, boards: Callable[[str], Any]) -> None:
    bench = boards(name)
    told: list[Decoded] = []
    records: list[WireRecord] = []
    sniff(bench, told, records)
    said = {role: b"".join(data for sender, data, _, _ in bench.said if sender is role) for role in Role}
    heard = {
        role: b"".join(one.data for one in records if isinstance(one, Burst) and one.sender is role) for role in Role
    }
    # The changes of the rate are in what is said, so that nothing is lost of a session heard from its beginning.
    assert lost_of(records) == 0
    assert heard == said
    rates = [one.baudrate for one in records if isinstance(one, Burst)]
    assert rates == sorted(rates)
    assert {*rates} == {bench.dialect.wiring.baudrates[0], 1_500_000}
    edges = [(one.line, one.level, one.at) for one in records if isinstance(one, Edge)]
    serial = {line.name for line in bench.dialect.wiring.serial}
    stated, moved = edges[: -len(bench.moved)], edges[-len(bench.moved) :]
    assert [line for line, _, _ in stated] == [
        line for line in bench.plan(BoardRole.SNIFFER).names if line not in serial
    ]
    shift = moved[0][2] - bench.moved[0][2] * 1e-6
    for (line, level, at), (line_there, level_there, at_us) in zip(moved, bench.moved, strict=True):
        assert (line, level) == (line_there, level_there)
        assert at - shift == pytest.approx(at_us * 1e-6, abs=1e-9)
    ends_us = {round((one.end - shift) * 1e6) for one in records if isinstance(one, Burst) and one.end is not None}
    there = [end_us for _, _, _, end_us in bench.said[-50:]]
    assert all(any(end_us + off in ends_us for off in (-1, 0, 1)) for end_us in there)
    assert bench.driven == []


def test_frames_have_their_windows_and_padding_is_no_garbage(boards: Callable[[str], Any]) -> None:
    told: list[Decoded] = []
    sniff(boards("emount"), told, [])
    frames = [event for event in told if isinstance(event, DecodedFrame)]
    assert len(frames) > 80
    assert all(frame.opened is not None and frame.closed is not None for frame in frames)
    assert any(frame.padding for frame in frames)
    garbage = [event for event in told if isinstance(event, DecodedGarbage)]
    changes = [event for event in told if isinstance(event, Annotation)]
    assert len(garbage) <= 2 * len(changes)


def test_the_boards_clock_and_its_losses_are_in_the_recording(boards: Callable[[str], Any], tmp_path: Path) -> None:
    bench = boards("emount")
    path = tmp_path / "a.lmx"
    records: list[WireRecord] = []
    # Who comes in the midst has to find the rate by trial.
    sniff(bench, [], records, begins=0.35)
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        for record in records:
            writer.write(record)
    back = list(open_capture(path, bench.dialect.wiring).records)
    fixes = [one for one in back if isinstance(one, ClockSync)]
    assert fixes
    for fix in fixes:
        assert fix.at == pytest.approx(fix.board_us * 1e-6, abs=fix.uncertainty + 2e-6)
    assert lost_of(back) == lost_of(records) > 0
    assert len(back) == len(records)


@pytest.mark.parametrize(("name", "suffices"), [("emount", 18e-3), ("lmount", 12e-3)])
def test_news_and_order_may_take_as_long_as_the_ends_are_silent_behind_their_agreement(
    name: str, suffices: float, boards: Callable[[str], Any]
) -> None:
    records: list[WireRecord] = []
    sniff(boards(name), [], records, on_its_way=suffices)
    assert lost_of(records) == 0


@pytest.mark.parametrize("name", ["emount", "lmount"])
def test_who_is_late_loses_what_was_said_meanwhile_and_tries_no_other_rate(
    name: str, boards: Callable[[str], Any]
) -> None:
    records: list[WireRecord] = []
    sniff(boards(name), [], records, on_its_way=30e-3)
    assert 0 < lost_of(records) < 500
    remarks = [one.text for one in records if isinstance(one, Annotation)]
    assert sum("baud" in text for text in remarks) == 1
    assert any(text.startswith("late on the board") for text in remarks)


def test_broken_bytes_make_the_next_rate_be_tried_once() -> None:
    follower = BaudrateTracker(load_dialect("emount"))
    assert follower.on_bad_bytes(DataLoss(1.0, BROKEN_BYTES, 7)) is None
    assert rate_of(follower.on_bad_bytes(DataLoss(1.001, BROKEN_BYTES, 1))) == 1_500_000
    # These were on the wire before the rate was changed.
    assert follower.on_bad_bytes(DataLoss(1.0025, BROKEN_BYTES, 50)) is None
    assert rate_of(follower.on_bad_bytes(DataLoss(1.5, BROKEN_BYTES, 50))) == 750_000
