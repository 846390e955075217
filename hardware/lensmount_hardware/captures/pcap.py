"""Classic pcap files, in either byte order, with microseconds or nanoseconds.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html. A file has one interface and no directions, so
whose bytes a packet holds is told by its message.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, lines_of, silent
from lensmount_hardware.captures.packets import Interface, Packet, PacketReader
from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring

MAGICS: Mapping[bytes, tuple[str, int]] = {
    bytes.fromhex("d4c3b2a1"): ("<", 10**6),
    bytes.fromhex("a1b2c3d4"): (">", 10**6),
    bytes.fromhex("4d3cb2a1"): ("<", 10**9),
    bytes.fromhex("a1b23c4d"): (">", 10**9),
}
"""How a file begins -> its byte order and the ticks of a second."""

_HEAD, _PACKET_HEAD = 24, 16
_LINK_BITS = 0xFFFF
_MAX_PACKET = 16 * 1024 * 1024
"""No packet of a mount comes near this; a length beyond it is damage, not something to read into memory."""


def read_pcap(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a classic pcap file.

    Raises:
        CaptureError: it is cut inside its header, or of a version that this program does not read.
    """
    with Source(path) as source:
        head = source.read(_HEAD)
    if len(head) < _HEAD:
        raise CaptureError(f"{path}: cut inside its header, after {len(head)} bytes; it holds nothing")
    order, _ = MAGICS[head[:4]]
    major, minor = struct.unpack_from(order + "HH", head, 4)
    if major != 2:
        raise CaptureError(
            f"{path}: pcap version {major}.{minor}; this program reads version 2; try: editcap -F pcapng"
        )
    return Capture(path, "pcap", _records(path, wiring, progress), lambda: lines_of(_records(path, wiring, silent)))


def _records(path: Path, wiring: Wiring, progress: Progress) -> Iterator[Record]:
    reader = PacketReader(wiring)
    with Source(path) as source:
        head = source.read(_HEAD)
        order, ticks = MAGICS[head[:4]]
        zone, link = struct.unpack_from(order + "i8xI", head, 8)
        interface = Interface(0, link & _LINK_BITS, ticks=ticks, offset=zone)
        place = _HEAD
        while head := source.read(_PACKET_HEAD):
            progress(source.fraction)
            if len(head) < _PACKET_HEAD:
                yield _cut(place, len(head))
                break
            seconds, fraction, kept, size = struct.unpack(order + "4I", head)
            if kept > _MAX_PACKET:
                text = f"a packet of {kept} bytes at byte {place} is damage; nothing is read from there on"
                yield Remark(None, text, incomplete=True)
                break
            data = source.read(kept)
            if len(data) < kept:
                yield _cut(place, _PACKET_HEAD + len(data))
                break
            at = interface.seconds(seconds * ticks + fraction)
            yield from reader.records(interface, Packet(place, at, data, size))
            place += _PACKET_HEAD + kept
    progress(1.0)
    yield from reader.finish()


def _cut(place: int, lost: int) -> Remark:
    text = f"the capture was cut inside the packet at byte {place}; the last {lost} bytes of it are lost"
    return Remark(None, text, incomplete=True)
