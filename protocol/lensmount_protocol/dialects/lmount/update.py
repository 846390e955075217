"""Firmware update of the lens through the body, and the pages by which two makers add what this model has not."""

from lensmount_protocol.deferred import Bytes, GreedyBytes, Int8ub, Int16ul, Int32ul, Prefixed, PrefixedArray
from lensmount_protocol.dialects.lmount.evidence import OWN, items
from lensmount_protocol.dialects.lmount.types import RefusalCode, UpdateStage
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.records import Record, record, record_of
from lensmount_protocol.wire import Role

BLOCK = 256
"""Bytes of an image in one message."""


@message(0x60, Role.BODY, items(33, 34))
class UpdateOffer(SizedMessage):
    """An image is to be loaded; a lens that holds a part of just this image goes on where it was."""

    number: int = field(Int8ub, "of the order", headline=True)
    maker: int = field(Int16ul, "the lens's maker", headline=True)
    model: int = field(Int16ul, "the lens's model", headline=True)
    firmware: bytes = field(Bytes(4), "version of the image", default=bytes(4), headline=True)
    size: int = field(Int32ul, "of the image", unit="bytes", headline=True)
    crc32: int = field(Int32ul, "of the image", show=hex)


@message(0x61, Role.BODY, items(33))
class UpdateBlock(SizedMessage):
    """A piece of the image."""

    number: int = field(Int8ub, "of the order", headline=True)
    offset: int = field(Int32ul, "where it stands in the image", unit="bytes", headline=True)
    crc32: int = field(Int32ul, "of this piece", show=hex)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "the piece", default=b"")


@message(0x62, Role.BODY, items(33, 34))
class UpdateActivate(SizedMessage):
    """Start from the new image; the old one stays until the new one has started once."""

    number: int = field(Int8ub, "of the order", headline=True)


@message(0x63, Role.BODY, items(34))
class UpdateRollBack(SizedMessage):
    """Go back to the image before."""

    number: int = field(Int8ub, "of the order", headline=True)


@message(0xE0, Role.LENS, items(33, 34))
class UpdateState(SizedMessage):
    """How far the update is: the answer to each of its orders, and all that a lens in recovery says."""

    number: int = field(Int8ub, "of the order", headline=True)
    stage: UpdateStage = field(enum_field(Int8ub, UpdateStage), "how far", default=UpdateStage.IDLE, headline=True)
    wanted: int = field(Int32ul, "next offset that is wanted", unit="bytes", headline=True)
    code: RefusalCode = field(
        enum_field(Int8ub, RefusalCode), "why it was refused; 0 where it was not", default=RefusalCode(0)
    )


@record
class Page(Record):
    """A page that an end has."""

    number: int = field(Int16ul, "of the page; 0x8000 and more are vendors' own")
    revision: int = field(Int8ub, "of the page")


@message(0x70, Role.BODY, OWN)
class PageOffer(SizedMessage):
    """The pages that the body has."""

    number: int = field(Int8ub, "of the order", headline=True)
    pages: list[Page] = field(PrefixedArray(Int8ub, record_of(Page)), "which", default=[])


@message(0xF0, Role.LENS, OWN)
class PageAgreement(SizedMessage):
    """The pages that both have, each in the lower revision; no other may be used."""

    number: int = field(Int8ub, "of the order", headline=True)
    pages: list[Page] = field(PrefixedArray(Int8ub, record_of(Page)), "which", default=[])


@message(0x71, Role.BODY, OWN)
class PageOrder(SizedMessage):
    """What a page says, body to lens."""

    number: int = field(Int8ub, "of the order", headline=True)
    page: int = field(Int16ul, "which page", headline=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "as the page defines it", default=b"")


@message(0xF1, Role.LENS, OWN)
class PageReport(SizedMessage):
    """What a page says, lens to body."""

    page: int = field(Int16ul, "which page", headline=True)
    content: bytes = field(Prefixed(Int16ul, GreedyBytes), "as the page defines it", default=b"")
