"""What pcapng files say of a mount: those of `pcapng_write`, and those of others.

Any number of sections, each in its own byte order and with its own interfaces, and all blocks that hold packets;
other blocks are left out. `packets` says whose bytes a packet holds.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, lines_of, silent
from lensmount_hardware.captures.packets import Interface, Packet, PacketReader
from lensmount_hardware.captures.pcapng_blocks import (
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
    blocks_in,
    check_beginning,
    options_of,
)
from lensmount_protocol.wire import Record, Remark, Wiring

_SPEED, _OFFSET = 8, 14
"""Options of interfaces that only others write: bits a second, and seconds to add to all times."""

_HEAD_SIZES = {PACKET: 20, OBSOLETE_PACKET: 20, SIMPLE_PACKET: 4}
"""Kinds of blocks that hold packets -> bytes in front of the packet's data."""

_MAX_INTERFACES = 65_536
_MAX_EXPONENT = 63


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
    reader = PacketReader(wiring)
    interfaces: list[Interface] = []
    snapshots: list[int] = []
    for found in blocks_in(path, progress):
        if isinstance(found, Remark):
            yield found
        elif found.kind == SECTION:
            interfaces, snapshots = [], []
        elif found.kind == INTERFACE:
            if len(found.body) < 8:
                yield Remark(None, f"the interface at byte {found.offset} is too short for its head", incomplete=True)
            elif len(interfaces) < _MAX_INTERFACES:
                interfaces.append(_interface(found, len(interfaces)))
                snapshots.append(struct.unpack_from(found.order + "I", found.body, 4)[0])
        elif found.kind in _HEAD_SIZES:
            packet = _packet(found, interfaces, snapshots)
            yield from (packet,) if isinstance(packet, Remark) else reader.records(*packet)
    yield from reader.finish()


def _interface(found: Block, number: int) -> Interface:
    (link,) = struct.unpack_from(found.order + "H", found.body)
    told = options_of(found.body, 8, found.order)
    (resolution,) = told.get(RESOLUTION, [b""])[0][:1] or b"\x06"
    exponent = min(resolution & 0x7F, _MAX_EXPONENT)
    speed, offset = (told.get(code, [b""])[0][:8].ljust(8, b"\0") for code in (_SPEED, _OFFSET))
    return Interface(
        number,
        link,
        told.get(NAME, [b""])[0].decode("utf-8", "replace"),
        struct.unpack(found.order + "Q", speed)[0],
        2**exponent if resolution & 0x80 else 10**exponent,
        struct.unpack(found.order + "q", offset)[0],
    )


def _packet(found: Block, interfaces: list[Interface], snapshots: list[int]) -> tuple[Interface, Packet] | Remark:
    """The packet of a block and its interface."""
    body, order, at_data = found.body, found.order, _HEAD_SIZES[found.kind]
    if len(body) < at_data:
        return Remark(None, f"the packet at byte {found.offset} is too short for its head", incomplete=True)
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
        return Remark(
            None, f"the packet at byte {found.offset} is of interface {number}, which its section lacks", True
        )
    interface = interfaces[number]
    data = body[at_data : at_data + kept]
    if len(data) < kept:
        return Remark(None, f"the packet at byte {found.offset} is longer than its block", incomplete=True)
    told: Mapping[int, list[bytes]] = (
        {} if found.kind == SIMPLE_PACKET else options_of(body, at_data + kept + -kept % 4, order)
    )
    flags = told.get(FLAGS, [b""])[0]
    return interface, Packet(
        found.offset,
        None if stamp is None else interface.seconds(stamp),
        data,
        size,
        struct.unpack(order + "I", flags)[0] if len(flags) == 4 else 0,
        [text.decode("utf-8", "replace") for text in told.get(COMMENT, [])],
    )
