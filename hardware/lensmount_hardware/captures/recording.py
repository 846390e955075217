"""The project's own lossless recording, `.lmx`: a header, then one record a line, readable after any crash.

A recording has its final name only once it is closed. Until then, and after a killed process, it is `NAME.part`.
Every line is a JSON object that ends with a newline, so a cut line is never mistaken for a whole one. A
record is with the operating system before `write` returns: a crash of the program loses nothing that was
written, a crash of the machine at most what the system had not yet put on the disk. The same records give the
same bytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from lensmount_hardware.captures.capture import Capture, Progress, blocks_of, lines_of, silent
from lensmount_hardware.captures.heads import is_recording
from lensmount_hardware.captures.records_json import object_from, record_of, records_of, text_of
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.errors import CaptureError, MountError
from lensmount_protocol.wire import Record, Remark, Wiring

VERSION = 1
MAX_BAD_LINES = 1000
"""Lines that are no records and are named one by one; those after them are counted."""
_KIND: Mapping[str, object] = {"lensmount": "recording", "version": VERSION}


class RecordingWriter:
    """Appends records to a file.

    As a context manager it closes the recording. A recording that ends with Ctrl-C, with a closed standard output or
    with a `MountError`, such as a lost port, is complete: it holds all that happened. After another exception it keeps
    its partial name.

    Args:
        target: a path, or a binary file that the caller closes.
        header: what to say of the session: dialect, profiles, seed.
        overwrite: replace an existing file.
        inputs: files that the session reads; none of them is replaced.

    Attributes:
        path: where the records are now: the partial file, after `close` the final one; `None` for the caller's file.

    Raises:
        CaptureError: the file exists or cannot be made or written; `write`, `flush` and `close` raise it too.
    """

    def __init__(
        self,
        target: Path | BinaryIO,
        header: Mapping[str, Any],
        *,
        overwrite: bool = False,
        inputs: Iterable[Path] = (),
    ) -> None:
        # Without a buffer of our own each record is one call of the system, and nothing waits to be flushed.
        self._output: OutputFile | None = None
        self._file: BinaryIO
        if isinstance(target, Path):
            self._output = OutputFile(target, overwrite=overwrite, inputs=inputs, buffering=0)
            self._file, self._name = self._output.file, str(target)
        else:
            self._file, self._name = target, str(getattr(target, "name", ""))
        self._begun = self._broken = False
        try:
            self._say(json.dumps({**_KIND, **header, **_KIND}, separators=(",", ":")))
        except BaseException:
            # Without its header the file holds nothing.
            if self._output is not None:
                self._output.discard()
            raise
        self._begun = True

    @property
    def path(self) -> Path | None:
        """Where the records are now."""
        return None if self._output is None else self._output.current

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
        """Close the file, if it is ours, and give it its final name, unless a record is missing in it."""
        if self._output is None:
            return
        if self._broken:
            self._output.keep()
        else:
            self._output.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, KeyboardInterrupt | MountError | BrokenPipeError):
            self._broken = True
        self.close()

    def _say(self, line: str) -> None:
        data = (line + "\n").encode()
        owns = self._output is not None
        try:
            written = self._file.write(data)
            while owns and written < len(data):
                data = data[written:]
                written = self._file.write(data)
            if not owns:
                self._file.flush()
        except BrokenPipeError:
            # The reader of the standard output or of a FIFO closed it; the command line has an exit code for that.
            self._broken = True
            raise
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> CaptureError:
        self._broken = True
        kept = ""
        if self._output is not None and self._output.partial is not None and self._begun:
            kept = f"; what was recorded until then is in {self._output.partial}"
        return CaptureError(f"{self._name or 'recording'}: {error.strerror or error}{kept}")


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
    number, damaged = 2, 0
    blocks = blocks_of(path, progress)
    for block in _behind_the_header(blocks):
        if not block.endswith(b"\n"):
            yield Remark(None, f"the recording was cut inside a line; the last {len(block)} bytes of it are lost", True)
            continue
        records = records_of(block)
        for record in _one_by_one(block, number) if records is None else records:
            if isinstance(record, _BadLine):
                damaged += 1
                if damaged > MAX_BAD_LINES:
                    continue
                record = record.remark
            yield record
        number += block.count(b"\n")
    if damaged > MAX_BAD_LINES:
        yield Remark(None, f"{damaged - MAX_BAD_LINES} more lines are no records", True)


def _behind_the_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    _, _, rest = next(blocks, b"").partition(b"\n")
    if rest:
        yield rest
    yield from blocks


class _BadLine(NamedTuple):
    """A line that is no record, and what to say of it."""

    remark: Remark


def _one_by_one(lines: bytes, number: int) -> Iterator[Record | _BadLine]:
    """The records of lines of which one is not as our writer writes, or is damaged."""
    for line in lines.removesuffix(b"\n").split(b"\n"):
        try:
            yield record_of(object_from(line))
        except ValueError as error:
            yield _BadLine(Remark(None, f"line {number} is no record: {error}", True))
        number += 1
