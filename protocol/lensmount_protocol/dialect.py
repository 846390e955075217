"""A dialect: the protocol of one mount, as data, with its transition table and its rule for the baud rate.

No role is hard-wired: states, triggers and the end that may cause each are data. Dialects are looked up by name: the
built-in ones, and those that other packages offer under `lensmount.dialects`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from typing import Protocol

from lensmount_protocol.entry_points import entry_points, import_attribute
from lensmount_protocol.errors import DialectError, LocalTransitionError, RemoteTransitionError, unknown_name_message
from lensmount_protocol.framer import Frame, FrameFormat, GarbageReason
from lensmount_protocol.logs import get_logger
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, MessageTable, PayloadMemo, PayloadParser
from lensmount_protocol.timing import TimingRule
from lensmount_protocol.wire import Role, Wiring

WAKE = "wake"
"""Trigger that leaves a state in which both ends may be silent."""


@dataclass(frozen=True, slots=True)
class TransitionTable:
    """A link's states and the triggers that each allows.

    Attributes:
        initial: the state before anything happened.
        moves: state -> trigger -> next state; a trigger that a state does not list is not legal there.
        triggered_by: trigger -> the end that causes it; `None` where both may, or neither does.
    """

    initial: str
    moves: Mapping[str, Mapping[str, str]]
    triggered_by: Mapping[str, Role | None]
    _legal: dict[Role, dict[str, dict[str, str]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a table that is not closed: each target is a state, each trigger has its owner."""
        for state, moves in self.moves.items():
            for trigger, target in moves.items():
                if target not in self.moves:
                    raise ValueError(f"{state} --{trigger}--> {target}: no such state")
                if trigger not in self.triggered_by:
                    raise ValueError(f"{state} --{trigger}-->: no end causes this trigger")
        legal = {
            role: {
                state: {
                    trigger: target for trigger, target in moves.items() if self.triggered_by[trigger] in (None, role)
                }
                for state, moves in self.moves.items()
            }
            for role in Role
        }
        object.__setattr__(self, "_legal", legal)

    @property
    def asleep(self) -> frozenset[str]:
        """The states in which both ends of a powered link may be silent: those that a trigger `wake` leaves."""
        return frozenset(state for state, triggers in self.moves.items() if WAKE in triggers)

    def next(self, state: str, trigger: str, *, by: Role, us: Role) -> str:
        """Return the state after `trigger`.

        Raises:
            LocalTransitionError: we (`by` is `us`) may not cause it in this state.
            RemoteTransitionError: the peer may not.
        """
        target = self._legal[by][state].get(trigger)
        if target is not None:
            return target
        blame = LocalTransitionError if by is us else RemoteTransitionError
        legal = ", ".join(self.legal(state, by)) or "nothing"
        raise blame(f"{trigger} by the {by.value} is not legal in state {state}; legal there: {legal}")

    def legal(self, state: str, by: Role) -> Iterable[str]:
        """Return the triggers that an end may cause in a state, sorted."""
        return sorted(self._legal[by][state])

    def diagram(self) -> str:
        """Return the table as a Mermaid state diagram, as in the documentation."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state, moves in self.moves.items():
            by_target: dict[str, list[str]] = {}
            for trigger, target in moves.items():
                by_target.setdefault(target, []).append(trigger)
            lines += [f"    {state} --> {target}: {', '.join(sorted(names))}" for target, names in by_target.items()]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class BaudrateMessage:
    """A message that orders a baud rate or answers such an order.

    Attributes:
        number: number of the order.
        baudrate: the ordered rate, in bits a second; 0 in an answer.
        accepts: whether the message is an answer that accepts the order; any other answer refuses it.
    """

    number: int
    baudrate: int = 0
    accepts: bool = False


BaudrateMessageParser = Callable[[Role, int, AnyMessage], BaudrateMessage | None]
"""Sender, class of the frame and message to its meaning for the rate; `None` where it has none."""


class BaudrateNegotiation:
    """Follows the messages of both ends: an order, then its answer.

    Attributes:
        pending: the order without an answer so far; `None` where there is none.
    """

    def __init__(self, parse_message: BaudrateMessageParser) -> None:
        self.pending: BaudrateMessage | None = None
        self._parse_message = parse_message

    def observe(self, sender: Role, class_: int, messages: Iterable[AnyMessage]) -> int | None:
        """Take a frame's messages; return the rate that both ends agreed on with it, in bits a second, or `None`."""
        agreed: int | None = None
        for message in messages:
            parsed = self._parse_message(sender, class_, message)
            if parsed is None:
                continue
            if parsed.baudrate:
                self.pending = parsed
            elif self.pending is not None and parsed.number == self.pending.number:
                agreed = self.pending.baudrate if parsed.accepts else agreed
                self.pending = None
        return agreed


