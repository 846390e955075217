"""A Fuji G body and lens, each on a board, and a third board that listens: a whole start, the shipped image on all."""

from collections.abc import Callable
from dataclasses import dataclass, field

from emulated.emulator import Emulator
from emulated.stream import EmulatedClock, EmulatedStream
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.driver import PreparingEngine
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole, LineKind
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, DataLoss, Edge, Role, Transmit, WireRecord

DIALECT = load_dialect("fuji-g")
LONGEST_STEP_US = 10_000
ROLES = {BoardRole.BODY: Role.BODY, BoardRole.LENS: Role.LENS}


@dataclass
class Listener:
    """A board without an engine."""

    port: BoardTransport
    clock: EmulatedClock
    records: list[WireRecord] = field(default_factory=list[WireRecord])

    def listen(self) -> None:
        self.records += [timed.record for timed in self.port.timed_records(0, self.clock)]


@dataclass
class Player(Listener):
    """A board with an engine."""

    engine: Engine | None = None
    told: list[str] = field(default_factory=list[str])

    def act(self) -> None:
        engine, now = self.engine, self.clock.now()
        assert engine is not None
        for timed in self.port.timed_records(0, self.clock):
            self.records.append(timed.record)
            if timed.event is not None:
                at = timed.record.end if isinstance(timed.record, Burst) else timed.record.at
                engine.receive(timed.event, max(engine.now, min(now, now if at is None else at)))
        if (due := engine.next_deadline()) is not None and due <= now:
            engine.handle_deadline(now)
        for action in engine.actions():
            self.port.send(action)
        if isinstance(engine, PreparingEngine):
            self.port.prepare_replies(engine.prepared_replies())
        self.told += [notice.text for notice in engine.notices()]


def bursts(records: list[WireRecord], sender: Role) -> list[bytes]:
    return [one.data for one in records if isinstance(one, Burst) and one.sender is sender]


def words(records: list[WireRecord]) -> list[tuple[str, str]]:
    """Each frame's sender and messages, in their order; what streams by the clock is left out."""
    events = [event for event in Decoder(DIALECT).decode(records) if isinstance(event, DecodedFrame)]
    return [(event.sender.value, ",".join(type(one).__name__ for one in event.messages)) for event in events]


def test_a_start_over_two_boards_with_a_third_that_listens(new_emulator: Callable[..., Emulator]) -> None:
    emulator, contacts = new_emulator(3), get_contacts(DIALECT)
    clock = EmulatedClock(emulator)
    plans = [make_pin_map(parse_spec("board:emulated"), contacts, role, 1) for role in BoardRole]
    for line in contacts.drivers:
        pins = [[number, plan.configure.lines[plan.names.index(line)].gpio] for number, plan in enumerate(plans)]
        emulator.order("wire", pins=pins, pull=plans[0].configure.lines[plans[0].names.index(line)].kind
                       == LineKind.PRESENCE)  # fmt: skip
    ports = [BoardTransport(EmulatedStream(emulator, n), plan, clock, n + 1) for n, plan in enumerate(plans)]
    body, lens = (
        Player(port, clock, engine=make_live_engine(load_profile(name, role), port.lines, ""))
        for port, (name, role) in zip(ports, (("gfx50r", Role.BODY), ("gf45", Role.LENS)), strict=False)
    )
    listener = Listener(ports[2], clock)
    assert body.engine is not None
    assert lens.engine is not None
    for player in (body, lens):
        assert player.engine is not None
        player.engine.start(clock.now())
    until = clock.now() + 1
    while not body.engine.done and clock.now() < until:
        body.act()
        lens.act()
        listener.listen()
        deadlines = [1e6 * at for at in (body.engine.next_deadline(), lens.engine.next_deadline()) if at is not None]
        soonest = min([emulator.now_us + LONGEST_STEP_US, *deadlines])
        emulator.run_until(max(soonest, emulator.now_us + 1), unless_usb=True)
    emulator.run(5000)
    body.act()
    lens.act()
    listener.listen()
    assert body.engine.done, (body.told[-5:], lens.told[-5:])
    assert "lens 'GF45mmF2.8 R WR', model FSSNW006" in body.told
    assert len(bursts(listener.records, Role.BODY)) > 90
    for sender, played in ((Role.BODY, body), (Role.LENS, lens)):
        assert bursts(played.records, sender) == bursts(listener.records, sender)
    assert bursts(body.records, Role.LENS) == bursts(listener.records, Role.LENS)
    assert bursts(lens.records, Role.BODY) == bursts(listener.records, Role.BODY)
    for records in (body.records, lens.records, listener.records):
        assert [one for one in records if isinstance(one, DataLoss)] == []
        assert [event for event in Decoder(DIALECT).decode(records) if isinstance(event, DecodedGarbage)] == []
    virtual = words(list(run_loopback("gfx50r", "gf45").records))
    start = virtual[: virtual.index(("body", "ApertureRingRequest"))]
    assert words(listener.records)[: len(start)] == start, "the start is that of the virtual mount"
    levels = [(one.line, one.level) for one in listener.records if isinstance(one, Edge)]
    assert ("LENS_DATA", True) in levels
    assert ("FOCUS_BUSY", False) in levels
    assert emulator.conflicts == []
    for port in ports:
        assert port.problems() == {}
    gaps = [
        (later.at or 0) - (one.end or 0)
        for one, later in zip(listener.records, listener.records[2:], strict=False)
        if isinstance(one, Burst) and isinstance(later, Burst) and (later.at or 0) > (one.end or 0)
    ]
    worst = {number: emulator.board_status(number)["worst"] for number in range(3)}
    print(f"{emulator.now_us / 1e6:.3f} s, {len(bursts(listener.records, Role.BODY))} bursts, "
          f"shortest pause {1e6 * min(gaps):.0f} us")  # fmt: skip
    print("\n".join(f"board {number}: {irqs}" for number, irqs in worst.items()))


