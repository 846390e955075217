"""The image that ships, between a body and a lens: it tells who said what and when, and drives none of its pins."""

import base64
from collections.abc import Callable

import pytest

from emulated.emulator import Emulator
from emulated.stream import EmulatedClock, EmulatedStream
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.port_spec import parse_spec
from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, ClockSync, DataLoss, Edge, Role, SetBaudrate, WireRecord

REQUEST = bytes.fromhex("f00b0002000b6000780055")
ANSWER = bytes.fromhex("f00d0002000900000000180055")


def test_both_ends_are_received_and_nothing_is_driven(new_emulator: Callable[..., Emulator]) -> None:
    emulator = new_emulator()
    plan = make_pin_map(parse_spec("board:x"), get_contacts(load_dialect("emount")), BoardRole.SNIFFER, 750_000)
    pin = {line: plan.configure.lines[number].gpio for number, line in enumerate(plan.names)}
    clock = EmulatedClock(emulator)
    ear = BoardTransport(EmulatedStream(emulator, 0), plan, clock, 3)
    emulator.pins.clear()
    moved: list[tuple[str, bool, float]] = []
    records: list[WireRecord] = []

    def look() -> None:
        for sighting in ear.timed_records(0.005, clock):
            records.append(sighting.record)

    def window(select: str, uart: int, data: bytes, baudrate: int) -> None:
        for level in (True, False):
            emulator.set_pin(0, pin[select], level)
            moved.append((select, level, emulator.now_us * 1e-6))
            if level:
                told = base64.b64encode(data).decode()
                emulator.order("feed", board=0, uart=uart, data=told, baudrate=baudrate)
                emulator.run(10e6 * len(data) / baudrate + 50)
        emulator.run(500)
        look()

    look()
    window("BODY_CS", 0, REQUEST, 750_000)
    window("LENS_CS", 1, ANSWER, 750_000)
    window("BODY_CS", 0, REQUEST, 1_500_000)
    ear.send(SetBaudrate(1_500_000))
    emulator.run(2000)
    window("LENS_CS", 1, ANSWER, 1_500_000)
    look()
    bursts = [one for one in records if isinstance(one, Burst)]
    heard = {role: b"".join(one.data for one in bursts if one.sender is role) for role in Role}
    assert heard == {Role.BODY: REQUEST, Role.LENS: ANSWER * 2}
    assert [one.baudrate for one in bursts][-1] == 1_500_000
    lost = [one for one in records if isinstance(one, DataLoss)]
    assert sum(one.count for one in lost if one.what == BROKEN_BYTES) >= 8
    edges = [one for one in records if isinstance(one, Edge)][-len(moved) :]
    assert [(one.line, one.level) for one in edges] == [(line, level) for line, level, _ in moved]
    # The steps between edges are the board's microseconds; where they lie on our clock is as uncertain as is told.
    for (_, _, at), (_, _, later), one, other in zip(moved, moved[1:], edges, edges[1:], strict=False):
        assert other.at - one.at == pytest.approx(later - at, abs=3e-6)
    first = next(one for one in records if isinstance(one, ClockSync))
    assert abs(edges[0].at - moved[0][2]) <= first.uncertainty + 5e-6
    assert [(where, state) for _, board, where, state in emulator.pins if board == 0 and state in (0, 1)] == []
    assert emulator.board_status(0)["faults"] == []
