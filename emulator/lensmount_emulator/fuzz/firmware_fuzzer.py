"""The fuzzer of firmware: random scenarios and scenarios guided by coverage, by turns, in processes of their own.

Half of the scenarios are random. The other half continues a scenario that reached something new: a coverage counter of
a library that is built with them, or a value of the firmware's own state word. A process that ends, or in which a
firmware faulted, is replaced; the scenario that it ran is the finding.
"""

import ctypes
import os
import pickle
import select
import signal
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from lensmount_emulator.firmware.engine import FirmwareEngine, enter_session_process, progress_page
from lensmount_emulator.firmware.fault import FaultKind, FirmwareFault
from lensmount_emulator.firmware.isolation import FirmwareDiedError, describe_status, run_isolated
from lensmount_emulator.firmware.library import load_firmware
from lensmount_emulator.fuzz.firmware_guide import MAX_CORPUS, MAX_PROBES, Guide, Journal
from lensmount_emulator.fuzz.firmware_inputs import (
    RESTART,
    ScenarioMutator,
    operation,
    recorded_messages,
    recorded_scenarios,
)
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.fuzz.scenario import Scenario, get_dialect, get_profile, get_traits
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult, ScenarioRunner, run_scenario
from lensmount_emulator.fuzz.session_fuzzer import START_WAIT, STEPS_PER_SCENARIO, StepGenerator, random_scenario
from lensmount_emulator.profiles.library import firmware_library
from lensmount_hardware.clock import MonotonicClock, ProcessorClock
from lensmount_protocol.wire import Role

EDGE_SHARE = 0.2
"""Share of the random steps that are frames with edge values."""

NOISE_SHARE = 0.04
"""Share of them that are such a frame in one run with damaged bytes before it."""

SWEEP_SHARE = 0.004
"""Share of them that send one message many times."""

MAX_GUIDED_STEPS = 3000
"""Steps of a scenario that is continued."""

RESTART_SHARE = 0.3
"""Share of guided scenarios that switch the supply off and begin once more."""

RESTARTS_AT = (100, 200, 300)
"""Places in a scenario of two ends at which half of them lose their supply for a moment."""

OPERATION_SHARE = 0.3
"""Share of the scenarios without guidance that are the usual operation at length, if both ends may be engines."""

GUIDED_STEPS = 100
"""Random steps after the steps of a scenario that is continued."""

SCENARIOS_PER_PROCESS = 2000
"""Scenarios after which a process is replaced, so that nothing that a firmware damaged lasts."""

_BEGIN, _DONE, _ERROR = 0, 1, 2
_HEAD = struct.Struct("<BI")


@dataclass(frozen=True, slots=True)
class FirmwareFuzzPlan:
    """What is fuzzed.

    Attributes:
        dialect: the dialect.
        lens: a firmware or the profile of a lens; empty for random ones of the dialect. One end is a firmware.
        body: the same of a body.
        mode: which ends are engines; empty: both, or the firmware alone.
        seed: seed of random decisions.
        jobs: number of processes.
        steps: steps in all; 0 for no limit.
        seconds: real seconds; 0 for no limit.
        processor_s: seconds of a processor, of all processes together; 0 for no limit.
        guided: share of scenarios that are guided.
    """

    dialect: str
    lens: str = ""
    body: str = ""
    mode: str = ""
    seed: int = 1
    jobs: int = 1
    steps: int = 0
    seconds: float = 0.0
    processor_s: float = 0.0
    guided: float = 0.5

    @property
    def role(self) -> Role:
        """The end of the firmware."""
        return Role.LENS if self.lens and firmware_library(get_profile(self.lens)) else Role.BODY

    @property
    def library(self) -> str:
        """The path of the firmware."""
        return next((path for path in (firmware_library(get_profile(name)) for name in (self.lens, self.body) if name)
                     if path), "")  # fmt: skip

    def scenario(self, random: Random) -> Scenario:
        """Return random profiles and a random script, with the firmware in its place."""
        mode = self.mode or random.choice(("both", self.role.value, self.role.value))
        scenario = random_scenario(self.dialect, random, mode)
        return replace(scenario, lens=self.lens or scenario.lens, body=self.body or scenario.body)


