"""Logic captures of sigrok and PulseView: a ZIP of samples, with its channels mapped to a mount's lines."""

import zipfile
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.channel_choice import settle_channels
from lensmount_hardware.captures.channels import Channel
from lensmount_hardware.captures.limits import EdgeBudget, check_edges
from lensmount_hardware.captures.logic import check_rate, pick_rate, records_of_lines, with_remarks
from lensmount_hardware.captures.sigrok_file import (
    LARGEST_SAMPLE,
    Device,
    bit_of,
    check_bits,
    chunks_of,
    devices_of,
    pick_device,
    version_note,
)
from lensmount_hardware.captures.uart import LogicLine, Ports, Positions, transitions
from lensmount_hardware.captures.zip_members import DAMAGE, one_line
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring


def read_sigrok(
    path: Path,
    wiring: Wiring,
    channels: Mapping[str, str] | None = None,
    progress: Progress = silent,
    samplerate: float | None = None,
) -> Capture:
    """Open a `.sr` file.

    Args:
        path: the file.
        wiring: the mount's lines.
        channels: line -> probe, by name or number from 0, for captures whose channels have other names.
        progress: called with the fraction of the samples that has been read.
        samplerate: samples a second, for a file that does not say; another one than the file's replaces it.

    Raises:
        CaptureError: no sigrok file, cut, without a rate, too slow, or without the mount's serial lines.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            device, candidates, notes = pick_device(path, devices_of(path, archive), wiring, channels or {})
            notes = [*version_note(path, archive), *notes]
            check_bits(path, device, candidates)
            rate, rate_notes = pick_rate(path, device.rate, samplerate)
            check_rate(path, rate, wiring)
            every = {channel.key: channel for several in candidates.values() for channel in several}
            levels, gaps = _levels(path, archive, device, every, rate, progress)
    except DAMAGE as error:
        raise CaptureError(f"{path}: no readable sigrok capture: {one_line(error)}") from error
    lines, chosen = settle_channels(path, candidates, levels)
    check_edges(path, lines, wiring)

    def records() -> Iterator[Record]:
        return with_remarks(records_of_lines(lines, wiring, rate), [*rate_notes, *notes, *chosen, *gaps])

    return Capture(path, "sigrok", records(), lambda: tuple(lines), resolution=1 / rate)


def _levels(
    path: Path,
    archive: zipfile.ZipFile,
    device: Device,
    channels: Mapping[tuple[Hashable, int], Channel],
    rate: float,
    progress: Progress,
) -> tuple[dict[tuple[Hashable, int], LogicLine], list[Remark]]:
    """The edges of every channel, found chunk by chunk, so that memory holds edges and not samples."""
    bits = {key: bit_of(channel) for key, channel in channels.items()}
    mask = sum({1 << bit for bit in bits.values()})
    budget = EdgeBudget.for_file(path)
    positions: list[Positions] = []
    values: list[Ports] = []
    gaps: list[Remark] = []
    before: int | None = None
    length = 0
    for data, member, missing in chunks_of(path, archive, device, progress):
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


def _gap(device: Device, member: str, missing: int | None, length: int, rate: float) -> Remark:
    """What is to be said of members that are missing in front of one."""
    number = device.members[device.members.index(member) - 1]
    base, _, first_behind = member.rpartition("-")
    assert isinstance(number, int)
    first = int(first_behind) - number
    names = f"{base}-{first}" if number == 1 else f"{base}-{first} to {base}-{int(first_behind) - 1}"
    assumed = "of unknown length, which is left out"
    if missing is not None:
        assumed = f"taken to be {missing / rate * 1e3:.3f} ms long, as its neighbours are, with the lines at rest"
    text = f"{names} is missing after {length} samples, {length / rate:.6f} s: a hole {assumed}"
    return Remark(length / rate, f"{text}; times after it are not reliable", True)


def _ports(data: bytes, sample_size: int) -> Ports:
    """Samples of any size as one integer each."""
    if sample_size in (1, 2, 4, 8):
        return np.frombuffer(data, f"<u{sample_size}")
    wide = np.zeros((len(data) // sample_size, LARGEST_SAMPLE), np.uint8)
    wide[:, :sample_size] = np.frombuffer(data, np.uint8).reshape(-1, sample_size)
    return wide.view("<u8")[:, 0]


def _line(where: Positions, port: Ports, bit: int, length: int) -> LogicLine:
    kind = port.dtype.type
    levels = (port >> kind(bit)) & kind(1)
    return LogicLine(bool(levels[0]), where[levels[1:] != levels[:-1]], length)
