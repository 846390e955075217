"""What the tests of boards share: a small mount, and boards that play its ends in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lensmount_hardware.boards.bridge import BoardTransport
from lensmount_hardware.boards.model import ModelBoard
from lensmount_hardware.boards.model_stream import ModelBench, ModelStream, join
from lensmount_hardware.boards.plan import Plan, make_plan
from lensmount_hardware.boards.words import BoardRole
from lensmount_hardware.contacts import Contacts
from lensmount_hardware.spec import parse_spec
from lensmount_protocol.wire import Role, SerialLine

CONTACTS = Contacts(
    drivers={
        "DETECT": Role.LENS,
        "POWER": Role.BODY,
        "MOTOR": Role.BODY,
        "SYNC": Role.BODY,
        "BODY_CS": Role.BODY,
        "LENS_CS": Role.LENS,
        "TXD": Role.BODY,
        "RXD": Role.LENS,
    },
    serial=(SerialLine("RXD", Role.LENS, "LENS_CS"), SerialLine("TXD", Role.BODY, "BODY_CS")),
    supply="POWER",
    detect="DETECT",
    rails=("MOTOR",),
    sync="SYNC",
)


def plan_for(role: BoardRole, options: str = "", contacts: Contacts = CONTACTS) -> Plan:
    return make_plan(parse_spec(f"board:model{options}"), contacts, role, 115_200)


@dataclass
class Pair:
    """A body and a lens, each behind a board of its own, and the wires between the boards."""

    bench: ModelBench
    body_board: ModelBoard
    lens_board: ModelBoard
    body: BoardTransport
    lens: BoardTransport
    body_stream: ModelStream
    lens_stream: ModelStream

    def settle(self, seconds: float = 0.05) -> None:
        """Let time pass, and both hosts look."""
        self.bench.advance(seconds)
        self.body.receive(0)
        self.lens.receive(0)


@pytest.fixture
def pair() -> Pair:
    body_board, lens_board = ModelBoard(), ModelBoard()
    bench = ModelBench(body_board, lens_board)
    body_plan, lens_plan = plan_for(BoardRole.BODY), plan_for(BoardRole.LENS)
    # Nobody is on the mount yet: the body's pull-up holds DETECT.
    body_board.pins[6] = True
    body_stream, lens_stream = bench.stream(body_board, "body"), bench.stream(lens_board, "lens")
    body = BoardTransport(body_stream, body_plan, bench.clock, 1)
    lens = BoardTransport(lens_stream, lens_plan, bench.clock, 2)
    number = {name: n for n, name in enumerate(body_plan.names)}
    driving = {Role.BODY: body_board, Role.LENS: lens_board}
    join(body_board, lens_board, [(driving[CONTACTS.drivers[n]], number[n], number[n]) for n in body_plan.names])
    body.receive(0)
    lens.receive(0)
    return Pair(bench, body_board, lens_board, body, lens, body_stream, lens_stream)


@pytest.fixture
def planned() -> Callable[..., Plan]:
    return plan_for
