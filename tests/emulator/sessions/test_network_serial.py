"""Ports behind a network: whole sessions over pyserial's own server of RFC 2217 and over ser2net; and doctor there."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.rfc2217 import PortManager

from lensmount_emulator.cli.main import main
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import partial_path
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transports.serial_port import actual_baudrate
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Edge, Received, Role, SetBaudrate, Transmit

# pyserial's RFC 2217 client starts its thread in the old way.
pytestmark = pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\) is deprecated")

PATIENCE = 30.0
PAIRS = {
    "emount": ("a6000", "sel55210", "wait 0.2; focus +50; aperture f/8; sleep"),
    "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", "focus 2m; aperture f/8; sleep"),
}
LINES = {
    "emount": ("?rts=BODY_CS&cts=LENS_CS&dtr=VCC", "?rts=LENS_CS&cts=BODY_CS&dsr=VCC"),
    "lmount": ("?rts=BODY_ATT&cts=LENS_ATT&dtr=V_LOGIC", "?rts=LENS_ATT&cts=BODY_ATT&dsr=V_LOGIC"),
}


@dataclass
class ModemPort:
    """What `PortManager` asks of a serial port; RTS and DTR are joined with CTS and DSR of the other end."""

    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1
    xonxoff: bool = False
    rtscts: bool = False
    break_condition: bool = False
    rts: bool = False
    dtr: bool = False
    ri: bool = False
    cd: bool = False
    other: "ModemPort | None" = None
    rates: list[int] = field(default_factory=lambda: [9600])

    @property
    def baudrate(self) -> int:
        return self.rates[-1]

    @baudrate.setter
    def baudrate(self, baudrate: int) -> None:
        self.rates.append(baudrate)

    @property
    def cts(self) -> bool:
        assert self.other is not None
        return self.other.rts

    @property
    def dsr(self) -> bool:
        assert self.other is not None
        return self.other.dtr

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass


class NullModem:
    """Two serial ports, joined, each behind pyserial's own server of RFC 2217; one client a port.

    Attributes:
        addresses: `host:port` of both.
        ports: what the servers have behind them.
    """

    def __init__(self) -> None:
        self.ports = (ModemPort(), ModemPort())
        self.ports[0].other, self.ports[1].other = reversed(self.ports)
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in self.ports]
        self.addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in self._listeners]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        clients: dict[int, socket.socket] = {}
        managers: dict[int, PortManager] = {}
        for listener in self._listeners:
            listener.settimeout(0)
        while not self._stop.wait(0.0002):
            for number, port in enumerate(self.ports):
                if number not in clients:
                    with suppress(BlockingIOError):
                        clients[number], _ = self._listeners[number].accept()
                        clients[number].settimeout(0)
                        clients[number].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        managers[number] = PortManager(port, SimpleNamespace(write=clients[number].sendall))
                    continue
                # A client that has gone leaves its port to nobody.
                with suppress(BlockingIOError, OSError):
                    managers[number].check_modem_lines()
                    data = b"".join(managers[number].filter(clients[number].recv(4096)))
                    if (far := clients.get(1 - number)) is not None and data:
                        far.sendall(b"".join(managers[1 - number].escape(data)))
        for end in (*clients.values(), *self._listeners):
            end.close()


@pytest.fixture
def null_modem() -> Iterator[NullModem]:
    modem = NullModem()
    yield modem
    modem.close()


@dataclass
class Running:
    """A verb in a process of its own, and the file that it writes to."""

    process: "subprocess.Popen[bytes]"
    out: Path

    def until_it_says(self, text: str) -> None:
        clock = MonotonicClock()
        while text not in self.out.read_text():
            assert self.process.poll() is None, self.out.read_text()
            assert clock.now() < PATIENCE, self.out.read_text()
            threading.Event().wait(0.01)

    def ended(self, *, stop: bool = False) -> str:
        if stop:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        return self.out.read_text()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program that is gone when the test is."""
    with ExitStack() as stack:

        def begin(*words: str) -> Running:
            out = tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}"
            file = stack.enter_context(out.open("wb"))
            process = stack.enter_context(subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT))
            stack.callback(process.kill)
            return Running(process, out)

        yield begin


def run(start: Start, role: str, profile: str, port: str, *words: str) -> Running:
    module = (sys.executable, "-W", "ignore::DeprecationWarning", "-m", "lensmount_emulator.cli.main")
    running = start(*module, "run", role, "--profile", profile, "--port", port, *words)
    running.until_it_says(f"as {role} on ")
    return running


@pytest.mark.parametrize(("dialect", "lines"), [("emount", False), ("emount", True), ("lmount", True)])
def test_both_ends_of_a_session_behind_servers(
    dialect: str, lines: bool, null_modem: NullModem, start: Start, tmp_path: Path
) -> None:
    of_body, of_lens = LINES[dialect] if lines else ("", "")
    to_body, to_lens = (f"rfc2217://{address}" for address in null_modem.addresses)
    out = play_a_session(dialect, lambda _lens: to_body + of_body, to_lens + of_lens, start, tmp_path)
    assert ("note: the server opens and closes its port" in out) is lines
    # An E-mount without its select lines stays at the first rate.
    assert all((1_500_000 in port.rates) is (lines or dialect == "lmount") for port in null_modem.ports)
    edges = {line for role in Role for line in edges_in(tmp_path / f"{role.value}.lmx", dialect)}
    assert edges == {word.partition("=")[2] for word in of_body[1:].split("&") if word}


