"""A board as a transport, over the model board: lines, bytes, guards, rest, and everything that can be wrong."""

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.protocol.constants import SafeStateReason, StateFlag
from lensmount_hardware.boards.simulator.bench import SimulatorBench
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_protocol.errors import BoardError, TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.wire import Annotation, DataLoss, DriveLine, LineChanged, Received, SetBaudrate, Transmit


def attach(pair: Any) -> None:
    """The lens shows itself, and the body switches its supply on."""
    pair.lens.send(DriveLine("DETECT", False))
    pair.settle()
    pair.body.send(DriveLine("POWER", True))
    pair.settle()


def received(events: list[Any]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Received))


def test_the_levels_of_the_peer_are_stated_first(planned: Callable[..., Any]) -> None:
    board = BoardSimulator()
    bench = SimulatorBench(board)
    transport = BoardTransport(bench.stream(board), planned(0), bench.clock, 7)
    assert transport.receive(0) == [LineChanged("DETECT", True), LineChanged("LENS_CS", False)]
    assert transport.lines == {"DETECT", "POWER", "MOTOR", "SYNC", "BODY_CS", "LENS_CS", "TXD"}


def test_a_lens_is_seen_when_it_has_stayed(pair: Any) -> None:
    pair.lens.send(DriveLine("DETECT", False))
    began = pair.lens_board.now_us
    pair.bench.advance(0.005)
    assert pair.body.receive(0) == []
    pair.bench.advance(0.006)
    (timed,) = pair.body.receive_timed(0)
    assert (timed.event, timed.board_us) == (LineChanged("DETECT", False), began)


def test_nothing_is_driven_before_presence(pair: Any) -> None:
    for action in (DriveLine("POWER", True), DriveLine("BODY_CS", True), Transmit(b"x")):
        pair.body.send(action)
    pair.settle()
    assert pair.body.rejected == 3
    assert not any(contact.level for contact in pair.body_board.simulated_lines.pins if contact.driven)


def test_nothing_is_driven_into_an_unpowered_lens(pair: Any) -> None:
    pair.lens.send(DriveLine("DETECT", False))
    pair.settle()
    pair.body.send(DriveLine("BODY_CS", True))
    pair.lens.send(DriveLine("LENS_CS", True))
    pair.settle()
    assert (pair.body.rejected, pair.lens.rejected) == (1, 1)


def test_a_window_is_seen_by_the_peer_as_line_bytes_line(pair: Any) -> None:
    attach(pair)
    for action in (DriveLine("BODY_CS", True), Transmit(b"hello"), DriveLine("BODY_CS", False)):
        pair.body.send(action)
    pair.bench.advance(0.01)
    events = pair.lens.receive_timed(0)
    assert [timed.event for timed in events] == [
        LineChanged("BODY_CS", True), Received(b"hello"), LineChanged("BODY_CS", False)
    ]  # fmt: skip
    rise, data, fall = (timed.board_us for timed in events)
    byte_us = 10e6 / 115_200
    assert data - rise == pytest.approx(10 + byte_us, abs=1.5)
    assert fall - data == pytest.approx(4 * byte_us + 10, abs=1.5)


def test_rails_come_one_behind_the_other(pair: Any) -> None:
    pair.lens.send(DriveLine("DETECT", False))
    pair.settle()
    pair.body.send(DriveLine("MOTOR", True))
    pair.settle()
    assert LineChanged("MOTOR", True) not in pair.lens.receive(0)
    pair.body.send(DriveLine("POWER", True))
    pair.bench.advance(0.05)
    rails = [event for event in pair.lens.receive(0) if event.line in ("POWER", "MOTOR")]
    assert {event.line for event in rails} == {"POWER", "MOTOR"}


def test_a_lens_that_goes_leaves_everything_at_rest_within_two_milliseconds(pair: Any) -> None:
    attach(pair)
    pair.body.send(DriveLine("MOTOR", True))
    pair.body.send(DriveLine("BODY_CS", True))
    pair.settle()
    assert all(
        pair.body_board.simulated_lines.pins[n].level for n in pair.body._pin_map.outputs.values() if n in (1, 2)
    )
    pair.body_board.on_line_level(0, True)
    pair.bench.advance(0.002)
    assert not any(contact.level for contact in pair.body_board.simulated_lines.pins if contact.driven)
    assert LineChanged("DETECT", True) in pair.body.receive(0)
    assert pair.body.state.reason == SafeStateReason.ABSENT
    assert pair.body.state.flags & StateFlag.ALL_IDLE


def test_a_new_rate_waits_for_what_was_sent_before_it(pair: Any) -> None:
    attach(pair)
    pair.body.send(Transmit(b"slow"))
    pair.body.send(SetBaudrate(1_500_000))
    assert pair.body_board.simulated_lines.baudrate == 115_200
    pair.settle()
    assert pair.body_board.simulated_lines.baudrate == 1_500_000


