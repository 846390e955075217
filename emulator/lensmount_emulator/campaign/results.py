"""The results of a campaign, read from its file: all or selected cases, and their statistics."""

import os
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from lensmount_emulator.campaign.case import Case, CaseStatus, InvariantOutcome, ScriptOutcome, ScriptResult, StoredCase
from lensmount_emulator.campaign.store import (
    CASE_COLUMNS,
    SEPARATOR,
    check_format,
    limit_queries,
    scenario_steps,
    store_errors,
    validate_schema,
    validate_types,
)
from lensmount_emulator.faults.options import ExpectedOutcome
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.fuzz.scenario import OLD_INVARIANTS
from lensmount_protocol.describe import html_table
from lensmount_protocol.errors import CampaignError, CaptureError

EVERYTHING = "1"
"""The condition that every case meets."""


class ResultBreakdown(NamedTuple):
    """Cases with a common property, by status."""

    what: str
    passed: int
    tolerated: int
    unexpected: int
    broken: int
    lost: int

    @property
    def failing(self) -> int:
        """The number of these cases that fail the campaign."""
        return self.unexpected + self.broken + self.lost


@dataclass(frozen=True, slots=True, repr=False)
class CampaignResults:
    """The content of a results file.

    Attributes:
        path: the file.
        title: the title of the campaign.
        dialect: the dialect.
        planned: number of planned cases.
        finished: number of finished cases.
        where: the condition that selects the cases here.
        cases: finished cases, by number.
        breakdowns: property -> its values -> cases by status.
        replies: request -> lower end of a bucket in µs -> replies.
        states: (end, state) -> count.
        transitions: (end, state, trigger, next state) -> count.
    """

    path: Path
    title: str
    dialect: str
    planned: int
    finished: int
    where: str
    cases: list[StoredCase]
    breakdowns: dict[str, list[ResultBreakdown]] = field(default_factory=dict[str, list[ResultBreakdown]])
    replies: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    states: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    transitions: dict[tuple[str, str, str, str], int] = field(default_factory=dict[tuple[str, str, str, str], int])

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {standing.value}" for standing, count in self.counts.items() if count)
        return (
            f"<{type(self).__name__} {self.path.name!r}: {self.finished} of {self.planned} cases; {counts or 'none'}>"
        )

    def _repr_html_(self) -> str:
        rows = ((name, *share) for name, shares in self.breakdowns.items() for share in shares)
        return html_table(repr(self), ("by", *ResultBreakdown._fields), rows)

    @property
    def counts(self) -> dict[CaseStatus, int]:
        """The number of cases per status."""
        return _count_by_status(CaseStatus, (case.status for case in self.cases))

    @property
    def verdicts(self) -> dict[InvariantOutcome, int]:
        """The number of cases per verdict on the invariants."""
        return _count_by_status(InvariantOutcome, (case.verdict for case in self.cases))

    @property
    def outcomes(self) -> dict[ScriptOutcome, int]:
        """The number of cases per script outcome."""
        return _count_by_status(ScriptOutcome, (case.outcome for case in self.cases))

    @property
    def scripts_complete(self) -> int:
        """The number of cases with a completed script."""
        return sum(case.script.complete for case in self.cases)

    @property
    def complete(self) -> bool:
        """Whether every case of the campaign has its result."""
        return self.finished == self.planned

    @property
    def passed(self) -> bool:
        """Whether there are cases, all of the campaign are finished, and none of those here fails."""
        return self.complete and bool(self.cases) and not any(case.status.is_failure for case in self.cases)


BREAKDOWNS = {
    "body": "SELECT number, body AS what FROM cases",
    "lens": "SELECT number, lens AS what FROM cases",
    "accessory": "SELECT number, accessories AS what FROM cases WHERE accessories != ''",
    "faults": "SELECT number, CASE faults WHEN '' THEN 'none' ELSE faults END AS what FROM cases",
    # A frame of several messages counts for each of them.
    "message": "SELECT DISTINCT number, sender || ': ' || one.value AS what FROM messages, "
    """json_each('["' || replace(message, ' + ', '","') || '"]') AS one""",
    "invariant": "SELECT DISTINCT number, invariant AS what FROM violations",
}
"""Properties that cases may share -> their query."""


