"""The session fuzzer: takes random steps, checks invariants of both ends, and keeps the shortest scenario of a break.

It is no rule-based state machine of hypothesis, because it takes ten times as many steps per second. Its scenarios are
text, so they can be shrunk and replayed without the fuzzer. A passive end takes its frames from a fault-free session.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import format_fault
from lensmount_emulator.fuzz.random_inputs import random_bytes, random_fault, random_flood, random_frame
from lensmount_emulator.fuzz.scenario import (
    MODES,
    Scenario,
    get_cached_roles,
    get_dialect,
    get_profile,
    get_traits,
    shrink_scenario,
)
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult, ScenarioRunner, check_reproducible, run_scenario
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError, MountError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import Burst, Role

SCRIPT_REPEATS = 2
"""Maximum number of kept frames of the same kind: the first ones, in their order."""


@cache
def sample_frames(dialect: str, role: Role) -> tuple[bytes, ...]:
    """Frames of an end in the order of a session, from the handshake to sleep and back; none without known profiles."""
    traits = get_traits(dialect)
    if not traits.bodies or not traits.lenses:
        return ()
    verbs = get_cached_roles(dialect).verbs
    rest = (verb for verb in ("sleep", "wake", "sleep") if verb in verbs)
    script = "; ".join((*filter(None, traits.scripts), *rest))
    session = run_loopback(get_profile(traits.bodies[0]), get_profile(traits.lenses[0]), script=script, seed=1)
    reader = FrameParser(session.dialect, role, session.dialect.payload_parser())
    kinds, frames = Counter[tuple[int, bytes]](), list[bytes]()
    for record in session.records:
        if isinstance(record, Burst) and record.sender is role:
            for frame in reader.receive(record.data):
                if isinstance(frame, Frame):
                    kind = frame.class_, frame.payload[:1]
                    kinds[kind] += 1
                    if kinds[kind] <= SCRIPT_REPEATS:
                        frames.append(frame.raw)
    return tuple(frames)


START_WAIT = "wait 1.2"
"""First step of a scenario of two engines: their start-up."""

STEPS_PER_SCENARIO = 400
"""Steps of a random scenario: a start-up and the time after it."""

WAITS_S = (0.0, 1e-5, 1e-4, 4e-4, 1e-3, 1e-3, 3e-3, 3e-3, 0.01, 0.02)
LONG_WAITS_S = (0.1, 0.3, 1.0)

OUT_OF_ORDER = 0.2
"""Share of frames of a passive end that are not the next one of a session."""

REPEAT_EVERY = 25
"""One in so many scenarios runs twice, and must give the same recording."""

MAX_BROKEN = 10
"""Maximum number of scenarios of different breaks; then the run ends."""

MakeStep = Callable[["StepGenerator"], str]


class StepGenerator:
    """Chooses steps for a scenario.

    Args:
        scenario: the profiles.
        random: source of random decisions.
    """

    def __init__(self, scenario: Scenario, random: Random) -> None:
        self.random = random
        self.dialect: Dialect = get_dialect(scenario.dialect)
        self.traits: FuzzTraits = get_traits(scenario.dialect)
        self.mode = scenario.mode
        self.passive_end = {"body": Role.LENS, "lens": Role.BODY}.get(scenario.mode)
        names, weights = zip(*STEP_MAKERS["both" if self.passive_end is None else "one"], strict=True)
        self._choices: tuple[MakeStep, ...] = names
        self._weights: tuple[int, ...] = weights
        self.frames = sample_frames(scenario.dialect, self.passive_end) if self.passive_end is not None else ()
        self._next_frame = 0
        self._lines = [line for line, role in self.dialect.drivers.items() if role is self.passive_end]

    def next(self) -> str:
        """Return a step."""
        return self.random.choices(self._choices, self._weights)[0](self)

    def next_frame(self) -> bytes:
        """Return a frame of the passive end: the next one of a session, or a random one of it."""
        if self.random.random() < OUT_OF_ORDER:
            self._next_frame = self.random.randrange(len(self.frames))
        self._next_frame += 1
        return self.frames[(self._next_frame - 1) % len(self.frames)]

    def random_line(self) -> str:
        """Return a line of the passive end."""
        return self.random.choice(self._lines)


def _wait(chooser: StepGenerator) -> str:
    random = chooser.random
    return f"wait {random.choice(LONG_WAITS_S if random.random() < 0.006 else WAITS_S) * random.choice((1, 1, 0.7)):g}"


def _noise(chooser: StepGenerator) -> str:
    role = chooser.passive_end or chooser.random.choice((*Role,))
    return f"send {role.value} {random_bytes(chooser.random, chooser.dialect, role).hex()}"


def _frame(chooser: StepGenerator) -> str:
    role = chooser.passive_end or chooser.random.choice((*Role,))
    return f"send {role.value} {random_frame(chooser.random, chooser.dialect, role).hex()}"


def _sample_frame(chooser: StepGenerator) -> str:
    """A plausible frame takes an end further than a random one."""
    if chooser.passive_end is None or not chooser.frames:
        return _frame(chooser)
    return f"send {chooser.passive_end.value} {chooser.next_frame().hex()}"


def _flood(chooser: StepGenerator) -> str:
    """More requests than can be answered at once, from the body."""
    if chooser.passive_end is Role.LENS:
        return _frame(chooser)
    return f"send {Role.BODY.value} {random_flood(chooser.random, chooser.dialect, Role.BODY).hex()}"


def _fault(chooser: StepGenerator) -> str:
    random = chooser.random
    fault: Fault = random_fault(random, chooser.dialect, random.choice((0.0, 0.0, 1e-4, 0.003)))
    if fault.NAME == "drift":
        # A clock drifts from the start or not at all.
        return _wait(chooser)
    return f"fault {random.randrange(10_000)} {format_fault(fault)}"


def _operate(chooser: StepGenerator) -> str:
    control_steps = chooser.traits.control_steps
    return (
        f"operate {chooser.random.choice(control_steps)}"
        if control_steps and chooser.passive_end is not Role.LENS
        else _wait(chooser)
    )


def _drive(chooser: StepGenerator) -> str:
    return f"drive {chooser.random_line()} {chooser.random.choice(('low', 'high'))}"


def _supply(chooser: StepGenerator) -> str:
    """A passive body switches the supply on more often than off."""
    if chooser.passive_end is not Role.BODY:
        return _drive(chooser)
    return f"drive {chooser.dialect.supply} {chooser.random.choice(('high', 'high', 'high', 'low'))}"


def _detach(_chooser: StepGenerator) -> str:
    return "detach"


def _attach(_chooser: StepGenerator) -> str:
    return "attach"


STEP_MAKERS: dict[str, tuple[tuple[MakeStep, int], ...]] = {
    "both": ((_wait, 700), (_noise, 120), (_frame, 60), (_flood, 4), (_fault, 40), (_operate, 60), (_detach, 2),
        (_attach, 18)),
    "one": ((_wait, 420), (_noise, 80), (_frame, 150), (_sample_frame, 120), (_flood, 6), (_fault, 8), (_operate, 30),
            (_drive, 180), (_supply, 20), (_detach, 1), (_attach, 1)),
}  # fmt: skip
"""Makers of steps, with their weights: for two engines, and with a passive end."""


@dataclass(slots=True)
class FuzzRun:
    """The result of many scenarios.

    Attributes:
        steps: steps that were executed.
        scenarios: scenarios that were run.
        broken: the shortest scenario of each kind of break, with its result.
        counts: kind of break -> number of scenarios.
        unplayable: scenarios of earlier runs with an unknown profile or step.
    """

    steps: int = 0
    scenarios: int = 0
    broken: list[ScenarioResult] = field(default_factory=lambda: list[ScenarioResult]())
    counts: Counter[str] = field(default_factory=lambda: Counter[str]())
    unplayable: int = 0


def random_scenario(dialect: str, random: Random, mode: str = "") -> Scenario:
    """Random profiles, without steps."""
    traits = get_traits(dialect)
    verbs = traits.verbs or ("",)
    script = "; ".join(random.choice(verbs) for _ in range(random.randint(0, 6)))
    return Scenario(
        dialect,
        random.choice(traits.bodies),
        random.choice(traits.lenses),
        mode or random.choices(MODES, (6, 1, 1))[0],
        script,
        random.randrange(1_000_000),
    )


def generate_scenario(scenario: Scenario, random: Random, steps: int) -> ScenarioResult:
    """Take random steps until a violation or up to a number of steps."""
    chooser, runner, taken = StepGenerator(scenario, random), ScenarioRunner(scenario), list[str]()
    if runner.passive_end is None:
        taken.append(START_WAIT)
        runner.execute(taken[-1])
    while len(taken) < steps and not runner.monitor.violations:
        taken.append(chooser.next())
        runner.execute(taken[-1])
    if not runner.monitor.violations:
        runner.close()
    return ScenarioResult(scenario.with_steps(taken), runner.monitor.violations, runner.executed, runner.records)


def fuzz_sessions(
    dialects: Iterable[str],
    steps: int,
    seed: int,
    *,
    mode: str = "",
    shrinks: bool = True,
    progress: Callable[[int], None] = lambda _steps: None,
    first: Iterable[Scenario] = (),
    found: Callable[[ScenarioResult], None] = lambda _outcome: None,
    shrinking: Callable[[ScenarioResult], None] = lambda _outcome: None,
    run: FuzzRun | None = None,
    profiles: Mapping[str, str] | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> FuzzRun:
    """Take so many steps, scenario by scenario.

    Args:
        dialects: the dialects, in turn.
        steps: steps to take in all.
        seed: seed of random decisions; the same seed gives the same scenarios.
        mode: which ends are engines; `""` for a random one.
        shrinks: whether to shrink a scenario that breaks an invariant.
        progress: called between scenarios with the number of steps so far.
        first: scenarios of earlier runs, which run first; their steps are not counted.
        found: called at once with each scenario that is kept because it breaks something new.
        shrinking: called with each scenario before it is shrunk, which takes many sessions.
        run: counts here, so that an interrupted run keeps its result; `None` for a new one.
        profiles: `body` and `lens` -> a profile, by name or path, that plays in every scenario; others are drawn.
        goes_on: called before each scenario but the first; whether there is one more.
    """
    run, names = run or FuzzRun(), tuple(dialects)
    for scenario in first:
        try:
            outcome = run_scenario(scenario)
        except MountError:
            run.unplayable += 1
        else:
            _record_outcome(run, outcome, found, shrinking if shrinks else None)
    while run.steps < steps and len(run.broken) < MAX_BROKEN and (not run.scenarios or goes_on()):
        random = Random(f"{seed} session {run.scenarios}")
        scenario = random_scenario(names[run.scenarios % len(names)], random, mode)
        named = profiles or {}
        scenario = replace(scenario, body=named.get("body", scenario.body), lens=named.get("lens", scenario.lens))
        outcome = generate_scenario(scenario, random, min(STEPS_PER_SCENARIO, max(1, steps - run.steps)))
        if run.scenarios % REPEAT_EVERY == 0 and not outcome.violations:
            outcome.violations.extend(check_reproducible(outcome))
        # A session that breaks before its first step counts as one, or a device that never starts is tried without end.
        run.steps += max(1, outcome.steps)
        run.scenarios += 1
        progress(run.steps)
        _record_outcome(run, outcome, found, shrinking if shrinks else None)
    return run


def _record_outcome(
    run: FuzzRun,
    outcome: ScenarioResult,
    found: Callable[[ScenarioResult], None],
    shrinking: Callable[[ScenarioResult], None] | None,
) -> None:
    """Count the break of a scenario, if any, and keep the first one of its kind; `None` leaves it long."""
    if not outcome.violations:
        return
    kind = violation_kind(outcome)
    run.counts[kind] += 1
    if run.counts[kind] == 1:
        kept = replace_breaks(outcome)
        try:
            if shrinking is not None:
                shrinking(kept)
                kept = shrink_outcome(kept)
        finally:
            # An interrupted shrink keeps the long scenario.
            run.broken.append(kept)
            found(kept)


def violation_kind(outcome: ScenarioResult) -> str:
    """The kind of a break: its text without numbers and bytes of frames."""
    violation = outcome.violations[0]
    text = re.sub(r"\(bytes [0-9a-f …]+\)", "#", violation.text)
    return f"{outcome.scenario.dialect}: {violation.invariant}: {re.sub(r'[0-9a-f]*[0-9][0-9a-f.]*', '#', text)}"


def replace_breaks(outcome: ScenarioResult) -> ScenarioResult:
    """The same result with the invariant that it broke in its scenario, without which a replay may not break it."""
    return replace(outcome, scenario=replace(outcome.scenario, breaks=outcome.violations[0].invariant))


def shrink_outcome(outcome: ScenarioResult) -> ScenarioResult:
    """The shortest scenario with the same break."""
    wanted, outcome = violation_kind(outcome), replace_breaks(outcome)
    long = outcome.scenario

    def breaks(candidate: Scenario) -> bool:
        try:
            tried = run_scenario(candidate)
        except FaultError:
            # A shorter text may stand for a fault that is not possible on this mount.
            return False
        return bool(tried.violations) and violation_kind(tried) == wanted

    return run_scenario(shrink_scenario(long, breaks)) if breaks(long) else outcome
