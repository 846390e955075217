"""Events, actions and records that transports, engines, recordings and taps share: bytes and edges, with times.

Times are seconds as `float`, counted from wherever the clock or the capture starts. Lines carry their published
name (`VD`, `BODY_CS`, …) and a level: `True` is high.

Events, actions and records are values: code never changes one, so several receivers may share it. They are not frozen,
because a frozen one costs three times as much to make, and one is made for each edge and each burst.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Role(enum.Enum):
    """One end of the contacts.

    Attributes:
        peer: the other end.
    """

    BODY = "body"
    LENS = "lens"

    # Each role is there once, so its identity will do; what Enum brings along is a call into Python at each look-up.
    __hash__ = object.__hash__
    peer: "Role"


Role.BODY.peer, Role.LENS.peer = Role.LENS, Role.BODY


@dataclass(slots=True, unsafe_hash=True)
class Received:
    """Bytes that arrived from the peer."""

    data: bytes


@dataclass(slots=True, unsafe_hash=True)
class LineChanged:
    """A line that the peer drives took a new level."""

    line: str
    level: bool


@dataclass(slots=True, unsafe_hash=True)
class Transmit:
    """Send these bytes back to back, starting now."""

    data: bytes


@dataclass(slots=True, unsafe_hash=True)
class DriveLine:
    """Put one of our own lines at this level, now."""

    line: str
    level: bool


@dataclass(slots=True, unsafe_hash=True)
class SetBaudrate:
    """Send and listen at this rate.

    Attributes:
        baudrate: in bits a second.
        at: start of the rate, in seconds of the clock that a port with timestamps uses; a port without timestamps,
            and a port that gets the action too late, switches at once.
    """

    baudrate: int
    at: float | None = None


WireEvent = Received | LineChanged
WireAction = Transmit | DriveLine | SetBaudrate


# Not frozen: a capture of any length is made of these, and a frozen field costs five times as much to set.
@dataclass(slots=True, unsafe_hash=True)
class Burst:
    """Bytes that one end sent without a pause, as a recording holds them.

    Attributes:
        at: falling edge of the first start bit; `None` where the source has no times.
        sender: the end that sent them.
        data: the bytes, at least one.
        baudrate: bits a second, as measured or as the source reports.
        end: end of the last byte's stop bit; `None` where it is not known.
        whole: the source delimits these bytes by itself (one line of a log), so no frame crosses their end.
    """

    at: float | None
    sender: Role
    data: bytes
    baudrate: int
    end: float | None = None
    whole: bool = False

    def byte_at(self, index: int) -> float | None:
        """Return the start of byte `index`; `len(data)` gives the end of the last one."""
        if self.at is None:
            return None
        if self.end is None:
            return self.at + index * BITS_PER_BYTE / self.baudrate
        return self.at + (self.end - self.at) * index / len(self.data)


@dataclass(slots=True, unsafe_hash=True)
class PartialBurst(Burst):
    """A burst of a clocked link in which the receiver counts clock edges that are no multiple of eight.

    Attributes:
        data: its whole bytes, at least one.
        bits: the bits after them, `0` and `1` in the order of arrival; one to seven.
    """

    bits: str = ""


@dataclass(slots=True, unsafe_hash=True)
class Edge:
    """A line that took a level at a time; the first edge of a line may state its level at the start."""

    at: float
    line: str
    level: bool


class AnnotationKind(enum.Enum):
    """Kind of an annotation; programs use the kind, users read the text."""

    NOTE = "note"
    FRAMING_ERROR = "framing error"
    """Bytes of the burst before it reached a receiver that was at another baud rate."""
    LOST_BURST = "lost burst"
    """A reader of samples could not take a burst of a clock as data, or may have missed pulses."""


@dataclass(slots=True, unsafe_hash=True)
class Annotation:
    """A note of a source beside bytes and edges, or text that its reader could not interpret.

    Attributes:
        at: when; `None` where the source has no time for it.
        text: the note, for users.
        incomplete: a part of the source is missing or unreadable here, so the records are not all that it held.
        kind: what it is about; a recording does not keep it.
    """

    at: float | None
    text: str
    incomplete: bool = False
    kind: AnnotationKind = field(default=AnnotationKind.NOTE, compare=False)


@dataclass(slots=True, unsafe_hash=True)
class ClockSync:
    """Reading of a board's clock at a moment of the recording; it maps board times to host times.

    Attributes:
        at: the moment, by the clock that the recording's times come from.
        board_us: the reading, in microseconds since the board's start.
        uncertainty: seconds by which the moment may be wrong, either way.
    """

    at: float
    board_us: int
    uncertainty: float

    @property
    def text(self) -> str:
        """The same as text for users."""
        return f"the board's clock stood at {self.board_us} µs, known to ±{self.uncertainty * 1e6:.3f} µs"


@dataclass(slots=True, unsafe_hash=True)
class DataLoss:
    """Data that is missing from the recording, because the host or the board could not keep up.

    Attributes:
        at: when the loss was noticed; `None` where that is unknown.
        what: what is missing, as text: `bytes of the lens`, `edges of VD`.
        count: how many of them, at least one.
    """

    at: float | None
    what: str
    count: int

    @property
    def text(self) -> str:
        """The same as text for users."""
        return f"lost: {self.count} {self.what}"


class Defect(enum.Enum):
    """Defects of a line of a capture, by their names in recordings and JSON."""

    STUCK_HIGH = "stuck-high"
    STUCK_LOW = "stuck-low"
    CHATTERS = "chatters"
    MISSING = "missing"
    SWAPPED = "swapped"
    UNRELATED = "unrelated"
    POLLED = "polled"
    INVERTED = "inverted"


@dataclass(slots=True, unsafe_hash=True)
class LineDefect:
    """A line with a bad contact, probe or mapping, as the reader of a capture found out.

    Attributes:
        line: its published name.
        defect: what is wrong.
        text: the same as text for users, with the line's name.
        ignored: whether the line's edges are unrelated to the bytes, so that they delimit no window.
        at: when that was found; `None` where it is true of the whole capture.
    """

    line: str
    defect: Defect
    text: str
    ignored: bool = False
    at: float | None = None


def polled_line_defect(line: str, at: float | None) -> LineDefect:
    """The record that a port looks at a line now and again, so that its edges come before or after bytes at random."""
    text = f"{line} is polled: its edges are not in order with the bytes, so its windows are not used"
    return LineDefect(line, Defect.POLLED, text, ignored=True, at=at)


WireRecord = Burst | Edge | Annotation | ClockSync | DataLoss | LineDefect


@dataclass(frozen=True, slots=True)
class SerialLine:
    """One serial direction of a mount.

    Attributes:
        name: the line that carries the bits.
        sender: the end that drives it.
        select: the line that the sender holds high while it transmits; `""` where the mount has none.
    """

    name: str
    sender: Role
    select: str = ""


def _unknown_senders(_data: bytes) -> frozenset[Role]:
    return frozenset()


BITS_PER_CLOCKED_BYTE = 8
"""Bits of a byte on a clocked line: there is no start bit and no stop bit."""


def _never_swapped(_pairs: Sequence[tuple[bytes, bytes]]) -> bool:
    return False


class UnitSplitter(Protocol):
    """Divides the bytes of a half-duplex link into units, in the order of the link."""

    def next(self, value: int, sender: Role | None, /) -> tuple[Role, bool]:
        """Take a byte; return its sender and whether it begins a unit.

        Args:
            value: the byte.
            sender: the end that drives the data line, as the acknowledge lines show; `None` where they are not known.
        """
        ...


class _OneSender:
    """Divides at each change of the sender; bytes of an unknown sender are those of the body."""

    def __init__(self) -> None:
        self._last: Role | None = None

    def next(self, _value: int, sender: Role | None, /) -> tuple[Role, bool]:
        found = sender or Role.BODY
        begins, self._last = found is not self._last, found
        return found, begins


@dataclass(frozen=True, slots=True)
class AcknowledgeLines:
    """The acknowledge lines of a half-duplex clocked link: each byte is acknowledged, and both ends share a data line.

    A unit is a run of bytes of one sender. The end that clocks raises its line first where it sends, and raises it
    after the line of the clocked end where that end sends. Between two bytes of a unit the clocked end pulses its line
    low; where the clocked end sends, the other end pulses its line as well. A recording has the edges that frame a
    unit; the pulses inside a unit are part of its burst, as the clock is.

    Attributes:
        clocking: the line of the end that clocks.
        clocked: the line of the clocked end: high is ready, low is busy.
        pause_s: seconds from the end of a byte to the next byte of its unit.
        make_splitter: makes what divides the bytes of a capture into units.
    """

    clocking: str
    clocked: str
    pause_s: float
    make_splitter: Callable[[], UnitSplitter] = field(default=_OneSender, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ClockedLink:
    """The physical layer of a clocked mount.

    Without acknowledge lines the link is full duplex: both ends shift in each burst. With them one end sends at a
    time; a burst of a recording is a unit, and `gap_s` separates its bytes.

    Attributes:
        clock: the line that carries the clock.
        clocked_by: the end that drives it.
        bit_rate: nominal bits a second.
        gap_s: seconds; a longer pause of the clock ends a burst.
        burst_sizes: the legal sizes of a burst, in bytes; of a half-duplex link the known ones of a unit.
        idle_high: level of the clock between bursts.
        sampled_on_rise: the edge of the clock at which data are valid.
        msb_first: order of the bits of a byte.
        idle_byte: the value that an end shifts out which has loaded nothing.
        load_s: seconds from the end of a burst in which the clocked end has to load its next unit.
        find_swapped: bytes of the body's and the lens's line in each burst -> whether the two lines are swapped.
        acknowledge: the acknowledge lines of a half-duplex link; `None` for a full-duplex link.
    """

    clock: str
    clocked_by: Role
    bit_rate: int
    gap_s: float
    burst_sizes: tuple[int, ...]
    idle_high: bool = True
    sampled_on_rise: bool = True
    msb_first: bool = True
    idle_byte: int = 0
    load_s: float = 0.0
    find_swapped: Callable[[Sequence[tuple[bytes, bytes]]], bool] = field(
        default=_never_swapped, compare=False, repr=False
    )
    acknowledge: AcknowledgeLines | None = None
    byte_pitch: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Derive the pitch of the bytes."""
        pause = 0.0 if self.acknowledge is None else self.acknowledge.pause_s
        object.__setattr__(self, "byte_pitch", BITS_PER_CLOCKED_BYTE / self.bit_rate + pause)

    def duration(self, byte_count: int) -> float:
        """Seconds of a burst of so many bytes, from the first edge of the clock to the last."""
        if self.acknowledge is None:
            return (byte_count * BITS_PER_CLOCKED_BYTE - 0.5) / self.bit_rate
        return (byte_count - 1) * self.byte_pitch + (BITS_PER_CLOCKED_BYTE - 0.5) / self.bit_rate


