"""Runs a scenario on a device, or on its reference device, and classifies the result.

The steps of a device scenario need no virtual mount; each is a function of our end.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.fuzz.device.generator import Steps
from lensmount_emulator.fuzz.device.observations import ResponseTrace, trace_response
from lensmount_emulator.fuzz.device.recovery import (
    RESTARTED,
    RESYNCHRONISED,
    WELL,
    WRONG_REPLY,
    HealthCheck,
    HealthLimits,
    RecoverySequence,
)
from lensmount_emulator.fuzz.device.reference_device import MakeEngine, ReferenceDevice
from lensmount_emulator.fuzz.device.session import DeviceSession, ReceivedFrameInfo
from lensmount_protocol.errors import FaultError, unknown_name_message
from lensmount_protocol.wire import Role

SETTLE_S = 0.02
"""Seconds to listen after the last step of a case."""

FRAME_TIMEOUT_S = 0.1
"""Maximum seconds to wait for a frame of the device's stream."""

MAX_WAIT_S = 10.0


@dataclass(slots=True)
class ExecutionResult:
    """The result of a scenario.

    Attributes:
        traces: the responses on the wire.
        refused: why the send guard blocked bytes.
    """

    traces: set[ResponseTrace] = field(default_factory=lambda: set[ResponseTrace]())
    refused: list[str] = field(default_factory=lambda: list[str]())


def execute_steps(link: DeviceSession, steps: Sequence[str]) -> ExecutionResult:
    """Run steps in a running session.

    Raises:
        FaultError: a step is impossible on a device.
        TransportLostError, CaptureError: as `DeviceSession.run`.
    """
    played = ExecutionResult()
    for step in steps:
        verb, _, rest = step.partition(" ")
        action = STEPS.get(verb)
        if action is None:
            raise FaultError(unknown_name_message("device scenario step", verb, STEPS))
        try:
            action(link, rest, played)
        except (ValueError, KeyError) as error:
            raise FaultError(f"step {step!r} cannot be read: {error}") from None
    link.run(SETTLE_S)
    return played


def validate_step(setup: DeviceFuzzConfig, step: str) -> None:
    """Refuse a step that is impossible on a device.

    Raises:
        ValueError, KeyError: see above.
    """
    verb, _, rest = step.partition(" ")
    ARGUMENT_PARSERS[verb](setup, rest)


