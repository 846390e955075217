"""Every combination through one script, each to a verdict: works, works reduced, refused, or broken."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from lensmount_emulator.roles.findings import Finding, Rule, Verdict, worst
from lensmount_emulator.sessions.collector import QuietCollector
from lensmount_emulator.sessions.combinations import Combination
from lensmount_emulator.termination import shielded
from lensmount_emulator.worker_process import begin_worker, blocked_signals
from lensmount_protocol.html_table import html_table
from lensmount_protocol.logs import get_logger

CRASHED = "crashed"
"""Rule of the finding that stands for a session that ended in an error."""


class Outcome(Enum):
    """What a cell came to; the first three are verdicts of the body, the last one is ours."""

    WORKS = "works"
    REDUCED = "reduced"
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a session of a cell showed.

    Attributes:
        findings: what the body found out.
        errors: errors of the engines, violations of the timing contract and electrical ones, one line each.
        seconds: how long it lasted, in virtual time.
    """

    findings: tuple[Finding, ...]
    errors: tuple[str, ...]
    seconds: float


Try = Callable[[Combination], Trial]
"""Runs the session of a combination; whatever it raises breaks its cell only."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination and what it came to.

    Attributes:
        body: the body's profile, as commands name it.
        lens: the lens's.
        accessories: those in between, from the body on.
        outcome: what it came to.
        findings: what the body found out, step by step.
        errors: what makes it broken, one line each.
        seconds: how long the session lasted, in virtual time.
        replay: the command that runs it again.
    """

    body: str
    lens: str
    accessories: tuple[str, ...]
    outcome: Outcome
    findings: tuple[Finding, ...]
    errors: tuple[str, ...]
    seconds: float
    replay: str

    @property
    def what(self) -> str:
        """The lens and what it is put on, as one text."""
        return " + ".join((self.lens, *self.accessories))

    @property
    def rules(self) -> list[str]:
        """The rules behind what does not simply work, in the order of the steps, each once."""
        return list(dict.fromkeys(finding.rule for finding in self.findings if finding.rule))

    @property
    def less(self) -> list[Finding]:
        """The findings that are worse than works."""
        return [finding for finding in self.findings if finding.verdict is not Verdict.WORKS]


