"""A live session on a board: its records have the board's times, its own doing is told when done, losses are told."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_hardware.boards import recorder
from lensmount_hardware.boards.protocol.commands import Configure
from lensmount_hardware.boards.protocol.constants import BoardRole, ConfigureFlag, ErrorCode, SafeStateReason
from lensmount_hardware.boards.protocol.framing import BoardFrame
from lensmount_hardware.boards.simulator.bench import SimulatorBench
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.transports.reconnecting import ReconnectingTransport
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.errors import TransportLostError, TransportOpenError
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role, WireRecord


class HostedBench(SimulatorBench):
    """A bench on which the lens's host does its part whenever time passes."""

    lens: Any = None
    busy = False

    def _next(self, until: float) -> float | None:
        soonest = super()._next(until)
        deadline = None if self.lens is None else self.lens.engine.next_deadline()
        if deadline is None or not self.clock.now() < deadline < until:
            return soonest
        return deadline if soonest is None else min(soonest, deadline)

    def _set_time(self, at: float) -> None:
        super()._set_time(at)
        if self.lens is not None and not self.busy:
            self.busy = True
            self.lens.act(self.clock.now())
            self.busy = False


@pytest.fixture
def hosted(boards: Callable[..., Any]) -> Callable[..., Any]:
    def make(dialect: str, script: str | None = None, kind: type[BoardSimulator] = BoardSimulator) -> Any:
        made = boards(dialect, kind)
        made.bench = HostedBench(*made.bench.boards)
        made.bench.advance_to(0.5)
        made.body_end, made.bench.lens = made.ends(script)
        return made

    return make


def live(made: Any, records: list[WireRecord]) -> EngineDriver:
    end = made.body_end
    return EngineDriver(
        end.engine, end.board, made.bench.clock, records.append, lambda one: end.told.append(one.text), 0.0
    )


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_bytes_and_edges_have_the_times_at_which_they_happened(dialect: str, hosted: Callable[..., Any]) -> None:
    made = hosted(dialect)
    made.said.clear()
    made.moved.clear()
    records: list[WireRecord] = []
    live(made, records).run(8, stop_when=lambda: made.body_end.engine.done)
    assert made.body_end.engine.done, made.body_end.told[-5:]
    bursts = [one for one in records if isinstance(one, Burst)]
    assert len(bursts) > 50
    times = [one.at for one in records if one.at is not None]
    assert times == sorted(times)
    for role in Role:
        said = b"".join(data for sender, data, _, _ in made.said if sender is role)
        heard = b"".join(one.data for one in bursts if one.sender is role)
        # What is on the wire when the session ends is told to nobody.
        assert said.startswith(heard)
        assert len(said) - len(heard) < 200
    begins = {(sender, begin_us) for sender, _, begin_us, _ in made.said}
    for one in bursts:
        assert any((one.sender, round(one.at * 1e6) + off) in begins for off in (-1, 0, 1)) or one.sender is Role.LENS
    moved = [(line, level, at_us) for line, level, at_us in made.moved if line != made.dialect.detect]
    told = [(one.line, one.level, one.at) for one in records if isinstance(one, Edge)]
    selects = [made.dialect.select_line(role) for role in Role]
    for name in (*selects, made.dialect.supply, made.dialect.sync):
        there = [(level, at_us) for line, level, at_us in moved if line == name]
        here = [(level, at) for line, level, at in told if line == name]
        assert len(here) > (20 if name in selects else 0)
        here = here[1:] if here[0][0] is False else here
        # What the board moves by itself (the frame signal, rails that wait) is told as much as what was ordered.
        for (level, at_us), (level_told, at) in zip(there, here, strict=False):
            assert level is level_told
            assert at * 1e6 == pytest.approx(at_us, abs=1)
        assert 0 <= len(there) - len(here) < 3


class OlderBoard(BoardSimulator):
    """One whose firmware does not know how to tell edges of its own lines."""

    def _configure(self, frame: BoardFrame, wanted: Configure) -> None:
        if wanted.flags & ConfigureFlag.OWN_EDGES:
            self._reject(ErrorCode.MALFORMED, frame.type, frame.sequence, 3)
        else:
            super()._configure(frame, wanted)


def test_older_firmware_still_works_and_the_recording_says_that_edges_are_reckoned(
    hosted: Callable[..., Any],
) -> None:
    made = hosted("emount", kind=OlderBoard)
    records: list[WireRecord] = []
    live(made, records).run(8, stop_when=lambda: made.body_end.engine.done)
    assert made.body_end.engine.done, made.body_end.told[-5:]
    assert [one.text for one in records if isinstance(one, Annotation) and "older" in one.text] == [
        recorder.OLD_FIRMWARE_NOTE
    ]
    rises = [one.at for one in records if isinstance(one, Edge) and (one.line, one.level) == ("BODY_CS", True)]
    there = [at_us for line, level, at_us in made.moved if (line, level) == ("BODY_CS", True)]
    assert len(rises) > 20
    for at, at_us in zip(rises, there, strict=False):
        assert at * 1e6 == pytest.approx(at_us, abs=3)


