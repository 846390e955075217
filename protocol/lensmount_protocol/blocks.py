"""Messages built from blocks that the body selects: one declaration, as many layouts as there are selections."""

from typing import Any, ClassVar, Self

from construct import Construct

from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import (
    TYPE_BYTE_SIZE,
    FieldSpec,
    Message,
    build_fields,
    parse_fields,
    struct_of,
)


class BlockedMessage(Message):
    """A message whose fields are declared with `block=k` and travel only while bit k-1 of `blocks` is set.

    Attributes:
        USUAL_BLOCKS: the selection that `parse` and a fresh message assume.
        blocks: the selection that this message was read or will be written with; not on the wire itself.
    """

    __slots__ = ()

    USUAL_BLOCKS: ClassVar[int]
    blocks: int

    @classmethod
    def size_with(cls, blocks: int) -> int:
        """Bytes on the wire under this selection, type byte included."""
        fields, _ = _selected(cls, blocks)
        return TYPE_BYTE_SIZE + sum(spec.size for spec in fields)

    @classmethod
    def parse_with(cls, data: bytes, blocks: int) -> Self:
        """The message that `data` says under this selection; fields of absent blocks keep their defaults.

        Raises:
            FrameError: as `Message.parse`.
        """
        size = cls.size_with(blocks)
        if not data or data[0] != cls.TYPE:
            raise FrameError(f"no {cls.__name__}: type byte is not {cls.TYPE:#04x}")
        if len(data) != size:
            raise FrameError(
                f"{cls.__name__} with blocks {blocks:#x} takes {size} bytes, not {len(data)}",
                offset=min(len(data), size),
            )
        _, layout = _selected(cls, blocks)
        values = parse_fields(cls, layout, data) | {"blocks": blocks}
        return cls(**values)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The message under the usual selection."""
        return cls.parse_with(data, cls.USUAL_BLOCKS)

    def build(self) -> bytes:
        """The bytes under this message's own selection."""
        fields, layout = _selected(type(self), self.blocks)
        return build_fields(self, layout, fields)


Selection = tuple[tuple[FieldSpec, ...], "Construct[Any, Any]"]

MOST_SELECTIONS = 64
"""Selections whose layouts are kept; a peer that orders a new one in every frame must not fill the memory."""

_selections: dict[tuple[str, int], Selection] = {}


def _selected(cls: type[BlockedMessage], blocks: int) -> Selection:
    key = (f"{cls.__module__}.{cls.__qualname__}", blocks)
    if key not in _selections:
        fields = tuple(spec for spec in cls.FIELDS if blocks >> (spec.block - 1) & 1)
        if len(_selections) >= MOST_SELECTIONS:
            _selections.clear()
        _selections[key] = (fields, struct_of(fields))
    return _selections[key]
