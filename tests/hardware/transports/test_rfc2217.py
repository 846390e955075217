"""Serial ports behind a network: what is ordered there, and who is no such server."""

import socket
import threading
from typing import Any

import pytest
from serial import SerialException, rfc2217

from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.wire import DriveLine, LineChanged, Role, SetBaudrate

# pyserial's RFC 2217 client starts its thread in the old way.
pytestmark = pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\) is deprecated")


def _open(address: str, options: str = "") -> Transport:
    return open_transport(f"rfc2217://{address}{options}", role=Role.LENS, baudrate=750_000)


def test_the_rate_is_set_there_at_the_start_and_later(rfc2217_server: Any) -> None:
    with _open(rfc2217_server.address) as port:
        assert rfc2217_server.serial.baudrate == 750_000
        port.send(SetBaudrate(1_500_000))
        assert rfc2217_server.serial.baudrate == 1_500_000
    assert rfc2217_server.serial.parity == "N"


@pytest.mark.parametrize(("mark", "inverted"), [("", False), ("!", True)])
def test_an_output_is_at_rest_from_the_start_and_at_the_end(rfc2217_server: Any, mark: str, inverted: bool) -> None:
    with _open(rfc2217_server.address, f"?rts={mark}BODY_CS") as port:
        assert rfc2217_server.far.receive(5) == [LineChanged("BODY_CS", inverted)]
        port.send(DriveLine("BODY_CS", True))
        assert rfc2217_server.far.receive(5) == [LineChanged("BODY_CS", not inverted)]
    assert rfc2217_server.far.receive(5) == [LineChanged("BODY_CS", inverted)]
    assert rfc2217_server.serial.rts_orders == [inverted, not inverted, inverted]


def test_a_refused_call_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    told = f"^rfc2217://{address}: cannot connect: Connection refused"
    with pytest.raises(TransportOpenError, match=told):
        _open(address)


def test_a_server_of_something_else_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(_self: rfc2217.Serial) -> None:
        raise SerialException("Remote does not seem to support RFC2217 or BINARY mode")

    monkeypatch.setattr(rfc2217.Serial, "open", give_up)
    with pytest.raises(
        TransportOpenError, match=r"^rfc2217://\[::1\]:23: .*: the server does not support RFC 2217, or "
    ):
        _open("[::1]:23")


def test_a_server_that_hangs_up_is_reported_in_one_line_and_nowhere_else() -> None:
    """As ser2net does when its device is missing; an error in pyserial's thread would be one of this test."""

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as client:
            client.sendall(b"\xff\xfb\x00\xff\xfd\x00\xff\xfb\x2c")
            # What is not read when it closes makes the system reset the connection.

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with pytest.raises(TransportOpenError, match=r"its device is missing or in use$") as caught:
            _open(f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert "\n" not in str(caught.value)


def test_a_rate_that_the_server_refuses_leaves_the_port_open(
    rfc2217_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _open(rfc2217_server.address) as port:
        for rate in (0, -9600, 1 << 32):
            with pytest.raises(TransportError, match=f"refuses {rate} baud"):
                port.send(SetBaudrate(rate))

        def refuse(port: object, name: str, value: object) -> None:
            if name == "baudrate" and value == 1_500_000:
                raise ValueError("no such rate here")
            object.__setattr__(port, name, value)

        monkeypatch.setattr(type(rfc2217_server.serial), "__setattr__", refuse, raising=False)
        with pytest.raises(TransportError, match="refuses 1500000 baud: remote rejected value") as caught:
            port.send(SetBaudrate(1_500_000))
        assert not isinstance(caught.value, TransportLostError)
        monkeypatch.undo()
        port.send(SetBaudrate(1_500_000))
        assert rfc2217_server.serial.baudrate == 1_500_000
