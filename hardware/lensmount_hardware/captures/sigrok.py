"""Logic captures of sigrok and PulseView: a ZIP of samples, with its channels mapped to a mount's lines."""

import configparser
import heapq
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.uart import SAMPLES_PER_BIT, LogicLine, bursts_of, transitions
from lensmount_protocol.errors import CaptureError, unknown
from lensmount_protocol.wire import Burst, Edge, Record, Wiring

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_DRIVER_SUFFIX = re.compile(r"_(BODY|LENS)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
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
        channels: line -> probe, by name or number, for captures whose channels have other names.
        progress: told how far the samples have been read.

    Raises:
        CaptureError: no sigrok file, cut, or without the mount's serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            layout = _layout(path, archive)
            bits = _bits(path, layout, wiring, channels or {})
            _check_rate(path, layout.rate, wiring)
            lines = _lines(path, archive, layout, bits, progress)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        EOFError,
        OSError,
        KeyError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise CaptureError(f"{path}: no readable sigrok capture: {error}") from error
    return Capture(path, "sigrok", _records(lines, wiring, layout.rate), resolution=1 / layout.rate)


def _layout(path: Path, archive: zipfile.ZipFile) -> _Layout:
    metadata = configparser.ConfigParser(interpolation=None, strict=False)
    if "metadata" not in archive.namelist():
        raise CaptureError(
            f"{path}: a ZIP without sigrok's metadata; known formats are told by `lensmount decode --help`"
        )
    try:
        metadata.read_file(io.StringIO(archive.read("metadata").decode("utf-8", "replace")))
        device = next(metadata[name] for name in metadata.sections() if name.startswith("device"))
        rate = _frequency(device["samplerate"])
        probes = {
            value: int(key.removeprefix("probe")) - 1 for key, value in device.items() if re.fullmatch(r"probe\d+", key)
        }
        size = int(device.get("unitsize", "1"))
        base = device.get("capturefile", "logic-1")
    except (configparser.Error, StopIteration, KeyError, ValueError) as error:
        raise CaptureError(f"{path}: sigrok metadata makes no sense: {_one_line(error)}") from error
    if size not in (1, 2, 4, 8):
        raise CaptureError(f"{path}: {size} bytes a sample; 1, 2, 4 or 8 can be read")
    numbered = re.compile(re.escape(base) + r"-(\d+)")
    members = sorted(
        (name for name in archive.namelist() if numbered.fullmatch(name)),
        key=lambda name: int(name.rpartition("-")[2]),
    )
    members = members or [name for name in archive.namelist() if name == base]
    if not members:
        raise CaptureError(f"{path}: sigrok metadata but no samples ({base}-1 …)")
    return _Layout(rate, size, probes, members)


def _frequency(text: str) -> float:
    match = re.fullmatch(r"\s*([\d.]+)\s*([kmg]?)(?:hz)?\s*", text.lower())
    if match is None or not float(match[1]):
        raise ValueError(f"sample rate {text!r}")
    return float(match[1]) * _MULTIPLES[match[2]]


def _bits(path: Path, layout: _Layout, wiring: Wiring, channels: Mapping[str, str]) -> dict[str, int]:
    """Line -> bit of the port, by the names that captures of this mount use, then by what the caller says."""
    by_name = {_DRIVER_SUFFIX.sub("", name).upper(): bit for name, bit in layout.probes.items()}
    bits: dict[str, int] = {}
    for line in wiring.lines:
        for name in (line, f"BODY_{line}", f"LENS_{line}"):
            if name in by_name:
                bits.setdefault(line, by_name[name])
    for line, probe in channels.items():
        bits[line] = _probe(path, layout, probe)
    missing = [serial.name for serial in wiring.serial if serial.name not in bits]
    if missing:
        names = ", ".join(layout.probes) or "none"
        raise CaptureError(
            f"{path}: no channel for {' and '.join(missing)}; the file has {names}; say --channel {missing[0]}=NAME"
        )
    return bits


def _probe(path: Path, layout: _Layout, probe: str) -> int:
    folded = {name.lower(): bit for name, bit in layout.probes.items()}
    if probe.lower() in folded:
        return folded[probe.lower()]
    if probe.isdecimal() and int(probe) < 8 * layout.sample_size:
        return int(probe)
    raise CaptureError(f"{path}: {unknown('channel', probe, layout.probes)}; or its number from 0")


def _check_rate(path: Path, rate: float, wiring: Wiring) -> None:
    needed = SAMPLES_PER_BIT * wiring.baudrates[-1]
    if rate < needed:
        raise CaptureError(
            f"{path}: {rate / 1e6:g} MHz is too slow for {wiring.baudrates[-1]} baud; it takes {needed / 1e6:g} MHz"
        )


def _lines(
    path: Path, archive: zipfile.ZipFile, layout: _Layout, bits: Mapping[str, int], progress: Progress
) -> dict[str, LogicLine]:
    """The edges of every mapped line, found member by member, so that memory holds edges and not samples."""
    mask = sum({1 << bit for bit in bits.values()})
    sample = np.dtype(f"<u{layout.sample_size}")
    positions: list[np.ndarray] = []
    values: list[int] = []
    initial: int | None = None
    before = length = 0
    for number, member in enumerate(layout.members):
        data = archive.read(member)
        if len(data) % layout.sample_size:
            raise CaptureError(f"{path}: {member} ends inside a sample")
        chunk = np.frombuffer(data, sample) & sample.type(mask)
        if not len(chunk):
            continue
        if initial is None:
            initial = before = int(chunk[0])
        at, became = transitions(chunk, before, length)
        positions.append(at)
        values += became
        before, length = int(chunk[-1]), length + len(chunk)
        progress((number + 1) / len(layout.members))
    if initial is None:
        raise CaptureError(f"{path}: no samples")
    where = np.concatenate(positions)
    port = np.array([initial, *values], dtype=np.uint64)
    return {line: _line(where, port, bit, length) for line, bit in bits.items()}


def _line(where: np.ndarray, port: np.ndarray, bit: int, length: int) -> LogicLine:
    levels = (port >> np.uint64(bit)) & np.uint64(1)
    changed = np.flatnonzero(levels[1:] != levels[:-1])
    return LogicLine(bool(levels[0]), where[changed], length)


def _records(lines: Mapping[str, LogicLine], wiring: Wiring, rate: float) -> Iterator[Record]:
    serial = {line.name: line for line in wiring.serial}
    bursts = {
        name: list(bursts_of(lines[name], lines.get(line.select), line, wiring, rate)) for name, line in serial.items()
    }
    sources: list[Iterator[Record]] = [iter(found) for found in bursts.values()]
    for name, line in lines.items():
        first = bursts[name][0].at if bursts.get(name) else None
        sources.append(_edges(name, line, rate, first if name in serial else None, serial=name in serial))
    return heapq.merge(*sources, key=lambda record: record.at or 0.0)


def _edges(
    name: str, line: LogicLine, rate: float, first_byte: float | None, *, serial: bool
) -> Iterator[Edge | Burst]:
    """The level at the start and every edge; of a serial line only the edges in front of its first byte."""
    level = line.initial
    yield Edge(0.0, name, level)
    for sample in line.edges.tolist():
        at = sample / rate
        if serial and first_byte is not None and at >= first_byte:
            return
        level = not level
        yield Edge(at, name, level)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
