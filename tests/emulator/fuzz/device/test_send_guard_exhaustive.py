"""The proof of the gate: whatever strategies, faults and mutations make, nothing forbidden comes out at the far end.

What makes bytes is everything that the project has, and somebody who wants the worst. What judges them was written by
itself (`far_end`) and reads from every byte on, over all that was emitted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from fake_peer import forbidden
from hypothesis import given, settings
from hypothesis import strategies as st

from guard_scan.rule_streams import RuleStreams
from guard_scan.scanner import read_rules
from guard_scan.senders import RelaySender
from lensmount_emulator.faults.fault import Fault, OutgoingBytes
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS
from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig, make_config
from lensmount_emulator.fuzz.device.generator import CaseGenerator, apply_byte_fault, minimise, mutate_case
from lensmount_emulator.fuzz.device.observations import sent_bytes
from lensmount_emulator.fuzz.random_inputs import random_bytes
from lensmount_emulator.fuzz.strategies import frames, near_misses, noise, streams
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_emulator.verification.codec_equivalence import mutate_bytes
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.simulator.bench import SimulatorBench, connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply
from lensmount_protocol.errors import DialectError, LocalProtocolError
from lensmount_protocol.message import Message, SelectableMessage
from lensmount_protocol.wire import DriveLine, Received, Role

ENDS = [(load_dialect(name), role) for name in ("emount", "lmount") for role in Role]
BY_NAME = [f"{dialect.name} {role.value}" for dialect, role in ENDS]
SEEDS = st.integers(0, 2**32)


def guarded_frame(dialect: Dialect, role: Role, seed: int) -> bytes:
    """A right frame with something forbidden in it, alone or behind something harmless."""
    random = Random(seed)
    protected = dialect.types_protected_from(role)
    bad = sorted(protected | {number for number in range(256) if (role, number) not in dialect.messages})
    number = random.choice((*sorted(protected) * 20, *bad))
    rest = random.randbytes(random.choice((0, 3, 15, 40)))
    message = bytes((number,)) + (len(rest).to_bytes(2, "little") if dialect.name == "lmount" else b"") + rest
    before = b""
    if random.random() < 0.5:
        harmless = [
            cls
            for (one, type_), cls in dialect.messages.items()
            if one is role and type_ not in dialect.protected_types
        ]
        before = random.choice(harmless)().build()
    payload = (before + message)[: dialect.formats[role].max_size - 16]
    return dialect.build_frame(payload, random.choice((1, 2, 3)), random.randrange(256))


def judged(dialect: Dialect, role: Role, data: bytes) -> list[str]:
    ours: dict[int, type[Message]] = {type_: cls for (one, type_), cls in dialect.messages.items() if one is role}
    fixed = {t: cls.SIZE for t, cls in ours.items() if not cls.VARIES and not issubclass(cls, SelectableMessage)}
    return forbidden(dialect.name, data, set(ours), fixed, role.value)


def by_all(dialect: Dialect, role: Role) -> st.SearchStrategy[list[bytes]]:
    """Writes of everything that makes bytes, in any order."""
    setup = make_config(dialect.name, role.peer)
    maker = CaseGenerator(setup, frozenset(dialect.wiring.lines))
    hostile = SEEDS.map(lambda seed: guarded_frame(dialect, role, seed))
    cut = st.builds(_cut, hostile, st.integers(1, 2000))
    crumbs = hostile.map(lambda frame: [bytes((byte,)) for byte in frame])
    hurt = SEEDS.map(lambda seed: mutate_bytes(guarded_frame(dialect, role, seed), Random(seed)))
    faulty = st.builds(lambda fault, seed: _hurt(fault, dialect, role, seed), st.sampled_from(BUILT_IN_FAULTS), SEEDS)
    fresh = SEEDS.map(lambda seed: sent_bytes(maker.new_case(Random(seed))))
    other = SEEDS.map(lambda seed: sent_bytes(mutate_case(maker, Random(seed), [_hostile_steps(maker, dialect, seed)])))
    chance = SEEDS.map(lambda seed: [random_bytes(Random(seed), dialect, role)])
    alone = st.one_of(
        frames(dialect, role), near_misses(dialect, role), noise(dialect, role), streams(dialect, role), hostile, hurt
    ).map(lambda data: [data])
    writes = st.one_of(alone, hostile.map(lambda data: [data]), cut, crumbs, faulty, fresh, other, chance)
    return st.lists(writes, min_size=1, max_size=5).map(_flat)


def _hurt(fault: type[Fault], dialect: Dialect, role: Role, seed: int) -> list[bytes]:
    frame = guarded_frame(dialect, role, seed)
    return [piece.data for piece in apply_byte_fault(fault, frame, dialect, role, Random(seed))]


def _cut(frame: bytes, at: int) -> list[bytes]:
    return [frame[: at % len(frame)], frame[at % len(frame) :]]


def _flat(some: Iterable[Iterable[bytes]]) -> list[bytes]:
    return [data for one in some for data in one]


def _hostile_steps(maker: CaseGenerator, dialect: Dialect, seed: int) -> tuple[str, ...]:
    frame = guarded_frame(dialect, maker.role, seed)
    return (maker.send(frame[:7]), "wait 0", maker.send(frame[7:]), maker.send(frame))


def emitted(gate: SendGuard, writes: Sequence[bytes], foreign: Sequence[bool]) -> bytes:
    passed = list[bytes]()
    for number, data in enumerate(writes):
        if gate.check(data, untrusted=foreign[number % len(foreign)]) is None:
            passed.append(data)
    return b"".join(passed)


@pytest.mark.parametrize(("dialect", "role"), ENDS, ids=BY_NAME)
def test_nothing_that_the_project_can_make_passes_the_gate(dialect: Dialect, role: Role) -> None:
    seen = {"writes": 0, "passed": 0, "refused": 0}

    @given(by_all(dialect, role), st.lists(st.booleans(), min_size=1, max_size=4))
    def prove(writes: list[bytes], foreign: list[bool]) -> None:
        gate = SendGuard(dialect, role)
        data = emitted(gate, writes, foreign)
        assert judged(dialect, role, data) == []
        seen["writes"] += len(writes)
        seen["passed"] += len(data)
        seen["refused"] += sum(gate.refused.values())

    prove()
    # A gate that lets nothing pass, or that had nothing to hold back, would prove nothing.
    assert seen["passed"] > 1_000
    assert seen["refused"] > 20


@pytest.mark.parametrize(("dialect", "role"), ENDS, ids=BY_NAME)
def test_no_rule_of_a_relay_makes_anything_forbidden_of_what_the_project_can_make(dialect: Dialect, role: Role) -> None:
    """Writes of everything, around a stream that a rule would make dangerous; what came itself goes on."""
    relay, streams = RelaySender(dialect.name, role), RuleStreams(read_rules(dialect.name, role.value), role.value)
    seen = Counter[str]()

    @settings(max_examples=40)
    @given(by_all(dialect, role), SEEDS)
    def prove(writes: list[bytes], seed: int) -> None:
        streams.restart(Random(seed))
        stream = streams.stream()
        relay.changes = stream.changes
        came = [*writes, *streams.streams.cut(stream.data), *reversed(writes)]
        out = relay.pass_on(came)
        raw = b"".join(came)
        assert Counter(judged(dialect, role, out)) <= Counter(judged(dialect, role, raw))
        seen.update(came=len(raw), out=len(out), would=len(judged(dialect, role, stream.becomes)))

    prove()
    assert seen["would"] > 20
    assert seen["out"] > seen["came"] * 0.8


@pytest.mark.parametrize(("dialect", "role"), ENDS, ids=BY_NAME)
def test_the_far_end_sees_what_a_gate_would_hold_back(dialect: Dialect, role: Role) -> None:
    random = Random(1)
    for seed in range(300):
        frame = guarded_frame(dialect, role, seed)
        around = random.randbytes(random.randint(0, 8)) + frame + random.randbytes(random.randint(0, 8))
        refused = SendGuard(dialect, role).check(around) is not None
        assert refused or not judged(dialect, role, around)
    usual = [guarded_frame(dialect, role, seed) for seed in range(300)]
    assert sum(bool(judged(dialect, role, frame)) for frame in usual) > 150


@pytest.mark.parametrize("fault", BUILT_IN_FAULTS, ids=lambda fault: fault.NAME)
@pytest.mark.parametrize(("dialect", "role"), ENDS, ids=BY_NAME)
def test_no_fault_passes_what_it_makes_of_forbidden_frames(fault: type[Fault], dialect: Dialect, role: Role) -> None:
    gate = SendGuard(dialect, role)
    data = b""
    for seed in range(60):
        for piece in apply_byte_fault(fault, guarded_frame(dialect, role, seed), dialect, role, Random(seed)):
            assert isinstance(piece, OutgoingBytes)
            data += piece.data if gate.check(piece.data, untrusted=True) is None else b""
    assert judged(dialect, role, data) == []


@pytest.mark.parametrize(("dialect", "role"), ENDS, ids=BY_NAME)
def test_no_case_that_is_made_changed_or_made_short_passes(dialect: Dialect, role: Role) -> None:
    """As a run would do it: the corpus grows out of hostile cases, and stories are made short from any point."""
    setup: DeviceFuzzConfig = make_config(dialect.name, role.peer)
    maker, gate, data = CaseGenerator(setup, frozenset(dialect.wiring.lines)), SendGuard(dialect, role), b""
    corpus = [_hostile_steps(maker, dialect, seed) for seed in range(10)]

    def play(steps: tuple[str, ...]) -> bool:
        nonlocal data
        for sent in sent_bytes(steps):
            data += sent if gate.check(sent, untrusted=True) is None else b""
        return len(data) % 3 == 0

    for number in range(150):
        random = Random(number)
        steps = mutate_case(maker, random, corpus) if number % 3 else maker.new_case(random)
        corpus.append(steps)
        play(steps)
        if number % 25 == 0:
            minimise(setup, steps, play, 20)
    assert judged(dialect, role, data) == []
    assert len(data) > 2_000


@pytest.mark.parametrize("name", ["*", "?pdateOffer", "[A-Z]*", "", "0x100", "0x", "0xzz", "0x-1"])
def test_what_names_nothing_arms_nothing(name: str) -> None:
    with pytest.raises(DialectError, match="allowed "):
        SendGuard(ENDS[2][0], Role.BODY, [name])


def test_what_is_hidden_by_a_layout_that_the_device_may_have_forgotten_is_held_back() -> None:
    """A frame that says something forbidden to a body that was greeted anew, and nothing to one that was not."""
    dialect, gate = load_dialect("emount"), SendGuard(load_dialect("emount"), Role.LENS)
    layout = StreamLayoutReply(status_blocks=1, focus_blocks=0x3F)
    assert gate.check(dialect.build_frame(layout.build(), 1, 2)) is None
    status = LensStatus().build()
    payload = bytearray(status[: LensStatus.size_with(1)] + FocusStatus().build() * 4)
    harmless = dialect.build_frame(bytes(payload), 2, 3)
    # Inside the last focus by the layout in force; by the usual one, where the message behind the status begins.
    payload[len(status)] = 0x15
    hides = dialect.build_frame(bytes(payload), 2, 4)
    assert "0x15" in (SendGuard(dialect, Role.LENS).check(hides, untrusted=True) or "")
    assert gate.check(hides, untrusted=True) == "an unknown message of type 0x15 in an earlier layout"
    # Our own end, which knows what was agreed, goes on.
    assert gate.check(harmless) is None


@pytest.mark.parametrize("dialect", [ENDS[0][0], ENDS[2][0]], ids=["emount", "lmount"])
def test_nothing_forbidden_leaves_a_board(dialect: Dialect) -> None:
    """The whole way to another board's ear: in orders of so many bytes, in windows, at the board's times."""
    ours, theirs = BoardSimulator(), BoardSimulator()
    bench = SimulatorBench(ours, theirs)
    contacts = get_contacts(dialect)
    plan = make_pin_map(parse_spec("board:x"), contacts, BoardRole.BODY, dialect.wiring.baudrates[0])
    ours.pins[plan.configure.lines[0].gpio] = True
    rate, spec = dialect.wiring.baudrates[0], parse_spec("board:x")
    ports = [
        BoardTransport(bench.stream(board), make_pin_map(spec, contacts, role, rate), bench.clock, number)
        for number, (board, role) in enumerate(((ours, BoardRole.BODY), (theirs, BoardRole.LENS)), 1)
    ]
    driving = {Role.BODY: ours, Role.LENS: theirs}
    connect_boards(ours, theirs, [(driving[dialect.drivers[line]], n, n) for n, line in enumerate(plan.names)])
    body = GuardedTransport(ports[0], SendGuard(dialect, Role.BODY))
    select = dialect.select_line(Role.BODY)
    heard, refused = b"", 0

    def pass_time(seconds: float) -> None:
        nonlocal heard
        until = bench.clock.now() + seconds
        while bench.clock.now() < until:
            bench.advance_to(min(until, bench.clock.now() + 0.001))
            body.receive(0)
            heard += b"".join(event.data for event in ports[1].receive(0) if isinstance(event, Received))

    ports[1].send(DriveLine(dialect.detect, False))
    pass_time(0.2)
    for line in (*dialect.rails, dialect.supply):
        body.send(DriveLine(line, True))
    pass_time(0.1)
    maker = CaseGenerator(make_config(dialect.name, Role.LENS), body.lines)
    for seed in range(120):
        writes = (
            [guarded_frame(dialect, Role.BODY, seed)] if seed % 3 == 0 else sent_bytes(maker.new_case(Random(seed)))
        )
        body.send(DriveLine(select, True))
        for data in writes:
            try:
                body.send_injected(data)
            except LocalProtocolError:
                refused += 1
        body.send(DriveLine(select, False))
        pass_time(0.02)
    assert refused >= 40
    assert len(heard) > 1_000
    assert judged(dialect, Role.BODY, heard) == []
