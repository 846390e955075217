"""The file of a sigrok capture: a ZIP whose metadata names the channels, and whose members hold the samples."""

import configparser
import lzma
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lensmount_hardware.captures.capture import Progress
from lensmount_hardware.captures.limits import check_packing, inflated_limit, read_member
from lensmount_hardware.captures.logic import probes_of
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Wiring

_MULTIPLES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
LARGEST_SAMPLE = 8
"""Bytes of the largest sample."""

_CHUNK = 4 * 1024 * 1024
"""Bytes of samples in memory at a time."""

DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, LookupError, ValueError, RuntimeError, OverflowError),
)
"""What the ZIP reader raises on files that are cut, damaged, encrypted or packed in an unknown way."""


_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""What stands in front of a member's name: the magic, and behind what the directory says too, two lengths."""

_LOCAL_MAGIC = b"PK\x03\x04"
_USUAL_FLAGS = 0x080E
"""How hard it was packed, sizes behind the data, names in UTF-8; any other flag is for zipfile to judge."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the metadata says: samples a second, bytes a sample, channel name -> bit, files of samples."""

    rate: float
    sample_size: int
    probes: Mapping[str, int]
    members: list[str]


def layout_of(path: Path, archive: zipfile.ZipFile) -> Layout:
    """What the metadata says.

    Raises:
        CaptureError: there is none, or it makes no sense.
    """
    names = archive.namelist()
    if "metadata" not in names:
        raise CaptureError(
            f"{path}: a ZIP without sigrok's metadata; save the capture as .sr in PulseView or sigrok-cli"
        )
    metadata = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        metadata.read_string(read_member(path, archive, "metadata").decode("utf-8", "replace"))
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
        raise CaptureError(f"{path}: sigrok metadata makes no sense: {one_line(error)}") from error
    if not 1 <= size <= LARGEST_SAMPLE:
        raise CaptureError(f"{path}: {size} bytes a sample; 1 to {LARGEST_SAMPLE} can be read")
    numbered = re.compile(re.escape(base) + r"-(\d{1,9})")
    members = sorted(filter(numbered.fullmatch, names), key=lambda name: int(name.rpartition("-")[2]))
    members = members or [name for name in names if name == base]
    if not members:
        raise CaptureError(f"{path}: sigrok metadata but no logic samples ({base}-1 …)")
    return Layout(rate, size, probes, members)


def _frequency(text: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kmg]?)(?:hz)?\s*", text.lower())
    rate = float(match[1]) * _MULTIPLES[match[2]] if match else 0.0
    if not 0 < rate < math.inf:
        raise ValueError(f"sample rate {text!r}")
    return rate


def bits_of(path: Path, layout: Layout, wiring: Wiring, channels: Mapping[str, str]) -> dict[str, int]:
    """Line -> bit of the port.

    Raises:
        CaptureError: as `probes_of`, or a bit lies beyond the samples.
    """
    bits = probes_of(path, layout.probes, 8 * layout.sample_size, wiring, channels)
    outside = [line for line, bit in bits.items() if bit >= 8 * layout.sample_size]
    if outside:
        raise CaptureError(f"{path}: {', '.join(outside)} lie beyond the {layout.sample_size} bytes of a sample")
    return bits


def chunks_of(path: Path, archive: zipfile.ZipFile, layout: Layout, progress: Progress) -> Iterator[bytes]:
    """The samples in order, whole samples at a time."""
    whole = _CHUNK // layout.sample_size * layout.sample_size
    total = sum(archive.getinfo(name).file_size for name in layout.members)
    limit = inflated_limit(path.stat().st_size)
    if total > limit:
        raise CaptureError(f"{path}: {total} bytes of samples; a file of this size holds at most {limit}")
    done = 0
    for name in layout.members:
        check_packing(path, archive, name)
        for data in _read(archive, archive.getinfo(name), whole):
            if len(data) % layout.sample_size:
                raise CaptureError(f"{path}: {name} ends inside a sample of {layout.sample_size} bytes")
            yield data
            done += len(data)
            progress(min(1.0, done / max(total, 1)))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> Iterator[bytes]:
    """A member in pieces of this size."""
    small = _inflated(archive, info) if 0 < info.file_size <= size else b""
    if small:
        yield small
        return
    with archive.open(info) as member:
        while data := member.read(size):
            yield data


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member that is packed in the usual way, in one go: captures have hundreds of small ones.

    Nothing where it is not, or where something is wrong with it: then zipfile reads it, or says what.
    """
    if archive.fp is None or info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & ~_USUAL_FLAGS:
        return b""
    name = info.orig_filename.encode("ascii", "replace")
    archive.fp.seek(info.header_offset)
    header = archive.fp.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        return b""
    magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    if magic != _LOCAL_MAGIC or archive.fp.read(name_length) != name:
        return b""
    archive.fp.seek(extra_length, os.SEEK_CUR)
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(archive.fp.read(info.compress_size), info.file_size)
    except zlib.error:
        return b""
    return data if len(data) == info.file_size and zlib.crc32(data) == info.CRC else b""


def one_line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
