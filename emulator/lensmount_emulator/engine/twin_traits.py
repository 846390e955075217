"""What the inference of twins knows of a dialect: its settings, its replay without wires, and the inputs of its rules.

A dialect names an object of this kind in `DialectRoles.twin`. The inference itself knows no message.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Edge, WireRecord


@dataclass(slots=True)
class Session:
    """One capture, decoded.

    Attributes:
        name: name of the file.
        frames: its valid frames in the order of time.
        edges: its edges before the first frame of the stream, with their times; empty in a log.
        timing: the measured intervals of the dialect's timing contract; empty where the capture has no edges.
        has_times: whether the frames have times of the capture's own.
        gaps: why the capture is incomplete, one line each.
        records: its bytes and edges, for dialects in which only the timing of a session can be followed.
    """

    name: str
    frames: list[DecodedFrame]
    edges: list[Edge] = field(default_factory=lambda: list[Edge]())
    timing: list[TimingResult] = field(default_factory=lambda: list[TimingResult]())
    has_times: bool = False
    gaps: list[str] = field(default_factory=lambda: list[str]())
    records: Sequence[WireRecord] = ()

    def first(self, count: int) -> "Session":
        """Return the session cut after this number of frames."""
        return Session(self.name, self.frames[:count], self.edges, self.timing, self.has_times, self.gaps, self.records)


@dataclass(slots=True)
class Reply:
    """A frame of the captured device, with the frame that the engine sends in its place.

    Attributes:
        captured: the captured frame.
        ours: messages of the engine; empty: it sends none.
        sequence: number of the engine's frame.
        pair: number of the group of stream frames that it belongs to; -1 for a reply to a request.
        inputs: what the engine knew.
        joins: whether the engine took its state from this frame, so that it does not count in a score.
        given: state -> bytes that were taken from the captured frame.
    """

    captured: DecodedFrame
    ours: list[AnyMessage]
    sequence: int
    pair: int
    inputs: Mapping[str, int]
    joins: bool = False
    given: Mapping[str, int] = field(default_factory=lambda: dict[str, int]())


KeyPart = tuple[str, int]
"""Name of an input and the modulus to take it at; 0 takes it as it is, and each other one makes a session phase."""

Key = tuple[KeyPart, ...]
"""A candidate key of a rule."""


Replay = Callable[[Struct, Session, bool], Iterable[Reply]]
"""Settings and a session to the replies, free-running: only frames of the peer go in. The last argument is true where
the states of the device are taken from the captured frames."""


@dataclass(frozen=True, slots=True)
class TwinTraits:
    """What the inference knows of a dialect.

    Attributes:
        infer_settings: sessions, place and settings of a donor (`None` without one) to the raw table of a profile
            without its field rules: constants, models and timing.
        stream_messages: messages of the stream that get rules for their fields, by place.
        keys: candidate keys, the simplest first.
        replays: place -> its replay; a place without one is replayed by the follower of its dialect.
        states: name of a state variable -> the field that shows it.
        moves: whether a model of the engine moves a state, by the settings and its name.
        hold: the settings with states at other values.
        driven: fields that a model of the engine drives; a rule replaces it only where the rule is clearly better.
        measured: fields that hold a measured quantity, so that small errors may be noise.
        noise_bases: measured field -> the field that its noise is added to.
        row_fields: fields that hold optical rows.
        messages: messages that a full capture of the place holds, by place.
        actions: state -> what the user does so that only this state changes.
        identity: place -> reply -> its fields that name the device; captures in which they differ make no twin.
    """

    infer_settings: Callable[[Sequence[Session], Place, Struct | None], dict[str, Any]]
    stream_messages: Mapping[Place, Sequence[type[Message]]]
    keys: Sequence[Key] = ()
    replays: Mapping[Place, Replay] = field(default_factory=lambda: dict[Place, Replay]())
    states: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    moves: Callable[[Struct, str], bool] = lambda _settings, _state: False
    hold: Callable[[Struct, Mapping[str, int]], Struct] = lambda settings, _states: settings
    driven: frozenset[str] = frozenset()
    measured: frozenset[str] = frozenset()
    noise_bases: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    row_fields: frozenset[str] = frozenset()
    messages: Mapping[Place, Sequence[type[Message]]] = field(
        default_factory=lambda: dict[Place, Sequence[type[Message]]]()
    )
    actions: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    identity: Mapping[Place, Mapping[type[Message], Sequence[str]]] = field(
        default_factory=lambda: dict[Place, Mapping[type[Message], Sequence[str]]]()
    )
