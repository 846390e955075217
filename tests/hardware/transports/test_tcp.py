"""TCP: who cannot be called, where nobody can listen, and what one peer at a time means."""

import socket

import pytest

from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports import tcp
from lensmount_protocol.errors import TransportLostError, TransportOpenError
from lensmount_protocol.wire import Received, Role, Transmit


def _open(spec: str) -> Transport:
    return open_transport(spec, role=Role.LENS, baudrate=750_000)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_a_refused_call_is_reported() -> None:
    port = _free_port()
    with pytest.raises(TransportOpenError) as caught:
        _open(f"tcp:127.0.0.1:{port}")
    assert str(caught.value) == f"tcp:127.0.0.1:{port}: cannot connect: Connection refused"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_an_unknown_host_and_a_silent_one_are_reported(
    monkeypatch: pytest.MonkeyPatch, error: OSError, told: str
) -> None:
    def fail(*_address: object) -> socket.socket:
        raise error

    monkeypatch.setattr(tcp.socket, "create_connection", fail)
    with pytest.raises(TransportOpenError, match=f"^tcp:lens.bench:5000: cannot connect: {told}$"):
        _open("tcp:lens.bench:5000")


@pytest.mark.parametrize("spec", ["tcp:lens..bench:5000", "tcp:lens..bench:5000?listen=1"])
def test_a_host_that_is_no_name_is_reported(spec: str) -> None:
    with pytest.raises(TransportOpenError, match=r"^tcp:lens\.\.bench:5000.*: cannot (connect|listen there): "):
        _open(spec)


def test_an_address_that_is_taken_is_reported() -> None:
    with _open("tcp:127.0.0.1:0?listen=1") as first, pytest.raises(TransportOpenError) as caught:
        _open(f"{first.name}?listen=1")
    assert str(caught.value).startswith(f"{first.name}?listen=1: cannot listen there: Address already in use")


def test_the_name_tells_the_port_that_the_system_chose() -> None:
    with _open("tcp:127.0.0.1:0?listen=1") as listener:
        host, port = listener.name.removeprefix("tcp:").split(":")
        assert host == "127.0.0.1"
        assert int(port) > 0


def test_what_is_sent_before_the_peer_came_is_lost() -> None:
    with _open("tcp:127.0.0.1:0?listen=1") as listener:
        listener.send(Transmit(b"nobody hears this"))
        assert listener.receive(0) == []
        with _open(listener.name) as caller:
            listener.send(Transmit(b"hello"))
            assert caller.receive(5) == [Received(b"hello")]


def test_a_second_peer_is_refused() -> None:
    with _open("tcp:127.0.0.1:0?listen=1") as listener, _open(listener.name) as caller:
        caller.send(Transmit(b"first"))
        assert listener.receive(5) == [Received(b"first")]
        with pytest.raises(TransportOpenError, match="Connection refused"):
            _open(listener.name)


def test_what_was_sent_before_the_peer_left_arrives_before_the_loss() -> None:
    with _open("tcp:127.0.0.1:0?listen=1") as listener:
        with _open(listener.name) as caller:
            caller.send(Transmit(b"last words"))
        assert listener.receive(5) == [Received(b"last words")]
        with pytest.raises(TransportLostError, match="the peer has gone: it closed the connection"):
            listener.receive(5)


def test_a_peer_that_left_data_unread_has_closed_the_connection_too() -> None:
    with _open("tcp:127.0.0.1:0?listen=1") as listener, _open(listener.name) as caller:
        caller.send(Transmit(b"first"))
        assert listener.receive(5) == [Received(b"first")]
        caller.send(Transmit(b"unread"))
        listener.close()
        # The system answers unread data by a reset, where it answers read data by an end.
        with pytest.raises(TransportLostError, match="the peer has gone: it closed the connection"):
            caller.receive(5)


def test_a_peer_that_reads_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "_SEND_TIMEOUT", 0.01)
    with _open("tcp:127.0.0.1:0?listen=1") as listener, _open(listener.name) as caller:
        with pytest.raises(TransportLostError, match="the peer has gone: timed out"):
            caller.send(Transmit(bytes(64 * 1024 * 1024)))
        with pytest.raises(TransportLostError, match="timed out"):
            caller.receive(0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]"])
def test_listening_for_programs_of_this_machine_warns_of_nothing(host: str) -> None:
    with _open(f"tcp:{host}:0?listen=1") as port:
        assert port.warnings == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "0"])
def test_listening_for_others_warns_that_they_can_drive_the_device(host: str) -> None:
    with _open(f"tcp:{host}:0?listen=1") as port:
        (warning,) = port.warnings
        assert warning.startswith(f"{port.name}: anyone who reaches this address can drive the device")
        assert "\n" not in warning


def test_who_calls_is_not_warned() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, _open(f"tcp:127.0.0.1:{server.getsockname()[1]}") as port:
        assert port.warnings == ()


@pytest.mark.parametrize(
    ("address", "local"),
    [
        *((one, True) for one in ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1")),
        *((one, False) for one in ("0.0.0.0", "::", "192.168.1.4", "10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1")),
    ],
)
def test_which_addresses_only_this_machine_reaches(address: str, local: bool) -> None:
    assert tcp.is_loopback(address) is local
