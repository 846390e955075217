"""A dialect: everything that one mount speaks, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lensmount_protocol.frame import FrameFormat, GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage, MessageTable, Paving
from lensmount_protocol.rates import RateWord, RateWords
from lensmount_protocol.timing import TimingRule
from lensmount_protocol.transitions import TransitionTable
from lensmount_protocol.wire import Role, Wiring


def _nothing_selected(_sender: Role, _message: AnyMessage) -> Mapping[type[Message], int]:
    return {}


def _says_nothing(_sender: Role, _class: int, _message: AnyMessage) -> RateWord | None:
    return None


def _nobody_knows(_payload: bytes, _at: int) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything that one mount speaks.

    Attributes:
        name: how commands and profiles call it.
        title: one line for people.
        notice: what a reader must know of its standing before trusting it.
        sources: key -> where its evidence comes from.
        wiring: how bytes travel on the contacts.
        drivers: line -> the end that drives it.
        messages: every message by sender and type byte.
        formats: what frames of each sender look like.
        build_frame: payload, class and sequence number to a frame's bytes.
        transitions: what is legal when.
        trigger: sender, class and first message of a frame to the transition that it causes.
        timing: the timing contract.
        silence: seconds without a byte, outside select windows, after which a receiver drops a partial frame.
        supply: the line whose level powers the lens.
        detect: the line that a lens grounds by being there.
        settles: seconds behind the rise of the supply in which lines may glitch and mean nothing.
        guarded: type bytes that are never sent to a real device unless a run arms them by name.
        ends: where a message ends that nobody knows, given the payload and where it starts: messages that say their own
            size can be stepped over; `None` where only tables know sizes, or where the payload is cut.
        selecting: the messages that can change the blocks that later messages are built from.
        selections: what such a message changes.
        routine: compositions (types joined by `+`) that repeat with every frame; any other one is worth telling.
        rails: further lines that are rails, in the order in which they come on behind the supply.
        sync: the frame signal's line; `""` where the mount has none.
        rate_words: what a message says of the rate: with an order and its acceptance both ends change it.
        rate_changes: seconds from the end of that acceptance to the change: what was sent before it is over by then,
            and nothing is sent for as long again.
        line_fallbacks: line -> how an end behaves on a port that does not carry it, for people.
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
    trigger: Callable[[Role, int, AnyMessage], str]
    timing: tuple[TimingRule, ...]
    silence: float
    supply: str
    detect: str
    settles: float = 0.0
    guarded: frozenset[int] = frozenset()
    ends: Callable[[bytes, int], int | None] = field(default=_nobody_knows)
    selecting: frozenset[type[Message]] = frozenset()
    selections: Callable[[Role, AnyMessage], Mapping[type[Message], int]] = field(default=_nothing_selected)
    routine: frozenset[str] = frozenset()
    rails: tuple[str, ...] = ()
    sync: str = ""
    rate_words: RateWords = field(default=_says_nothing)
    rate_changes: float = 0.0
    line_fallbacks: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())

    def __post_init__(self) -> None:
        """Complete the wiring by what the rest of the dialect knows, so that readers of captures need only it."""
        object.__setattr__(self, "wiring", replace(self.wiring, sync=self.sync, senders_of=self.senders_of))

    def senders_of(self, data: bytes) -> frozenset[Role]:
        """The ends that send a frame such as these bytes begin with; none where they begin no valid frame."""
        for frame_format in self.formats.values():
            if len(data) < frame_format.header_size or data[0] != frame_format.start:
                continue
            size = frame_format.measure(data[: frame_format.header_size])
            if isinstance(size, GarbageReason) or len(data) < size or frame_format.judge(data[:size]) is not None:
                continue
            payload = frame_format.open(data[:size], 0).payload
            return frozenset(role for role in Role if payload and (role, payload[0]) in self.messages) or frozenset(
                Role
            )
        return frozenset()

    def paving(self) -> Paving:
        """A fresh reader of this dialect's payloads."""
        return Paving(self.messages, self.ends)

    def select_line(self, sender: Role) -> str:
        """The line that `sender` holds high while it transmits; `""` where the mount has none."""
        return next((line.select for line in self.wiring.serial if line.sender is sender), "")

    def serial_line(self, sender: Role) -> str:
        """The line that carries the bytes of `sender`."""
        return next(line.name for line in self.wiring.serial if line.sender is sender)
