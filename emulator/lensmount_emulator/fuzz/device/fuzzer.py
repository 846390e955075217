"""The device fuzzer: runs random and mutated cases, checks the device after each, and stores findings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.fuzz.device.corpus import SeedQueue
from lensmount_emulator.fuzz.device.executor import (
    BROKEN,
    CUT_SHORT,
    DEAD,
    TRANSIENT,
    CaseExecutor,
    ReproductionStats,
    classify,
    execute_steps,
)
from lensmount_emulator.fuzz.device.finding import DeviceFinding, FindingContext, RunLog, make_scenario
from lensmount_emulator.fuzz.device.generator import CaseGenerator, Steps, minimise, mutate_case
from lensmount_emulator.fuzz.device.observations import is_subset, make_signature
from lensmount_emulator.fuzz.device.recovery import WELL
from lensmount_protocol.errors import TransportError

MUTATION_SHARE = 0.5
"""Share of cases that are mutations of the corpus."""

AVOID_KNOWN_SHARE = 0.9
"""Maximum number of redraws of a case that is known to break the device."""

RECHECK_SHARE = 0.1
"""Share of breaks that look known and are checked as new ones nevertheless."""

REFERENCE_ATTEMPTS = 400

RECENT_CASES = 12
"""Maximum number of cases since the last new session that may contribute to a break."""

MAX_STEPS = 60


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a run.

    Attributes:
        seconds: time.
        cases: number of cases; `None` for as many as the time allows.
        repeats: runs that separate a certain break from an intermittent one.
        shrink_attempts: runs to minimise one scenario.
    """

    seconds: float = 60.0
    cases: int | None = None
    repeats: int = 3
    shrink_attempts: int = 24


@dataclass(slots=True)
class DeviceFuzzResult:
    """The result of a run.

    Attributes:
        cases: number of cases.
        seconds: its duration.
        ended: why it ended.
        unrecoverable: whether it ended because the device could not be recovered.
        findings: the findings.
        lost: sessions that the reference device would have lost too, or that were lost only once.
        transient: times that the device recovered by itself.
    """

    cases: int = 0
    seconds: float = 0.0
    ended: str = ""
    unrecoverable: bool = False
    findings: list[DeviceFinding] = field(default_factory=lambda: list[DeviceFinding]())
    lost: int = 0
    transient: int = 0


