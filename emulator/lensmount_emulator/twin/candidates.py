"""Candidate rules of one field, each with its cost on the training samples.

A candidate predicts every sample from the samples before it; the cost is the number of wrong predictions, and a price
for each row that it stores. So a table that only repeats what it has seen costs more than a constant.
"""

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from lensmount_emulator.engine.field_rules import PHASE, Between
from lensmount_emulator.engine.rule_player import clear_bit, value_between
from lensmount_emulator.engine.twin_traits import Key, KeyPart

SETTLING = 0.25
"""Share of the samples, from the first, in which a wrong prediction costs nothing: the session starts."""

STARTING_PAIRS = 8
"""First pairs of every stream, in which a wrong prediction costs nothing either."""

ROW_PRICE = 0.3
"""Price of a row of a table, in wrong predictions."""

STATE_PRICE = 0.7
"""Price of a state in the key, in wrong predictions: a field depends on a state only where that explains something."""

HIDDEN_PRICE = 0.05
"""Price of a longer cycle in the key, in wrong predictions. Its phase is hidden, so of equal keys the one that the peer
sends is better. A parity costs nothing: rows of manual lenses follow that of the frame's number (LEX)."""

RECENT = 7
"""Last values of a row from which its value is taken."""

MAX_CANDIDATE_ROWS = 4000
MAX_WAITING = 64
"""Rows in a row that two others may give, so that the work stays linear."""


@dataclass(slots=True)
class Sample:
    """One field in one captured reply.

    Attributes:
        value: the captured value.
        engine: the value of the engine without rules.
        inputs: what the device knew, states included.
        others: captured values of the fields of the same message.
        pair: number of the pair in its stream.
        session: index of the session.
    """

    value: Any
    engine: Any
    inputs: Mapping[str, int]
    others: Mapping[str, Any]
    pair: int
    session: int


def part_value(part: KeyPart, inputs: Mapping[str, int]) -> int:
    """The value of a part of a key; -1 where it is not known."""
    name, modulus = part
    value = inputs.get(name, -1)
    return value % modulus if modulus and value >= 0 else value


def hidden_price(key: Key) -> float:
    """The price of the hidden phases in a key."""
    return HIDDEN_PRICE * sum(modulus > 2 for _, modulus in key)


def part_name(part: KeyPart) -> str:
    """The name of a part of a key in a rule: of an input, or of the phase of one."""
    name, modulus = part
    return f"{PHASE}{name}{modulus}" if modulus else name


@dataclass(slots=True)
class Candidate:
    """A candidate rule.

    Attributes:
        kind: `engine`, `const`, `table`, `copy` or `affine`.
        cost: wrong predictions, and the price of what it stores.
        key: the key of a table or copy.
        state: index of the state in the key for which a table interpolates; -1: none.
        between: how it interpolates.
        rows: the rows of a table, the choice of a copy, or the one value of a constant.
        add: value of an affine field minus its source.
        source: the source of an affine field.
        right: share of right predictions.
        counts: key -> how often each row was seen.
    """

    kind: str
    cost: float
    key: Key = ()
    state: int = -1
    between: Between = "none"
    rows: dict[tuple[int, ...], Any] = field(default_factory=lambda: dict[tuple[int, ...], Any]())
    add: int = 0
    source: str = ""
    right: float = 1.0
    counts: Counter[tuple[int, ...]] = field(default_factory=lambda: Counter[tuple[int, ...]]())

    def predict(self, sample: Sample) -> Any:
        """The value that the candidate gives a sample; `None` for a row that it does not have."""
        if self.kind == "engine":
            return sample.engine
        if self.kind == "affine":
            return sample.others[self.source] + self.add
        key = tuple(part_value(part, sample.inputs) for part in self.key)
        if self.kind == "copy":
            chosen = self.rows.get(key)
            return None if chosen is None else clear_bit(sample.others.get(chosen[0]), chosen[1])
        if self.state < 0 or key in self.rows:
            return self.rows.get(key)
        rest = key[: self.state] + key[self.state + 1 :]
        rows = [
            (at[self.state], value)
            for at, value in self.rows.items()
            if at[: self.state] + at[self.state + 1 :] == rest
        ]
        rows.sort(key=itemgetter(0))
        return value_between(rows, key[self.state], self.between) if rows else None


