"""Reads levels over time as CSV: the raw data export of Saleae Logic 2, and similar tables of other programs.

A row has a time and the level of each channel. Format: Saleae support, "Binary and CSV Export Formats - 2025 Update".
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, no_progress, read_blocks
from lensmount_hardware.captures.limits import EdgeBudget, check_edges
from lensmount_hardware.captures.logic_analyser.channels import ChannelTable, Variable, choose_channels, pick_channels
from lensmount_hardware.captures.logic_analyser.logic_lines import (
    BitChanges,
    decode_logic_lines,
    pace_jitter,
    with_annotations,
)
from lensmount_hardware.captures.logic_analyser.saleae_binary import STEPS_PER_SECOND, origin_note
from lensmount_hardware.captures.logic_analyser.saleae_session import EXPORT_ADVICE
from lensmount_hardware.captures.signatures import CSV_COMMENT, CSV_HEADER
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

_UNITS = {b"s": 10**9, b"ms": 10**6, b"us": 1000, b"\xc2\xb5s": 1000, b"ns": 1}
_LEVELS = {b"0": False, b"1": True}
_NO_DATA = frozenset((b"x", b"X", b""))
_NUMBERED = re.compile(r"(?:channel|ch|d)[ _]?(\d{1,3})", re.IGNORECASE)
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,12}))?\s*(Z|[+-]\d\d:?\d\d)?")
_MAX_TIME = 1 << 62
_MAX_COLUMNS = 1024
_WHOLE_FLOAT = 1e6
"""Seconds below which a float has its nanoseconds."""


@dataclass(slots=True)
class _Table:
    """The rows read so far.

    Attributes:
        separator: the text between two cells.
        unit: nanoseconds in the unit of the times.
        columns: number of cells in a row.
        bits: column -> its changes, for the wanted ones.
        empty: columns without data at present.
        origin: nanoseconds at which step 0 is.
        now: the step of the last row.
        day: the time of the first row, where times are dates.
        tail: the last row after its time.
        remarks: annotations on the file.
    """

    separator: bytes
    unit: int
    columns: int
    bits: dict[int, BitChanges] = field(default_factory=lambda: dict[int, BitChanges]())
    empty: dict[int, int] = field(default_factory=lambda: dict[int, int]())
    origin: int | None = None
    now: int = 0
    day: datetime | None = None
    tail: bytes = b""
    remarks: list[Annotation] = field(default_factory=lambda: list[Annotation]())


def read_waveform_csv(
    path: Path, wiring: Wiring, channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a CSV file of levels.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> column, by its name, or by the number in it, or by the number of the column from 0.
        progress: called with the fraction of the file that has been read.

    Raises:
        CaptureError: its columns or times are invalid, it holds voltages, or it lacks the mount's serial lines.
    """
    rows = _rows(path, progress)
    line, header = next(rows, (0, b""))
    while header and CSV_COMMENT.match(header):
        line, header = next(rows, (0, b""))
    table, variables = _read_header(path, header)
    candidates = pick_channels(
        path, ChannelTable(list(variables.values()), _numbers(variables)), wiring, channels or {}
    )
    every = {channel.key: channel.variable.source for several in candidates.values() for channel in several}
    bits = {key: BitChanges() for key in every}
    table.bits = {column: bits[key] for key, column in every.items() if isinstance(column, int)}
    _read_rows(path, table, rows, line)
    if table.origin is None:
        raise CaptureError(f"{path}: no rows of levels")
    length = table.now + 1
    levels = {key: changes.as_line(length) for key, changes in bits.items() if changes.known}
    lines, chosen = choose_channels(path, candidates, levels)
    check_edges(path, lines, wiring)
    jitter = pace_jitter(lines, STEPS_PER_SECOND, wiring)
    remarks = [*origin_note(table.origin / STEPS_PER_SECOND), *chosen, *table.remarks]

    def records() -> Iterator[WireRecord]:
        return with_annotations(decode_logic_lines(lines, wiring, STEPS_PER_SECOND, jitter), remarks)

    return Capture(path, "csv", records(), lambda: tuple(lines), resolution=1 / STEPS_PER_SECOND)


