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
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.fuzz.random_inputs import edge_frame
from lensmount_emulator.fuzz.scenario import Scenario, get_dialect, get_profile, get_traits
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult, ScenarioRunner
from lensmount_emulator.fuzz.session_fuzzer import START_WAIT, STEPS_PER_SCENARIO, StepGenerator, random_scenario
from lensmount_emulator.profiles.library import firmware_library
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

MAX_CORPUS = 400
"""Scenarios that a process keeps to continue from."""

EDGE_SHARE = 0.2
"""Share of the random steps that are frames with edge values."""

RESTART_SHARE = 0.3
"""Share of guided scenarios that switch the supply off and begin once more."""

RESTARTS_AT = (100, 200, 300)
RESTART = ("off", "wait 0.1", "on", "wait 0.6")
"""Places in a scenario of two ends at which half of them lose their supply for a moment, and the steps for it."""

RECORDED_SCRIPTS = 5
"""Random scripts among the sessions that guided scenarios begin with."""

RECORDED_S = 1.2
MAX_RECORDED_STEPS = 500
"""Virtual seconds of the sessions that guided scenarios begin with, and the steps that are kept of each."""

MAX_STATES = 1 << 16
"""Values of the state word that count as progress."""

SCENARIOS_PER_PROCESS = 2000
"""Scenarios after which a process is replaced, so that nothing that a firmware damaged lasts."""

_BEGIN, _DONE, _ERROR = 0, 1, 2
_HEAD = struct.Struct("<BI")


