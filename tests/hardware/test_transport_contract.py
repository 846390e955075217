"""The contract of `lensmount_hardware.transport`, kept by every port that can be made without hardware."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, SetBaudrate, Transmit, WireEvent

# pyserial's RFC 2217 client starts its thread in the old way.
pytestmark = pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\) is deprecated")

PATIENCE = 20.0
"""Seconds after which a test gives up; none is meant to take that long."""


@dataclass
class Link:
    """A port under test, its other end, and how that end goes away where it takes the port along."""

    near: Transport
    far: Transport
    cut: Callable[[], None] | None = None


def _open(spec: str) -> Transport:
    return open_transport(spec, role=Role.LENS, baudrate=115_200)


def _memory(stack: ExitStack, _request: pytest.FixtureRequest) -> Link:
    near, far = (stack.enter_context(end) for end in memory_pair(("BODY_CS", "LENS_CS")))
    return Link(near, far, far.close)


def _pty(stack: ExitStack, _request: pytest.FixtureRequest) -> Link:
    near = stack.enter_context(_open("pty:"))
    return Link(near, stack.enter_context(_open(f"serial:{near.name}")))


def _serial(stack: ExitStack, _request: pytest.FixtureRequest) -> Link:
    far = stack.enter_context(_open("pty:"))
    near = stack.enter_context(_open(f"serial:{far.name}"))
    return Link(near, far, far.close)


def _tcp_that_calls(stack: ExitStack, _request: pytest.FixtureRequest) -> Link:
    far = stack.enter_context(_open("tcp:127.0.0.1:0?listen=1"))
    near = stack.enter_context(_open(far.name))
    far.receive(0)
    return Link(near, far, far.close)


def _tcp_that_listens(stack: ExitStack, _request: pytest.FixtureRequest) -> Link:
    near = stack.enter_context(_open("tcp:127.0.0.1:0?listen=1"))
    far = stack.enter_context(_open(near.name))
    return Link(near, far, far.close)


def _rfc2217(stack: ExitStack, request: pytest.FixtureRequest) -> Link:
    server = request.getfixturevalue("rfc2217_server")
    near = stack.enter_context(_open(f"rfc2217://{server.address}?rts=BODY_CS&cts=LENS_CS"))
    assert near.receive(PATIENCE) == [LineChanged("LENS_CS", False)]
    server.far.receive(0)
    return Link(near, server.far, server.close)


def _board(stack: ExitStack, request: pytest.FixtureRequest) -> Link:
    server = request.getfixturevalue("board_server")
    ends: list[Transport] = []
    for spec, role, peer in ((server.body, Role.BODY, "LENS_CS"), (server.lens, Role.LENS, "BODY_CS")):
        end = open_transport(spec, role=role, baudrate=115_200, contacts=server.contacts)
        ends.append(stack.enter_context(end))
        assert end.receive(PATIENCE) == [LineChanged(peer, False)]
    return Link(*ends, server.close)


LINKS = {
    "board": _board,
    "memory": _memory,
    "pty": _pty,
    "serial": _serial,
    "tcp that calls": _tcp_that_calls,
    "tcp that listens": _tcp_that_listens,
    "rfc2217": _rfc2217,
}


@pytest.fixture(params=LINKS)
def link(request: pytest.FixtureRequest) -> Iterator[Link]:
    with ExitStack() as stack:
        yield LINKS[request.param](stack, request)


def _await(end: Transport, enough: Callable[[list[WireEvent]], bool]) -> list[WireEvent]:
    clock, events = MonotonicClock(), list[WireEvent]()
    while not enough(events):
        left = PATIENCE - clock.now()
        assert left > 0, f"only {events} came"
        events += end.receive(left)
    return events


def _bytes(events: list[WireEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Received))


def _await_bytes(end: Transport, count: int) -> bytes:
    return _bytes(_await(end, lambda events: len(_bytes(events)) >= count))


def _await_loss(end: Transport) -> str:
    clock = MonotonicClock()
    while clock.now() < PATIENCE:
        try:
            end.receive(0.01)
        except TransportLostError as error:
            return str(error)
    pytest.fail("the loss went unnoticed")


def test_every_byte_arrives_in_order_both_ways(link: Link) -> None:
    data = bytes(range(256)) * 4
    for sender, receiver in ((link.near, link.far), (link.far, link.near)):
        sender.send(Transmit(data[:1]))
        sender.send(Transmit(data[1:]))
        assert _await_bytes(receiver, len(data)) == data


def test_no_bytes_are_no_event(link: Link) -> None:
    link.near.send(Transmit(b""))
    link.near.send(Transmit(b"x"))
    assert _await(link.far, bool)[0] == Received(b"x")


def test_nothing_comes_in_time(link: Link) -> None:
    clock = MonotonicClock()
    assert link.near.receive(0.02) == []
    assert 0.015 < clock.now() < PATIENCE / 4


@pytest.mark.parametrize("timeout", [0, -1.0])
def test_a_look_does_not_wait(link: Link, timeout: float) -> None:
    clock = MonotonicClock()
    assert link.near.receive(timeout) == []
    assert clock.now() < PATIENCE / 4


@pytest.mark.parametrize("timeout", [PATIENCE, None])
def test_a_wait_ends_when_something_comes(link: Link, timeout: float | None) -> None:
    link.near.receive(0)
    clock = MonotonicClock()
    sender = threading.Thread(target=link.far.send, args=(Transmit(b"\xf0"),))
    sender.start()
    assert link.near.receive(timeout) == [Received(b"\xf0")]
    assert clock.now() < PATIENCE / 4
    sender.join()


def test_lines_are_told_when_they_change(link: Link) -> None:
    if not link.near.lines:
        pytest.skip("this port carries no lines")
    assert link.near.lines - {"TXD"} == {"BODY_CS", "LENS_CS"}
    for sender, receiver, line in ((link.far, link.near, "LENS_CS"), (link.near, link.far, "BODY_CS")):
        for level in (True, False):
            sender.send(DriveLine(line, level))
            sender.send(DriveLine(line, level))
            assert _await(receiver, bool) == [LineChanged(line, level)]


def test_what_a_port_does_not_carry_is_ignored(link: Link) -> None:
    link.near.send(SetBaudrate(230_400))
    link.near.send(DriveLine("NO_SUCH_LINE", True))
    link.near.send(Transmit(b"still here"))
    events = _await(link.far, lambda events: len(_bytes(events)) >= 10)
    assert _bytes(events) == b"still here"
    assert not [event for event in events if isinstance(event, LineChanged)]


def test_the_port_has_a_name_of_one_line(link: Link) -> None:
    assert link.near.name
    assert link.near.name.isprintable()
    assert isinstance(link.near.lines, frozenset)


def test_a_peer_that_goes_takes_the_port_along(link: Link) -> None:
    if link.cut is None:
        pytest.skip("this port outlives its peers")
    link.cut()
    assert _await_loss(link.near).isprintable()
    with pytest.raises(TransportLostError):
        link.near.send(Transmit(b"x"))
    with pytest.raises(TransportLostError):
        link.near.receive(None)


def test_nothing_works_after_closing_and_closing_again_does_nothing(link: Link) -> None:
    with link.near as same:
        assert same is link.near
    link.near.close()
    with pytest.raises(TransportLostError, match="closed"):
        link.near.receive(0)
    for action in (Transmit(b"x"), DriveLine("BODY_CS", True), SetBaudrate(9600)):
        with pytest.raises(TransportLostError, match="closed"):
            link.near.send(action)
