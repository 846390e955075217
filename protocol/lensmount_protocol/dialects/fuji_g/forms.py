"""Words and blocks of the Fuji G link as declared forms, which exports are made from."""

from lensmount_protocol.checksums import SUM8
from lensmount_protocol.dialects.fuji_g.lines import BLOCK_SIZE, WORD_SIZE
from lensmount_protocol.dialects.fuji_g.words import (
    ACKNOWLEDGE,
    ACKNOWLEDGE_TYPE,
    BLOCK,
    BLOCK_TYPE,
    EMPTY_BLOCK_TYPE,
    EMPTY_SUM,
    WORD,
)
from lensmount_protocol.unit_forms import ChecksumIs, OneOf, SumIs, UnitBits, UnitBytes, UnitForm, ZeroAfter


def _word_bits(shift: int, width: int) -> UnitBits:
    return UnitBits(0, WORD_SIZE, shift, width)


_COMMAND_BITS = _word_bits(6, 8)
_HEADER = UnitBits(0, 2)
_WORD_RULES = (
    OneOf(_word_bits(14, 1), (0,)),
    OneOf(_word_bits(0, 1), (0,)),
    SumIs(_word_bits(1, 5), (*(_word_bits(shift, 5) for shift in (27, 22, 17, 12, 7)), _word_bits(6, 1))),
)

FORMS = (
    UnitForm(
        "acknowledge",
        ACKNOWLEDGE,
        (WORD_SIZE, WORD_SIZE),
        (OneOf(_word_bits(15, 1), (1,)), *_WORD_RULES),
        (ACKNOWLEDGE_TYPE, UnitBytes(0, 2), _COMMAND_BITS),
        UnitBits(0, 1, 0, 3),
    ),
    UnitForm(
        "word",
        WORD,
        (WORD_SIZE, WORD_SIZE),
        (OneOf(_word_bits(15, 1), (0,)), *_WORD_RULES),
        (_COMMAND_BITS, UnitBytes(0, 2)),
    ),
    UnitForm(
        "empty block",
        BLOCK,
        (BLOCK_SIZE, BLOCK_SIZE),
        (OneOf(_HEADER, (0xFFFF, 0xFF00)), ZeroAfter(UnitBytes(0, 2), 1), OneOf(UnitBits(-1), (EMPTY_SUM,))),
        (EMPTY_BLOCK_TYPE, UnitBytes(0, 2)),
    ),
    UnitForm(
        "block",
        BLOCK,
        (BLOCK_SIZE, BLOCK_SIZE),
        (OneOf(_HEADER, (0x0000, 0xFFFF)), ChecksumIs(UnitBits(-1), UnitBytes(0, None, 1), SUM8)),
        (BLOCK_TYPE, UnitBytes(0, None, 1)),
    ),
)
"""The units of both senders; the functions of `words` are held against them in the tests."""