class _Row:
    """The last values of a row, and how many there were."""

    __slots__ = ("last", "seen", "value")

    def __init__(self) -> None:
        self.last: deque[Any] = deque(maxlen=RECENT)
        self.seen = 0
        self.value: Any = None

    def add(self, value: Any) -> None:
        """Add a value; `value` is then the most frequent of the last ones, of equally frequent ones the last."""
        self.seen += 1
        last = self.last
        last.append(value)
        if value != self.value:
            self.value = max(reversed(last), key=last.count)


def counted(samples: Sequence[Sample]) -> list[bool]:
    """For each sample, whether a wrong prediction costs: not while a table learns, and while a stream starts."""
    first = int(len(samples) * SETTLING)
    return [number >= first and sample.pair >= STARTING_PAIRS for number, sample in enumerate(samples)]


class Columns:
    """The values of key parts for the samples of one message, computed once for all of its fields.

    Args:
        samples: the samples of any field of the message, in order.

    Attributes:
        counted: for each sample, whether a wrong prediction costs.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._inputs = [sample.inputs for sample in samples]
        self.counted = counted(samples)
        self._columns: dict[KeyPart, list[int]] = {}

    def column(self, part: KeyPart) -> list[int]:
        """The values of one part."""
        found = self._columns.get(part)
        if found is None:
            found = self._columns[part] = [part_value(part, inputs) for inputs in self._inputs]
        return found

    def keys(self, key: Key) -> list[tuple[int, ...]]:
        """The values of a key, sample by sample."""
        if not key:
            return [()] * len(self._inputs)
        return list(zip(*(self.column(part) for part in key), strict=True))


def usual_values(samples: Sequence[Sample]) -> list[Any]:
    """Before each sample, the most frequent of the last values: the guess where a table has no row yet."""
    row = _Row()
    found: list[Any] = []
    for sample in samples:
        found.append(row.value)
        row.add(sample.value)
    return found


def constant(samples: Sequence[Sample]) -> Candidate:
    """The constant: the most frequent of the last values."""
    values = {sample.value for sample in samples}
    if len(values) == 1:
        return Candidate("const", 0.0, rows={(): values.pop()})
    found = table(samples, Columns(samples), usual_values(samples), (), -1, "none", price=0.0)
    assert found is not None
    return found


def engine(samples: Sequence[Sample]) -> Candidate:
    """The engine's own model."""
    wrong = sum(
        counts and sample.value != sample.engine for sample, counts in zip(samples, counted(samples), strict=True)
    )
    right = sum(sample.value == sample.engine for sample in samples)
    return Candidate("engine", wrong, right=right / len(samples))


def table(
    samples: Sequence[Sample],
    columns: Columns,
    usual: Sequence[Any],
    key: Key,
    state: int,
    between: Between,
    price: float = ROW_PRICE,
    limit: float = float("inf"),
) -> Candidate | None:
    """The table with a key; `None` where it costs more than the limit.

    Args:
        samples: the training samples in order.
        columns: of their message.
        usual: their `usual_values`.
        key: its key.
        state: index of the state in the key; -1: none.
        between: how values of the state between rows are predicted.
        price: price of a row.
        limit: the largest cost of interest.
    """
    rows: dict[tuple[int, ...], _Row] = {}
    sorted_rows: dict[tuple[int, ...], list[tuple[int, _Row]]] = {}
    cost, right = (STATE_PRICE if state >= 0 else 0.0) + hidden_price(key), 0
    for sample, at, otherwise, counts in zip(samples, columns.keys(key), usual, columns.counted, strict=True):
        row = rows.get(at)
        group = at[:state] + at[state + 1 :] if row is None and state >= 0 else ()
        if row is not None:
            guess = row.value
        elif state >= 0 and group in sorted_rows:
            guess = _between(sorted_rows[group], at[state], between)
        else:
            guess = otherwise
        hit = guess == sample.value
        right += hit
        cost += not hit and counts
        if row is None:
            # A row that its neighbours give already is not stored.
            cost += price if state < 0 or not hit else 0.0
            if len(rows) >= MAX_CANDIDATE_ROWS:
                return None
            row = rows[at] = _Row()
            if state >= 0:
                insort(sorted_rows.setdefault(group, []), (at[state], row), key=itemgetter(0))
        if cost > limit:
            return None
        row.add(sample.value)
    seen = Counter({at: row.seen for at, row in rows.items()})
    made = {at: row.value for at, row in rows.items()}
    if state >= 0:
        between = _best_between(made, seen, state, between)
        made = _without_given_rows(made, state, between)
    kind = "table" if key else "const"
    return Candidate(kind, cost, key, state, between, made, right=right / len(samples), counts=seen)


