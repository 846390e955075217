"""The project's own lossless recording, `.lmx`: a header, then one record a line, readable after a crash at any byte.

Every line is a JSON object that ends with a newline, so a cut line is never mistaken for a whole one. The writer hands
each line to the operating system as it is written: a crash of the program loses nothing, a crash of the machine at
most what the system had not yet put on the disk.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from lensmount_hardware.captures.capture import Capture, Progress, read_bytes, silent
from lensmount_hardware.captures.records_json import record_of, text_of
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring

VERSION = 1
_MAGIC = b'{"lensmount":"recording"'


class RecordingWriter:
    """Appends records to a file.

    Args:
        target: a path, or a binary file that the caller closes.
        header: what to say of the session: dialect, profiles, seed.

    Raises:
        CaptureError: the file cannot be made.
    """

    def __init__(self, target: Path | BinaryIO, header: Mapping[str, Any]) -> None:
        self._owns = isinstance(target, Path)
        try:
            self._file = target.open("wb", buffering=0) if isinstance(target, Path) else target
        except OSError as error:
            raise CaptureError(f"{target}: {error.strerror or error}") from error
        self._say({"lensmount": "recording", "version": VERSION, **header})

    def write(self, record: Record) -> None:
        """Append one record."""
        self._file.write(text_of(record).encode() + b"\n")

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

    def _say(self, told: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")


def is_recording(head: bytes) -> bool:
    """Whether a file that begins like this is a recording, perhaps one that was cut in its header."""
    return head.startswith(_MAGIC) or (bool(head) and _MAGIC.startswith(head))


def read_recording(
    path: Path, _wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a recording; a line that was cut becomes a remark.

    Raises:
        CaptureError: the header is cut, or of a version that this program does not know.
    """
    data = read_bytes(path)
    read_header(path, data)
    return Capture(path, "recording", _records(data, progress))


def read_header(path: Path, data: bytes) -> dict[str, Any]:
    """What the first line says of the session.

    Raises:
        CaptureError: it is cut, damaged, or of another version.
    """
    line, newline, _ = data.partition(b"\n")
    try:
        header = cast("dict[str, Any]", json.loads(line)) if newline else {}
    except ValueError:
        header = {}
    if not header:
        raise CaptureError(
            f"{path}: a recording that was cut inside its header, after {len(data)} bytes; nothing is in it"
        )
    if header.get("version") != VERSION:
        raise CaptureError(f"{path}: recording version {header.get('version')!r}; this program reads version {VERSION}")
    return header


def _records(data: bytes, progress: Progress) -> Iterator[Record]:
    lines = data.split(b"\n")
    for number, line in enumerate(lines[1:-1], 2):
        try:
            yield record_of(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            yield Remark(None, f"line {number} is no record: {error}")
        progress(number / len(lines))
    if lines[-1]:
        yield Remark(None, f"the recording ends inside a line; its last {len(lines[-1])} bytes are lost")
