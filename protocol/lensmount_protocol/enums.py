"""Enumerations that unknown values survive, and the construct field that carries them."""

import enum
from typing import Any, Self

from lensmount_protocol.codec.lazy_construct import OpenEnum


class OpenIntEnum(enum.IntEnum):
    """An `IntEnum` in which a value without a name becomes a member called `UNKNOWN_<hex>`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value:X}"
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this value has a name."""
        return self._name_ in type(self).__members__


def enum_field(layout: Any, members: type[OpenIntEnum]) -> Any:
    """The integer `layout`, read as a member of `members` and written as its number."""
    return OpenEnum(layout, members)
