"""The results of a campaign as one SQLite file: one writer, one transaction per case, each case once.

Readers treat the file as untrusted. It can hold views that never end, triggers, and values of any type in any column.
So the schema is compared with ours before any query, each value with the type of its column, and queries are
interrupted after a time.

The file names the code that wrote it: a checkout keeps its version while its code changes, and results of different
code must not be mixed.
"""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import astuple
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from lensmount_emulator.campaign.case import Case, CaseResult
from lensmount_emulator.campaign.planner import CampaignPlan
from lensmount_emulator.fuzz.scenario import current_step
from lensmount_emulator.termination import shielded
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.input_file import check_nesting
from lensmount_hardware.output_file import write_output
from lensmount_hardware.portability import try_lock
from lensmount_protocol.errors import CaptureError

APPLICATION_ID = 0x6C6D6361
"""The application id of the SQLite file: `lmca`."""

VERSION = 3
"""3: `scenario`, `first_error`, `elapsed_s` and `violations` replaced four older names of columns and tables."""

TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE begins (number INTEGER PRIMARY KEY, scenario TEXT NOT NULL UNIQUE);
CREATE TABLE cases (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, dialect TEXT NOT NULL, body TEXT NOT NULL, lens TEXT NOT NULL,
    accessories TEXT NOT NULL, faults TEXT NOT NULL, seed INTEGER NOT NULL, script TEXT NOT NULL, limit_s REAL NOT NULL,
    steps INTEGER NOT NULL, checks TEXT NOT NULL, standing TEXT NOT NULL,
    verdict TEXT NOT NULL, invariants TEXT NOT NULL,
    script_complete INTEGER NOT NULL, script_done INTEGER NOT NULL, script_steps INTEGER NOT NULL,
    script_stopped TEXT NOT NULL, declined TEXT NOT NULL, expected TEXT NOT NULL, outcome TEXT NOT NULL,
    trouble TEXT NOT NULL, trouble_at REAL, first_error TEXT NOT NULL, seconds REAL NOT NULL, elapsed_s REAL NOT NULL,
    frames INTEGER NOT NULL, bytes INTEGER NOT NULL, digest TEXT NOT NULL, file TEXT NOT NULL, scenario TEXT NOT NULL
);
CREATE TABLE violations (
    number INTEGER NOT NULL, place INTEGER NOT NULL, invariant TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (number, place)
) WITHOUT ROWID;
CREATE TABLE messages (
    number INTEGER NOT NULL, sender TEXT NOT NULL, message TEXT NOT NULL, frames INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (number, sender, message)
) WITHOUT ROWID;
CREATE TABLE replies (
    number INTEGER NOT NULL, message TEXT NOT NULL, from_us INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (number, message, from_us)
) WITHOUT ROWID;
CREATE TABLE states (
    number INTEGER NOT NULL, end TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (number, end, state)
) WITHOUT ROWID;
CREATE TABLE transitions (
    number INTEGER NOT NULL, end TEXT NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL, next TEXT NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (number, end, state, cause, next)
) WITHOUT ROWID;
"""

CASE_COLUMNS = (
    *("number", "kind", "dialect", "body", "lens", "accessories", "faults", "seed", "script", "limit_s", "steps"),
    *("checks", "standing", "verdict", "invariants", "script_complete", "script_done", "script_steps"),
    *("script_stopped", "declined", "expected", "outcome"),
    *("trouble", "trouble_at", "first_error", "seconds", "elapsed_s", "frames", "bytes"),
    *("digest", "file", "scenario"),
)
"""Columns of `cases`, for `--where`. Lists in them are joined by `; `."""

SEPARATOR = "; "


MAX_VALUE = 4 * 1024 * 1024
"""Bytes of one value or row, also in the middle of an expression."""

MIN_SECONDS = 15.0
"""Seconds that all queries on one file may take; more for a file of more than 2 MB."""

SECONDS_PER_BYTE = 15.0 / 2_000_000

_INSTRUCTIONS = 1000
"""Instructions of SQLite between two checks of the clock."""

_LIMITS = (
    (sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 20),
    (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*)\)", re.DOTALL)
_COLUMN = re.compile(r"(\w+) (INTEGER|TEXT|REAL)\b( NOT NULL| PRIMARY KEY)?")
_TYPES = {"INTEGER": "'integer'", "TEXT": "'text'", "REAL": "'real', 'integer'"}


class _ScenarioSteps(msgspec.Struct):
    steps: list[str]


def limit_queries(path: Path, connection: sqlite3.Connection) -> None:
    """Bound the time and the memory of all queries on a connection."""
    for limit, value in _LIMITS:
        connection.setlimit(limit, value)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA mmap_size = 0")
    clock = MonotonicClock()
    end = clock.now() + max(MIN_SECONDS, path.stat().st_size * SECONDS_PER_BYTE)
    connection.set_progress_handler(lambda: int(clock.now() > end), _INSTRUCTIONS)


def validate_schema(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file with tables that are not ours.

    Raises:
        CaptureError: there is another table, or a view or trigger.
    """
    own = {statement.strip() for statement in TABLES.split(";") if statement.strip()}
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    # Indices that SQLite itself makes for keys have no statement.
    strange = [str(name) for _, name, sql in rows if sql is not None and sql not in own]
    if strange:
        raise CaptureError(f"{path}: {', '.join(strange[:3])} does not belong to a campaign's results")


