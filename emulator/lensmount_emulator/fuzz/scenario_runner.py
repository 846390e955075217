"""Runs a scenario: a monitored session, and the effect of each step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.registry import parse_fault
from lensmount_emulator.firmware.engine import in_session_process
from lensmount_emulator.firmware.isolation import FirmwareDiedError, run_isolated
from lensmount_emulator.fuzz.invariants import check_session, find_refusal, recovery_failure, wait_for_recovery
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor, Violation
from lensmount_emulator.fuzz.scenario import (
    Scenario,
    current_scenario,
    get_cached_roles,
    get_profile,
    read_scenario,
    validate_scenario,
)
from lensmount_emulator.profiles.library import firmware_library
from lensmount_protocol.errors import FaultError, MountError, unknown_name_message
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import Burst, DriveLine, Role, SetBaudrate, Transmit, WireRecord

CHECK_EVERY = 16
"""Steps between two full checks."""

SCENARIO_DRAIN_S = 0.6
"""Seconds after the end of a fault in which its effects may last: delayed bytes, a released line."""

MAX_WAIT_S = 60.0
MAX_TIME_S = 300.0
"""Maximum virtual time of all waits of a scenario: 12 s of a processor."""

FORGET_S = 2.0
"""Seconds without input after which a lens is ready for a restarted body."""

CALL_S = 0.02
"""Seconds for which a body calls a lens by its line."""

HELLO_S = 0.1


@dataclass(slots=True)
class ScenarioResult:
    """The result of a scenario.

    Attributes:
        scenario: the scenario.
        violations: the violations, in the order of detection.
        steps: steps that were executed.
        records: every byte and edge.
    """

    scenario: Scenario
    violations: list[Violation]
    steps: int
    records: list[WireRecord] = field(repr=False)


def _discard(_record: WireRecord) -> None:
    """Record nothing."""


class ScenarioRunner:
    """A session that executes steps.

    Attributes:
        scenario: the profiles; its steps are ignored.
        monitor: the monitor of the session.
        records: every byte and edge so far.
        executed: steps that were executed.
    """

    def __init__(
        self,
        scenario: Scenario,
        make_monitor: Callable[[SessionConfig, Callable[[WireRecord], None]], SessionMonitor] = SessionMonitor,
    ) -> None:
        self.scenario = scenario
        self.records: list[WireRecord] = []
        validate_scenario(scenario)
        passive_end = {"body": Role.LENS, "lens": Role.BODY}.get(scenario.mode)
        config = SessionConfig(
            get_profile(scenario.body),
            get_profile(scenario.lens),
            scenario.script,
            scenario.seed,
            passive_end=passive_end,
        )
        self._make_monitor = make_monitor
        self.monitor = make_monitor(config, self.records.append)
        self.monitor.faulted = True
        self.passive_end = passive_end
        self.executed = 0
        self._quiet_at = 0.0
        self.monitor.run_guarded(self.monitor.session.start)

    def execute(self, step: str) -> bool:
        """Execute a step; return whether there is no violation after it.

        Raises:
            FaultError: an unknown or invalid step.
        """
        verb, _, rest = step.partition(" ")
        action = STEPS.get(verb)
        if action is None:
            raise FaultError(unknown_name_message("scenario step", verb, STEPS))
        try:
            call = action(self, rest)
        except (ValueError, KeyError) as error:
            raise FaultError(f"step {step!r} cannot be read: {error}") from None
        self.monitor.run_guarded(call)
        if verb != "wait":
            # Events at this instant are delivered before the step.
            self.monitor.run(self.monitor.now)
        self.executed += 1
        if self.executed % CHECK_EVERY == 0:
            self._check()
        return not self.monitor.violations

    def close(self) -> None:
        """End the scenario: all faults are over, and the ends must recover."""
        watch = self.monitor
        if self.passive_end is None and not watch.violations:
            watch.run_guarded(lambda: watch.session.attach_lens(watch.now))
            watch.run(max(watch.now, self._quiet_at))
            recovered = wait_for_recovery(watch, watch.traits.recovery_s)
            if not recovered and find_refusal(watch, lambda config: self._make_monitor(config, _discard)) is None:
                watch.report_violation("recovers", recovery_failure(watch, watch.traits.recovery_s))
        if self.passive_end is Role.BODY and not watch.violations and watch.traits.hello is not None:
            watch.run_guarded(self._restart_body)
        self._check()

    def _restart_body(self) -> None:
        """Restart the body without switching the lens off: the lens must answer the handshake, at the first rate."""
        watch, hello_type = self.monitor, self.monitor.traits.hello
        assert hello_type is not None
        watch.session.attach_lens(watch.now)
        watch.run(max(watch.now, self._quiet_at))
        select = watch.dialect.select_line(Role.BODY)
        if select:
            watch.mount.apply(Role.BODY, DriveLine(select, False))
        watch.mount.apply(Role.BODY, DriveLine(watch.dialect.supply, True))
        watch.run(watch.now + FORGET_S)
        if select:
            # A sleeping lens receives nothing, and keeps its rate, until its line calls it.
            watch.mount.apply(Role.BODY, DriveLine(select, True))
            watch.run(watch.now + CALL_S)
            watch.mount.apply(Role.BODY, DriveLine(select, False))
            watch.run(watch.now + FORGET_S)
        before, baudrate = len(self.records), watch.dialect.wiring.baudrates[0]
        watch.mount.apply(Role.BODY, SetBaudrate(baudrate))
        hello = watch.dialect.build_frame(hello_type().build(), watch.traits.hello_class, 0)
        watch.mount.apply(Role.BODY, Transmit(hello))
        watch.run(watch.now + HELLO_S)
        came = (record for record in self.records[before:] if isinstance(record, Burst) and record.sender is Role.LENS)
        reader = FrameParser(watch.dialect, Role.LENS, watch.dialect.payload_parser())
        events = reader.receive(b"".join(burst.data for burst in came if burst.baudrate == baudrate))
        if not any(isinstance(event, Frame) and watch.traits.is_hello_reply(event) for event in events):
            lens, asked = watch.session.lens, type(hello_type()).__name__
            watch.report_violation(
                "recovers",
                f"after {FORGET_S:g} s without a byte of the body, a lens in state {lens.connection.state} at "
                f"{lens.baudrate} Bd answers no {asked} at {baudrate} Bd within {HELLO_S:g} s, as a body that restarts "
                "sends it once; the supply was on",
            )

    def _check(self) -> None:
        if not self.monitor.crashed:
            check_session(self.monitor)

    def back_power(self, role: Role, action: DriveLine | Transmit) -> None:
        """Let the passive end back-power an end without supply; without faults, the mount must report it."""
        violations = self.monitor.mount.violations
        if role is not self.passive_end or self._quiet_at:
            return
        before = len(violations)
        self.monitor.mount.apply(role, action)
        if len(violations) == before:
            self.monitor.report_violation(
                "no back-powering", f"the mount lets the {role.value} back-power a lens without supply"
            )
        del violations[before:]

    def extend_fault_time(self, ends: float) -> None:
        """Extend the time in which faults act."""
        self._quiet_at = max(self._quiet_at, (self.monitor.now if ends == NEVER else ends) + SCENARIO_DRAIN_S)


Action = Callable[[], object]


def _wait(runner: ScenarioRunner, text: str) -> Action:
    seconds = float(text)
    if not 0 <= seconds <= MAX_WAIT_S:
        raise ValueError(f"a wait is from 0 to {MAX_WAIT_S:g} s")
    bench = runner.monitor.session
    if bench.now + seconds > MAX_TIME_S:
        raise ValueError(f"a scenario lasts at most {MAX_TIME_S:g} s")
    return lambda: bench.run(bench.now + seconds)


def _send(runner: ScenarioRunner, text: str) -> Action:
    """Send bytes at an end: as the passive end, or as a third party."""
    name, _, digits = text.partition(" ")
    role, data, watch = Role(name), bytes.fromhex(digits), runner.monitor
    mount = watch.mount

    def send() -> None:
        if role is Role.BODY or mount.levels[watch.dialect.supply]:
            if role is runner.passive_end:
                mount.apply(role, SetBaudrate(mount.baudrate(role.peer)))
            mount.apply(role, Transmit(data))
        else:
            runner.back_power(role, Transmit(data))

    return send


def _drive(runner: ScenarioRunner, text: str) -> Action:
    """Drive a line of the passive end."""
    line, _, level = text.partition(" ")
    watch = runner.monitor
    role, high = watch.dialect.drivers[line], {"low": False, "high": True}[level]
    if role is not runner.passive_end:
        raise ValueError(f"{line} is not driven by the passive end")

    def drive() -> None:
        if not high or role is Role.BODY or watch.mount.levels[watch.dialect.supply]:
            watch.mount.apply(role, DriveLine(line, high))
        elif line != watch.dialect.detect:
            runner.back_power(role, DriveLine(line, high))

    return drive


def _fault(runner: ScenarioRunner, text: str) -> Action:
    """Start a fault; the arguments are its seed and its text."""
    seed, _, items = text.partition(" ")
    fault = parse_fault(items)
    fault.check(runner.monitor.dialect)

    def add() -> None:
        runner.extend_fault_time(runner.monitor.mount.add(fault, seed).end_time)

    return add


def _operate(runner: ScenarioRunner, text: str) -> Action:
    """Operate a control of the lens."""
    bench = runner.monitor.session
    try:
        steps = parse_script(text, get_cached_roles(runner.monitor.dialect.name).lens_verbs)
    except MountError as error:
        raise ValueError(str(error)) from None

    def do() -> None:
        for step in steps:
            bench.operate_mount(step)

    return do


def _detach(runner: ScenarioRunner, _text: str) -> Action:
    return lambda: runner.monitor.session.detach_lens(runner.monitor.now)


def _attach(runner: ScenarioRunner, _text: str) -> Action:
    return lambda: runner.monitor.session.attach_lens(runner.monitor.now)


FRAME_TIMEOUT_S = 0.1


def _wait_frame(runner: ScenarioRunner, text: str) -> Action:
    """Wait for the next frame of an end's stream, for a limited time."""
    listener, watch = Role(text).peer, runner.monitor

    def wait_frame() -> None:
        before = watch.stream_frames[listener]
        watch.session.run(watch.now + FRAME_TIMEOUT_S, stop_when=lambda: watch.stream_frames[listener] > before)

    return wait_frame


