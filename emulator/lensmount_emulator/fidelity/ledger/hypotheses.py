"""Hypotheses about one field: what it could be, how often that is right, and what it costs to say so."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

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


def rank_hypotheses(series: MessageSeries, name: str, labels: Sequence[Label] = ()) -> list[Hypothesis]:
    """Make the hypotheses of a field, the best first.

    Args:
        series: the occurrences of its message.
        name: the field, or one byte of it.
        labels: what the user did.
    """
    values = series.fields[name]
    own = f"{series.message}.{name}"
    constant = _constant(values)
    if constant.right == constant.total:
        return [constant]
    columns = {
        key: column
        for key, column in series.context.items()
        if not _is_part(key, own) and len(set(column) - {None}) > 1
    }
    found = [constant, *_counters(series, values), *_noise(values, columns), *_labels(series, values, labels)]
    found += _best_equal(values, columns)
    found += _best_affine(values, columns)
    found += _best_tables(values, columns)
    ranked = sorted(found, key=lambda one: (-round(one.merit, 6), KINDS.index(one.kind), one.cost, one.text))
    return [one for one in ranked if one.right >= MIN_SHARE * one.total]


def _is_part(key: str, own: str) -> bool:
    """Whether another value is the field itself, a byte of it, or the field that a byte belongs to."""
    return key.split("[")[0] == own.split("[")[0]


def show(value: Value) -> str:
    """A value as text."""
    return value.hex(" ") if isinstance(value, bytes) else f"{value:#x}"


def _pairs(first: Sequence[Value | None], second: Sequence[Value | None]) -> Iterator[tuple[Value, Value]]:
    for a, b in zip(first, second, strict=True):
        if a is not None and b is not None:
            yield a, b


def _constant(values: Sequence[Value | None]) -> Hypothesis:
    counts = Counter(value for value in values if value is not None)
    value, right = min(counts.items(), key=lambda item: (-item[1], repr(item[0])))
    return Hypothesis("constant", f"constant {show(value)}", right, counts.total(), 1, {"value": show(value)})


def _best_equal(values: Sequence[Value | None], columns: Mapping[str, Sequence[Value | None]]) -> list[Hypothesis]:
    """The best echo of a value of the peer, and the best copy of a value of the device."""
    best: dict[str, Hypothesis] = {}
    for key, column in columns.items():
        pairs = list(_pairs(values, column))
        right = sum(a == b for a, b in pairs)
        kind = "echo" if key.startswith("last ") else "copy"
        made = Hypothesis(kind, f"{kind} of {key}", right, _seen(values), 2, {"of": key})
        if pairs and (kind not in best or made.merit > best[kind].merit):
            best[kind] = made
    return list(best.values())


def _seen(values: Sequence[Value | None]) -> int:
    return sum(value is not None for value in values)


def _best_affine(values: Sequence[Value | None], columns: Mapping[str, Sequence[Value | None]]) -> list[Hypothesis]:
    best: Hypothesis | None = None
    for key, column in columns.items():
        for sign, word in ((1, ""), (-1, "minus ")):
            offsets = Counter(
                a - sign * b for a, b in _pairs(values, column) if isinstance(a, int) and isinstance(b, int)
            )
            if not offsets:
                continue
            offset, right = offsets.most_common(1)[0]
            if offset == 0 and sign == 1:
                continue
            text = f"{word}{key} {'+' if offset >= 0 else '-'} {abs(offset):#x}"
            made = Hypothesis("affine", text, right, _seen(values), 3, {"of": key, "factor": sign, "add": offset})
            if best is None or made.merit > best.merit:
                best = made
    return [] if best is None else [best]


def _counters(series: MessageSeries, values: Sequence[Value | None]) -> Iterator[Hypothesis]:
    numbers = [value for value in values if isinstance(value, int)]
    if len(numbers) < 3 or len(numbers) != _seen(values):
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


def _best_tables(values: Sequence[Value | None], columns: Mapping[str, Sequence[Value | None]]) -> list[Hypothesis]:
    """The best tables: the value is a function of another one, or of another one and a count."""
    single = [made for key, column in columns.items() if (made := _table(values, column, key, (key,), MAX_ROWS))]
    best = sorted(single, key=_order)[:MAX_TABLES]
    counts = [key for key in columns if " modulo " in key]
    double: list[Hypothesis] = []
    for one in best:
        key = one.details["with"][0]
        for count in counts:
            if count == key or one.right == one.total:
                continue
            both = [
                None if a is None or b is None else (a, b) for a, b in zip(columns[key], columns[count], strict=True)
            ]
            made = _table(values, both, f"{key} and {count}", (key, count), 2 * MAX_ROWS)
            double += [made] if made is not None and made.merit > one.merit else []
    return sorted([*best, *double], key=_order)[:MAX_TABLES]


def _order(hypothesis: Hypothesis) -> tuple[float, int, str]:
    return -hypothesis.merit, hypothesis.cost, hypothesis.text


def _table(
    values: Sequence[Value | None], column: Sequence[object], name: str, keys: tuple[str, ...], most: int
) -> Hypothesis | None:
    """A table from a column to the values; `None` where it has too many rows, or all rows say the same."""
    rows: defaultdict[object, Counter[Value]] = defaultdict(Counter[Value])
    for value, key in zip(values, column, strict=True):
        if value is not None and key is not None:
            rows[key][value] += 1
            if len(rows) > most:
                return None
    if len({row.most_common(1)[0][0] for row in rows.values()}) < 2:
        return None
    right = sum(row.most_common(1)[0][1] for row in rows.values())
    text = f"correlates with {name}, {len(rows)} rows"
    details = {"with": list(keys), "rows": len(rows)}
    return Hypothesis("correlates", text, right, _seen(values), 1 + len(rows), details)


MAX_TABLES = 3
"""Tables of a field that are listed."""


def _noise(values: Sequence[Value | None], columns: Mapping[str, Sequence[Value | None]]) -> Iterator[Hypothesis]:
    """The field stays near its most frequent value, or near another value: the nearest one."""
    numbers = [value for value in values if isinstance(value, int)]
    if not numbers:
        return
    centre = Counter(numbers).most_common(1)[0][0]
    bases = {f"{centre:#x}": [value - centre for value in numbers]}
    for key, column in columns.items():
        differences = [a - b for a, b in _pairs(values, column) if isinstance(a, int) and isinstance(b, int)]
        if len(differences) == len(numbers):
            bases[key] = differences
    best: Hypothesis | None = None
    for base, differences in bases.items():
        near = [difference for difference in differences if abs(difference) <= MAX_WIDTH]
        if len(set(near)) < 2:
            continue
        low, high = min(near), max(near)
        text = f"noise from {low:+d} to {high:+d} around {base}"
        details = {"around": base, "low": low, "high": high}
        made = Hypothesis("noise", text, len(near), _seen(values), 1 + high - low, details)
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
