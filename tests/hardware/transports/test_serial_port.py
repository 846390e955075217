"""Serial ports of this machine: every way in which one does not open, changes its mind or goes away."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial

from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports import serial_port
from lensmount_protocol.errors import TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, SetBaudrate, Transmit


def _open(spec: str, baudrate: int = 750_000) -> Transport:
    return open_transport(spec, role=Role.LENS, baudrate=baudrate)


@pytest.fixture
def peer() -> Iterator[Transport]:
    with _open("pty:") as end:
        yield end


def test_a_missing_port_lists_the_known_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ports = [SimpleNamespace(device="/dev/ttyUSB1"), SimpleNamespace(device="/dev/ttyACM0")]
    monkeypatch.setattr(serial_port.list_ports, "comports", lambda: ports)
    with pytest.raises(TransportOpenError) as caught:
        _open(f"serial:{tmp_path}/ttyUSB0")
    assert str(caught.value) == f"no such port {tmp_path}/ttyUSB0; known ports: /dev/ttyACM0, /dev/ttyUSB1"


def test_a_machine_without_ports_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serial_port.list_ports, "comports", list)
    with pytest.raises(TransportOpenError, match=r"known ports: none$"):
        _open(f"serial:{tmp_path}/ttyUSB0")


def test_a_busy_port_is_reported(peer: Transport) -> None:
    with _open(f"serial:{peer.name}"), pytest.raises(TransportOpenError, match="busy; close the program"):
        _open(f"serial:{peer.name}")
    _open(f"serial:{peer.name}").close()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "no permission; join the group that owns it"),
        (errno.EBUSY, "the port is busy"),
        (errno.ENXIO, "no such port"),
        (errno.EMFILE, "cannot be opened as a serial port at 750000 baud: "),
    ],
)
def test_what_the_system_refuses_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    def refuse(self: serial.Serial) -> None:
        raise serial.SerialException(number, f"could not open port: {os.strerror(number)}")

    monkeypatch.setattr(serial.Serial, "open", refuse)
    with pytest.raises(TransportOpenError, match=r"^[^\n]*/dev/ttyUSB0") as caught:
        _open("serial:/dev/ttyUSB0")
    assert told in str(caught.value)


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no port")
    with pytest.raises(TransportOpenError, match=r"notes\.txt: this is no serial port; known ports: "):
        _open(f"serial:{path}")


def test_control_lines_that_a_port_does_not_have_are_reported(peer: Transport) -> None:
    with pytest.raises(TransportOpenError, match=r"has no control lines; leave rts, .* out"):
        _open(f"serial:{peer.name}?rts=BODY_CS")
    _open(f"serial:{peer.name}").close()


@pytest.mark.parametrize("baudrate", [-1, 2**40])
def test_a_rate_that_cannot_be_is_told_at_once(peer: Transport, baudrate: int) -> None:
    with pytest.raises(TransportOpenError, match=f"cannot be opened as a serial port at {baudrate} baud"):
        _open(f"serial:{peer.name}", baudrate)


def test_a_rate_that_is_refused_leaves_the_port_open(peer: Transport) -> None:
    with _open(f"serial:{peer.name}") as port:
        with pytest.raises(TransportError, match="the port refuses -9600 baud") as caught:
            port.send(SetBaudrate(-9600))
        assert not isinstance(caught.value, TransportLostError)
        port.send(SetBaudrate(1_500_000))
        peer.send(Transmit(b"still here"))
        assert port.receive(5) == [Received(b"still here")]


def test_an_unplugged_port_is_lost_while_it_waits(peer: Transport) -> None:
    with _open(f"serial:{peer.name}") as port:
        peer.close()
        with pytest.raises(TransportLostError, match=f"^{peer.name}: the port went away: "):
            port.receive(None)


class _FakePort(serial.Serial):
    """A pseudo-terminal's serial port with control lines that are set by hand."""

    opened_with: tuple[bool, bool] | None = None
    cts = dsr = cd = ri = False

    def open(self) -> None:
        type(self).opened_with = (self.rts, self.dtr)
        super().open()


@pytest.fixture
def fake_port(monkeypatch: pytest.MonkeyPatch) -> type[_FakePort]:
    monkeypatch.setattr(serial_port.serial, "Serial", _FakePort)
    monkeypatch.setattr(_FakePort, "opened_with", None)
    return _FakePort


