"""Writes decoded traffic to data files: CSV, Parquet by pyarrow or polars, and traces that Perfetto opens.

A trace has lines as counters, and frames as slices with fields as arguments. Its format is protobuf
(`perfetto.protos.Trace`); it uses eight kinds of message with few fields, so the encoder is here and needs no library.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lensmount_emulator.traffic.data_frames import (
    FIELD_COLUMNS,
    Range,
    edge_table,
    field_rows,
    make_table,
)
from lensmount_emulator.traffic.event_columns import GARBAGE, NO_ROW, WINDOW, EventColumns
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage
from lensmount_protocol.describe import format_value, message_name
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role

SEQUENCE = 1
"""Number of the one sequence of packets in a trace."""

_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4
_ROOT, _FIRST_LINE = 1, 100
_TRACKS = {Role.BODY: 2, Role.LENS: 3}
_NOTES, _GARBAGE, _STATES, _TIMING = 4, 5, 6, 7


def trace_packets(columns: EventColumns, title: str, within: tuple[float, float] | None = None) -> Iterator[bytes]:
    """Yield the packets of a trace; written one after another they are the file.

    Args:
        columns: the traffic.
        title: name of the group of tracks.
        within: only what begins between these times, in seconds.
    """
    yield _track(_ROOT, title, None)
    for role, uuid in _TRACKS.items():
        yield _track(uuid, f"{role.value} to {role.peer.value}", _ROOT)
    yield _track(_NOTES, "notes", _ROOT)
    yield _track(_GARBAGE, "garbage", _ROOT)
    yield _track(_STATES, "link state (inferred)", _ROOT)
    yield _track(_TIMING, "timing violations", _ROOT)
    lines = columns.lines()
    for number, name in enumerate(lines):
        yield _track(_FIRST_LINE + number, name, _ROOT, counter=True)
    first, last = within or (float("-inf"), float("inf"))
    for number, line in enumerate(lines.values()):
        for at, level in zip(line.at.tolist(), line.level.tolist(), strict=True):
            if first <= at <= last:
                yield _event(at, _COUNTER, _FIRST_LINE + number, value=level)
    yield from _trace_rows(columns, first, last)
    changes = [change for change in columns.states if change.legal and first <= change.at <= last]
    for number, change in enumerate(changes):
        if number:
            yield _event(change.at, _END, _STATES)
        yield _event(change.at, _BEGIN, _STATES, change.state, {"trigger": change.trigger})
    for result in columns.timing():
        for at, interval_us in result.violations:
            if first <= at <= last:
                bounds = f"{result.rule.minimum_us:g} to {result.rule.maximum_us:g} µs"
                yield _event(at, _INSTANT, _TIMING, result.rule.name, {"interval_us": interval_us, "bounds": bounds})


def track_count(columns: EventColumns) -> int:
    """Number of packets of a trace in which nothing happens: its tracks."""
    return 1 + len(_TRACKS) + len((_NOTES, _GARBAGE, _STATES, _TIMING)) + len(columns.lines())


def _trace_rows(columns: EventColumns, first: float, last: float) -> Iterator[bytes]:
    rows = columns.rows()
    for row, (kind, at, end) in enumerate(
        zip(rows["kind"].tolist(), rows["at"].tolist(), rows["end"].tolist(), strict=True)
    ):
        if not first <= at <= last:
            continue
        event = columns.event(row)
        if isinstance(event, DecodedFrame):
            name = " + ".join(f"{message_type(one):02X} {message_name(one)}" for one in event.messages)
            answers = int(rows["answers"][row])
            yield _event(at, _BEGIN, _TRACKS[event.sender], name or "empty frame", _arguments(event, row, answers))
            yield _event(max(at, end) if end == end else at, _END, _TRACKS[event.sender])
        elif isinstance(event, DecodedGarbage):
            about = {"reason": event.reason.value, "hex": event.data.hex(), "from": event.sender.value}
            yield _event(at, _INSTANT, _GARBAGE, f"{len(event.data)} bytes, {event.reason.value}", about)
        elif kind not in (GARBAGE, WINDOW):
            yield _event(at, _INSTANT, _NOTES, str(getattr(event, "text", "note")))


def _arguments(event: DecodedFrame, row: int, answers: int) -> dict[str, Any]:
    about: dict[str, Any] = {
        "row": row,
        "class": event.frame.class_,
        "sequence": event.frame.sequence,
        "baud": event.baudrate,
        "hex": event.frame.raw.hex(),
    }
    if answers != NO_ROW:
        about["answers row"] = answers
    for message in event.messages:
        if isinstance(message, Message):
            for spec in message.FIELDS:
                value = getattr(message, spec.name)
                plain = isinstance(value, int | float) and not spec.formatter and not hasattr(value, "name")
                text = "" if value is None else format_value(spec, value)
                about[f"{message_name(message)}.{spec.name}"] = value if plain else text
    return about


def _utf8(text: str) -> bytes:
    """Text of a file, which may hold half a surrogate pair."""
    return text.encode("utf-8", "backslashreplace")


def _track(uuid: int, name: str, parent: int | None, *, counter: bool = False) -> bytes:
    body = _int(1, uuid) + _bytes(2, _utf8(name))
    if parent is not None:
        body += _int(5, parent)
    if counter:
        body += _bytes(8, b"")
    return _bytes(1, _int(10, SEQUENCE) + _bytes(60, body))


def _event(
    at: float, kind: int, track: int, name: str = "", about: Mapping[str, Any] | None = None, value: int | None = None
) -> bytes:
    body = _int(9, kind) + _int(11, track)
    if name:
        body += _bytes(23, _utf8(name))
    if value is not None:
        body += _int(30, value)
    for key, one in (about or {}).items():
        body += _bytes(4, _bytes(10, _utf8(key)) + _argument(one))
    return _bytes(1, _int(8, max(0, round(at * 1e9))) + _int(10, SEQUENCE) + _bytes(11, body))


def _argument(value: Any) -> bytes:
    if isinstance(value, bool):
        return _int(2, value)
    if isinstance(value, int):
        return _int(4, value)
    if isinstance(value, float):
        return _bytes(6, f"{value:g}".encode())
    return _bytes(6, _utf8(str(value)))


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def join_packets(packets: Iterable[bytes], size: int = 1 << 20) -> Iterator[bytes]:
    """Yield packets in pieces of about `size` bytes, so that a file is written in few steps."""
    piece = bytearray()
    for packet in packets:
        piece += packet
        if len(piece) >= size:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


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
