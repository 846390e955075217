"""A body engine, its board, wires, another board, a lens engine: whole sessions over the image that ships, twice."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from emulated.emulator import Emulator
from emulated.streams import EmulatedClock, EmulatedStream
from lensmount_emulator.cli.playing import engine_for
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.sessions.contacts import contacts_of
from lensmount_hardware.boards.bridge import BoardTransport
from lensmount_hardware.boards.plan import Plan, make_plan
from lensmount_hardware.boards.words import BoardRole, LineKind
from lensmount_hardware.spec import parse_spec
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Received, Role, Transmit

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
    told: list[str] = field(default_factory=list)
    sent: bytes = b""
    heard: bytes = b""

    def act(self, now: float) -> None:
        for event in self.board.receive(0):
            if isinstance(event, Received):
                self.heard += event.data
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


def wire_up(emulator: Emulator, plan: Plan) -> None:
    """Every line of the one board to the same line of the other."""
    for mapped in plan.configure.lines:
        if mapped.kind != LineKind.DATA:
            pull = mapped.kind == LineKind.PRESENCE
            emulator.order("wire", pins=[[0, mapped.gpio], [1, mapped.gpio]], pull=pull)
    for sender in (0, 1):
        emulator.order("join", **{"from": [sender, 0], "to": [1 - sender, 0]})


def play(emulator: Emulator, dialect: Dialect, profiles: dict[Role, str], script: str, seconds: float) -> list[End]:
    contacts, clock = contacts_of(dialect), EmulatedClock(emulator)
    ends: list[End] = []
    for number, (role, name) in enumerate(profiles.items()):
        kind = BoardRole.BODY if role is Role.BODY else BoardRole.LENS
        plan = make_plan(parse_spec("board:emulated"), contacts, kind, dialect.wiring.baudrates[0])
        if number == 0:
            wire_up(emulator, plan)
        transport = BoardTransport(EmulatedStream(emulator, number), plan, clock, number + 1)
        ends.append(
            End(engine_for(load_profile(name, role), transport.lines, script if number == 0 else ""), transport)
        )
    for end in ends:
        end.engine.start(clock.now())
    until = clock.now() + seconds
    while not ends[0].engine.done and clock.now() < until:
        now = clock.now()
        for end in ends:
            end.act(now)
        deadlines = [1e6 * at for end in ends if (at := end.engine.next_deadline()) is not None]
        soonest = min([emulator.now_us + LONGEST_STEP_US, *deadlines])
        emulator.run_until(max(soonest, emulator.now_us + 1), unless_usb=True)
    return ends


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
    assert emulator.conflicts == []
    for number, end in enumerate(ends):
        assert end.board.refused == 0, end.told
        assert sum(end.board.lost.values()) == 0
        assert emulator.tell(number)["faults"] == []
        assert ends[1 - number].sent.startswith(end.heard), "nothing lost, nothing reordered"
        assert len(ends[1 - number].sent) - len(end.heard) < 100, "but what was underway at the end"
