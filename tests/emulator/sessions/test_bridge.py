"""A relay between two ports: bytes and lines that both carry go on, and nothing else does."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.registry import parse_plan
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.bridge import PortBridge, bridge_once
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.listener import Listener
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.transport import Transport
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.identification import (
    DescriptorReply,
    IdentityReply,
    SpeedReply,
)
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    ClockSync,
    DataLoss,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
    WireRecord,
)

from .relay_bench import DIALECT, MODE, Port, Records, bench, notes, run, sent  # noqa: TID252  helpers of this folder

M = TypeVar("M", bound=Message)
Texts = list[str]


@pytest.mark.parametrize("sender", Role)
def test_bytes_go_on_to_the_other_end_only(sender: Role) -> None:
    clock, ports, relay, kept = bench()
    ports[sender].comes += [Received(b"a"), Received(b"bc")]
    bridge_once(relay, dict(ports), clock)
    assert ports[sender.peer].orders == [Transmit(b"a"), Transmit(b"bc")]
    assert ports[sender].orders == []
    assert relay.passed == {sender: 3, sender.peer: 0}
    assert [record.data for record in kept if isinstance(record, Burst)] == [b"a", b"bc"]


def test_lines_go_on_where_both_ports_carry_them_and_the_sender_drives_them() -> None:
    clock, ports, relay, _ = bench("BODY_CS", "LENS_CS")
    ports[Role.BODY].comes += [LineChanged("BODY_CS", True), LineChanged("VD", True), LineChanged("LENS_CS", True)]
    bridge_once(relay, dict(ports), clock)
    assert ports[Role.LENS].orders == [DriveLine("BODY_CS", True)]
    ports[Role.LENS].comes += [LineChanged("LENS_CS", True)]
    bridge_once(relay, dict(ports), clock)
    assert ports[Role.BODY].orders == [DriveLine("LENS_CS", True)]


def test_a_change_of_rate_reaches_both_ports_behind_what_told_of_it() -> None:
    clock, ports, relay, _ = bench()
    ports[Role.BODY].comes.append(Received(b"\x55" * 20))
    bridge_once(relay, dict(ports), clock)
    assert ports[Role.LENS].orders == [Transmit(b"\x55" * 20), SetBaudrate(1_500_000)]
    assert ports[Role.BODY].orders == [SetBaudrate(1_500_000)]


def test_a_port_that_goes_ends_the_relay_and_what_came_is_kept() -> None:
    clock, ports, relay, kept = bench()
    ports[Role.BODY].comes.append(Received(b"last"))
    ports[Role.LENS].lost = True
    with pytest.raises(TransportLostError):
        bridge_once(relay, dict(ports), clock)
    assert [record.data for record in kept if isinstance(record, Burst)] == [b"last"]


class Joined(Transport):
    """The port that an engine has when its peer is a relay."""

    def __init__(self, port: Port) -> None:
        self.name = "joined"
        self.lines: frozenset[str] = frozenset()
        self.port = port

    def receive(self, timeout: float | None) -> list[WireEvent]:
        raise AssertionError("nobody waits here")

    def send(self, action: WireAction) -> None:
        if isinstance(action, Transmit):
            self.port.comes.append(Received(action.data))

    def close(self) -> None:
        """Nothing is held."""


def meet(*rules: str, hold_s: float | None = None, seconds: float = 10.0) -> tuple[Engine, PortBridge, Records, Texts]:
    """A body and a lens play over a relay with rules: the body, the relay, the records and the errors."""
    clock, ports, relay, kept = bench()
    if rules:
        plan = parse_plan(rules, 0)
        made = [fault for fault in plan.reset_copy() if isinstance(fault, Rule)]
        relay.use_rules(made)
        relay.hold_s = hold_s
    engines = {}
    for role, name, script in ((Role.BODY, "a6000", "wait 0.2; sleep"), (Role.LENS, "sel55210", "")):
        profile = load_profile(name, role)
        cast = get_roles(profile.dialect)
        engines[role] = cast.make_engine(profile.settings, frozenset(), None, parse_script(script, cast.verbs))
    troubles: list[str] = []
    sessions = {
        role: EngineDriver(
            engine,
            Joined(ports[role]),
            clock,
            on_notice=lambda notice: troubles.append(notice.text) if notice.is_error else None,
        )
        for role, engine in engines.items()
    }
    for role, engine in engines.items():
        engine.start(0.0)
        sessions[role]._send_actions()
    while not engines[Role.BODY].done and clock.now() < seconds:
        bridge_once(relay, dict(ports), clock)
        for role, engine in engines.items():
            for action in ports[role].orders:
                if isinstance(action, Transmit):
                    engine.receive(Received(action.data), clock.now())
            ports[role].orders.clear()
            due = engine.next_deadline()
            if due is not None and due <= clock.now():
                engine.handle_deadline(clock.now())
            sessions[role]._send_actions()
    return engines[Role.BODY], relay, kept, troubles


def messages(records: Records, cls: type[M]) -> list[M]:
    """The messages of a class in a recording."""
    frames = (event for event in Decoder(DIALECT).decode(records) if isinstance(event, DecodedFrame))
    return [message for event in frames for message in event.messages if isinstance(message, cls)]


def test_a_body_and_a_lens_meet_over_a_relay_and_the_record_tells_all() -> None:
    body, relay, kept, troubles = meet()
    assert body.done
    assert troubles == []
    assert all(count > 500 for count in relay.passed.values())
    told = list(Decoder(DIALECT).decode(kept))
    assert len(told) > 30


def test_rules_change_frames_between_ports_and_the_record_has_both_frames() -> None:
    body, _, kept, troubles = meet(
        "rule on=IdentityReply set=capabilities=0", "rule on=DescriptorReply set=serial=77 way=store"
    )
    assert body.done
    assert troubles == []
    assert [reply.capabilities for reply in messages(kept, IdentityReply)] == [0]
    assert [reply.serial for reply in messages(kept, DescriptorReply)] == [77]
    assert len(notes(kept)) == 2
    assert all(" becomes f0" in text for text in notes(kept))


def test_rule_drops_a_reply_between_ports_and_the_body_asks_again() -> None:
    body, _, kept, _ = meet("rule on=IdentityReply do=drop count=1")
    assert body.done
    assert len(messages(kept, IdentityReply)) == 1
    assert notes(kept)[0].endswith("is dropped")


def test_rate_between_ports_follows_what_the_rules_leave() -> None:
    body, relay, kept, _ = meet("rule on=SpeedReply set=accepted=0")
    assert body.done
    assert not messages(kept, SpeedReply) or [reply.accepted for reply in messages(kept, SpeedReply)] == [0]
    assert relay.listener.baudrate == 750_000


def test_held_frame_goes_on_after_what_the_contract_allows_and_says_so() -> None:
    _, relay, kept, _ = meet("rule on=StartUpReply do=hold", seconds=6.0)
    held = [text for text in notes(kept) if "held" in text]
    assert re.search(r"goes on after at most \d+\.\d+ ms; the contract allows \d+\.\d+ ms", held[-1])
    assert not relay.held
    assert any("goes on: f0" in text for text in notes(kept))


def test_user_lets_a_held_frame_go_on_and_may_hold_it_longer() -> None:
    clock, ports, relay, kept = bench()
    rule = parse_plan(["rule on=IdentityReply do=hold"], 0).reset_copy()[0]
    assert isinstance(rule, Rule)
    relay.use_rules([rule])
    relay.hold_s = 5.0
    frame = DIALECT.build_frame(IdentityReply().build(), 2, 1)
    ports[Role.LENS].comes.append(Received(frame))
    for _ in range(100):
        bridge_once(relay, dict(ports), clock)
    assert ports[Role.BODY].orders == []
    relay.release(clock.now())
    bridge_once(relay, dict(ports), clock)
    assert ports[Role.BODY].orders == [Transmit(frame)]
    assert any("after at most 5000.000 ms" in text for text in notes(kept))


@pytest.mark.parametrize("rule", [Rule(on="BodyMode", do="hold"), Rule(on="BodyMode", late=0.5)])
@pytest.mark.parametrize(("sender", "edge"), [(Role.BODY, ("VCC", False)), (Role.LENS, ("XDETECT", True))])
def test_nothing_that_waits_outlasts_the_supply_or_the_lens(rule: Rule, sender: Role, edge: tuple[str, bool]) -> None:
    clock, ports, relay, kept = bench()
    assert edge in ((DIALECT.supply, False), (DIALECT.detect, True))
    relay.use_rules([rule])
    relay.hold_s = 0.5
    ports[Role.BODY].comes.append(Received(MODE + MODE[:5]))
    run(clock, ports, relay, 0.1)
    ports[sender].comes.append(LineChanged(*edge))
    run(clock, ports, relay, 0.2)
    # The next lens is there: what comes now waits for nothing of before.
    ports[Role.BODY].comes.append(Received(b"next"))
    run(clock, ports, relay, 0.3)
    assert sent(ports[Role.LENS]) == b"next"
    run(clock, ports, relay, 1.0)
    assert sent(ports[Role.LENS]) == b"next"
    assert any(f"do not go on, from 0: {(MODE + MODE[:5]).hex()}" in text for text in notes(kept))


def test_frame_with_a_wrong_length_stops_a_direction_for_the_idle_timeout_only() -> None:
    clock, ports, relay, kept = bench()
    relay.use_rules([Rule(on="BodyMode", set="state=2")])
    wrong = bytes((MODE[0], 0xF0, 0, *MODE[3:]))
    for number in range(12):
        ports[Role.BODY].comes.append(Received(MODE if number else wrong))
        run(clock, ports, relay, 0.1 * (number + 1))
    changed = [message.state for message in messages(kept, BodyMode)]
    assert changed.count(2) >= 8
    assert len(sent(ports[Role.LENS])) == 12 * len(MODE)
    assert any("are no whole frame after 0.2" in text for text in notes(kept))


def test_what_waits_at_the_end_of_a_bridge_is_noted() -> None:
    clock, ports, relay, kept = bench()
    relay.use_rules([Rule(on="BodyMode", set="state=2")])
    ports[Role.BODY].comes.append(Received(MODE[:9]))
    bridge_once(relay, dict(ports), clock)
    relay.clear(clock.now(), "the bridge ends")
    relay.write_notes(clock.now())
    assert notes(kept)[0].endswith(f"the bridge ends: 9 bytes of the body do not go on, from 0: {MODE[:9].hex()}")


@pytest.mark.parametrize("on", ["BodyMode", "IdentityReply"])
def test_frame_goes_on_in_one_write_and_is_recorded_with_its_time(on: str) -> None:
    clock, ports, relay, kept = bench()
    relay.use_rules([Rule(on=on, do="hold", where="unknown_0=0102" if on == "BodyMode" else "")])
    clock.advance_to(0.001)
    ports[Role.BODY].comes += [Received(MODE[:15]), Received(MODE[15:])]
    bridge_once(relay, dict(ports), clock)
    assert ports[Role.LENS].orders == [Transmit(MODE)]
    [burst] = [one for one in kept if isinstance(one, Burst)]
    assert (burst.data, burst.end) == (MODE, 0.001)
    assert burst.at == pytest.approx(0.001 - 10 * len(MODE) / 750_000)


def test_changed_frame_is_recorded_with_its_time_and_the_note_after_it() -> None:
    clock, ports, relay, kept = bench()
    relay.use_rules([Rule(on="BodyMode", set="state=2")])
    clock.advance_to(0.001)
    ports[Role.BODY].comes.append(Received(MODE))
    bridge_once(relay, dict(ports), clock)
    burst, note = kept
    assert isinstance(burst, Burst)
    assert burst.at == pytest.approx(0.001 - 10 * len(MODE) / 750_000)
    assert isinstance(note, Annotation)


def test_port_that_is_lost_with_rules_leaves_received_bytes_in_the_recording() -> None:
    clock, ports, relay, kept = bench()
    relay.use_rules([Rule(on="BodyMode", set="state=2")])
    ports[Role.BODY].comes += [Received(b"last"), LineChanged("VD", True), Received(b"bytes")]
    ports[Role.LENS].lost = True
    with pytest.raises(TransportLostError):
        bridge_once(relay, dict(ports), clock)
    assert b"".join(one.data for one in kept if isinstance(one, Burst)) == b"lastbytes"


def test_queue_holds_runs_of_bytes_and_a_recording_has_what_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ports, relay, kept = bench("BODY_CS", "LENS_CS")
    relay.use_rules([Rule(on="BodyMode", late=0.5)])
    ports[Role.BODY].comes.append(Received(MODE + bytes(9000)))
    run(clock, ports, relay, 1.0)
    assert sent(ports[Role.LENS]) == MODE + bytes(9000)
    monkeypatch.setattr("lensmount_emulator.rules.relay.MAX_QUEUED", 3)
    edges = [LineChanged("BODY_CS", level) for level in (True, False)]
    ports[Role.BODY].comes += [Received(MODE), edges[0], Received(b"a"), edges[1], Received(b"bcd")]
    run(clock, ports, relay, 2.0)
    assert sent(ports[Role.LENS]) == MODE + bytes(9000) + MODE + b"a"
    assert [one.level for one in ports[Role.LENS].orders if isinstance(one, DriveLine)] == [True, False]
    assert [(one.what, one.count) for one in kept if isinstance(one, DataLoss)] == [("bytes of the body", 3)]


def answering(boards: Any) -> tuple[Any, dict[Role, BoardTransport], dict[Role, dict[str, int]]]:
    """A relay's two boards: at one a body is, at the other a lens, and both are there."""
    ports = {Role.BODY: boards.board(BoardRole.LENS, 1), Role.LENS: boards.board(BoardRole.BODY, 2)}
    places = {
        Role.BODY: {line: n for n, line in enumerate(boards.plan(BoardRole.LENS).names)},
        Role.LENS: {line: n for n, line in enumerate(boards.plan(BoardRole.BODY).names)},
    }
    return boards.bench, ports, places


