"""Reads pcapng and classic pcap files, those of `pcapng_writer` and those of other programs.

A pcapng file may have any number of sections, each with its own byte order and interfaces. All kinds of packet blocks
are read and other blocks are skipped. `packets` finds the sender of each packet.

Classic pcap files have either byte order, and microseconds or nanoseconds. They have one interface and no directions,
so the message of a packet shows its sender. Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, line_names, no_progress
from lensmount_hardware.captures.packet_files.packets import Interface, Packet, PacketReader
from lensmount_hardware.captures.packet_files.pcapng_blocks import (
    COMMENT,
    FLAGS,
    INTERFACE,
    NAME,
    OBSOLETE_PACKET,
    PACKET,
    RESOLUTION,
    SECTION,
    SIMPLE_PACKET,
    Block,
    check_first_section,
    parse_options,
    walk_blocks,
)
from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

_SPEED, _OFFSET = 8, 14
"""Options of interfaces that only other programs write: bits a second, and seconds to add to all times."""

_HEAD_SIZES = {PACKET: 20, OBSOLETE_PACKET: 20, SIMPLE_PACKET: 4}
"""Kinds of blocks that hold packets -> bytes before the packet's data."""

_MAX_INTERFACES = 65_536
_MAX_EXPONENT = 63


def read_pcapng(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a pcapng file of any program; other traffic than a mount's is left out with an annotation.

    Raises:
        CaptureError: it is cut inside its first block, or of an unknown version.
    """
    check_first_section(path)
    return Capture(
        path,
        "pcapng",
        _pcapng_records(path, wiring, progress),
        lambda: line_names(_pcapng_records(path, wiring, no_progress)),
    )


def _pcapng_records(path: Path, wiring: Wiring, progress: Progress) -> Iterator[WireRecord]:
    reader = PacketReader(wiring)
    interfaces: list[Interface] = []
    snapshots: list[int] = []
    for found in walk_blocks(path, progress):
        if isinstance(found, Annotation):
            yield found
        elif found.kind == SECTION:
            interfaces, snapshots = [], []
        elif found.kind == INTERFACE:
            if len(found.body) < 8:
                yield Annotation(
                    None, f"the interface at byte {found.offset} is too short for its head", incomplete=True
                )
            elif len(interfaces) < _MAX_INTERFACES:
                interfaces.append(_interface(found, len(interfaces)))
                snapshots.append(struct.unpack_from(found.order + "I", found.body, 4)[0])
        elif found.kind in _HEAD_SIZES:
            packet = _packet(found, interfaces, snapshots)
            yield from (packet,) if isinstance(packet, Annotation) else reader.records(*packet)
    yield from reader.finish()


def _interface(found: Block, number: int) -> Interface:
    (link,) = struct.unpack_from(found.order + "H", found.body)
    parsed_options = parse_options(found.body, 8, found.order)
    (resolution,) = parsed_options.get(RESOLUTION, [b""])[0][:1] or b"\x06"
    exponent = min(resolution & 0x7F, _MAX_EXPONENT)
    speed, offset = (parsed_options.get(code, [b""])[0][:8].ljust(8, b"\0") for code in (_SPEED, _OFFSET))
    return Interface(
        number,
        link,
        parsed_options.get(NAME, [b""])[0].decode("utf-8", "replace"),
        struct.unpack(found.order + "Q", speed)[0],
        2**exponent if resolution & 0x80 else 10**exponent,
        struct.unpack(found.order + "q", offset)[0],
    )


def _packet(found: Block, interfaces: list[Interface], snapshots: list[int]) -> tuple[Interface, Packet] | Annotation:
    """The packet of a block and its interface."""
    body, order, at_data = found.body, found.order, _HEAD_SIZES[found.kind]
    if len(body) < at_data:
        return Annotation(None, f"the packet at byte {found.offset} is too short for its head", incomplete=True)
    stamp: int | None = None
    if found.kind == SIMPLE_PACKET:
        number, (size,) = 0, struct.unpack_from(order + "I", body)
        kept = min(size, len(body) - at_data, (snapshots[0] if snapshots else 0) or size)
    elif found.kind == PACKET:
        number, high, low, kept, size = struct.unpack_from(order + "5I", body)
        stamp = high << 32 | low
    else:
        number, _drops, high, low, kept, size = struct.unpack_from(order + "2H4I", body)
        stamp = high << 32 | low
    if number >= len(interfaces):
        return Annotation(
            None, f"the packet at byte {found.offset} is of interface {number}, which its section lacks", True
        )
    interface = interfaces[number]
    data = body[at_data : at_data + kept]
    if len(data) < kept:
        return Annotation(None, f"the packet at byte {found.offset} is longer than its block", incomplete=True)
    parsed_options: Mapping[int, list[bytes]] = (
        {} if found.kind == SIMPLE_PACKET else parse_options(body, at_data + kept + -kept % 4, order)
    )
    flags = parsed_options.get(FLAGS, [b""])[0]
    return interface, Packet(
        found.offset,
        None if stamp is None else interface.seconds(stamp),
        data,
        size,
        struct.unpack(order + "I", flags)[0] if len(flags) == 4 else 0,
        [text.decode("utf-8", "replace") for text in parsed_options.get(COMMENT, [])],
    )


MAGICS: Mapping[bytes, tuple[str, int]] = {
    bytes.fromhex("d4c3b2a1"): ("<", 10**6),
    bytes.fromhex("a1b2c3d4"): (">", 10**6),
    bytes.fromhex("4d3cb2a1"): ("<", 10**9),
    bytes.fromhex("a1b23c4d"): (">", 10**9),
}
"""Magic at the start of a file -> its byte order and the ticks of a second."""

_PCAP_HEAD_SIZE, _PACKET_HEAD_SIZE = 24, 16
_LINK_BITS = 0xFFFF
_MAX_PACKET = 16 * 1024 * 1024
"""Limit of packet lengths, far above those of a mount; a longer one is damage."""


def read_pcap(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a classic pcap file.

    Raises:
        CaptureError: it is cut inside its header, or of a version that this program does not read.
    """
    with Source(path) as source:
        head = source.read(_PCAP_HEAD_SIZE)
    if len(head) < _PCAP_HEAD_SIZE:
        raise CaptureError(f"{path}: cut inside its header, after {len(head)} bytes; it holds nothing")
    order, _ = MAGICS[head[:4]]
    major, minor = struct.unpack_from(order + "HH", head, 4)
    if major != 2:
        raise CaptureError(
            f"{path}: pcap version {major}.{minor}; this program reads version 2; try: editcap -F pcapng"
        )
    return Capture(
        path,
        "pcap",
        _pcap_records(path, wiring, progress),
        lambda: line_names(_pcap_records(path, wiring, no_progress)),
    )


def _pcap_records(path: Path, wiring: Wiring, progress: Progress) -> Iterator[WireRecord]:
    reader = PacketReader(wiring)
    with Source(path) as source:
        head = source.read(_PCAP_HEAD_SIZE)
        order, ticks = MAGICS[head[:4]]
        zone, link = struct.unpack_from(order + "i8xI", head, 8)
        interface = Interface(0, link & _LINK_BITS, ticks=ticks, offset=zone)
        place = _PCAP_HEAD_SIZE
        while head := source.read(_PACKET_HEAD_SIZE):
            progress(source.fraction)
            if len(head) < _PACKET_HEAD_SIZE:
                yield _cut_packet(place, len(head))
                break
            seconds, fraction, kept, size = struct.unpack(order + "4I", head)
            if kept > _MAX_PACKET:
                text = f"a packet of {kept} bytes at byte {place} is damage; nothing is read from there on"
                yield Annotation(None, text, incomplete=True)
                break
            data = source.read(kept)
            if len(data) < kept:
                yield _cut_packet(place, _PACKET_HEAD_SIZE + len(data))
                break
            at = interface.seconds(seconds * ticks + fraction)
            yield from reader.records(interface, Packet(place, at, data, size))
            place += _PACKET_HEAD_SIZE + kept
    progress(1.0)
    yield from reader.finish()


def _cut_packet(place: int, lost: int) -> Annotation:
    text = f"the capture was cut inside the packet at byte {place}; the last {lost} bytes of it are lost"
    return Annotation(None, text, incomplete=True)
