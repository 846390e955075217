"""The ways to a board: by path, by serial number, over TCP; and what is told when there is none."""

import os
import pty
import socket
import threading
from collections.abc import Iterator

import pytest

from lensmount_hardware.boards import conversation, streams
from lensmount_hardware.boards.streams import open_stream
from lensmount_hardware.contacts import Contacts
from lensmount_hardware.spec import open_transport, parse_spec
from lensmount_protocol.errors import TransportOpenError, TransportSpecError
from lensmount_protocol.wire import Role, SerialLine

CONTACTS = Contacts(drivers={"TXD": Role.BODY, "RXD": Role.LENS}, serial=(SerialLine("TXD", Role.BODY),))


@pytest.fixture
def port() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the descriptor of its far end, and its path."""
    far, near = pty.openpty()
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def test_a_port_carries_bytes_both_ways(port: tuple[int, str]) -> None:
    far, path = port
    stream = open_stream(parse_spec(f"board:{path}"))
    stream.write(b"\x00\x01\xff")
    assert os.read(far, 100) == b"\x00\x01\xff"
    os.write(far, b"\x00\x0a\x0d")
    assert stream.read(5) == b"\x00\x0a\x0d"
    assert stream.read(0) == b""
    stream.close()


def test_a_board_is_found_by_its_serial_number(port: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = type("Port", (), {"serial_number": "E6614103E7", "device": port[1]})
    monkeypatch.setattr(streams.list_ports, "comports", lambda: [found])
    stream = open_stream(parse_spec("board:E6614103E7"))
    assert stream.name == port[1]
    stream.close()
    with pytest.raises(
        TransportOpenError, match=r"no board has the serial number X1; connected: E6614103E7 \(/dev/pts/"
    ):
        open_stream(parse_spec("board:X1"))
    with pytest.raises(
        TransportSpecError, match="it names no board; write its serial number, a path or tcp//HOST:PORT"
    ):
        open_stream(parse_spec("board:"))


def test_one_host_at_a_time_has_the_port(port: tuple[int, str]) -> None:
    stream = open_stream(parse_spec(f"board:{port[1]}"))
    with pytest.raises(TransportOpenError, match="busy; close the program that holds it"):
        open_stream(parse_spec(f"board:{port[1]}"))
    stream.close()


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(TransportOpenError, match="no such port"):
        open_stream(parse_spec("board:/dev/no-such-board"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    with pytest.raises(TransportOpenError, match="cannot connect: Connection refused"):
        open_stream(parse_spec(f"board:tcp//127.0.0.1:{number}"))
    with pytest.raises(TransportSpecError, match="is no address; write HOST:PORT"):
        open_stream(parse_spec("board:tcp//nowhere"))


def test_another_device_on_that_port(port: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "PATIENCE", 0.3)
    far, path = port
    stop = threading.Event()

    def babble() -> None:
        while not stop.wait(0.02):
            os.write(far, b"$GPGGA,123519,4807.038,N\x00\r\n\x00")

    babbler = threading.Thread(target=babble)
    babbler.start()
    try:
        with pytest.raises(
            TransportOpenError, match=rf"^board:{path}: something else answers, \d+ times; is it the board"
        ):
            open_transport(f"board:{path}", role=Role.BODY, baudrate=115_200, contacts=CONTACTS)
    finally:
        stop.set()
        babbler.join()


def test_a_board_must_be_told_the_contacts() -> None:
    with pytest.raises(TransportSpecError, match="was not told which they are"):
        open_transport("board:/dev/null", role=Role.BODY, baudrate=115_200)