def _best_between(
    rows: Mapping[tuple[int, ...], Any], seen: Mapping[tuple[int, ...], int], state: int, between: Between
) -> Between:
    """The way to fill a row from its neighbours under which most frames are right: as given, or the nearest."""
    if between == "nearest":
        return between
    groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for at in sorted(rows, key=itemgetter(state)):
        groups.setdefault(at[:state] + at[state + 1 :], []).append(at)
    right: Counter[Between] = Counter()
    for keys in groups.values():
        for before, at, after in zip(keys, keys[1:], keys[2:], strict=False):
            ends = [(before[state], rows[before]), (after[state], rows[after])]
            for how in (between, "nearest"):
                right[how] += seen[at] * (value_between(ends, at[state], how) == rows[at])
    return "nearest" if right["nearest"] > right[between] else between


def _without_given_rows(rows: dict[tuple[int, ...], Any], state: int, between: Between) -> dict[tuple[int, ...], Any]:
    """The rows without those between two others that give their value."""
    groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for at in sorted(rows, key=itemgetter(state)):
        groups.setdefault(at[:state] + at[state + 1 :], []).append(at)
    kept: dict[tuple[int, ...], Any] = {}
    for keys in groups.values():
        last: tuple[int, ...] | None = None
        waiting: list[tuple[int, ...]] = []
        for number, at in enumerate(keys):
            if last is None or number == len(keys) - 1:
                kept[at] = rows[at]
                last, waiting = at, []
                continue
            waiting.append(at)
            after = keys[number + 1]
            ends = [(last[state], rows[last]), (after[state], rows[after])]
            crowded = len(waiting) > MAX_WAITING
            if crowded or any(value_between(ends, one[state], between) != rows[one] for one in waiting):
                kept[at] = rows[at]
                last, waiting = at, []
    return kept


def _between(rows: Sequence[tuple[int, _Row]], state: int, between: str) -> Any:
    """The value at a state between the rows seen so far."""
    right = bisect_left(rows, state, key=itemgetter(0))
    near = rows[max(0, right - 1) : right + 1]
    return value_between([(value, row.value) for value, row in near], state, between)


def affine(samples: Sequence[Sample], sources: Iterable[str]) -> Iterable[Candidate]:
    """The differences to other numbers of the message that vary."""
    marks = counted(samples)
    for source in sources:
        values = {sample.others.get(source) for sample in samples}
        if len(values) < 2:
            continue
        differences = _Row()
        wrong = right = 0
        for sample, counts in zip(samples, marks, strict=True):
            difference = sample.value - sample.others[source]
            hit = bool(differences.last) and differences.value == difference
            right += hit
            wrong += not hit and counts
            differences.add(difference)
        yield Candidate(
            "affine", wrong + ROW_PRICE, add=differences.value, source=source, right=right / max(1, len(samples) - 1)
        )


def copies(
    samples: Sequence[Sample], columns: Columns, keys: Iterable[Key], sources: Sequence[str]
) -> Iterable[Candidate]:
    """Copies of other fields of equal size, with the highest bit of the first byte kept or cleared."""
    varying = [source for source in sources if len({sample.others.get(source) for sample in samples}) > 1]
    if not varying:
        return
    marks = columns.counted
    matching = [
        [
            (source, bit)
            for source in sources
            for bit in (-1, 7)
            if clear_bit(sample.others.get(source), bit) == sample.value
        ]
        for sample, counts in zip(samples, marks, strict=True)
        if counts
    ]
    if sum(map(bool, matching)) < len(matching) / 2:
        return
    for key in keys:
        choices: dict[tuple[int, ...], Counter[tuple[str, int]]] = {}
        totals: Counter[tuple[int, ...]] = Counter()
        counted_keys = [at for at, counts in zip(columns.keys(key), marks, strict=True) if counts]
        for at, fitting in zip(counted_keys, matching, strict=True):
            totals[at] += 1
            choices.setdefault(at, Counter()).update(fitting)
        best = {at: _most_frequent(fits) for at, fits in choices.items() if fits}
        wrong = sum(totals.values()) - sum(choices[at][chosen] for at, chosen in best.items())
        if best:
            share = 1 - wrong / max(1, sum(totals.values()))
            cost = wrong + ROW_PRICE / 2 * len(best) + hidden_price(key)
            yield Candidate("copy", cost, key, rows=dict(best), right=share, counts=totals)


def _most_frequent(fits: Counter[tuple[str, int]]) -> tuple[str, int]:
    """The source and bit that fit most often; of equal ones, the one without a cleared bit."""
    return max(fits, key=lambda one: (fits[one], -one[1]))