@pytest.mark.parametrize("name", ["emount", "lmount"])
def test_on_boards_the_record_has_the_times_of_the_boards(name: str, boards: Callable[[str], Any]) -> None:
    made = boards(name)
    bench, ports, places = answering(made)
    kept: list[WireRecord] = []
    relay = PortBridge(Listener(made.dialect, kept.append, keeps_windows=True), ports[Role.BODY].lines)

    def turns(count: int) -> None:
        for _ in range(count):
            bridge_once(relay, dict(ports), bench.clock)

    dialect, facing_body, facing_lens = made.dialect, made.lens, made.body
    facing_lens.on_line_level(places[Role.LENS][dialect.detect], False)
    turns(200)
    facing_body.on_line_level(places[Role.BODY][dialect.supply], True)
    rose_us = facing_body.now_us
    turns(600)
    assert facing_lens.simulated_lines.pins[places[Role.LENS][dialect.supply]].level
    baudrate, words = dialect.wiring.baudrates[0], bytes(range(1, 60))
    begin_us = facing_body.now_us
    bench.advance(10 * len(words) / baudrate)
    said: list[bytes] = []
    facing_lens.on_transmit = lambda _line, data, _begin, _end: said.append(data)
    facing_body.on_line_bytes(places[Role.BODY][dialect.serial_line(Role.BODY)], words, begin_us, baudrate)
    bench.advance(0.003)
    turns(40)
    assert b"".join(said) == words
    bursts = [one for one in kept if isinstance(one, Burst)]
    # Once, though it went out at the other board too; and when it was said, not when we got to know of it.
    assert b"".join(one.data for one in bursts) == words
    assert {one.sender for one in bursts} == {Role.BODY}
    assert bursts[0].at == pytest.approx(begin_us * 1e-6, abs=3e-6)
    rises = [one.at for one in kept if isinstance(one, Edge) and (one.line, one.level) == (dialect.supply, True)]
    assert rises == [pytest.approx(rose_us * 1e-6, abs=3e-6)]
    told = [one.text for one in kept if isinstance(one, Annotation)]
    assert all(
        any(text.startswith(f"{port.name}: the board's clock stood") for text in told) for port in ports.values()
    )
    assert not any(isinstance(one, ClockSync) for one in kept)
