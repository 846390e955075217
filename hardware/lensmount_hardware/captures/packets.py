"""Packets of pcapng and pcap files to records: whose bytes they are, when they travelled, and what of them is cut.

The packets of other programs are read where they say whose they are: by the name of their interface, by a direction
flag (outbound is the body's, inbound the lens's), or by the message that a valid frame in them begins with.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lensmount_hardware.captures.pcapng_blocks import (
    BYTES_LINK,
    DIRECTIONS,
    LINES_LINK,
    NAMES,
    TIMELESS,
    nanoseconds,
)
from lensmount_hardware.captures.records_json import object_from, record_of
from lensmount_protocol.wire import Burst, ClockFix, Drop, Edge, LineDefect, Record, Remark, Role, Wiring

USER_LINKS = range(147, 163)
"""USER0 to USER15 of https://www.tcpdump.org/linktypes.html: what a link without a number of its own is given."""

_DIRECTION_BITS = 3
_TRAVEL = re.compile(r"(\d{1,9}) baud(?:, (-?\d{1,15}) ns)?(, whole)?(, no time)?")


@dataclass(slots=True)
class Interface:
    """What a file says of the source of some of its packets.

    Attributes:
        number: its place among those of its section.
        link: the link type.
        name: its name; `""` where the file has none.
        speed: bits a second; 0 where the file has none.
        ticks: of its clock, in a second.
        offset: seconds to add to its times.
        complained: whether a remark about it was made.
    """

    number: int
    link: int
    name: str = ""
    speed: int = 0
    ticks: int = 1_000_000
    offset: int = 0
    complained: bool = False

    def seconds(self, stamp: int) -> float:
        """The time of a stamp. By way of microseconds, so that it is the very float that a recording gives."""
        return ((stamp + self.offset * self.ticks) * 1_000_000 / self.ticks) / 1e6


@dataclass(slots=True)
class Packet:
    """One packet.

    Attributes:
        place: of its first byte in the file.
        at: when it was captured, in seconds; `None` where the file says nothing.
        data: what was kept of it.
        size: bytes that it had.
        flags: its direction, as pcapng has it.
        comments: texts that belong to it.
    """

    place: int
    at: float | None
    data: bytes
    size: int
    flags: int = 0
    comments: list[str] = field(default_factory=lambda: list[str]())


class PacketReader:
    """Turns packets into records, in their order.

    Args:
        wiring: the mount's serial lines, their slowest rate, and which end sends which frames.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        names = {serial.name.casefold(): serial.sender for serial in wiring.serial}
        self._names = names | {role.value: role for role in Role}
        self._asked = False
        self._by_message = self._by_turn = 0

    def records(self, interface: Interface, packet: Packet) -> Iterator[Record]:
        """What one packet holds."""
        if interface.link == LINES_LINK and self._named(interface) is None:
            yield from _of_line(packet)
        else:
            sender = self._sender(interface, packet)
            if sender is None:
                if not interface.complained:
                    interface.complained = True
                    yield Remark(packet.at, _complaint(interface), incomplete=interface.link in USER_LINKS)
                return
            yield from _of_bytes(packet, sender, interface.speed or self._wiring.baudrates[0])
        lost = packet.size - len(packet.data)
        if lost > 0:
            kept = f"{len(packet.data)} of {packet.size} bytes"
            yield Remark(packet.at, f"the packet at byte {packet.place} was cut: it holds {kept}", incomplete=True)

    def finish(self) -> Iterator[Remark]:
        """How directions were found that the file does not give."""
        if self._by_message or self._by_turn:
            text = f"packets without a direction: {self._by_message} have the end that alone sends such messages"
            more = f", {self._by_turn} that of the turn (a request of the body, a reply of the lens)"
            yield Remark(None, text + (more if self._by_turn else ""))

    def _sender(self, interface: Interface, packet: Packet) -> Role | None:
        if interface.link not in USER_LINKS:
            return None
        named = self._named(interface)
        if named is not None:
            return named
        direction = packet.flags & _DIRECTION_BITS
        flagged = next((role for role, flag in DIRECTIONS.items() if flag == direction), None)
        if flagged is not None:
            return flagged
        senders = self._wiring.senders_of(packet.data)
        if not senders:
            return None
        if len(senders) == 1:
            self._by_message += 1
            (sender,) = senders
        else:
            self._by_turn += 1
            sender = Role.LENS if self._asked else Role.BODY
        self._asked = sender is Role.BODY and len(senders) > 1
        return sender

    def _named(self, interface: Interface) -> Role | None:
        ours = next((role for role, name in NAMES.items() if name in interface.name), None)
        return ours or self._names.get(interface.name.strip().casefold())


def _complaint(interface: Interface) -> str:
    which = f"interface {interface.number} ({interface.name or 'without a name'})"
    if interface.link not in USER_LINKS:
        return f"{which} has link type {interface.link}, not {BYTES_LINK}; its packets are left out"
    names = " or ".join(NAMES.values())
    return f"{which}: a packet without a direction; name the interface {names}, or flag its packets; left out"


def _of_bytes(packet: Packet, sender: Role, baudrate: int) -> Iterator[Record]:
    at, comments = packet.at, packet.comments
    travel = _TRAVEL.fullmatch(comments[0]) if comments else None
    until, whole = None, False
    if travel is not None and int(travel[1]) > 0:
        comments = comments[1:]
        baudrate, whole = int(travel[1]), travel[3] is not None
        at = None if travel[4] is not None else at
        if at is not None and travel[2] is not None:
            until = (nanoseconds(at) + int(travel[2])) / 1000 / 1e6
    if packet.data:
        # Nothing that follows belongs to a packet that was cut.
        yield Burst(at, sender, packet.data, baudrate, until, whole or packet.size > len(packet.data))
    for comment in comments:
        yield Remark(at, comment)


def _of_line(packet: Packet) -> Iterator[Record]:
    at, data, comments = packet.at, packet.data, packet.comments
    if not data:
        if len(comments) > 1 and comments[0] == TIMELESS:
            at, comments = None, comments[1:]
        told = _record_of_comment(comments)
        yield Remark(at, "".join(comments)) if told is None else told
        return
    name = data[1:].decode("utf-8", "replace")
    if at is None or data[0] > 1 or not name:
        yield Remark(at, f"no edge: {data[:24].hex(' ')}")
    else:
        yield Edge(at, name, bool(data[0]))
    for comment in comments:
        yield Remark(at, comment)


def _record_of_comment(comments: list[str]) -> Record | None:
    """A clock, a loss, a defect or a gap in the source, where a comment is the JSON of one."""
    if len(comments) != 1 or not comments[0].startswith("{"):
        return None
    try:
        record = record_of(object_from(comments[0]))
    except ValueError:
        return None
    known = isinstance(record, ClockFix | Drop | LineDefect) or (isinstance(record, Remark) and record.incomplete)
    return record if known else None
