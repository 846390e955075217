"""The compatibility matrix: runs every combination through one script, and gives each cell a verdict.

Also selects the requested bodies, lenses and accessories, and combines those that fit.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from functools import partial

from lensmount_emulator.campaign.worker_pool import Work, in_order, run_in_workers
from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.verdicts import CompatibilityResult, CompatibilityRule, Verdict, worst_verdict
from lensmount_emulator.garbage_collection import DeferredGC
from lensmount_emulator.profiles.library import SUFFIX, Profile, firmware_profile, is_firmware, load_profile
from lensmount_protocol.describe import html_table
from lensmount_protocol.errors import ProfileError, unknown_name_message

BARE = "none"
"""In place of an accessory: the lens directly on the body."""

ALL = "*"

CheckFit = Callable[[Profile, Profile], str | None]
"""Returns why an accessory and a lens do not fit, in one line; `None` if they do."""


def lens_dialect(accessory: Profile) -> str:
    """The dialect of the lens on an accessory: not the accessory's own only if the accessory translates."""
    return str(getattr(accessory.settings, "far_dialect", accessory.dialect))


@dataclass(frozen=True, slots=True)
class Combination:
    """The profiles on one mount.

    Attributes:
        body: its profile, as commands name it.
        lens: the lens's profile.
        accessories: the accessories between them, from the body on.
    """

    body: str
    lens: str
    accessories: tuple[str, ...] = ()


def select_profiles(patterns: Iterable[str], place: Place, known: Mapping[str, Profile]) -> dict[str, Profile]:
    """The selected profiles of a place, sorted by name.

    Args:
        patterns: names, patterns such as `sigma-*`, or paths that end in `.toml` or `.so`.
        place: the place that they must have.
        known: every profile that may be selected, by name.

    Raises:
        ProfileError: a name matches no profile (the text lists the known ones), a profile has another place, or one
            cannot be read.
    """
    there = {name: profile for name, profile in known.items() if profile.place is place}
    found: dict[str, Profile] = {}
    for item in patterns:
        if item.endswith(SUFFIX) or is_firmware(item):
            profile = firmware_profile(item, place) if is_firmware(item) else load_profile(item)
            if profile.place is not place:
                raise ProfileError(f"{item} is a {profile.place.value}; a {place.value} is needed here")
            found[item] = profile
            continue
        matching = [name for name in there if fnmatchcase(name, item)]
        if not matching and item != ALL:
            raise ProfileError(
                unknown_name_message(place.value, item, there) + "; patterns such as sigma-* and paths work as well"
            )
        found |= {name: there[name] for name in matching}
    return dict(sorted(found.items()))


def make_combinations(
    dialect: str,
    bodies: Mapping[str, Profile],
    lenses: Mapping[str, Profile],
    accessories: Mapping[str, Profile],
    fits: CheckFit,
    *,
    bare: bool = True,
) -> list[Combination]:
    """Every combination, body by body and lens by lens: alone first, then with each accessory that fits.

    Args:
        dialect: the dialect of the body.
        bodies: bodies by name.
        lenses: lenses by name; one of another dialect needs an accessory that it fits on.
        accessories: accessories by name.
        fits: the check of fit.
        bare: whether to include lenses without an accessory.
    """
    fitting = {
        (lens, name): fits(accessory, glass) is None
        for lens, glass in lenses.items()
        for name, accessory in accessories.items()
    }
    combinations: list[Combination] = []
    for body in bodies:
        for lens, glass in lenses.items():
            if bare and glass.dialect == dialect:
                combinations.append(Combination(body, lens))
            combinations += [Combination(body, lens, (name,)) for name in accessories if fitting[lens, name]]
    return combinations


def parse_accessory_patterns(patterns: Sequence[str]) -> tuple[list[str], bool]:
    """Parse `--accessory`: the names and patterns of accessories, and whether lenses are also tried without one."""
    if "all" in patterns:
        return [ALL], True
    return [item for item in patterns if item != BARE], BARE in patterns


CRASHED = "crashed"
"""Rule of the finding for a session that ended in an error."""


class MatrixOutcome(Enum):
    """The outcome of a cell; the first three are verdicts of the body, the last one is ours."""

    WORKS = "works"
    REDUCED = "reduced"
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class SessionResult:
    """The result of a cell's session.

    Attributes:
        compatibility_results: the body's results.
        errors: errors of the engines, violations of the timing contract and electrical ones, one line each.
        seconds: duration of the session, in virtual time.
        declined: whether the body gave its lens up, by a result with its rule.
    """

    compatibility_results: tuple[CompatibilityResult, ...]
    errors: tuple[str, ...]
    seconds: float
    declined: bool = False


