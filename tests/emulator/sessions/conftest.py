"""What tests of sessions on boards share: a body and a lens behind model boards, and a third that listens between."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_hardware.boards.pin_map import PinMap, make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole, LineKind
from lensmount_hardware.boards.simulator.bench import SimulatorBench, connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.wire import Role, Transmit

ENDS = {
    "emount": ("a6000", "sel55210", "wait 0.2; focus 0x4200; aperture f/8"),
    "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; expose 1/60"),
}


@dataclass
class End:
    """An engine and the board that it plays through."""

    engine: Engine
    board: BoardTransport
    told: list[str] = field(default_factory=list)
    sent: bytes = b""

    def act(self, now: float) -> None:
        for event in self.board.receive(0):
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


@dataclass
class Boards:
    """Three boards on one mount: the body's, the lens's, and one that listens between; nobody speaks to them yet.

    Attributes:
        moved: every edge of every output, with the board's time: line, level, microseconds.
        said: every transmission: sender, bytes, first start bit, last stop bit.
        driven: what the listening board drove.
    """

    dialect: Dialect
    bench: SimulatorBench
    body: BoardSimulator
    lens: BoardSimulator
    ear: BoardSimulator
    moved: list[tuple[str, bool, int]] = field(default_factory=list)
    said: list[tuple[Role, bytes, int, int]] = field(default_factory=list)
    driven: list[Any] = field(default_factory=list)

    def plan(self, role: BoardRole, options: str = "") -> PinMap:
        return make_pin_map(
            parse_spec(f"board:model{options}"), get_contacts(self.dialect), role, self.dialect.wiring.baudrates[0]
        )

    def board(self, role: BoardRole, session: int = 1, options: str = "") -> BoardTransport:
        board = {BoardRole.BODY: self.body, BoardRole.LENS: self.lens, BoardRole.SNIFFER: self.ear}[role]
        return BoardTransport(
            self.bench.stream(board, role.name.lower()), self.plan(role, options), self.bench.clock, session
        )

    def wire(self) -> None:
        """Join every line of the two ends, and put the third board's inputs on them."""
        plan, ear = self.plan(BoardRole.BODY), self.plan(BoardRole.SNIFFER)
        driving = {Role.BODY: self.body, Role.LENS: self.lens}
        connect_boards(
            self.body, self.lens, [(driving[self.dialect.drivers[line]], n, n) for n, line in enumerate(plan.names)]
        )
        heard = {line: n for n, line in enumerate(ear.names)}
        for role, board in driving.items():
            self._listen(role, board, plan, heard)
        self.ear.on_drive = lambda *what: self.driven.append(what)

    def _listen(self, role: Role, board: BoardSimulator, plan: PinMap, heard: dict[str, int]) -> None:
        drove, said = board.on_drive, board.on_transmit
        data = {n for n, mapped in enumerate(plan.configure.lines) if mapped.kind == LineKind.DATA}

        def moved(line: int, level: bool, at_us: int) -> None:
            name = plan.names[line]
            if line not in data:
                self.moved.append((name, level, at_us))
                self.ear.on_line_level(heard[name], level)
            drove(line, level, at_us)

        def spoken(line: int, words: bytes, begin_us: int, end_us: int) -> None:
            self.said.append((role, words, begin_us, end_us))
            if board.simulated_lines is not None:
                self.ear.on_line_bytes(heard[plan.names[line]], words, begin_us, board.simulated_lines.baudrate)
            said(line, words, begin_us, end_us)

        board.on_drive, board.on_transmit = moved, spoken

    def ends(self, script: str | None = None, body: BoardTransport | None = None) -> list[End]:
        """An engine behind either board, begun."""
        both: list[End] = []
        *names, usual = ENDS[self.dialect.name]
        for role, name in zip(Role, names, strict=True):
            kind = BoardRole.BODY if role is Role.BODY else BoardRole.LENS
            board = body if body is not None and role is Role.BODY else self.board(kind, int(kind) + 1)
            said = (usual if script is None else script) if role is Role.BODY else ""
            both.append(End(make_live_engine(load_profile(name, role), board.lines, said, keeps_windows=True), board))
        self.wire()
        for end in both:
            end.engine.start(self.bench.clock.now())
        return both

    def play(self, ends: list[End], seconds: float, look: Callable[[], object]) -> None:
        """Play until the body's script is done, or for so long; `look` is called at each step."""
        bench = self.bench
        until = bench.clock.now() + seconds
        while not ends[0].engine.done and bench.clock.now() < until:
            now = bench.clock.now()
            for end in ends:
                end.act(now)
            look()
            times = [end.engine.next_deadline() for end in ends]
            times += [due / 1e6 for board in bench.boards if (due := board.next_us()) is not None]
            bench.advance_to(max(now, min([now + 0.01, *(at for at in times if at is not None)])))


@pytest.fixture
def boards() -> Callable[..., Boards]:
    def make(dialect: str, kind: type[BoardSimulator] = BoardSimulator) -> Boards:
        body, lens, ear = kind(), kind(), kind()
        made = Boards(load_dialect(dialect), SimulatorBench(body, lens, ear), body, lens, ear)
        # Nobody is on the mount yet: the body's pull-up holds the contact of presence.
        for board, role in ((body, BoardRole.BODY), (ear, BoardRole.SNIFFER)):
            plan = made.plan(role)
            board.pins[plan.configure.lines[plan.names.index(made.dialect.detect)].gpio] = True
        return made

    return make
