"""Reads members of ZIP files, for the capture formats that use them, in pieces and in bounded memory."""

import lzma
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from lensmount_hardware.captures.limits import check_packing, inflated_limit, read_member
from lensmount_protocol.errors import CaptureError

DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, LookupError, ValueError, RuntimeError, OverflowError),
)
"""Errors of the ZIP reader on files that are cut, damaged, encrypted or packed in an unknown way."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""The header before a member's name: the magic, fields that the directory repeats, and two lengths."""

_LOCAL_MAGIC = b"PK\x03\x04"
_DEFLATE_OVERHEAD = 4096
"""Bytes by which a packed member may exceed its content; deflate adds 5 bytes to each 16 KiB that do not shrink."""

_KNOWN_FLAGS = 0x080E
"""Flags for compression level, sizes after the data and names in UTF-8; zipfile handles members with other flags."""


def member_names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """The names of all members, in the order of the directory.

    Raises:
        CaptureError: two members have one name, so that one of them would be lost.
    """
    counts = Counter(archive.namelist())
    for name, count in counts.items():
        if count > 1:
            raise CaptureError(f"{path}: {count} members are named {name}; keep the right one and remove the others")
    return list(counts)


def check_inflated(path: Path, infos: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse members that claim more bytes than an archive of this size can hold.

    Raises:
        CaptureError: they do.
    """
    total, limit = sum(info.file_size for info in infos), inflated_limit(path.stat().st_size)
    if total > limit:
        raise CaptureError(f"{path}: {total} bytes of samples; a file of this size holds at most {limit}")


def read_text_member(path: Path, archive: zipfile.ZipFile, name: str) -> str:
    """A small member as text, without a byte order mark.

    Raises:
        CaptureError: it is larger than a description can be, or packed in an unusual way.
        the errors of `DAMAGE`: as `read_pieces`.
    """
    data = read_member(path, archive, name)
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def read_pieces(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
    """A member in pieces of this size; the last one may be shorter.

    Raises:
        CaptureError: it is packed in an unusual way.
        the errors of `DAMAGE`: the member is cut, damaged or encrypted.
    """
    check_packing(path, archive, info.filename)
    small = _inflated(archive, info) if 0 < info.file_size <= size else b""
    if small:
        yield small
        return
    with archive.open(info) as member:
        while data := member.read(size):
            yield data


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Inflate a deflated member in one step, because captures have hundreds of small ones.

    Returns:
        The content; `b""` for another packing or a damaged member, which zipfile then reads or rejects.
    """
    if archive.fp is None or info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & ~_KNOWN_FLAGS:
        return b""
    if info.compress_size > info.file_size + _DEFLATE_OVERHEAD:
        return b""
    name = info.orig_filename.encode("ascii", "replace")
    archive.fp.seek(info.header_offset)
    header = archive.fp.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        return b""
    magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    if magic != _LOCAL_MAGIC or archive.fp.read(name_length) != name:
        return b""
    archive.fp.seek(extra_length, os.SEEK_CUR)
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(archive.fp.read(info.compress_size), info.file_size)
    except zlib.error:
        return b""
    return data if len(data) == info.file_size and zlib.crc32(data) == info.CRC else b""


def one_line(error: Exception) -> str:
    """Return the text of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
