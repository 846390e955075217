"""A simulated board as a port in virtual time, for tests of board clients."""

from dataclasses import dataclass

from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.simulator.bench import SimulatorBench
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class SimulatedPort:
    """A simulated board and the port that leads to it.

    Attributes:
        board: the board; `board.on_line_level` and `board.on_line_bytes` emulate the other end.
        transport: the port, for `LiveSession(profile, transport, clock=clock)`.
        clock: the time of both, which passes while a session waits for the port.
        lines: the numbers of the board's lines by their published name.
    """

    board: BoardSimulator
    transport: BoardTransport
    clock: VirtualClock
    lines: dict[str, int]


def open_simulated_board(role: Role | str, dialect: Dialect | str = "emount") -> SimulatedPort:
    """Make a board that emulates an end, and open its port.

    Args:
        role: the end that the board emulates.
        dialect: the dialect, which gives the board its lines.

    Raises:
        DialectError: the dialect is unknown.
        ValueError: `role` is neither `body` nor `lens`.
    """
    resolved = load_dialect(dialect) if isinstance(dialect, str) else dialect
    board = BoardSimulator()
    bench = SimulatorBench(board)
    kind = BoardRole.BODY if Role(role) is Role.BODY else BoardRole.LENS
    plan = make_pin_map(parse_spec("board:simulated"), get_contacts(resolved), kind, resolved.wiring.baudrates[0])
    transport = BoardTransport(bench.stream(board), plan, bench.clock, 1)
    return SimulatedPort(board, transport, bench.clock, {name: number for number, name in enumerate(plan.names)})