class DeviceFuzzer:
    """Searches for scenarios that break a device.

    Args:
        config: the configuration of the run.
        executor: runs scenarios on the device.
        twin: runs them on its reference device.
        corpus: the cases to mutate.
        run_log: stores everything on the disk.
        budget: the limits of the run.
        progress: called after each case with the result so far.
    """

    def __init__(
        self,
        config: DeviceFuzzConfig,
        executor: CaseExecutor,
        make_reference: Callable[[], CaseExecutor],
        corpus: SeedQueue,
        run_log: RunLog,
        budget: Budget,
        progress: Callable[[DeviceFuzzResult], None] = lambda _hunted: None,
    ) -> None:
        self.result = DeviceFuzzResult()
        self.config = config
        self.executor = executor
        self.corpus = corpus
        self.run_log = run_log
        self._make_reference = make_reference
        self._budget = budget
        self._progress = progress
        self._generator = CaseGenerator(config, executor.session.port.lines)
        self._random = Random(f"{config.seed} again")
        self._recent: list[Steps] = []
        self._began = executor.session.clock.now()

    def run(self) -> None:
        """Run until the time, the cases or the device are at an end; `result` is valid at any moment.

        Raises:
            TransportError: the device does not answer at the start, the port went away, or a command for power failed.
            CaptureError: a record cannot be written.
        """
        link, budget = self.executor.session, self._budget
        recovery = self.executor.recovery
        if not recovery.health.establish_session() and not recovery.power_cycle() and not recovery.wait_for_operator():
            recovered = "its bytes form no session" if link.received else "no bytes received"
            raise TransportError(
                f"{link.port.name}: the {self.config.device.value} does not start a session of "
                f"{self.config.dialect.name}: {recovered}; `lensmount doctor` examines a port"
            )
        self.run_log.set_context(self._context("under way"))
        try:
            while not self.result.ended:
                if link.clock.now() - self._began >= budget.seconds:
                    self.result.ended = "the time is over"
                elif budget.cases is not None and self.result.cases >= budget.cases:
                    self.result.ended = "all cases have run"
                else:
                    self._case()
                    self._progress(self.result)
        finally:
            self.result.seconds = link.clock.now() - self._began

    def _case(self) -> None:
        number = self.result.cases
        steps = self._next(Random(f"{self.config.seed} case {number}"))
        self.run_log.start_case(self.config, number, steps)
        self.result.cases += 1
        link, recovery = self.executor.session, self.executor.recovery
        played = execute_steps(link, steps)
        self.corpus.add(steps, played.traces)
        self._recent = [*self._recent, steps][-RECENT_CASES:]
        result = recovery.health.health_check()
        if result == WELL:
            if not recovery.health.is_streaming():
                # A step stopped the stream, and the device is well; responses while it streams are of more interest.
                self._restart_session()
            return
        count = len(self.result.findings)
        try:
            recovery_step = recovery.recover()
            kind = classify(result, recovery_step)
            if kind == TRANSIENT:
                self.result.transient += 1
            else:
                self._on_break(steps, kind, recovery_step)
        except BaseException:
            # A failed power command, a lost port, Ctrl-C: the responses so far are kept.
            if len(self.result.findings) == count and self._known(steps) is None:
                self._keep(steps, CUT_SHORT, "", ReproductionStats(), len(steps))
            raise

    def _next(self, random: Random) -> Steps:
        """Draw a case that does more than repeat known breaks."""
        steps: Steps = ()
        for _ in range(20):
            changes = self.corpus.cases and random.random() < MUTATION_SHARE
            steps = (
                mutate_case(self._generator, random, self.corpus.cases) if changes else self._generator.new_case(random)
            )
            if self._known(steps) is None or random.random() >= AVOID_KNOWN_SHARE:
                break
        return steps

    def _known(self, steps: Steps, kind: str = "") -> DeviceFinding | None:
        if not self.result.findings:
            return None
        signature = make_signature(self.config, steps)
        return next(
            (
                found
                for found in self.result.findings
                if (not kind or found.kind == kind) and is_subset(signature, found.signature)
            ),
            None,
        )

    def _on_break(self, steps: Steps, kind: str, recovery_step: str) -> None:
        before = self._whole_scenario()
        self._recent = []
        if not recovery_step:
            self._keep(steps, kind, recovery_step, ReproductionStats(), len(steps))
            self._give_up()
            return
        known = self._known(steps, kind)
        if known is not None and self._random.random() >= RECHECK_SHARE:
            known.repeated_cases += 1
            return
        if kind != DEAD and any(self._make_reference().run_once(tried) in BROKEN for tried in (steps, before)):
            # Its messages caused it: to sleep, to be silent, to listen at another rate.
            self.result.lost += 1
            if self.executor.recovery.health.health_check() != WELL:
                # During the runs on the reference device our end sent nothing to the device.
                self._restart_session()
            return
        self._confirm(steps, before, kind, recovery_step)
        self._restart_session()

    def _whole_scenario(self) -> Steps:
        """All steps since the last new session, as one scenario."""
        return tuple(step for case in self._recent for step in (*case, "wait 0.02"))[-MAX_STEPS:]

    def _confirm(self, steps: Steps, before: Steps, kind: str, recovery_step: str) -> None:
        """Repeat a break, alone or with the steps before it; minimise it if it repeats; store it."""
        budget = self._budget
        tries = self.executor.run_repeated(steps, budget.repeats, kind)
        first = len(steps)
        if not tries.breaks and len(before) > len(steps) + 1:
            longer = self.executor.run_repeated(before, budget.repeats, kind)
            if longer.breaks:
                steps, tries = before, longer
        if tries.breaks:
            whole, sure = steps, tries
            steps = self._minimise(steps, kind, tries)
            known = self._known(steps, kind)
            if known is not None and make_signature(self.config, steps) == known.signature:
                known.repeated_cases += 1
                return
            if steps != whole:
                tries = self.executor.run_repeated(steps, budget.repeats, kind)
                if not tries.breaks:
                    steps, tries = whole, sure
        elif kind != DEAD:
            self.result.lost += 1
            return
        self._keep(steps, kind, recovery_step, tries, first)

    def _minimise(self, steps: Steps, kind: str, tries: ReproductionStats) -> Steps:
        """The shortest scenario, found on the reference device if it breaks too and the device agrees."""
        if self._breaks_reference(steps, kind):
            shorter = minimise(
                self.config, steps, lambda tried: self._breaks_reference(tried, kind), REFERENCE_ATTEMPTS
            )
            if self.executor.run_repeated(shorter, self._budget.repeats, kind).breaks:
                return shorter
        times = 1 if tries.breaks == tries.attempts else self._budget.repeats

        def breaks(tried: Steps) -> bool:
            return self.executor.run_repeated(tried, times, kind).breaks > 0

        return minimise(self.config, steps, breaks, self._budget.shrink_attempts)

    def _breaks_reference(self, steps: Steps, kind: str) -> bool:
        return self._make_reference().run_once(steps) == kind

    def _keep(self, steps: Steps, kind: str, recovery_step: str, tries: ReproductionStats, first: int) -> None:
        twin = self._make_reference().run_once(steps) in BROKEN
        found = DeviceFinding(
            kind, steps, tries.text, recovery_step, twin, "", make_signature(self.config, steps), 0, first
        )
        context = self._context(kind, tries.text, recovery_step, twin=twin)
        scenario = make_scenario(self.config, steps, kind)
        self.result.findings.append(found)
        path = self.run_log.keep(scenario, context)
        if path is not None:
            found.file = str(path)

    def _context(self, kind: str, repeats: str = "", recovery_step: str = "", *, twin: bool = False) -> FindingContext:
        link, device = self.executor.session, self.config.device.value
        lines = tuple(sorted(link.port.lines))
        return FindingContext(
            device, link.port.name, lines, link.identity, kind, repeats, recovery_step, twin, link.allowed
        )

    def _restart_session(self) -> None:
        """Continue with a new session."""
        self._recent = []
        ready = self.executor.recovery.power_cycle() if self.executor.down else self.executor.recovery.new_session()
        self.executor.down = False
        if not ready and not self.executor.recovery.recover():
            self._give_up()

    def _give_up(self) -> None:
        recovery = self.executor.recovery
        spent = recovery.spent >= recovery.cycles
        why = "the power cycles are spent" if spent else "no operator is there to recover it"
        self.result.unrecoverable = True
        self.result.ended = f"the device does not recover, and {why}"