def _recorded(plan: FirmwareFuzzPlan) -> list[Scenario]:
    template = plan.scenario(Random(f"{plan.seed} recorded"))
    try:
        return run_isolated(lambda _send: recorded_scenarios(template, plan.role), plan.library)
    except FirmwareDiedError:
        # A firmware that ends its process in a plain session does so in the first scenarios too.
        return []


def _next_steps(chooser: StepGenerator, mutator: ScenarioMutator) -> list[str]:
    """Return one or more random steps; some are messages with edge values, or long runs of messages."""
    kind = chooser.random.random()
    if kind < EDGE_SHARE:
        return mutator.message()
    if kind < EDGE_SHARE + NOISE_SHARE:
        return mutator.after_noise()
    if kind > 1 - SWEEP_SHARE and chooser.passive_end is not None:
        return mutator.sweep()
    return [chooser.next()]


def explore(
    scenario: Scenario, random: Random, steps: int, note: Callable[[str], None], guide: Guide | None = None
) -> ScenarioResult:
    """Run the steps of a scenario and random ones after them, until a violation or up to a number of steps.

    Args:
        scenario: the profiles, and the first steps.
        random: source of the further steps.
        steps: steps in all.
        note: called with each step before it is executed.
        guide: what was reached; `None` for a scenario without guidance.
    """
    runner, taken = ScenarioRunner(scenario), list[str]()
    peer = Role.BODY if firmware_library(get_profile(scenario.lens)) else Role.LENS
    chooser = StepGenerator(scenario, random)
    first = list(scenario.steps) or ([START_WAIT] if runner.passive_end is None else [])
    engines = [
        one for one in (runner.monitor.session.lens, runner.monitor.session.body) if isinstance(one, FirmwareEngine)
    ]
    mutator = ScenarioMutator(
        chooser.dialect,
        peer,
        random,
        can_drive=runner.passive_end is peer,
        recorded=guide.recorded if guide is not None else {},
    )
    ahead, progress, probes = list[str](), 0, MAX_PROBES if guide is not None and runner.passive_end is peer else 0
    first.reverse()
    rarest = 0
    while len(taken) < steps and not runner.monitor.violations:
        if not first and not ahead:
            may_restart = len(taken) in RESTARTS_AT and runner.passive_end is None
            ahead = list(RESTART) if may_restart and random.random() < 0.5 else _next_steps(chooser, mutator)
        step = ahead.pop(0) if ahead else first.pop()
        taken.append(step)
        note(step)
        runner.execute(step)
        if guide is not None:
            for engine in engines:
                word = engine.state_word()
                if guide.visit(word):
                    progress, rarest = len(taken), word
                if probes and not ahead and guide.wants_probe(word, random):
                    # Every input in a state that was seldom tried: what is wrong in one state only shows there.
                    probes, ahead = probes - 1, mutator.every_input()
                    steps += len(ahead)
    if not runner.monitor.violations:
        runner.close()
    if guide is not None and engines:
        fresh = engines[0].library.shim.coverage(ctypes.addressof(guide.seen), guide.size)
        if fresh or progress:
            guide.keep(scenario.with_steps(taken if fresh else taken[:progress]), rarest)
    return ScenarioResult(scenario.with_steps(taken), runner.monitor.violations, runner.executed, runner.records)


# The process that runs scenarios.


