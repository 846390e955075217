"""The results of a campaign as they are written: one writer, one transaction a case, each case once."""

import contextlib
import os
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from lensmount_emulator.campaign.case import Case, Result
from lensmount_emulator.campaign.checking import check_schema
from lensmount_emulator.campaign.code import own_code
from lensmount_emulator.campaign.planning import Planned
from lensmount_emulator.campaign.schema import APPLICATION, CASE_COLUMNS, JOINT, TABLES, VERSION
from lensmount_emulator.termination import shielded
from lensmount_hardware.output_file import write_output
from lensmount_hardware.portability import try_lock
from lensmount_protocol.errors import CaptureError


@contextlib.contextmanager
def told(path: Path) -> Generator[None]:
    """What SQLite or the disk refuses, as one line that names the file.

    Raises:
        CaptureError: the file, or what is written beside it, cannot be read or written.
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


def check_form(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse what is no campaign's results, or of another version.

    Raises:
        CaptureError: see above.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (form,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise CaptureError(f"{path}: holds no campaign's results")
    if form != VERSION:
        writer = _writer(connection)
        raise CaptureError(
            f"{path}: results of version {form}{writer}; this program reads version {VERSION}; run the campaign again "
            "with --to FILE, or read it with that lensmount"
        )


def _writer(connection: sqlite3.Connection) -> str:
    """The version of lensmount that wrote a file, for people; `""` where it does not say."""
    try:
        row = connection.execute("SELECT value FROM about WHERE name = 'lensmount'").fetchone()
    except sqlite3.Error:
        return ""
    return f", written by lensmount {row[0]}" if row else ""


class Store:
    """The results of a campaign, to be written.

    Args:
        path: the file; made where it is missing, gone on with where it holds the same campaign.
        planned: the campaign.

    Attributes:
        path: the file.
        folder: where recordings and stories of cases that did not pass go.

    Raises:
        CaptureError: the file cannot be made or read, holds something else, another campaign, or one of another
            version, or another run writes to it. The methods raise it too, where the disk is full.
    """

    def __init__(self, path: Path, planned: Planned) -> None:
        if not path.name or path.is_dir():
            raise CaptureError(f"{path}: a folder; results go to a file")
        self.path = path
        self.folder = folder_of(path)
        with told(path), shielded():
            self._lock = _locked(path)
            self._connection = sqlite3.connect(path, isolation_level=None)
            try:
                self._begin(planned)
            except BaseException:
                self.close()
                raise

    def finished(self) -> set[int]:
        """Numbers of the cases that have their result."""
        with told(self.path):
            return {number for (number,) in self._connection.execute("SELECT number FROM cases")}

    def transitions(self) -> set[tuple[str, str, str, str]]:
        """Every transition that a finished case has seen."""
        with told(self.path):
            rows = self._connection.execute("SELECT DISTINCT end, state, cause, next FROM transitions")
            return set(rows.fetchall())

    def take_in(self, stories: Iterable[str], behind: int) -> list[tuple[int, str]]:
        """Give stories numbers behind those of the campaign: once, so that a run that goes on has the same cases.

        Args:
            stories: as JSON; one that is there twice is one.
            behind: the last number of the campaign's own.
        """
        execute = self._connection.execute
        with told(self.path), self._transaction():
            if execute("INSERT OR IGNORE INTO about VALUES ('taken in', '')").rowcount:
                for number, story in enumerate(dict.fromkeys(stories), behind + 1):
                    execute("INSERT INTO begins VALUES (?, ?)", (number, story))
            return execute("SELECT number, story FROM begins ORDER BY number").fetchall()

    def add(self, result: Result) -> bool:
        """Write a result down for good; whether it is new. What failed is beside the file before it is in it."""
        number = result.case.number
        with told(self.path), shielded():
            file = ""
            if result.recording:
                self.folder.mkdir(exist_ok=True)
                recording = self.folder / f"{number:07}.lmx"
                # A case that was interrupted before its result was kept may have left its recording.
                write_output(recording, result.recording, overwrite=True)
                # SQLite keeps text; a name that is none is shown as nearly as that can be done.
                file = os.fsencode(f"{self.folder.name}/{recording.name}").decode(errors="replace")
            with self._transaction():
                marks = ", ".join("?" * len(CASE_COLUMNS))
                new = self._connection.execute(
                    f"INSERT OR IGNORE INTO cases VALUES ({marks})", _row(result, file)
                ).rowcount
                if new:
                    self._add_figures(number, result)
        return bool(new)

    def close(self) -> None:
        """Close the file."""
        with shielded():
            # One plain file from now on, readable from any disk; while another process reads it stays as it is.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            with contextlib.suppress(OSError):
                lock_of(self.path).unlink()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, planned: Planned) -> None:
        execute = self._connection.execute
        if not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            about = {
                "hash": planned.hash,
                "title": planned.form.title,
                "dialect": planned.form.dialect,
                "planned": str(len(planned.cases)),
                "lensmount": version("lensmount"),
                "code": own_code(),
            }
            with self._transaction():
                for statement in TABLES.split(";"):
                    execute(statement)
                self._connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
                execute(f"PRAGMA application_id = {APPLICATION}")
                execute(f"PRAGMA user_version = {VERSION}")
        check_form(self.path, self._connection)
        check_schema(self.path, self._connection)
        known = dict(execute("SELECT name, value FROM about").fetchall())
        if known["lensmount"] != version("lensmount"):
            raise CaptureError(
                f"{self.path}: results of lensmount {known['lensmount']}, and this is {version('lensmount')}; "
                "say --to FILE for others"
            )
        if known.get("code") != own_code():
            raise CaptureError(
                f"{self.path}: results of other code of lensmount {version('lensmount')}; say --to FILE for others"
            )
        if known["hash"] != planned.hash:
            title = f" ({known['title']})" if known["title"] else ""
            raise CaptureError(
                f"{self.path}: results of another campaign{title}, or of profiles that have changed since; "
                "say --to FILE for others"
            )
        # A crash of this program loses nothing; one of the machine what was not yet on the disk, which is run again.
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

    def _add_figures(self, number: int, result: Result) -> None:
        figures = result.figures
        self._fill("complaints", [(number, place, *complaint) for place, complaint in enumerate(result.complaints)])
        self._fill("messages", [(number, *key, *counts) for key, counts in figures.messages.items()])
        self._fill("replies", [(number, *key, count) for key, count in figures.replies.items()])
        self._fill("states", [(number, *key, count) for key, count in figures.states.items()])
        self._fill("transitions", [(number, *key, count) for key, count in figures.transitions.items()])

    def _fill(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            self._connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _locked(path: Path) -> BinaryIO:
    """The lock of the one writer; it goes with the process that has it, however that ends."""
    lock = lock_of(path).open("wb")
    # The one before us may have taken the file away just now: then what we hold is no lock.
    if try_lock(lock) and os.fstat(lock.fileno()).st_nlink:
        return lock
    lock.close()
    raise CaptureError(f"{path}: another run writes to it; wait for its end, or stop it")


def lock_of(path: Path) -> Path:
    """The file whose lock says that somebody writes to results."""
    return path.with_name(f"{path.name}-lock")


def folder_of(path: Path) -> Path:
    """Where recordings and stories of results go: beside `a.sqlite` into `a.cases`, and never into those of others."""
    return path.with_suffix(".cases") if path.suffix == ".sqlite" else path.with_name(f"{path.name}-cases")


def _row(result: Result, file: str) -> tuple[object, ...]:
    case, counts = result.case, result.figures.messages.values()
    first = result.complaints[0] if result.complaints else None
    return (
        *_words(case),
        result.standing.value,
        result.verdict.value,
        JOINT.join(result.invariants),
        int(result.script.complete),
        result.script.done,
        result.script.steps,
        result.script.stopped_at,
        result.script.declined,
        result.expected.value,
        result.outcome.value,
        "" if first is None else f"{first.invariant}: {first.text}",
        None if first is None else first.at,
        result.told,
        result.seconds,
        result.took,
        sum(frames for frames, _ in counts),
        sum(size for _, size in counts),
        result.digest,
        file,
        result.story,
    )


def _words(case: Case) -> tuple[object, ...]:
    words: tuple[object, ...] = astuple(case)[:-1]
    return tuple(JOINT.join(cast("tuple[str, ...]", word)) if isinstance(word, tuple) else word for word in words)