def _no_selections(_sender: Role, _message: AnyMessage) -> Mapping[type[Message], int]:
    return {}


def _no_baudrate_message(_sender: Role, _class: int, _message: AnyMessage) -> BaudrateMessage | None:
    return None


def _unknown_end(_payload: bytes, _at: int) -> int | None:
    return None


class LinkChecker(Protocol):
    """Checks the rules between the frames of one session of both ends."""

    def on_frame(self, sender: Role, frame: Frame, at: float | None, /) -> list[str]:
        """Take a valid frame and its time in seconds; return the rules that it breaks, one line each."""
        ...

    def reset(self) -> None:
        """Start over: bytes arrived that are no frame."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """The protocol of one mount.

    Attributes:
        name: its name in commands and profiles.
        title: one line for users.
        notice: caveat about the origin of the data.
        sources: key -> source of the evidence.
        wiring: how bytes travel on the contacts.
        drivers: line -> the end that drives it.
        messages: every message by sender and type byte.
        formats: frame format of each sender.
        build_frame: payload, class and sequence number to a frame's bytes.
        transitions: the legal transitions of each state.
        trigger_for: sender, class and first message of a frame to the transition that it causes.
        timing: the timing contract.
        idle_timeout: seconds without a byte, outside select windows, after which a receiver drops a partial frame.
        supply: the line that powers the lens.
        detect: the line that an attached lens grounds.
        power_settling_s: seconds after the rise of the supply in which lines may glitch and edges are ignored.
        protected_types: type bytes that are never sent to a real device unless a run allows them by name.
        unprotected: senders and protected types that are harmless from that end.
        unknown_message_end: payload and start of an unknown message -> its end, for messages that carry their own
            size; `None` where only tables know sizes, or where the payload is cut.
        selecting: the messages that can change the blocks that later messages are built from.
        selections: the blocks that such a message selects.
        routine: compositions (types joined by `+`) that repeat with every frame; summaries show only the others. An end
            without a message of these types has no loop.
        rails: further lines that are rails, in the order in which they come on after the supply.
        sync: the frame signal's line; `""` where the mount has none.
        parse_baudrate_message: reads baud rate orders and their answers; both ends change the rate after an acceptance.
        baudrate_switch_delay: seconds from the end of that acceptance to the change; earlier bytes are over by then,
            and no end sends for as long again.
        line_fallbacks: line -> behaviour of an end on a port that does not carry it, for users.
        link_checker: makes a checker of rules between frames that no transition table holds; `None` without such rules.
    """

    name: str
    title: str
    notice: str
    sources: Mapping[str, str]
    wiring: Wiring
    drivers: Mapping[str, Role]
    messages: MessageTable
    formats: Mapping[Role, FrameFormat]
    build_frame: Callable[[bytes, int, int], bytes]
    transitions: TransitionTable
    trigger_for: Callable[[Role, int, AnyMessage], str]
    timing: tuple[TimingRule, ...]
    idle_timeout: float
    supply: str
    detect: str
    power_settling_s: float = 0.0
    protected_types: frozenset[int] = frozenset()
    unprotected: frozenset[tuple[Role, int]] = frozenset()
    unknown_message_end: Callable[[bytes, int], int | None] = field(default=_unknown_end)
    selecting: frozenset[type[Message]] = frozenset()
    selections: Callable[[Role, AnyMessage], Mapping[type[Message], int]] = field(default=_no_selections)
    routine: frozenset[str] = frozenset()
    rails: tuple[str, ...] = ()
    sync: str = ""
    parse_baudrate_message: BaudrateMessageParser = field(default=_no_baudrate_message)
    baudrate_switch_delay: float = 0.0
    line_fallbacks: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    link_checker: Callable[[], LinkChecker] | None = None

    def __post_init__(self) -> None:
        """Refuse lines that the wiring lacks, and complete the wiring, so that readers of captures need only that.

        Raises:
            ValueError: `supply`, `detect`, `sync` or one of `rails` is no line.
        """
        lines = self.wiring.lines
        for name, line in (("supply", self.supply), ("detect", self.detect), *(("rails", rail) for rail in self.rails)):
            if line not in lines:
                raise ValueError(
                    f"{name} of the dialect {self.name!r} is {line!r}; one of its lines is legal: {', '.join(lines)}"
                )
        if self.sync and self.sync not in lines:
            raise ValueError(
                f"sync of the dialect {self.name!r} is {self.sync!r}; '' and its lines are legal: {', '.join(lines)}"
            )
        object.__setattr__(self, "wiring", replace(self.wiring, sync=self.sync, possible_senders=self.possible_senders))

    @property
    def routine_types(self) -> frozenset[int]:
        """The types in the compositions of `routine`."""
        return frozenset(int(type_, 16) for composition in self.routine for type_ in composition.split("+"))

    @property
    def streaming_roles(self) -> frozenset[Role]:
        """The ends that repeat frames: those with a message of a type of `routine`; both where no end has one."""
        routine = self.routine_types
        return frozenset(role for role, type_ in self.messages if type_ in routine) or frozenset(Role)

    def possible_senders(self, data: bytes) -> frozenset[Role]:
        """The ends that send a frame such as these bytes begin with; none where they begin no valid frame."""
        for frame_format in self.formats.values():
            if len(data) < frame_format.header_size or data[0] != frame_format.start:
                continue
            size = frame_format.frame_length(data[: frame_format.header_size])
            if isinstance(size, GarbageReason) or len(data) < size or frame_format.check(data[:size]) is not None:
                continue
            payload = frame_format.parse_header(data[:size], 0).payload
            return frozenset(role for role in Role if payload and (role, payload[0]) in self.messages) or frozenset(
                Role
            )
        return frozenset()

    def types_protected_from(self, sender: Role) -> frozenset[int]:
        """The type bytes that this end never sends to a real device unless a run allows them by name."""
        return frozenset(one for one in self.protected_types if (sender, one) not in self.unprotected)

    def payload_parser(self, memo: PayloadMemo | None = None) -> PayloadParser:
        """Return a new parser of this dialect's payloads.

        Args:
            memo: shared with other parsers of the same link; `None`: each payload is parsed.
        """
        return PayloadParser(self.messages, self.unknown_message_end, memo)

    def select_line(self, sender: Role) -> str:
        """The line that `sender` holds high while it transmits; `""` where the mount has none."""
        return next((line.select for line in self.wiring.serial if line.sender is sender), "")

    def serial_line(self, sender: Role) -> str:
        """The line that carries the bytes of `sender`."""
        return next(line.name for line in self.wiring.serial if line.sender is sender)


ENTRY_POINTS = "lensmount.dialects"
"""The entry-point group; each entry's value is `package.module:NAME` of a `Dialect`."""

