"""The project's own lossless recording, `.lmx`: a header, then one record a line, readable after any crash.

Every line is a JSON object that ends with a newline, so a cut line is never mistaken for a whole one. A
record is with the operating system before `write` returns: a crash of the program loses nothing that was
written, a crash of the machine at most what the system had not yet put on the disk. The same records give the
same bytes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from lensmount_hardware.captures.capture import Capture, Progress, blocks_of, lines_of, silent
from lensmount_hardware.captures.heads import is_recording
from lensmount_hardware.captures.records_json import object_from, record_of, records_of, text_of
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring

VERSION = 1
_KIND: Mapping[str, object] = {"lensmount": "recording", "version": VERSION}


class RecordingWriter:
    """Appends records to a file.

    Args:
        target: a path, whose file is made anew, or a binary file that the caller closes.
        header: what to say of the session: dialect, profiles, seed.

    Raises:
        CaptureError: the file cannot be made or written; `write` and `flush` raise it too.
    """

    def __init__(self, target: Path | BinaryIO, header: Mapping[str, Any]) -> None:
        self._owns = isinstance(target, Path)
        self._name = str(getattr(target, "name", "")) if not isinstance(target, Path) else str(target)
        try:
            # Without a buffer of our own each record is one call of the system, and nothing waits to be flushed.
            self._file = target.open("wb", buffering=0) if isinstance(target, Path) else target
        except OSError as error:
            raise self._failure(error) from error
        try:
            self._say(json.dumps({**_KIND, **header, **_KIND}, separators=(",", ":")))
        except CaptureError:
            self.close()
            raise

    def write(self, record: Record) -> None:
        """Append one record."""
        self._say(text_of(record))

    def flush(self) -> None:
        """Hand everything to the operating system; `write` does so by itself."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the file, if it is ours."""
        if self._owns:
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

    def _say(self, line: str) -> None:
        data = (line + "\n").encode()
        try:
            written = self._file.write(data)
            while self._owns and written < len(data):
                data = data[written:]
                written = self._file.write(data)
            if not self._owns:
                self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> CaptureError:
        return CaptureError(f"{self._name or 'recording'}: {error.strerror or error}")


def read_recording(
    path: Path, _wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a recording; a line that is damaged or cut becomes a remark.

    Raises:
        CaptureError: the header is cut, or of a version that this program does not know.
    """
    line, newline, _ = next(blocks_of(path), b"").partition(b"\n")
    read_header(path, line + newline)
    return Capture(path, "recording", _records(path, progress), lambda: lines_of(_records(path, silent)))


def header_of(path: Path) -> Mapping[str, object]:
    """What a recording says of its session; nothing where the file is no recording of ours.

    Raises:
        CaptureError: the file cannot be read, or its header is cut, damaged or of another version.
    """
    first = next(blocks_of(path), b"")
    return read_header(path, first) if is_recording(first) else {}


def read_header(path: Path, data: bytes) -> Mapping[str, object]:
    """What the first line says of the session.

    Raises:
        CaptureError: it is cut, damaged, or of another version.
    """
    line, newline, _ = data.partition(b"\n")
    if not newline:
        raise CaptureError(
            f"{path}: the recording was cut inside its header, after {len(data)} bytes; it holds nothing"
        )
    try:
        header = object_from(line)
    except ValueError as error:
        raise CaptureError(f"{path}: the recording's header is damaged: {error}") from error
    if header.get("version") != VERSION:
        raise CaptureError(f"{path}: recording version {header.get('version')!r}; this program reads version {VERSION}")
    return header


def _records(path: Path, progress: Progress) -> Iterator[Record]:
    number = 2
    blocks = blocks_of(path, progress)
    for block in _behind_the_header(blocks):
        if not block.endswith(b"\n"):
            yield Remark(None, f"the recording was cut inside a line; the last {len(block)} bytes of it are lost", True)
            continue
        records = records_of(block)
        yield from _one_by_one(block, number) if records is None else records
        number += block.count(b"\n")


def _behind_the_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    _, _, rest = next(blocks, b"").partition(b"\n")
    if rest:
        yield rest
    yield from blocks


def _one_by_one(lines: bytes, number: int) -> Iterator[Record]:
    """The records of lines of which one is not as our writer writes, or is damaged."""
    for line in lines.removesuffix(b"\n").split(b"\n"):
        try:
            yield record_of(object_from(line))
        except ValueError as error:
            yield Remark(None, f"line {number} is no record: {error}", True)
        number += 1