RunCell = Callable[[Combination], SessionResult]
"""Runs the session of a combination; an exception breaks its cell only."""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One combination and its outcome.

    Attributes:
        body: the body's profile, as commands name it.
        lens: the lens's profile.
        accessories: the accessories between them, from the body on.
        outcome: the outcome.
        findings: the body's results, step by step.
        errors: the errors that make it broken, one line each.
        seconds: duration of the session, in virtual time.
        replay: the command that runs it again.
    """

    body: str
    lens: str
    accessories: tuple[str, ...]
    outcome: MatrixOutcome
    findings: tuple[CompatibilityResult, ...]
    errors: tuple[str, ...]
    seconds: float
    replay: str

    @property
    def what(self) -> str:
        """The lens and its accessories, as one text."""
        return " + ".join((self.lens, *self.accessories))

    @property
    def rules(self) -> list[str]:
        """The rules that results name, those of steps that work included, in the order of the steps, each once."""
        return list(dict.fromkeys(finding.rule for finding in self.findings if finding.rule))

    @property
    def limitations(self) -> list[CompatibilityResult]:
        """The findings that are worse than works."""
        return [finding for finding in self.findings if finding.verdict is not Verdict.WORKS]


@dataclass(slots=True, repr=False)
class Matrix:
    """A run over many combinations, as far as it has progressed.

    Attributes:
        dialect: the dialect.
        title: the dialect's title for the user.
        notice: a notice on the status of the dialect, for the user.
        script: the script of each cell.
        seed: the seed of the jitter; `None` for nominal times.
        bodies: name -> title of the requested bodies.
        lenses: the same of lenses.
        accessories: the same of accessories.
        rules: the dialect's rules by name.
        planned: number of cells to run.
        cells: finished cells.
    """

    dialect: str
    title: str
    notice: str
    script: str
    seed: int | None
    bodies: dict[str, str]
    lenses: dict[str, str]
    accessories: dict[str, str]
    rules: dict[str, CompatibilityRule]
    planned: int
    cells: list[MatrixCell] = field(default_factory=lambda: list[MatrixCell]())

    @property
    def complete(self) -> bool:
        """Whether every cell has been run."""
        return len(self.cells) == self.planned

    @property
    def counts(self) -> dict[MatrixOutcome, int]:
        """The number of cells per outcome."""
        counted = Counter(cell.outcome for cell in self.cells)
        return {outcome: counted[outcome] for outcome in MatrixOutcome}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self.counts.items() if count)
        return (
            f"<{type(self).__name__} {self.dialect}: {len(self.cells)} of {self.planned} cells; {counts or 'none run'}>"
        )

    def _repr_html_(self) -> str:
        rows = ((cell.body, cell.what, cell.outcome.value, ", ".join(cell.rules)) for cell in self.cells)
        return html_table(repr(self), ("body", "lens", "outcome", "rules"), rows, len(self.cells))

    @property
    def cells_by_rule(self) -> dict[str, Counter[MatrixOutcome]]:
        """Rule -> outcomes of the cells that report it; undeclared rules come last."""
        met: dict[str, Counter[MatrixOutcome]] = {name: Counter() for name in self.rules}
        for cell in self.cells:
            for rule in cell.rules:
                met.setdefault(rule, Counter())[cell.outcome] += 1
        return {name: counts for name, counts in met.items() if counts}


def make_cell(
    combination: Combination, session: SessionResult, rules: Mapping[str, CompatibilityRule], replay: str
) -> MatrixCell:
    """Make the cell of a session: broken if it has errors, or a result worse than works without a known rule."""
    errors = list(session.errors)
    for finding in session.compatibility_results:
        if finding.rule and finding.rule not in rules and finding.rule != CRASHED:
            errors.append(f"{finding.step}: no rule {finding.rule!r} is known")
        elif not finding.rule and finding.verdict is not Verdict.WORKS:
            errors.append(f"{finding.step}: {finding.verdict.value} without a rule: {finding.detail}")
    verdict = worst_verdict(session.compatibility_results, declined=session.declined)
    outcome = MatrixOutcome.BROKEN if errors else MatrixOutcome(verdict.value)
    where = (combination.body, combination.lens, combination.accessories)
    return MatrixCell(*where, outcome, session.compatibility_results, tuple(errors), session.seconds, replay)


def run_cell(combination: Combination, run_session: RunCell) -> SessionResult:
    """Run a combination; a session that ends in an error becomes a finding."""
    try:
        return run_session(combination)
    except Exception as error:
        # Any exception is the result of this cell; the other cells have theirs.
        return _crash_result(error)


def run_matrix(
    combinations: Sequence[Combination],
    run_session: RunCell,
    rules: Mapping[str, CompatibilityRule],
    replay: Callable[[Combination], str],
    *,
    jobs: int = 1,
) -> Generator[MatrixCell]:
    """Run every combination; yield the cells in the order of the combinations.

    A caller that stops early closes the generator: unfinished cells of other processes are ended, and omitted. During
    the run, objects in cycles are only collected between cells.

    Args:
        combinations: the combinations to run.
        run_session: runs one session; with more than one job it must support pickling.
        rules: the rules that findings may name.
        replay: returns the command that runs a combination again.
        jobs: number of processes.
    """
    trials = (
        _run_in_process(combinations, run_session) if jobs == 1 else _run_in_workers(combinations, run_session, jobs)
    )
    for combination, trial in zip(combinations, trials, strict=True):
        yield make_cell(combination, trial, rules, replay(combination))


def _run_in_process(combinations: Sequence[Combination], attempt: RunCell) -> Iterator[SessionResult]:
    # By default the collector takes a third of the time: a session is many objects that all end together.
    with DeferredGC() as collector:
        for combination in combinations:
            yield run_cell(combination, attempt)
            collector.collect_if_due()


def _run_in_workers(combinations: Sequence[Combination], attempt: RunCell, jobs: int) -> Iterator[SessionResult]:
    def describe(combination: Combination) -> str:
        return " + ".join((combination.body, *combination.accessories, combination.lens))

    work = Work(partial(run_cell, run_session=attempt), lambda _combination, why: _lost_result(why), describe)
    with closing(run_in_workers(combinations, work, jobs)) as results:
        yield from in_order(results)


def _crash_result(error: Exception) -> SessionResult:
    return _lost_result(" ".join(f"{type(error).__name__}: {error}".split()))


def _lost_result(why: str) -> SessionResult:
    return SessionResult(
        (CompatibilityResult("session", Verdict.REFUSED, CRASHED, why, 0.0),), (f"{CRASHED}: {why}",), 0.0
    )
