"""A Fuji G session over boards: driver, send guard, recordings of both ends, and a third board that listens."""

from collections.abc import Callable
from typing import Any

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.live import LiveSession, make_live_engine
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_emulator.sessions.simulated_board import open_simulated_board
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.simulator.bench import SimulatorBench
from lensmount_hardware.transport import PreparedReply
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.wire import Annotation, Burst, DataLoss, Edge, Role, Transmit, WireRecord

DIALECT = load_dialect("fuji-g")


class HostedBench(SimulatorBench):
    """A bench on which the lens's host and a listener do their part whenever time passes."""

    act: Callable[[], None] = staticmethod(lambda: None)
    due: Callable[[], float | None] = staticmethod(lambda: None)
    busy = False

    def _next(self, until: float) -> float | None:
        soonest, deadline = super()._next(until), self.due()
        if deadline is None or not self.clock.now() < deadline < until:
            return soonest
        return deadline if soonest is None else min(soonest, deadline)

    def _set_time(self, at: float) -> None:
        super()._set_time(at)
        if not self.busy:
            self.busy = True
            self.act()
            self.busy = False


def words(records: list[WireRecord]) -> list[tuple[str, str]]:
    frames = (event for event in Decoder(DIALECT).decode(records) if isinstance(event, DecodedFrame))
    return [(frame.sender.value, type(frame.messages[0]).__name__) for frame in frames]


def of_sender(records: list[WireRecord], sender: Role) -> list[bytes]:
    return [one.data for one in records if isinstance(one, Burst) and one.sender is sender]


def test_a_session_over_two_boards_and_one_that_listens(boards: Callable[..., Any]) -> None:
    made = boards("fuji-g")
    made.bench = bench = HostedBench(*made.bench.boards)
    bench.advance_to(0.5)
    body, lens = made.board(BoardRole.BODY, 1), made.board(BoardRole.LENS, 2)
    ear = made.board(BoardRole.SNIFFER, 3)
    made.wire()
    heard = {line: n for n, line in enumerate(made.plan(BoardRole.SNIFFER).names)}
    answer = made.body.on_clock

    def on_clock(data: bytes, begin: int) -> bytes:
        unit: bytes = answer(data, begin)
        made.ear.answer_burst({heard["BODY_DATA"]: data, heard["LENS_DATA"]: unit}, begin)
        return unit

    made.body.on_clock = on_clock
    engine = make_live_engine(load_profile("gf45"), lens.lines, "")
    records: dict[str, list[WireRecord]] = {"body": [], "lens": [], "ear": []}

    def act() -> None:
        now = bench.clock.now()
        records["ear"] += [one.record for one in ear.timed_records(0, bench.clock)]
        for one in lens.timed_records(0, bench.clock):
            records["lens"].append(one.record)
            if one.event is not None:
                engine.receive(one.event, now)
        if (due := engine.next_deadline()) is not None and due <= now:
            engine.handle_deadline(now)
        for action in engine.actions():
            lens.send(action)

    engine.start(bench.clock.now())
    bench.act, bench.due = act, engine.next_deadline
    player = make_live_engine(load_profile("gfx50r"), body.lines, "focus 800")
    guarded = GuardedTransport(body, SendGuard(DIALECT, Role.BODY))
    EngineDriver(player, guarded, bench.clock, records["body"].append, spin=0.0).run(3, stop_when=lambda: player.done)
    bench.advance(0.05)
    records["body"] += [one.record for one in body.timed_records(0, bench.clock)]
    assert player.done
    for who, seen in records.items():
        assert [one for one in seen if isinstance(one, DataLoss)] == [], who
        assert [one for one in Decoder(DIALECT).decode(seen) if isinstance(one, DecodedGarbage)] == [], who
    for sender in Role:
        counts = {who: of_sender(seen, sender) for who, seen in records.items()}
        assert len(counts["ear"]) > 150
        assert counts["body"][:150] == counts["lens"][:150] == counts["ear"][:150]
    virtual = words(list(run_loopback("gfx50r", "gf45", script="focus 800").records))
    start = virtual[: virtual.index(("body", "ApertureRingRequest"))]
    assert words(records["body"])[: len(start)] == start, "the start is that of the virtual mount"
    assert ("body", "FocusTargetCommand") in words(records["ear"])
    assert ("LENS_DATA", True) in [(one.line, one.level) for one in records["body"] if isinstance(one, Edge)]
    assert made.driven == [], "the board that listens drives nothing"


def test_lines_of_a_lens_are_idle_until_the_rails_are_up() -> None:
    port = open_simulated_board("lens", "fuji-g")
    driven: list[tuple[str, bool]] = []
    answers: list[bytes] = []
    names = {number: name for name, number in port.lines.items()}
    port.board.on_drive = lambda line, level, _at: driven.append((names[line], level))
    began = port.clock.now()

    def clock(word: str) -> None:
        end = port.board.now_us
        answers.append(port.board.answer_burst({port.lines["BODY_DATA"]: bytes.fromhex(word)}, end - 21))

    def take_driven() -> list[tuple[str, bool]]:
        taken = driven.copy()
        driven.clear()
        return taken

    steps: list[tuple[float, Callable[[], object]]] = [
        (0.5, lambda: seen.append(take_driven())),
        (0.6, lambda: port.board.on_line_level(port.lines["SUPPLY"], True)),
        (1.1, lambda: seen.append(take_driven())),
        (1.2, lambda: clock("00003fc6")),
        (1.5, lambda: clock("08108022")),
        (1.8, lambda: take_driven() and port.board.on_line_level(port.lines["SUPPLY"], False)),
        (2.1, lambda: seen.append(take_driven())),
    ]
    seen: list[list[tuple[str, bool]]] = []

    def step() -> bool:
        while steps and port.clock.now() - began >= steps[0][0]:
            steps.pop(0)[1]()
        return not steps

    with LiveSession("gf45", port.transport, clock=port.clock, spin=0.0) as session:
        session.run(until=step)
        records = list(session.records)
    waiting, started, off = seen
    assert waiting == [("DETECT", False)], "a lens shows that it is there, and drives nothing else"
    assert {name for name, level in started if level} == {"FOCUS_BUSY", "IRIS_BUSY", "LENS_DATA"}
    assert answers == [bytes(4), bytes.fromhex("0800bfd8")]
    assert [one for one in records if isinstance(one, Annotation) and "loaded nothing" in one.text] == []
    assert off
    assert not any(level for _, level in off)


def test_the_send_guard_stands_before_a_clocked_board() -> None:
    port = open_simulated_board("body", "fuji-g")
    guarded = GuardedTransport(port.transport, SendGuard(DIALECT, Role.BODY))
    with pytest.raises(LocalProtocolError, match="held back"):
        guarded.send_injected(bytes.fromhex("ffffffff"))
    guarded.send(Transmit(bytes.fromhex("00000820")))
    lens = open_simulated_board("lens", "fuji-g").transport
    guarded = GuardedTransport(lens, SendGuard(DIALECT, Role.LENS))
    assert guarded.prepares_replies
    guarded.prepare_replies([PreparedReply(0, 0, 0, 4, bytes(4), bytes(4), bytes.fromhex("0800bfd8"))])
    assert not guarded.guard.refused
    with pytest.raises(
        LocalProtocolError, match=r"held back: a burst that is no frame .*; allow by name what is meant"
    ):
        guarded.prepare_replies([PreparedReply(0, 0, 0, 4, bytes(4), bytes(4), bytes.fromhex("ffffffff"))])
    assert list(guarded.guard.refused.values()) == [1]
