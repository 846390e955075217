"""Messages built from blocks that the body selects: one declaration, as many layouts as there are selections."""

from typing import Any, ClassVar, Self, cast

from lensmount_protocol.codec.codecs import MessageCodec, make_codec
from lensmount_protocol.message import FieldSpec, Message, parse_whole

MOST_SELECTIONS = 64
"""Selections whose codecs are kept; a peer that orders a new one in every frame must not fill the memory."""


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
    def codec_with(cls, blocks: int) -> MessageCodec:
        """How the message is read and built under this selection; made on first use."""
        found = cls.CODECS.get(blocks)
        if found is None:
            if len(cls.CODECS) >= MOST_SELECTIONS:
                cls.CODECS.clear()
            fixed: dict[str, Any] = {} if blocks == cls.USUAL_BLOCKS else {"blocks": blocks}
            found = make_codec(cls, cls.fields_with(blocks), fixed, f"{cls.__name__}_{blocks:x}")
            cls.CODECS[blocks] = found
        return found

    @classmethod
    def codec(cls) -> MessageCodec:
        """How the message is read and built under the usual selection."""
        return cls.codec_with(cls.USUAL_BLOCKS)

    @classmethod
    def fields_with(cls, blocks: int) -> tuple[FieldSpec, ...]:
        """The fields that travel under this selection."""
        return tuple(spec for spec in cls.FIELDS if blocks >> (spec.block - 1) & 1)

    @classmethod
    def size_with(cls, blocks: int) -> int:
        """Bytes on the wire under this selection, type byte included."""
        return 1 + sum(spec.size for spec in cls.fields_with(blocks))

    @classmethod
    def parse_with(cls, data: bytes, blocks: int) -> Self:
        """The message that `data` says under this selection; fields of absent blocks keep their defaults.

        Raises:
            FrameError: as `Message.parse`.
        """
        return cast("Self", parse_whole(cls, cls.codec_with(blocks), data, f" with blocks {blocks:#x}"))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The message under the usual selection."""
        return cls.parse_with(data, cls.USUAL_BLOCKS)

    def build(self) -> bytes:
        """The bytes under this message's own selection."""
        return self.codec_with(self.blocks).build(self)
