"""Reads sessions of Saleae Logic 2, `.sal`: a ZIP with a description and a file of runs for each digital channel.

The format is not published. It was derived from files of version 14 by Logic 2; a file of another form is rejected
with advice to export it.
"""

import re
import struct
import zipfile
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, no_progress
from lensmount_hardware.captures.limits import EdgeBudget, check_edges, check_packing
from lensmount_hardware.captures.logic_analyser.channels import ChannelTable, Variable, choose_channels, pick_channels
from lensmount_hardware.captures.logic_analyser.logic_lines import check_rate, decode_logic_lines, with_annotations
from lensmount_hardware.captures.logic_analyser.uart import LogicLine, Positions
from lensmount_hardware.captures.logic_analyser.zip_members import DAMAGE, member_names, one_line, read_text_member
from lensmount_hardware.captures.signatures import SALEAE_MAGIC
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

EXPORT_ADVICE = "open it in Logic 2, choose Export Raw Data, select the digital channels, and export them as CSV"
"""The next step with a file that this program does not read."""

_MEMBER = re.compile(r"digital-(\d{1,3})\.bin")
_HEAD = struct.Struct("<8sIIBdQdBBQ")
_VERSION, _DIGITAL = 1, 100
_CHUNK_HEAD = struct.Struct("<6Q")
_ENTRY = struct.Struct("<QQI")
_PIECE = 1024 * 1024
_MAX_RUN_BYTES = 9
_MAX_SAMPLE = 1 << 62
_MAX_CHANNELS = 64


