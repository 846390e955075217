"""What a picture's file says of a lens behind an accessory: texts as EXIF has them, rewritten; others stay."""

from collections.abc import Callable, Mapping, Sequence

from lensmount_emulator.roles.lmount.accessory_optics import Optics
from lensmount_emulator.roles.lmount.numbers import (
    EXIF_F_NUMBER,
    EXIF_FOCAL_LENGTH,
    EXIF_MODEL,
    EXIF_SPECIFICATION,
)
from lensmount_protocol.dialects.lmount.identity import MetadataEntry

LONGEST_TEXT = 255
"""Bytes of a text."""


def rewritten_texts(optics: Optics, entries: Sequence[MetadataEntry]) -> list[MetadataEntry]:
    """The entries of a picture that was taken behind an accessory."""
    rewritten: list[MetadataEntry] = []
    for entry in entries:
        rewrite = _TEXTS.get(entry.tag)
        text = entry.text if rewrite is None else rewrite(optics, entry.text)
        rewritten.append(MetadataEntry(tag=entry.tag, text=text))
    return rewritten


def joined_name(lens: str, accessory: str) -> str:
    """The name of a lens with an accessory on it; the lens's own where both do not fit into a message."""
    longer = f"{lens} + {accessory}"
    return longer if len(longer.encode()) <= LONGEST_TEXT else lens


def _focal_length(optics: Optics, text: str) -> str:
    value = _number(text)
    return text if value is None else f"{round(value * optics.factor, 1):g}"


def _f_number(optics: Optics, text: str) -> str:
    value = _number(text)
    return text if value is None else f"{value * optics.factor:.1f}"


def _specification(optics: Optics, text: str) -> str:
    values = [_number(part) for part in text.split()]
    return " ".join(
        part if value is None else f"{round(value * optics.factor, 1):g}"
        for part, value in zip(text.split(), values, strict=True)
    )


def _model(optics: Optics, text: str) -> str:
    return joined_name(text, optics.name)


def _number(text: str) -> float | None:
    """A number; `None` for any other text, infinity too."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


_TEXTS: Mapping[int, Callable[[Optics, str], str]] = {
    EXIF_FOCAL_LENGTH: _focal_length,
    EXIF_F_NUMBER: _f_number,
    EXIF_SPECIFICATION: _specification,
    EXIF_MODEL: _model,
}