def test_a_recording_of_a_board_decodes_window_by_window(hosted: Callable[..., Any]) -> None:
    made = hosted("emount")
    records: list[WireRecord] = []
    live(made, records).run(8, stop_when=lambda: made.body_end.engine.done)
    events = list(Decoder(made.dialect).decode(records))
    frames = [one for one in events if isinstance(one, DecodedFrame)]
    assert len(frames) > 50
    windowed = [one for one in frames if one.opened is not None and one.closed is not None]
    assert len(windowed) >= len(frames) - 1
    for one in windowed:
        assert one.opened < one.at < one.end <= one.closed
    assert not [one for one in events if isinstance(one, DecodedGarbage)]
    assert not [text for text in made.body_end.told if "no frame" in text]


def test_the_boards_clock_is_told_and_times_do_not_go_back(
    hosted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SYNC_PERIOD", 0.5)
    made = hosted("emount", "wait 25; sleep")
    records: list[WireRecord] = []
    began = made.bench.clock.now()
    live(made, records).run(1.8)
    fixes = [one for one in records if isinstance(one, ClockSync)]
    assert 3 <= len(fixes) <= 6
    assert all(one.at >= began for one in records if one.at is not None)
    for fix in fixes:
        assert fix.at == pytest.approx(fix.board_us * 1e-6, abs=2e-6)
    lens = [one.at for one in records if isinstance(one, Burst) and one.sender is Role.LENS]
    assert all(earlier < later for earlier, later in pairwise(lens))


def test_what_the_board_never_sent_is_told_as_lost(boards: Callable[[str], Any]) -> None:
    made = boards("emount")
    body, lens = made.ends("wait 5")
    made.play([body, lens], 0.4, lambda: None)
    body.board.timed_records(0, made.bench.clock)
    body.engine.transmit(bytes(100))
    for action in body.engine.actions():
        body.board.send(action)
    made.body.on_line_level(made.plan(BoardRole.BODY).names.index(made.dialect.detect), True)
    made.bench.advance(0.001)
    records = [one.record for one in body.board.timed_records(0, made.bench.clock)]
    (drop,) = [one for one in records if isinstance(one, DataLoss)]
    assert (drop.what, drop.count) == ("bytes that the body was to send and did not", 100)
    rails = {one.line: one.level for one in records if isinstance(one, Edge) and one.line in ("VCC", "LENS_POWER")}
    assert rails == {"VCC": False, "LENS_POWER": False}
    assert body.board.problems() == {
        "bytes that were ordered and not sent": 100,
        "lost: transmissions, when the board entered the safe state": 1,
    }


def test_a_cable_that_is_pulled_ends_the_session_and_says_where(hosted: Callable[..., Any]) -> None:
    made = hosted("emount", "wait 5")
    records: list[WireRecord] = []
    session = live(made, records)
    stream: Any = made.body_end.board._session._stream
    pulled = made.bench.clock.now() + 0.6

    def pull() -> bool:
        if made.bench.clock.now() >= pulled:
            stream.closed_reason = "it was unplugged"
        return False

    with pytest.raises(TransportLostError) as lost:
        session.run(5, stop_when=pull)
    assert "the board has gone: it was unplugged; its last frame was number " in str(lost.value)
    assert len(str(lost.value).splitlines()) == 1
    assert [one for one in records if isinstance(one, Burst)]


def replugged(
    made: Any, records: list[WireRecord], told: list[str], away: float
) -> tuple[EngineDriver, Callable[[], bool]]:
    """The body's session over a port that comes back, and what unplugs it after a second for so long."""
    clock, board = made.bench.clock, made.body
    pulled = clock.now() + 1.0
    streams: list[Any] = []

    def opened() -> BoardTransport:
        if pulled <= clock.now() < pulled + away:
            raise TransportOpenError("no such port")
        streams.append(made.bench.stream(board, "body"))
        return BoardTransport(streams[-1], made.plan(BoardRole.BODY), clock, len(streams) + 10)

    port = ReconnectingTransport(opened, clock, made.bench.advance)
    port.on_notice = told.append
    made.body_end, made.bench.lens = made.ends("wait 20", body=port)
    end = made.body_end

    def pull() -> bool:
        if clock.now() >= pulled and not streams[0].closed_reason:
            streams[0].closed_reason = "it was unplugged"
            board._enter_safe_state(SafeStateReason.UNPLUGGED)
            board.wire = board._queue = board._session = None
        return False

    return EngineDriver(end.engine, port, clock, records.append, lambda one: told.append(one.text), 0.0), pull


def test_a_board_that_comes_back_goes_on_in_the_same_recording(hosted: Callable[..., Any], boards: Any) -> None:
    made = boards("emount")
    made.bench = HostedBench(*made.bench.boards)
    made.bench.advance_to(0.5)
    records: list[WireRecord] = []
    told: list[str] = []
    session, pull = replugged(made, records, told, 1.5)
    session.run(6, stop_when=pull)
    gone, back = (next(text for text in told if word in text) for word in ("waiting for it", "the port is back"))
    assert "board:body: the board has gone: it was unplugged; its last frame was number " in gone
    assert "the port is back after 1." in back
    assert "bytes sent to it were lost" in back or not any(isinstance(one, DataLoss) for one in records)
    assert [one.text for one in records if isinstance(one, Annotation) and "kept its power" in one.text]
    heard = [one.at for one in records if isinstance(one, Burst) and one.sender is Role.LENS]
    assert max(heard) > 3.5, told
    fixes = [one for one in records if isinstance(one, ClockSync)]
    assert fixes[-1].at > 3.0
