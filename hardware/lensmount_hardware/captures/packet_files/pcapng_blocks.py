"""Reads and writes the blocks of a pcapng file, in any section and either byte order, and defines its constants.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html (sections 3 and 4).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lensmount_hardware.captures.capture import Progress
from lensmount_hardware.captures.signatures import PCAPNG_MAGIC
from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Role

SECTION = 0x0A0D0D0A
INTERFACE = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
PACKET = 6

COMMENT = 1
"""The option that every kind of block may have, repeatedly."""

NAME, RESOLUTION = 2, 9
"""Options of an interface."""

FLAGS = 2
"""The option of a packet with its direction in the lowest bits."""

DIRECTIONS = {Role.LENS: 1, Role.BODY: 2}
NAMES = {Role.BODY: "body->lens", Role.LENS: "lens->body"}
"""The flag and the interface for the bytes of each end."""

BYTES_LINK, LINES_LINK = 147, 148
"""USER0 and USER1 of https://www.tcpdump.org/linktypes.html."""

TIMELESS = "no time"
"""The comment of a packet for a record without a time; every packet of pcapng has a time."""

_BYTE_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_MIN_BLOCK = 12
_MIN_SECTION = 28
_MAX_BLOCK = 16 * 1024 * 1024
"""Limit of block lengths, far above those of a mount's packets; a longer one is damage."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        kind: its type, as the format numbers them.
        body: the bytes between its two lengths.
        order: the byte order of its section, as `struct` writes it.
        offset: of its first byte in the file.
    """

    kind: int
    body: bytes
    order: str
    offset: int


def nanoseconds(at: float) -> int:
    """Convert a time in seconds to whole nanoseconds, the same as in a recording."""
    return round(round(at * 1e6, 3) * 1e3)


def build_block(kind: int, body: bytes) -> bytes:
    """Return the bytes of a block, little-endian, with the format's padding."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", _MIN_BLOCK + len(body))
    return struct.pack("<I", kind) + length + body + length


def build_options(pairs: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the bytes of options in this order, with the end marker after them; empty where there are none."""
    if not pairs:
        return b""
    return b"".join(struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in pairs) + (
        bytes(4)
    )


def parse_options(body: bytes, at: int, order: str) -> Mapping[int, list[bytes]]:
    """Parse the options from `at` on, by code and in their order; a cut option ends them."""
    found: dict[int, list[bytes]] = {}
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        at += 4
        if code == 0 or at + length > len(body):
            break
        found.setdefault(code, []).append(body[at : at + length])
        at += length + -length % 4
    return found


def check_first_section(path: Path) -> None:
    """Reject a file with an invalid start of the first section.

    Raises:
        CaptureError: it is cut in there, no pcapng, or of an unknown version.
    """
    with Source(path) as source:
        head = source.read(_MIN_SECTION)
    if head[:4] != PCAPNG_MAGIC[: len(head)]:
        raise CaptureError(f"{path}: no pcapng: it begins with {head[:4].hex(' ')}, not with 0a 0d 0d 0a")
    if len(head) < _MIN_SECTION:
        raise CaptureError(f"{path}: cut inside its first block, after {len(head)} bytes; it holds nothing")
    wrong = _section_problem(head)
    if wrong:
        raise CaptureError(f"{path}: {wrong}")


PROGRESS_BLOCKS = 64
"""Blocks between two reports of the progress."""


def walk_blocks(path: Path, progress: Progress) -> Iterator[Block | Annotation]:
    """Yield all blocks in order; where the file is cut or damaged, the last item is an annotation on that.

    Raises:
        CaptureError: the file cannot be read.
    """
    with Source(path) as source:
        for number, found in enumerate(_read_blocks(source)):
            yield found
            if not number % PROGRESS_BLOCKS:
                progress(source.fraction)
    progress(1.0)


def _read_blocks(file: Source) -> Iterator[Block | Annotation]:
    order, offset = "<", 0
    while head := file.read(_MIN_BLOCK):
        if len(head) == _MIN_BLOCK and head.startswith(PCAPNG_MAGIC):
            wrong = _section_problem(head)
            if wrong:
                yield Annotation(None, f"{wrong}, at byte {offset}; nothing is read from there on", True)
                return
            order = _BYTE_ORDER[head[8:]]
        if len(head) < _MIN_BLOCK:
            yield _cut(offset, len(head))
            return
        kind, length = struct.unpack_from(order + "II", head)
        if length < _MIN_BLOCK or length % 4 or length > _MAX_BLOCK:
            yield Annotation(
                None, f"a block of {length} bytes at byte {offset} is damage; nothing is read from there on", True
            )
            return
        rest = head[8:] + file.read(length - _MIN_BLOCK)
        if len(rest) < length - 8:
            yield _cut(offset, 8 + len(rest))
            return
        if struct.unpack_from(order + "I", rest, length - _MIN_BLOCK) != (length,):
            yield Annotation(
                None, f"the block at byte {offset} ends with another length; nothing is read from there on", True
            )
            return
        yield Block(kind, rest[:-4], order, offset)
        offset += length


def _cut(offset: int, lost: int) -> Annotation:
    text = f"the capture was cut inside the block at byte {offset}; the last {lost} bytes of it are lost"
    return Annotation(None, text, incomplete=True)


def _section_problem(head: bytes) -> str:
    """Return what is wrong with the start of a section; the version is checked if it is there."""
    order = _BYTE_ORDER.get(head[8:12])
    if order is None:
        return f"a section with the byte-order mark {head[8:12].hex(' ')}, which pcapng does not have"
    if len(head) >= _MIN_SECTION:
        major, minor = struct.unpack_from(order + "HH", head, 12)
        if major != _VERSION:
            return f"pcapng version {major}.{minor}; this program reads version {_VERSION}"
    return ""