def validate_types(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse values that do not have the type of their column.

    Raises:
        CaptureError: there is one; the text names its table and column.
    """
    for statement in TABLES.split(";"):
        table = _TABLE.search(statement)
        if table is None:
            continue
        for name, kind, more in _COLUMN.findall(table[2]):
            nothing = "" if more else ", 'null'"
            wrong = f"SELECT 1 FROM {table[1]} WHERE typeof({name}) NOT IN ({_TYPES[kind]}{nothing}) LIMIT 1"
            if connection.execute(wrong).fetchone() is not None:
                raise CaptureError(f"{path}: the results are damaged: a value of {table[1]}.{name} is no {kind}")


def scenario_steps(scenario: str) -> tuple[str, ...]:
    """The steps of a scenario as JSON.

    Raises:
        ValueError: there are no steps.
    """
    check_nesting(scenario)
    return tuple(map(current_step, msgspec.convert(json.loads(scenario), _ScenarioSteps).steps))


PACKAGES = ("lensmount_protocol", "lensmount_hardware", "lensmount_emulator")

EXCLUDED_PACKAGES = frozenset({"cli", "reports", "testing", "pytest_plugin", "__pycache__"})
"""Packages that show results and do not affect them."""


@cache
def code_version() -> str:
    """A digest of every module that affects the result of a session."""
    digest = sha256()
    for package in PACKAGES:
        _add(digest.update, files(package), package)
    return digest.hexdigest()


def _add(take: Callable[[bytes], None], folder: Traversable, name: str) -> None:
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir() and one.name not in EXCLUDED_PACKAGES:
            _add(take, one, f"{name}/{one.name}")
        elif one.name.endswith(".py"):
            # Checkouts of some systems have other line ends.
            text = one.read_bytes().replace(b"\r\n", b"\n")
            take(f"{name}/{one.name} {len(text)}\n".encode() + text)


@contextlib.contextmanager
def store_errors(path: Path) -> Generator[None]:
    """Convert errors of SQLite or the disk to one line that names the file.

    Raises:
        CaptureError: the file, or a file stored with it, cannot be read or written.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        # An error of SQLite can quote bytes of a damaged file.
        raise CaptureError(f"{path}: the results are damaged: {error}") from error
    except sqlite3.Error as error:
        kept = "; every case that was finished before is kept" if isinstance(error, sqlite3.OperationalError) else ""
        raise CaptureError(f"{path}: {error}{kept}") from error
    except OSError as error:
        raise CaptureError(f"{error.filename or path}: {error.strerror or error}") from error


def check_format(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file that holds no campaign's results, or has another version.

    Raises:
        CaptureError: see above.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (form,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise CaptureError(f"{path}: holds no campaign's results")
    if form != VERSION:
        writer = _writer(connection)
        raise CaptureError(
            f"{path}: results of version {form}{writer}; this program reads version {VERSION}; run the campaign again "
            "with --output FILE, or read it with that lensmount"
        )


def _writer(connection: sqlite3.Connection) -> str:
    """The version of lensmount that wrote a file, for the user; `""` if the file does not name it."""
    try:
        row = connection.execute("SELECT value FROM about WHERE name = 'lensmount'").fetchone()
    except sqlite3.Error:
        return ""
    return f", written by lensmount {row[0]}" if row else ""


class ResultStore:
    """Writer of the results of a campaign.

    Args:
        path: the file; created if missing, continued if it holds the same campaign.
        planned: the campaign.

    Attributes:
        path: the file.
        folder: the folder for recordings and scenarios of cases that did not pass.

    Raises:
        CaptureError: the file cannot be made or read, holds other data, another campaign, or one of another
            version, or another run writes to it. The methods raise it too, where the disk is full.
    """

    def __init__(self, path: Path, planned: CampaignPlan) -> None:
        if not path.name or path.is_dir():
            raise CaptureError(f"{path}: a folder; results go to a file")
        self.path = path
        self.folder = artifact_dir(path)
        try:
            with store_errors(path), shielded():
                self._lock = _locked(path)
                self._connection = sqlite3.connect(path, isolation_level=None)
                self._create(planned)
        except BaseException:
            # Also an interruption that the shield put off to its end.
            if "_connection" in self.__dict__:
                self.close()
            raise

    def finished(self) -> set[int]:
        """Numbers of the cases that have their result."""
        with store_errors(self.path):
            return {number for (number,) in self._connection.execute("SELECT number FROM cases")}

    def transitions(self) -> set[tuple[str, str, str, str]]:
        """Every transition of a finished case."""
        with store_errors(self.path):
            rows = self._connection.execute("SELECT DISTINCT end, state, cause, next FROM transitions")
            return set(rows.fetchall())

    def import_corpus(self, scenarios: Iterable[str], after: int) -> list[tuple[int, str]]:
        """Number scenarios after the campaign's cases: once, so that a continued run has the same cases.

        Args:
            scenarios: as JSON; duplicates count once.
            after: the last number of the campaign's own cases.
        """
        execute = self._connection.execute
        with store_errors(self.path), self._transaction():
            if execute("INSERT OR IGNORE INTO about VALUES ('taken in', '')").rowcount:
                for number, scenario in enumerate(dict.fromkeys(scenarios), after + 1):
                    execute("INSERT INTO begins VALUES (?, ?)", (number, scenario))
            return execute("SELECT number, scenario FROM begins ORDER BY number").fetchall()

    def add(self, result: CaseResult) -> bool:
        """Store a result; return whether it is new. The files of a failed case are written before its row."""
        number = result.case.number
        with store_errors(self.path), shielded():
            file = ""
            if result.recording:
                self.folder.mkdir(exist_ok=True)
                recording = self.folder / f"{number:07}.lmx"
                # A case that was interrupted before its result was stored may have left its recording.
                write_output(recording, result.recording, overwrite=True)
                # SQLite stores valid text; other names are shown as closely as possible.
                file = os.fsencode(f"{self.folder.name}/{recording.name}").decode(errors="replace")
            with self._transaction():
                marks = ", ".join("?" * len(CASE_COLUMNS))
                new = self._connection.execute(
                    f"INSERT OR IGNORE INTO cases VALUES ({marks})", _row(result, file)
                ).rowcount
                if new:
                    self._add_metrics(number, result)
        return bool(new)

    def close(self) -> None:
        """Close the file."""
        with shielded():
            # Make one plain file, readable from any disk; while another process reads it the file stays as it is.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            with contextlib.suppress(OSError):
                lock_path(self.path).unlink()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _create(self, planned: CampaignPlan) -> None:
        execute = self._connection.execute
        if not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            about = {
                "hash": planned.hash,
                "title": planned.config.title,
                "dialect": planned.config.dialect,
                "planned": str(len(planned.cases)),
                "lensmount": version("lensmount"),
                "code": code_version(),
            }
            with self._transaction():
                for statement in TABLES.split(";"):
                    execute(statement)
                self._connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
                execute(f"PRAGMA application_id = {APPLICATION_ID}")
                execute(f"PRAGMA user_version = {VERSION}")
        check_format(self.path, self._connection)
        validate_schema(self.path, self._connection)
        known = dict(execute("SELECT name, value FROM about").fetchall())
        if known["lensmount"] != version("lensmount"):
            raise CaptureError(
                f"{self.path}: results of lensmount {known['lensmount']}, and this is {version('lensmount')}; "
                "use --output FILE for a new file"
            )
        if known.get("code") != code_version():
            raise CaptureError(
                f"{self.path}: results of other code of lensmount {version('lensmount')}; "
                "use --output FILE for a new file"
            )
        if known["hash"] != planned.hash:
            title = f" ({known['title']})" if known["title"] else ""
            raise CaptureError(
                f"{self.path}: results of another campaign{title}, or of profiles that have changed since; "
                "use --output FILE for a new file"
            )
        # A crash of this program loses nothing; one of the machine loses cases not yet on the disk, which run again.
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")

    @contextlib.contextmanager
    def _transaction(self) -> Generator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _add_metrics(self, number: int, result: CaseResult) -> None:
        metrics = result.metrics
        self._fill("violations", [(number, place, *violation) for place, violation in enumerate(result.violations)])
        self._fill("messages", [(number, *key, *counts) for key, counts in metrics.messages.items()])
        self._fill("replies", [(number, *key, count) for key, count in metrics.replies.items()])
        self._fill("states", [(number, *key, count) for key, count in metrics.states.items()])
        self._fill("transitions", [(number, *key, count) for key, count in metrics.transitions.items()])

    def _fill(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            self._connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _locked(path: Path) -> BinaryIO:
    """The lock of the one writer; it ends with its process, also after a crash."""
    lock = lock_path(path).open("wb")
    # The previous writer may have removed the file just now: then our lock has no effect.
    if try_lock(lock) and os.fstat(lock.fileno()).st_nlink:
        return lock
    lock.close()
    raise CaptureError(f"{path}: another run writes to it; wait for its end, or stop it")


def lock_path(path: Path) -> Path:
    """The lock file of a results file; its lock marks a running writer."""
    return path.with_name(f"{path.name}-lock")


def artifact_dir(path: Path) -> Path:
    """The folder for recordings and scenarios of a results file: `a.cases` for `a.sqlite`, and never another file's."""
    return path.with_suffix(".cases") if path.suffix == ".sqlite" else path.with_name(f"{path.name}-cases")


def _row(result: CaseResult, file: str) -> tuple[object, ...]:
    case, counts = result.case, result.metrics.messages.values()
    first = result.violations[0] if result.violations else None
    return (
        *_case_columns(case),
        result.status.value,
        result.verdict.value,
        SEPARATOR.join(result.invariants),
        int(result.script.complete),
        result.script.done,
        result.script.steps,
        result.script.stopped_at,
        result.script.declined,
        result.expected.value,
        result.outcome.value,
        "" if first is None else f"{first.invariant}: {first.text}",
        None if first is None else first.at,
        result.first_error,
        result.seconds,
        result.elapsed_s,
        sum(frames for frames, _ in counts),
        sum(size for _, size in counts),
        result.digest,
        file,
        result.scenario,
    )


def _case_columns(case: Case) -> tuple[object, ...]:
    columns: tuple[object, ...] = astuple(case)[:-1]
    return tuple(
        SEPARATOR.join(cast("tuple[str, ...]", column)) if isinstance(column, tuple) else column for column in columns
    )
