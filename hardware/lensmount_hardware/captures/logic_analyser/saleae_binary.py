"""Reads the binary export of Saleae Logic 2: a folder with one file of transition times for each digital channel.

Formats: Saleae support, "Binary Export Format - Version 0"; "Binary and CSV Export Formats - 2025 Update" (version 1).
"""

import re
import struct
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, no_progress
from lensmount_hardware.captures.limits import check_edges
from lensmount_hardware.captures.logic_analyser.channels import ChannelTable, Variable, choose_channels, pick_channels
from lensmount_hardware.captures.logic_analyser.logic_lines import decode_logic_lines, pace_jitter, with_annotations
from lensmount_hardware.captures.logic_analyser.saleae_session import EXPORT_ADVICE
from lensmount_hardware.captures.logic_analyser.uart import Floats, LogicLine
from lensmount_hardware.captures.signatures import SALEAE_MAGIC
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

STEPS_PER_SECOND = 1e9
"""Times are read to the nanosecond; the fastest analyser of the maker samples every 1.6 ns."""

_HEAD = struct.Struct("<8sii")
_FIRST = struct.Struct("<IddQ")
_COUNT = struct.Struct("<Q")
_CHUNK = struct.Struct("<IdddQ")
_DIGITAL, _ANALOG, _INTERNAL = 0, 1, 100
_NAME = re.compile(r"digital_(\d{1,3})\.bin", re.IGNORECASE)
_MAX_FILES = 64
_MAX_TIME = 1e9
_SAME = 2e-9
"""Seconds that two chunks may be apart and still follow each other."""


@dataclass(slots=True)
class _Channel:
    """The transitions of one file.

    Attributes:
        initial: the level at the beginning.
        begin: seconds at which it begins; `inf` where it holds nothing.
        end: seconds at which it ends.
        times: seconds of the transitions, chunk by chunk.
        gaps: end of one chunk and begin of the next, where something is missing between.
        damage: why reading has ended.
    """

    initial: bool = False
    begin: float = float("inf")
    end: float = float("-inf")
    times: list[Floats] = field(default_factory=lambda: list[Floats]())
    gaps: list[tuple[float, float]] = field(default_factory=lambda: list[tuple[float, float]]())
    damage: str = ""