BUILT_IN = {
    "emount": "lensmount_protocol.dialects.emount.dialect:EMOUNT",
    "fuji-g": "lensmount_protocol.dialects.fuji_g.dialect:FUJI_G",
    "lmount": "lensmount_protocol.dialects.lmount.dialect:LMOUNT",
    "mft": "lensmount_protocol.dialects.mft.dialect:MFT",
}


_log = get_logger("plugins")


def dialect_names() -> list[str]:
    """Return the names of the installed dialects, sorted."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def dialect_package(name: str) -> str:
    """Return the package of the dialect of this name.

    Raises:
        DialectError: unknown (lists the known ones), or offered by two packages.
    """
    return _find_entry_point(name).value.partition(":")[0].rpartition(".")[0]


def _find_entry_point(name: str) -> EntryPoint:
    offers = [EntryPoint(name, value, ENTRY_POINTS) for known, value in BUILT_IN.items() if known == name]
    offers += entry_points(group=ENTRY_POINTS, name=name)
    if not offers:
        raise DialectError(unknown_name_message("dialect", name, dialect_names()))
    if len(offers) > 1:
        raise DialectError(f"dialect {name!r} is offered twice: {' and '.join(offer.value for offer in offers)}")
    return offers[0]


def load_dialect(name: str) -> Dialect:
    """Return the dialect of this name.

    Raises:
        DialectError: unknown (lists the known ones), offered by two packages, or not importable as a `Dialect`;
            the text has the file and line of a mistake in the package.
    """
    offer = _find_entry_point(name)
    try:
        dialect = import_attribute(offer.value)
    except ImportError as error:
        _log.warning("dialect %s: cannot be loaded from %s: %s", name, offer.value, error)
        raise DialectError(f"dialect {name!r} cannot be loaded from {offer.value}: {error}") from error
    if not isinstance(dialect, Dialect):
        raise DialectError(f"dialect {name!r}: {offer.value} is a {type(dialect).__name__}, not a Dialect")
    if name not in BUILT_IN:
        _log.info("dialect %s: loaded from %s", name, offer.value)
    return dialect
