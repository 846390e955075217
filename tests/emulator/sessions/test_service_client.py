"""A client of Samyang's service channel at a port with control lines, in virtual time.

It does what the public client `lensbridge-samyang` does: RTS is BODY_CS and DTR is VD, both inverted as on a CH340; a
handshake by hand; RTS off, a write, RTS on around each request; pulses of VD only while a focus command waits.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.port_spec import parse_spec
from lensmount_hardware.transports.control_lines import ControlLines
from lensmount_hardware.transports.serial_base import SerialTransport
from lensmount_protocol.wire import Role

BYTE_S = 10 / 750_000
LAG = 1e-3
"""A USB adapter passes bytes on about a millisecond later than its lines change."""


def request(payload: bytes, size: int = 19) -> bytes:
    body = bytes((size + 8, 0, 2, 0)) + payload.ljust(size, b"\0")
    return b"\xf0" + body + (sum(body) & 0xFFFF).to_bytes(2, "little") + b"\x55"


FIRST = bytes.fromhex("f01b000200404d") + bytes(17) + bytes.fromhex("aa0055")


@dataclass
class Client:
    """The other end of the port: its program yields seconds to wait, or the reply that it waits for.

    Attributes:
        replies: payload of each reply that it got.
        ended: when its program was over.
    """

    clock: VirtualClock
    rts: bool = True
    dtr: bool = True
    replies: list[bytes] = field(default_factory=lambda: list[bytes]())
    ended: float | None = None

    def __post_init__(self) -> None:
        self._bytes = bytearray()
        self._arrivals: list[tuple[float, bytes]] = []
        self._program = self._run()
        self._wakes: float | None = 0.0
        self._awaits: bytes | None = None
        self._pulses_at: float | None = None

    def _send(self, data: bytes) -> Generator[float | bytes, None, None]:
        self.rts = False
        yield 0.2e-3
        self._arrivals.append((self.clock.now() + len(data) * BYTE_S + LAG, data))
        self.rts = True

    def _run(self) -> Generator[float | bytes, None, None]:
        yield 0.5
        self.rts = True
        yield 0.1
        self.rts = False
        yield 0.1
        self.rts, self.dtr = True, False
        yield 0.05
        yield from self._send(FIRST)
        yield b"\x40M"
        for payload, wait, pulses in (
            (b"\x40V", b"\x40V", False),
            (b"\x40K\xfa", b"\x40K\xfa", False),
            (b"\x40F\xca", b"\x40F\xca", True),
            (b"\x40F\xba", b"\x40F\xba", True),
            (b"\x40X2", b"\x10", False),
            (b"\x40XB", b"\x10", False),
        ):
            self._pulses_at = self.clock.now() if pulses else None
            yield from self._send(request(payload))
            yield wait
        self.ended = self.clock.now()

    def _advance(self) -> None:
        """Run the program as far as it can now."""
        while self._wakes is not None and self._wakes <= self.clock.now():
            step = next(self._program, None)
            self._wakes = self.clock.now() + step if isinstance(step, float) else None
            self._awaits = step if isinstance(step, bytes) else None
            if self._awaits is not None:
                self._take()
        if self._pulses_at is not None:
            # DTR on and off at once, 50 times a second: a pulse that polls mostly miss.
            self.dtr = (self.clock.now() - self._pulses_at) % 0.02 < 50e-6

    def _take(self) -> None:
        """Look for the reply that the program waits for, as the client reads its port: without a limit."""
        while self._awaits is not None and (at := self._bytes.find(b"\xf0")) >= 0 and len(self._bytes) >= at + 3:
            size = self._bytes[at + 1] | self._bytes[at + 2] << 8
            if len(self._bytes) < at + size:
                return
            frame = bytes(self._bytes[at : at + size])
            del self._bytes[: at + size]
            if frame[5:].startswith(self._awaits):
                self.replies.append(frame[5:-3])
                self._awaits, self._wakes = None, self.clock.now()

    # What the transport asks of a serial link.
    def read(self, wait: float, /) -> bytes:
        until = self.clock.now() + wait
        self._advance()
        if self._arrivals and self._arrivals[0][0] <= until:
            at, data = self._arrivals.pop(0)
            self.clock.advance_to(max(at, self.clock.now()))
            return data
        if self._wakes is not None and self._wakes < until:
            self.clock.advance_to(self._wakes + 1e-6)
            self._advance()
            return b""
        self.clock.advance_to(until + 1e-6)
        self._advance()
        return b""

    def write(self, data: bytes) -> None:
        self._bytes += data
        self._take()

    def set_baudrate(self, baudrate: int) -> None:
        pass

    def is_active(self, control: str) -> bool | None:
        return {"cts": self.rts, "dsr": self.dtr}.get(control)

    def set_active(self, control: str, active: bool) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize("lines", ["rts=LENS_CS&cts=!BODY_CS&dsr=!VD", "cts=!BODY_CS", ""])
def test_start_up_of_the_public_client_completes(lines: str) -> None:
    clock, settings = VirtualClock(), load_profile("samyang-135").settings
    assert isinstance(settings, LensSettings)
    client = Client(clock)
    spec = parse_spec(f"serial:x?{lines}" if lines else "serial:x")
    port = SerialTransport("x", client, ControlLines.from_spec(spec, Role.LENS), 1e-3, clock=clock)
    EngineDriver(LensEngine(settings, port.lines), port, clock, lambda _record: None, spin=0.0).run(5.0)
    assert client.ended is not None, client.replies
    assert [one.rstrip(b"\0").hex() for one in client.replies] == [
        "404d0026",
        "4056000105",
        "404bfa733132333435363738",
        "4046ca01",
        "4046ba",
        "10",
        "10",
    ]
    assert client.replies[4] == b"\x40F\xba" + bytes(16)
    # 61 ms a reply, and two homings of 675 ms.
    assert client.ended == pytest.approx(0.75 + 5 * 0.065 + 2 * 0.68, abs=0.1)


def test_first_request_is_the_one_of_the_public_client() -> None:
    assert request(b"\x40M") == FIRST
