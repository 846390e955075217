"""Reads logic captures of sigrok and PulseView: a ZIP with metadata on devices and channels, and members of samples."""

import configparser
import math
import re
import zipfile
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, no_progress
from lensmount_hardware.captures.limits import EdgeBudget, check_edges
from lensmount_hardware.captures.logic_analyser.channels import (
    Channel,
    ChannelTable,
    Variable,
    choose_channels,
    pick_channels,
)
from lensmount_hardware.captures.logic_analyser.logic_lines import (
    check_rate,
    decode_logic_lines,
    pick_rate,
    with_annotations,
)
from lensmount_hardware.captures.logic_analyser.uart import LogicLine, Ports, Positions, transitions
from lensmount_hardware.captures.logic_analyser.zip_members import (
    DAMAGE,
    check_inflated,
    member_names,
    one_line,
    read_pieces,
    read_text_member,
)
from lensmount_protocol.errors import CaptureError, limit_list
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
MAX_SAMPLE_SIZE = 8
"""Bytes of the largest sample."""

_CHUNK = 4 * 1024 * 1024
"""Bytes of samples in memory at a time."""

_MAX_MISSING = 100_000
"""Members that may be missing; with more the file is damaged."""

_VERSIONS = ("1", "2")


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the capture that has logic samples.

    Attributes:
        name: its section of the metadata.
        rate: samples a second; `None` where the metadata does not state it.
        sample_size: bytes of a sample.
        table: its channels; the source of each is a bit of the sample.
        members: the files of samples, in order; a number in place of a name counts missing members.
        notes: annotations on its files.
    """

    name: str
    rate: float | None
    sample_size: int
    table: ChannelTable
    members: tuple[str | int, ...]
    notes: tuple[Annotation, ...] = ()


def read_devices(path: Path, archive: zipfile.ZipFile) -> list[Device]:
    """The devices that have logic samples, in the order of the metadata.

    Raises:
        CaptureError: there is no metadata, it is invalid, or no device has logic samples.
    """
    names = member_names(path, archive)
    metadata = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        metadata.read_string(read_text_member(path, archive, "metadata"))
        sections = [metadata[name] for name in metadata.sections() if name.lower().startswith("device")]
        if not sections:
            raise ValueError("it has no [device 1]")
        devices = [_read_device(path, section, names) for section in sections]
    except (configparser.Error, ValueError) as error:
        raise CaptureError(f"{path}: sigrok metadata makes no sense: {one_line(error)}") from error
    found = [device for device in devices if device.members]
    if not found:
        bases = ", ".join(f"{section.get('capturefile', 'logic-1')}-1" for section in sections)
        analog = any(name.startswith("analog-") for name in names)
        advice = "; it holds analog samples, so record again with the logic channels" if analog else ""
        raise CaptureError(f"{path}: sigrok metadata but no logic samples ({bases} …){advice}")
    return found


def pick_device(
    path: Path, devices: list[Device], wiring: Wiring, channels: Mapping[str, str]
) -> tuple[Device, dict[str, list[Channel]], list[Annotation]]:
    """Return the first device that has the mount's serial lines, and the candidate channels for each line.

    Raises:
        CaptureError: no device has them; with the texts of `pick_channels`.
    """
    refusals: list[str] = []
    found: list[tuple[Device, dict[str, list[Channel]]]] = []
    for device in devices:
        try:
            found.append((device, pick_channels(path, device.table, wiring, channels)))
        except CaptureError as error:
            refusals.append(f"{device.name}: {str(error).removeprefix(f'{path}: ')}")
    if not found:
        text = refusals[0].partition(": ")[2] if len(refusals) == 1 else "; ".join(limit_list(refusals))
        raise CaptureError(f"{path}: {text}")
    device, candidates = found[0]
    notes = list(device.notes)
    if len(devices) > 1:
        others = ", ".join(limit_list(other.name for other in devices if other is not device))
        notes.append(Annotation(None, f"read from {device.name}; not from {others}"))
    return device, candidates, notes


def _read_device(path: Path, section: configparser.SectionProxy, names: list[str]) -> Device:
    number = re.sub(r"\D", "", section.name) or "1"
    base = section.get("capturefile", f"logic-{number}").strip()
    members, notes = _find_members(path, base, names)
    probes = {
        int(key.removeprefix("probe")) - 1: _unescape(name)
        for key, name in section.items()
        if re.fullmatch(r"probe[1-9]\d{0,3}", key)
    }
    total = section.get("total probes", "0").strip()
    declared = section.get("unitsize", "").strip()
    size = int(declared) if declared else max(1, -(-(int(total) if total.isdecimal() else 0) // 8))
    if members and not 1 <= size <= MAX_SAMPLE_SIZE:
        raise CaptureError(f"{path}: {size} bytes a sample; 1 to {MAX_SAMPLE_SIZE} can be read")
    variables = {bit: Variable(probes.get(bit) or str(bit), bit) for bit in {*probes, *range(8 * size)}}
    named = [variables[bit] for bit in sorted(probes) if probes[bit]]
    table = ChannelTable(named, variables)
    rate = section.get("samplerate", "").strip()
    return Device(section.name, parse_frequency(rate) if members and rate else None, size, table, members, tuple(notes))


def _find_members(path: Path, base: str, names: list[str]) -> tuple[tuple[str | int, ...], list[Annotation]]:
    """Return the members of a device in order, with annotations; as in sigrok, one file of all samples has priority."""
    numbered = re.compile(re.escape(base) + r"-([1-9]\d{0,8})")
    pieces = sorted((int(match[1]), name) for name in names if (match := numbered.fullmatch(name)))
    if base in names:
        more = [Annotation(None, f"read from {base}; {len(pieces)} members {base}-… are left out")] if pieces else []
        return (base,), more
    members: list[str | int] = []
    last = 0
    for number, name in pieces:
        if number > last + 1:
            if number - last > _MAX_MISSING:
                raise CaptureError(f"{path}: {name} follows {base}-{last}; with so many members missing it is damaged")
            members.append(number - last - 1)
        members.append(name)
        last = number
    return tuple(members), []


def _unescape(name: str) -> str:
    """Undo the escapes of sigrok metadata, where tabs, backslashes and outer spaces have two characters."""
    known = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    return " ".join(re.sub(r"\\([stnr\\])", lambda match: known[match[1]], name).split())


def parse_frequency(text: str) -> float | None:
    """Parse samples a second; `None` for 0, which devices without a rate have."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([kmg]?)(?:hz)?", text.strip().lower())
    rate = float(match[1]) * _MULTIPLES[match[2]] if match else math.inf
    if not rate < math.inf:
        raise ValueError(f"sample rate {text!r}")
    return rate or None


