"""Hypotheses about one field: what it could be, how often that is right, and the cost of its description."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensmount_emulator.fidelity.ledger.labels import Label, covered_share
from lensmount_emulator.fidelity.ledger.series import MessageSeries, Value

KINDS = ("constant", "echo", "counter", "copy", "affine", "label", "correlates", "noise")
"""Kinds in the order in which equally good ones are listed: what the peer or the device itself causes comes first."""

MAX_ROWS = 32
"""Rows of a table at most; a longer one repeats the capture and explains nothing."""

MAX_WIDTH = 16
"""Largest distance from the most frequent value that noise has."""

NOISE_WEIGHT = 0.5
"""Noise predicts a range and no value, so it counts half."""

MAX_NUMBER = 1 << 61
"""Numbers beyond this one are looked at as values only: their differences would not fit."""

MAX_SPAN = 1 << 16
"""Span of numbers up to which they are counted in a table."""

MIN_SHARE = 0.2
"""A hypothesis that is right more rarely is not listed."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a field could be.

    Attributes:
        kind: `constant`, `echo`, `copy`, `affine`, `counter`, `correlates`, `noise` or `label`.
        text: the hypothesis in words.
        right: frames in which it is right; of a label, changes of the field in its time.
        total: frames that could show it; of a label, all changes.
        cost: numbers that it needs: values, rows of a table.
        details: its parameters by name.
    """

    kind: str
    text: str
    right: int
    total: int
    cost: int
    details: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())

    @property
    def merit(self) -> float:
        """Share of right frames after the cost; it ranks the hypotheses of one field."""
        weight = NOISE_WEIGHT if self.kind == "noise" else 1.0
        return weight * (self.right - self.cost) / self.total if self.total else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The hypothesis as JSON data."""
        return {
            "kind": self.kind,
            "text": self.text,
            "right": self.right,
            "total": self.total,
            "cost": self.cost,
            "merit": round(self.merit, 4),
            **self.details,
        }


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one field or of something known beside it, as arrays.

    Attributes:
        codes: for each occurrence the index of its value among all values of the series; -1 for none.
        own: for each occurrence the index of its value among those of the column, in the order in which they appear.
        values: the values of the column in that order.
        numbers: the values as numbers; `None` where some are not, or are too large.
    """

    codes: NDArray[np.int64]
    own: NDArray[np.int64]
    values: tuple[Value, ...]
    numbers: NDArray[np.int64] | None


class Columns:
    """The columns of a series; each is made once.

    Args:
        series: the series.

    Attributes:
        context: name of another value -> its column; only those that vary.
    """

    def __init__(self, series: MessageSeries) -> None:
        self.series = series
        self._codes: dict[Value, int] = {}
        made = {name: self.column(values) for name, values in series.context.items()}
        self.context = {name: column for name, column in made.items() if len(column.values) > 1}

    def column(self, values: Sequence[Value | None]) -> Column:
        """Make a column."""
        codes = self._codes
        everywhere = np.array([-1 if v is None else codes.setdefault(v, len(codes)) for v in values], np.int64)
        places: dict[Value, int] = {}
        own = np.array([-1 if v is None else places.setdefault(v, len(places)) for v in values], np.int64)
        numbers = None
        if all(isinstance(value, int) and abs(value) <= MAX_NUMBER for value in places):
            numbers = np.array([0 if value is None else value for value in values], np.int64)
        return Column(everywhere, own, tuple(places), numbers)


def rank_hypotheses(series: MessageSeries | Columns, name: str, labels: Sequence[Label] = ()) -> list[Hypothesis]:
    """Make the hypotheses of a field, the best first.

    Args:
        series: the occurrences of its message; `Columns` for several fields of one message.
        name: the field, or one byte of it.
        labels: what the user did.
    """
    known = series if isinstance(series, Columns) else Columns(series)
    values = known.series.fields[name]
    own = f"{known.series.message}.{name}"
    constant = _constant(values)
    if constant.right == constant.total:
        return [constant]
    column = known.column(values)
    columns = {key: other for key, other in known.context.items() if not _is_part(key, own)}
    found = [
        constant,
        *_counters(known.series, values),
        *_noise(column, columns),
        *_labels(known.series, values, labels),
    ]
    found += _best_equal(column, columns)
    found += _best_affine(column, columns)
    found += _best_tables(column, columns)
    ranked = sorted(found, key=lambda one: (-round(one.merit, 6), KINDS.index(one.kind), one.cost, one.text))
    return [one for one in ranked if one.right >= MIN_SHARE * one.total]


def _is_part(key: str, own: str) -> bool:
    """Whether another value is the field itself, a byte of it, or the field that a byte belongs to."""
    return key.split("[")[0] == own.split("[")[0]


def show(value: Value) -> str:
    """A value as text."""
    return value.hex(" ") if isinstance(value, bytes) else f"{value:#x}"


def _constant(values: Sequence[Value | None]) -> Hypothesis:
    counts = Counter(value for value in values if value is not None)
    value, right = min(counts.items(), key=lambda item: (-item[1], repr(item[0])))
    return Hypothesis("constant", f"constant {show(value)}", right, counts.total(), 1, {"value": show(value)})


def _best_equal(values: Column, columns: Mapping[str, Column]) -> list[Hypothesis]:
    """The best echo of a value of the peer, and the best copy of a value of the device."""
    best: dict[str, Hypothesis] = {}
    for key, column in columns.items():
        right = int(np.count_nonzero((values.codes == column.codes) & (values.codes >= 0)))
        kind = "echo" if key.startswith("last ") else "copy"
        made = Hypothesis(kind, f"{kind} of {key}", right, _seen(values), 2, {"of": key})
        if kind not in best or (-made.merit, key) < (-best[kind].merit, best[kind].details["of"]):
            best[kind] = made
    return list(best.values())


def _seen(values: Column) -> int:
    return int(np.count_nonzero(values.codes >= 0))


def _best_affine(values: Column, columns: Mapping[str, Column]) -> list[Hypothesis]:
    best: Hypothesis | None = None
    for key, column in columns.items():
        for sign, word in ((1, ""), (-1, "minus ")):
            offset, right = _most_common(_differences(values, column, sign))
            if not right or (offset == 0 and sign == 1):
                continue
            text = f"{word}{key} {'+' if offset >= 0 else '-'} {abs(offset):#x}"
            made = Hypothesis("affine", text, right, _seen(values), 3, {"of": key, "factor": sign, "add": offset})
            if best is None or (-made.merit, key) < (-best.merit, best.details["of"]):
                best = made
    return [] if best is None else [best]


def _differences(values: Column, column: Column, sign: int = 1) -> NDArray[np.int64]:
    """The numbers of a field minus those of another value, where both are known; empty where they are no numbers."""
    if values.numbers is None or column.numbers is None:
        return np.empty(0, np.int64)
    differences: NDArray[np.int64] = values.numbers - sign * column.numbers
    return differences[(values.codes >= 0) & (column.codes >= 0)]


def _most_common(numbers: NDArray[np.int64]) -> tuple[int, int]:
    """The most frequent number, the smallest of equally frequent ones, and how often it comes; 0 times for none."""
    if not numbers.size:
        return 0, 0
    low, high = int(numbers.min()), int(numbers.max())
    if high - low <= MAX_SPAN:
        counts = np.bincount(numbers - low)
        best = int(counts.argmax())
        return low + best, int(counts[best])
    found, times = np.unique(numbers, return_counts=True)
    best = int(times.argmax())
    return int(found[best]), int(times[best])


def _counters(series: MessageSeries, values: Sequence[Value | None]) -> Iterator[Hypothesis]:
    numbers = [value for value in values if isinstance(value, int)]
    if len(numbers) < 3 or len(numbers) != sum(value is not None for value in values):
        return
    span = 1 << 8 * max(1, (max(numbers).bit_length() + 7) // 8)
    for modulus in sorted({max(numbers) + 1, span}):
        steps = Counter(
            (b - a) % modulus
            for (a, s), (b, t) in pairwise(zip(values, series.sessions, strict=True))
            if isinstance(a, int) and isinstance(b, int) and s == t
        )
        steps_total = steps.total()
        step, right = max(
            ((step, times) for step, times in steps.items() if step), default=(0, 0), key=lambda one: one[1]
        )
        if right:
            text = f"counter, {step:+#x} a frame, modulo {modulus:#x}"
            yield Hypothesis("counter", text, right, steps_total, 3, {"step": step, "modulus": modulus})


def _best_tables(values: Column, columns: Mapping[str, Column]) -> list[Hypothesis]:
    """The best tables: the value is a function of another one, or of another one and a count."""
    single = [made for key, column in columns.items() if (made := _table(values, column.own, key, (key,), MAX_ROWS))]
    best = sorted(single, key=_order)[:MAX_TABLES]
    counts = [key for key in columns if " modulo " in key]
    double: list[Hypothesis] = []
    for one in best:
        key = one.details["with"][0]
        for count in counts:
            if count == key or one.right == one.total:
                continue
            first, second = columns[key], columns[count]
            both = np.where(
                (first.own >= 0) & (second.own >= 0), first.own * len(second.values) + second.own, np.int64(-1)
            )
            made = _table(values, both, f"{key} and {count}", (key, count), 2 * MAX_ROWS)
            double += [made] if made is not None and made.merit > one.merit else []
    return sorted([*best, *double], key=_order)[:MAX_TABLES]


def _order(hypothesis: Hypothesis) -> tuple[float, int, str]:
    return -hypothesis.merit, hypothesis.cost, hypothesis.text


def _table(values: Column, rows: NDArray[np.int64], name: str, keys: tuple[str, ...], most: int) -> Hypothesis | None:
    """A table from rows to the values; `None` where it has too many rows, or all rows are equal."""
    known = (values.own >= 0) & (rows >= 0)
    used, at = np.unique(rows[known], return_inverse=True)
    if not 0 < len(used) <= most:
        return None
    width = len(values.values)
    counts = np.bincount(at * width + values.own[known], minlength=len(used) * width).reshape(len(used), width)
    if (counts == counts.max(axis=1, keepdims=True)).all(axis=0).any():
        return None
    right = int(counts.max(axis=1).sum())
    text = f"correlates with {name}, {len(used)} rows"
    details = {"with": list(keys), "rows": len(used)}
    return Hypothesis("correlates", text, right, _seen(values), 1 + len(used), details)


MAX_TABLES = 3
"""Tables of a field that are listed."""


def _noise(values: Column, columns: Mapping[str, Column]) -> Iterator[Hypothesis]:
    """The field stays near its most frequent value, or near another value: the nearest one."""
    if values.numbers is None:
        return
    seen = _seen(values)
    numbers = values.numbers[values.codes >= 0]
    centre = _most_common(numbers)[0]
    best: Hypothesis | None = None
    for base, differences in (
        (f"{centre:#x}", numbers - centre),
        *((key, _differences(values, column)) for key, column in columns.items()),
    ):
        near = differences[np.abs(differences) <= MAX_WIDTH]
        if len(differences) < seen or not near.size or near.min() == near.max():
            continue
        low, high = int(near.min()), int(near.max())
        text = f"noise from {low:+d} to {high:+d} around {base}"
        details = {"around": base, "low": low, "high": high}
        made = Hypothesis("noise", text, len(near), seen, 1 + high - low, details)
        best = made if best is None or made.merit > best.merit else best
    if best is not None:
        yield best


def _labels(series: MessageSeries, values: Sequence[Value | None], labels: Sequence[Label]) -> Iterator[Hypothesis]:
    """Which share of the changes of a field lies in the time of a label, next to that time's share of the session."""
    changes = [
        at
        for (a, s, _), (b, t, at) in pairwise(zip(values, series.sessions, series.times, strict=True))
        if a is not None and b is not None and a != b and s == t and at is not None
    ]
    times = [at for at in series.times if at is not None]
    for text in dict.fromkeys(label.text for label in labels):
        inside = sum(any(label.covers(at) for label in labels if label.text == text) for at in changes)
        share = covered_share(labels, text, times)
        if inside and inside / len(changes) > share:
            words = f"changes with {text!r}, which takes {share:.0%} of the frames"
            yield Hypothesis(
                "label", words, inside, len(changes), 1, {"label": text, "share_of_frames": round(share, 4)}
            )