@dataclass(frozen=True, slots=True)
class FirmwareFuzzPlan:
    """What is fuzzed.

    Attributes:
        dialect: the dialect.
        lens: a firmware or the profile of a lens; empty for random ones of the dialect.
        body: the same of a body.
        mode: which ends are engines; empty: both, or the firmware alone.
        seed: seed of random decisions.
        jobs: number of processes.
        steps: steps in all; 0 for no limit.
        seconds: real seconds; 0 for no limit.
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
    guided: float = 0.5

    @property
    def library(self) -> str:
        """The path of the firmware."""
        return next((path for path in (firmware_library(get_profile(name)) for name in (self.lens, self.body) if name)
                     if path), "")  # fmt: skip

    def scenario(self, random: Random) -> Scenario:
        """Return random profiles and a random script, with the firmware in its place."""
        lens_is_firmware = bool(self.lens) and bool(firmware_library(get_profile(self.lens)))
        alone = "lens" if lens_is_firmware else "body"
        mode = self.mode or random.choice(("both", alone, alone))
        scenario = random_scenario(self.dialect, random, mode)
        return replace(scenario, lens=self.lens or scenario.lens, body=self.body or scenario.body)


@dataclass(slots=True)
class _Guide:
    """What the scenarios of one process have reached.

    Attributes:
        seen: coverage buckets so far.
        states: values of the state word so far.
        corpus: scenarios that reached something new.
    """

    seen: Any
    size: int
    states: set[int] = field(default_factory=lambda: set[int]())
    corpus: list[Scenario] = field(default_factory=lambda: list[Scenario]())

    def keep(self, scenario: Scenario) -> None:
        """Keep a scenario; the oldest but for the first ones makes room."""
        self.corpus.append(scenario)
        if len(self.corpus) > MAX_CORPUS:
            del self.corpus[MAX_CORPUS // 4]


def recorded_scenarios(plan: FirmwareFuzzPlan) -> list[Scenario]:
    """Return sessions of the firmware with our engine as scenarios: the engine's edges and bytes are the steps.

    They bring the firmware into its loop in few steps, where random steps alone come rarely.
    """
    random = Random(f"{plan.seed} recorded")
    template = plan.scenario(random)
    traits = get_traits(plan.dialect)
    verbs = traits.verbs or ("",)
    scripts = [*traits.scripts, *("; ".join(random.choices(verbs, k=6)) for _ in range(RECORDED_SCRIPTS))]
    role = Role.LENS if plan.lens and firmware_library(get_profile(plan.lens)) else Role.BODY
    found: list[Scenario] = []
    for script in scripts:
        session = run_loopback(template.body, template.lens, script=script, seed=plan.seed, seconds=RECORDED_S)
        steps = list(_steps_of(session.records, session.dialect, role.peer))
        found.append(replace(template, mode=role.value, script="", steps=tuple(steps[:MAX_RECORDED_STEPS])))
    return found


def _recorded(plan: FirmwareFuzzPlan) -> list[Scenario]:
    try:
        return run_isolated(lambda _send: recorded_scenarios(plan), plan.library)
    except FirmwareDiedError:
        # A firmware that ends its process in a plain session does so in the first scenarios too.
        return []


def _steps_of(records: Sequence[WireRecord], dialect: Dialect, sender: Role) -> Iterator[str]:
    """Yield the steps that repeat what one end did in a recording."""
    timed = [
        (record.at or 0.0, record)
        for record in records
        if (isinstance(record, Burst) and record.sender is sender)
        or (isinstance(record, Edge) and dialect.drivers.get(record.line) is sender)
    ]
    now = 0.0
    for at, record in sorted(timed, key=lambda item: item[0]):
        if at > now:
            yield f"wait {at - now:.6f}"
            now = at
        if isinstance(record, Burst):
            yield f"send {sender.value} {record.data.hex()}"
        else:
            yield f"drive {record.line} {'high' if record.level else 'low'}"


def _mutate(scenario: Scenario, random: Random) -> tuple[str, ...]:
    """Return the beginning of a kept scenario, changed in a few places."""
    steps = list(scenario.steps[: random.randrange(1, len(scenario.steps) + 1)])
    for _ in range(random.choice((0, 0, 1, 2, 4))):
        at = random.randrange(len(steps))
        change = random.randrange(3)
        if change == 0 and len(steps) > 1:
            del steps[at]
        elif change == 1:
            steps.insert(at, random.choice(scenario.steps))
        else:
            steps[at] = random.choice(scenario.steps)
    return tuple(steps)


def _next_step(chooser: StepGenerator, peer: Role) -> str:
    """Return a random step; some are frames with edge values from the peer of the firmware."""
    if chooser.random.random() < EDGE_SHARE:
        return f"send {peer.value} {edge_frame(chooser.random, chooser.dialect, peer).hex()}"
    return chooser.next()


def explore(
    scenario: Scenario, random: Random, steps: int, note: Callable[[str], None], guide: _Guide | None = None
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
    progress, forced = 0, list[str]()
    while len(taken) < steps and not runner.monitor.violations:
        if not forced and len(taken) in RESTARTS_AT and runner.passive_end is None and random.random() < 0.5:
            forced = list(RESTART)
        planned = forced if len(taken) >= len(first) else None
        step = first[len(taken)] if planned is None else planned.pop(0) if planned else _next_step(chooser, peer)
        taken.append(step)
        note(step)
        runner.execute(step)
        if guide is not None:
            for engine in engines:
                word = engine.state_word()
                if word not in guide.states and len(guide.states) < MAX_STATES:
                    guide.states.add(word)
                    progress = len(taken)
    if not runner.monitor.violations:
        runner.close()
    if guide is not None and engines:
        fresh = engines[0].library.shim.coverage(ctypes.addressof(guide.seen), guide.size)
        if fresh or progress:
            guide.keep(scenario.with_steps(taken if fresh else taken[:progress]))
    return ScenarioResult(scenario.with_steps(taken), runner.monitor.violations, runner.executed, runner.records)


# The process that runs scenarios.


def _run_worker(plan: FirmwareFuzzPlan, worker: int, first: int, send: int, corpus: Sequence[Scenario]) -> None:
    enter_session_process()

    def write(kind: int, item: object) -> None:
        _send(send, kind, item)

    shim = load_firmware(plan.library.partition("#")[0]).shim
    supply = get_dialect(plan.dialect).supply
    size = max(1, shim.counters())
    guide = _Guide((ctypes.c_uint8 * max(size, 1 << 14))(), max(size, 1 << 14))
    guide.corpus.extend(corpus)
    for number in range(first, first + SCENARIOS_PER_PROCESS):
        random = Random(f"{plan.seed} firmware {worker} {number}")
        scenario = plan.scenario(random)
        guided = bool(guide.corpus) and random.random() < plan.guided
        if guided:
            chosen = random.choice(guide.corpus)
            scenario = chosen.with_steps(_mutate(chosen, random))
            if scenario.mode == "lens" and corpus and random.random() < RESTART_SHARE:
                again = random.choice(corpus)
                if again.mode == "lens":
                    off = (f"drive {supply} low", "wait 0.01")
                    scenario = scenario.with_steps((*scenario.steps, *off, *again.steps[: random.randrange(60, 400)]))
        state = random.getstate()
        write(_BEGIN, (number, scenario, state))
        steps = STEPS_PER_SCENARIO if not guided else max(STEPS_PER_SCENARIO // 2, len(scenario.steps) + 60)
        before = len(guide.corpus)
        outcome = explore(scenario, random, steps, lambda _step: None, guide)
        kept = guide.corpus[-1] if len(guide.corpus) > before else None
        write(_DONE, (number, outcome.steps, outcome if outcome.violations else None, kept))
        if any(one.invariant in ("firmware", "no exception") for one in outcome.violations):
            return


def _send(descriptor: int, kind: int, item: object) -> None:
    data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
    data = _HEAD.pack(kind, len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass(slots=True)
class _Worker:
    """A process that runs scenarios, as the parent sees it."""

    number: int
    process: int = 0
    pipe: int = -1
    buffer: bytearray = field(default_factory=bytearray)
    at: int = 0
    scenario: Scenario | None = None
    state: Any = None
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
    """

    steps: int = 0
    scenarios: int = 0
    kept: int = 0
    elapsed_s: float = 0.0


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
    run, clock = run or FirmwareFuzzRun(), MonotonicClock()
    # Loaded once here, so that each process inherits it.
    load_firmware(plan.library.partition("#")[0])
    progress_page()
    get_traits(plan.dialect)
    workers = [_Worker(number, corpus=_recorded(plan)) for number in range(plan.jobs)]
    goes_on = True
    try:
        for worker in workers:
            _start(plan, worker)
        while goes_on:
            left = plan.seconds - clock.now() if plan.seconds else 1.0
            if left <= 0 or (plan.steps and run.steps >= plan.steps):
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
            _run_worker(plan, worker.number, worker.at, send, worker.corpus)
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
            worker.at, worker.scenario, worker.state = item
            worker.at += 1
        elif kind == _ERROR:
            raise item
        else:
            _, steps, outcome, kept = item
            worker.scenario = None
            run.steps += steps
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
            yield _outcome_of_death(plan, worker, status)
        _start(plan, worker)


def _outcome_of_death(plan: FirmwareFuzzPlan, worker: _Worker, status: int) -> ScenarioResult:
    """Run the scenario of a process that ended once more, to know the steps that it took."""
    scenario, state = worker.scenario, worker.state
    assert scenario is not None
    receive, send = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(receive)
            enter_session_process()
            random = Random()
            random.setstate(state)
            explore(scenario, random, STEPS_PER_SCENARIO, lambda step: _write_line(send, step))
        finally:
            os._exit(0)
    os.close(send)
    with open(receive, encoding="utf-8") as stream:
        taken = stream.read().splitlines()
    os.waitpid(process, 0)
    event, now_us = struct.unpack_from("<QQ", progress_page(), 0)
    fault = FirmwareFault(FaultKind.DIED, plan.library, describe_status(status), event, now_us * 1e-6)
    error = FirmwareDiedError(fault)
    return ScenarioResult(scenario.with_steps(taken), [Violation("firmware", fault.now, str(error))], len(taken), [])


def _write_line(descriptor: int, text: str) -> None:
    os.write(descriptor, f"{text}\n".encode())