def check_bits(path: Path, device: Device, candidates: Mapping[str, list[Channel]]) -> None:
    """Reject channels that no sample has.

    Raises:
        CaptureError: a bit lies beyond the samples.
    """
    size = device.sample_size
    outside = [line for line, several in candidates.items() if any(sample_bit(one) >= 8 * size for one in several)]
    if outside:
        raise CaptureError(f"{path}: {', '.join(outside)} lie beyond the {size} bytes of a sample")


def sample_bit(channel: Channel) -> int:
    """Return the bit of the sample for a channel."""
    bit = channel.variable.source
    assert isinstance(bit, int)
    return bit


def read_chunks(
    path: Path, archive: zipfile.ZipFile, device: Device, progress: Progress
) -> Iterator[tuple[bytes, str, int | None]]:
    """Read the samples in order, whole samples at a time.

    Yields:
        samples; the member that starts with them, or `""`; and the number of samples missing before it, `None` where
        the length of missing members is not known.
    """
    whole = _CHUNK // device.sample_size * device.sample_size
    names = [name for name in device.members if isinstance(name, str)]
    check_inflated(path, (archive.getinfo(name) for name in names))
    sizes = Counter(archive.getinfo(name).file_size for name in names)
    total = sum(size * count for size, count in sizes.items())
    common_size, count = sizes.most_common(1)[0]
    length = common_size // device.sample_size if 2 * count > len(names) and len(names) > 1 else None
    done = 0
    missing: int | None = 0
    for name in device.members:
        if isinstance(name, int):
            missing = None if length is None else name * length
            continue
        begins = name
        for data in read_pieces(path, archive, archive.getinfo(name), whole):
            if len(data) % device.sample_size:
                raise CaptureError(f"{path}: {name} ends inside a sample of {device.sample_size} bytes")
            yield data, begins, missing
            begins, missing = "", 0
            done += len(data)
            progress(min(1.0, done / max(total, 1)))


def version_note(path: Path, archive: zipfile.ZipFile) -> list[Annotation]:
    """Return an annotation where the file has an unknown version."""
    if "version" not in archive.namelist():
        return []
    version = read_text_member(path, archive, "version").strip()[:20]
    return (
        [] if version in _VERSIONS else [Annotation(None, f"a sigrok file of version {version!r}, read as version 2")]
    )


