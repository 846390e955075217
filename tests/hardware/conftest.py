"""What the tests of ports share: a server of RFC 2217 on a mount in memory, and two boards on TCP, wired together."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from serial.rfc2217 import PortManager

from lensmount_hardware.boards.simulator.bench import connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import Contacts
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, SerialLine, Transmit


@dataclass
class FakeSerial:
    """The server's serial port: what pyserial's `PortManager` asks of one, and no port behind it.

    Its RTS drives the line BODY_CS of the mount, its CTS follows LENS_CS.
    """

    mount: Transport
    baudrate: int = 9600
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1
    xonxoff: bool = False
    rtscts: bool = False
    break_condition: bool = False
    dtr: bool = False
    cts: bool = False
    dsr: bool = False
    ri: bool = False
    cd: bool = False
    rts_orders: list[bool] = field(default_factory=list)

    @property
    def rts(self) -> bool:
        return self.rts_orders[-1]

    @rts.setter
    def rts(self, active: bool) -> None:
        self.rts_orders.append(active)
        self.mount.send(DriveLine("BODY_CS", active))

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass


class Rfc2217Server:
    """Serves one client, in a thread of its own, until either side closes.

    Attributes:
        far: what hangs on the server's serial port.
        serial: that port, once the client is gone safe to look at.
        address: `host:port` to call.
    """

    def __init__(self) -> None:
        self.far, self._mount = memory_pair(("BODY_CS", "LENS_CS"))
        self.serial = FakeSerial(self._mount)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.far.close()

    def _serve(self) -> None:
        self._listener.settimeout(0.01)
        with self._listener:
            while not self._stop.is_set():
                with suppress(TimeoutError):
                    client, _ = self._listener.accept()
                    break
            else:
                return
        with client, suppress(OSError, TransportLostError):
            client.settimeout(0.001)
            manager = PortManager(self.serial, SimpleNamespace(write=client.sendall))
            while not self._stop.is_set():
                self._pass_on(client, manager)

    def _pass_on(self, client: socket.socket, manager: PortManager) -> None:
        for event in self._mount.receive(0):
            match event:
                case Received(data):
                    client.sendall(b"".join(manager.escape(data)))
                case LineChanged("LENS_CS", level):
                    self.serial.cts = level
        manager.check_modem_lines()
        with suppress(TimeoutError):
            data = client.recv(1024)
            if not data:
                raise ConnectionError
            self._mount.send(Transmit(b"".join(manager.filter(data))))


@pytest.fixture
def rfc2217_server() -> Iterator[Rfc2217Server]:
    server = Rfc2217Server()
    yield server
    server.close()


class BoardServer:
    """Two model boards in real time, a body's and a lens's, each on a TCP port of its own, their lines wired together.

    Attributes:
        contacts: the mount between them; without presence and supply, so that there is nothing to guard.
        body: the port to the body's board, in words.
        lens: that to the lens's.
    """

    contacts = Contacts(
        drivers={"BODY_CS": Role.BODY, "LENS_CS": Role.LENS, "TXD": Role.BODY, "RXD": Role.LENS},
        serial=(SerialLine("RXD", Role.LENS, "LENS_CS"), SerialLine("TXD", Role.BODY, "BODY_CS")),
    )

    def __init__(self) -> None:
        self._boards = (BoardSimulator(), BoardSimulator())
        body, lens = self._boards
        connect_boards(body, lens, [(body, 0, 0), (lens, 1, 1), (body, 2, 2), (lens, 3, 3)], any_rate=True)
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in self._boards]
        self.body, self.lens = (
            f"board:tcp//127.0.0.1:{listener.getsockname()[1]}?unguarded=1" for listener in self._listeners
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        clock = MonotonicClock()
        clients: dict[int, socket.socket] = {}
        for listener in self._listeners:
            listener.settimeout(0)
        while not self._stop.wait(0.0005):
            for number, board in enumerate(self._boards):
                if number not in clients:
                    with suppress(BlockingIOError):
                        clients[number], _ = self._listeners[number].accept()
                        clients[number].settimeout(0)
                    continue
                with suppress(BlockingIOError, OSError):
                    board.receive(clients[number].recv(65536))
            now_us = round(clock.now() * 1e6)
            for board in self._boards:
                board.set_time(now_us)
            for number, board in enumerate(self._boards):
                board.advance_to(now_us)
                if number in clients and (data := board.bytes_to_send()):
                    with suppress(OSError):
                        clients[number].sendall(data)
        for end in (*clients.values(), *self._listeners):
            end.close()


@pytest.fixture
def board_server() -> Iterator[BoardServer]:
    server = BoardServer()
    yield server
    server.close()