SHORTEST_PAUSE_US = 249
"""Of the captured body, between any two bursts."""


def test_a_lens_answers_a_body_that_leaves_it_no_time_for_a_host(new_emulator: Callable[..., Emulator]) -> None:
    """The words of captured sessions, each as soon after the one before as a GFX 50R ever sent it."""
    emulator, contacts = new_emulator(), get_contacts(DIALECT)
    clock = EmulatedClock(emulator)
    plan = make_pin_map(parse_spec("board:emulated"), contacts, BoardRole.LENS, 1)
    pin = {line: mapped.gpio for line, mapped in zip(plan.names, plan.configure.lines, strict=True)}
    port = BoardTransport(EmulatedStream(emulator, 0), plan, clock, 1)
    lens = Player(port, clock, engine=make_live_engine(load_profile("gf45", Role.LENS), port.lines, ""))
    assert lens.engine is not None
    link = DIALECT.wiring.clocked
    assert link is not None
    lens.engine.start(clock.now())

    def run_until(until_us: float) -> None:
        assert lens.engine is not None
        while emulator.now_us < until_us:
            lens.act()
            due = lens.engine.next_deadline()
            soonest = until_us if due is None else min(until_us, max(1e6 * due, emulator.now_us + 1))
            emulator.run_until(soonest, unless_usb=True)

    def answers(*body: str) -> list[str]:
        began = len(emulator.shifted)
        for word in body:
            emulator.clock_burst(0, link, pin["CLK"], {pin["BODY_DATA"]: bytes.fromhex(word)}, pin["LENS_DATA"])
            ends_us = emulator.now_us + 1e6 * link.duration(4)
            run_until(ends_us + SHORTEST_PAUSE_US)
        return [data.hex() for _, _, _, data in emulator.shifted[began:]]

    emulator.set_pin(0, pin["SUPPLY"], True)
    emulator.set_pin(0, pin["CLK"], True)
    run_until(emulator.now_us + 100_000)
    # The first words after power-up, the announcement of blocks left out, then polls (protocol/spec/fuji-g.md).
    assert answers("00003fc6", "08108022", "00000000", "0800bfd8") == ["00000000", "0800bfd8", "00003fc6", "08008012"]
    assert answers("00002004", "0910802a", "00003fc6", "0a00a026", "00000000", "0800bfd8") == [
        "00000000", "0800a016", "00002004", "0900bfe0", "00003fc6", "0a008022",
    ]  # fmt: skip
    polls = [answers("00000820", "0b10803a", "00000000", "08008832") for _ in range(3)]
    for poll in polls:
        assert poll[:2] + poll[3:] == ["00000000", "08008832", "0b00802a"]
        assert poll[2] == polls[0][2]
    run_until(emulator.now_us + 20_000)
    assert port.problems() == {}
    assert [one.text for one in lens.records if isinstance(one, Annotation)] == []
    sent = [one.data.hex() for one in lens.records if isinstance(one, Burst) and one.sender is Role.LENS]
    assert sent == [data.hex() for _, _, _, data in emulator.shifted], "what is recorded is what went out"
    worst = emulator.board_status(0)["worst"]
    print(f"answers at pauses of {SHORTEST_PAUSE_US} us; interrupts: {worst}")


def test_a_prepared_reply_is_loaded_within_microseconds(new_emulator: Callable[..., Emulator]) -> None:
    """The shortest pause of the clock after which the whole table of a lens still answers."""
    shortest = 0
    for pause_us in (80, 60, 50, 45, 40, 35, 30):
        emulator, contacts = new_emulator(), get_contacts(DIALECT)
        clock = EmulatedClock(emulator)
        plan = make_pin_map(parse_spec("board:emulated"), contacts, BoardRole.LENS, 1)
        pin = {line: mapped.gpio for line, mapped in zip(plan.names, plan.configure.lines, strict=True)}
        port = BoardTransport(EmulatedStream(emulator, 0), plan, clock, 1)
        engine = make_live_engine(load_profile("gf45", Role.LENS), port.lines, "")
        assert isinstance(engine, PreparingEngine)
        port.prepare_replies(engine.prepared_replies())
        link = DIALECT.wiring.clocked
        assert link is not None
        emulator.set_pin(0, pin["CLK"], True)
        emulator.set_pin(0, pin["SUPPLY"], True)
        emulator.run(20_000)
        port.send(Transmit(bytes(4)))
        emulator.run(2_000)
        # The last of the table: as long a search as there is.
        for word in ("00003fc6", "08108022"):
            emulator.clock_burst(0, link, pin["CLK"], {pin["BODY_DATA"]: bytes.fromhex(word)}, pin["LENS_DATA"])
            emulator.run(1e6 * link.duration(4) + pause_us)
        emulator.run(500)
        if [data.hex() for _, _, _, data in emulator.shifted] != ["00000000", "0800bfd8"]:
            break
        shortest = pause_us
    assert 0 < shortest <= 80
    print(
        f"a prepared reply goes out after a pause of {shortest} us, and {len(engine.prepared_replies())} are prepared"
    )