@pytest.mark.parametrize(
    ("options", "rts", "dtr"),
    [
        ("rts=BODY_CS&dtr=VD", False, False),
        ("rts=!BODY_CS&dtr=VD", True, False),
        ("rts=BODY_CS&dtr=!VD", False, True),
    ],
)
def test_outputs_are_at_rest_before_the_port_is_opened(
    peer: Transport, fake_port: type[_FakePort], options: str, rts: bool, dtr: bool
) -> None:
    with _open(f"serial:{peer.name}?{options}") as port:
        assert fake_port.opened_with == (rts, dtr)
        assert port.lines == {"BODY_CS", "VD"}
        # What the system does all the same is said.
        (note,) = port.notes
        assert ("RTS (BODY_CS)" in note) is not rts
        assert ("DTR (VD)" in note) is not dtr
        assert "may have seen a pulse" in note


def test_an_output_without_a_line_is_where_it_is_declared_to_be(peer: Transport, fake_port: type[_FakePort]) -> None:
    with _open(f"serial:{peer.name}?rts=inactive&dtr=active") as port:
        assert fake_port.opened_with == (False, True)
        assert port.lines == frozenset()
    with _open(f"serial:{peer.name}?rts=active&dtr=active") as port:
        assert port.notes == ()
    # What is not declared is where pyserial and the system put it, and nothing is promised.
    with _open(f"serial:{peer.name}") as port:
        assert fake_port.opened_with == (True, True)
        assert port.notes == ()


def test_control_lines_go_both_ways(
    peer: Transport, fake_port: type[_FakePort], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, bool]] = []
    options = "rts=BODY_CS&dtr=VD&cts=LENS_CS&dsr=!XDETECT&dcd=A&ri=B"
    with _open(f"serial:{peer.name}?{options}") as port:
        monkeypatch.setattr(fake_port, "rts", property(fset=lambda _, active: told.append(("rts", active))))
        monkeypatch.setattr(fake_port, "dtr", property(fset=lambda _, active: told.append(("dtr", active))))
        port.send(DriveLine("BODY_CS", True))
        port.send(DriveLine("VD", True))
        port.send(DriveLine("BODY_CS", False))
        assert told == [("rts", True), ("dtr", True), ("rts", False)]

        assert set(port.receive(0)) == {
            LineChanged("LENS_CS", False),
            LineChanged("XDETECT", True),
            LineChanged("A", False),
            LineChanged("B", False),
        }
        for attribute, change in (
            ("cts", LineChanged("LENS_CS", True)),
            ("dsr", LineChanged("XDETECT", False)),
            ("cd", LineChanged("A", True)),
            ("ri", LineChanged("B", True)),
        ):
            monkeypatch.setattr(fake_port, attribute, True)
            assert port.receive(5) == [change]


def test_the_rate_changes_behind_the_last_byte(
    peer: Transport, fake_port: type[_FakePort], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[int] = []
    monkeypatch.setattr(fake_port, "flush", lambda port: rates.append(port.baudrate))
    with _open(f"serial:{peer.name}") as port:
        port.send(Transmit(b"at the slow rate"))
        port.send(SetBaudrate(1_500_000))
        port.send(SetBaudrate(750_000))
    assert rates == [750_000, 1_500_000]


def _wait_there(port: Transport, ended: list[object]) -> None:
    try:
        ended.append(port.receive(None))
    except Exception as error:
        ended.append(error)


def test_a_port_that_another_thread_closes_ends_the_wait_there(peer: Transport) -> None:
    """pyserial's own read answers a close with a TypeError; a select waits for ever on what is closed under it."""
    for _ in range(5):
        port = _open(f"serial:{peer.name}")
        ended: list[object] = []
        thread = threading.Thread(target=_wait_there, args=(port, ended), daemon=True)
        thread.start()
        thread.join(0.03)
        port.close()
        thread.join(5)
        assert not thread.is_alive()
        (error,) = ended
        assert isinstance(error, TransportLostError)
        assert str(error) == f"{peer.name}: closed"


def test_the_first_bytes_behind_a_close_are_not_eaten(peer: Transport) -> None:
    """A stale `cancel_read` of pyserial ends the next read before it has begun."""
    for number in range(5):
        with _open(f"serial:{peer.name}") as port:
            port.close()
            port.close()
        with _open(f"serial:{peer.name}") as port:
            peer.send(Transmit(bytes([number])))
            assert port.receive(5) == [Received(bytes([number]))]


def test_what_waits_comes_in_as_few_reads_as_the_system_allows(peer: Transport) -> None:
    with _open(f"serial:{peer.name}") as port:
        for size in (1, 2, 64, 500, 4000):
            data = bytes(number % 251 for number in range(size))
            peer.send(Transmit(data))
            parts: list[bytes] = []
            while sum(map(len, parts)) < size:
                (event,) = port.receive(5)
                assert isinstance(event, Received)
                parts.append(event.data)
            assert b"".join(parts) == data
            assert len(parts) <= 1 + size // 64
