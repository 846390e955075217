"""Measures the recovery rate: sessions with one random fault each; how many stream again or reach a final state.

Run as a program: `python -m lensmount_emulator.fuzz.recovery_rate --sessions 10000 --seed 1`.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.registry import FaultPlan, format_fault
from lensmount_emulator.fuzz.fault_free import monitor_fault_free, random_fault_free, run_fault_free
from lensmount_emulator.fuzz.invariants import check_session, is_terminal, wait_for_recovery
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor, Violation
from lensmount_emulator.fuzz.random_inputs import random_fault
from lensmount_emulator.fuzz.scenario import fuzzed_dialects, get_dialect, get_profile, get_traits
from lensmount_hardware.clock import MonotonicClock

LATEST_FAULT_S = 2.5
"""A fault begins within this time: in the handshake, in the start-up, or while both stream."""

FAULT_FREE_EVERY = 10
"""One in so many sessions runs without a fault."""

MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RecoveryCase:
    """One session with one fault.

    Attributes:
        dialect: the dialect.
        body: profile of the body.
        lens: profile of the lens.
        script: the script of the body.
        fault: the fault, as text.
        seed: the seed of random decisions.
    """

    dialect: str
    body: str
    lens: str
    script: str
    fault: str
    seed: int

    def __str__(self) -> str:
        fault = f" --fault '{self.fault}'" if self.fault else ""
        return f"--body {self.body} --lens {self.lens} --do '{self.script}' --seed {self.seed}{fault}"


@dataclass(slots=True)
class RecoveryStats:
    """The result of many sessions.

    Attributes:
        sessions: number of sessions.
        streamed: those that stream again.
        ended: those that reached a legal final state instead.
        fault_free: those without a fault, in which nothing may be missing.
        broken: those with a violation, each with its violations.
        by_fault: name of a fault -> sessions with it.
    """

    sessions: int = 0
    streamed: int = 0
    ended: int = 0
    fault_free: int = 0
    broken: list[tuple[RecoveryCase, list[Violation]]] = field(
        default_factory=lambda: list[tuple[RecoveryCase, list[Violation]]]()
    )
    by_fault: Counter[str] = field(default_factory=lambda: Counter[str]())


def make_case(dialect: str, seed: int, number: int) -> tuple[RecoveryCase, FaultPlan]:
    """Make a session by its number."""
    random = Random(f"{seed} {dialect} {number}")
    traits = get_traits(dialect)
    fault = random_fault(random, get_dialect(dialect), random.random() * LATEST_FAULT_S)
    own = random.getrandbits(30)
    names = random.choice(traits.bodies), random.choice(traits.lenses), random.choice(traits.scripts)
    return RecoveryCase(dialect, *names, format_fault(fault), own), FaultPlan([fault], own)


def run_case(case: RecoveryCase, plan: FaultPlan) -> SessionMonitor:
    """Run a session until it has recovered, or its time is over."""
    config = SessionConfig(get_profile(case.body), get_profile(case.lens), case.script, case.seed, plan)
    watch = SessionMonitor(config)
    watch.run_guarded(watch.session.start)
    ends = plan.end_time
    assert ends != NEVER
    watch.run(ends)
    check_session(watch)
    if not wait_for_recovery(watch, watch.traits.recovery_s):
        engines = watch.session.body, watch.session.lens
        states = ", ".join(f"{engine.role.value} {engine.connection.state}" for engine in engines)
        text = next((notice.text for notice in reversed(watch.notices)), "nothing")
        watch.report_violation("recovers", f"not within {watch.traits.recovery_s:g} s: {states}; last notice: {text}")
    check_session(watch)
    return watch


def run_cases(dialects: Iterable[str], sessions: int, seed: int, first: int = 0) -> RecoveryStats:
    """Run so many sessions, with the dialects in turn."""
    came, names = RecoveryStats(), tuple(dialects)
    for number in range(first, first + sessions):
        case, plan = make_case(names[number % len(names)], seed, number)
        came.sessions += 1
        if number // len(names) % FAULT_FREE_EVERY == 0:
            scenario, missing = random_fault_free(case.dialect, get_traits(case.dialect), Random(case.seed))
            case = replace(
                case, body=scenario.body, lens=scenario.lens, script=scenario.script, fault="", seed=scenario.seed
            )
            complaints = run_fault_free(scenario) + monitor_fault_free(scenario, missing)
            came.fault_free += not complaints
            if complaints:
                came.broken.append((case, complaints))
            continue
        watch = run_case(case, plan)
        came.by_fault[plan.faults[0].NAME] += 1
        if watch.violations:
            came.broken.append((case, watch.violations))
        elif is_terminal(watch):
            came.ended += 1
        else:
            came.streamed += 1
    return came


def main() -> int:
    """Run sessions, and print the result; return 1 after a violation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sessions (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the statistics as one JSON object")
    options = parser.parse_args()
    clock = MonotonicClock()
    came = run_cases(fuzzed_dialects(), options.sessions, options.seed, options.first)
    right = came.streamed + came.ended + came.fault_free
    figures = {"sessions": came.sessions, "stream again": came.streamed, "declared end": came.ended,
               "clean without one": came.fault_free,
               "broken": len(came.broken), "seconds": round(clock.now(), 1)}  # fmt: skip
    if options.json:
        print(json.dumps(figures))
    else:
        print(", ".join(f"{what} {count}" for what, count in figures.items()))
        print(f"{100 * right / max(1, came.sessions):.2f} % recovered; faults: {dict(sorted(came.by_fault.items()))}")
    for case, complaints in came.broken[:MAX_SHOWN]:
        print(f"lensmount loopback {case}")
        for complaint in complaints[:3]:
            print(f"    {complaint.at:.4f} s, {complaint.invariant}: {complaint.text}")
    return 1 if came.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