def _rows(path: Path, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Yield the rows that are not empty, each with the number of its line."""
    number = 0
    for block in read_blocks(path, progress):
        for row in block.split(b"\n"):
            number += 1
            if row := row.strip():
                yield number, row
        # The piece after the last newline of a block is no line of its own.
        number -= block.endswith(b"\n")


def _read_header(path: Path, header: bytes) -> tuple[_Table, dict[int, Variable]]:
    match = CSV_HEADER.match(header)
    if match is None:
        raise CaptureError(f"{path}: no header of a table of levels, such as Time [s],RXD,TXD")
    separator = match[2].strip() or b"\t"
    try:
        cells = next(csv.reader([header.decode("utf-8", "replace")], delimiter=separator.decode()))
    except csv.Error as error:
        raise CaptureError(f"{path}: the header of the table makes no sense: {error}") from error
    if len(cells) > _MAX_COLUMNS:
        raise CaptureError(f"{path}: {len(cells)} columns; a table of levels has at most {_MAX_COLUMNS}")
    names = [" ".join(cell.split()) for cell in cells[1:]]
    variables = {column: Variable(name or str(column), column) for column, name in enumerate(names)}
    return _Table(separator, _UNITS[(match[1] or b"s").lower()], len(cells)), variables


def _numbers(variables: Mapping[int, Variable]) -> dict[int, Variable]:
    """Return the columns by the numbers of their channels, where all have one; else by their indexes."""
    matches = {column: _NUMBERED.fullmatch(variable.name) for column, variable in variables.items()}
    numbers = {int(match[1]): variables[column] for column, match in matches.items() if match is not None}
    return numbers if len(numbers) == len(variables) else dict(variables)


class _StopReadingError(Exception):
    """The text here is no row of levels."""


def _read_rows(path: Path, table: _Table, rows: Iterator[tuple[int, bytes]], line: int) -> None:
    budget = EdgeBudget.for_file(path)
    try:
        for line, row in rows:
            stamp, _, tail = row.partition(table.separator)
            at = _step(table, stamp)
            if tail == table.tail:
                table.now = at
                continue
            levels = _quoted(tail) if b'"' in tail else tail.split(table.separator)
            if len(levels) != table.columns - 1:
                raise _StopReadingError(f"{len(levels) + 1} cells in place of {table.columns}")
            for column, changes in table.bits.items():
                _take(path, table, line, column, changes, at, levels[column].strip())
            table.now, table.tail = at, tail
            budget.take(len(table.bits))
    except _StopReadingError as error:
        text = f"line {line}: {error}; nothing is read from there on"
        table.remarks.append(Annotation(None, text, True))
    for first in sorted(set(table.empty.values())):
        text = "no data of a channel from here to the end"
        table.remarks.append(Annotation(first / STEPS_PER_SECOND, text, True))


def _quoted(row: bytes) -> list[bytes]:
    """Return the cells of a row with quotes."""
    try:
        return [cell.encode() for cell in next(csv.reader([row.decode("ascii", "replace")]))]
    except csv.Error as error:
        raise _StopReadingError(str(error)) from error


def _take(path: Path, table: _Table, line: int, column: int, changes: BitChanges, at: int, cell: bytes) -> None:
    """Return the level of one channel in one row."""
    level = _LEVELS.get(cell)
    if level is not None:
        first = table.empty.pop(column, None) if table.empty else None
        if first is not None:
            text = f"no data of a channel from here to {at / STEPS_PER_SECOND:.9f} s"
            table.remarks.append(Annotation(first / STEPS_PER_SECOND, text, True))
        changes.add(at, level)
    elif cell in _NO_DATA:
        table.empty.setdefault(column, at)
    elif not changes.known:
        text = cell[:20].decode("utf-8", "replace")
        raise CaptureError(f"{path}: line {line}: {text!r} is no level, as in a table of voltages; {EXPORT_ADVICE}")
    else:
        raise _StopReadingError(f"{cell[:20].decode('utf-8', 'replace')!r} is no level")


def _step(table: _Table, stamp: bytes) -> int:
    """Return the step of a row's time; the first row defines step 0."""
    stamp = stamp.strip().strip(b'"')
    time_ns = _nanoseconds(table, stamp)
    if time_ns is None:
        raise _StopReadingError(f"{stamp[:40].decode('utf-8', 'replace')!r} is no time")
    if table.origin is None:
        table.origin = min(0, time_ns) if table.day is None else time_ns
    step = time_ns - table.origin
    if not table.now <= step < _MAX_TIME:
        raise _StopReadingError(f"a time of {stamp[:40].decode('utf-8', 'replace')!r} after that of the row above")
    return step


def _nanoseconds(table: _Table, stamp: bytes) -> int | None:
    """Return a time in nanoseconds; for dates, since the first one."""
    if stamp[4:5] == b"-" and (match := _STAMP.fullmatch(stamp)):
        return _date_nanoseconds(table, match)
    try:
        value = float(stamp)
        if -_WHOLE_FLOAT < value < _WHOLE_FLOAT:
            return round(value * table.unit)
        number = Decimal(stamp.decode("ascii"))
    except (ValueError, InvalidOperation, UnicodeDecodeError):
        return None
    return round(number * table.unit) if number.is_finite() and number.adjusted() < 20 else None


def _date_nanoseconds(table: _Table, match: "re.Match[bytes]") -> int | None:
    zone = (match[3] or b"").decode().replace("Z", "+00:00")
    try:
        day = datetime.fromisoformat(match[1].decode() + zone)
        if table.day is None:
            table.day = day
            text = f"times count from the first row, {match[0].decode()}"
            table.remarks.append(Annotation(None, text))
        since = (day - table.day) // timedelta(seconds=1)
    except (ValueError, TypeError, OverflowError):
        return None
    return since * 10**9 + int((match[2] or b"0").ljust(9, b"0")[:9])
