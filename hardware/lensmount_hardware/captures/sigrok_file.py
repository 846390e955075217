"""The file of a sigrok capture: a ZIP whose metadata names devices and channels, and whose members hold the samples."""

import configparser
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lensmount_hardware.captures.capture import Progress
from lensmount_hardware.captures.channel_choice import pick_channels
from lensmount_hardware.captures.channels import Channel, ChannelTable, Variable
from lensmount_hardware.captures.zip_members import check_inflated, member_names, one_line, pieces_of, read_text
from lensmount_protocol.errors import CaptureError, first_of
from lensmount_protocol.wire import Remark, Wiring

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
LARGEST_SAMPLE = 8
"""Bytes of the largest sample."""

_CHUNK = 4 * 1024 * 1024
"""Bytes of samples in memory at a time."""

_MAX_MISSING = 100_000
"""Members that may be missing; beyond that the numbers make no sense."""

_VERSIONS = ("1", "2")


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the capture that has logic samples.

    Attributes:
        name: its section of the metadata.
        rate: samples a second; `None` where the metadata does not say.
        sample_size: bytes of a sample.
        table: its channels; the source of each is a bit of the sample.
        members: the files of samples, in order; a number in place of a name counts members that are missing there.
        notes: what is to be said of its files.
    """

    name: str
    rate: float | None
    sample_size: int
    table: ChannelTable
    members: tuple[str | int, ...]
    notes: tuple[Remark, ...] = ()


def devices_of(path: Path, archive: zipfile.ZipFile) -> list[Device]:
    """The devices that have logic samples, in the order of the metadata.

    Raises:
        CaptureError: there is no metadata, it makes no sense, or no device has logic samples.
    """
    names = member_names(path, archive)
    metadata = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        metadata.read_string(read_text(path, archive, "metadata"))
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
) -> tuple[Device, dict[str, list[Channel]], list[Remark]]:
    """The first device that has the mount's serial lines, and which of its channels may carry which line.

    Raises:
        CaptureError: no device has them; as `pick_channels` says it.
    """
    refusals: list[str] = []
    found: list[tuple[Device, dict[str, list[Channel]]]] = []
    for device in devices:
        try:
            found.append((device, pick_channels(path, device.table, wiring, channels)))
        except CaptureError as error:
            refusals.append(f"{device.name}: {str(error).removeprefix(f'{path}: ')}")
    if not found:
        text = refusals[0].partition(": ")[2] if len(refusals) == 1 else "; ".join(first_of(refusals))
        raise CaptureError(f"{path}: {text}")
    device, candidates = found[0]
    notes = list(device.notes)
    if len(devices) > 1:
        others = ", ".join(first_of(other.name for other in devices if other is not device))
        notes.append(Remark(None, f"read from {device.name}; not from {others}"))
    return device, candidates, notes


def _read_device(path: Path, section: configparser.SectionProxy, names: list[str]) -> Device:
    number = re.sub(r"\D", "", section.name) or "1"
    base = section.get("capturefile", f"logic-{number}").strip()
    members, notes = _members_of(path, base, names)
    probes = {
        int(key.removeprefix("probe")) - 1: _unescaped(name)
        for key, name in section.items()
        if re.fullmatch(r"probe[1-9]\d{0,3}", key)
    }
    total = section.get("total probes", "0").strip()
    told = section.get("unitsize", "").strip()
    size = int(told) if told else max(1, -(-(int(total) if total.isdecimal() else 0) // 8))
    if members and not 1 <= size <= LARGEST_SAMPLE:
        raise CaptureError(f"{path}: {size} bytes a sample; 1 to {LARGEST_SAMPLE} can be read")
    variables = {bit: Variable(probes.get(bit) or str(bit), bit) for bit in {*probes, *range(8 * size)}}
    named = [variables[bit] for bit in sorted(probes) if probes[bit]]
    table = ChannelTable(named, variables)
    rate = section.get("samplerate", "").strip()
    return Device(section.name, parse_frequency(rate) if members and rate else None, size, table, members, tuple(notes))


def _members_of(path: Path, base: str, names: list[str]) -> tuple[tuple[str | int, ...], list[Remark]]:
    """The members of a device in order, and what is to be said of them; as in sigrok, one file of all samples wins."""
    numbered = re.compile(re.escape(base) + r"-([1-9]\d{0,8})")
    pieces = sorted((int(match[1]), name) for name in names if (match := numbered.fullmatch(name)))
    if base in names:
        more = [Remark(None, f"read from {base}; {len(pieces)} members {base}-… are left out")] if pieces else []
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


def _unescaped(name: str) -> str:
    """A text of the metadata as it is meant: sigrok writes tabs, backslashes and outer spaces as two characters."""
    known = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    return " ".join(re.sub(r"\\([stnr\\])", lambda match: known[match[1]], name).split())


def parse_frequency(text: str) -> float | None:
    """Samples a second; `None` for 0, which devices without a rate write."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([kmg]?)(?:hz)?", text.strip().lower())
    rate = float(match[1]) * _MULTIPLES[match[2]] if match else math.inf
    if not rate < math.inf:
        raise ValueError(f"sample rate {text!r}")
    return rate or None


def check_bits(path: Path, device: Device, candidates: Mapping[str, list[Channel]]) -> None:
    """Refuse channels that no sample has.

    Raises:
        CaptureError: a bit lies beyond the samples.
    """
    size = device.sample_size
    outside = [line for line, several in candidates.items() if any(bit_of(one) >= 8 * size for one in several)]
    if outside:
        raise CaptureError(f"{path}: {', '.join(outside)} lie beyond the {size} bytes of a sample")


def bit_of(channel: Channel) -> int:
    """The bit of the sample that a channel is."""
    bit = channel.variable.source
    assert isinstance(bit, int)
    return bit


def chunks_of(
    path: Path, archive: zipfile.ZipFile, device: Device, progress: Progress
) -> Iterator[tuple[bytes, str, int | None]]:
    """The samples in order, whole samples at a time.

    Yields:
        samples; the member that they begin, or `""`; and how many samples are missing in front of it, `None` where
        members are missing whose length is not known.
    """
    whole = _CHUNK // device.sample_size * device.sample_size
    names = [name for name in device.members if isinstance(name, str)]
    check_inflated(path, (archive.getinfo(name) for name in names))
    sizes = Counter(archive.getinfo(name).file_size for name in names)
    total = sum(size * count for size, count in sizes.items())
    usual, count = sizes.most_common(1)[0]
    length = usual // device.sample_size if 2 * count > len(names) and len(names) > 1 else None
    done = 0
    missing: int | None = 0
    for name in device.members:
        if isinstance(name, int):
            missing = None if length is None else name * length
            continue
        begins = name
        for data in pieces_of(path, archive, archive.getinfo(name), whole):
            if len(data) % device.sample_size:
                raise CaptureError(f"{path}: {name} ends inside a sample of {device.sample_size} bytes")
            yield data, begins, missing
            begins, missing = "", 0
            done += len(data)
            progress(min(1.0, done / max(total, 1)))


def version_note(path: Path, archive: zipfile.ZipFile) -> list[Remark]:
    """A remark where the file is of a version that this program does not know."""
    if "version" not in archive.namelist():
        return []
    version = read_text(path, archive, "version").strip()[:20]
    return [] if version in _VERSIONS else [Remark(None, f"a sigrok file of version {version!r}, read as version 2")]
