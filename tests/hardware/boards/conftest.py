"""What the tests of boards share: a small mount, and boards that play its ends in virtual time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from lensmount_hardware.boards.pin_map import PinMap, make_pin_map
from lensmount_hardware.boards.protocol.commands import LINE_LAYOUT, TIMING_LAYOUT, Configure, MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.protocol.message import BoardMessage, field_offsets
from lensmount_hardware.boards.protocol.reports import BurstReceived, ReceivedBytes
from lensmount_hardware.boards.simulator.bench import SimulatedByteStream, SimulatorBench, connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import Contacts, parse_spec
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


def plan_for(role: BoardRole, options: str = "", contacts: Contacts = CONTACTS) -> PinMap:
    return make_pin_map(parse_spec(f"board:model{options}"), contacts, role, 115_200)


@dataclass
class Pair:
    """A body and a lens, each behind a board of its own, and the wires between the boards."""

    bench: SimulatorBench
    body_board: BoardSimulator
    lens_board: BoardSimulator
    body: BoardTransport
    lens: BoardTransport
    body_stream: SimulatedByteStream
    lens_stream: SimulatedByteStream

    def settle(self, seconds: float = 0.05) -> None:
        """Let time pass, and both hosts look."""
        self.bench.advance(seconds)
        self.body.receive(0)
        self.lens.receive(0)


@pytest.fixture
def pair() -> Pair:
    body_board, lens_board = BoardSimulator(), BoardSimulator()
    bench = SimulatorBench(body_board, lens_board)
    body_plan, lens_plan = plan_for(BoardRole.BODY), plan_for(BoardRole.LENS)
    # Nobody is on the mount yet: the body's pull-up holds DETECT.
    body_board.pins[6] = True
    body_stream, lens_stream = bench.stream(body_board, "body"), bench.stream(lens_board, "lens")
    body = BoardTransport(body_stream, body_plan, bench.clock, 1)
    lens = BoardTransport(lens_stream, lens_plan, bench.clock, 2)
    number = {name: n for n, name in enumerate(body_plan.names)}
    driving = {Role.BODY: body_board, Role.LENS: lens_board}
    connect_boards(
        body_board, lens_board, [(driving[CONTACTS.drivers[n]], number[n], number[n]) for n in body_plan.names]
    )
    body.receive(0)
    lens.receive(0)
    return Pair(bench, body_board, lens_board, body, lens, body_stream, lens_stream)


@pytest.fixture
def planned() -> Callable[..., PinMap]:
    return plan_for


def messages(kinds: Iterable[type[BoardMessage]]) -> st.SearchStrategy[BoardMessage]:
    """Any message of these kinds, with any values that its fields can hold."""
    return st.one_of([_message(kind) for kind in kinds])


def _message(kind: type[BoardMessage]) -> st.SearchStrategy[BoardMessage]:
    if kind is Configure:
        timing = st.builds(Timing, *(_number(place.size) for place in field_offsets(TIMING_LAYOUT)))
        lines = st.lists(
            st.builds(MappedLine, *(_number(place.size) for place in field_offsets(LINE_LAYOUT))), max_size=16
        )
        return st.builds(Configure, _number(1), _number(1), _number(4), timing, lines.map(tuple))
    if kind is ReceivedBytes:
        return st.builds(
            _received, _number(8), _number(1), st.lists(st.tuples(_byte, _byte), min_size=1), st.booleans()
        )
    if kind is BurstReceived:
        head = (_number(8), _number(2), _number(1), _number(1), _number(1))
        return st.builds(_burst, *head, st.binary(max_size=224))
    values: dict[str, st.SearchStrategy[Any]] = {}
    for place in field_offsets(kind.LAYOUT):
        most = 64 if place.name == "firmware" else 231
        is_bytes = place.size is None or place.name in ("unique_id", "match", "mask")
        least = place.size or 0
        values[place.name] = st.binary(min_size=least, max_size=place.size or most) if is_bytes else _number(place.size)
    return st.builds(kind, **values)


_byte = st.integers(0, 255)


def _received(at_us: int, line: int, heard: list[tuple[int, int]], told: bool) -> ReceivedBytes:
    heard = heard[:120]
    gaps = bytes(gap for _, gap in heard[1:]) if told else b""
    return ReceivedBytes(at_us, line, int(told), len(heard), bytes(byte for byte, _ in heard), gaps)


def _burst(at_us: int, took_us: int, line: int, flags: int, bits: int, data: bytes) -> BurstReceived:
    return BurstReceived(at_us, took_us, line, flags, bits, len(data), data)


def _number(size: int | None) -> st.SearchStrategy[int]:
    return st.integers(0, 256 ** (size or 1) - 1)


@pytest.fixture(scope="session")
def any_message() -> Callable[[Iterable[type[BoardMessage]]], st.SearchStrategy[BoardMessage]]:
    return messages
