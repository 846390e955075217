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

from lensmount_hardware.captures.capture import Capture, Progress, lines_of, numbered, read_bytes, silent
from lensmount_hardware.captures.records_json import object_from, record_of, text_of
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring

VERSION = 1
_KIND: Mapping[str, object] = {"lensmount": "recording", "version": VERSION}
_MAGIC = b'{"lensmount":"recording"'


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
            self._file = target.open("wb") if isinstance(target, Path) else target
        except OSError as error:
            raise self._failure(error) from error
        self._say(json.dumps({**_KIND, **header, **_KIND}, separators=(",", ":")))

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
        try:
            self._file.write(line.encode() + b"\n")
        except OSError as error:
            raise self._failure(error) from error
        self.flush()

    def _failure(self, error: OSError) -> CaptureError:
        return CaptureError(f"{self._name or 'recording'}: {error.strerror or error}")


def is_recording(head: bytes) -> bool:
    """Whether a file that begins like this is a recording, perhaps one that was cut in its header."""
    return head.startswith(_MAGIC) or (bool(head) and _MAGIC.startswith(head))


def read_recording(
    path: Path, _wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a recording; a line that is damaged or cut becomes a remark.

    Raises:
        CaptureError: the header is cut, or of a version that this program does not know.
    """
    data = read_bytes(path)
    read_header(path, data)
    records = list(_records(data, progress))
    return Capture(path, "recording", iter(records), lines_of(records))


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
        raise CaptureError(
            f"{path}: recording version {header.get('version')!r}; this program reads version {VERSION}"
        )
    return header


def _records(data: bytes, progress: Progress) -> Iterator[Record]:
    _header, *lines, rest = data.split(b"\n")
    for number, line in numbered(lines, progress):
        try:
            yield record_of(object_from(line))
        except ValueError as error:
            yield Remark(None, f"line {number + 1} is no record: {error}")
    if rest:
        yield Remark(None, f"the recording was cut inside a line; the last {len(rest)} bytes of it are lost")