def read_sigrok(
    path: Path,
    wiring: Wiring,
    channels: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
    samplerate: float | None = None,
) -> Capture:
    """Open a `.sr` file.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> probe, by name or number from 0, for captures with other channel names.
        progress: called with the fraction of the samples that has been read.
        samplerate: samples a second, for a file that does not state it; a different one replaces the file's.

    Raises:
        CaptureError: no sigrok file, cut, without a rate, too slow, or without the mount's serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            device, candidates, notes = pick_device(path, read_devices(path, archive), wiring, channels or {})
            notes = [*version_note(path, archive), *notes]
            check_bits(path, device, candidates)
            rate, rate_notes = pick_rate(path, device.rate, samplerate)
            check_rate(path, rate, wiring)
            every = {channel.key: channel for several in candidates.values() for channel in several}
            levels, gaps = _levels(path, archive, device, every, rate, progress)
    except DAMAGE as error:
        raise CaptureError(f"{path}: no readable sigrok capture: {one_line(error)}") from error
    lines, chosen = choose_channels(path, candidates, levels)
    check_edges(path, lines, wiring)

    def records() -> Iterator[WireRecord]:
        return with_annotations(decode_logic_lines(lines, wiring, rate), [*rate_notes, *notes, *chosen, *gaps])

    return Capture(path, "sigrok", records(), lambda: tuple(lines), resolution=1 / rate)


def _levels(
    path: Path,
    archive: zipfile.ZipFile,
    device: Device,
    channels: Mapping[tuple[Hashable, int], Channel],
    rate: float,
    progress: Progress,
) -> tuple[dict[tuple[Hashable, int], LogicLine], list[Annotation]]:
    """Find the edges of every channel chunk by chunk, so that memory holds edges and not samples."""
    bits = {key: sample_bit(channel) for key, channel in channels.items()}
    mask = sum({1 << bit for bit in bits.values()})
    budget = EdgeBudget.for_file(path)
    positions: list[Positions] = []
    values: list[Ports] = []
    gaps: list[Annotation] = []
    before: int | None = None
    length = 0
    for data, member, missing in read_chunks(path, archive, device, progress):
        chunk = _ports(data, device.sample_size)
        chunk = chunk & chunk.dtype.type(mask)
        if missing != 0:
            gaps.append(_gap(device, member, missing, length, rate))
            length += missing or 0
        if before is None:
            before = int(chunk[0])
            values.append(chunk[:1])
        at, became = transitions(chunk, before, length)
        budget.take(len(at))
        positions.append(at)
        values.append(became)
        before, length = int(chunk[-1]), length + len(chunk)
    if before is None:
        raise CaptureError(f"{path}: no samples")
    where, port = np.concatenate(positions), np.concatenate(values)
    levels: dict[tuple[Hashable, int], LogicLine] = {}
    budget.count = 0
    for key, bit in bits.items():
        levels[key] = _line(where, port, bit, length)
        budget.take(len(levels[key].edges))
    return levels, gaps


def _gap(device: Device, member: str, missing: int | None, length: int, rate: float) -> Annotation:
    """Return an annotation on members that are missing before one."""
    number = device.members[device.members.index(member) - 1]
    base, _, first_after = member.rpartition("-")
    assert isinstance(number, int)
    first = int(first_after) - number
    names = f"{base}-{first}" if number == 1 else f"{base}-{first} to {base}-{int(first_after) - 1}"
    assumed = "of unknown length, which is left out"
    if missing is not None:
        assumed = f"taken to be {missing / rate * 1e3:.3f} ms long, as its neighbours are, with the lines at rest"
    text = f"{names} is missing after {length} samples, {length / rate:.6f} s: a hole {assumed}"
    return Annotation(length / rate, f"{text}; times after it are not reliable", True)


def _ports(data: bytes, sample_size: int) -> Ports:
    """Convert samples of any size to one integer each."""
    if sample_size in (1, 2, 4, 8):
        return np.frombuffer(data, f"<u{sample_size}")
    wide = np.zeros((len(data) // sample_size, MAX_SAMPLE_SIZE), np.uint8)
    wide[:, :sample_size] = np.frombuffer(data, np.uint8).reshape(-1, sample_size)
    return wide.view("<u8")[:, 0]


def _line(where: Positions, port: Ports, bit: int, length: int) -> LogicLine:
    kind = port.dtype.type
    levels = (port >> kind(bit)) & kind(1)
    return LogicLine(bool(levels[0]), where[levels[1:] != levels[:-1]], length)
