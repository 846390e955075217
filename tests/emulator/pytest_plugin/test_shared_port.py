"""The port between tests: lines at rest in the right order, the peer heard out, and what comes after a loss."""

from collections.abc import Callable

import pytest

from lensmount_emulator.pytest_plugin.shared_port import SharedPort, reset_port
from lensmount_hardware.port_spec import Contacts
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import TransportOpenError
from lensmount_protocol.wire import DriveLine, Edge, LineChanged, Role, Transmit

LMOUNT = load_dialect("lmount")
EMOUNT = load_dialect("emount")

Opened = list[tuple[Transport, Transport]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Both ends of every port that was opened."""
    ports: Opened = []

    def open_memory(_spec: str, *, role: Role, baudrate: int, contacts: Contacts) -> Transport:
        ports.append(memory_pair([*LMOUNT.wiring.lines, *EMOUNT.wiring.lines]))
        return ports[-1][0]

    monkeypatch.setattr("lensmount_emulator.pytest_plugin.shared_port.open_transport", open_memory)
    return ports


def lowered(events: list[object]) -> list[str]:
    return [event.line for event in events if isinstance(event, LineChanged) and not event.level]


def test_a_bodys_lines_go_to_rest_with_the_supply_last() -> None:
    ours, theirs = memory_pair(LMOUNT.wiring.lines)
    for line in ("V_LOGIC", "V_DRIVE", "BODY_ATT", "FSYNC"):
        ours.send(DriveLine(line, True))
    theirs.receive(0)
    reset_port(ours, LMOUNT, Role.BODY)
    assert set(lowered(theirs.receive(0))) >= {"V_LOGIC", "V_DRIVE", "BODY_ATT", "FSYNC"}
    for line in ("V_LOGIC", "BODY_ATT"):
        ours.send(DriveLine(line, True))
    theirs.receive(0)
    reset_port(ours, LMOUNT, Role.BODY)
    assert lowered(theirs.receive(0)) == ["BODY_ATT", "V_LOGIC"]


def test_a_lens_lets_go_of_the_contact_of_presence() -> None:
    ours, theirs = memory_pair(LMOUNT.wiring.lines)
    ours.send(DriveLine("DETECT", False))
    theirs.receive(0)
    reset_port(ours, LMOUNT, Role.LENS)
    assert LineChanged("DETECT", True) in theirs.receive(0)


def test_what_an_earlier_test_has_caused_is_not_received_by_the_next(opened: Opened) -> None:
    held = SharedPort("memory:", "body")
    ours = held.take(LMOUNT)
    opened[0][1].send(Transmit(b"late"))
    held.release()
    opened[0][1].send(Transmit(b"later"))
    assert held.take(LMOUNT) is ours
    assert ours.receive(0) == []
    assert len(opened) == 1


@pytest.mark.parametrize("meanwhile", [lambda held: held.release(), lambda _held: None])
def test_a_port_that_was_lost_is_opened_again(opened: Opened, meanwhile: Callable[[SharedPort], None]) -> None:
    held = SharedPort("memory:", "body")
    first = held.take(LMOUNT)
    opened[0][1].close()
    meanwhile(held)
    assert held.take(LMOUNT) is not first
    assert len(opened) == 2


def test_another_dialect_has_another_rate_so_the_port_is_opened_again(opened: Opened) -> None:
    held = SharedPort("memory:", "lens")
    assert held.take(LMOUNT) is not held.take(EMOUNT)
    held.close()
    held.close()
    held.release()
    assert held.transport is None


def test_a_port_that_is_not_there_says_so() -> None:
    with pytest.raises(TransportOpenError, match="no such port"):
        SharedPort("serial:/nowhere", "body").take(LMOUNT)


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("role", list(Role))
def test_only_our_own_lines_are_driven(dialect: Dialect, role: Role) -> None:
    ours, theirs = memory_pair(dialect.wiring.lines)
    reset_port(ours, dialect, role)
    driven = {event.line for event in theirs.receive(0) if isinstance(event, LineChanged)}
    assert driven == {line for line, driver in dialect.drivers.items() if driver is role}


def test_a_level_that_was_told_before_a_session_is_told_to_it(opened: Opened) -> None:
    held = SharedPort("memory:", "body")
    ours = held.take(LMOUNT)
    opened[0][1].send(DriveLine("DETECT", False))
    opened[0][1].send(DriveLine("LENS_ATT", True))
    held.release()
    assert held.take(LMOUNT) is ours
    assert held.levels == [LineChanged("DETECT", False), LineChanged("LENS_ATT", True)]
    # What a session hears holds for the next one; what we drive ourselves is no matter of the peer.
    held.note(Edge(1.0, "LENS_ATT", False))
    held.note(Edge(1.0, "BODY_ATT", True))
    assert held.levels == [LineChanged("DETECT", False), LineChanged("LENS_ATT", False)]
    held.close()
    assert held.levels == []
