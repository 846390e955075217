"""Firmware update of the lens through the body, and the pages by which makers extend this model."""

from lensmount_protocol.codec.lazy_construct import (
    Bytes,
    GreedyBytes,
    Int8ub,
    Int16ul,
    Int32ul,
    Prefixed,
    PrefixedArray,
)
from lensmount_protocol.dialects.lmount.types import OUR_DESIGN, RejectionCode, UpdateStage, evidence_items
from lensmount_protocol.message import (
    FieldGroup,
    LengthPrefixedMessage,
    enum_field,
    field,
    field_group,
    field_group_layout,
    message,
)
from lensmount_protocol.wire import Role

BLOCK_SIZE = 256
"""Bytes of an image in one message."""


@message(0x60, Role.BODY, evidence_items(33, 34))
class UpdateOffer(LengthPrefixedMessage):
    """The body offers an image; a lens that holds a part of the same image continues where it was."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    maker: int = field(Int16ul, "the lens's maker", in_summary=True)
    model: int = field(Int16ul, "the lens's model", in_summary=True)
    firmware: bytes = field(Bytes(4), "version of the image", default=bytes(4), in_summary=True)
    size: int = field(Int32ul, "of the image", unit="bytes", in_summary=True)
    crc32: int = field(Int32ul, "of the image", formatter=hex)


@message(0x61, Role.BODY, evidence_items(33))
class UpdateBlock(LengthPrefixedMessage):
    """A piece of the image."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    offset: int = field(Int32ul, "offset in the image", unit="bytes", in_summary=True)
    crc32: int = field(Int32ul, "of this piece", formatter=hex)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "the piece", default=b"")


@message(0x62, Role.BODY, evidence_items(33, 34))
class UpdateActivate(LengthPrefixedMessage):
    """Start from the new image; the old one stays until the new one has started once."""

    number: int = field(Int8ub, "of the order", in_summary=True)


@message(0x63, Role.BODY, evidence_items(34))
class UpdateRollback(LengthPrefixedMessage):
    """Go back to the image before."""

    number: int = field(Int8ub, "of the order", in_summary=True)


@message(0xE0, Role.LENS, evidence_items(33, 34))
class UpdateState(LengthPrefixedMessage):
    """State of the update: the answer to each of its orders, and the only message of a lens in recovery."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    stage: UpdateStage = field(
        enum_field(Int8ub, UpdateStage), "state of the update", default=UpdateStage.IDLE, in_summary=True
    )
    wanted: int = field(Int32ul, "next offset that is wanted", unit="bytes", in_summary=True)
    code: RejectionCode = field(
        enum_field(Int8ub, RejectionCode), "why it was refused; 0 where it was not", default=RejectionCode(0)
    )


@field_group
class ExtensionId(FieldGroup):
    """A page that an end has."""

    number: int = field(Int16ul, "of the page; 0x8000 and more are vendors' own")
    revision: int = field(Int8ub, "of the page")


@message(0x70, Role.BODY, OUR_DESIGN)
class ExtensionOffer(LengthPrefixedMessage):
    """The pages that the body has."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    pages: list[ExtensionId] = field(PrefixedArray(Int8ub, field_group_layout(ExtensionId)), "the pages", default=[])


@message(0xF0, Role.LENS, OUR_DESIGN)
class ExtensionAccept(LengthPrefixedMessage):
    """The pages that both have, each in the lower revision; no other may be used."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    pages: list[ExtensionId] = field(PrefixedArray(Int8ub, field_group_layout(ExtensionId)), "the pages", default=[])


@message(0x71, Role.BODY, OUR_DESIGN)
class ExtensionCommand(LengthPrefixedMessage):
    """The content of a page, body to lens."""

    number: int = field(Int8ub, "of the order", in_summary=True)
    page: int = field(Int16ul, "number of the page", in_summary=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "as the page defines it", default=b"")


@message(0xF1, Role.LENS, OUR_DESIGN)
class ExtensionReport(LengthPrefixedMessage):
    """The content of a page, lens to body."""

    page: int = field(Int16ul, "number of the page", in_summary=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "as the page defines it", default=b"")
