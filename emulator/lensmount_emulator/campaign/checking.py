"""A campaign's results from an untrusted file: only our tables, only values of their types, bounded time and memory.

A file of SQLite can hold views that never end, triggers, and values of any type in any column. So the schema is
compared with ours before anything is asked, each value with the type of its column, and queries are interrupted.
"""

import json
import re
import sqlite3
from pathlib import Path

import msgspec

from lensmount_emulator.campaign.schema import TABLES
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.inputs import check_nesting
from lensmount_protocol.errors import CaptureError

MAX_VALUE = 4 * 1024 * 1024
"""Bytes of one value or row, also in the middle of an expression."""

MIN_SECONDS = 15.0
"""Seconds that all queries on one file may take; more for a file of more than 2 MB."""

SECONDS_PER_BYTE = 15.0 / 2_000_000

_INSTRUCTIONS = 1000
"""Instructions of SQLite between two looks at the clock."""

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


class _Story(msgspec.Struct):
    steps: list[str]


def limit_queries(path: Path, connection: sqlite3.Connection) -> None:
    """Bound the time and the memory of everything that is asked on a connection."""
    for limit, value in _LIMITS:
        connection.setlimit(limit, value)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA mmap_size = 0")
    clock = MonotonicClock()
    end = clock.now() + max(MIN_SECONDS, path.stat().st_size * SECONDS_PER_BYTE)
    connection.set_progress_handler(lambda: int(clock.now() > end), _INSTRUCTIONS)


def check_schema(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file whose tables are not ours.

    Raises:
        CaptureError: there is another table, or a view or trigger.
    """
    own = {statement.strip() for statement in TABLES.split(";") if statement.strip()}
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    # Indices that SQLite itself makes for keys have no statement.
    strange = [str(name) for _, name, sql in rows if sql is not None and sql not in own]
    if strange:
        raise CaptureError(f"{path}: {', '.join(strange[:3])} does not belong to a campaign's results")


def check_types(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse values whose type is not that of their column.

    Raises:
        CaptureError: there is one; names its table and column.
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


def story_steps(story: str) -> tuple[str, ...]:
    """The steps of a story as JSON.

    Raises:
        ValueError: it holds none.
    """
    check_nesting(story)
    return tuple(msgspec.convert(json.loads(story), _Story).steps)
