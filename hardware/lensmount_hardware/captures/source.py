"""Normalises the bytes of a capture file for its reader: gzip is unpacked, text becomes UTF-8 with newlines.

A packed file, or one in another text encoding, is the same capture. So this module converts it for all formats: it
removes a byte order mark, converts UTF-16 and UTF-32 to UTF-8, and a lone carriage return at a line's end to a
newline. The unpacked size is limited, so that a small file cannot become an endless one.
"""

import codecs
import os
import shlex
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from lensmount_hardware.captures.signatures import PCAP_MAGICS, PCAPNG_MAGIC
from lensmount_hardware.input_file import open_input
from lensmount_protocol.errors import CaptureError

GZIP_MAGIC = b"\x1f\x8b"

MIN_INFLATED = 16 * 1024 * 1024
"""Bytes that a packed file of any size may unpack to."""

SMALL_FILE = 2_000_000
INFLATED_PER_FURTHER_BYTE = 16
"""Bytes that each byte beyond the size of a small file may unpack to; a value change dump of an E-mount session needs
4."""

_GZIP_WINDOW = 31
_PLAIN = "utf-8"
_MIN_UNMARKED = 32
_ZERO_SHARE = 0.9

_CHUNK = 128 * 1024
_PROBE = 4096
"""Bytes that are examined for the text encoding and the line ends."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""UTF-32 comes first: its little-endian mark starts with that of UTF-16."""

