"""A Fuji G body and lens, each on a board, and a third board that listens: a whole start, the shipped image on all."""

from collections.abc import Callable
from dataclasses import dataclass, field

from emulated.emulator import Emulator
from emulated.stream import EmulatedClock, EmulatedStream
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole, LineKind
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, DataLoss, Edge, Role, WireRecord

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
