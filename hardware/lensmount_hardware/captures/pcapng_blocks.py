"""The blocks of a pcapng file, made and walked: any section, either byte order; and the numbers that both ends share.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html (sections 3 and 4).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lensmount_hardware.captures.capture import Progress
from lensmount_hardware.captures.heads import PCAPNG_MAGIC
from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Remark, Role

SECTION = 0x0A0D0D0A
INTERFACE = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
PACKET = 6

COMMENT = 1
"""The option that every kind of block may have, also more than once."""

NAME, RESOLUTION = 2, 9
"""Options of an interface."""

FLAGS = 2
"""The option of a packet whose lowest bits say its direction."""

DIRECTIONS = {Role.LENS: 1, Role.BODY: 2}
NAMES = {Role.BODY: "body->lens", Role.LENS: "lens->body"}
"""Which flag and which interface the bytes of each end have."""

BYTES_LINK, LINES_LINK = 147, 148
"""USER0 and USER1 of https://www.tcpdump.org/linktypes.html."""

TIMELESS = "no time"
"""What the comment of a packet says whose record has no time; pcapng has no packets without one."""

_BYTE_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SMALLEST = 12
_SMALLEST_SECTION = 28
_LARGEST = 16 * 1024 * 1024
"""No packet of a mount comes near this; a length beyond it is damage, not something to read into memory."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        kind: its type, as the format numbers them.
        body: what stands between its two lengths.
        order: the byte order of its section, as `struct` writes it.
        offset: of its first byte in the file.
    """

    kind: int
    body: bytes
    order: str
    offset: int


def nanoseconds(at: float) -> int:
    """A time in seconds as the whole nanoseconds that packets are stamped with: those that a recording says."""
    return round(round(at * 1e6, 3) * 1e3)


def block(kind: int, body: bytes) -> bytes:
    """The bytes of a block, little-endian, padded as the format asks."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", _SMALLEST + len(body))
    return struct.pack("<I", kind) + length + body + length


def options(pairs: Sequence[tuple[int, bytes]]) -> bytes:
    """The bytes of options in this order, with their end behind them; nothing where there are none."""
    if not pairs:
        return b""
    return b"".join(struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in pairs) + (
        bytes(4)
    )


def options_of(body: bytes, at: int, order: str) -> Mapping[int, list[bytes]]:
    """The options that begin at `at`, by code in the order in which they stand; a cut one ends them."""
    found: dict[int, list[bytes]] = {}
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        at += 4
        if code == 0 or at + length > len(body):
            break
        found.setdefault(code, []).append(body[at : at + length])
        at += length + -length % 4
    return found


def check_beginning(path: Path) -> None:
    """Refuse a file whose first section does not begin as it should.

    Raises:
        CaptureError: it is cut in there, no pcapng, or of an unknown version.
    """
    with Source(path) as source:
        head = source.read(_SMALLEST_SECTION)
    if head[:4] != PCAPNG_MAGIC[: len(head)]:
        raise CaptureError(f"{path}: no pcapng: it begins with {head[:4].hex(' ')}, not with 0a 0d 0d 0a")
    if len(head) < _SMALLEST_SECTION:
        raise CaptureError(f"{path}: cut inside its first block, after {len(head)} bytes; it holds nothing")
    wrong = _wrong_with_section(head)
    if wrong:
        raise CaptureError(f"{path}: {wrong}")


def blocks_in(path: Path, progress: Progress) -> Iterator[Block | Remark]:
    """Every block in its order; where the file is cut or damaged a remark says so, and is the last.

    Raises:
        CaptureError: the file cannot be read.
    """
    with Source(path) as source:
        for found in _walk(source):
            yield found
            progress(source.fraction)
    progress(1.0)


def _walk(file: Source) -> Iterator[Block | Remark]:
    order, offset = "<", 0
    while head := file.read(_SMALLEST):
        if len(head) == _SMALLEST and head.startswith(PCAPNG_MAGIC):
            wrong = _wrong_with_section(head)
            if wrong:
                yield Remark(None, f"{wrong}, at byte {offset}; nothing is read from there on", True)
                return
            order = _BYTE_ORDER[head[8:]]
        if len(head) < _SMALLEST:
            yield _cut(offset, len(head))
            return
        kind, length = struct.unpack_from(order + "II", head)
        if length < _SMALLEST or length % 4 or length > _LARGEST:
            yield Remark(
                None, f"a block of {length} bytes at byte {offset} is damage; nothing is read from there on", True
            )
            return
        rest = head[8:] + file.read(length - _SMALLEST)
        if len(rest) < length - 8:
            yield _cut(offset, 8 + len(rest))
            return
        if struct.unpack_from(order + "I", rest, length - _SMALLEST) != (length,):
            yield Remark(
                None, f"the block at byte {offset} ends with another length; nothing is read from there on", True
            )
            return
        yield Block(kind, rest[:-4], order, offset)
        offset += length


def _cut(offset: int, lost: int) -> Remark:
    text = f"the capture was cut inside the block at byte {offset}; the last {lost} bytes of it are lost"
    return Remark(None, text, incomplete=True)


def _wrong_with_section(head: bytes) -> str:
    """What is wrong with the beginning of a section; its version is judged where it is there."""
    order = _BYTE_ORDER.get(head[8:12])
    if order is None:
        return f"a section with the byte-order mark {head[8:12].hex(' ')}, which pcapng does not have"
    if len(head) >= _SMALLEST_SECTION:
        major, minor = struct.unpack_from(order + "HH", head, 12)
        if major != _VERSION:
            return f"pcapng version {major}.{minor}; this program reads version {_VERSION}"
    return ""