STEPS: Mapping[str, Callable[[ScenarioRunner, str], Action]] = {
    "wait": _wait,
    "wait-frame": _wait_frame,
    "send": _send,
    "drive": _drive,
    "fault": _fault,
    "operate": _operate,
    "detach": _detach,
    "attach": _attach,
}
"""Verb of a step -> its parser: `wait 0.003`, `wait-frame lens`, `send lens f00b…`, `drive LENS_CS high`, `fault 7 drop
rate=0.1 until=0.2s`, `operate zoom 70`, `detach`, `attach`."""


def run_scenario(scenario: Scenario, *, closes: bool = True) -> ScenarioResult:
    """Run a scenario to its end or to a violation; twice if it broke `deterministic`.

    Args:
        scenario: the profiles, and the steps; the names of version 1 are read as well.
        closes: whether the ends must recover at the end.

    Raises:
        ProfileError: a profile is unknown.
        FaultError: a step is unknown or invalid.
    """
    scenario = current_scenario(scenario)
    library = scenario_firmware(scenario)
    if library and not in_session_process():
        try:
            return run_isolated(lambda _send: run_scenario(scenario, closes=closes), library)
        except FirmwareDiedError as error:
            return ScenarioResult(scenario, [Violation("firmware", error.fault.now, str(error))], 0, [])
    runner = ScenarioRunner(scenario)
    for step in scenario.steps:
        if not runner.execute(step):
            break
    if closes and not runner.monitor.violations:
        runner.close()
    outcome = ScenarioResult(scenario, runner.monitor.violations, runner.executed, runner.records)
    if scenario.breaks == "deterministic" and not outcome.violations:
        outcome.violations.extend(check_reproducible(outcome))
    return outcome


def scenario_firmware(scenario: Scenario) -> str:
    """Return the path of the firmware in a scenario; empty without one."""
    return next(
        (path for path in (firmware_library(get_profile(name)) for name in (scenario.lens, scenario.body)) if path), ""
    )


def check_reproducible(outcome: ScenarioResult) -> list[Violation]:
    """Run the scenario of a result again; return a violation if its recording differs."""
    again = run_scenario(replace(outcome.scenario, breaks="")).records
    if again == outcome.records:
        return []
    pairs = enumerate(zip(outcome.records, again, strict=False))
    number = next((at for at, (one, two) in pairs if one != two), min(len(again), len(outcome.records)))
    return [Violation("deterministic", 0.0, f"record {number} differs when the scenario runs again")]


def replay_scenario(path: Path) -> ScenarioResult:
    """Run the scenario in a file.

    Raises:
        CaptureError, FaultError, ProfileError: as `read_scenario` and `run_scenario`.
    """
    return run_scenario(read_scenario(path))