@dataclass(frozen=True, slots=True)
class Wiring:
    """How bytes travel on a mount's contacts; the UART decoder of a logic analyser's samples needs it.

    Attributes:
        serial: the serial directions.
        baudrates: the rates that the mount uses, slowest first.
        start_low_bits: bit times that the line stays low for a frame's first byte (its start bit and the zero bits
            after it): the rate can be read from it.
        lines: every line that carries a level, by its published name.
        sync: the line that pulses once in each cycle; `""` where the mount has none.
        possible_senders: the ends that send a frame such as these bytes begin with; none where they begin no valid
            frame.
        clocked: the physical layer of a clocked mount; `None` where bytes travel asynchronously, 8N1.
        aliases: line -> further names of its channel in captures.
    """

    serial: tuple[SerialLine, ...]
    baudrates: tuple[int, ...]
    start_low_bits: int
    lines: tuple[str, ...]
    sync: str = ""
    possible_senders: Callable[[bytes], frozenset[Role]] = field(default=_unknown_senders, compare=False, repr=False)
    clocked: ClockedLink | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict[str, tuple[str, ...]]())


BITS_PER_BYTE = 10
"""Start bit, eight data bits, stop bit."""


def transmission_time(byte_count: int, baudrate: int) -> float:
    """Seconds that `byte_count` bytes take on a line, 8N1, back to back."""
    return byte_count * BITS_PER_BYTE / baudrate
