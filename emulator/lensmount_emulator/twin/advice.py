"""What a twin's captures lack, and which capture to take next."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.twin_traits import Session, TwinTraits
from lensmount_emulator.twin.inference import Twin
from lensmount_protocol.message import Message

FEW_PAIRS = 120
"""Pairs below which a capture is short: two seconds of a stream."""

POOR = 0.98
"""Share of right training samples below which a field is poorly known."""


@dataclass(slots=True)
class Advice:
    """The gaps of a twin.

    Attributes:
        never_seen: messages that no capture holds.
        donated: of those, the ones that a donor gives.
        confounded: pairs of states that always change together.
        unidentified: captures that do not name the device, where there are several captures.
        differing: fields that differ between captures and in none: of the start-up, and of the stream where a capture
            does not name the device.
        uncovered: states that no capture changes.
        unknown: fields that no rule gives well, with the share that it gives.
        next_captures: what to capture next, the most useful first.
    """

    never_seen: list[str] = field(default_factory=lambda: list[str]())
    donated: list[str] = field(default_factory=lambda: list[str]())
    confounded: list[tuple[str, str]] = field(default_factory=lambda: list[tuple[str, str]]())
    unidentified: list[str] = field(default_factory=lambda: list[str]())
    differing: list[str] = field(default_factory=lambda: list[str]())
    uncovered: list[str] = field(default_factory=lambda: list[str]())
    unknown: dict[str, float] = field(default_factory=lambda: dict[str, float]())
    next_captures: list[str] = field(default_factory=lambda: list[str]())


def advise(
    twin: Twin, sessions: Sequence[Session], traits: TwinTraits, donated: Sequence[str], unnamed: Sequence[str]
) -> Advice:
    """Find the gaps of a twin, and the captures that close them.

    Args:
        twin: the twin.
        sessions: what it is made from.
        traits: of its dialect.
        donated: messages that a donor gives.
        unnamed: captures that do not name the device.
    """
    seen = {type(message) for session in sessions for frame in session.frames for message in frame.messages}
    expected = traits.messages.get(twin.place, ())
    advice = Advice(
        never_seen=[cls.__name__ for cls in expected if cls not in seen],
        donated=list(donated),
        confounded=list(twin.states.confounded),
        uncovered=[name for name in traits.states if name in twin.states.values and name not in twin.states.varying],
    )
    if len(sessions) > 1:
        advice.unidentified = list(unnamed)
        advice.differing = _differing(twin, sessions, traits, stream=bool(unnamed))
    noisy = {rule.name for rule in twin.data.get("field", []) if rule.kind == "noise"}
    for one in twin.fitted:
        share = one.settled_right
        if share < POOR and one.name not in noisy and one.name not in traits.states.values():
            advice.unknown[one.name] = round(share, 4)
    advice.next_captures = list(_next_captures(twin, traits, advice))
    return advice


def _differing(twin: Twin, sessions: Sequence[Session], traits: TwinTraits, *, stream: bool) -> list[str]:
    """The fields with one value in each session, and not the same one in all."""
    values: dict[str, dict[int, set[str]]] = {}
    classes = set(traits.messages.get(twin.place, ())) - set(traits.stream_messages[twin.place])
    for number, session in enumerate(sessions):
        messages = (one for frame in session.frames for one in frame.messages if isinstance(one, Message))
        for message in (one for one in messages if type(one) in classes):
            for name, value in message.values().items():
                full = f"{type(message).__name__}.{name}"
                values.setdefault(full, {}).setdefault(number, set()).add(repr(value))
    for one in twin.fitted if stream else ():
        for sample in one.samples:
            values.setdefault(one.name, {}).setdefault(sample.session, set()).add(repr(sample.value))
    return [
        name
        for name, found in values.items()
        if all(len(own) == 1 for own in found.values()) and len(set[str]().union(*found.values())) > 1
    ]


def _next_captures(twin: Twin, traits: TwinTraits, advice: Advice) -> list[str]:
    found: list[str] = []
    for first, second in advice.confounded:
        for state in (first, second):
            action = traits.actions.get(state, f"change only {state}")
            found.append(f"needs a capture that changes only {state}: {action}; {first} and {second} change together")
    missing = [name for name in advice.never_seen if name not in advice.donated]
    if missing:
        found.append(
            f"a session from the supply on to the power-off: {', '.join(missing)} "
            f"{'was' if len(missing) == 1 else 'were'} never seen; or give --donor"
        )
    if twin.place is Place.LENS:
        for state in advice.uncovered:
            if state in traits.actions:
                found.append(f"{traits.actions[state]}: {state} has one value in every capture")
    pairs = sum(1 for one in twin.fitted[:1] for _ in one.samples)
    if twin.fitted and pairs < FEW_PAIRS:
        found.append(f"a longer session at rest: the captures hold {pairs} pairs, fewer than {FEW_PAIRS}")
    return list(dict.fromkeys(found))
