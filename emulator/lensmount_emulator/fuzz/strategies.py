"""Hypothesis strategies of any dialect, derived from its declarations: messages, frames, streams, faults, stories."""

from collections.abc import Sequence
from dataclasses import Field
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import strategies as st

from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import BUILT_IN, keys_of, text_of
from lensmount_emulator.faults.words import DURATION, LINE, RATE, WORD, Kind, kind_of
from lensmount_emulator.fuzz.chance import messages_of
from lensmount_emulator.fuzz.layouts import declared
from lensmount_emulator.fuzz.story import Story
from lensmount_emulator.fuzz.traits import dialect_of, players_of, traits_of
from lensmount_emulator.proofs.differential import message_bytes, mutated
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.errors import MountError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

SEEDS = st.integers(0, 2**16)
LONGEST_S = 0.5
"""How long a fault acts at most."""


def named(dialect: str | Dialect) -> Dialect:
    """A dialect by its name, or itself."""
    return dialect_of(dialect) if isinstance(dialect, str) else dialect


def messages(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Bytes of any message of one end that no run has to arm.

    They are its defaults, or what its declaration allows in every field; where sizes vary, wrong ones too.
    """
    return st.one_of([_message(cls) for cls in messages_of(named(dialect), sender)])


def _message(cls: type[Message]) -> st.SearchStrategy[bytes]:
    right = st.just(cls().build()) | declared(cls)
    return right | SEEDS.map(lambda seed: message_bytes(cls, Random(seed))) if cls.VARIES else right


def typed_messages(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[Message]:
    """The same as objects of their classes, each of them legal."""
    return st.one_of([_typed(cls) for cls in messages_of(named(dialect), sender)])


def _typed(cls: type[Message]) -> st.SearchStrategy[Message]:
    return declared(cls).map(lambda data: _parsed(cls, data)).filter(lambda message: message is not None)  # type: ignore[return-value]


def _parsed(cls: type[Message], data: bytes) -> Message | None:
    """What bytes say; `None` where a declaration allows less than its sizes do."""
    try:
        return cls.parse(data)
    except MountError:
        return None


def frames(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Whole frames with one to three messages; the envelope is right, and what they say may be odd."""
    spoken = named(dialect)
    frame_format = spoken.formats[sender]
    classes, least = [1, 2, 3, 4], 0
    if isinstance(frame_format, DeclaredFormat):
        classes, least = sorted(frame_format.classes), frame_format.smallest
    most = frame_format.largest - len(spoken.build_frame(b"", classes[0], 0))
    payloads = st.lists(messages(spoken, sender), min_size=1, max_size=3).map(lambda some: b"".join(some)[:most])
    built = st.builds(spoken.build_frame, payloads, st.sampled_from(classes), st.integers(0, 255))
    return built.filter(lambda frame: len(frame) >= least)


def near_misses(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Frames with one to three changes: a bit, a byte, a cut, bytes gone or more of them."""
    return st.builds(_hurt, frames(dialect, sender), SEEDS).filter(bool)


def _hurt(frame: bytes, seed: int) -> bytes:
    return mutated(frame, Random(seed))


def noise(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Bytes without a meaning, start bytes among them."""
    start = bytes((named(dialect).formats[sender].start,))
    return st.binary(min_size=1, max_size=40) | st.binary(max_size=6).map(lambda rest: start + rest)


def streams(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[bytes]:
    """Frames, near misses and noise, cut and joined."""
    parts = st.one_of(frames(dialect, sender), near_misses(dialect, sender), noise(dialect, sender))
    cut = st.builds(_cut, parts, st.integers(0, 600))
    return st.lists(parts | cut, max_size=4).map(_joined)


def arrivals(dialect: str | Dialect, sender: Role) -> st.SearchStrategy[list[bytes]]:
    """The same as they arrive: in chunks of any size, cut anywhere; joined they are the stream."""
    return st.builds(_chunked, streams(dialect, sender), st.lists(st.integers(0, 600), max_size=5))


def _chunked(stream: bytes, places: Sequence[int]) -> list[bytes]:
    stops = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(stops)]


def _cut(part: bytes, size: int) -> bytes:
    return part[: size % (len(part) + 1)]


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)


def faults(
    dialect: str | Dialect, among: Sequence[type[Fault]] = BUILT_IN, *, latest: float = 1.0
) -> st.SearchStrategy[Fault]:
    """Faults that fit a dialect's mount and come to an end.

    Args:
        dialect: whose lines they may touch.
        among: classes to choose from.
        latest: seconds behind which none begins.
    """
    return st.one_of([_fault(cls, named(dialect), latest) for cls in among])


def _fault(cls: type[Fault], dialect: Dialect, latest: float) -> st.SearchStrategy[Fault]:
    keys = keys_of(cls)
    own = {one.name: _values(one, dialect) for name, one in keys.items() if name not in ("at", "for", "until", "rate")}
    own["for_"] = st.floats(1e-5, LONGEST_S).map(lambda seconds: round(seconds, 6))
    own["at"] = st.floats(0.0, latest).map(lambda seconds: round(seconds, 6))
    if not cls.BY_TIME:
        own["rate"] = st.sampled_from((1.0, 0.1, 0.01, 1e-3))
    return st.builds(cls, **own)


def _values(one: Field[Any], dialect: Dialect) -> st.SearchStrategy[Any]:
    kind: Kind = kind_of(one.metadata)
    values: st.SearchStrategy[Any]
    if kind is DURATION:
        values = st.floats(1e-5, 0.05).map(lambda seconds: round(seconds, 6))
    elif kind is RATE:
        values = st.floats(0.0, 1.0)
    elif kind.values:
        values = st.sampled_from(kind.values)
    elif kind is LINE:
        values = st.sampled_from(("select", "supply", "detect", *sorted(dialect.drivers)))
    elif kind is WORD:
        values = st.just(one.default)
    elif isinstance(one.default, float):
        values = st.floats(kind.least, kind.most)
    elif kind.least < kind.most:
        values = st.integers(int(kind.least), int(min(kind.most, 600)))
    else:
        raise TypeError(f"the fault key {one.name} takes {kind.legal}: no strategy draws such values")
    return values if one.default is not None else st.none() | values


def steps(dialect: str | Dialect, traits: FuzzTraits | None = None) -> st.SearchStrategy[str]:
    """Steps of a story with two engines: waits, bytes of a third party, faults, a hand, the lens off and on."""
    spoken = named(dialect)
    hands = (traits or traits_of(spoken.name)).hands
    waits = st.sampled_from((0.0, 1e-5, 4e-4, 0.003, 0.02, 0.3)).map(lambda seconds: f"wait {seconds:g}")
    sends = [
        streams(spoken, role).map(lambda data, role=role: f"send {role.value} {data.hex()}")  # type: ignore[misc]
        for role in Role
    ]
    wrong = st.builds(_wrong, SEEDS, faults(spoken, latest=0.01))
    some = [waits, waits, *sends, wrong, st.sampled_from(("off", "on", "on"))]
    return st.one_of([*some, st.sampled_from(hands).map(lambda hand: f"hand {hand}")] if hands else some)


def _wrong(seed: int, fault: Fault) -> str:
    return f"fault {seed} {text_of(fault)}"


def stories(
    dialect: str | Dialect,
    *,
    bodies: Sequence[str] = (),
    lenses: Sequence[str] = (),
    scripts: Sequence[str] = (),
    longest: int = 30,
) -> st.SearchStrategy[Story]:
    """Stories of two engines.

    Args:
        dialect: what is spoken.
        bodies: profiles of bodies; where none are named, those that fuzzing knows of a built-in dialect, or the usual
            one of the dialect's cast.
        lenses: profiles of lenses, likewise.
        scripts: what the body may be told to do, likewise.
        longest: steps at most, behind the start-up.
    """
    spoken = named(dialect)
    traits = traits_of(spoken.name)
    usual = players_of(spoken.name)
    return st.builds(
        Story,
        st.just(spoken.name),
        st.sampled_from(tuple(bodies) or traits.bodies or (usual.usual_body,)),
        st.sampled_from(tuple(lenses) or traits.lenses or (usual.usual_lens,)),
        st.just("both"),
        st.sampled_from(tuple(scripts) or traits.scripts),
        st.integers(0, 1000),
        st.lists(steps(spoken), max_size=longest).map(lambda taken: ("wait 1.2", *taken)),
    )
