"""Logic captures of sigrok and PulseView: a ZIP of samples, with its channels mapped to a mount's lines."""

import configparser
import heapq
import lzma
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.uart import (
    SAMPLES_PER_BIT,
    LogicLine,
    Ports,
    Positions,
    bursts_of,
    transitions,
)
from lensmount_protocol.errors import CaptureError, unknown
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Wiring

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_LARGEST_SAMPLE = 8
_CHUNK = 4 * 1024 * 1024
"""Bytes of samples in memory at a time."""

_DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, LookupError, ValueError, RuntimeError, OverflowError),
)
"""What the ZIP reader raises on files that are cut, damaged, encrypted or packed in an unknown way."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the metadata says: samples a second, bytes a sample, channel name -> bit, files of samples."""

    rate: float
    sample_size: int
    probes: Mapping[str, int]
    members: list[str]


def is_sigrok(head: bytes) -> bool:
    """Whether a file that begins like this may be a sigrok capture."""
    return head.startswith(b"PK\x03\x04")


def read_sigrok(
    path: Path, wiring: Wiring, channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a `.sr` file.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> probe, by name or number from 0, for captures whose channels have other names.
        progress: told how far the samples have been read.

    Raises:
        CaptureError: no sigrok file, cut, too slow, or without the mount's serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            layout = _layout(path, archive)
            bits = _bits(path, layout, wiring, channels or {})
            _check_rate(path, layout.rate, wiring)
            lines = _lines(path, archive, layout, bits, progress)
    except _DAMAGE as error:
        raise CaptureError(f"{path}: no readable sigrok capture: {_one_line(error)}") from error
    records = _records(lines, wiring, layout.rate)
    return Capture(path, "sigrok", records, tuple(lines), resolution=1 / layout.rate)


def _layout(path: Path, archive: zipfile.ZipFile) -> _Layout:
    names = archive.namelist()
    if "metadata" not in names:
        raise CaptureError(
            f"{path}: a ZIP without sigrok's metadata; save the capture as .sr in PulseView or sigrok-cli"
        )
    metadata = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        metadata.read_string(archive.read("metadata").decode("utf-8", "replace"))
        device = next(metadata[name] for name in metadata.sections() if name.startswith("device"))
        rate = _frequency(device["samplerate"])
        size = int(device.get("unitsize", "1"))
        base = device.get("capturefile", "logic-1")
        probes = {
            name: int(key.removeprefix("probe")) - 1
            for key, name in device.items()
            if re.fullmatch(r"probe[1-9]\d{0,3}", key)
        }
    except (configparser.Error, StopIteration, KeyError, ValueError) as error:
        raise CaptureError(f"{path}: sigrok metadata makes no sense: {_one_line(error)}") from error
    if not 1 <= size <= _LARGEST_SAMPLE:
        raise CaptureError(f"{path}: {size} bytes a sample; 1 to {_LARGEST_SAMPLE} can be read")
    numbered = re.compile(re.escape(base) + r"-(\d{1,9})")
    members = sorted(filter(numbered.fullmatch, names), key=lambda name: int(name.rpartition("-")[2]))
    members = members or [name for name in names if name == base]
    if not members:
        raise CaptureError(f"{path}: sigrok metadata but no logic samples ({base}-1 …)")
    return _Layout(rate, size, probes, members)


def _frequency(text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kmg]?)(?:hz)?\s*", text.lower())
    rate = float(match[1]) * _MULTIPLES[match[2]] if match else 0.0
    if not 0 < rate < math.inf:
        raise ValueError(f"sample rate {text!r}")
    return rate


def _bits(path: Path, layout: _Layout, wiring: Wiring, channels: Mapping[str, str]) -> dict[str, int]:
    """Line -> bit of the port, by the names that captures of this mount use, then by what the caller says."""
    by_name = {name.upper(): bit for name, bit in layout.probes.items()}
    bits: dict[str, int] = {}
    for line in wiring.lines:
        if line in channels:
            bits[line] = _probe(path, layout, channels[line])
            continue
        spoken = (spelling.format(line=line) for spelling in _SPELLINGS)
        named = next((by_name[name] for name in spoken if name in by_name), None)
        if named is not None:
            bits[line] = named
    for line in channels:
        if line not in wiring.lines:
            raise CaptureError(f"{path}: {unknown('line', line, wiring.lines)}")
    missing = [serial.name for serial in wiring.serial if serial.name not in bits]
    if missing:
        wanted, known = " and ".join(missing), ", ".join(layout.probes) or "none"
        raise CaptureError(
            f"{path}: no channel for {wanted}; the file has {known}; say --channel {missing[0]}=NAME"
        )
    outside = [line for line, bit in bits.items() if bit >= 8 * layout.sample_size]
    if outside:
        raise CaptureError(
            f"{path}: {', '.join(outside)} lie beyond the {layout.sample_size} bytes of a sample"
        )
    return bits


