"""Applies a filter to all rows at once: a mask of numpy, equal to what `decode --where` accepts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lensmount_emulator.traffic.event_columns import (
    DEFECT,
    FRAME,
    GARBAGE,
    NO_ROW,
    NOTE,
    WINDOW,
    Composition,
    EventColumns,
)
from lensmount_emulator.traffic.event_filter import (
    COMPARE,
    AllOf,
    AnyOf,
    Carries,
    Condition,
    FieldTest,
    Flag,
    Not,
    Test,
    compare_value,
)

Mask = npt.NDArray[np.bool_]

_COLUMNS = {"class": "class", "seq": "sequence", "pad": "padding"}


class RowFilter:
    """Filters the rows of a session.

    Args:
        columns: the traffic.
    """

    def __init__(self, columns: EventColumns) -> None:
        self._columns = columns
        self._rows = columns.rows()
        self._frames: Mask = self._rows["kind"] == FRAME

    def mask(self, condition: Condition) -> Mask:
        """Which rows pass."""
        if isinstance(condition, Flag):
            return self._flag(condition.name)
        if isinstance(condition, Test):
            return self._test(condition)
        if isinstance(condition, Carries):
            return self._frames & self._of_compositions(lambda one: not condition.messages.isdisjoint(one.names))
        if isinstance(condition, FieldTest):
            return self._field(condition)
        if isinstance(condition, Not):
            return ~self.mask(condition.inner)
        if isinstance(condition, AllOf):
            every = np.ones(len(self._frames), np.bool_)
            for part in condition.parts:
                every &= self.mask(part)
            return every
        assert isinstance(condition, AnyOf)
        some = np.zeros(len(self._frames), np.bool_)
        for part in condition.parts:
            some |= self.mask(part)
        return some

    def _of_compositions(self, test: Callable[[Composition], bool]) -> Mask:
        """Which rows have a composition that passes; other rows than frames have none."""
        passes = np.array([test(one) for one in self._columns.compositions] or [False], np.bool_)
        index = np.where(self._frames, self._rows["composition"], 0)
        return passes[index] & self._frames

    def _flag(self, name: str) -> Mask:
        kind, sender = self._rows["kind"], self._rows["sender"]
        routine = self._columns.dialect.routine
        flags: dict[str, Callable[[], Mask]] = {
            "body": lambda: sender == 1,
            "lens": lambda: sender == 2,
            "frame": lambda: self._frames,
            "garbage": lambda: kind == GARBAGE,
            "window": lambda: kind == WINDOW,
            "note": lambda: (kind >= NOTE) & (kind <= DEFECT),
            "edge": lambda: np.zeros(len(kind), np.bool_),
            "routine": lambda: self._of_compositions(lambda one: one.routine_name in routine),
            "unknown": lambda: self._of_compositions(lambda one: "UnknownMessage" in one.names),
            "answer": lambda: self._rows["answers"] != NO_ROW,
        }
        return flags[name]()

    def _test(self, test: Test) -> Mask:
        rows = self._rows
        if test.name == "type":
            return self._of_compositions(lambda one: _any_or_none(test, one.types))
        if test.name == "name":
            return self._of_compositions(lambda one: _any_or_none(test, one.names))
        if test.name == "dir":
            names = np.array(["", "body", "lens"])[rows["sender"]]
            return np.array([bool(name) and COMPARE[test.op](str(name), test.value) for name in names], np.bool_)
        if test.name == "line":
            return np.zeros(len(self._frames), np.bool_)
        if test.name == "text":
            return self._text(test)
        values, known = self._numbers(test.name)
        with np.errstate(invalid="ignore"):
            return known & np.asarray(_compare(values, test.op, test.value), np.bool_)

    def _numbers(self, name: str) -> tuple[npt.NDArray[Any], Mask]:
        """The values of an attribute, and which rows have it."""
        rows = self._rows
        if name == "t":
            return rows["at"], ~np.isnan(rows["at"])
        if name == "reply":
            answers = rows["answers"]
            values = rows["at"] - rows["end"][np.maximum(answers, 0)]
            return values, (answers != NO_ROW) & ~np.isnan(values)
        with_bytes = self._frames | (rows["kind"] == GARBAGE)
        if name == "size":
            return rows["size"], with_bytes
        if name == "baud":
            return rows["baudrate"], with_bytes
        if name == "gap":
            return rows["pause"], self._frames
        return rows[_COLUMNS[name]], self._frames

    def _text(self, test: Test) -> Mask:
        found = np.zeros(len(self._frames), np.bool_)
        for row in np.flatnonzero(~self._frames).tolist():
            text = getattr(self._columns.event(row), "text", None)
            found[row] = text is not None and COMPARE[test.op](text, test.value)
        return found

    def _field(self, test: FieldTest) -> Mask:
        found = np.zeros(len(self._frames), np.bool_)
        for name in test.fields:
            column = self._columns.field(name)
            if column.is_number and not isinstance(test.value, str) and test.op != "~":
                passes = np.asarray(_compare(column.values, test.op, test.value), np.bool_)
            else:
                passes = np.array([compare_value(one, test.op, test.value) for one in column.values.tolist()], np.bool_)
            found[column.row[passes]] = True
        return found


def _any_or_none(test: Test, values: tuple[Any, ...]) -> bool:
    if test.op == "!=":
        return all(COMPARE["!="](value, test.value) for value in values)
    return any(COMPARE[test.op](value, test.value) for value in values)


def _compare(values: npt.NDArray[Any], op: str, wanted: Any) -> Any:
    if op == "~":
        return [COMPARE["~"](value, wanted) for value in values.tolist()]
    return COMPARE[op](values, wanted)
