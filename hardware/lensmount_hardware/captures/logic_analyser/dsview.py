"""Reads logic captures of DSView, `.dsl`: a ZIP with a description and, for each channel, blocks of packed bits."""

import configparser
import re
import zipfile
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, no_progress
from lensmount_hardware.captures.limits import EdgeBudget, check_edges
from lensmount_hardware.captures.logic_analyser.channels import ChannelTable, Variable, choose_channels, pick_channels
from lensmount_hardware.captures.logic_analyser.logic_lines import (
    check_rate,
    decode_logic_lines,
    pick_rate,
    with_annotations,
)
from lensmount_hardware.captures.logic_analyser.sigrok_reader import parse_frequency
from lensmount_hardware.captures.logic_analyser.uart import LogicLine, Positions
from lensmount_hardware.captures.logic_analyser.zip_members import (
    DAMAGE,
    check_inflated,
    member_names,
    one_line,
    read_pieces,
    read_text_member,
)
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

_PIECE = 128 * 1024
_BITS = 8
_LOGIC = "0"
_BLOCK = re.compile(r"L-(\d{1,3})/(\d{1,7})")
_MAX_MISSING = 100_000


@dataclass(slots=True)
class _Line:
    """The levels of one channel, block by block.

    Attributes:
        initial: the level of the first sample.
        level: the level of the last one; `None` before the first.
        length: samples so far.
        edges: samples at which the level changes.
        gaps: first sample, samples and first number of blocks that are missing.
    """

    initial: bool = False
    level: int | None = None
    length: int = 0
    edges: list[Positions] = field(default_factory=lambda: list[Positions]())
    gaps: list[tuple[int, int, int]] = field(default_factory=lambda: list[tuple[int, int, int]]())

    def add(self, data: bytes) -> int:
        """Add samples, eight a byte, the first in the lowest bit; returns the number of their edges."""
        packed = np.frombuffer(data, np.uint8)
        level = self.level
        if level is None:
            level = int(packed[0] & 1)
            self.initial = bool(level)
        if not data.strip(b"\xff" if level else b"\0"):
            self.level = level
            self.length += len(packed) * _BITS
            return 0
        # Only bytes with a bit that differs from the level before them have an edge.
        before = np.concatenate((np.array([0xFF if level else 0], np.uint8), np.where(packed[:-1] >> 7, 0xFF, 0)))
        places = np.flatnonzero(packed != before)
        own = packed[places].astype(np.uint16)
        turned = own ^ (own << 1 | before[places] & 1)
        bits = turned[:, None] >> np.arange(_BITS, dtype=np.uint16) & 1
        rows, columns = np.nonzero(bits)
        found = self.length + places[rows] * _BITS + columns
        self.edges.append(found.astype(np.int64))
        self.level = int(packed[-1] >> 7)
        self.length += len(packed) * _BITS
        return len(found)

    def as_line(self, length: int) -> LogicLine:
        """Return the line as a `LogicLine` of a capture of so many samples."""
        edges = np.concatenate([np.empty(0, np.int64), *self.edges])
        return LogicLine(self.initial, edges[edges < length], length)