def test_long_transmissions_are_whole(pair: Any) -> None:
    attach(pair)
    data = bytes(range(256)) * 8
    pair.body.send(Transmit(data))
    events: list[Any] = []
    for _ in range(100):
        pair.bench.advance(0.01)
        pair.body.receive(0)
        events += pair.lens.receive(0)
    assert received(events) == data


def test_the_boards_time_is_known(pair: Any) -> None:
    for _ in range(5):
        pair.settle(0.2)
    assert pair.body.host_time(1_000_000) == pytest.approx(1.0, abs=1e-5)
    assert pair.body.link.clock.uncertainty(1_000_000) < 1e-3


def test_closing_puts_the_lines_at_rest(pair: Any) -> None:
    attach(pair)
    pair.body.send(DriveLine("BODY_CS", True))
    pair.settle()
    moved: list[tuple[int, bool]] = []
    pair.body_board.on_drive = lambda line, level, _at: moved.append((line, level))
    pair.body.close()
    pair.body.close()
    assert {name for name, _ in ((pair.body._pin_map.names[line], level) for line, level in moved)} == {
        "POWER",
        "BODY_CS",
    }
    assert not any(level for _, level in moved)
    with pytest.raises(TransportLostError, match="closed"):
        pair.body.receive(0)


def test_a_host_that_falls_silent_meets_the_watchdog(pair: Any) -> None:
    attach(pair)
    pair.bench.advance(2.1)
    assert pair.body_board.simulated_lines is None
    with pytest.raises(TransportLostError, match=r"^board:body: the board has gone: it is in the safe state: the host"):
        pair.body.receive(0)
    with pytest.raises(TransportLostError):
        pair.body.send(Transmit(b"x"))


def test_a_host_that_only_waits_keeps_the_watchdog_quiet(pair: Any) -> None:
    for _ in range(60):
        pair.body.receive(0.1)
        pair.lens.receive(0)
    assert pair.body_board.simulated_lines is not None


def test_a_cable_that_is_pulled_is_reported(pair: Any) -> None:
    pair.body_stream.closed_reason = "it was unplugged"
    with pytest.raises(TransportLostError, match="the board has gone: it was unplugged"):
        pair.body.receive(0)


def test_who_goes_on_behind_a_break_is_told_what_the_board_dropped(pair: Any, planned: Callable[..., Any]) -> None:
    attach(pair)
    for _ in range(3):
        pair.body.send(Transmit(bytes(100)))
    pair.bench.advance(0.001)
    pair.body_stream.closed_reason = "it was unplugged"
    with pytest.raises(TransportLostError):
        pair.body.receive(0)
    pair.bench.advance(0.001)
    stream = pair.bench.stream(pair.body_board, pair.body_stream.name)
    again = BoardTransport(stream, planned(0), pair.bench.clock, 99)
    told = [one.record for one in again.timed_records(0, pair.bench.clock)]
    lost = {one.what: one.count for one in told if isinstance(one, DataLoss)}
    assert lost["transmissions, when the board entered the safe state"] == 3
    assert any(isinstance(one, Annotation) and "kept its power" in one.text for one in told)


def test_garbage_in_mid_session_is_survived_and_counted(pair: Any) -> None:
    attach(pair)
    pair.lens_stream.noise_to_host = b"\x00boot text, and no frame\x00"
    pair.body.send(Transmit(b"still here"))
    pair.bench.advance(0.01)
    assert received(pair.lens.receive(0)) == b"still here"
    assert pair.lens.link.counts.garbage == 1


def opened(board: BoardSimulator, plan: Any, session: int = 1) -> BoardTransport:
    bench = SimulatorBench(board)
    return BoardTransport(bench.stream(board), plan, bench.clock, session)


def test_other_firmware_is_reported_in_one_line(planned: Callable[..., Any]) -> None:
    with pytest.raises(
        BoardError, match=r"^board:model: the board's firmware has version 2 .*, this program has version 1; "
    ):
        opened(BoardSimulator(version=2), planned(0))


def test_another_device_is_reported_in_one_line(planned: Callable[..., Any]) -> None:
    class Modem(BoardSimulator):
        def receive(self, data: bytes) -> None:
            self._out += b"AT\r\nERROR\r\n\x00"

    with pytest.raises(TransportOpenError, match=r"something else answers, \d+ times; is it the board"):
        opened(Modem(), planned(0))


def test_silence_is_reported_in_one_line(planned: Callable[..., Any]) -> None:
    class Deaf(BoardSimulator):
        def receive(self, data: bytes) -> None:
            del data

    with pytest.raises(TransportOpenError, match="nothing answers; is it the board"):
        opened(Deaf(), planned(0))