def read_saleae(
    path: Path, wiring: Wiring, channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a `.sal` file.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> channel, by name or by its number on the device.
        progress: called with the fraction of the channels that has been read.

    Raises:
        CaptureError: no session of Logic 2, of an unknown form, damaged, too slow, or without the serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            variables, missing = _variables(path, archive)
            table = ChannelTable(list(variables.values()), variables)
            try:
                candidates = pick_channels(path, table, wiring, channels or {})
            except CaptureError as error:
                raise CaptureError("; ".join((str(error), *missing))) from error
            every = {channel.key for several in candidates.values() for channel in several}
            budget = EdgeBudget.for_file(path)
            found: dict[tuple[Hashable, int], _Runs] = {}
            for done, key in enumerate(sorted(every, key=str)):
                progress(done / len(every))
                check_packing(path, archive, str(key[0]))
                with archive.open(str(key[0])) as stream:
                    found[key] = _Runs.read(path, str(key[0]), stream, budget)
            progress(1.0)
    except DAMAGE as error:
        raise CaptureError(f"{path}: no readable session of Logic 2: {one_line(error)}") from error
    rates = {runs.rate for runs in found.values()}
    if len(rates) > 1:
        raise CaptureError(f"{path}: channels of different sample rates; {EXPORT_ADVICE}")
    rate = rates.pop()
    check_rate(path, rate, wiring)
    length = max(runs.end for runs in found.values())
    lines, chosen = choose_channels(path, candidates, {key: runs.as_line(length) for key, runs in found.items()})
    check_edges(path, lines, wiring)
    gaps = {(first, end): None for runs in found.values() for first, end in runs.gaps}
    remarks = [
        *(Annotation(0.0, text, True) for text in missing),
        *(
            Annotation(
                first / rate, f"no samples from here to {end / rate:.9f} s; a part of the capture is missing", True
            )
            for first, end in gaps
        ),
    ]

    def records() -> Iterator[WireRecord]:
        return with_annotations(decode_logic_lines(lines, wiring, rate), [*chosen, *remarks])

    return Capture(path, "saleae", records(), lambda: tuple(lines), resolution=1 / rate)


def _variables(path: Path, archive: zipfile.ZipFile) -> tuple[dict[int, Variable], list[str]]:
    """Return number on the device -> channel, for all that have a file of runs, and a line for each lacking file."""
    names = set(member_names(path, archive))
    try:
        description = msgspec.json.decode(read_text_member(path, archive, "meta.json"), type=_Description)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CaptureError(f"{path}: its meta.json makes no sense: {one_line(error)}; {EXPORT_ADVICE}") from error
    files = {
        entry.index: name
        for entry in description.files
        if entry.type == "Digital" and (name := entry.file.removeprefix("./")) in names
    } or {int(match[1]): name for name in names if (match := _MEMBER.fullmatch(name))}
    if not files:
        raise CaptureError(
            f"{path}: a session of Logic 2 without digital channels; record again with the digital channels switched on"
        )
    if len(files) > _MAX_CHANNELS:
        raise CaptureError(f"{path}: {len(files)} channels; no device has more than {_MAX_CHANNELS}")
    titles = {
        row.channel.device_channel: " ".join(row.name.split())
        for row in description.data.rows
        if row.type == "channel" and row.channel is not None and row.channel.type == "Digital" and row.name.strip()
    }
    missing = [
        f"{entry.file.removeprefix('./')}, the samples of {titles.get(entry.index, f'Channel {entry.index}')}, is not"
        " in the file; save the session again"
        for entry in description.files
        if entry.type == "Digital" and entry.index not in files
    ]
    named = {number: Variable(titles.get(number, f"Channel {number}"), file) for number, file in sorted(files.items())}
    return named, missing[:MAX_MISSING]


MAX_MISSING = 8
"""Files that are named as missing; a session has no more than that where one channel is lost."""


class _Channel(msgspec.Struct):
    type: str = ""
    device_channel: int = msgspec.field(default=-1, name="deviceChannel")


class _Row(msgspec.Struct):
    type: str = ""
    name: str = ""
    channel: _Channel | None = None


class _Data(msgspec.Struct):
    rows: list[_Row] = msgspec.field(default_factory=lambda: list[_Row](), name="rowsSettings")


class _File(msgspec.Struct):
    type: str = ""
    index: int = -1
    file: str = ""


class _Description(msgspec.Struct):
    """The used part of `meta.json`."""

    data: _Data = msgspec.field(default_factory=_Data)
    files: list[_File] = msgspec.field(default_factory=lambda: list[_File](), name="binData")


@dataclass(slots=True)
class _Runs:
    """The levels of one channel.

    Attributes:
        rate: samples a second.
        initial: the level of the first sample.
        end: the number of the sample after the last one.
        edges: samples at which the level changes, chunk by chunk.
        gaps: first sample and end of each part that is missing.
    """

    rate: float
    initial: bool = False
    end: int = 0
    edges: list[Positions] = field(default_factory=lambda: list[Positions]())
    gaps: list[tuple[int, int]] = field(default_factory=lambda: list[tuple[int, int]]())

    @classmethod
    def read(cls, path: Path, name: str, stream: IO[bytes], budget: EdgeBudget) -> "_Runs":
        """Read a channel's file.

        Raises:
            CaptureError: it is of an unknown form, or damaged.
        """
        reader = _Reader(path, name, stream)
        magic, version, kind, _, rate, _, _, _, _, chunks = _HEAD.unpack(reader.take(_HEAD.size))
        if magic != SALEAE_MAGIC or version != _VERSION or kind != _DIGITAL or not 0 < rate < 1e12:
            raise reader.damage(f"is of a form that this program does not know (version {version}, type {kind})")
        runs = cls(rate)
        level: bool | None = None
        for _ in range(chunks):
            level = runs._add_chunk(reader, level, budget)
        if level is None:
            raise reader.damage("has no samples")
        return runs

    def as_line(self, length: int) -> LogicLine:
        """Return the channel as a `LogicLine` of a capture of so many samples."""
        return LogicLine(self.initial, np.concatenate([np.empty(0, np.int64), *self.edges]), length)

    def _add_chunk(self, reader: "_Reader", before: bool | None, budget: EdgeBudget) -> bool:
        """Read the next chunk; returns the level at its end."""
        first, end, length, rate, _, size = _CHUNK_HEAD.unpack(reader.take(_CHUNK_HEAD.size))
        if not self.end <= first < end < _MAX_SAMPLE or end - first != length or rate != self.rate:
            raise reader.damage(f"has a chunk of samples {first} to {end} after sample {self.end}")
        if before is not None and first > self.end:
            self.gaps.append((self.end, first))
        pieces: list[Positions] = []
        at = first
        for runs in reader.runs(size):
            budget.take(len(runs))
            if int(runs.max()) > length:
                break
            ends = at + np.cumsum(runs)
            at = int(ends[-1])
            if at > end:
                break
            pieces.append(ends)
        if at != end:
            raise reader.damage(f"has runs of {at - first} samples in a chunk of {length}")
        (entries,) = struct.unpack("<Q", reader.take(8))
        if not entries:
            raise reader.damage("has a chunk without a level")
        _, _, state = _ENTRY.unpack(reader.take(_ENTRY.size))
        reader.skip((entries - 1) * _ENTRY.size)
        level = state != 0
        if before is None:
            self.initial = level
        elif level is not before:
            pieces.insert(0, np.array([first], np.int64))
        edges = np.concatenate(pieces)[:-1]
        self.edges.append(edges)
        self.end = end
        count = len(edges) - (before is not None and level is not before)
        return level is (count % 2 == 0)


@dataclass(slots=True)
class _Reader:
    """Reads a member of the archive."""

    path: Path
    name: str
    stream: IO[bytes]

    def damage(self, what: str) -> CaptureError:
        """Return an error about the member, with the next step."""
        return CaptureError(f"{self.path}: {self.name} {what}; {EXPORT_ADVICE}")

    def take(self, size: int) -> bytes:
        """Return exactly the next `size` bytes."""
        data = self.stream.read(size)
        if len(data) < size:
            raise self.damage("ends too early")
        return data

    def skip(self, size: int) -> None:
        """Skip the next `size` bytes."""
        while size > 0:
            size -= len(self.take(min(size, _PIECE)))

    def runs(self, size: int) -> Iterator[Positions]:
        """Yield the lengths of runs in the next bytes, piece by piece."""
        rest = b""
        while size > 0:
            data = rest + self.take(min(size, _PIECE))
            size -= len(data) - len(rest)
            values, used = _values(np.frombuffer(data, np.uint8))
            if values is None or len(data) - used > _MAX_RUN_BYTES:
                raise self.damage("has a run that is no number")
            rest = data[used:]
            if len(values):
                yield values + 1
        if rest:
            raise self.damage("ends inside a run")


def _values(data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> tuple[Positions | None, int]:
    """Decode numbers of 6 bits and then 7 bits a byte, the highest first; also returns the number of bytes used.

    In the first byte of a number bit 7 is clear and bit 6 is set if more bytes follow; in the others it is bit 7. So a
    byte below 0x40 ends a number, one from 0x80 on does not, and one in between ends a number unless it starts one.
    """
    place = np.arange(len(data))
    turns = (data >= 0x40) & (data < 0x80)
    count = np.concatenate(([0], np.cumsum(turns)))
    fixed = np.maximum.accumulate(np.where(turns, -1, place))
    opened = (fixed >= 0) & (data[np.maximum(fixed, 0)] >= 0x80)
    continues = opened ^ ((count[place + 1] - count[fixed + 1]) % 2 == 1)
    ends = np.flatnonzero(~continues)
    if not len(ends):
        return np.empty(0, np.int64), 0
    begins = np.concatenate(([0], ends[:-1] + 1))
    sizes = ends - begins + 1
    if int(sizes.max()) > _MAX_RUN_BYTES or bool((data[begins] >= 0x80).any()):
        return None, 0
    values = (data[begins] & 0x3F).astype(np.int64)
    for index in range(1, int(sizes.max())):
        more = sizes > index
        values[more] = values[more] << 7 | data[begins[more] + index] & 0x7F
    return values, int(ends[-1]) + 1
