"""Writes decoded traffic to data files: CSV, Parquet by pyarrow or polars, a trace for Perfetto."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lensmount_emulator.reports.data_files.perfetto import join_packets, trace_packets, track_count
from lensmount_emulator.traffic.data_frames import (
    FIELD_COLUMNS,
    Range,
    edge_table,
    field_rows,
    make_table,
)
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.errors import CaptureError

TABLES = ("frames", "edges", "fields")
"""What a row of a table is: a frame or a note, an edge of a line, a value of a field."""

ENDINGS = (".csv", ".parquet", ".pftrace")

PARQUET_LIBRARIES = ("pyarrow", "polars")
"""The libraries that write Parquet; the first one that is installed is used."""

_BATCH = 2000


def check_parquet() -> None:
    """Check that a library that writes Parquet is installed.

    Raises:
        CaptureError: there is none.
    """
    if all(find_spec(name) is None for name in PARQUET_LIBRARIES):
        raise CaptureError("Parquet needs pyarrow or polars: pip install pyarrow; a .csv needs nothing")


def write_data_file(
    target: Path,
    columns: EventColumns,
    *,
    table: str = "frames",
    fields: Sequence[str] = (),
    within: Range | None = None,
    title: str = "",
    overwrite: bool = False,
    inputs: Iterable[Path] = (),
) -> int:
    """Write a data file; its ending selects the format.

    Args:
        target: the file: `.csv`, `.parquet` or `.pftrace`.
        columns: the traffic.
        table: what a row is; see `TABLES`. A trace has no rows.
        fields: fields that become columns of the table `frames`.
        within: only what begins between these times.
        title: name of the group of tracks in a trace.
        overwrite: replace an existing file.
        inputs: files that must not be replaced.

    Returns:
        Number of rows; of a trace, number of events.

    Raises:
        CaptureError: the file cannot be written, or no library for Parquet is installed.
        DialectError: a field is unknown.
    """
    if target.suffix == ".parquet":
        check_parquet()
    head, rows = _rows(columns, table, fields, within)
    with OutputFile(target, overwrite=overwrite, inputs=inputs) as output:
        try:
            count = _WRITERS[target.suffix](output, head, rows, lambda: trace_packets(columns, title, within))
        except OSError as error:
            raise CaptureError(f"{target}: {error.strerror or error}") from error
    return count - track_count(columns) if target.suffix == ".pftrace" else count


_Rows = Iterator[tuple[Any, ...]]


def _rows(
    columns: EventColumns, table: str, fields: Sequence[str], within: Range | None
) -> tuple[Sequence[str], _Rows]:
    if table == "fields":
        return FIELD_COLUMNS, field_rows(columns, within)
    made = edge_table(columns, within) if table == "edges" else make_table(columns, fields, within)
    return tuple(made.columns), made.rows()


def _write_csv(output: OutputFile, head: Sequence[str], rows: _Rows, _packets: Callable[[], Iterator[bytes]]) -> int:
    count = 0
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    for count, row in enumerate(rows, 1):
        writer.writerow(["" if value is None else _cell(value) for value in row])
        if count % _BATCH == 0:
            output.file.write(buffer.getvalue().encode("utf-8", "backslashreplace"))
            buffer.seek(0)
            buffer.truncate()
    output.file.write(buffer.getvalue().encode("utf-8", "backslashreplace"))
    return count


def _cell(value: Any) -> Any:
    """A cell as plain text; text that a spreadsheet would take for a formula gets a quotation mark in front."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _write_parquet(
    output: OutputFile, head: Sequence[str], rows: _Rows, _packets: Callable[[], Iterator[bytes]]
) -> int:
    parts: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [() for _ in head]
    table = {name: _typed(part) for name, part in zip(head, parts, strict=True)}
    if find_spec("pyarrow") is not None:
        arrow = import_module("pyarrow")
        import_module("pyarrow.parquet").write_table(arrow.table(table), output.file, compression="zstd")
    else:
        import_module("polars").DataFrame(table, strict=False).write_parquet(output.file, compression="zstd")
    return len(parts[0])


def _typed(values: Sequence[Any]) -> list[Any]:
    """A column of one type; one that holds text and numbers becomes text, without halves of surrogate pairs."""
    texts = {isinstance(value, str) for value in values if value is not None}
    if True not in texts:
        return list(values)
    return [
        None if value is None else str(value).encode("utf-8", "backslashreplace").decode("utf-8") for value in values
    ]


def _write_trace(output: OutputFile, _head: Sequence[str], _rows: _Rows, packets: Callable[[], Iterator[bytes]]) -> int:
    made = list(packets())
    for piece in join_packets(made):
        output.file.write(piece)
    return len(made)


_Writer = Callable[[OutputFile, Sequence[str], _Rows, Callable[[], Iterator[bytes]]], int]
_WRITERS: Mapping[str, _Writer] = {".csv": _write_csv, ".parquet": _write_parquet, ".pftrace": _write_trace}