_SPELLINGS = ("{line}", "{line}_BODY", "{line}_LENS", "BODY_{line}_LENS", "LENS_{line}_BODY", "LOGIC_{line}")
"""How captures name a line: plainly, or with the ends that drive and hear it."""


def _probe(path: Path, layout: _Layout, probe: str) -> int:
    folded = {name.upper(): bit for name, bit in layout.probes.items()}
    if probe.upper() in folded:
        return folded[probe.upper()]
    if re.fullmatch(r"\d{1,3}", probe) and int(probe) < 8 * layout.sample_size:
        return int(probe)
    raise CaptureError(f"{path}: {unknown('channel', probe, layout.probes)}; or its number from 0")


def _check_rate(path: Path, rate: float, wiring: Wiring) -> None:
    needed = SAMPLES_PER_BIT * wiring.baudrates[-1]
    if rate < needed:
        raise CaptureError(
            f"{path}: {rate / 1e6:g} MHz is too slow for {wiring.baudrates[-1]} baud; "
            f"sample at {needed / 1e6:g} MHz or more"
        )


def _lines(
    path: Path, archive: zipfile.ZipFile, layout: _Layout, bits: Mapping[str, int], progress: Progress
) -> dict[str, LogicLine]:
    """The edges of every mapped line, found chunk by chunk, so that memory holds edges and not samples."""
    mask = sum({1 << bit for bit in bits.values()})
    positions: list[Positions] = []
    values: list[Ports] = []
    before: int | None = None
    length = 0
    for data in _chunks(path, archive, layout, progress):
        chunk = _ports(data, layout.sample_size)
        chunk = chunk & chunk.dtype.type(mask)
        if before is None:
            before = int(chunk[0])
            values.append(chunk[:1])
        at, became = transitions(chunk, before, length)
        positions.append(at)
        values.append(became)
        before, length = int(chunk[-1]), length + len(chunk)
    if before is None:
        raise CaptureError(f"{path}: no samples")
    where, port = np.concatenate(positions), np.concatenate(values).astype(np.uint64)
    return {line: _line(where, port, bit, length) for line, bit in bits.items()}


def _chunks(path: Path, archive: zipfile.ZipFile, layout: _Layout, progress: Progress) -> Iterator[bytes]:
    """The samples in order, whole samples at a time."""
    whole = _CHUNK // layout.sample_size * layout.sample_size
    total = sum(archive.getinfo(name).file_size for name in layout.members)
    done = 0
    for name in layout.members:
        with archive.open(name) as member:
            while data := member.read(whole):
                if len(data) % layout.sample_size:
                    raise CaptureError(f"{path}: {name} ends inside a sample of {layout.sample_size} bytes")
                yield data
                done += len(data)
                progress(min(1.0, done / max(total, 1)))


def _ports(data: bytes, sample_size: int) -> Ports:
    """Samples of any size as one integer each."""
    if sample_size in (1, 2, 4, 8):
        return np.frombuffer(data, f"<u{sample_size}")
    wide = np.zeros((len(data) // sample_size, _LARGEST_SAMPLE), np.uint8)
    wide[:, :sample_size] = np.frombuffer(data, np.uint8).reshape(-1, sample_size)
    return wide.view("<u8")[:, 0]


def _line(where: Positions, port: Ports, bit: int, length: int) -> LogicLine:
    levels = (port >> np.uint64(bit)) & np.uint64(1)
    return LogicLine(bool(levels[0]), where[levels[1:] != levels[:-1]], length)


def _records(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> Iterator[Record]:
    """Everything in time order; at one and the same sample the edges come first, for they open windows."""
    edges: list[Iterator[Edge]] = [
        _edges(name, line, rate)
        for name, line in lines.items()
        if all(name != serial.name for serial in wiring.serial)
    ]
    traffic: list[list[Burst | Remark]] = []
    for serial in wiring.serial:
        data = lines[serial.name]
        found = list(bursts_of(data, lines.get(serial.select), serial, wiring, rate))
        first = next((burst.at for burst in found if isinstance(burst, Burst)), None)
        edges.append(_edges(serial.name, data, rate, math.inf if first is None else first))
        traffic.append(found)
    return heapq.merge(*edges, *traffic, key=lambda record: record.at or 0.0)


def _edges(name: str, line: LogicLine, rate: float, end: float = math.inf) -> Iterator[Edge]:
    """The level at the start and every edge; of a serial line only those in front of its first byte."""
    level = line.initial
    yield Edge(0.0, name, level)
    for sample in line.edges.tolist():
        at = sample / rate
        if at >= end:
            return
        level = not level
        yield Edge(at, name, level)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
