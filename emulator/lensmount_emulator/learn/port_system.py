"""A device on a port as a system that is learned: each reset begins a session, and every send passes the guard.

A lens starts with its supply, and a body with the lens that it detects.
"""

from collections.abc import Callable, Iterable

from lensmount_emulator.learn.alphabet import Alphabet
from lensmount_emulator.learn.learner import LearnError
from lensmount_emulator.learn.probe_end import ProbeEnd
from lensmount_emulator.learn.system import MAX_LETTER_S, OFF_S, get_learn_traits
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import TransportError
from lensmount_protocol.wire import Burst, DriveLine, Edge, Role, SetBaudrate, WireRecord

MAX_SILENT_RESETS = 10
"""Resets after which a device that has sent nothing and moved no line is taken for absent."""


class PortSystem:
    """A lens or a body on a port.

    Args:
        alphabet: the letters.
        port: the port; it must carry the supply towards a lens, and the detect line towards a body: they reset it.
        clock: real time.
        tap: receives every record.
        allowed: names of guarded messages and unknown types that the run may send.

    Raises:
        LearnError: the port does not carry the line that a reset needs.
        DialectError: `allowed` names no guarded message.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        port: Transport,
        clock: Clock,
        tap: Callable[[WireRecord], None] = lambda _record: None,
        allowed: Iterable[str] = (),
    ) -> None:
        dialect, role = alphabet.dialect, alphabet.role.peer
        self._detect = dialect.detect if role is Role.LENS else ""
        if self._detect and self._detect not in port.lines:
            raise LearnError(
                f"{port.name} does not carry {self._detect}, so a body on it is never reset: wire a control line that "
                "shows the lens, or use a board; or learn its profile or its firmware"
            )
        if not self._detect and dialect.supply not in port.lines:
            raise LearnError(
                f"{port.name} does not carry {dialect.supply}, and each word begins with a reset: wire a line that "
                "switches the supply, or use a board"
            )
        self.name = f"port {port.name}"
        self.resets = 0
        self.device_s = 0.0
        self._answered = False
        self._alphabet, self._clock, self._tap = alphabet, clock, tap
        self._traits = get_learn_traits(alphabet)
        self._letters = {letter.name: letter for letter in alphabet.letters}
        self._own = [line for line, driver in dialect.drivers.items() if driver is role and line in port.lines]
        self._port = GuardedTransport(port, SendGuard(dialect, role, allowed))
        self._probe: ProbeEnd | None = None
        self._driver: EngineDriver | None = None

    def require_device(self) -> None:
        """Check that the device has sent a byte or moved a line since the first reset; without a reset it need not.

        Raises:
            TransportError: nothing came from it.
        """
        if self.resets and not self._answered:
            device = self._alphabet.role.value
            raise TransportError(
                f"{self._port.name}: nothing came from the {device} in {self.resets} starts; check the wiring, the "
                "supply and the dialect"
            )

    def reset(self) -> None:
        """Switch the supply or take the lens off, and every line of ours, until the device has forgotten.

        Raises:
            TransportError: the device has sent nothing since the first one.
        """
        if self.resets >= MAX_SILENT_RESETS:
            self.require_device()
        self.resets += 1
        self._rest()
        self._run_for(OFF_S)
        self._probe = ProbeEnd(self._alphabet, self._traits, self._port.lines)
        self._driver = EngineDriver(self._probe, self._port, self._clock, self._on_record)
        if self._detect:
            self._probe.attach = self._attach
            self._attach(True)

    def play(self, letter: str) -> str:
        """Play a letter and return its output."""
        assert self._probe is not None
        assert self._driver is not None
        probe, began = self._probe, self._clock.now()
        probe.begin(self._letters[letter])
        self._driver.run(MAX_LETTER_S, stop_when=lambda: probe.over)
        self.device_s += self._clock.now() - began
        return probe.output if probe.over else "stuck"

    def close(self) -> None:
        """Leave the device without supply, or without a lens."""
        self._rest()

    def _on_record(self, record: WireRecord) -> None:
        device = self._alphabet.role
        if isinstance(record, Burst):
            self._answered = self._answered or record.sender is device
        elif isinstance(record, Edge):
            self._answered = self._answered or self._alphabet.dialect.drivers.get(record.line) is device
        self._tap(record)

    def _rest(self) -> None:
        for line in reversed(self._own):
            self._port.send(DriveLine(line, line == self._detect))
        self._port.send(SetBaudrate(self._alphabet.dialect.wiring.baudrates[0]))

    def _attach(self, attached: bool) -> None:
        """Ground the detect line, or let the body pull it up."""
        self._port.send(DriveLine(self._detect, not attached))

    def _run_for(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            self._port.receive(left)
        self.device_s += seconds
