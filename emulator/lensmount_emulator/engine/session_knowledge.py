"""What an explanation must know of a dialect, as data: due steps, the loop, refusals, and a base of known symptoms.

A dialect offers one `SessionKnowledge` through its roles. Without one, the timing contract and the fuzzing traits of
the dialect are enough for an explanation with fewer words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.message import Evidence
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.timing import Mark
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step that is due once another event has happened.

    Attributes:
        name: a short name, unique in the dialect.
        start: the mark that makes the step due.
        ends: the marks that are the step; any of them.
        owner: the end that owes it.
        missing: the sentence for a step that never came, without its end: `frame sync (VD) never pulsed`.
        why: what the step is for, and why nothing follows without it; one sentence.
        within_us: how long it may take, in microseconds; `0` for the largest bound of `rules`.
        rules: names of the rules of the timing contract that bound the step.
        cancelled_by: marks after which it is due no more.
        while_high: lines that must be high when `start` happens.
        while_low: lines that must be low then.
        in_handshake: whether the step is due only where select lines move without bytes.
        applies: whether the event at the start makes the step due.
    """

    name: str
    start: Mark
    ends: tuple[Mark, ...]
    owner: Role
    missing: str
    why: str = ""
    within_us: float = 0.0
    rules: tuple[str, ...] = ()
    cancelled_by: tuple[Mark, ...] = ()
    while_high: tuple[str, ...] = ()
    while_low: tuple[str, ...] = ()
    in_handshake: bool = False
    applies: Callable[[Decoded], bool] = field(default=lambda _event: True)


@dataclass(frozen=True, slots=True)
class Symptom:
    """A known symptom: what a user sees, why, and what to do.

    Attributes:
        key: its name in documents and JSON.
        kinds: the kinds of findings that it belongs to, by their names.
        types: the message types that it belongs to; empty for any.
        title: the symptom, in one line.
        text: what is known about it.
        remedy: what to do.
        evidence: how it is known.
        end: the end that it concerns; `None` for any.
    """

    key: str
    kinds: frozenset[str]
    title: str
    text: str
    remedy: str
    evidence: Evidence
    types: frozenset[int] = frozenset()
    end: Role | None = None

    def matches(self, kind: str, type_: int | None, end: Role | None) -> bool:
        """Whether a finding shows this symptom."""
        return (
            kind in self.kinds
            and (not self.types or type_ in self.types)
            and (self.end is None or end is None or end is self.end)
        )


def _no_peer_error(_frame: DecodedFrame, _message: AnyMessage) -> "PeerError | None":
    return None


@dataclass(frozen=True, slots=True)
class PeerError:
    """A message with which an end refuses an order or reports an error.

    Attributes:
        text: its meaning, in a few words.
        order: type of the order that it concerns; `None` if it names none.
        normal: whether ends that work well send it too.
    """

    text: str
    order: int | None = None
    normal: bool = False


def routine_is_loop(_frame: DecodedFrame) -> bool:
    """Stands for `Dialect.routine`: a reader that knows the dialect takes those frames for the loop."""
    return False


@dataclass(frozen=True, slots=True)
class SessionKnowledge:
    """What a dialect knows about its sessions.

    Attributes:
        steps: the steps that are due, in the order of a start-up.
        is_loop: whether a frame belongs to the steady loop, of either end; by default those of `Dialect.routine`.
        stops_loop: whether a frame orders the end of the loop: sleep, or power-off.
        silent_after: types of the messages after which select lines move without bytes.
        reply_us: how long a reply may take where the contract has no rule for it, in microseconds; 0 where that is not
            known, and then no repeated request counts as too early.
        names: message type -> its name in explanations, for types with a class name that is not clear enough.
        peer_error: reads a message of refusal or error.
        sequence_group: the frames of an end that are numbered together: those with the same value.
        next_sequence: a frame, and the last frames of its group from its end and from the other end -> the sequence
            numbers that it may have; `None` where any is legal.
        detaching_steps: the script steps that take the lens off.
        symptoms: the base of known symptoms.
        devices: name of a timing rule -> number of devices that its bounds come from.
        fewest_devices: the number for the other rules.
        parameter_rules: a time of a profile, with its end (`lens status_after_vd`) -> the rule that bounds it.
    """

    steps: tuple[DueStep, ...] = ()
    is_loop: Callable[[DecodedFrame], bool] = routine_is_loop
    stops_loop: Callable[[DecodedFrame], bool] = lambda _frame: False
    silent_after: frozenset[int] = frozenset()
    reply_us: float = 0.0
    names: Mapping[int, str] = field(default_factory=lambda: dict[int, str]())
    peer_error: Callable[[DecodedFrame, AnyMessage], PeerError | None] = _no_peer_error
    sequence_group: Callable[[DecodedFrame], int] = lambda frame: frame.frame.class_
    next_sequence: Callable[[DecodedFrame, DecodedFrame | None, DecodedFrame | None], frozenset[int] | None] = (
        lambda _frame, _own, _peer: None
    )
    detaching_steps: frozenset[str] = frozenset({"detach"})
    symptoms: tuple[Symptom, ...] = ()
    devices: Mapping[str, int] = field(default_factory=lambda: dict[str, int]())
    fewest_devices: int = 0
    parameter_rules: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
