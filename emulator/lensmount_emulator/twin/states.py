"""Finds the state variables of a device that vary in captures, those that only its user moves, and confounded ones."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from lensmount_emulator.comparison.differences import Differences
from lensmount_emulator.engine.rule_player import StateMotion
from lensmount_emulator.engine.twin_traits import Reply, TwinTraits
from lensmount_emulator.twin.candidates import Sample, engine
from lensmount_protocol.message import Message

STEADY = 24
"""First pairs of a stream that are left out: a state that only settles there does not vary."""

MAX_VECTORS = 400
"""Most frequent states together that are compared with each other."""

RECENT = 8
"""Last values of a state that decide on the one that a session begins with."""

EARLY = slice(8, 40)
"""Pairs that show the states in which a session begins."""

FOLLOWED = 0.9
"""Share of samples from which on the engine's model explains a state."""


@dataclass(slots=True)
class StateSummary:
    """The states of the training samples.

    Attributes:
        values: state -> its values, sorted.
        latest: state -> the most frequent of its last values in the longest session.
        varying: states with more than one value.
        hidden: of those, the ones that no model of the engine follows.
        alone: of the varying ones, those that change while no other does.
        confounded: pairs of varying states of which each value of one always comes with one value of the other.
    """

    values: dict[str, list[int]] = field(default_factory=lambda: dict[str, list[int]]())
    latest: dict[str, int] = field(default_factory=lambda: dict[str, int]())
    varying: list[str] = field(default_factory=lambda: list[str]())
    hidden: set[str] = field(default_factory=lambda: set[str]())
    alone: set[str] = field(default_factory=lambda: set[str]())
    confounded: list[tuple[str, str]] = field(default_factory=lambda: list[tuple[str, str]]())


def summarise_states(samples: Mapping[tuple[type[Message], str], Sequence[Sample]], traits: TwinTraits) -> StateSummary:
    """Summarise the states of the training samples."""
    summary = StateSummary()
    by_field = {f"{cls.__name__}.{name}": found for (cls, name), found in samples.items()}
    if not by_field:
        return summary
    some: Sequence[Sample] = max(by_field.values(), key=len)
    steady = [sample for sample in some if sample.pair >= STEADY] or list(some)
    vectors: dict[tuple[int, ...], int] = {}
    names = [state for state in traits.states if traits.states[state] in by_field]
    for sample in steady:
        vector = tuple(sample.inputs.get(state, -1) for state in names)
        vectors[vector] = vectors.get(vector, 0) + 1
    summary.latest = latest_values(steady, names)
    for index, state in enumerate(names):
        summary.values[state] = sorted({vector[index] for vector in vectors if vector[index] >= 0})
        if len(summary.values[state]) > 1:
            summary.varying.append(state)
            if _is_hidden(by_field[traits.states[state]]):
                summary.hidden.add(state)
    vectors = dict(sorted(vectors.items(), key=lambda item: -item[1])[:MAX_VECTORS])
    places = [names.index(state) for state in summary.varying]
    for place in places:
        if any(_only(place, places, a, b) for a, b in combinations(vectors, 2) if a[place] != b[place]):
            summary.alone.add(names[place])
    summary.confounded = [
        (names[a], names[b]) for a, b in combinations(places, 2) if _depend(vectors, a, b) and _depend(vectors, b, a)
    ]
    return summary


def latest_values(samples: Sequence[Sample], states: Sequence[str]) -> dict[str, int]:
    """The most frequent of the last values of each state in the first session of some samples."""
    own = [sample for sample in samples if sample.session == samples[0].session]
    counts = {state: Counter(sample.inputs.get(state, 0) for sample in own[-RECENT:]) for state in states}
    return {state: found.most_common(1)[0][0] for state, found in counts.items() if found}


def _is_hidden(samples: Sequence[Sample]) -> bool:
    return engine(samples).right < FOLLOWED


def _only(place: int, places: Sequence[int], first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two states differ in one place only."""
    return all(first[other] == second[other] for other in places if other != place)


def _depend(vectors: Mapping[tuple[int, ...], int], given: int, other: int) -> bool:
    """Whether each value of one state comes with one value of the other."""
    seen: dict[int, int] = {}
    return all(seen.setdefault(vector[given], vector[other]) == vector[other] for vector in vectors)


def early_states(replies: Sequence[Reply], traits: TwinTraits) -> dict[str, int]:
    """The states that a session begins with: the most frequent values after its start."""
    pairs = list(states_by_pair([reply for reply in replies if reply.pair >= 0], traits).values())
    some = pairs[EARLY.start : EARLY.stop] or pairs
    counts = {name: Counter(pair[name] for pair in some if name in pair) for name in traits.states}
    return {name: seen.most_common(1)[0][0] for name, seen in counts.items() if seen}


def states_by_pair(stream: Sequence[Reply], traits: TwinTraits) -> dict[int, dict[str, int]]:
    """Pair -> the captured values of the states; a lost frame keeps those of the pair before."""
    names = {tuple(name.split(".")): state for state, name in traits.states.items()}
    found: dict[int, dict[str, int]] = {}
    current: dict[str, int] = {}
    for reply in stream:
        for message in reply.captured.messages:
            for (owner, field_name), state in names.items():
                if type(message).__name__ == owner:
                    current = {**current, state: int(getattr(message, field_name))}
        found[reply.pair] = current
    motion = StateMotion()
    return {pair: states | motion.inputs(states) for pair, states in found.items()}


@dataclass(frozen=True, slots=True)
class UserState:
    """A state that moves in the scored part although nothing that the twin receives moves it.

    Attributes:
        name: the state.
        fields: the fields that are wrong in free run because of it.
        values: its values in the scored part.
        unseen: of those, the ones that the training part does not show.
    """

    name: str
    fields: list[str]
    values: int
    unseen: int

    def as_dict(self) -> dict[str, Any]:
        """The state as JSON data."""
        return asdict(self)


def find_user_states(
    training: Sequence[Reply],
    scored: Sequence[Reply],
    free: Differences,
    given: Differences | None,
    keyed: Mapping[str, Collection[str]],
    traits: TwinTraits,
) -> list[UserState]:
    """Find the states that only the user of the device moves, from what a twin has wrong in free run.

    Args:
        training: the replies of the training part.
        scored: those of the scored part.
        free: the differences of the scored part in free run.
        given: the same with the states given; `None` where the twin has no states.
        keyed: field -> the inputs in the key of its rule.
        traits: of the dialect.
    """

    def values(replies: Sequence[Reply], state: str) -> set[int]:
        pairs = states_by_pair([reply for reply in replies if reply.pair >= 0], traits)
        return {pair[state] for pair in pairs.values() if state in pair}

    found: list[UserState] = []
    for state, full in traits.states.items():
        owner, name = full.split(".")
        moved, known = values(scored, state), values(training, state)
        # Where the training part has one value, a state that stays at it is no state that moves.
        if (owner, name) not in free.fields or len(moved | known) < 2:
            continue
        fields = [
            ".".join(key)
            for key, one in free.fields.items()
            if given is None or one.count > _wrong(given, key) or state in keyed.get(".".join(key), ())
        ]
        if full in fields:
            found.append(UserState(state, fields, len(moved), len(moved - known)))
    return found


def _wrong(differences: Differences, key: tuple[str, str]) -> int:
    known = differences.fields.get(key)
    return 0 if known is None else known.count
