"""What is tried on a port: on loops and pseudo-terminals, and over jumpers that are made up."""

import os
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial
from serial.rfc2217 import PortManager

from lensmount_hardware.clock import MonotonicClock, VirtualClock
from lensmount_hardware.diagnostics import gather, probes
from lensmount_hardware.diagnostics.checks import run_checks
from lensmount_hardware.diagnostics.facts import CheckSeverity, LineFollowResult, PortKind
from lensmount_protocol.errors import TransportSpecError

RATES = (750_000, 1_500_000)
PATIENCE = 20.0

# pyserial's RFC 2217 client starts its thread in the old way.
pytestmark = pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\) is deprecated")


class Jumpered:
    """A port whose inputs hang on its outputs in some way; reading an input takes a millisecond."""

    def __init__(self, clock: VirtualClock, cts: Callable[[bool], bool], error: Exception | None = None) -> None:
        self._clock, self._cts, self._error = clock, cts, error
        self.rts = True
        self.dtr = True

    @property
    def cts(self) -> bool:
        self._clock.advance_to(self._clock.now() + 1e-3)
        if self._error is not None:
            raise self._error
        return self._cts(self.rts)

    @property
    def dsr(self) -> bool:
        return self.dtr


@pytest.mark.parametrize(
    ("wire", "how"),
    [
        (lambda level: level, LineFollowResult.YES),
        (lambda level: not level, LineFollowResult.INVERTED),
        (lambda _level: True, LineFollowResult.NO),
        (lambda _level: False, LineFollowResult.NO),
    ],
    ids=["jumper", "inverter", "stuck high", "stuck low"],
)
def test_a_line_over_a_jumper(
    wire: Callable[[bool], bool], how: LineFollowResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "Event", lambda: type("Never", (), {"wait": lambda _self, _seconds: None})())
    clock = VirtualClock()
    port: Any = Jumpered(clock, wire)
    assert probes.probe_control_lines(port, clock) == {("rts", "cts"): how, ("dtr", "dsr"): LineFollowResult.YES}
    assert (port.rts, port.dtr) == (True, True)


def test_lines_that_a_port_does_not_have() -> None:
    clock = VirtualClock()
    port: Any = Jumpered(clock, lambda level: level, OSError(25, "Inappropriate ioctl for device"))
    assert probes.probe_control_lines(port, clock)["rts", "cts"] is LineFollowResult.ABSENT
    assert port.rts is True


def test_every_message_over_a_loop_comes_back() -> None:
    with serial.serial_for_url("loop://", timeout=1) as port:
        echo = probes.probe_loopback(port, MonotonicClock(), 20)
    assert (echo.sent, echo.intact, echo.times.total) == (20, 20, 20)


