"""Writes recordings as pcapng, which Wireshark opens: nanoseconds, an interface for each direction and one for lines.

| interface | link type | a packet |
|---|---|---|
| `body->lens`, `lens->body` | USER0 (147) | the bytes of a burst; its comment gives rate and duration |
| `lines` | USER1 (148) | an edge: its level (one byte, 0 or 1), then the name of the line; no data: an annotation |

Bursts have a direction flag too: outbound for the body's, inbound for the lens's. Nothing is kept in memory.
"""

import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from lensmount_hardware.captures.packet_files.pcapng_blocks import (
    BYTES_LINK,
    COMMENT,
    DIRECTIONS,
    FLAGS,
    INTERFACE,
    LINES_LINK,
    NAME,
    NAMES,
    PACKET,
    RESOLUTION,
    SECTION,
    TIMELESS,
    build_block,
    build_options,
    nanoseconds,
)
from lensmount_hardware.captures.record_json import record_to_json
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, PartialBurst, Role, WireRecord

_LINES = "lines"
_DESCRIPTION, _APPLICATION = 3, 4
_NANOSECONDS = 9

_MAX_PACKET = 65_535
"""A longer burst becomes several packets: Wireshark takes no packet of more than 256 KiB."""

_MAX_COMMENT = 16_000
"""Characters of one comment: an option has at most 65 535 bytes, and a character takes up to four."""


class PcapngWriter:
    """Appends records to a pcapng file; nothing is kept in memory.

    As a context manager it closes the file, or removes what is incomplete after an exception.

    Args:
        target: a path, or a binary file that the caller closes.
        comment: the comment on the whole session.
        overwrite: replace an existing file.

    Raises:
        CaptureError: the file exists or cannot be made or written, or a record is from before time 0; `write` raises it
            too.
    """

    def __init__(self, target: Path | BinaryIO, comment: str = "", *, overwrite: bool = False) -> None:
        self._output: OutputFile | None = None
        self._file: BinaryIO
        if isinstance(target, Path):
            self._output = OutputFile(target, overwrite=overwrite)
            self._file, self._name = self._output.file, str(target)
        else:
            self._file, self._name = target, str(getattr(target, "name", "pcapng"))
        self._last_ns = 0
        try:
            self._write_data(_file_header(comment))
        except CaptureError:
            if self._output is not None:
                self._output.discard()
            raise

    def write(self, record: WireRecord) -> None:
        """Append one record."""
        if isinstance(record, Burst):
            self._write_burst(record)
        elif isinstance(record, Edge):
            self._packet(2, record.at, bytes([record.level]) + record.line.encode("utf-8", "replace"), [])
        elif isinstance(record, Annotation) and not record.incomplete:
            text, most = record.text, _MAX_COMMENT
            comments = [text[at : at + most] for at in range(0, len(text), most)] or [""]
            self._packet(2, record.at, b"", comments if record.at is not None else [TIMELESS, *comments])
        else:
            self._packet(2, record.at, b"", [record_to_json(record)])

    def close(self) -> None:
        """Flush the file, and give it its final name if it is ours."""
        try:
            self._file.flush()
        except OSError as error:
            if self._output is not None:
                self._output.discard()
            raise self._failure(error) from error
        if self._output is not None:
            self._output.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if kind is not None and self._output is not None:
            self._output.discard()
        else:
            self.close()

    def _write_burst(self, burst: Burst) -> None:
        size = len(burst.data)
        for first in range(0, size, _MAX_PACKET):
            data = burst.data[first : first + _MAX_PACKET]
            stop = first + len(data)
            at = burst.byte_at(first)
            until = burst.end if stop == size else burst.byte_at(stop)
            travel = f"{burst.baudrate} baud"
            if at is not None and until is not None:
                travel += f", {nanoseconds(until) - nanoseconds(at)} ns"
            travel += ", whole" if burst.whole and stop == size else ""
            if isinstance(burst, PartialBurst) and stop == size:
                travel += f", bits {burst.bits}"
            travel += f", {TIMELESS}" if at is None else ""
            self._packet(0 if burst.sender is Role.BODY else 1, at, data, [travel], DIRECTIONS[burst.sender])

    def _packet(self, interface: int, at: float | None, data: bytes, comments: list[str], flags: int = 0) -> None:
        if at is not None:
            self._last_ns = nanoseconds(at)
        if not 0 <= self._last_ns < 1 << 64:
            raise CaptureError(f"{self._name}: a record at {at} s; pcapng has times from 0 to 18 446 744 073 s")
        head = struct.pack("<5I", interface, self._last_ns >> 32, self._last_ns & 0xFFFF_FFFF, len(data), len(data))
        pairs = [(COMMENT, text.encode("utf-8", "replace")) for text in comments]
        if flags:
            pairs.append((FLAGS, struct.pack("<I", flags)))
        self._write_data(build_block(PACKET, head + data + bytes(-len(data) % 4) + build_options(pairs)))

    def _write_data(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> CaptureError:
        return CaptureError(f"{self._name}: {error.strerror or error}")


def _file_header(comment: str) -> bytes:
    """The section and its three interfaces."""
    pairs = [(COMMENT, comment[:_MAX_COMMENT].encode("utf-8", "replace"))] if comment else []
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + build_options([*pairs, (_APPLICATION, b"lensmount")])
    interfaces = (
        (BYTES_LINK, NAMES[Role.BODY], "what the body sends", "outbound; a packet is a run of bytes without a pause"),
        (BYTES_LINK, NAMES[Role.LENS], "what the lens sends", "inbound; a packet is a run of bytes without a pause"),
        (LINES_LINK, _LINES, "contacts that carry a level", "a packet is its level, one byte, and the line's name"),
    )
    return build_block(SECTION, section) + b"".join(
        build_block(
            INTERFACE,
            struct.pack("<HHI", link, 0, 0)
            + build_options(
                [
                    (COMMENT, note.encode()),
                    (NAME, name.encode()),
                    (_DESCRIPTION, meaning.encode()),
                    (RESOLUTION, bytes([_NANOSECONDS])),
                ]
            ),
        )
        for link, name, meaning, note in interfaces
    )
