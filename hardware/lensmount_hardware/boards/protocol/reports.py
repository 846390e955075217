"""Messages from the board to the host: identity, timed events on the wire, losses, rejections and state."""

from dataclasses import dataclass
from typing import Any, ClassVar

from construct import Bytes, GreedyBytes, Int8ul, Int16ul, Int32ul, Int64ul, Struct, Terminated, this

from lensmount_hardware.boards.protocol.message import BoardMessage


@dataclass(frozen=True, slots=True)
class HelloReply(BoardMessage):
    """Identity and limits of the board; the answer to HELLO, and STATE follows."""

    TYPE: ClassVar[int] = 0x81
    LAYOUT: ClassVar[Any] = Struct(
        "version" / Int8ul * "of the protocol",
        "session" / Int32ul * "the host's number, repeated",
        "unique_id" / Bytes(8) * "of this very board, as in its USB serial number",
        "lines" / Int8ul * "how many lines a map may have",
        "lowest_baudrate" / Int32ul * "of each UART, in bits a second",
        "highest_baudrate" / Int32ul * "of each UART",
        "queue_bytes" / Int32ul * "capacity for commands: also the first limit of the host's credit",
        "report_bytes" / Int32ul * "capacity for reports that wait for the host",
        "firmware" / GreedyBytes * "revision of the firmware, ASCII, at most 64 bytes",
        Terminated,
    )
    version: int
    session: int
    unique_id: bytes
    lines: int
    lowest_baudrate: int
    highest_baudrate: int
    queue_bytes: int
    report_bytes: int
    firmware: bytes


@dataclass(frozen=True, slots=True)
class ReceivedBytes(BoardMessage):
    """Bytes that came on a data line, in their order."""

    TYPE: ClassVar[int] = 0x82
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "at_us" / Int64ul * "when the first byte's stop bit was over",
        "line" / Int8ul * "the data line, which also shows the sender",
        "spacing" / Int8ul * "a TimestampEncoding",
        "count" / Int8ul * "of the bytes, at least one",
        "data" / Bytes(this.count) * "the bytes",
        "gaps" / Bytes(lambda this: (this.count - 1) if this.spacing == 1 else 0) * "with GAPS: count - 1 bytes",
        Terminated,
    )
    at_us: int
    line: int
    spacing: int
    count: int
    data: bytes
    gaps: bytes = b""


@dataclass(frozen=True, slots=True)
class LineEdge(BoardMessage):
    """A line took a level: the peer's, no data line (PRESENCE, a lens's SUPPLY after their filter), or one of ours."""

    TYPE: ClassVar[int] = 0x83
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "line" / Int8ul * "its number in the map",
        "level" / Int8ul * "0 low, 1 high",
        "at_us" / Int64ul * "when it took that level",
        Terminated,
    )
    line: int
    level: int
    at_us: int


@dataclass(frozen=True, slots=True)
class TransmitDone(BoardMessage):
    """A transmission is over."""

    TYPE: ClassVar[int] = 0x84
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "id" / Int16ul * "of the TRANSMIT",
        "begin_us" / Int64ul * "fall of its first start bit",
        "end_us" / Int64ul * "end of its last stop bit",
        Terminated,
    )
    id: int
    begin_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class TransmitLate(BoardMessage):
    """A command with a time began later than that by more than 2 µs, or was dropped for its `latest_us`."""

    TYPE: ClassVar[int] = 0x85
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "id" / Int16ul * "of the command",
        "dropped" / Int8ul * "1 where it was dropped, else 0",
        "by_us" / Int32ul * "how late after `at_us`",
        Terminated,
    )
    id: int
    dropped: int
    by_us: int


@dataclass(frozen=True, slots=True)
class DataLost(BoardMessage):
    """Something was lost since the last such message for its kind."""

    TYPE: ClassVar[int] = 0x86
    LAYOUT: ClassVar[Any] = Struct(
        "sort" / Int8ul * "a LossKind",
        "count" / Int32ul * "how many",
        Terminated,
    )
    sort: int
    count: int


@dataclass(frozen=True, slots=True)
class BoardState(BoardMessage):
    """The board's state; sent on request, when `flags` change, and after a safe state."""

    TYPE: ClassVar[int] = 0x87
    LAYOUT: ClassVar[Any] = Struct(
        "flags" / Int8ul * "StateFlags",
        "reason" / Int8ul * "why the board entered the safe state last, a SafeStateReason",
        "levels" / Int16ul * "bit n: the level of line n, ours as driven and the others as seen",
        "at_us" / Int64ul * "when it was so",
        Terminated,
    )
    flags: int
    reason: int
    levels: int
    at_us: int