class Echoing:
    """A port that gives back what it is told to."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers

    def write(self, data: bytes) -> int:
        return len(data)

    def read(self, _size: int = 1) -> bytes:
        return self._answers.pop(0) if self._answers else b""

    def reset_input_buffer(self) -> None:
        pass


def test_no_one_waits_for_two_hundred_messages_where_nothing_comes_back() -> None:
    port: Any = Echoing([])
    assert probes.probe_loopback(port, VirtualClock()).sent == 3


def test_a_message_that_comes_back_changed_does_not_count() -> None:
    port: Any = Echoing([probes.MESSAGE, b"\0" * 16, probes.MESSAGE])
    echo = probes.probe_loopback(port, VirtualClock(), 3)
    assert (echo.sent, echo.intact) == (3, 2)


def test_the_lateness_of_a_sleep_is_what_is_measured() -> None:
    clock = VirtualClock()
    late = probes.measure_sleep_latency(clock, lambda seconds: clock.advance_to(clock.now() + seconds + 80e-6))
    assert late.percentile_us(50) == late.percentile_us(100) == 80
    assert late.total == probes.SLEEPS


@pytest.fixture
def pty() -> Iterator[str]:
    near, far = os.openpty()
    tty.setraw(far)
    yield os.ttyname(far)
    os.close(near)
    os.close(far)


def verdicts(port: str, *, jumpers: bool = False) -> dict[str, tuple[CheckSeverity, str]]:
    facts = gather.gather_facts(port, RATES, jumpers=jumpers, clock=MonotonicClock(), crc_extension=True)
    return {finding.check: (finding.severity, finding.message) for finding in run_checks(facts)}


def test_a_loop_is_examined_without_being_asked() -> None:
    found = verdicts("loop://")
    assert found["control lines"] == (CheckSeverity.FINE, "RTS to CTS follows; DTR to DSR follows")
    assert found["round trip"][1].startswith("200 of 200 messages came back")
    assert not [check for check, (verdict, _) in found.items() if verdict is CheckSeverity.WRONG]


@pytest.mark.parametrize("name", ["{}", "serial:{}"])
def test_a_pty_says_what_it_cannot_show(pty: str, name: str) -> None:
    found = verdicts(name.format(pty))
    assert {check for check, (verdict, _) in found.items() if verdict is CheckSeverity.NOTE} >= {
        "rates",
        "control lines",
        "round trip",
    }
    assert found["opening"][0] is CheckSeverity.FINE


def test_nothing_is_sent_unless_the_jumpers_are_in() -> None:
    near, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    try:
        verdicts(os.ttyname(far))
        with pytest.raises(BlockingIOError):
            os.read(near, 1)
        verdicts(os.ttyname(far), jumpers=True)
        assert os.read(near, 100).startswith(probes.MESSAGE)
    finally:
        os.close(near)
        os.close(far)


def test_an_echo_behind_a_pty_is_timed() -> None:
    near, far = os.openpty()
    tty.setraw(far)

    def echo() -> None:
        while (data := os.read(near, 4096)) != b"end":
            os.write(near, data)

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        assert verdicts(os.ttyname(far), jumpers=True)["round trip"][1].startswith("200 of 200")
    finally:
        os.write(far, b"end")
        thread.join()
        os.close(near)
        os.close(far)


def test_a_port_in_use_is_reported(pty: str) -> None:
    with serial.Serial(pty, exclusive=True):
        verdict, says = verdicts(pty)["opening"]
    assert verdict is CheckSeverity.WRONG
    assert "exclusively lock" in says


def test_a_port_that_is_forbidden_is_not_opened(pty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = verdicts(pty)
    assert found["permission"][0] is CheckSeverity.WRONG
    assert "opening" not in found


def test_a_missing_port_is_reported() -> None:
    assert verdicts("/dev/no-such-port")["port"] == (CheckSeverity.WRONG, "there is no /dev/no-such-port")


def test_a_server_of_rfc2217_is_examined(rfc2217_server: Any) -> None:
    found = verdicts(f"rfc2217://{rfc2217_server.address}?rts=BODY_CS")
    assert found["port"][1].endswith("is a network port")
    assert found["opening"][0] is CheckSeverity.FINE
    assert found["rates"] == (
        CheckSeverity.NOTE,
        "takes 750000 baud, 1500000 baud, and cannot be asked what it made of them",
    )


@pytest.fixture
def jumpered_server() -> Iterator[str]:
    """pyserial's own server of RFC 2217 around a port with all jumpers in; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        listener.settimeout(PATIENCE)
        with listener, listener.accept()[0] as client, serial.serial_for_url("loop://", timeout=0) as port:
            client.settimeout(0.002)
            manager = PortManager(port, SimpleNamespace(write=client.sendall))
            while not stop.is_set():
                manager.check_modem_lines()
                if waiting := port.in_waiting:
                    client.sendall(b"".join(manager.escape(port.read(waiting))))
                with suppress(TimeoutError):
                    if not (data := client.recv(1024)):
                        return
                    port.write(b"".join(manager.filter(data)))

    thread = threading.Thread(target=serve)
    thread.start()
    host, number = listener.getsockname()[:2]
    yield f"{host}:{number}"
    stop.set()
    thread.join()


def test_lines_and_bytes_over_a_network_are_examined_over_jumpers(jumpered_server: str) -> None:
    found = verdicts(f"rfc2217://{jumpered_server}", jumpers=True)
    assert found["control lines"] == (CheckSeverity.FINE, "RTS to CTS follows; DTR to DSR follows")
    assert found["round trip"][0] is CheckSeverity.FINE
    assert found["round trip"][1].startswith("200 of 200 messages came back")


@pytest.mark.parametrize("port", ["pty:", "serial:", "carrier-pigeon:x", "tcp:nowhere", "ttyUSB0"])
def test_a_port_that_cannot_be_examined_is_refused(port: str) -> None:
    with pytest.raises(TransportSpecError, match=r"^port '"):
        gather.port_url(port)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("")
    with pytest.raises(TransportSpecError, match="it is no device"):
        verdicts(str(path))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rfc2217://a:1", PortKind.NETWORK),
        ("socket://a:1", PortKind.NETWORK),
        ("loop://", PortKind.LOOP),
        ("/dev/x", PortKind.SERIAL),
    ],
)
def test_what_a_port_can_show_follows_from_its_kind(url: str, kind: PortKind) -> None:
    assert gather._kind(url) is kind
