"""A body engine, its board, wires, another board, a lens engine: whole sessions, the shipped image on both boards."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from emulated.emulator import Emulator
from emulated.stream import EmulatedClock, EmulatedStream
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_emulator.sessions.loopback import DRAIN_S, run_loopback
from lensmount_hardware.boards.pin_map import PinMap, make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole, LineKind
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.wire import Burst, Edge, Received, Role, Transmit, WireEvent, WireRecord

LONGEST_STEP_US = 10_000


@dataclass
class End:
    """An engine and the board that it plays through.

    Attributes:
        sent: the bytes that the engine gave to its board.
        heard: those that the board told it.
    """

    engine: Engine
    board: BoardTransport
    plan: PinMap
    told: list[str] = field(default_factory=list)
    sent: bytes = b""
    heard: bytes = b""

    def listen(self) -> Iterator[WireEvent]:
        for event in self.board.receive(0):
            if isinstance(event, Received):
                self.heard += event.data
            yield event

    def act(self, now: float) -> None:
        for event in self.listen():
            self.engine.receive(event, now)
            self._carry_out()
        deadline = self.engine.next_deadline()
        if deadline is not None and deadline <= now:
            self.engine.handle_deadline(now)
        self._carry_out()

    def _carry_out(self) -> None:
        for action in self.engine.actions():
            if isinstance(action, Transmit):
                self.sent += action.data
            self.board.send(action)
        self.told += [notice.text for notice in self.engine.notices()]


def wire_up(emulator: Emulator, plan: PinMap) -> None:
    """Every line of the one board to the same line of the other."""
    for mapped in plan.configure.lines:
        if mapped.kind != LineKind.DATA:
            pull = mapped.kind == LineKind.PRESENCE
            emulator.order("wire", pins=[[0, mapped.gpio], [1, mapped.gpio]], pull=pull)
    for sender in (0, 1):
        emulator.order("join", **{"from": [sender, 0], "to": [1 - sender, 0]})


def play(emulator: Emulator, dialect: Dialect, profiles: dict[Role, str], script: str, seconds: float) -> list[End]:
    contacts, clock = get_contacts(dialect), EmulatedClock(emulator)
    ends: list[End] = []
    for number, (role, name) in enumerate(profiles.items()):
        kind = BoardRole.BODY if role is Role.BODY else BoardRole.LENS
        plan = make_pin_map(parse_spec("board:emulated"), contacts, kind, dialect.wiring.baudrates[0])
        if number == 0:
            wire_up(emulator, plan)
        transport = BoardTransport(EmulatedStream(emulator, number), plan, clock, number + 1)
        ends.append(
            End(
                make_live_engine(load_profile(name, role), transport.lines, script if number == 0 else ""),
                transport,
                plan,
            )
        )
    for end in ends:
        end.engine.start(clock.now())
    until, done_at = clock.now() + seconds, float("inf")
    while clock.now() < min(until, done_at + DRAIN_S):
        now = clock.now()
        if ends[0].engine.done:
            done_at = min(done_at, now)
        for end in ends:
            end.act(now)
        deadlines = [1e6 * at for end in ends if (at := end.engine.next_deadline()) is not None]
        soonest = min([emulator.now_us + LONGEST_STEP_US, *deadlines])
        emulator.run_until(max(soonest, emulator.now_us + 1), unless_usb=True)
    # What was underway arrives.
    emulator.run(50_000)
    for end in ends:
        list(end.listen())
    return ends


def wire_records(emulator: Emulator, ends: list[End]) -> Iterator[WireRecord]:
    """What a logic analyser would have seen between the boards."""
    names = {mapped.gpio: line for line, mapped in zip(ends[0].plan.names, ends[0].plan.configure.lines, strict=True)}
    roles = [end.engine.role for end in ends]
    seen: list[tuple[float, WireRecord]] = []
    for begin, end, board, _, value, lost in emulator.sent:
        if not lost:
            baudrate = round(1e7 / (end - begin))
            seen.append((begin, Burst(begin / 1e6, roles[board], bytes((value,)), baudrate, end / 1e6)))
    for at, board, pin, state in emulator.pins:
        line = names.get(pin)
        if line is not None and line in ends[board].plan.outputs:
            # What is let go of is pulled up; a data line that its UART has is high between bytes.
            seen.append((at, Edge(at / 1e6, line, state != "low")))
    return (record for _, record in sorted(seen, key=lambda item: item[0]))


def messages_of(events: Iterable[Decoded]) -> list[tuple[str, ...]]:
    """Each frame's sender and messages, in their order."""
    frames = (event for event in events if isinstance(event, DecodedFrame))
    return [(frame.sender.value, *(type(message).__name__ for message in frame.messages)) for frame in frames]


@pytest.mark.parametrize(
    ("name", "body", "lens", "script"),
    [
        ("emount", "a6000", "sel55210", "wait 0.2; focus 0x4200; aperture f/8"),
        ("lmount", "panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; expose 1/60"),
    ],
    ids=["emount", "lmount"],
)
def test_a_session_over_two_boards_runs_to_its_end(
    new_emulator: Callable[..., Emulator], name: str, body: str, lens: str, script: str
) -> None:
    emulator = new_emulator(2)
    ends = play(emulator, load_dialect(name), {Role.BODY: body, Role.LENS: lens}, script, 8)
    print(f"{name}: {emulator.now_us / 1e6:.2f} s, {len(ends[0].sent)} + {len(ends[1].sent)} bytes")
    assert ends[0].engine.done, [end.told[-5:] for end in ends]
    events = list(Decoder(load_dialect(name)).decode(wire_records(emulator, ends)))
    assert [event for event in events if isinstance(event, DecodedGarbage)] == []
    over_boards, virtual = messages_of(events), messages_of(run_loopback(body, lens, script=script).events)
    # What streams by the frame signal is sent as often as the session is long.
    streamed = {what for what, count in Counter(virtual).items() if count > 4}
    wanted = [what for what in virtual if what not in streamed]
    assert [what for what in over_boards if what not in streamed] == wanted
    assert streamed <= set(over_boards)
    print(
        f"{name}: {len(wanted)} frames in the virtual mount's order, and {len(over_boards) - len(wanted)} that stream"
    )
    assert emulator.conflicts == []
    for number, end in enumerate(ends):
        assert end.board.rejected == 0, end.told
        assert sum(end.board.lost.values()) == 0
        assert emulator.board_status(number)["faults"] == []
        assert end.heard == ends[1 - number].sent, "nothing lost, nothing reordered"
