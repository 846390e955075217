"""A simulated board as a port in virtual time, for tests of what speaks to boards."""

from dataclasses import dataclass

from lensmount_emulator.sessions.contacts import contacts_of
from lensmount_hardware.boards.bridge import BoardTransport
from lensmount_hardware.boards.model import ModelBoard
from lensmount_hardware.boards.model_stream import ModelBench
from lensmount_hardware.boards.plan import make_plan
from lensmount_hardware.boards.words import BoardRole
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.spec import parse_spec
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class SimulatedPort:
    """A simulated board and the port that leads to it.

    Attributes:
        board: the board; `board.see(line, level)` and `board.hear(line, data, at_us, baudrate)` play the other end.
        transport: the port, for `LiveSession(profile, transport, clock=clock)`.
        clock: the time of both, which passes while a session waits for the port.
        lines: the numbers of the board's lines by their published name.
    """

    board: ModelBoard
    transport: BoardTransport
    clock: VirtualClock
    lines: dict[str, int]


def open_simulated_board(role: Role | str, dialect: Dialect | str = "emount") -> SimulatedPort:
    """Make a board that plays an end, and open its port.

    Args:
        role: the end that the board plays.
        dialect: what is spoken, which gives the board its lines.

    Raises:
        DialectError: the dialect is unknown.
        ValueError: `role` is neither `body` nor `lens`.
    """
    spoken = load_dialect(dialect) if isinstance(dialect, str) else dialect
    board = ModelBoard()
    bench = ModelBench(board)
    kind = BoardRole.BODY if Role(role) is Role.BODY else BoardRole.LENS
    plan = make_plan(parse_spec("board:simulated"), contacts_of(spoken), kind, spoken.wiring.baudrates[0])
    transport = BoardTransport(bench.stream(board), plan, bench.clock, 1)
    return SimulatedPort(board, transport, bench.clock, {name: number for number, name in enumerate(plan.names)})
