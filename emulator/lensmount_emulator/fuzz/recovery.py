"""The recovery figure: sessions with one fault by chance each; how many stream again or come to a declared end.

Run as a program: `python -m lensmount_emulator.fuzz.recovery --sessions 10000 --seed 1`.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.faults.registry import text_of
from lensmount_emulator.fuzz.chance import any_fault
from lensmount_emulator.fuzz.invariants import check, declared_end, recovers
from lensmount_emulator.fuzz.plain import any_plain, run_plain, watch_plain
from lensmount_emulator.fuzz.traits import dialect_of, fuzzed_dialects, profile, traits_of
from lensmount_emulator.fuzz.watch import Complaint, Players, Watch
from lensmount_hardware.clock import MonotonicClock

LATEST_S = 2.5
"""A fault begins within this of the start: in the handshake, in the greeting, or while both stream."""

PLAIN = 10
"""Of so many sessions, one goes without a fault."""

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One session with one fault.

    Attributes:
        dialect: what is spoken.
        body: profile of the body.
        lens: profile of the lens.
        script: what the body does.
        fault: what goes wrong, as text.
        seed: where all chance comes from.
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
class Recovery:
    """What many sessions came to.

    Attributes:
        sessions: how many.
        streamed: those that stream again.
        ended: those that came to a declared end instead.
        plain: those without a fault, in which nothing at all may be wanting.
        broken: those in which anything was wrong, each with what it was.
        by_fault: name of a fault -> sessions with it.
    """

    sessions: int = 0
    streamed: int = 0
    ended: int = 0
    plain: int = 0
    broken: list[tuple[Case, list[Complaint]]] = field(default_factory=lambda: list[tuple[Case, list[Complaint]]]())
    by_fault: Counter[str] = field(default_factory=lambda: Counter[str]())


def case_of(dialect: str, seed: int, number: int) -> tuple[Case, Plan]:
    """A session by its number."""
    random = Random(f"{seed} {dialect} {number}")
    traits = traits_of(dialect)
    fault = any_fault(random, dialect_of(dialect), random.random() * LATEST_S)
    own = random.getrandbits(30)
    names = random.choice(traits.bodies), random.choice(traits.lenses), random.choice(traits.scripts)
    return Case(dialect, *names, text_of(fault), own), Plan([fault], own)


def run_case(case: Case, plan: Plan) -> Watch:
    """Play a session until it has recovered, or has not in its time."""
    players = Players(profile(case.body), profile(case.lens), case.script, case.seed, plan)
    watch = Watch(players)
    watch.attempt(watch.bench.start)
    ends = plan.ends
    assert ends != NEVER
    watch.run(ends)
    check(watch)
    if not recovers(watch, watch.traits.recovers):
        engines = watch.bench.body, watch.bench.lens
        states = ", ".join(f"{engine.role.value} {engine.connection.state}" for engine in engines)
        said = next((notice.text for notice in reversed(watch.notices)), "nothing")
        watch.complain("recovers", f"not within {watch.traits.recovers:g} s: {states}; last said: {said}")
    check(watch)
    return watch


def run_cases(dialects: Iterable[str], sessions: int, seed: int, first: int = 0) -> Recovery:
    """Play so many sessions over some dialects in turn."""
    came, names = Recovery(), tuple(dialects)
    for number in range(first, first + sessions):
        case, plan = case_of(names[number % len(names)], seed, number)
        came.sessions += 1
        if number // len(names) % PLAIN == 0:
            story, missing = any_plain(case.dialect, traits_of(case.dialect), Random(case.seed))
            case = replace(case, body=story.body, lens=story.lens, script=story.script, fault="", seed=story.seed)
            complaints = run_plain(story) + watch_plain(story, missing)
            came.plain += not complaints
            if complaints:
                came.broken.append((case, complaints))
            continue
        watch = run_case(case, plan)
        came.by_fault[plan.faults[0].NAME] += 1
        if watch.complaints:
            came.broken.append((case, watch.complaints))
        elif declared_end(watch):
            came.ended += 1
        else:
            came.streamed += 1
    return came


def main() -> int:
    """Play sessions, and print what they came to; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="where they come from (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")
    options = parser.parse_args()
    clock = MonotonicClock()
    came = run_cases(fuzzed_dialects(), options.sessions, options.seed, options.first)
    right = came.streamed + came.ended + came.plain
    figures = {"sessions": came.sessions, "stream again": came.streamed, "declared end": came.ended,
               "clean without one": came.plain,
               "broken": len(came.broken), "seconds": round(clock.now(), 1)}  # fmt: skip
    if options.json:
        print(json.dumps(figures))
    else:
        print(", ".join(f"{what} {count}" for what, count in figures.items()))
        print(f"{100 * right / max(1, came.sessions):.2f} % recovered; faults: {dict(sorted(came.by_fault.items()))}")
    for case, complaints in came.broken[:SHOWN]:
        print(f"lensmount loopback {case}")
        for complaint in complaints[:3]:
            print(f"    {complaint.at:.4f} s, {complaint.invariant}: {complaint.text}")
    return 1 if came.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
