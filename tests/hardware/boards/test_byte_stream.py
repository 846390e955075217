"""The ways to a board: by path, by serial number, over TCP; and what is told when there is none."""

import errno
import os
import pty
import socket
import threading
from collections.abc import Iterator

import pytest

from lensmount_hardware.boards import byte_stream, session
from lensmount_hardware.boards.byte_stream import open_stream
from lensmount_hardware.port_spec import Contacts, open_transport, parse_spec
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
    monkeypatch.setattr(byte_stream.list_ports, "comports", lambda: [found])
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


def test_what_is_not_there_is_reported() -> None:
    with pytest.raises(TransportOpenError, match="no such port"):
        open_stream(parse_spec("board:/dev/no-such-board"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    with pytest.raises(TransportOpenError, match="cannot connect: Connection refused"):
        open_stream(parse_spec(f"board:tcp//127.0.0.1:{number}"))
    with pytest.raises(TransportSpecError, match="is no address; write HOST:PORT"):
        open_stream(parse_spec("board:tcp//nowhere"))


def test_another_device_on_that_port(port: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "REPLY_TIMEOUT", 0.3)
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
    with pytest.raises(TransportSpecError, match="the dialect does not name them"):
        open_transport("board:/dev/null", role=Role.BODY, baudrate=115_200)


def served() -> tuple[socket.socket, str]:
    """A listening socket on this machine, and the spec that leads to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"board:tcp//127.0.0.1:{listener.getsockname()[1]}"


def test_a_board_behind_tcp_carries_bytes_both_ways_and_says_when_it_closes() -> None:
    listener, spec = served()
    stream = open_stream(parse_spec(spec))
    far, _ = listener.accept()
    assert stream.name == spec.removeprefix("board:")
    assert stream.read(0.0) == b""
    stream.write(b"\x00\x01\xff")
    assert far.recv(100) == b"\x00\x01\xff"
    far.sendall(b"\x00\x0a\x0d")
    assert stream.read(5.0) == b"\x00\x0a\x0d"
    far.sendall(b"more")
    assert stream.read(None) == b"more"
    far.close()
    with pytest.raises(ConnectionError, match="it closed the connection"):
        stream.read(5.0)
    stream.close()
    listener.close()


def test_a_board_behind_tcp_that_leaves_data_unread_has_closed_the_connection_too() -> None:
    listener, spec = served()
    stream = open_stream(parse_spec(spec))
    far, _ = listener.accept()
    stream.write(b"unread")
    far.close()
    with pytest.raises(ConnectionError, match=r"^it closed the connection$"):
        stream.read(5.0)
    with pytest.raises(ConnectionError, match=r"^it closed the connection$"):
        stream.write(bytes(8 * 1024 * 1024))
    stream.close()
    listener.close()


def test_a_board_behind_tcp_that_is_not_there_is_an_error_with_the_address() -> None:
    listener, spec = served()
    listener.close()
    with pytest.raises(TransportOpenError, match=r"board:tcp//127\.0\.0\.1:\d+: cannot connect: "):
        open_stream(parse_spec(spec))


def test_the_waits_and_sizes_of_a_stream() -> None:
    assert (
        byte_stream._READ_SIZE,
        byte_stream._WRITE_TIMEOUT,
        byte_stream._CONNECT_TIMEOUT,
        byte_stream.TCP_PREFIX,
    ) == (
        65_536,
        1.0,
        5.0,
        "tcp//",
    )


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EBUSY, "busy; close the program"),
        (errno.EAGAIN, "busy; close the program"),
        (errno.EACCES, "no permission; join the group"),
        (errno.EPERM, "no permission; join the group"),
        (errno.ENOENT, "no such port"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_why_a_port_cannot_be_opened(
    port: tuple[int, str], monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    class Broken(byte_stream.serial.Serial):
        def open(self) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(byte_stream.serial, "Serial", Broken)
    with pytest.raises(TransportOpenError, match=told):
        open_stream(parse_spec(f"board:{port[1]}"))


def test_boards_are_listed_in_order_and_without_those_that_have_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        type("Port", (), {"serial_number": number, "device": device})
        for number, device in (("B2", "/dev/b"), (None, "/dev/x"), ("A1", "/dev/a"))
    ]
    monkeypatch.setattr(byte_stream.list_ports, "comports", lambda: ports)
    assert byte_stream.find_board_path("A1") == "/dev/a"
    with pytest.raises(TransportOpenError, match=r"connected: A1 \(/dev/a\), B2 \(/dev/b\)$"):
        byte_stream.find_board_path("C3")
    monkeypatch.setattr(byte_stream.list_ports, "comports", list)
    with pytest.raises(TransportOpenError, match=r"connected: none$"):
        byte_stream.find_board_path("C3")