@dataclass(frozen=True, slots=True)
class TimeResponse(BoardMessage):
    """The board's time."""

    TYPE: ClassVar[int] = 0x88
    LAYOUT: ClassVar[Any] = Struct(
        "token" / Int32ul * "the request's",
        "at_us" / Int64ul * "when the request was read",
        Terminated,
    )
    token: int
    at_us: int


@dataclass(frozen=True, slots=True)
class BoardCredit(BoardMessage):
    """The board can buffer more commands."""

    TYPE: ClassVar[int] = 0x89
    LAYOUT: ClassVar[Any] = Struct(
        "limit" / Int32ul * "bytes of commands that the host may have sent since HELLO, modulo 2^32",
        Terminated,
    )
    limit: int


@dataclass(frozen=True, slots=True)
class Counters(BoardMessage):
    """Counters since the board started; each wraps at 2^32."""

    TYPE: ClassVar[int] = 0x8A
    LAYOUT: ClassVar[Any] = Struct(
        "frames_taken" / Int32ul * "frames from the host that were whole",
        "frames_bad" / Int32ul * "frames from the host with a wrong checksum or length",
        "frames_missed" / Int32ul * "gaps in the host's sequence",
        "bytes_sent" / Int32ul * "on data lines",
        "bytes_received" / Int32ul * "on data lines",
        "bytes_broken" / Int32ul * "received with a framing error or a break",
        "bytes_lost" / Int32ul * "received and lost",
        "edges_seen" / Int32ul * "of lines that are not ours",
        "edges_lost" / Int32ul * "because the queue was full",
        "reports_lost" / Int32ul * "others, because the queue was full",
        "late" / Int32ul * "commands that began late or were dropped for it",
        "refused" / Int32ul * "messages answered by ERROR",
        "rests" / Int32ul * "safe states",
        "worst_loop_us" / Int32ul * "longest time between two polls of the queue",
        Terminated,
    )
    frames_taken: int
    frames_bad: int
    frames_missed: int
    bytes_sent: int
    bytes_received: int
    bytes_broken: int
    bytes_lost: int
    edges_seen: int
    edges_lost: int
    reports_lost: int
    late: int
    refused: int
    rests: int
    worst_loop_us: int


@dataclass(frozen=True, slots=True)
class MessageRejected(BoardMessage):
    """A message was refused, and no part of it is executed."""

    TYPE: ClassVar[int] = 0x8B
    LAYOUT: ClassVar[Any] = Struct(
        "code" / Int8ul * "an ErrorCode",
        "of_type" / Int8ul * "type of the message that was refused",
        "of_sequence" / Int8ul * "its sequence number",
        "detail" / Int32ul * "as the code defines it",
        Terminated,
    )
    code: int
    of_type: int
    of_sequence: int
    detail: int


@dataclass(frozen=True, slots=True)
class BurstReceived(BoardMessage):
    """A burst of the clock on a data line, or a part of one; both lines of a sniffer have their own."""

    TYPE: ClassVar[int] = 0x8C
    QUEUED: ClassVar[bool] = True
    LAYOUT: ClassVar[Any] = Struct(
        "at_us" / Int64ul * "when its first byte was over",
        "took_us" / Int16ul * "from then until its last whole byte was over; 65535 is that or more",
        "line" / Int8ul * "the data line, which also shows the sender",
        "flags" / Int8ul * "BurstFlags",
        "bits" / Int8ul * "bits of the last byte, where the clock stopped inside it; else 0",
        "count" / Int8ul * "of the bytes, a part of one included",
        "data" / Bytes(this.count) * "the bytes; bits that did not come are 0",
        Terminated,
    )
    at_us: int
    took_us: int
    line: int
    flags: int
    bits: int
    count: int
    data: bytes


REPORTS: dict[str, type[BoardMessage]] = {
    "WELCOME": HelloReply,
    "RECEIVED": ReceivedBytes,
    "EDGE": LineEdge,
    "SENT": TransmitDone,
    "LATE": TransmitLate,
    "DROPPED": DataLost,
    "STATE": BoardState,
    "CLOCK": TimeResponse,
    "ROOM": BoardCredit,
    "COUNTERS": Counters,
    "ERROR": MessageRejected,
    "BURST": BurstReceived,
}
"""The board's messages, by the names that specification and firmware use."""