def play_a_session(dialect: str, to_body: Callable[[str], str], to_lens: str, start: Start, folder: Path) -> str:
    """Both ends, until the body's script is done; no byte is lost either way.

    Args:
        dialect: what they speak.
        to_body: the body's port, from the name of the lens's.
        to_lens: the lens's port.
        start: starts programs.
        folder: for recordings.

    Returns:
        What the body told.
    """
    body, lens, script = PAIRS[dialect]
    wiring = load_dialect(dialect).wiring
    told = {role: folder / f"{role.value}.lmx" for role in Role}

    def bytes_of(sender: Role, told_by: Role) -> bytes:
        path = told[told_by]
        records = open_capture(path if path.exists() else partial_path(path), wiring).records
        return b"".join(one.data for one in records if isinstance(one, Burst) and one.sender is sender)

    there = run(start, "lens", lens, to_lens, "--record", str(told[Role.LENS]))
    name = there.out.read_text().partition(" as lens on ")[2].partition("\n")[0]
    here = run(start, "body", body, to_body(name), "--do", script, "--record", str(told[Role.BODY]))
    out = here.ended()
    # A machine that is busy leaves gaps inside frames, which are errors; every byte is there, and every step is done.
    late = re.search(r"^script: (\d+) of \1 steps done$", out, re.MULTILINE) and "are no frame: line fell silent" in out
    assert here.process.returncode == (1 if late else 0), out
    assert "script: sleep" in out or "the lens sleeps" in out, out
    sent = bytes_of(Role.BODY, Role.BODY)
    clock = MonotonicClock()
    while len(bytes_of(Role.BODY, Role.LENS)) < len(sent) and clock.now() < PATIENCE:
        threading.Event().wait(0.05)
    there.ended(stop=True)
    assert bytes_of(Role.BODY, Role.LENS) == sent
    heard = bytes_of(Role.LENS, Role.BODY)
    # The lens speaks on when the body has gone.
    assert bytes_of(Role.LENS, Role.LENS).startswith(heard)
    assert min(len(sent), len(heard)) > 300
    return out


def edges_in(path: Path, dialect: str) -> set[str]:
    records = open_capture(path, load_dialect(dialect).wiring).records
    return {one.line for one in records if isinstance(one, Edge)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


Export = Callable[[str], str]


@pytest.fixture
def export(start: Start) -> Export:
    """Exports a device as labgrid does, with ser2net in the mode of RFC 2217, and gives `host:port`.

    The words are those of labgrid's exporter for ser2net 4.2 and later (labgrid 26.0.1, labgrid/remote/exporter.py).
    """
    ser2net = shutil.which("ser2net", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if ser2net is None:
        pytest.skip("ser2net is not installed: apt-get install --no-install-recommends ser2net")

    def begin(path: str) -> str:
        number = free_port()
        said = [
            f"connection: &con01#  accepter: telnet(rfc2217,mode=server),tcp,{number}",
            f"  connector: serialdev(nouucplock=true),{path},115200n81,local",
            "  options:",
            "    max-connections: 10",
        ]
        served = start(ser2net, "-d", "-n", *(word for line in said for word in ("-Y", line)))
        clock = MonotonicClock()
        while clock.now() < PATIENCE:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", number)):
                break
            assert served.process.poll() is None, served.out.read_text()
            threading.Event().wait(0.02)
        return f"127.0.0.1:{number}"

    return begin


@pytest.mark.parametrize("dialect", PAIRS)
def test_a_session_over_a_port_that_ser2net_exports(dialect: str, export: Export, start: Start, tmp_path: Path) -> None:
    """The lens is a program on a pseudo-terminal, which ser2net has for a device at a rate that no mount speaks."""
    play_a_session(dialect, lambda device: f"rfc2217://{export(device)}", "pty:", start, tmp_path)


@pytest.fixture
def echo() -> Iterator[str]:
    """The path of a pseudo-terminal that sends back what comes."""
    near, far = os.openpty()
    tty.setraw(far)
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            if select.select([near], [], [], 0.01)[0]:
                os.write(near, os.read(near, 4096))

    thread = threading.Thread(target=answer)
    thread.start()
    yield os.ttyname(far)
    stop.set()
    thread.join()
    os.close(near)
    os.close(far)


def test_every_byte_and_the_rates_of_a_mount_pass_ser2net(export: Export, echo: str) -> None:
    every = bytes(range(256)) * 64
    with open_transport(f"rfc2217://{export(echo)}", role=Role.BODY, baudrate=750_000) as port:
        for baudrate in (750_000, 1_500_000):
            port.send(SetBaudrate(baudrate))
            device = os.open(echo, os.O_RDWR | os.O_NOCTTY)
            assert actual_baudrate(device) == baudrate
            os.close(device)
            heard, clock = b"", MonotonicClock()
            for at in range(0, len(every), 1024):
                port.send(Transmit(every[at : at + 1024]))
                while len(heard) < at + 1024 and clock.now() < PATIENCE:
                    heard += b"".join(one.data for one in port.receive(0.1) if isinstance(one, Received))
            assert heard == every


def test_doctor_examines_what_ser2net_exports(export: Export, echo: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", f"rfc2217://{export(echo)}"])
    told = capsys.readouterr().out
    assert "it opens, 8N1" in told
    assert "takes 750000 baud, 1500000 baud, and cannot be asked what it made of them" in told
    assert "not tried: nothing is driven without --jumpers" in told