@dataclass(slots=True, repr=False)
class Matrix:
    """A run over many combinations, as far as it has come.

    Attributes:
        dialect: what is spoken.
        title: the dialect's own line for people.
        notice: what a reader must know of the dialect's standing.
        script: what each cell does.
        seed: where jitter comes from; `None` for nominal times.
        bodies: name -> title of those that were asked for.
        lenses: the same of lenses.
        accessories: the same of accessories.
        rules: the dialect's rules by name.
        planned: how many cells there are to run.
        cells: those that have been run.
    """

    dialect: str
    title: str
    notice: str
    script: str
    seed: int | None
    bodies: dict[str, str]
    lenses: dict[str, str]
    accessories: dict[str, str]
    rules: dict[str, Rule]
    planned: int
    cells: list[Cell] = field(default_factory=lambda: list[Cell]())

    @property
    def complete(self) -> bool:
        """Whether every cell has been run."""
        return len(self.cells) == self.planned

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many cells came to each outcome."""
        counted = Counter(cell.outcome for cell in self.cells)
        return {outcome: counted[outcome] for outcome in Outcome}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self.counts.items() if count)
        return (
            f"<{type(self).__name__} {self.dialect}: {len(self.cells)} of {self.planned} cells; {counts or 'none run'}>"
        )

    def _repr_html_(self) -> str:
        rows = ((cell.body, cell.what, cell.outcome.value, ", ".join(cell.rules)) for cell in self.cells)
        return html_table(repr(self), ("body", "lens", "outcome", "rules"), rows, len(self.cells))

    @property
    def cells_by_rule(self) -> dict[str, Counter[Outcome]]:
        """Rule -> outcomes of the cells in which it was met; rules that nobody declared come last."""
        met: dict[str, Counter[Outcome]] = {name: Counter() for name in self.rules}
        for cell in self.cells:
            for rule in cell.rules:
                met.setdefault(rule, Counter())[cell.outcome] += 1
        return {name: counts for name, counts in met.items() if counts}


def judge(combination: Combination, trial: Trial, rules: Mapping[str, Rule], replay: str) -> Cell:
    """The cell that a trial makes: broken where it has errors, or says less than works without a rule that is known."""
    errors = list(trial.errors)
    for finding in trial.findings:
        if finding.rule and finding.rule not in rules and finding.rule != CRASHED:
            errors.append(f"{finding.step}: no rule {finding.rule!r} is known")
        elif not finding.rule and finding.verdict is not Verdict.WORKS:
            errors.append(f"{finding.step}: {finding.verdict.value} without a rule: {finding.detail}")
    outcome = Outcome.BROKEN if errors else Outcome(worst(list(trial.findings)).value)
    where = (combination.body, combination.lens, combination.accessories)
    return Cell(*where, outcome, trial.findings, tuple(errors), trial.seconds, replay)


def run_cell(combination: Combination, attempt: Try) -> Trial:
    """Try a combination; a session that ends in an error is a finding."""
    try:
        return attempt(combination)
    except Exception as error:
        # Whatever it is, it is a result of this cell, and the others have theirs.
        return _crashed(error)


def run_matrix(
    combinations: Sequence[Combination],
    attempt: Try,
    rules: Mapping[str, Rule],
    replay: Callable[[Combination], str],
    *,
    jobs: int = 1,
) -> Generator[Cell]:
    """Run every combination; gives the cells in the order of the combinations, each as soon as its turn has come.

    A caller that stops early closes the generator: cells that other processes have begun are ended, and left out. While
    it runs, objects in cycles are only collected between cells.

    Args:
        combinations: what to try.
        attempt: runs one session; with more jobs than one it must be something that can be pickled.
        rules: the rules that findings may name.
        replay: the command that runs a combination again.
        jobs: how many processes share the work.
    """
    trials = _alone(combinations, attempt) if jobs == 1 else _shared(combinations, attempt, jobs)
    for combination, trial in zip(combinations, trials, strict=True):
        yield judge(combination, trial, rules, replay(combination))


def _alone(combinations: Sequence[Combination], attempt: Try) -> Iterator[Trial]:
    # Left to itself the collector takes a third of the time: a session is many objects that all end together.
    with QuietCollector() as collector:
        for combination in combinations:
            yield run_cell(combination, attempt)
            collector.rest()


def _shared(combinations: Sequence[Combination], attempt: Try, jobs: int) -> Iterator[Trial]:
    # A fresh interpreter each: a fork would copy whatever threads of ours hold, a progress bar's for one.
    context = get_context("spawn")
    stop, ours = context.Pipe(duplex=False)
    _log.info("starting %d worker processes for %d cells", jobs, len(combinations))
    pool = ProcessPoolExecutor(jobs, context, _begin, (attempt, stop))
    try:
        with blocked_signals():
            futures = [pool.submit(_run_here, combination) for combination in combinations]
        for future in futures:
            try:
                yield future.result()
            except Exception as error:
                _log.info("a cell failed in its worker process: %s", error)
                # The process itself went down; its cells are broken, and so is what it would have run.
                yield _crashed(error)
    finally:
        with shielded():
            # A cell may take longer than a service manager waits before it kills us.
            ours.close()
            pool.shutdown(wait=True, cancel_futures=True)
            stop.close()
            _log.info("worker processes ended")


_log = get_logger("workers")

_here: list[tuple[Try, QuietCollector]] = []
"""What this process runs, if it is one of those that share the work: profiles travel to it once."""


def _begin(attempt: Try, stop: "Connection[Any, Any]") -> None:
    begin_worker(stop)
    _here.append((attempt, QuietCollector().__enter__()))


def _run_here(combination: Combination) -> Trial:
    attempt, collector = _here[0]
    collector.rest()
    return run_cell(combination, attempt)


def _crashed(error: Exception) -> Trial:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return Trial((Finding("session", Verdict.REFUSED, CRASHED, text, 0.0),), (f"{CRASHED}: {text}",), 0.0)
