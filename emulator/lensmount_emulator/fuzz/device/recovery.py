"""The recovery sequence: listen, restart the session, cycle the power, ask an operator; each if the one before failed.

A device is well if it streams, and answers a known request correctly and in time. Its power is cycled by the port's own
supply, by a command, by its reference device, or by an operator.
"""

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lensmount_emulator.fuzz.device.session import DeviceSession
from lensmount_protocol.errors import TransportError
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import message_type

STREAM_FRAMES = 4
"""Number of consecutive frames that prove a stream."""

REPLY_TIMEOUT_S = 0.5
"""Seconds that a device has for a known request; twice the time of the slowest profile."""

STREAM_GAP_S = 0.25
"""Seconds that a stream has for its next frames."""

START_TIMEOUT_S = 2.5
"""Seconds from our handshake to the device's first frame; a device at another rate needs time to fall back."""

STREAM_TIMEOUT_S = 4.0
"""Seconds from our handshake to the device's stream."""

WELL = "well"
SILENT = "silent"
WRONG_REPLY = "wrong answer"


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """The limits of a healthy device.

    Attributes:
        answer: seconds for a known request.
        speaks: seconds from a handshake to the first frame.
        starts: seconds from there to the stream.
    """

    answer: float = REPLY_TIMEOUT_S
    speaks: float = START_TIMEOUT_S
    starts: float = STREAM_TIMEOUT_S


class HealthCheck:
    """Checks a device.

    Args:
        session: our end.
        limits: its limits.
    """

    def __init__(self, session: DeviceSession, limits: HealthLimits) -> None:
        self.session = session
        self.limits = limits
        self._expected: int | None = None

    def establish_session(self) -> bool:
        """Start a session from nothing; return whether the device streams and is well."""
        link = self.session
        link.start()
        before = link.stream
        if not link.run(self.limits.speaks, stop_when=lambda: bool(link.received_frames)):
            return False
        if not link.run(self.limits.starts, stop_when=lambda: link.stream - before >= STREAM_FRAMES):
            return False
        return self.health_check() == WELL

    def health_check(self) -> str:
        """`WELL`, `SILENT` or `WRONG_REPLY`."""
        link, probe = self.session, self.session.config.probe()
        if probe is None:
            before = link.stream
            timeout = max(STREAM_GAP_S, self.limits.answer)
            return WELL if link.run(timeout, stop_when=lambda: link.stream - before >= STREAM_FRAMES) else SILENT
        answer = link.request(probe, self.limits.answer)
        if answer is None:
            return SILENT
        number = message_type(answer)
        if self._expected is None:
            self._expected = number
        return WELL if number == self._expected and not isinstance(answer, UnknownMessage) else WRONG_REPLY

    def is_streaming(self) -> bool:
        """Whether the stream still runs; a device may have been ordered to stop it, and be well."""
        before = self.session.stream
        return self.session.run(STREAM_GAP_S, stop_when=lambda: self.session.stream > before)


COMMAND_TIMEOUT_S = 60.0
"""Seconds that a command may take."""

PowerCycle = Callable[[], bool]
"""Cycles the power; returns whether it did."""


@dataclass(frozen=True, slots=True)
class PowerCommand:
    """A command of the user that cycles the device's power: a relay, a switched USB port.

    Attributes:
        line: the command line for the shell.
    """

    line: str

    def __call__(self) -> bool:
        """Run it.

        Raises:
            TransportError: it fails, or takes too long.
        """
        try:
            came = subprocess.run(
                self.line,
                shell=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise TransportError(
                f"power-cycle command {self.line!r}: not done within {COMMAND_TIMEOUT_S:g} s"
            ) from None
        if came.returncode:
            text = came.stderr.decode(errors="replace").strip().splitlines()
            more = f": {text[-1]}" if text else ""
            raise TransportError(f"power-cycle command {self.line!r}: exit code {came.returncode}{more}")
        return True


RESYNCHRONISED = "resynchronised"
RESTARTED = "session restarted"
POWER_CYCLED = "power-cycled"
OPERATOR_HELPED = "helped by a person"
RECOVERY_STEPS = (RESYNCHRONISED, RESTARTED, POWER_CYCLED, OPERATOR_HELPED)

MAX_POWER_CYCLES = 3
"""Maximum number of power cycles in a row without success."""

SILENCE_S = 0.1
"""Seconds without bytes to the device, longer than any silence that ends a frame."""


@dataclass(slots=True)
class RecoverySequence:
    """Recovers a device.

    Attributes:
        health: checks it.
        cycle: cycles its power if the port cannot; `None` if nothing can.
        ask_operator: asks an operator to recover it, and returns whether one answered; `None` for no operator.
        cycles: remaining power cycles.
        spent: power cycles so far.
        step_counts: recovery step -> how often it helped.
    """

    health: HealthCheck
    cycle: PowerCycle | None = None
    ask_operator: PowerCycle | None = None
    cycles: int = 100
    spent: int = 0
    step_counts: Counter[str] = field(default_factory=lambda: Counter[str]())

    def recover(self) -> str:
        """Run the recovery steps until the device is well; return the step that helped, `""` without one.

        Raises:
            TransportError: the port was lost, or the power command failed.
        """
        for recovery_step, helps in (
            (RESYNCHRONISED, self.resynchronise),
            (RESTARTED, self.health.establish_session),
            (POWER_CYCLED, self.power_cycle),
        ):
            if helps():
                self.step_counts[recovery_step] += 1
                return recovery_step
        return OPERATOR_HELPED if self.wait_for_operator() else ""

    def wait_for_operator(self) -> bool:
        """Ask until the device is well, or no operator answers; return whether it is well."""
        while self.ask_operator is not None and self.ask_operator():
            if self.health.establish_session():
                self.step_counts[OPERATOR_HELPED] += 1
                return True
        return False

    def resynchronise(self) -> bool:
        """Send nothing for a while, so that a partial frame times out, and check the device again."""
        link = self.health.session
        if link.engine_gave_up:
            return False
        link.forget()
        link.run(link.config.dialect.idle_timeout * 1.5 + SILENCE_S)
        # A device that no longer sends by itself has at least lost the session.
        return bool(link.received_frames) and self.health.health_check() == WELL

    @property
    def can_cycle(self) -> bool:
        """Whether the power can be cycled, and cycles remain."""
        return (self.health.session.can_switch_power or self.cycle is not None) and self.spent < self.cycles

    def power_cycle(self) -> bool:
        """Cycle the power and start a session; return whether the device is well."""
        link = self.health.session
        for _ in range(MAX_POWER_CYCLES):
            if self.spent >= self.cycles:
                return False
            if link.can_switch_power:
                link.power_off()
            elif self.cycle is None or not self.cycle():
                return False
            self.spent += 1
            if self.health.establish_session():
                return True
        return False

    def new_session(self) -> bool:
        """Start a session from the handshake, with a power cycle if needed or if we control the power."""
        if not self.health.session.can_switch_power and self.health.establish_session():
            return True
        return self.power_cycle()
