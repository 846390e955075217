"""Units of a Micro Four Thirds transaction as declared forms, which exports are made from."""

from lensmount_protocol.checksums import SUM8
from lensmount_protocol.dialects.mft.framing import (
    ANSWER,
    COMMAND,
    COMMAND_SIZE,
    COMMAND_TYPES,
    DATA_LENGTHS,
    LENGTH_SIZE,
    LENS_BYTE,
    LENS_BYTE_TYPE,
    MAX_DATA,
    OTHER_COMMAND_TYPE,
    OTHER_DATA_TYPE,
    WRITTEN,
    Form,
)
from lensmount_protocol.unit_forms import ChecksumIs, OneOf, SizeIs, UnitBits, UnitBytes, UnitForm, UnitLookup, UnitRule
from lensmount_protocol.wire import Role

_START = UnitBits(0, 2)
_LENGTH = UnitBits(0, LENGTH_SIZE, little=True)
_CHECK = ChecksumIs(UnitBits(-1), UnitBytes(LENGTH_SIZE, None, 1), SUM8)
_COMMAND_SIZES = (COMMAND_SIZE, COMMAND_SIZE)


def _data_forms(sender: Role) -> tuple[UnitForm, ...]:
    """Data of each documented length, then of any other: the lens's end with a check, the body's do not."""
    checked = int(sender is Role.LENS)
    rules: tuple[UnitRule, ...] = (SizeIs(_LENGTH, LENGTH_SIZE - 1 + checked), *((_CHECK,) if checked else ()))
    carried, class_ = UnitBytes(LENGTH_SIZE, None, checked), ANSWER if checked else WRITTEN
    least = LENGTH_SIZE + checked
    lengths = DATA_LENGTHS[sender]
    return (
        *(
            UnitForm(f"data {length}", class_, (least + length - 1, least + length - 1), rules, (length, carried))
            for length in lengths
        ),
        UnitForm("other data", class_, (least, MAX_DATA - 1 + checked), rules, (OTHER_DATA_TYPE, carried)),
    )


FORMS = {
    Role.BODY: (
        UnitForm(
            "command",
            COMMAND,
            _COMMAND_SIZES,
            (OneOf(_START, tuple(int.from_bytes(start, "big") for start in COMMAND_TYPES)),),
            (
                UnitLookup(_START, {int.from_bytes(start, "big"): type_ for start, type_ in COMMAND_TYPES.items()}),
                UnitBytes(2, 2),
            ),
        ),
        UnitForm(
            "other command",
            COMMAND,
            _COMMAND_SIZES,
            (OneOf(UnitBits(0, 1, 4, 4), tuple(form.value for form in Form)),),
            (OTHER_COMMAND_TYPE, UnitBytes(0, COMMAND_SIZE)),
        ),
        *_data_forms(Role.BODY),
    ),
    Role.LENS: (
        UnitForm("byte", LENS_BYTE, (1, 1), (), (LENS_BYTE_TYPE, UnitBytes(0, 1))),
        *_data_forms(Role.LENS),
    ),
}
"""The units of each sender; `TransactionFormat` is held against them in the tests."""
