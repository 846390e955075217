"""What pcapng files say of a mount: those of `pcapng_write`, and those of others.

Packets of others are read as long as their interfaces have the names that ours have, or they say their direction:
outbound is the body's, inbound the lens's.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, lines_of, silent
from lensmount_hardware.captures.pcapng_blocks import (
    BYTES_LINK,
    COMMENT,
    DIRECTIONS,
    FLAGS,
    INTERFACE,
    LINES_LINK,
    NAME,
    NAMES,
    PACKET,
    RESOLUTION,
    SECTION,
    SIMPLE_PACKET,
    TIMELESS,
    Block,
    blocks_in,
    check_beginning,
    nanoseconds,
    options_of,
)
from lensmount_hardware.captures.records_json import object_from, record_of
from lensmount_protocol.wire import Burst, ClockFix, Drop, Edge, LineDefect, Record, Remark, Role, Wiring

_SPEED, _OFFSET = 8, 14
"""Options of interfaces that only others write: bits a second, and seconds to add to all times."""

_DIRECTION_BITS = 3
_TRAVEL = re.compile(r"(\d{1,9}) baud(?:, (-?\d{1,15}) ns)?(, whole)?(, no time)?")


@dataclass(slots=True)
class _Interface:
    """What a section says of one of its interfaces; `ticks` are of a second, `offset` is in seconds."""

    link: int
    name: str
    speed: int
    ticks: int
    offset: int
    complained: bool = False

    def seconds(self, stamp: int) -> float:
        # By way of microseconds, so that a time is the very float that a recording gives.
        return ((stamp + self.offset * self.ticks) * 1_000_000 / self.ticks) / 1e6


def read_pcapng(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a pcapng file of ours or of others; what is no traffic of a mount is left out with a remark.

    Raises:
        CaptureError: it is cut inside its first block, or of a version that this program does not know.
    """
    check_beginning(path)
    return Capture(path, "pcapng", _records(path, wiring, progress), lambda: lines_of(_records(path, wiring, silent)))


def _records(path: Path, wiring: Wiring, progress: Progress) -> Iterator[Record]:
    interfaces: list[_Interface] = []
    for found in blocks_in(path, progress):
        if isinstance(found, Remark):
            yield found
        elif found.kind == SECTION:
            interfaces = []
        elif found.kind == INTERFACE and len(found.body) >= 8:
            interfaces.append(_interface(found))
        elif found.kind in (PACKET, SIMPLE_PACKET):
            yield from _of_packet(found, interfaces, wiring)


def _interface(found: Block) -> _Interface:
    (link,) = struct.unpack_from(found.order + "H", found.body)
    told = options_of(found.body, 8, found.order)
    (resolution,) = told.get(RESOLUTION, [b""])[0][:1] or b"\x06"
    exponent = resolution & 0x7F
    speed, offset = (told.get(code, [b""])[0][:8].ljust(8, b"\0") for code in (_SPEED, _OFFSET))
    return _Interface(
        link,
        told.get(NAME, [b""])[0].decode("utf-8", "replace"),
        struct.unpack(found.order + "Q", speed)[0],
        2**exponent if resolution & 0x80 else 10**exponent,
        struct.unpack(found.order + "q", offset)[0],
    )


def _of_packet(found: Block, interfaces: list[_Interface], wiring: Wiring) -> Iterator[Record]:
    """The records of one packet."""
    body, order = found.body, found.order
    at_data = 20 if found.kind == PACKET else 4
    if len(body) < at_data:
        yield Remark(None, f"the packet at byte {found.offset} is too short for its head", True)
        return
    number, high, low, kept = struct.unpack_from(order + "4I", body) if found.kind == PACKET else (0, 0, 0, len(body))
    if number >= len(interfaces):
        yield Remark(None, f"the packet at byte {found.offset} is of interface {number}, which its section lacks", True)
        return
    interface = interfaces[number]
    data = body[at_data : at_data + kept]
    if found.kind == SIMPLE_PACKET:
        data = data[: struct.unpack_from(order + "I", body)[0]]
    told = options_of(body, at_data + kept + -kept % 4, order)
    comments = [text.decode("utf-8", "replace") for text in told.get(COMMENT, [])]
    at = interface.seconds(high << 32 | low) if found.kind == PACKET else None
    if interface.link == LINES_LINK:
        yield from _of_line(at, data, comments)
        return
    flags = told.get(FLAGS, [b""])[0]
    direction = struct.unpack(order + "I", flags)[0] & _DIRECTION_BITS if len(flags) == 4 else 0
    sender = next((role for role, name in NAMES.items() if name in interface.name), None)
    sender = sender or next((role for role, flag in DIRECTIONS.items() if flag == direction), None)
    if interface.link != BYTES_LINK or sender is None:
        if not interface.complained:
            interface.complained = True
            yield Remark(at, _complaint(interface, number))
        return
    yield from _of_bytes(at, sender, data, comments, interface.speed or wiring.baudrates[0])


def _complaint(interface: _Interface, number: int) -> str:
    which = f"interface {number} ({interface.name or 'without a name'})"
    if interface.link != BYTES_LINK:
        return f"{which} has link type {interface.link}, not {BYTES_LINK}; its packets are left out"
    names = " or ".join(NAMES.values())
    return f"{which}: a packet without a direction; name the interface {names}, or flag its packets; left out"


def _of_bytes(at: float | None, sender: Role, data: bytes, comments: list[str], baudrate: int) -> Iterator[Record]:
    travel = _TRAVEL.fullmatch(comments[0]) if comments else None
    until, whole = None, False
    if travel is not None and int(travel[1]) > 0:
        comments = comments[1:]
        baudrate, whole = int(travel[1]), travel[3] is not None
        at = None if travel[4] is not None else at
        if at is not None and travel[2] is not None:
            until = (nanoseconds(at) + int(travel[2])) / 1000 / 1e6
    if data:
        yield Burst(at, sender, data, baudrate, until, whole)
    for comment in comments:
        yield Remark(at, comment)


def _of_line(at: float | None, data: bytes, comments: list[str]) -> Iterator[Record]:
    if not data:
        if len(comments) > 1 and comments[0] == TIMELESS:
            at, comments = None, comments[1:]
        told = _told(comments)
        yield Remark(at, "".join(comments)) if told is None else told
        return
    name = data[1:].decode("utf-8", "replace")
    if at is None or data[0] > 1 or not name:
        yield Remark(at, f"no edge: {data[:24].hex(' ')}")
    else:
        yield Edge(at, name, bool(data[0]))
    for comment in comments:
        yield Remark(at, comment)


def _told(comments: list[str]) -> Record | None:
    """A clock, a loss or a gap in the source, where a comment is the JSON of one."""
    if len(comments) != 1 or not comments[0].startswith("{"):
        return None
    try:
        record = record_of(object_from(comments[0]))
    except ValueError:
        return None
    known = isinstance(record, ClockFix | Drop | LineDefect) or (isinstance(record, Remark) and record.incomplete)
    return record if known else None
