"""Firmware images as files of our own (`.lmf`): a manifest with a CRC-32 of itself and of the content behind it.

The format is lensmount's. No maker's file is one, and none can be read: what their images hold is not public.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lensmount_emulator.models.firmware_store import SLOT_SIZE
from lensmount_hardware.inputs import read_input
from lensmount_hardware.output_file import write_output
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.deferred import (
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
    "manifest_crc32" / Checksum(Int32ul, CRC32_ISO_HDLC.of, this.checked.data),
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
        name: for people.
    """

    maker: int
    model: int
    version: bytes
    content: bytes
    name: str = ""

    @property
    def crc32(self) -> int:
        """Of the content."""
        return CRC32_ISO_HDLC.of(self.content)


def make_image(maker: int, model: int, version: bytes, size: int, seed: int, name: str = "") -> Image:
    """An image to try updates with: its content is noise, always the same for the same seed."""
    return Image(maker, model, version, Random(seed).randbytes(size), name or f"demo {version_text(version)}")


def write_image(path: Path, image: Image, *, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Write an image file, which appears when it is complete.

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
    """The image that a file holds.

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
        raise FirmwareError(f"{path}: {what}: {len(content)} bytes of content, and its manifest says {fields.size}")
    image = Image(fields.maker, fields.model, bytes(fields.version), content, str(fields.name))
    if image.crc32 != fields.crc32:
        raise FirmwareError(
            f"{path}: corrupt: the CRC-32 of its content is {image.crc32:#010x}, "
            f"and its manifest says {fields.crc32:#010x}"
        )
    return image


def for_lens(image: Image, maker: int, model: int, firmware: bytes, where: str = "the image") -> None:
    """Hold an image against the lens that is to have it, before anything is sent.

    Args:
        image: what is to be loaded.
        maker: number of the lens's maker.
        model: the maker's number of the lens.
        firmware: the version that runs in it; four zeros in recovery.
        where: what to call the image in errors, such as its file.

    Raises:
        FirmwareError: it is for another lens, or older than what runs.
    """
    if (image.maker, image.model) != (maker, model):
        raise FirmwareError(
            f"{where}: for maker {image.maker}, model {image.model}; this lens is maker {maker}, model {model}"
        )
    if image.version < firmware:
        raise FirmwareError(
            f"{where}: version {version_text(image.version)}; the lens runs {version_text(firmware)}, "
            "and takes no older one but by rolling back"
        )


def version_text(version: bytes) -> str:
    """A version as people write it: parts that are 0 are left out behind the second."""
    parts = [str(part) for part in version]
    while len(parts) > 2 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts)


def _check_size(path: Path, size: int) -> None:
    if not 0 < size <= SLOT_SIZE:
        raise FirmwareError(f"{path}: {size} bytes of content; an image has 1 to {SLOT_SIZE}")
