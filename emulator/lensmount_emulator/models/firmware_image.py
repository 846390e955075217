"""Firmware images in lensmount's own format (`.lmf`): a manifest, with its CRC-32, and the content.

No maker uses this format, and no maker's file can be read: their formats are not public.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lensmount_emulator.models.firmware_store import SLOT_SIZE
from lensmount_hardware.input_file import read_input
from lensmount_hardware.output_file import write_output
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.codec.lazy_construct import (
    Bytes,
    Checksum,
    Const,
    GreedyBytes,
    Int8ub,
    Int16ul,
    Int32ul,
    PaddedString,
    RawCopy,
    Struct,
    this,
)
from lensmount_protocol.errors import FirmwareError

MAGIC = b"LMF\x1a"
FORMAT = 1
NAME_SIZE = 32
VERSION_SIZE = 4

MANIFEST = Struct(
    "checked"
    / RawCopy(
        Struct(
            "magic" / Const(MAGIC),
            "format" / Const(FORMAT, Int8ub),
            "maker" / Int16ul,
            "model" / Int16ul,
            "version" / Bytes(VERSION_SIZE),
            "size" / Int32ul,
            "crc32" / Int32ul,
            "name" / PaddedString(NAME_SIZE, "utf8"),
        )
    ),
    "manifest_crc32" / Checksum(Int32ul, CRC32_ISO_HDLC.compute, this.checked.data),
)
FILE = Struct("manifest" / MANIFEST, "content" / GreedyBytes)
MANIFEST_SIZE = len(MAGIC) + 1 + 2 + 2 + VERSION_SIZE + 4 + 4 + NAME_SIZE + 4


@dataclass(frozen=True, slots=True)
class Image:
    """A firmware image.

    Attributes:
        maker: number of the maker of the lens that it is for.
        model: the maker's number of that lens.
        version: four bytes, highest part first.
        content: what the lens is to run.
        name: readable name.
    """

    maker: int
    model: int
    version: bytes
    content: bytes
    name: str = ""

    @property
    def crc32(self) -> int:
        """CRC-32 of the content."""
        return CRC32_ISO_HDLC.compute(self.content)


def make_image(maker: int, model: int, version: bytes, size: int, seed: int, name: str = "") -> Image:
    """Return an image for update tests: its content is noise, the same for the same seed."""
    return Image(maker, model, version, Random(seed).randbytes(size), name or f"demo {format_version(version)}")


def write_image(path: Path, image: Image, *, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Write an image file; it appears when it is complete.

    Args:
        path: the file.
        image: what it holds.
        overwrite: replace an existing file.
        inputs: files that must not be replaced.

    Raises:
        FirmwareError: a value does not fit the manifest, or the content is empty or too large.
        CaptureError: the file exists or cannot be written.
    """
    _check_size(path, len(image.content))
    fields = {
        "magic": MAGIC, "format": FORMAT, "maker": image.maker, "model": image.model, "version": image.version,
        "size": len(image.content), "crc32": image.crc32, "name": image.name,
    }  # fmt: skip
    try:
        data: bytes = FILE.build({"manifest": {"checked": {"value": fields}}, "content": image.content})
    except Exception as error:
        raise FirmwareError(
            f"{path}: maker {image.maker} and model {image.model} must be 0 to 65535, the version "
            f"{VERSION_SIZE} bytes, the name at most {NAME_SIZE} bytes of UTF-8"
        ) from error
    write_output(path, data, overwrite=overwrite, inputs=inputs)


def read_image(path: Path) -> Image:
    """Read the image in a file.

    Raises:
        FirmwareError: the file cannot be read, is no image, is cut or damaged, or its content is too large.
    """
    data = read_input(path, MANIFEST_SIZE + SLOT_SIZE, "an image", FirmwareError, "cannot be read: ")
    if data[: len(MAGIC)] != MAGIC:
        raise FirmwareError(f"{path}: no firmware image; one begins with the bytes {MAGIC.hex(' ')}")
    if len(data) < MANIFEST_SIZE:
        raise FirmwareError(f"{path}: truncated: {len(data)} bytes, and the manifest alone takes {MANIFEST_SIZE}")
    if data[len(MAGIC)] != FORMAT:
        raise FirmwareError(f"{path}: image format {data[len(MAGIC)]}; {FORMAT} is known")
    try:
        parsed: Any = FILE.parse(data)
    except Exception as error:
        raise FirmwareError(f"{path}: the manifest is corrupt: its CRC-32 or its name is wrong") from error
    fields, content = parsed.manifest.checked.value, bytes(parsed.content)
    _check_size(path, fields.size)
    if len(content) != fields.size:
        what = "truncated" if len(content) < fields.size else "too long"
        raise FirmwareError(f"{path}: {what}: {len(content)} bytes of content; its manifest has {fields.size}")
    image = Image(fields.maker, fields.model, bytes(fields.version), content, str(fields.name))
    if image.crc32 != fields.crc32:
        raise FirmwareError(
            f"{path}: corrupt: the CRC-32 of its content is {image.crc32:#010x}, its manifest has {fields.crc32:#010x}"
        )
    return image


def check_image_for(image: Image, maker: int, model: int, firmware: bytes, where: str = "the image") -> None:
    """Check that an image fits a lens, before anything is sent.

    Args:
        image: the image to load.
        maker: number of the lens's maker.
        model: the maker's number of the lens.
        firmware: the version that runs in it; four zeros in recovery.
        where: name of the image in errors, such as its file.

    Raises:
        FirmwareError: it is for another lens, or older than what runs.
    """
    if (image.maker, image.model) != (maker, model):
        raise FirmwareError(
            f"{where}: for maker {image.maker}, model {image.model}; this lens is maker {maker}, model {model}"
        )
    if image.version < firmware:
        raise FirmwareError(
            f"{where}: version {format_version(image.version)}; the lens runs {format_version(firmware)}, "
            "and accepts an older version only by a rollback"
        )


def format_version(version: bytes) -> str:
    """Return a version as text, such as `1.2`; zeros at the end are omitted after the second part."""
    parts = [str(part) for part in version]
    while len(parts) > 2 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts)


def _check_size(path: Path, size: int) -> None:
    if not 0 < size <= SLOT_SIZE:
        raise FirmwareError(f"{path}: {size} bytes of content; an image has 1 to {SLOT_SIZE}")