def read_saleae_binary(
    path: Path, wiring: Wiring, channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a binary export: a folder, or one of its files, which is read together with the others of its folder.

    Args:
        path: the folder or file.
        wiring: the mount's lines.
        channels: line -> channel; the files hold no names, so a channel is `Channel 3` or `3` for `digital_3.bin`.
        progress: called with the fraction of the files that has been read.

    Raises:
        CaptureError: no digital export, damaged, or no channel for the mount's serial lines.
    """
    files = _files(path)
    variables = {number: Variable(name, file) for number, (name, file) in files.items()}
    candidates = pick_channels(path, ChannelTable(list(variables.values()), variables), wiring, channels or {})
    every = {channel.key: channel.variable.source for several in candidates.values() for channel in several}
    found: dict[tuple[Hashable, int], _Channel] = {}
    for done, (key, file) in enumerate(every.items()):
        progress(done / len(every))
        assert isinstance(file, Path)
        found[key] = _read(file)
    progress(1.0)
    begin = min((channel.begin for channel in found.values()), default=0.0)
    end = max((channel.end for channel in found.values()), default=0.0)
    if not begin < end:
        raise CaptureError(f"{path}: no samples")
    origin = min(0.0, begin)
    levels = {key: _as_line(channel, origin, end) for key, channel in found.items() if channel.begin <= channel.end}
    lines, chosen = choose_channels(path, candidates, levels)
    check_edges(path, lines, wiring)
    remarks = [*origin_note(origin), *chosen]
    for first, last in {gap: None for channel in found.values() for gap in channel.gaps}:
        text = f"no samples from here to {last - origin:.9f} s; a part of the capture is missing"
        remarks.append(Annotation(first - origin, text, True))
    remarks += [Annotation(None, channel.damage, True) for channel in found.values() if channel.damage]
    jitter = pace_jitter(lines, STEPS_PER_SECOND, wiring)

    def records() -> Iterator[WireRecord]:
        return with_annotations(decode_logic_lines(lines, wiring, STEPS_PER_SECOND, jitter), remarks)

    return Capture(path, "saleae", records(), lambda: tuple(lines), resolution=1 / STEPS_PER_SECOND)


def origin_note(origin: float) -> list[Annotation]:
    """Return an annotation where times count from a trigger, and the capture starts before it."""
    if origin >= 0:
        return []
    return [Annotation(None, f"times count from the start of the capture, {-origin:.9f} s before its trigger")]


def _files(path: Path) -> dict[int, tuple[str, Path]]:
    """Return the number, name and file of each digital channel of the export."""
    folder = path if path.is_dir() else path.parent
    try:
        beside = sorted(folder.iterdir())
    except OSError as error:
        raise CaptureError(f"{folder}: {error.strerror or error}") from error
    matches = [(match, file) for file in beside if (match := _NAME.fullmatch(file.name))]
    if path.is_dir() or any(file.name == path.name for _, file in matches):
        found = {int(match[1]): (f"Channel {int(match[1])}", file) for match, file in matches}
    else:
        # Files that the user has renamed: all of the same kind beside the one that is given.
        others = [file for file in beside if file.suffix == path.suffix and file.is_file() and _is_digital(file)]
        files = others[:_MAX_FILES] if path in others else [path]
        found = {number: (file.stem, file) for number, file in enumerate(files)}
    if len(found) > _MAX_FILES:
        raise CaptureError(f"{folder}: {len(found)} digital channels; an export has at most {_MAX_FILES}")
    return found


def _is_digital(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD.size)
    except OSError:
        return False
    return len(head) == _HEAD.size and _HEAD.unpack(head)[0] == SALEAE_MAGIC and _HEAD.unpack(head)[2] == _DIGITAL


def _read(file: Path) -> _Channel:
    try:
        with file.open("rb") as stream:
            return _read_stream(file, stream)
    except OSError as error:
        raise CaptureError(f"{file}: {error.strerror or error}") from error


def _read_stream(file: Path, stream: BinaryIO) -> _Channel:
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(SALEAE_MAGIC):
        raise CaptureError(f"{file}: no binary export of Logic 2, or cut inside its header")
    _, version, kind = _HEAD.unpack(head)
    if kind == _ANALOG:
        raise CaptureError(f"{file}: holds analog samples; {EXPORT_ADVICE}")
    if kind == _INTERNAL:
        raise CaptureError(f"{file}: a part of a .sal session; give the .sal file itself")
    if kind != _DIGITAL or version not in (0, 1):
        raise CaptureError(f"{file}: a binary export of version {version}, type {kind}, is not known; {EXPORT_ADVICE}")
    channel = _Channel()
    count = 1
    if version == 1:
        data = stream.read(_COUNT.size)
        count = int(_COUNT.unpack(data)[0]) if len(data) == _COUNT.size else 0
        if not count:
            channel.damage = f"{file.name} holds no chunk"
    level = False
    for _ in range(count):
        form = _CHUNK if version else _FIRST
        data = stream.read(form.size)
        if len(data) < form.size:
            channel.damage = f"{file.name} is cut in front of a chunk; what follows is lost"
            break
        fields = form.unpack(data)
        level = _add_chunk(file, stream, channel, level, bool(fields[0]), (fields[-3], fields[-2]), fields[-1])
        if channel.damage:
            break
    return channel


def _add_chunk(
    file: Path, stream: BinaryIO, channel: _Channel, before: bool, level: bool, span: tuple[float, float], count: int
) -> bool:
    """Add a chunk; returns the level at its end."""
    begin, end = span
    first = channel.begin > channel.end
    if not (-_MAX_TIME < begin <= end < _MAX_TIME) or (not first and begin < channel.end - _SAME):
        raise CaptureError(f"{file}: a chunk from {begin:g} s to {end:g} s makes no sense; {EXPORT_ADVICE}")
    left = file.stat().st_size - stream.tell()
    data = stream.read(min(count * 8, left))
    times = np.frombuffer(data[: len(data) // 8 * 8], "<f8")
    if len(times) < count:
        channel.damage = f"{file.name} is cut after {len(times)} of {count} transitions; what follows is lost"
        end = float(times[-1]) if len(times) else begin
    ordered = np.concatenate(([begin], times, [end]))
    bad = np.flatnonzero(~((ordered[1:] >= ordered[:-1]) & (ordered[1:] < _MAX_TIME)))
    if len(bad):
        kept = int(bad[0])
        times = times[:kept]
        channel.damage = (
            f"{file.name}: transition {kept + 1} goes back in time or is no time; nothing is read from there on"
        )
        end = float(times[-1]) if kept else begin
    if first:
        channel.initial, channel.begin = level, begin
    else:
        if begin > channel.end + _SAME:
            channel.gaps.append((channel.end, begin))
        if level is not before:
            channel.times.append(np.array([begin]))
    channel.times.append(times)
    channel.end = end
    return level is (len(times) % 2 == 0)


def _as_line(channel: _Channel, origin: float, end: float) -> LogicLine:
    steps = np.rint((np.concatenate([np.empty(0), *channel.times]) - origin) * STEPS_PER_SECOND).astype(np.int64)
    # Two transitions within one step leave the level as it was.
    where, counts = np.unique(steps, return_counts=True)
    return LogicLine(channel.initial, where[counts % 2 == 1], round((end - origin) * STEPS_PER_SECOND) + 1)
