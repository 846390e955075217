"""Decoded traffic as tables: one row per frame, per edge or per field value, for dataframes and files.

polars and pandas are used only where the user has installed them.
"""

import enum
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from lensmount_emulator.traffic.event_columns import FRAME, KINDS, NO_ROW, SENDER_NAMES, EventColumns
from lensmount_protocol.codec.field_spans import frame_spans
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage
from lensmount_protocol.describe import format_value, to_json_values
from lensmount_protocol.errors import DialectError
from lensmount_protocol.message import Message

Range = tuple[float, float]
"""First and last time, in seconds."""


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of one length.

    Attributes:
        columns: name -> values; `None` where a row has none.
    """

    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows."""
        return zip(*self.columns.values(), strict=True)

    def to_dataframe(self) -> Any:
        """The table as a dataframe of polars or pandas.

        Raises:
            DialectError: neither is installed.
        """
        if find_spec("polars") is not None:
            return import_module("polars").DataFrame(dict(self.columns), strict=False)
        if find_spec("pandas") is not None:
            return import_module("pandas").DataFrame(dict(self.columns))
        raise DialectError("a dataframe needs polars or pandas: pip install polars")


def make_table(columns: EventColumns, fields: Sequence[str] = (), within: Range | None = None) -> Table:
    """One row per frame, run of garbage, window and note.

    Args:
        columns: the traffic.
        fields: fields to add as columns, as `Message.field`.
        within: only rows that begin between these times.

    Raises:
        DialectError: a field is unknown.
    """
    rows = columns.rows()
    chosen = _within(rows["at"], within)
    found = [columns.composition(row) for row in chosen.tolist()]
    answers, at, end = rows["answers"], rows["at"], rows["end"]
    replies = [
        None if answers[row] == NO_ROW else _number(float(at[row] - end[answers[row]])) for row in chosen.tolist()
    ]
    table: dict[str, Sequence[Any]] = {
        "row": chosen.tolist(),
        "t_s": [_number(value) for value in at[chosen].tolist()],
        "end_s": [_number(value) for value in end[chosen].tolist()],
        "kind": [KINDS[kind] for kind in rows["kind"][chosen].tolist()],
        "dir": [SENDER_NAMES[sender] for sender in rows["sender"][chosen].tolist()],
        "baud": rows["baudrate"][chosen].tolist(),
        "class": rows["class"][chosen].tolist(),
        "seq": rows["sequence"][chosen].tolist(),
        "types": ["+".join(f"{type_:02X}" for type_ in one.types) if one else None for one in found],
        "names": ["+".join(one.names) if one else None for one in found],
        "bytes": rows["size"][chosen].tolist(),
        "pad": rows["padding"][chosen].tolist(),
        "pause_us": [round(value * 1e6, 3) for value in rows["pause"][chosen].tolist()],
        "answers_row": [None if row == NO_ROW else row for row in answers[chosen].tolist()],
        "reply_s": replies,
        "hex": [columns.payload_bytes(row).hex() for row in chosen.tolist()],
        "text": [_text(columns, row) for row in chosen.tolist()],
    }
    for name in fields:
        column = columns.field(name)
        values = dict(zip(column.row.tolist(), column.values.tolist(), strict=True))
        table[name] = [_plain(values.get(row)) for row in chosen.tolist()]
    return Table(table)


def edge_table(columns: EventColumns, within: Range | None = None) -> Table:
    """One row per edge: time, line, level and the end that drives the line."""
    drivers = columns.dialect.drivers
    parts: list[tuple[float, str, int, str | None]] = []
    for name, line in columns.lines().items():
        driver = drivers.get(name)
        chosen = _within(line.at, within)
        parts += [
            (at, name, level, driver.value if driver else None)
            for at, level in zip(line.at[chosen].tolist(), line.level[chosen].tolist(), strict=True)
        ]
    parts.sort(key=lambda part: part[0])
    names = ("t_s", "line", "level", "driver")
    return Table({name: [part[number] for part in parts] for number, name in enumerate(names)})


FIELD_COLUMNS = ("row", "t_s", "dir", "message", "field", "value", "text", "unit", "first_byte", "bytes")


def field_rows(columns: EventColumns, within: Range | None = None) -> Iterator[tuple[Any, ...]]:
    """Yield one row per field value, in the order of `FIELD_COLUMNS`."""
    rows = columns.rows()
    for row in _within(rows["at"], within).tolist():
        if rows["kind"][row] != FRAME:
            continue
        event = columns.event(row)
        if not isinstance(event, DecodedFrame):
            continue
        for span in frame_spans(event.frame):
            if not isinstance(span.message, Message):
                continue
            values = to_json_values(span.message)
            for one in span.fields:
                value = getattr(span.message, one.name)
                text = format_value(one.spec, value) if value is not None else ""
                yield (
                    row,
                    event.at,
                    event.sender.value,
                    type(span.message).__name__,
                    one.name,
                    values[one.name] if not isinstance(values[one.name], list | dict) else str(values[one.name]),
                    text,
                    one.spec.unit,
                    one.start,
                    one.end - one.start,
                )


def _within(at: npt.NDArray[np.float64], within: Range | None) -> npt.NDArray[np.int64]:
    if within is None:
        return np.arange(len(at))
    with np.errstate(invalid="ignore"):
        return np.flatnonzero((at >= within[0]) & (at <= within[1]))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 9)


def _text(columns: EventColumns, row: int) -> str | None:
    if columns.composition(row) is not None:
        return None
    event = columns.event(row)
    if isinstance(event, DecodedGarbage):
        return event.reason.value
    text = getattr(event, "text", None)
    return None if text is None else str(text)


def _plain(value: Any) -> Any:
    """A value that a cell holds: a number, or text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.IntEnum | bool):
        return int(value)
    return value if isinstance(value, int | float | str | None) else str(value)