def _seconds(_setup: DeviceFuzzConfig, text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MAX_WAIT_S:
        raise ValueError(f"a wait is from 0 to {MAX_WAIT_S:g} s")
    return seconds


def _bytes(setup: DeviceFuzzConfig, text: str) -> bytes:
    name, _, digits = text.partition(" ")
    if Role(name) is not setup.role:
        raise ValueError(f"only the {setup.role.value} sends here")
    data = bytes.fromhex(digits)
    if not data:
        raise ValueError("it sends nothing")
    return data


def _level(setup: DeviceFuzzConfig, text: str) -> tuple[str, bool]:
    line, _, level = text.partition(" ")
    if setup.dialect.drivers[line] is not setup.role:
        raise ValueError(f"{line} is not ours")
    return line, {"low": False, "high": True}[level]


def _device(setup: DeviceFuzzConfig, text: str) -> Role:
    if Role(text) is not setup.device:
        raise ValueError(f"the device is a {setup.device.value}")
    return setup.device


ARGUMENT_PARSERS: Mapping[str, Callable[[DeviceFuzzConfig, str], object]] = {
    "wait": _seconds,
    "send": _bytes,
    "drive": _level,
    "wait-frame": _device,
}
"""Verb of a step -> parser of its arguments, which raises ValueError or KeyError for invalid ones."""


def _wait(link: DeviceSession, text: str, _played: ExecutionResult) -> None:
    link.run(_seconds(link.config, text))


def _send(link: DeviceSession, text: str, played: ExecutionResult) -> None:
    """Send bytes beside those of our engine; the responses to earlier bytes are evaluated first."""
    data = _bytes(link.config, text)
    state, began = link.engine.connection.state, link.clock.now()
    link.forget()
    reason = link.inject(data)
    if reason:
        played.refused.append(reason)
        return
    # Immediate responses are evaluated by themselves; later ones belong to this step and the following ones.
    link.run(REPLY_TIME_S, stop_when=lambda: any(_is_news(link, received) for received in link.received_frames))
    news: ReceivedFrameInfo | None = next(
        (received for received in link.received_frames if _is_news(link, received)), None
    )
    played.traces.add(trace_response(link.config, state, data, news, link.garbage, began))


def _is_news(link: DeviceSession, received: ReceivedFrameInfo) -> bool:
    return not received.legal or received.messages not in link.config.dialect.routine


REPLY_TIME_S = 0.004
"""Seconds to listen after bytes before the next step; most replies take less, and a case stays dense."""


def _drive(link: DeviceSession, text: str, _played: ExecutionResult) -> None:
    line, level = _level(link.config, text)
    link.drive(line, level=level)


def _wait_frame(link: DeviceSession, text: str, _played: ExecutionResult) -> None:
    """Wait for the next frame of the device's stream, so that the next bytes have a place within its frame period."""
    _device(link.config, text)
    before = link.stream
    link.run(FRAME_TIMEOUT_S, stop_when=lambda: link.stream > before)


STEPS: Mapping[str, Callable[[DeviceSession, str, ExecutionResult], None]] = {
    "wait": _wait,
    "send": _send,
    "drive": _drive,
    "wait-frame": _wait_frame,
}
"""Verb of a step -> function that runs it on a device."""


TRANSIENT = "stumbles"
LOST = "lost its session"
DEAD = "dead until its power is taken"
WRONG_REPLIES = "answers wrongly"
CUT_SHORT = "broken, and the run ended before it was known how"
UNKNOWN = "could not be brought to a session"
BROKEN = frozenset({LOST, DEAD, WRONG_REPLIES})
"""Results that are worth a file; a device that is only transiently disturbed recovers by itself."""


def classify(first_result: str, recovery_step: str) -> str:
    """Classify a device by its first response and by the recovery step that helped."""
    if first_result == WELL:
        return WELL
    if recovery_step == RESYNCHRONISED:
        return TRANSIENT
    if first_result == WRONG_REPLY:
        return WRONG_REPLIES
    return LOST if recovery_step == RESTARTED else DEAD


@dataclass(slots=True)
class ReproductionStats:
    """The result of several runs of one scenario.

    Attributes:
        attempts: number of runs.
        breaks: number of runs that broke the device in the expected way.
    """

    attempts: int = 0
    breaks: int = 0

    @property
    def text(self) -> str:
        """The result as text: `certain, 3 of 3`."""
        how = (
            "certain"
            if self.attempts and self.breaks == self.attempts
            else "intermittent"
            if self.breaks
            else "not repeated"
        )
        return f"{how}, {self.breaks} of {self.attempts}"


@dataclass(slots=True)
class CaseExecutor:
    """Runs scenarios.

    Attributes:
        config: the configuration of the run.
        recovery: checks the device and recovers it.
        down: whether the device is known to need a power cycle.
    """

    config: DeviceFuzzConfig
    recovery: RecoverySequence
    down: bool = field(default=False)

    @property
    def session(self) -> DeviceSession:
        """Our end."""
        return self.recovery.health.session

    def new_session(self, *, cold: bool = False) -> bool:
        """Start a new session of the device; return whether it succeeded.

        Args:
            cold: see `run_once`.

        Raises:
            TransportError: as `RecoverySequence.recover`.
        """
        cold = self.down or (cold and self.recovery.can_cycle)
        ready = self.recovery.power_cycle() if cold else self.recovery.new_session()
        self.down = self.down and not ready
        return ready

    def run_once(self, steps: Steps, *, cold: bool = False) -> str:
        """Bring the device to a new session, run the steps, and examine it.

        Returns:
            `WELL`, `TRANSIENT`, one of `BROKEN`, or `UNKNOWN`.

        Args:
            steps: the steps.
            cold: cycle its power first where possible, so that nothing is left of earlier runs.

        Raises:
            TransportError, CaptureError, FaultError: as `execute_steps` and `RecoverySequence.recover`.
        """
        if not self.new_session(cold=cold):
            return UNKNOWN
        execute_steps(self.session, steps)
        health = self.recovery.health
        result = health.health_check()
        if result == WELL:
            return WELL
        if self.recovery.resynchronise():
            return TRANSIENT
        if result == WRONG_REPLY:
            return WRONG_REPLIES
        self.down = not health.establish_session()
        return DEAD if self.down else LOST

    def run_repeated(self, steps: Steps, times: int, wanted: str) -> ReproductionStats:
        """Run the steps so often; stops early if the device cannot be recovered."""
        tries = ReproductionStats()
        for _ in range(times):
            came = self.run_once(steps, cold=wanted == DEAD)
            if came == UNKNOWN:
                break
            tries.attempts += 1
            tries.breaks += came == wanted
        return tries


def make_reference(
    config: DeviceFuzzConfig,
    lines: frozenset[str],
    limits: HealthLimits,
    make: MakeEngine | None = None,
    allowed: Iterable[str] = (),
) -> CaseExecutor:
    """Make the executor for the reference device, in virtual time; it receives only bytes that the device would."""
    twin = ReferenceDevice(config, lines, make)
    link = DeviceSession(config, twin, twin.clock, allowed=tuple(allowed))
    return CaseExecutor(config, RecoverySequence(HealthCheck(link, limits), twin.power_cycle, cycles=1_000_000))