def test_a_second_host_is_refused_and_may_take_over(planned: Callable[..., Any]) -> None:
    board = BoardSimulator()
    bench = SimulatorBench(board)
    BoardTransport(bench.stream(board), planned(0), bench.clock, 1)
    with pytest.raises(BoardError, match="another host has the board; close the program that holds it"):
        BoardTransport(bench.stream(board), planned(0), bench.clock, 2)
    assert board.simulated_lines is not None
    BoardTransport(bench.stream(board), planned(0, "?take_over=1"), bench.clock, 2)


def test_a_host_that_is_thrown_out_is_reported(planned: Callable[..., Any]) -> None:
    board = BoardSimulator()
    bench = SimulatorBench(board)
    first = BoardTransport(bench.stream(board), planned(0), bench.clock, 1)
    first.receive(0)
    second = BoardLink(2)
    second.send_hello(take_over=True)
    board.receive(second.bytes_to_send())
    with pytest.raises(TransportLostError, match="another host has taken the board; one program at a time can have"):
        first.receive(1.0)


def test_a_rate_that_the_board_cannot_do(planned: Callable[..., Any]) -> None:
    transport = opened(BoardSimulator(), planned(0))
    with pytest.raises(TransportError, match="cannot do 4000000 baud, only 9600 to 3000000"):
        transport.send(SetBaudrate(4_000_000))
    with pytest.raises(BoardError, match="cannot do 115200 baud, only 300 to 9600"):
        opened(BoardSimulator(baudrates=(300, 9600)), planned(0))


def test_a_pin_that_the_board_has_not(planned: Callable[..., Any]) -> None:
    with pytest.raises(BoardError, match=r"the board refuses CONFIGURE: there is no such pin, .*; it is BODY_CS$"):
        opened(BoardSimulator(), planned(0, "?BODY_CS=40"))


def test_a_map_without_a_guard_must_be_meant(planned: Callable[..., Any]) -> None:
    with pytest.raises(BoardError, match="no line of presence"):
        opened(BoardSimulator(), planned(0, "?DETECT=none"))
    opened(BoardSimulator(), planned(0, "?DETECT=none&unguarded=1"))


def test_a_late_hosts_frame_signal_is_made_by_the_boards_timer(pair: Any) -> None:
    attach(pair)
    pair.settle(0.2)
    number = pair.body._pin_map.outputs["SYNC"]
    falls: list[int] = []
    pair.body_board.on_drive = lambda line, level, at_us: (
        falls.append(at_us) if (line, level) == (number, False) else None
    )
    random, start = Random(5), pair.bench.clock.now()
    pair.body.send(DriveLine("SYNC", True))
    for pulse in range(1, 200):
        pair.bench.advance_to(start + pulse * 0.016 + random.random() ** 4 * 3e-4)
        pair.body.receive(0)
        pair.body.send(DriveLine("SYNC", False))
        pair.bench.advance(50e-6)
        pair.body.send(DriveLine("SYNC", True))
    steps = [later - earlier for earlier, later in pairwise(falls)]
    driven, timed = steps[:14], steps[30:]
    assert max(abs(step - 16_000) for step in driven) > 20
    assert max(abs(step - 16_000) for step in timed) <= 60
    assert len([step for step in timed if abs(step - 16_000) <= 2]) > len(timed) * 0.6
    assert pair.body.state.flags & StateFlag.SYNC_ON
    ended = len(falls)
    for _ in range(10):
        pair.bench.advance(0.016)
        pair.body.receive(0)
    assert len(falls) <= ended + 2
    assert not pair.body.state.flags & StateFlag.SYNC_ON


def test_with_a_lead_a_late_host_is_on_time_and_what_is_late_all_the_same_is_reported(
    planned: Callable[..., Any],
) -> None:
    board = BoardSimulator()
    board.pins[6] = True
    bench = SimulatorBench(board)
    transport = BoardTransport(bench.stream(board), planned(0, "?lead_us=2000&DETECT=none&unguarded=1"), bench.clock, 1)
    transport.send(DriveLine("POWER", True))
    bench.advance(0.5)
    transport.receive(0)
    said: list[tuple[int, int]] = []
    board.on_transmit = lambda _line, _data, begin, end: said.append((begin, end))
    began = bench.clock.now()
    transport.send(DriveLine("BODY_CS", True))
    transport.send(Transmit(b"exact"))
    bench.advance(0.01)
    assert said[0][0] == pytest.approx(began * 1e6 + 2000 + 10, abs=2)
    transport.timed_records(0, bench.clock)
    assert transport.late == 1, "the set-up time was not thought of"
    transport.send(Transmit(bytes(100)))
    transport.send(Transmit(b"late"))
    bench.advance(0.05)
    told = [one.record.text for one in transport.timed_records(0, bench.clock) if isinstance(one.record, Annotation)]
    assert len(told) == 1
    assert told[0].startswith("late on the board: 4 bytes, done, but started 8")
    assert transport.problems() == {"commands that the board started late, or dropped because they were late": 2}
