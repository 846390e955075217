"""`python -m mutation --seed N`: whether the tests notice small changes of the code, by a sample.

Draws at least 30 mutants from each unit of `units.py`, runs those tests on each that run its line, and prints the score
per unit. The lines that each test runs are measured once and kept in `build/mutation/`; so are the results, and a run
that was interrupted goes on where it was. Exit code 1: the score, or the size of the sample, is not what is wanted.
"""

import argparse
import itertools
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from mutation import choosing, covering, trying, warm
from mutation.choosing import Choice
from mutation.covering import CoverageMap, CoveredTest
from mutation.equivalents import read_equivalents, stale
from mutation.mutant import Mutant
from mutation.places import PACKAGE_ROOTS, ROOT
from mutation.results import Ledger, Result, print_score, print_survivors
from mutation.units import PER_UNIT, draw, find_units

MUTANTS_PER_CONTROL = 25
"""So often the chosen tests also run on the project as it is, where they must pass."""


@dataclass(slots=True)
class Job:
    """A mutant on its way.

    Attributes:
        unit: the unit that it was drawn from.
        mutant: the change; None for a control, which is the project as it is.
        choice: its tests.
        tests: those of the try that runs now.
        tries: 1 for the first try.
        cpu_s: processor seconds so far.
    """

    unit: str
    mutant: Mutant | None
    choice: Choice
    tests: list[CoveredTest]
    tries: int = 1
    cpu_s: float = 0.0


def source_files() -> set[str]:
    """All source files, relative to the project."""
    paths = (path for root in PACKAGE_ROOTS for path in (ROOT / root).glob("lensmount_*/**/*.py"))
    return {str(path.relative_to(ROOT)) for path in paths}


def digest(file: str) -> str:
    """The state of a source file."""
    return covering.digest((ROOT / file).read_bytes())


def children_s() -> float:
    """Processor seconds of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Campaign:
    """Runs the mutants of a sample in forked children and keeps the results.

    Args:
        known: which tests run which lines.
        ledger: where the results are kept.
        jobs: children at once.
    """

    def __init__(self, known: CoverageMap, ledger: Ledger, jobs: int) -> None:
        self._known = known
        self._ledger = ledger
        self._jobs = jobs
        self._hook = trying.load_hook()
        self._running: dict[int, tuple[warm.Child, Job]] = {}
        self.broken: list[str] = []
        self.controls = 0

    def run(self, waiting: Iterator[tuple[str, Mutant | None, Mutant]], total: int) -> None:
        """Run mutants; each comes with its unit, and a second time where it is only the model of a control."""
        done, started = 0, time.monotonic()
        exhausted = False
        while True:
            while not exhausted and len(self._running) < self._jobs:
                following = next(waiting, None)
                if following is None:
                    exhausted = True
                    break
                unit, mutant, model = following
                choice = choosing.choose(model, self._known)
                self._start(Job(unit, mutant, choice, choice.first or choice.second))
            if not self._running:
                return
            before = children_s()
            child, value, error = warm.wait([child for child, _ in self._running.values()])
            _, job = self._running.pop(child.pid)
            job.cpu_s += children_s() - before
            if self._end(job, value, error):
                done += 1
                if done % 10 == 0 or not self._running:
                    took = time.monotonic() - started
                    print(f"{done}/{total} in {took:.0f} s, {children_s():.0f} s of the processor", flush=True)

    def _start(self, job: Job) -> None:
        examples = trying.FIRST_EXAMPLES if job.tries == 1 else trying.SECOND_EXAMPLES
        if not job.tests:
            self._keep(job, trying.Outcome(False, reason="no test runs its line"))
            return
        child = warm.start(trying.trial(job.mutant, job.tests, examples, self._hook), trying.cpu_limit(job.tests))
        self._running[child.pid] = child, job

    def _end(self, job: Job, value: Any, error: str) -> bool:
        """Take a child's result; whether the job is over."""
        outcome = trying.judge(value, error, len(job.tests))
        if job.mutant is None:
            self.controls += 1
            if outcome.killed or outcome.wrong:
                self.broken.append(f"{outcome.by}: {outcome.reason or outcome.wrong}")
            return True
        if outcome.wrong:
            self.broken.append(f"{job.mutant.file}, {job.mutant.change}: {outcome.wrong}")
            return True
        if not outcome.killed and job.tries == 1 and job.choice.second:
            job.tries, job.tests = 2, job.choice.second
            self._start(job)
            return False
        self._keep(job, outcome)
        return True

    def _keep(self, job: Job, outcome: trying.Outcome) -> None:
        mutant = job.mutant
        if mutant is None:
            return
        ran = len(job.choice.first) + (len(job.choice.second) if job.tries == 2 else 0)
        self._ledger.add(
            Result(
                job.unit,
                mutant.key,
                mutant.line,
                digest(mutant.file),
                outcome.killed,
                outcome.by,
                outcome.reason,
                job.tries,
                ran,
                job.choice.covering,
                round(job.cpu_s, 2),
            )
        )


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--count", type=int, default=PER_UNIT, help="mutants per unit (default: %(default)s)")
    parser.add_argument("--only", default="", help="units with this in their name")
    parser.add_argument("--again", action="store_true", help="run once more what survived, with the tests of today")
    parser.add_argument("--survivors", action="store_true", help="print what survived")
    parser.add_argument("--no-measuring", action="store_true", help="use the line maps as they are")
    parser.add_argument("--score", action="store_true", help="print the score of the results so far, run nothing")
    return parser.parse_args()


def main() -> int:
    """Run a sample and print its score."""
    options = parse_arguments()
    warm.prepare()
    entries = read_equivalents()
    for entry in stale(entries):
        print(f"equivalents.toml: {entry.text!r} no longer stands in {entry.file}", file=sys.stderr)
    equivalent = {entry.key for entry in entries}
    drawn = {unit.name: draw(unit, options.seed, options.count, equivalent) for unit in find_units(options.only)}
    ledger = Ledger(options.seed)
    wanted = [(unit, mutant) for unit, mutants in drawn.items() for mutant in mutants if mutant.key not in equivalent]
    kept = {mutant.key: ledger.get(mutant, digest(mutant.file)) for _, mutant in wanted}
    left = [
        (unit, mutant)
        for unit, mutant in wanted
        if (old := kept[mutant.key]) is None or (options.again and not old.killed)
    ]
    broken: list[str] = []
    if left and not options.score:
        if not options.no_measuring:
            covering.collect(options.jobs, lambda line: print(f"lines of {line}", flush=True))
        known = covering.load(source_files())
        for file, reason in known.broken.items():
            print(f"no lines of {file}: {reason}")
        campaign = Campaign(known, ledger, options.jobs)
        models = Random(options.seed).sample(left, -(-len(left) // MUTANTS_PER_CONTROL))
        controls = [(unit, None, mutant) for unit, mutant in models]
        mutants = [(unit, mutant, mutant) for unit, mutant in left]
        campaign.run(itertools.chain(controls, mutants), len(controls) + len(mutants))
        broken = campaign.broken
        print(f"{campaign.controls} controls without a mutant, {len(broken)} results that are not valid")
        for line in broken[:20]:
            print(f"  {line}")
    results = {
        mutant.key: result for _, mutant in wanted if (result := ledger.get(mutant, digest(mutant.file))) is not None
    }
    if options.survivors:
        print_survivors(results.values())
    good = print_score(drawn, results, equivalent)
    return 0 if good and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
