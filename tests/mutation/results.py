"""Keeps the result of every mutant in a file of JSON lines, so that a run can be continued, and prints the score."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from mutation.equivalents import Key
from mutation.mutant import Mutant
from mutation.places import DATA

TOTAL_WANTED = 90.0
UNIT_WANTED = 80.0
FEWEST = 800
FEWEST_OF_UNIT = 30


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant.

    Attributes:
        unit: the unit that it was drawn from.
        key: the mutant's identity.
        line: where it was.
        source: a digest of the file that it was made from.
        killed: whether a test noticed it.
        by: the test that failed first.
        reason: why.
        tries: 1 where the first tests noticed it.
        tests: how many tests ran at most.
        covering: how many tests run its line.
        cpu_s: processor seconds.
    """

    unit: str
    key: Key
    line: int
    source: str
    killed: bool
    by: str
    reason: str
    tries: int
    tests: int
    covering: int
    cpu_s: float


class Ledger:
    """The results of one seed.

    Args:
        seed: of the sample.
    """

    def __init__(self, seed: int) -> None:
        self._path = DATA / f"results-{seed}.jsonl"
        self._results: dict[Key, Result] = {}
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                kept = json.loads(line)
                kept["key"] = tuple(kept["key"])
                self._results[kept["key"]] = Result(**kept)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def add(self, result: Result) -> None:
        """Append a result to the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        self._results[result.key] = result

    def get(self, mutant: Mutant, source: str) -> Result | None:
        """The result of a mutant in this state of its file, if there is one."""
        result = self._results.get(mutant.key)
        return result if result is not None and result.source == source else None


def share(killed: int, total: int) -> float:
    """Percent."""
    return 100 * killed / total if total else 0.0


def print_score(drawn: dict[str, list[Mutant]], results: dict[Key, Result], equivalent: Iterable[Key]) -> bool:
    """Print the score per unit and in all; whether it is what is wanted.

    A sample that is too small, or not yet run to its end, is not what is wanted.
    """
    listed = set(equivalent)
    rows: list[tuple[str, int, int, int, int]] = []
    for unit, mutants in drawn.items():
        counted = [mutant for mutant in mutants if mutant.key not in listed]
        run = [results[mutant.key] for mutant in counted if mutant.key in results]
        rows.append((unit, sum(one.killed for one in run), len(run), len(counted), len(mutants) - len(counted)))
    print(f"{'unit':<24} {'killed':>6} {'of':>5} {'score':>7}  equivalent, left out")
    for unit, killed, run, wanted, left_out in rows:
        missing = f"  {wanted - run} not run" if wanted > run else ""
        print(f"{unit:<24} {killed:>6} {run:>5} {share(killed, run):>6.1f}%  {left_out}{missing}")
    killed, run, wanted, left_out = (sum(row[column] for row in rows) for column in (1, 2, 3, 4))
    worst = min(rows, key=lambda row: share(row[1], row[2]))
    print(f"{'total':<24} {killed:>6} {run:>5} {share(killed, run):>6.1f}%  {left_out}")
    print(f"worst unit: {worst[0]}, {share(worst[1], worst[2]):.1f}%")
    reasons = []
    if run < wanted:
        reasons.append(f"{wanted - run} mutants of the sample were not run")
    if run < FEWEST:
        reasons.append(f"the sample has {run} mutants, {FEWEST} are wanted")
    if small := [row[0] for row in rows if row[2] < FEWEST_OF_UNIT]:
        reasons.append(f"fewer than {FEWEST_OF_UNIT} mutants in {', '.join(small)}")
    if share(killed, run) < TOTAL_WANTED:
        reasons.append(f"the total is below {TOTAL_WANTED:.0f}%")
    if share(worst[1], worst[2]) < UNIT_WANTED:
        reasons.append(f"the worst unit is below {UNIT_WANTED:.0f}%")
    print("not reached: " + "; ".join(reasons) if reasons else "reached: at least 90% in all and 80% in every unit")
    return not reasons


def print_survivors(results: Iterable[Result]) -> None:
    """Print the mutants that no test noticed, file by file."""
    found: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if not result.killed:
            found[result.key[0]].append(result)
    for file, survivors in sorted(found.items()):
        print(file)
        for one in sorted(survivors, key=lambda result: result.line):
            _, scope, text, change, number = one.key
            again = f" (number {number})" if number > 1 else ""
            print(
                f"  {one.line} {scope}: {text}\n      {change}{again}  [{one.tests} tests ran, {one.covering} cover it]"
            )
