"""Columns of one field: its value in every frame that carries it, read from the bytes at once where the layout allows.

A field of fixed place and a plain integer layout is read for all frames of one composition in one step of numpy. Any
other field is read by parsing each frame.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from struct import calcsize
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lensmount_protocol.codec.field_spans import frame_spans
from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown_name_message
from lensmount_protocol.framer import UnitFrame
from lensmount_protocol.message import FieldSpec, Message, group_fields

if TYPE_CHECKING:
    from lensmount_emulator.traffic.event_columns import EventColumns


class FieldColumn(NamedTuple):
    """The values of one field.

    Attributes:
        name: the field, as `Message.field`.
        spec: its declaration.
        row: row of each value.
        at: time of each value, in seconds: the start of its frame; NaN where the source has none.
        values: the values: int64, or objects where they are no integers.
    """

    name: str
    spec: FieldSpec
    row: npt.NDArray[np.int64]
    at: npt.NDArray[np.float64]
    values: npt.NDArray[Any]

    def joined(self, later: "FieldColumn") -> "FieldColumn":
        """This column with the values of later rows after its own."""
        if not len(later.row):
            return self
        if not len(self.row):
            return later
        values = (self.values, later.values)
        if any(part.dtype == object for part in values):
            values = self.values.astype(object), later.values.astype(object)
        return self._replace(
            row=np.concatenate([self.row, later.row]),
            at=np.concatenate([self.at, later.at]),
            values=np.concatenate(values),
        )

    @property
    def is_number(self) -> bool:
        """Whether every value is a number, so that it can be plotted."""
        return self.values.dtype.kind in "biuf"


def find_field(dialect: Dialect, name: str) -> tuple[list[type[Message]], FieldSpec, tuple[str, ...]]:
    """The messages that carry a field, its declaration, and the names that lead to it inside a message.

    Args:
        dialect: the dialect.
        name: `Message.field`; `Message.group.field` inside a group.

    Raises:
        DialectError: the message or the field is unknown.
    """
    kind, _, path = name.partition(".")
    classes = [cls for cls in dialect.messages.values() if cls.__name__ == kind]
    if not classes:
        known = {cls.__name__ for cls in dialect.messages.values()}
        raise DialectError(unknown_name_message("message", kind, known))
    steps = tuple(path.split("."))
    fields: tuple[FieldSpec, ...] = classes[0].FIELDS
    spec: FieldSpec | None = None
    for number, step in enumerate(steps):
        spec = next((one for one in fields if one.name == step), None)
        if spec is None:
            before = ".".join((kind, *steps[:number]))
            raise DialectError(unknown_name_message(f"field of {before}", step, (one.name for one in fields)))
        fields = group_fields(spec)
    assert spec is not None
    return classes, spec, steps


def extract_field(columns: "EventColumns", name: str, since: int = 0) -> FieldColumn:
    """Read a field from every frame that carries it.

    Args:
        columns: the traffic.
        name: the field.
        since: the first row to look at.

    Raises:
        DialectError: the message or the field is unknown.
    """
    classes, spec, steps = find_field(columns.dialect, name)
    names = {cls.__name__ for cls in classes}
    composition, kind = columns.column("composition", since), columns.column("kind", since)
    rows: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[Any]] = []
    for number, found in enumerate(columns.compositions):
        if names.isdisjoint(found.names):
            continue
        here = np.flatnonzero((composition == number) & (kind == 0)) + since
        if not len(here):
            continue
        one_of_each = found.names.count(next(iter(names & set(found.names)))) == 1
        fast = _read_at_once(columns, here, names, steps[0], since) if one_of_each and len(steps) == 1 else None
        if fast is None:
            pairs = list(_read_each(columns, here, names, steps))
            here = np.array([row for row, _ in pairs], np.int64)
            fast = _as_array([value for _, value in pairs])
        rows.append(here.astype(np.int64))
        values.append(fast)
    if not rows:
        nothing = np.zeros(0, np.int64)
        return FieldColumn(name, spec, nothing, np.zeros(0), nothing)
    row = np.concatenate(rows)
    mixed = any(part.dtype == object for part in values)
    value = np.concatenate([part.astype(object) if mixed else part for part in values])
    order = np.argsort(row, kind="stable")
    return FieldColumn(name, spec, row[order], columns.column("at", since)[row[order] - since], value[order])


SCANNED = 8192
"""Rows that are searched at once for the last one that carries a field."""


@dataclass(slots=True)
class LastValue:
    """The last value of a field up to a time, found again in few steps while the traffic grows.

    Attributes:
        name: the field.
        row: the row that carries the value; -1 for none.
        value: the value.
        scanned: rows that were searched.
    """

    name: str
    row: int = -1
    value: Any = None
    scanned: int = 0

    def find(self, columns: "EventColumns", at: float) -> bool:
        """Search up to a time; returns whether there is a value.

        Raises:
            DialectError: the message or the field is unknown.
        """
        end = _rows_until(columns.view("at"), at)
        begin = self.scanned if self.scanned <= end else 0
        if begin == 0:
            self.row, self.value = -1, None
        self._scan(columns, begin, end, at)
        self.scanned = end
        return self.row >= 0

    def _scan(self, columns: "EventColumns", begin: int, end: int, at: float) -> None:
        classes, _, steps = find_field(columns.dialect, self.name)
        names = {cls.__name__ for cls in classes}
        numbers = [number for number, one in enumerate(columns.compositions) if not names.isdisjoint(one.names)]
        if not numbers:
            return
        times, kind, composition = columns.view("at"), columns.view("kind"), columns.view("composition")
        for last in range(end, begin, -SCANNED):
            first = max(begin, last - SCANNED)
            here = np.isin(composition[first:last], numbers) & (kind[first:last] == 0) & (times[first:last] <= at)
            for row in (np.flatnonzero(here)[::-1] + first).tolist():
                pairs = list(_read_each(columns, np.array([row], np.int64), names, steps))
                if pairs:
                    self.row, self.value = pairs[-1]
                    return


def _rows_until(times: npt.NDArray[np.float64], at: float) -> int:
    """How many rows there are until a time; those without one count to the row before them."""
    end = int(np.searchsorted(times, at, side="right"))
    if end == len(times) or times[end] > at:
        return end
    # The search ended at a row without a time, which compares as later than every time: go by the other rows.
    timed = np.flatnonzero(~np.isnan(times))
    known = int(np.searchsorted(times[timed], at, side="right"))
    return int(timed[known]) if known < len(timed) else len(times)


def _read_at_once(
    columns: "EventColumns", rows: npt.NDArray[np.int64], names: set[str], name: str, since: int
) -> npt.NDArray[Any] | None:
    """Read an integer at a fixed place of all these frames; `None` where that is not possible."""
    event = columns.event(int(rows[0]))
    if not isinstance(event, DecodedFrame):
        return None
    if isinstance(event.frame, UnitFrame) and any(
        len(np.unique(columns.view(part, since)[rows - since])) > 1 for part in ("class", "size")
    ):
        # Units of several forms may hold the field at several places.
        return None
    for span in frame_spans(event.frame):
        if type(span.message).__name__ not in names:
            if isinstance(span.message, Message) and not span.message.VARIES and span.message.PREFIX is None:
                continue
            return None
        if not isinstance(span.message, Message) or span.message.VARIES or span.message.PREFIX is not None:
            return None
        place = next((one for one in span.fields if one.name == name), None)
        if place is None:
            # The block of the field is left out of these frames.
            return None
        layout = resolve(place.spec.layout)
        layout = getattr(layout, "subcon", layout) if hasattr(layout, "members") else layout
        form = getattr(layout, "fmtstr", "")
        if len(form) != 2 or form[1] not in "bBhHiIlLqQ":
            return None
        width = place.end - place.start
        if not place.exact or width != calcsize(form):
            # Bits of other bytes make up the value.
            return None
        blob, offsets = columns.blob_view(since)
        base = offsets[rows - since][:, None] + np.arange(place.start, place.end)
        chosen = np.ascontiguousarray(blob[base]).view(np.dtype(f"{form[0]}{'u' if form[1].isupper() else 'i'}{width}"))
        return chosen.reshape(-1).astype(np.int64)
    return None


def _read_each(
    columns: "EventColumns", rows: npt.NDArray[np.int64], names: set[str], steps: tuple[str, ...]
) -> Iterator[tuple[int, Any]]:
    for row in rows.tolist():
        event = columns.event(row)
        if not isinstance(event, DecodedFrame):
            continue
        for span in frame_spans(event.frame):
            if type(span.message).__name__ in names and any(one.name == steps[0] for one in span.fields):
                value: Any = span.message
                for step in steps:
                    value = getattr(value, step)
                yield row, value


def _as_array(values: list[Any]) -> npt.NDArray[Any]:
    plain = [int(value) if isinstance(value, enum.IntEnum | bool) else value for value in values]
    if all(isinstance(value, int) and abs(value) < 1 << 62 for value in plain):
        return np.array(plain, np.int64)
    if all(isinstance(value, int | float) for value in plain):
        return np.array(plain, np.float64)
    made = np.empty(len(plain), object)
    made[:] = plain
    return made
