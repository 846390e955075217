"""A device on a port as a system that is learned: each reset is a power cycle, and every send passes the send guard."""

from collections.abc import Callable, Iterable

from lensmount_emulator.learn.alphabet import Alphabet
from lensmount_emulator.learn.learner import LearnError
from lensmount_emulator.learn.probe_end import ProbeEnd
from lensmount_emulator.learn.system import MAX_LETTER_S, OFF_S, traits_of
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_hardware.clock import Clock
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import DriveLine, Role, SetBaudrate, WireRecord


class PortSystem:
    """A lens on a port.

    Args:
        alphabet: the letters.
        port: the port; it must carry the supply, or nothing can reset the device.
        clock: real time.
        tap: receives every record.
        allowed: names of guarded messages and unknown types that the run may send.

    Raises:
        LearnError: the port does not carry the lines that a reset needs, or has a body on it.
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
        if role is Role.LENS:
            raise LearnError(
                f"{port.name} shows its lens for as long as it is open, so a body on it is never reset; learn its "
                "profile or its firmware"
            )
        if dialect.supply not in port.lines:
            raise LearnError(
                f"{port.name} does not carry {dialect.supply}, and each word begins with a reset: wire a line that "
                "switches the supply, or use a board"
            )
        self.name = f"port {port.name}"
        self.resets = 0
        self.device_s = 0.0
        self._alphabet, self._clock, self._tap = alphabet, clock, tap
        self._traits = traits_of(alphabet)
        self._letters = {letter.name: letter for letter in alphabet.letters}
        self._own = [line for line, driver in dialect.drivers.items() if driver is role and line in port.lines]
        self._port = GuardedTransport(port, SendGuard(dialect, role, allowed))
        self._probe: ProbeEnd | None = None
        self._driver: EngineDriver | None = None

    def reset(self) -> None:
        """Switch the supply and every line of ours off, and wait until the device has forgotten."""
        self.resets += 1
        self._rest()
        self._run_for(OFF_S)
        self._probe = ProbeEnd(self._alphabet, self._traits, self._port.lines)
        self._driver = EngineDriver(self._probe, self._port, self._clock, self._tap)

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
        """Leave the device without supply."""
        self._rest()

    def _rest(self) -> None:
        for line in reversed(self._own):
            self._port.send(DriveLine(line, False))
        self._port.send(SetBaudrate(self._alphabet.dialect.wiring.baudrates[0]))

    def _run_for(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            self._port.receive(left)
        self.device_s += seconds
