"""Infers a twin: a device profile with rules of the stream fields, learned from captures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.field_rules import FieldRule, SessionPhase, StateVariable
from lensmount_emulator.engine.twin_traits import Replay, Reply, Session, TwinTraits
from lensmount_emulator.twin.alignment import align_phases
from lensmount_emulator.twin.candidates import Columns, Sample
from lensmount_emulator.twin.fitting import FittedField, constant_fields, fit_field, make_rule, plain
from lensmount_emulator.twin.noise import SETTLED, fit_noise
from lensmount_emulator.twin.scoring import lock_phases
from lensmount_emulator.twin.states import StateSummary, early_states, states_by_pair, summarise_states
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.message import FieldSpec, Message, SelectableMessage

MAX_START = 24
"""Pairs of the longest start list."""

REPLY_PRICE = 60
"""Bytes of a start list that one right pair is worth."""

SETTLED_RUN = 5
"""Right pairs in a row that end a start."""

ENTRY_PRICE = 3
"""Bytes of each entry of a start list besides its values."""


@dataclass(slots=True)
class Twin:
    """An inferred profile.

    Attributes:
        place: its place.
        dialect: name of its dialect.
        data: the raw table of its settings.
        settings: the settings.
        fitted: every field of the stream with its candidates.
        states: the state variables.
        start: pairs of its start list.
        replies: replies that it was made from.
    """

    place: Place
    dialect: str
    data: dict[str, Any]
    settings: Struct
    fitted: list[FittedField]
    states: StateSummary
    start: int = 0
    replies: int = 0
    phases: dict[str, SessionPhase] = field(default_factory=lambda: dict[str, SessionPhase]())

    @property
    def settings_states(self) -> bool:
        """Whether the settings have states that a capture can give."""
        return bool(self.data.get("state"))


def infer_twin(
    sessions: Sequence[Session],
    dialect: str,
    place: Place,
    traits: TwinTraits,
    replay: Replay,
    donor: Struct | None = None,
    keep: "KeepReply | None" = None,
) -> Twin:
    """Infer a twin from sessions, all of which are training parts.

    Args:
        sessions: the training parts, decoded.
        dialect: name of the dialect.
        place: the device.
        traits: of the dialect.
        replay: of the place.
        donor: settings that give what the sessions lack.
        keep: whether a reply is used, by its states; `None` uses all.

    Raises:
        CaptureError: the sessions hold too little of the device.
    """
    data = traits.infer_settings(sessions, place, donor)
    base = convert_settings(dialect, place, data)
    replays = [_replay_held(base, session, replay, traits) for session in sessions]
    tables = [collect_samples(one, number, traits, place) for number, one in enumerate(replays)]
    if keep is not None:
        tables = [{key: [one for one in samples if keep(one.inputs)] for key, samples in one.items()} for one in tables]
    primary = max(range(len(tables)), key=lambda number: sum(map(len, tables[number].values())))
    align_phases(tables, primary, traits)
    samples = _interleaved([tables[primary], *(one for number, one in enumerate(tables) if number != primary)])
    states = summarise_states(samples, traits)
    twin = Twin(place, dialect, data, base, [], states, replies=sum(map(len, replays)))
    _fit(twin, samples, traits)
    _add_start(twin, sessions, replays, primary, traits, replay)
    return twin


def _interleaved(
    tables: Sequence[Mapping[tuple[type[Message], str], Sequence[Sample]]],
) -> dict[tuple[type[Message], str], list[Sample]]:
    """Mix the samples of several sessions evenly, so that what differs between sessions differs all the time."""
    found: dict[tuple[type[Message], str], list[Sample]] = {}
    for key in dict.fromkeys(key for table in tables for key in table):
        placed = [
            (number / len(table[key]), sample)
            for table in tables
            if key in table
            for number, sample in enumerate(table[key])
        ]
        found[key] = [sample for _, sample in sorted(placed, key=itemgetter(0))]
    return found


def _replay_held(base: Struct, session: Session, replay: Replay, traits: TwinTraits) -> list[Reply]:
    """Replay a session with the models of the engine at the states in which it begins."""
    replies = list(replay(base, session, False))
    states = early_states(replies, traits)
    held = traits.hold(base, states)
    return replies if held == base else list(replay(held, session, False))


KeepReply = Callable[[Mapping[str, int]], bool]
"""Whether a reply is used, by the inputs and states that the device knows."""


def convert_settings(dialect: str, place: Place, data: Mapping[str, Any]) -> Struct:
    """Convert a raw table to the settings of a dialect, and check them.

    Raises:
        ProfileError: the engine cannot use the values.
    """
    roles = get_roles(dialect)
    try:
        settings: Struct = msgspec.convert(msgspec.to_builtins(data), roles.settings[place])
    except msgspec.ValidationError as error:
        raise ProfileError(f"the inferred settings are not valid: {error}") from error
    roles.check(place, settings)
    return settings


def collect_samples(
    replies: Iterable[Reply], session: int, traits: TwinTraits, place: Place
) -> dict[tuple[type[Message], str], list[Sample]]:
    """Collect the samples of every stream field of one replay, with the states of each pair among the inputs."""
    classes = tuple(traits.stream_messages[place])
    found: dict[tuple[type[Message], str], list[Sample]] = {}
    stream = [reply for reply in replies if reply.pair >= 0]
    known = states_by_pair(stream, traits)
    for reply in stream:
        inputs = {**reply.inputs, **known[reply.pair]}
        ours = {type(message): message for message in reply.ours}
        for message in reply.captured.messages:
            if not isinstance(message, classes):
                continue
            cls: type[Message] = type(message)
            own = ours.get(cls)
            specs = _present_fields(message)
            values = message.values()
            for spec in specs:
                engine = getattr(own, spec.name) if own is not None else None
                sample = Sample(values[spec.name], engine, inputs, values, reply.pair, session)
                found.setdefault((cls, spec.name), []).append(sample)
    return found


def _present_fields(message: Message) -> Sequence[FieldSpec]:
    if isinstance(message, SelectableMessage):
        return type(message).fields_with(message.blocks)
    return message.FIELDS


def _fit(twin: Twin, samples: Mapping[tuple[type[Message], str], Sequence[Sample]], traits: TwinTraits) -> None:
    if not samples:
        return
    varying = twin.states.varying
    columns: dict[type[Message], Columns] = {}
    for (cls, name), found in samples.items():
        spec = next(spec for spec in cls.FIELDS if spec.name == name)
        own = columns.setdefault(cls, Columns(found))
        twin.fitted.append(fit_field(cls, spec, found, own, traits, varying))
    rules: list[FieldRule] = []
    for one in twin.fitted:
        noise = fit_noise(one, traits)
        rule = noise or make_rule(one, traits.driven, twin.phases, is_state=one.name in traits.states.values())
        if rule is not None:
            rules.append(rule)
    _set_constants(twin)
    used = {part.partition(".")[0] for rule in rules for part in rule.key}
    hidden = twin.states.hidden
    kept = {
        name: StateVariable(
            field=traits.states[name],
            values=twin.states.values[name],
            initial=twin.states.latest[name] if name in hidden and not traits.moves(twin.settings, name) else None,
            alone=name in twin.states.alone,
        )
        for name in varying
        if name in used or name in hidden
    }
    twin.data |= {"state": kept, "phase": list(twin.phases.values()), "field": rules}
    twin.settings = convert_settings(twin.dialect, twin.place, twin.data)


def _set_constants(twin: Twin) -> None:
    messages: dict[str, dict[str, Any]] = twin.data.setdefault("messages", {})
    for message, fields in constant_fields(twin.fitted).items():
        target = messages.setdefault(message, {})
        cls = next(one.cls for one in twin.fitted if one.cls.__name__ == message)
        default = cls()
        for name, value in fields.items():
            if value == plain(getattr(default, name)):
                target.pop(name, None)
            else:
                target[name] = value


def _add_start(
    twin: Twin,
    sessions: Sequence[Session],
    replays: Sequence[Sequence[Reply]],
    primary: int,
    traits: TwinTraits,
    replay: Replay,
) -> None:
    """Add the first pairs that the rules do not give, as many as their bytes are worth."""
    starting = [number for number, one in enumerate(replays) if _starts(one)]
    if not starting or not traits.stream_messages[twin.place]:
        return
    number = primary if primary in starting else starting[0]
    _add_session_start(twin, sessions[number], replays[number], traits, replay, own=number == primary)
    first = _held_states(twin, replays[number], traits)
    others: dict[tuple[tuple[str, int], ...], int] = {}
    for one in starting:
        others.setdefault(_held_states(twin, replays[one], traits), one)
    others.pop(first, None)
    default = twin.data.get("start", {})
    found: list[dict[str, Any]] = []
    for states, one in others.items():
        # The start of another state is found next to the rules alone.
        twin.data["start"] = {}
        twin.settings = convert_settings(twin.dialect, twin.place, twin.data)
        _add_session_start(twin, sessions[one], replays[one], traits, replay, own=False)
        found.append({"when": dict(states), "start": twin.data["start"]})
    if others:
        twin.data |= {"start": default, "start_at": found}
        twin.settings = convert_settings(twin.dialect, twin.place, twin.data)


def _held_states(twin: Twin, replies: Sequence[Reply], traits: TwinTraits) -> tuple[tuple[str, int], ...]:
    """The states that a session begins with, of those that the profile holds."""
    states: dict[str, StateVariable] = twin.data["state"]
    early = early_states(replies, traits)
    return tuple(
        sorted((name, early[name]) for name, one in states.items() if one.initial is not None and name in early)
    )


def _add_session_start(
    twin: Twin, session: Session, replies: Sequence[Reply], traits: TwinTraits, replay: Replay, *, own: bool
) -> None:
    """Add the start of one session."""
    settings = traits.hold(twin.settings, early_states(replies, traits))
    if not own:
        # The phases of the twin are those of the primary session.
        settings = lock_phases(settings, session, replay, load_dialect(twin.dialect), skip=MAX_START)
    patches, costs, wrong = _patches(twin, list(replay(settings, session, True)), traits)
    best, cheapest, run = 0, float(sum(wrong) * REPLY_PRICE), 0
    for count in range(1, len(patches) + 1):
        run = 0 if wrong[count - 1] else run + 1
        if run >= SETTLED_RUN:
            break
        cost = sum(costs[:count]) + ENTRY_PRICE * count + sum(wrong[count:]) * REPLY_PRICE
        if cost < cheapest:
            best, cheapest = count, cost
    if not best:
        return
    twin.start = max(best, twin.start)
    start: dict[str, list[dict[str, Any]]] = {}
    for cls in traits.stream_messages[twin.place]:
        rows = [patch.get(cls.__name__, {}) for patch in patches[:best]]
        while rows and not rows[-1]:
            rows.pop()
        if rows:
            start[cls.__name__] = rows
    twin.data["start"] = start
    twin.settings = convert_settings(twin.dialect, twin.place, twin.data)


def _starts(replay: Sequence[Reply]) -> bool:
    return any(reply.pair >= 0 and not reply.joins and reply.pair < MAX_START for reply in replay)


def _patches(
    twin: Twin, replay: Sequence[Reply], traits: TwinTraits
) -> tuple[list[dict[str, dict[str, Any]]], list[int], list[int]]:
    """For each of the first pairs: the fields that differ, their bytes, and the replies that are wrong."""
    patches: list[dict[str, dict[str, Any]]] = [{} for _ in range(MAX_START)]
    costs, wrong = [0] * MAX_START, [0] * MAX_START
    classes = tuple(traits.stream_messages[twin.place])
    rules: list[FieldRule] = twin.data["field"]
    loud = {rule.name for rule in rules if rule.kind == "noise"}
    for reply in replay:
        if not 0 <= reply.pair < MAX_START:
            continue
        ours = {type(message): message for message in reply.ours}
        differs = False
        for message in reply.captured.messages:
            own = ours.get(type(message))
            if not isinstance(message, classes) or own is None:
                continue
            for spec in type(message).FIELDS:
                value = getattr(message, spec.name)
                name = f"{type(message).__name__}.{spec.name}"
                if reply.pair >= SETTLED and name in loud:
                    continue
                if value != getattr(own, spec.name):
                    patches[reply.pair].setdefault(type(message).__name__, {})[spec.name] = plain(value)
                    costs[reply.pair] += 2 + spec.size
                    differs = True
        wrong[reply.pair] += differs
    return patches, costs, wrong
