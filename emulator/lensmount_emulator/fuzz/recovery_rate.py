"""Measures the recovery rate: sessions with one random fault each; how many stream again or reach a final state.

One in ten sessions is free of faults: nothing may be missing in it, so both ends are checked more strictly.

Run as a program: `python -m lensmount_emulator.fuzz.recovery_rate --sessions 10000 --seed 1`.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.engine.observer import Notice, NoticeKind
from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.registry import FaultPlan, format_fault
from lensmount_emulator.fuzz.invariants import check_session, is_terminal, recovery_failure, wait_for_recovery
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor, Violation
from lensmount_emulator.fuzz.random_inputs import random_fault
from lensmount_emulator.fuzz.scenario import Scenario, fuzzed_dialects, get_dialect, get_profile, get_traits
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.wire import Annotation, AnnotationKind, Role

MAX_SESSION_S = 60.0
DRAIN_S = 0.1
MAX_STEPS = 5


class FaultFreeMonitor(SessionMonitor):
    """Monitors a session without faults.

    Both ends must change their rate together, and open a window for each frame. A script step that drives a part must
    not end before the part is idle.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._rates = dict[Role, int]()
        self._parted_at = 0.0
        self._opened_at: dict[Role, float | None] = dict.fromkeys(Role)
        self._step = ""
        super().__init__(config)

    def run_script(self) -> list[Violation]:
        """Run the script to its end; return the violations."""
        body = self.session.body
        self._rates = {role: self.mount.baudrate(role) for role in Role}
        self.run_guarded(self.session.start)
        self.run(MAX_SESSION_S, stop_when=lambda: body.done)
        self._ends_step()
        self.run(self.now + DRAIN_S)
        if not self.crashed:
            if not body.done or body.gave_up:
                self.report_violation(
                    "fault-free session", f"the script was not carried out; it stopped at {self._step!r}"
                )
            check_session(self)
        return self.violations

    def _on_notice(self, notice: Notice) -> None:
        super()._on_notice(notice)
        if notice.is_error:
            self.report_violation("fault-free session", f"the {notice.role.value}: {notice.text}")
        elif notice.role is Role.BODY and notice.kind is NoticeKind.SCRIPT_STEP:
            self._ends_step()
            self._step = notice.subject

    def _ends_step(self) -> None:
        rests = self.traits.idle_checks.get(self._step.partition(" ")[0])
        if rests is not None and not rests(self.session.lens):
            self.report_violation(
                "fault-free session", f"the body is done with {self._step!r}, and the lens still drives"
            )

    def _on_baudrate(self, role: Role, baudrate: int) -> None:
        parted = len({*self._rates.values()}) > 1
        self._rates[role] = baudrate
        part = len({*self._rates.values()}) > 1
        if part and not parted:
            self._parted_at = self.now
        elif parted and not part and self.now - self._parted_at > self.traits.baudrate_switch_s:
            lasted = (self.now - self._parted_at) * 1e3
            self.report_violation("fault-free session", f"for {lasted:.1f} ms the two ends use different rates")

    def _on_drive(self, role: Role, line: str, level: bool) -> None:
        super()._on_drive(role, line, level)
        if line == self.dialect.select_line(role):
            self._opened_at[role] = self.now if level else None

    def _on_tx(self, role: Role, data: bytes) -> None:
        super()._on_tx(role, data)
        opened, self._opened_at[role] = self._opened_at[role], None
        if opened is not None and self.now - opened > self.traits.window_lead_s:
            lasted = (self.now - opened) * 1e3
            self.report_violation(
                "fault-free session", f"the {role.value} sends in a window that it opened {lasted:.1f} ms before"
            )


def random_script(traits: FuzzTraits, random: Random) -> str:
    """A random script."""
    return "; ".join(random.choice(traits.verbs or ("",)) for _ in range(random.randint(0, MAX_STEPS)))


def random_fault_free(dialect: str, traits: FuzzTraits, random: Random) -> tuple[Scenario, frozenset[str]]:
    """A random pair of profiles with a script, and the lines that their ports lack."""
    scenario = Scenario(
        dialect, random.choice(traits.bodies), random.choice(traits.lenses), script=random_script(traits, random)
    )
    scenario = replace(scenario, seed=random.randrange(1_000_000))
    missing = (
        random.choice(traits.uncarried_lines)
        if traits.uncarried_lines and random.random() < REDUCED_SHARE
        else frozenset[str]()
    )
    return scenario, missing


REDUCED_SHARE = 0.4
"""Share of sessions over ports that do not carry every line."""


def monitor_fault_free(scenario: Scenario, missing: frozenset[str] = frozenset()) -> list[Violation]:
    """Run a session without a fault, with a monitor; return the violations."""
    config = SessionConfig(
        get_profile(scenario.body), get_profile(scenario.lens), scenario.script, scenario.seed, uncarried_lines=missing
    )
    came = FaultFreeMonitor(config).run_script()
    without = f", without {' and '.join(sorted(missing))}" if missing else ""
    return [violation._replace(text=violation.text + without) for violation in came]


def run_fault_free(scenario: Scenario) -> list[Violation]:
    """Run a session without a fault; return its defects: timing, script, reported errors."""
    session = run_loopback(
        get_profile(scenario.body), get_profile(scenario.lens), script=scenario.script or "wait 0.5", seed=scenario.seed
    )
    wrong = [
        f"{rule.rule.name}: {rule.violation_count} intervals out of bounds"
        for rule in session.timing
        if rule.violation_count
    ]
    wrong += [f"the {notice.role.value}: {notice.text}" for notice in session.notices if notice.is_error]
    remarks = [record for record in session.records if isinstance(record, Annotation)]
    wrong += [remark.text for remark in remarks if remark.kind is AnnotationKind.FRAMING_ERROR]
    wrong += session.violations
    if not session.finished:
        wrong.append("the script was not carried out")
    if not session.clean and not wrong:
        wrong.append(f"not clean: {session.tally.summary()}")
    return [Violation("fault-free session", session.seconds, text) for text in wrong]


def run_fault_free_sessions(dialect: str, sessions: int, seed: int) -> list[Violation]:
    """Run so many monitored sessions of a dialect; return the violations of the first one that has any."""
    for number in range(sessions):
        came = monitor_fault_free(
            *random_fault_free(dialect, get_traits(dialect), Random(f"{seed} {dialect} {number}"))
        )
        if came:
            return came
    return []


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
        failure = recovery_failure(watch, watch.traits.recovery_s)
        text = next((notice.text for notice in reversed(watch.notices)), "nothing")
        watch.report_violation("recovers", f"{failure}; last notice: {text}")
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
            violations = run_fault_free(scenario) + monitor_fault_free(scenario, missing)
            came.fault_free += not violations
            if violations:
                came.broken.append((case, violations))
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
    for case, violations in came.broken[:MAX_SHOWN]:
        print(f"lensmount loopback {case}")
        for violation in violations[:3]:
            print(f"    {violation.at:.4f} s, {violation.invariant}: {violation.text}")
    return 1 if came.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
