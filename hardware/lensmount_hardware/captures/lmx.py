"""The project's own lossless recording, `.lmx`: a header, then one record a line, readable after any crash.

A recording gets its final name when it is closed. Until then, and after a killed process, it is `NAME.part`.
Every line is a JSON object that ends with a newline, so a reader detects a cut line. `write` returns when the
operating system has the record: a crash of the program loses no written record, a crash of the machine at most
those that the system has not yet written to disk. The same records give the same bytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, cast

from lensmount_hardware.captures.capture import Capture, Progress, line_names, no_progress, read_blocks
from lensmount_hardware.captures.record_json import (
    MAX_BAD_LINES,
    parse_object,
    record_from_json,
    record_to_json,
    records_from_json,
)
from lensmount_hardware.captures.signatures import is_recording
from lensmount_hardware.interruption import uncut
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.errors import CaptureError, MountError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

VERSION = 2
"""2: the header has `accessories`, `allowed` and `scenario`; version 1 called them as `_OLD_KEYS` lists."""
_OLD_KEYS = {"armed": "allowed", "heard": "ports", "story": "scenario", "with": "accessories"}
_KIND: Mapping[str, object] = {"lensmount": "recording", "version": VERSION}


class RecordingWriter:
    """Appends records to a file.

    As a context manager it closes the recording. A recording that ends with a signal, with a closed standard output or
    with a `MountError`, such as a lost port, is complete: no record is missing. After another exception it keeps
    its partial name.

    Args:
        target: a path, or a binary file that the caller closes.
        header: entries on the session: dialect, profiles, seed.
        overwrite: replace an existing file.
        inputs: files that the session reads; none of them is replaced.

    Attributes:
        path: the file with the records: the partial file, after `close` the final one; `None` for the caller's file.

    Raises:
        CaptureError: the file exists or cannot be created or written; `write`, `flush` and `close` raise it too.
    """

    def __init__(
        self,
        target: Path | BinaryIO,
        header: Mapping[str, Any],
        *,
        overwrite: bool = False,
        inputs: Iterable[Path] = (),
    ) -> None:
        # Without a buffer each record is one system call, and nothing waits to be flushed.
        self._output: OutputFile | None = None
        self._file: BinaryIO
        if isinstance(target, Path):
            self._output = OutputFile(target, overwrite=overwrite, inputs=inputs, buffering=0)
            self._file, self._name = self._output.file, str(target)
        else:
            self._file, self._name = target, str(getattr(target, "name", ""))
        self._has_header = self._broken = False
        try:
            line = json.dumps({**_KIND, **header, **_KIND}, separators=(",", ":"))
            self._write_line(line)
        except BaseException:
            # A file without a header is useless.
            if self._output is not None:
                self._output.discard()
            raise
        self._has_header = True
        if self._output is not None:
            self._output.header_size = len(line) + 1

    @property
    def path(self) -> Path | None:
        """The file with the records."""
        return None if self._output is None else self._output.current

    def write(self, record: WireRecord) -> None:
        """Append one record."""
        self._write_line(record_to_json(record))

    def flush(self) -> None:
        """Flush the file to the operating system; `write` does so by itself."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    @uncut
    def close(self) -> None:
        """Close the file, if it is ours, and give it its final name, unless a record is missing."""
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

    def _write_line(self, line: str) -> None:
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
        if self._output is not None and self._output.partial is not None and self._has_header:
            kept = f"; what was recorded until then is in {self._output.partial}"
        return CaptureError(f"{self._name or 'recording'}: {error.strerror or error}{kept}")


def read_recording(
    path: Path, _wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a recording; a damaged or cut line becomes an annotation.

    Raises:
        CaptureError: the header is cut, or of an unknown version.
    """
    line, newline, _ = next(read_blocks(path), b"").partition(b"\n")
    parse_header(path, line + newline)
    return Capture(path, "recording", _records(path, progress), lambda: line_names(_records(path, no_progress)))


def read_recording_header(path: Path) -> Mapping[str, object]:
    """Return the header of a recording; empty where the file is no recording of ours.

    Raises:
        CaptureError: the file cannot be read, or its header is cut, damaged or of another version.
    """
    first = next(read_blocks(path), b"")
    return parse_header(path, first) if is_recording(first) else {}


def header_texts(header: Mapping[str, object], key: str) -> list[str]:
    """The texts of a list in a header; none where it has no list of that name."""
    found = header.get(key)
    return [str(one) for one in cast("list[object]", found)] if isinstance(found, list) else []


def parse_header(path: Path, data: bytes) -> Mapping[str, object]:
    """Parse the first line of a recording; the keys of version 1 get their names of today.

    Raises:
        CaptureError: it is cut, damaged, or of another version.
    """
    line, newline, _ = data.partition(b"\n")
    if not newline:
        raise CaptureError(
            f"{path}: the recording was cut inside its header, after {len(data)} bytes; it holds nothing"
        )
    try:
        header = parse_object(line)
    except ValueError as error:
        raise CaptureError(f"{path}: the recording's header is damaged: {error}") from error
    version = header.get("version")
    if version == 1 and not isinstance(version, bool):
        return {_OLD_KEYS.get(key, key): value for key, value in header.items()}
    if version != VERSION:
        raise CaptureError(f"{path}: recording version {version!r}; this program reads versions 1 and {VERSION}")
    return header


def _records(path: Path, progress: Progress) -> Iterator[WireRecord]:
    number, damaged = 2, 0
    blocks = read_blocks(path, progress)
    for block in _skip_header(blocks):
        if not block.endswith(b"\n"):
            yield Annotation(
                None, f"the recording was cut inside a line; the last {len(block)} bytes of it are lost", True
            )
            continue
        records = records_from_json(block)
        for record in _parse_lines(block, number) if records is None else records:
            if isinstance(record, _BadLine):
                damaged += 1
                if damaged > MAX_BAD_LINES:
                    continue
                record = record.annotation
            yield record
        number += block.count(b"\n")
    if damaged > MAX_BAD_LINES:
        yield Annotation(None, f"{damaged - MAX_BAD_LINES} more lines are no records", True)


def _skip_header(blocks: Iterator[bytes]) -> Iterator[bytes]:
    _, _, rest = next(blocks, b"").partition(b"\n")
    if rest:
        yield rest
    yield from blocks


class _BadLine(NamedTuple):
    """A line that is no record, as an annotation."""

    annotation: Annotation


def _parse_lines(lines: bytes, number: int) -> Iterator[WireRecord | _BadLine]:
    """Parse lines one by one, where at least one is damaged or in another form than our writer's."""
    for line in lines.removesuffix(b"\n").split(b"\n"):
        try:
            if not line.lstrip().startswith(b"{"):
                # A file can hold millions of them, and parsing takes ten times as long as this.
                raise ValueError("not an object")
            yield record_from_json(parse_object(line))
        except ValueError as error:
            yield _BadLine(Annotation(None, f"line {number} is no record: {error}", True))
        number += 1