def read_dsview(
    path: Path,
    wiring: Wiring,
    channels: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
    samplerate: float | None = None,
) -> Capture:
    """Open a `.dsl` file.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> channel, by name or by its number on the device.
        progress: called with the fraction of the channels that has been read.
        samplerate: samples a second, for a file that does not state it; a different one replaces the file's.

    Raises:
        CaptureError: no logic capture of DSView, damaged, too slow, or without the mount's serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = _read_header(path, archive)
            blocks = _blocks(path, archive)
            variables = {
                number: Variable(" ".join(header.get(f"probe{number}", "").split()) or str(number), number)
                for number in sorted(blocks)
            }
            candidates = pick_channels(path, ChannelTable(list(variables.values()), variables), wiring, channels or {})
            try:
                own = parse_frequency(header.get("samplerate", "0"))
            except ValueError as error:
                raise CaptureError(f"{path}: its header makes no sense: {one_line(error)}") from error
            rate, notes = pick_rate(path, own, samplerate)
            check_rate(path, rate, wiring)
            every = {channel.key: channel.variable.source for several in candidates.values() for channel in several}
            check_inflated(path, (info for several in blocks.values() for _, info in several))
            budget = EdgeBudget.for_file(path)
            found: dict[tuple[Hashable, int], _Line] = {}
            for done, (key, number) in enumerate(every.items()):
                progress(done / len(every))
                assert isinstance(number, int)
                found[key] = _read_line(path, archive, blocks[number], budget)
            progress(1.0)
    except DAMAGE as error:
        raise CaptureError(f"{path}: no readable capture of DSView: {one_line(error)}") from error
    stored = max((line.length for line in found.values()), default=0)
    if not stored:
        raise CaptureError(f"{path}: no samples")
    declared = header.get("total samples", "").strip()
    total = int(declared) if declared.isdecimal() and len(declared) < 19 else stored
    lengths = {line.length for line in found.values()}
    if len(lengths) > 1 or stored + _BITS <= total:
        text = f"{min(lengths)} of {total} samples are in the file; its end is missing"
        notes.append(Annotation(None, text, True))
    levels = {key: line.as_line(min(total, line.length)) for key, line in found.items() if line.level is not None}
    lines, chosen = choose_channels(path, candidates, levels)
    check_edges(path, lines, wiring)
    gaps = {gap: None for line in found.values() for gap in line.gaps}
    for first, count, number in gaps:
        text = (
            f"block {number} is missing after {first} samples, {first / rate:.6f} s: a hole taken to be "
            f"{count / rate * 1e3:.3f} ms long, as its neighbours are, with the lines at rest; "
            "times after it are not reliable"
        )
        notes.append(Annotation(first / rate, text, True))

    def records() -> Iterator[WireRecord]:
        return with_annotations(decode_logic_lines(lines, wiring, rate), [*notes, *chosen])

    return Capture(path, "dsview", records(), lambda: tuple(lines), resolution=1 / rate)


def _read_header(path: Path, archive: zipfile.ZipFile) -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        # Some of its keys are indented, which the parser would treat as part of the previous value.
        parser.read_string("\n".join(line.strip() for line in read_text_member(path, archive, "header").splitlines()))
        header = dict(parser["header"])
    except (configparser.Error, KeyError) as error:
        raise CaptureError(f"{path}: its header makes no sense: {one_line(error)}") from error
    if header.get("device mode", _LOGIC).strip() != _LOGIC:
        raise CaptureError(f"{path}: an oscilloscope capture of DSView; record again in its logic analyzer mode")
    return header


def _blocks(path: Path, archive: zipfile.ZipFile) -> dict[int, list[tuple[int, zipfile.ZipInfo]]]:
    """Channel -> its blocks in order, each with its number."""
    found: dict[int, list[tuple[int, zipfile.ZipInfo]]] = {}
    for name in member_names(path, archive):
        match = _BLOCK.fullmatch(name)
        if match is not None:
            found.setdefault(int(match[1]), []).append((int(match[2]), archive.getinfo(name)))
    if not found:
        raise CaptureError(
            f"{path}: a capture of DSView without blocks of logic samples (L-0/0 …); save it with DSView 1.0 or later"
        )
    return {channel: sorted(blocks, key=lambda block: block[0]) for channel, blocks in found.items()}


def _read_line(
    path: Path, archive: zipfile.ZipFile, blocks: list[tuple[int, zipfile.ZipInfo]], budget: EdgeBudget
) -> _Line:
    line = _Line()
    block_size = max(info.file_size for _, info in blocks)
    expected = 0
    for number, info in blocks:
        if expected < number <= expected + _MAX_MISSING:
            count = (number - expected) * block_size * _BITS
            line.gaps.append((line.length, count, expected))
            line.length += count
        elif number != expected:
            raise ValueError(f"block {number} follows block {expected - 1}")
        for data in read_pieces(path, archive, info, _PIECE):
            budget.take(line.add(data))
        expected = number + 1
    return line
