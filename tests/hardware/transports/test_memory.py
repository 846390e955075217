"""The mount in memory: what its two ends say of lines, and of each other's end."""

import pytest

from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Transmit


def test_bytes_and_edges_keep_their_order() -> None:
    here, there = memory_pair(["VD"])
    for action in (DriveLine("VD", True), Transmit(b"one"), DriveLine("VD", False), Transmit(b"two")):
        here.send(action)
    assert there.receive(0) == [
        LineChanged("VD", True),
        Received(b"one"),
        LineChanged("VD", False),
        Received(b"two"),
    ]


def test_the_first_order_states_a_level_even_a_low_one() -> None:
    here, there = memory_pair(["XDETECT"])
    here.send(DriveLine("XDETECT", False))
    here.send(DriveLine("XDETECT", False))
    assert there.receive(0) == [LineChanged("XDETECT", False)]


def test_what_was_sent_before_the_end_arrives_before_the_end() -> None:
    here, there = memory_pair()
    here.send(Transmit(b"last words"))
    here.close()
    assert there.receive(0) == [Received(b"last words")]
    for _ in range(2):
        with pytest.raises(TransportLostError, match="the other end was closed"):
            there.receive(None)


def test_an_end_that_lost_its_peer_can_still_be_closed() -> None:
    here, there = memory_pair()
    here.close()
    with pytest.raises(TransportLostError):
        there.receive(0)
    there.close()
    there.close()
    with pytest.raises(TransportLostError, match="closed"):
        there.send(Transmit(b"x"))