def _run_worker(
    plan: FirmwareFuzzPlan,
    worker: int,
    first: int,
    send: int,
    recorded: Sequence[Scenario],
    corpus: Sequence[Scenario],
    journal: Journal,
) -> None:
    enter_session_process()

    def write(kind: int, item: object) -> None:
        _send(send, kind, item)

    shim = load_firmware(plan.library.partition("#")[0]).shim
    supply, clock = get_dialect(plan.dialect).supply, ProcessorClock()
    size = max(1, shim.counters())
    guide = Guide((ctypes.c_uint8 * max(size, 1 << 14))(), max(size, 1 << 14))
    guide.recorded = recorded_messages(recorded, get_dialect(plan.dialect), plan.role.peer)
    for one in (*recorded, *corpus):
        # A recorded session has the steps of the peer, so it has no place beside the peer's engine.
        if plan.mode in ("", one.mode):
            guide.keep(one)
    for number in range(first, first + SCENARIOS_PER_PROCESS):
        random = Random(f"{plan.seed} firmware {worker} {number}")
        scenario = plan.scenario(random)
        further = STEPS_PER_SCENARIO
        if guide.corpus and random.random() < plan.guided:
            scenario, further = _continued(plan.role.peer, guide, random, recorded, supply), GUIDED_STEPS
        elif plan.mode in ("", "both") and random.random() < OPERATION_SHARE:
            scenario, further = operation(scenario, random), 0
        steps = len(scenario.steps) + further
        write(_BEGIN, (number, scenario))
        journal.begin()
        guide.fresh, began = None, clock.now()
        outcome = explore(scenario, random, steps, journal.note, guide)
        used = clock.now() - began
        write(_DONE, (outcome.steps, used, outcome if outcome.violations else None, guide.fresh))
        if any(one.invariant in ("firmware", "no exception") for one in outcome.violations):
            return


def _continued(sender: Role, guide: Guide, random: Random, recorded: Sequence[Scenario], supply: str) -> Scenario:
    """Return a scenario that reached something new, changed; some lose their supply and begin once more."""
    chosen = guide.choose(random)
    mutator = ScenarioMutator(
        get_dialect(chosen.dialect), sender, random, can_drive=chosen.mode != "both", recorded=guide.recorded
    )
    steps = mutator.change(chosen.steps)
    if chosen.mode == "lens" and recorded and random.random() < RESTART_SHARE:
        steps += [f"drive {supply} low", "wait 0.01", *mutator.change(random.choice(recorded).steps)]
    return chosen.with_steps(steps[:MAX_GUIDED_STEPS])


def _send(descriptor: int, kind: int, item: object) -> None:
    data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
    data = _HEAD.pack(kind, len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass(slots=True)
class _Worker:
    """A process that runs scenarios, as the parent sees it."""

    number: int
    recorded: Sequence[Scenario] = ()
    process: int = 0
    pipe: int = -1
    buffer: bytearray = field(default_factory=bytearray)
    at: int = 0
    scenario: Scenario | None = None
    journal: Journal = field(default_factory=Journal)
    corpus: list[Scenario] = field(default_factory=lambda: list[Scenario]())

    def messages(self) -> Iterator[tuple[int, Any]]:
        """Yield the messages that have arrived completely."""
        while len(self.buffer) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self.buffer)
            if len(self.buffer) < _HEAD.size + size:
                return
            # These bytes come from our own fork.
            item = pickle.loads(bytes(self.buffer[_HEAD.size : _HEAD.size + size]))
            del self.buffer[: _HEAD.size + size]
            yield kind, item


@dataclass(slots=True)
class FirmwareFuzzRun:
    """The result of a run.

    Attributes:
        steps: steps that were executed.
        scenarios: scenarios that were run.
        kept: scenarios that reached something new.
        elapsed_s: real seconds.
        processor_s: seconds of a processor in finished scenarios, of all processes together.
    """

    steps: int = 0
    scenarios: int = 0
    kept: int = 0
    elapsed_s: float = 0.0
    processor_s: float = 0.0


