"""Messages from the host to the board: handshake, configuration, credit, commands for the wire, and requests."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from construct import Bytes, GreedyBytes, Int8ul, Int16ul, Int32ul, Int64ul, PrefixedArray, Struct, Terminated

from lensmount_hardware.boards.protocol.constants import BOOTLOADER_MAGIC
from lensmount_hardware.boards.protocol.message import BoardMessage

TIMING_LAYOUT = Struct(
    "setup_us" / Int16ul * "least time from the rise of our attention line to the first start bit",
    "hold_us" / Int16ul * "least time from the last stop bit to the fall of our attention line",
    "gap_us" / Int16ul * "least time that our attention line is low between two windows",
    "presence_us" / Int32ul * "presence, or the supply as a lens sees it, counts when it has lasted this long",
    "absence_us" / Int16ul * "their loss counts when it has lasted this long; at most 1000",
    "watchdog_ms" / Int16ul * "the board enters the safe state when the host sent no frame for this long; 0 is never",
)
"""Times that the board keeps by itself; the dialect gives them, and the host sends them."""

LINE_LAYOUT = Struct(
    "gpio" / Int8ul * "the pin's number as the chip's maker counts",
    "kind" / Int8ul * "what the line is for, a LineKind",
    "flags" / Int8ul * "how it is wired, LineFlags",
    "delay_us" / Int32ul * "SUPPLY and RAIL outputs: least time after the previous rail in the map is on, "
    "or after presence; else 0",
)
"""One line of the map; its number is its place there, from 0."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times that the board keeps by itself; `TIMING_LAYOUT` has the meanings."""

    setup_us: int = 0
    hold_us: int = 0
    gap_us: int = 0
    presence_us: int = 0
    absence_us: int = 500
    watchdog_ms: int = 2000


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line of the map; `LINE_LAYOUT` has the meanings."""

    gpio: int
    kind: int
    flags: int = 0
    delay_us: int = 0


@dataclass(frozen=True, slots=True)
class Hello(BoardMessage):
    """A session begins: the board enters the safe state, queues are emptied, both ends' credit counts from 0."""

    TYPE: ClassVar[int] = 0x01
    LAYOUT: ClassVar[Any] = Struct(
        "version" / Int8ul * "of the protocol",
        "flags" / Int8ul * "HelloFlags",
        "session" / Int32ul * "a number that the host draws; the answer repeats it",
        "limit" / Int32ul * "credit for reports, as in CREDIT",
        Terminated,
    )
    version: int
    flags: int
    session: int
    limit: int


@dataclass(frozen=True, slots=True)
class Configure(BoardMessage):
    """The line map, the timing table and the first rate; answered with STATE. The board enters the safe state first."""

    TYPE: ClassVar[int] = 0x02
    LAYOUT: ClassVar[Any] = Struct(
        "role" / Int8ul * "a BoardRole",
        "flags" / Int8ul * "ConfigureFlags",
        "baudrate" / Int32ul * "the first rate, in bits a second",
        "timing" / TIMING_LAYOUT * "the timing table",
        "lines" / PrefixedArray(Int8ul, LINE_LAYOUT) * "a count of one byte, and as many lines",
        Terminated,
    )
    role: int
    flags: int
    baudrate: int
    timing: Timing
    lines: tuple[MappedLine, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the fields' bytes, table and map included."""
        # Zero-argument super() looks for the class that slots replaced.
        read = super(Configure, cls).parse(data)
        timing = Timing(**_named(read.timing))
        lines = tuple(MappedLine(**_named(line)) for line in read.lines)
        return cls(read.role, read.flags, read.baudrate, timing, lines)


def _named(container: Any) -> dict[str, int]:
    return {name: value for name, value in container.items() if not name.startswith("_")}


@dataclass(frozen=True, slots=True)
class HostCredit(BoardMessage):
    """The host can buffer more reports."""

    TYPE: ClassVar[int] = 0x03
    LAYOUT: ClassVar[Any] = Struct(
        "limit" / Int32ul * "bytes of reports that the board may have sent since HELLO, modulo 2^32",
        Terminated,
    )
    limit: int


@dataclass(frozen=True, slots=True)
class TransmitCommand(BoardMessage):
    """Bytes to be sent back to back. Parts of one window have the same `id` and follow each other directly."""

    TYPE: ClassVar[int] = 0x04
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "id" / Int16ul * "repeated by SENT or LATE",
        "flags" / Int8ul * "TransmitFlags",
        "at_us" / Int64ul * "not before this: our attention line rises, or without RAISE the first start bit falls; "
        "0 is as soon as its turn comes",
        "latest_us" / Int64ul * "dropped, with the rest of its window, when it cannot begin by then; 0 is never",
        "data" / GreedyBytes * "the bytes, at least one",
        Terminated,
    )
    id: int
    flags: int
    at_us: int
    latest_us: int
    data: bytes


@dataclass(frozen=True, slots=True)
class DriveCommand(BoardMessage):
    """Drive one of our lines to a level."""

    TYPE: ClassVar[int] = 0x05
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "id" / Int16ul * "repeated by LATE",
        "flags" / Int8ul * "DriveFlags; without IN_TURN the message spends no credit",
        "line" / Int8ul * "its number in the map",
        "level" / Int8ul * "0 low, 1 high; of the mount's line, not of the pin",
        "at_us" / Int64ul * "not before this; 0 is as soon as its turn comes",
        Terminated,
    )
    id: int
    flags: int
    line: int
    level: int
    at_us: int


