"""Converts packets of pcapng and pcap files to records: sender, time, and whether they are cut.

Packets of other programs are read where they show their sender: by the name of their interface, by a direction flag
(outbound is the body, inbound the lens), or by the first message of a valid frame.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lensmount_hardware.captures.packet_files.pcapng_blocks import (
    BYTES_LINK,
    DIRECTIONS,
    LINES_LINK,
    NAMES,
    TIMELESS,
    nanoseconds,
)
from lensmount_hardware.captures.record_json import parse_object, record_from_json
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    ClockSync,
    DataLoss,
    Edge,
    LineDefect,
    PartialBurst,
    Role,
    WireRecord,
    Wiring,
)

USER_LINKS = range(147, 163)
"""USER0 to USER15 of https://www.tcpdump.org/linktypes.html: the numbers for private link types."""

_DIRECTION_BITS = 3
_TRAVEL = re.compile(r"(\d{1,9}) baud(?:, (-?\d{1,15}) ns)?(, whole)?(?:, bits ([01]{1,7}))?(, no time)?")


@dataclass(slots=True)
class Interface:
    """An interface: the source of some of a file's packets.

    Attributes:
        number: its index in its section.
        link: the link type.
        name: its name; `""` where the file has none.
        speed: bits a second; 0 where the file has none.
        ticks: ticks of its clock in a second.
        offset: seconds to add to its times.
        reported: whether there is an annotation on it already.
    """

    number: int
    link: int
    name: str = ""
    speed: int = 0
    ticks: int = 1_000_000
    offset: int = 0
    reported: bool = False

    def seconds(self, stamp: int) -> float:
        """Return the time of a timestamp; computed in microseconds, so that it is the same float as in a recording."""
        return ((stamp + self.offset * self.ticks) * 1_000_000 / self.ticks) / 1e6


@dataclass(slots=True)
class Packet:
    """One packet.

    Attributes:
        place: offset of its first byte in the file.
        at: time of its capture, in seconds; `None` where the file has none.
        data: its captured bytes.
        size: its original number of bytes.
        flags: its direction, as in pcapng.
        comments: its comments.
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
        self._named_roles: dict[str, Role | None] = {}
        self._request_pending = False
        self._by_message = self._by_turn = 0

    def records(self, interface: Interface, packet: Packet) -> list[WireRecord]:
        """Return the records of one packet."""
        if interface.link == LINES_LINK and self._named(interface) is None:
            records = _line_records(packet)
        else:
            sender = self._sender(interface, packet)
            if sender is None:
                if interface.reported:
                    return []
                interface.reported = True
                return [Annotation(packet.at, _skip_reason(interface), incomplete=interface.link in USER_LINKS)]
            records = _burst_records(packet, sender, interface.speed or self._wiring.baudrates[0])
        if packet.size > len(packet.data):
            kept = f"{len(packet.data)} of {packet.size} bytes"
            text = f"the packet at byte {packet.place} was cut: it holds {kept}"
            records.append(Annotation(packet.at, text, incomplete=True))
        return records

    def finish(self) -> Iterator[Annotation]:
        """Yield an annotation on directions that the file does not give."""
        if self._by_message or self._by_turn:
            text = f"packets without a direction: {self._by_message} have the end that alone sends such messages"
            more = f", {self._by_turn} that of the turn (a request of the body, a reply of the lens)"
            yield Annotation(None, text + (more if self._by_turn else ""))

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
        senders = self._wiring.possible_senders(packet.data)
        if not senders:
            return None
        if len(senders) == 1:
            self._by_message += 1
            (sender,) = senders
        else:
            self._by_turn += 1
            sender = Role.LENS if self._request_pending else Role.BODY
        self._request_pending = sender is Role.BODY and len(senders) > 1
        return sender

    def _named(self, interface: Interface) -> Role | None:
        if interface.name not in self._named_roles:
            ours = next((role for role, name in NAMES.items() if name in interface.name), None)
            self._named_roles[interface.name] = ours or self._names.get(interface.name.strip().casefold())
        return self._named_roles[interface.name]


def _skip_reason(interface: Interface) -> str:
    which = f"interface {interface.number} ({interface.name or 'without a name'})"
    if interface.link not in USER_LINKS:
        return f"{which} has link type {interface.link}, not {BYTES_LINK}; its packets are left out"
    names = " or ".join(NAMES.values())
    return f"{which}: a packet without a direction; name the interface {names}, or flag its packets; left out"


def _burst_records(packet: Packet, sender: Role, baudrate: int) -> list[WireRecord]:
    at, comments = packet.at, packet.comments
    travel = _TRAVEL.fullmatch(comments[0]) if comments else None
    until, whole, bits = None, False, ""
    if travel is not None and int(travel[1]) > 0:
        comments = comments[1:]
        baudrate, whole, bits = int(travel[1]), travel[3] is not None, travel[4] or ""
        at = None if travel[5] is not None else at
        if at is not None and travel[2] is not None:
            until = (nanoseconds(at) + int(travel[2])) / 1000 / 1e6
    records: list[WireRecord] = []
    if packet.data:
        # A cut packet ends its burst.
        whole = whole or packet.size > len(packet.data)
        burst = Burst(at, sender, packet.data, baudrate, until, whole)
        records.append(PartialBurst(at, sender, packet.data, baudrate, until, whole, bits) if bits else burst)
    if comments:
        records += [Annotation(at, comment) for comment in comments]
    return records


def _line_records(packet: Packet) -> list[WireRecord]:
    at, data, comments = packet.at, packet.data, packet.comments
    if not data:
        if len(comments) > 1 and comments[0] == TIMELESS:
            at, comments = None, comments[1:]
        parsed = _parse_comment(comments)
        return [Annotation(at, "".join(comments)) if parsed is None else parsed]
    name = data[1:].decode("utf-8", "replace")
    if at is None or data[0] > 1 or not name:
        records: list[WireRecord] = [Annotation(at, f"no edge: {data[:24].hex(' ')}")]
    else:
        records = [Edge(at, name, bool(data[0]))]
    if comments:
        records += [Annotation(at, comment) for comment in comments]
    return records


def _parse_comment(comments: list[str]) -> WireRecord | None:
    """Parse a comment with the JSON of a clock, a loss, a defect or a gap; `None` for another comment."""
    if len(comments) != 1 or not comments[0].startswith("{"):
        return None
    try:
        record = record_from_json(parse_object(comments[0]))
    except ValueError:
        return None
    known = isinstance(record, ClockSync | DataLoss | LineDefect) or (
        isinstance(record, Annotation) and record.incomplete
    )
    return record if known else None