def fuzz_firmware(
    plan: FirmwareFuzzPlan,
    found: Callable[[ScenarioResult], bool],
    progress: Callable[[int], None] = lambda _steps: None,
    run: FirmwareFuzzRun | None = None,
) -> FirmwareFuzzRun:
    """Run scenarios until a limit of the plan, or until `found` returns false.

    Args:
        plan: what is fuzzed.
        found: receives each scenario that breaks something; returns whether to go on.
        progress: receives the number of steps so far.
        run: counts here, so that an interrupted run keeps its result.
    """
    run = run or FirmwareFuzzRun()
    # Loaded once here, so that each process inherits it.
    load_firmware(plan.library.partition("#")[0])
    progress_page()
    get_traits(plan.dialect)
    recorded = _recorded(plan)
    workers = [_Worker(number, recorded) for number in range(plan.jobs)]
    goes_on, clock = True, MonotonicClock()
    try:
        for worker in workers:
            _start(plan, worker)
        while goes_on:
            left = plan.seconds - clock.now() if plan.seconds else 1.0
            if left <= 0 or 0 < plan.steps <= run.steps or 0 < plan.processor_s <= run.processor_s:
                break
            ready, _, _ = select.select([worker.pipe for worker in workers], [], [], min(left, 0.5))
            for worker in workers:
                if goes_on and worker.pipe in ready:
                    for outcome in _receive(plan, worker, run):
                        goes_on = goes_on and found(outcome)
            progress(run.steps)
    finally:
        for worker in workers:
            _stop(worker)
        run.elapsed_s = clock.now()
    return run


def _start(plan: FirmwareFuzzPlan, worker: _Worker) -> None:
    receive, send = os.pipe()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.close(receive)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _run_worker(plan, worker.number, worker.at, send, worker.recorded, worker.corpus, worker.journal)
            code = 0
        except BrokenPipeError:
            pass
        except Exception as error:
            # A defect of ours, and no finding: the caller raises it.
            _send(send, _ERROR, error)
        finally:
            os._exit(code)
    os.close(send)
    worker.process, worker.pipe, worker.scenario = process, receive, None
    worker.buffer.clear()


def _stop(worker: _Worker) -> None:
    if worker.process:
        with suppress(ProcessLookupError):
            os.kill(worker.process, signal.SIGKILL)
        os.waitpid(worker.process, 0)
        os.close(worker.pipe)
        worker.process = 0


def _receive(plan: FirmwareFuzzPlan, worker: _Worker, run: FirmwareFuzzRun) -> Iterator[ScenarioResult]:
    """Take the messages of a process; replace it at its end."""
    data = os.read(worker.pipe, 1 << 20)
    worker.buffer += data
    for kind, item in worker.messages():
        if kind == _BEGIN:
            worker.at, worker.scenario = item
            worker.at += 1
        elif kind == _ERROR:
            raise item
        else:
            steps, used, outcome, kept = item
            worker.scenario = None
            run.steps += max(1, steps)
            run.processor_s += used
            run.scenarios += 1
            if kept is not None:
                run.kept += 1
                worker.corpus.append(kept)
                del worker.corpus[: len(worker.corpus) - MAX_CORPUS]
            if outcome is not None:
                yield outcome
    if not data:
        _, status = os.waitpid(worker.process, 0)
        os.close(worker.pipe)
        worker.process = 0
        if worker.scenario is not None:
            outcome = _outcome_of_death(plan, worker, status)
            # Counted here, since the process did not report it: a firmware that never starts is not tried without end.
            run.steps += max(1, outcome.steps)
            run.scenarios += 1
            yield outcome
        _start(plan, worker)


def _outcome_of_death(plan: FirmwareFuzzPlan, worker: _Worker, status: int) -> ScenarioResult:
    """Return the scenario of a process that ended, with the steps that it took, which it kept in shared memory."""
    assert worker.scenario is not None
    scenario = worker.scenario.with_steps(worker.journal.steps())
    try:
        again = run_isolated(lambda _send: run_scenario(scenario), plan.library)
    except FirmwareDiedError as error:
        return ScenarioResult(scenario, [Violation("firmware", error.fault.now, str(error))], len(scenario.steps), [])
    if again.violations:
        return again
    fault = FirmwareFault(FaultKind.DIED, plan.library, describe_status(status), 0, 0.0)
    text = f"{fault.line()}, and not when the scenario runs again"
    return ScenarioResult(scenario, [Violation("firmware", 0.0, text)], len(scenario.steps), [])
