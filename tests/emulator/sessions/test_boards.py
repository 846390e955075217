"""A body engine behind one board and a lens engine behind another, in virtual time: whole sessions, nothing refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.simulator.bench import SimulatorBench, connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import WindowTiming, parse_spec
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.wire import Role

from .conftest import End  # noqa: TID252  helpers of this folder


def test_a_dialects_contacts_are_all_there() -> None:
    contacts = get_contacts(load_dialect("emount"))
    assert (contacts.supply, contacts.detect, contacts.rails, contacts.sync) == (
        "VCC",
        "XDETECT",
        ("LENS_POWER",),
        "VD",
    )
    assert contacts.windows == {Role.BODY: WindowTiming(15, 40, 10), Role.LENS: WindowTiming(2, 1, 10)}
    assert get_contacts(load_dialect("lmount")).windows[Role.BODY] == WindowTiming(10, 10, 10)


def ends(dialect: Dialect, bench: SimulatorBench, profiles: dict[Role, str], script: str) -> Iterator[End]:
    contacts = get_contacts(dialect)
    for board, (role, name) in zip(bench.boards, profiles.items(), strict=True):
        kind = BoardRole.BODY if role is Role.BODY else BoardRole.LENS
        plan = make_pin_map(parse_spec("board:model"), contacts, kind, dialect.wiring.baudrates[0])
        transport = BoardTransport(bench.stream(board), plan, bench.clock, int(kind) + 1)
        engine = make_live_engine(load_profile(name, role), transport.lines, script if role is Role.BODY else "")
        yield End(engine, transport)


@pytest.mark.parametrize(
    ("name", "body", "lens", "script"),
    [
        ("emount", "a6000", "sel55210", "wait 0.2; focus 0x4200; aperture f/8"),
        ("lmount", "panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; expose 1/60"),
    ],
)
def test_a_session_runs_to_its_end(name: str, body: str, lens: str, script: str) -> None:
    dialect = load_dialect(name)
    body_board, lens_board = BoardSimulator(), BoardSimulator()
    bench = SimulatorBench(body_board, lens_board)
    detect_pin = make_pin_map(parse_spec("board:x"), get_contacts(dialect), BoardRole.BODY, 1).configure.lines[0].gpio
    body_board.pins[detect_pin] = True
    both = list(ends(dialect, bench, {Role.BODY: body, Role.LENS: lens}, script))
    lines: Any = enumerate(both[0].board._pin_map.names)
    driving = {Role.BODY: body_board, Role.LENS: lens_board}
    connect_boards(body_board, lens_board, [(driving[dialect.drivers[line]], n, n) for n, line in lines])
    for end in both:
        end.engine.start(bench.clock.now())
    while not both[0].engine.done and bench.clock.now() < 8:
        now = bench.clock.now()
        for end in both:
            end.act(now)
        times = [end.engine.next_deadline() for end in both]
        times += [due / 1e6 for board in bench.boards if (due := board.next_us()) is not None]
        bench.advance_to(max(now, min([now + 0.01, *(at for at in times if at is not None)])))
    assert both[0].engine.done, both[0].told[-5:]
    assert [end.board.rejected for end in both] == [0, 0], [end.told for end in both]
    assert [sum(end.board.lost.values()) for end in both] == [0, 0]