def read_campaign(path: Path, where: str = EVERYTHING) -> CampaignResults:
    """Read a results file.

    Args:
        path: the file; a run may be writing to it.
        where: a condition in SQL on the columns of `cases`, such as `verdict = 'broken' AND body LIKE 'sigma%'`.

    Raises:
        CaptureError: the file cannot be read, or holds something else.
        CampaignError: the condition is invalid; the text lists the columns.
    """
    with _open_readonly(path) as connection:
        chosen = f"(SELECT number FROM cases WHERE ({where}))"
        if where != EVERYTHING:
            _check_condition(connection, where)
        about = _read_about(connection)

        def rows(query: str) -> list[Any]:
            return connection.execute(query.replace("CHOSEN", chosen)).fetchall()

        begun = connection.execute("SELECT count(*) FROM begins").fetchone()[0]
        results = CampaignResults(
            path,
            about["title"],
            about["dialect"],
            int(about["planned"]) + begun,
            connection.execute("SELECT count(*) FROM cases").fetchone()[0],
            where,
            list(_cases(connection, chosen)),
        )
        for name, query in BREAKDOWNS.items():
            results.breakdowns[name] = [ResultBreakdown(*row) for row in rows(_BY_VERDICT.replace("EACH", query))]
        results.breakdowns["invariant"] = [
            one._replace(what=_current_invariant(one.what)) for one in results.breakdowns["invariant"]
        ]
        for message, bucket, count in rows(
            "SELECT message, from_us, sum(count) FROM replies WHERE number IN CHOSEN GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            results.replies.setdefault(message, {})[bucket] = count
        results.states.update(
            ((end, state), count)
            for end, state, count in rows(
                "SELECT end, state, sum(count) FROM states WHERE number IN CHOSEN GROUP BY 1, 2 ORDER BY 1, 2"
            )
        )
        results.transitions.update(
            ((end, state, cause, following), count)
            for end, state, cause, following, count in rows(
                "SELECT end, state, cause, next, sum(count) FROM transitions WHERE number IN CHOSEN "
                "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
            )
        )
    return results


_BY_VERDICT = """
SELECT what, sum(standing = 'passed'), sum(standing = 'tolerated'), sum(standing = 'unexpected'),
    sum(standing = 'broken'), sum(standing = 'lost')
FROM (EACH) AS each JOIN cases ON cases.number = each.number
WHERE cases.number IN CHOSEN GROUP BY what ORDER BY what
"""


def read_case(path: Path, number: int) -> StoredCase:
    """Read one finished case.

    Raises:
        CaptureError: as `read_campaign`.
        CampaignError: no such case has been finished.
    """
    with _open_readonly(path) as connection:
        found = list(_cases(connection, f"({number})"))
        if not found:
            (least, maximum) = connection.execute("SELECT min(number), max(number) FROM cases").fetchone()
            known = f"{least} to {maximum}" if maximum else "none"
            raise CampaignError(f"{path}: no case {number} has been finished; known: {known}")
    return found[0]


@contextmanager
def _open_readonly(path: Path) -> Generator[sqlite3.Connection]:
    with store_errors(path):
        if not path.is_file():
            what = "a folder; give the file of a campaign's results" if path.is_dir() else "no such file"
            raise CaptureError(f"{path}: {what}")
        with closing(sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)) as connection:
            connection.row_factory = None
            limit_queries(path, connection)
            check_format(path, connection)
            validate_schema(path, connection)
            connection.execute("PRAGMA query_only = ON")
            # All queries see one moment, while a run may be writing.
            connection.execute("BEGIN")
            validate_types(path, connection)
            try:
                yield connection
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                raise CaptureError(f"{path}: the results are damaged: {error}") from error


def _check_condition(connection: sqlite3.Connection, where: str) -> None:
    try:
        # The condition is tested in two places, so that only a complete one is used, and on every case.
        connection.execute(f"SELECT count(*) FROM cases WHERE ({where})").fetchall()
        connection.execute(f"SELECT 1 WHERE 1 IN (SELECT number FROM cases WHERE ({where}))").fetchall()
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise CampaignError(f"--filter {where!r}: {error}; columns: {', '.join(CASE_COLUMNS)}") from error


def _read_about(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, value FROM about").fetchall())


def _cases(connection: sqlite3.Connection, chosen: str) -> Iterator[StoredCase]:
    violations: dict[int, list[Violation]] = {}
    for number, invariant, *where in connection.execute(
        f"SELECT number, invariant, at, text FROM violations WHERE number IN {chosen} ORDER BY number, place"
    ):
        violations.setdefault(number, []).append(Violation(_current_invariant(invariant), *where))
    begins = {
        number: scenario_steps(scenario)
        for number, scenario in connection.execute(f"SELECT number, scenario FROM begins WHERE number IN {chosen}")
    }
    for row in connection.execute(
        f"SELECT {', '.join(CASE_COLUMNS)} FROM cases WHERE number IN {chosen} ORDER BY number"
    ):
        values = dict(zip(CASE_COLUMNS, row, strict=True))
        number = values["number"]
        case = Case(
            number,
            values["kind"],
            values["dialect"],
            values["body"],
            values["lens"],
            _parts(values["accessories"]),
            _parts(values["faults"]),
            values["seed"],
            values["script"],
            values["limit_s"],
            values["steps"],
            tuple(map(_current_invariant, _parts(values["checks"]))),
            begins.get(number, ()),
        )
        yield StoredCase(
            case,
            InvariantOutcome(values["verdict"]),
            ScriptResult(bool(values["script_complete"]), *(values[name] for name in _SCRIPT)),
            ExpectedOutcome(values["expected"]),
            tuple(violations.get(number, ())),
            *(values[name] for name in ("first_error", "seconds", "elapsed_s", "frames", "bytes", "digest", "file")),
        )


def _current_invariant(name: str) -> str:
    """Return the present name of an invariant; files may hold an older one."""
    return OLD_INVARIANTS.get(name, name)


_SCRIPT = ("script_done", "script_steps", "script_stopped", "declined")

S = TypeVar("S", bound=Enum)


def _count_by_status(kinds: type[S], found: Iterable[S]) -> dict[S, int]:
    counts = Counter(found)
    return {kind: counts[kind] for kind in kinds}


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split(SEPARATOR)) if text else ()
