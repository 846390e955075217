"""What is left of the settings that another program put on a terminal: nothing that touches bytes."""

import os
import pty
import termios
import threading
import tty
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports import serial_port
from lensmount_protocol.errors import TransportError, TransportLostError, TransportOpenError
from lensmount_protocol.wire import Received, Role, SetBaudrate, Transmit


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    near, far = pty.openpty()
    yield near, far
    os.close(near)
    os.close(far)


def _open(path: str, baudrate: int = 1_500_000) -> Transport:
    return open_transport(f"serial:{path}", role=Role.LENS, baudrate=baudrate)


def test_every_byte_passes_whatever_was_set_before(ends: tuple[int, int]) -> None:
    near, far = ends
    settings = termios.tcgetattr(far)
    settings[0] |= termios.BRKINT | termios.PARMRK | termios.INPCK | termios.ISTRIP | termios.IGNCR | termios.IXON
    settings[1] |= termios.OPOST | termios.ONLCR
    settings[2] |= termios.PARENB
    termios.tcsetattr(far, termios.TCSANOW, settings)
    every = bytes(range(256)) * 4
    with _open(os.ttyname(far)) as port:
        came = bytearray()

        def read() -> None:
            while len(came) < len(every):
                came.extend(os.read(near, 4096))

        thread = threading.Thread(target=read)
        thread.start()
        port.send(Transmit(every))
        thread.join()
        assert bytes(came) == every
        os.write(near, every)
        heard = b""
        while len(heard) < len(every):
            heard += b"".join(event.data for event in port.receive(5) if isinstance(event, Received))
        assert heard == every
        settings = termios.tcgetattr(far)
    assert settings[0] & (termios.PARMRK | termios.INPCK | termios.ISTRIP | termios.BRKINT) == 0
    assert settings[2] & termios.CSIZE == termios.CS8
    assert settings[2] & (termios.PARENB | termios.CSTOPB | termios.CRTSCTS) == 0


def test_the_rate_is_asked_for_where_the_system_knows_it(ends: tuple[int, int]) -> None:
    _, far = ends
    with _open(os.ttyname(far), 750_000) as port:
        assert serial_port.actual_baudrate(far) == 750_000
        port.send(SetBaudrate(1_500_000))
        assert serial_port.actual_baudrate(far) == 1_500_000


def test_a_rate_cannot_be_asked_of_what_is_no_terminal() -> None:
    reader, writer = os.pipe()
    try:
        assert serial_port.actual_baudrate(reader) is None
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    ("given", "off"), [(750_000, False), (735_294, False), (766_000, True), (921_600, True), (None, False)]
)
def test_how_far_a_rate_may_be_off(given: int | None, off: bool) -> None:
    assert serial_port.differs_from(750_000, given) is off


def test_a_rate_that_the_adapter_rounds_is_refused_at_the_start(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tty.setraw(ends[1])
    path = os.ttyname(ends[1])
    monkeypatch.setattr(serial_port, "actual_baudrate", lambda _descriptor: 921_600)
    with pytest.raises(
        TransportOpenError, match=r"^/dev/pts/\d+: cannot .* at 750000 baud: it makes 921600 baud of it"
    ):
        _open(path, 750_000)
    monkeypatch.undo()
    _open(path, 750_000).close()


def test_a_rate_that_the_adapter_rounds_later_leaves_the_one_before(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _open(os.ttyname(ends[1]), 750_000) as port:
        monkeypatch.setattr(serial_port, "actual_baudrate", lambda _descriptor: 1_200_000)
        with pytest.raises(TransportError, match="refuses 1500000 baud: it makes 1200000 baud of it") as caught:
            port.send(SetBaudrate(1_500_000))
        assert not isinstance(caught.value, TransportLostError)
        monkeypatch.undo()
        assert serial_port.actual_baudrate(ends[1]) == 750_000


@pytest.mark.parametrize(("mark", "kept"), [("", False), ("!", True)])
def test_outputs_that_rest_active_are_kept_when_the_port_is_closed(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch, mark: str, kept: bool
) -> None:
    settings = termios.tcgetattr(ends[1])
    settings[2] |= termios.HUPCL
    termios.tcsetattr(ends[1], termios.TCSANOW, settings)
    told: list[tuple[str, bool]] = []

    class Port(serial_port.serial.Serial):
        cts = False

        def _update_rts_state(self) -> None:
            told.append(("rts", self._rts_state))

        def _update_dtr_state(self) -> None:
            told.append(("dtr", self._dtr_state))

    monkeypatch.setattr(serial_port.serial, "Serial", Port)
    port = open_transport(f"serial:{os.ttyname(ends[1])}?rts={mark}LENS_CS", role=Role.LENS, baudrate=750_000)
    assert bool(termios.tcgetattr(ends[1])[2] & termios.HUPCL) is not kept
    assert told[-1] == ("rts", kept)
    told.clear()
    port.close()
    port.close()
    assert told == [("rts", kept)]


@pytest.mark.parametrize("error", [None, ValueError("no"), OSError(25, "no"), NotImplementedError()])
def test_low_latency_is_a_wish(error: Exception | None) -> None:
    def answer(_low: bool) -> None:
        if error is not None:
            raise error

    port = SimpleNamespace(set_low_latency_mode=answer)
    assert serial_port.set_low_latency(port) is (error is None)  # type: ignore[arg-type]