@dataclass(frozen=True, slots=True)
class BaudrateCommand(BoardMessage):
    """Send and receive at this rate; waits in the queue for earlier commands."""

    TYPE: ClassVar[int] = 0x06
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "id" / Int16ul * "repeated by LATE",
        "baudrate" / Int32ul * "bits a second",
        "at_us" / Int64ul * "not before this; 0 is as soon as its turn comes",
        Terminated,
    )
    id: int
    baudrate: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Sync(BoardMessage):
    """The frame signal, made by the chip's timer; executed on arrival. New values take effect from the next pulse."""

    TYPE: ClassVar[int] = 0x07
    LAYOUT: ClassVar[Any] = Struct(
        "flags" / Int8ul * "SyncFlags",
        "period_us" / Int32ul * "from pulse to pulse, at least 100",
        "width_us" / Int32ul * "of a pulse, at least 1 and below the period",
        "at_us"
        / Int64ul
        * "pulses begin whole periods from then; 0 is at once, or while it runs a period after the last",
        Terminated,
    )
    flags: int
    period_us: int
    width_us: int
    at_us: int


@dataclass(frozen=True, slots=True)
class TimeRequest(BoardMessage):
    """Request for the board's time. Answered at once, ahead of queued reports. Also resets the watchdog."""

    TYPE: ClassVar[int] = 0x08
    LAYOUT: ClassVar[Any] = Struct("token" / Int32ul * "repeated in the answer", Terminated)
    token: int


@dataclass(frozen=True, slots=True)
class EnterSafeState(BoardMessage):
    """The board enters the safe state at once, and empties the queue; answered with STATE."""

    TYPE: ClassVar[int] = 0x09
    LAYOUT: ClassVar[Any] = Struct("flags" / Int8ul * "SafeStateFlags", Terminated)
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Bootloader(BoardMessage):
    """The board enters the safe state, and restarts in its boot mode."""

    TYPE: ClassVar[int] = 0x0A
    LAYOUT: ClassVar[Any] = Struct("magic" / Int32ul * "the magic number", Terminated)
    magic: int = BOOTLOADER_MAGIC


@dataclass(frozen=True, slots=True)
class ReadCounters(BoardMessage):
    """Answered with COUNTERS."""

    TYPE: ClassVar[int] = 0x0B
    LAYOUT: ClassVar[Any] = Struct(Terminated)


@dataclass(frozen=True, slots=True)
class ReadState(BoardMessage):
    """Answered with STATE."""

    TYPE: ClassVar[int] = 0x0C
    LAYOUT: ClassVar[Any] = Struct(Terminated)


@dataclass(frozen=True, slots=True)
class ClockedLinkCommand(BoardMessage):
    """The next CONFIGURE is for a clocked link, and its rate in bits of the clock; without this it is for UARTs."""

    TYPE: ClassVar[int] = 0x0D
    LAYOUT: ClassVar[Any] = Struct(
        "flags" / Int8ul * "LinkFlags",
        "idle_byte" / Int8ul * "shifted out where nothing is loaded",
        "gap_us" / Int16ul * "a longer pause of the clock ends a burst; at least 1",
        Terminated,
    )
    flags: int
    idle_byte: int
    gap_us: int


@dataclass(frozen=True, slots=True)
class ReplyCommand(BoardMessage):
    """Prepare what the board loads after a burst of the end that clocks; executed on arrival. A new map has none."""

    TYPE: ClassVar[int] = 0x0E
    LAYOUT: ClassVar[Any] = Struct(
        "number" / Int16ul * "of the reply; it replaces the one with this number",
        "id" / Int16ul * "repeated by SENT",
        "state" / Int8ul * "it counts in this state; 255 is never",
        "next" / Int8ul * "the state after it",
        "next_mask" / Int8ul * "bits of the first byte of the burst that are added to `next`",
        "flags" / Int8ul * "ReplyFlags",
        "size" / Int8ul * "bytes of the burst, at least 1",
        "match" / Bytes(4) * "its first bytes",
        "mask" / Bytes(4) * "bits of them that count",
        "unit" / GreedyBytes * "the unit to load, at most 8 bytes; none with COPY",
        Terminated,
    )
    number: int
    id: int
    state: int
    next: int
    next_mask: int
    flags: int
    size: int
    match: bytes
    mask: bytes
    unit: bytes


COMMANDS: dict[str, type[BoardMessage]] = {
    "HELLO": Hello,
    "CONFIGURE": Configure,
    "CREDIT": HostCredit,
    "TRANSMIT": TransmitCommand,
    "DRIVE": DriveCommand,
    "SET_BAUDRATE": BaudrateCommand,
    "SYNC": Sync,
    "TIME": TimeRequest,
    "SAFE_STATE": EnterSafeState,
    "BOOTLOADER": Bootloader,
    "READ_COUNTERS": ReadCounters,
    "READ_STATE": ReadState,
    "LINK": ClockedLinkCommand,
    "REPLY": ReplyCommand,
}
"""The host's messages, by the names that specification and firmware use."""