_PACKERS = (
    (b"BZh", "bzip2", "bunzip2 --keep {}"),
    (b"\xfd7zXZ\0", "xz", "unxz --keep {}"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd {}"),
    (b"\x04\x22\x4d\x18", "lz4", "unlz4 {}"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x {}"),
    (b"Rar!\x1a\x07", "RAR", "unrar x {}"),
)
_TAR_MAGIC, _TAR_MAGIC_OFFSET = b"ustar", 257


class Source:
    """An open capture file that is read once, from its beginning to its end.

    Args:
        path: the file.

    Attributes:
        packed: whether the file is compressed with gzip.

    Raises:
        CaptureError: the file cannot be read, or its gzip data is damaged, cut or unpacks beyond the bounds; `read`
            raises it too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = open_input(path)
        try:
            self._size = max(os.fstat(self._file.fileno()).st_size, 1)
        except (OSError, ValueError) as error:
            raise self._failure(error) from error
        self._position = 0
        self._waiting, self._taken = b"", 0
        try:
            self._chunks = self._file_chunks()
            head = next(self._chunks, b"")
            self.packed = head.startswith(GZIP_MAGIC)
            self._chunks = chain((head,), self._chunks)
            if self.packed:
                self._chunks = self._inflated(self._chunks)
            self._chunks = _as_text(_with_head(self._chunks))
        except BaseException:
            self._file.close()
            raise

    @property
    def fraction(self) -> float:
        """The fraction of the file that has been read, 0 to 1."""
        return min(1.0, self._position / self._size)

    def read(self, size: int) -> bytes:
        """The next bytes: `size` of them, fewer only where the file ends."""
        # The bytes already read stay in the buffer, so that a small read does not copy all that follows.
        end = self._taken + size
        if end > len(self._waiting):
            parts = [self._waiting[self._taken :]]
            self._waiting = b""
            count = len(parts[0])
            while count < size and (more := next(self._chunks, b"")):
                parts.append(more)
                count += len(more)
            self._waiting, self._taken, end = b"".join(parts), 0, size
        data = self._waiting[self._taken : end]
        self._taken = end
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _file_chunks(self) -> Iterator[bytes]:
        try:
            while data := self._file.read(_CHUNK):
                self._position += len(data)
                yield data
        except (OSError, ValueError) as error:
            raise self._failure(error) from error

    def _inflated(self, packed: Iterator[bytes]) -> Iterator[bytes]:
        """The unpacked bytes of all members, chunk by chunk."""
        limit = MIN_INFLATED + INFLATED_PER_FURTHER_BYTE * max(0, self._size - SMALL_FILE)
        inflater = zlib.decompressobj(wbits=_GZIP_WINDOW)
        count, begun = 0, False
        for chunk in packed:
            while chunk:
                if not begun:
                    # Zeros may fill up a block of a tape, also between members.
                    chunk = chunk.lstrip(b"\0")
                    begun = bool(chunk)
                    continue
                try:
                    data = inflater.decompress(chunk, _CHUNK)
                except zlib.error as error:
                    raise self._broken(f"is damaged after {count} unpacked bytes ({error})") from error
                count += len(data)
                if count > limit:
                    raise self._broken(f"unpacks to more than {limit} bytes, too much for a file of its size")
                if data:
                    yield data
                chunk = inflater.unconsumed_tail
                if inflater.eof:
                    chunk, begun = inflater.unused_data, False
                    inflater = zlib.decompressobj(wbits=_GZIP_WINDOW)
        while begun and (data := inflater.decompress(inflater.unconsumed_tail, _CHUNK)):
            yield data
        if begun:
            raise self._broken(f"ends in its middle, after {count} unpacked bytes")

    def _broken(self, what: str) -> CaptureError:
        return CaptureError(f"{self._path}: the gzip data {what}; {unpack_command(self._path)}")

    def _failure(self, error: OSError | ValueError) -> CaptureError:
        return CaptureError(f"{self._path}: {getattr(error, 'strerror', None) or error}")


def read_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, as its reader gets them.

    Raises:
        CaptureError: the file cannot be read.
    """
    with Source(path) as source:
        return source.read(size)


def unpack_command(path: Path) -> str:
    """The command that unpacks a gzip file, also a damaged one, and the next step."""
    name = shlex.quote(path.name.removesuffix(".gz") if path.suffix == ".gz" else f"{path.name}.unpacked")
    return f"unpack it with: gunzip --stdout {shlex.quote(str(path))} > {name}"


def packed_as(head: bytes, path: Path) -> str:
    """Return the packer of a file that this program cannot unpack, with the command to use; `""` if unknown."""
    for magic, name, command in _PACKERS:
        if head.startswith(magic):
            return f"packed with {name}; unpack it with: {command.format(shlex.quote(str(path)))}"
    if head[_TAR_MAGIC_OFFSET:].startswith(_TAR_MAGIC):
        return f"a tar archive; unpack it with: tar -xf {shlex.quote(str(path))}"
    return ""


def is_streamed(head: bytes) -> bool:
    """Whether a file that begins like this, once unpacked, is of a format that is read from front to back."""
    return head[:4] in PCAP_MAGICS or head.startswith(PCAPNG_MAGIC) or b"\0" not in head


def _with_head(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks; the first one is long enough to detect the encoding."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _PROBE:
            break
    yield head
    yield from chunks


def _as_text(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks without a byte order mark, as UTF-8, with newlines; those of a binary file as they are."""
    head = next(chunks, b"")
    encoding, mark = _encoding(head[:_PROBE])
    if mark or encoding != _PLAIN:
        chunks = _decoded(chain((head[len(mark) :],), chunks), encoding)
        head = next(chunks, b"")
    if b"\n" in head or b"\0" in head or b"\r" not in head[:-1]:
        yield head
        yield from chunks
    else:
        yield head.replace(b"\r", b"\n")
        yield from (chunk.replace(b"\r", b"\n") for chunk in chunks)


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding == _PLAIN:
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _encoding(head: bytes) -> tuple[str, bytes]:
    """Return the encoding of text by its start, and its mark; zero bytes show UTF-16 without a mark."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, mark
    sample = head[: len(head) // 2 * 2]
    if len(sample) >= _MIN_UNMARKED:
        for name, zeros, letters in (
            ("utf-16-le", sample[1::2], sample[::2]),
            ("utf-16-be", sample[::2], sample[1::2]),
        ):
            # A log is nearly all ASCII; a capture of samples has no column of zeros beside one without any.
            if zeros.count(0) >= _ZERO_SHARE * len(zeros) and not letters.count(0) and letters.isascii():
                return name, b""
    return _PLAIN, b""
