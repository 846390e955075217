"""Checks and conversions of single values of a profile.

Each error names the key, the value and the legal values. A profile's names and numbers for the fields of a message
become field values, and the message itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from lensmount_protocol.errors import FrameError, ProfileError, unknown_name_message
from lensmount_protocol.message import Message


def check_between(key: str, value: float, lowest: float, highest: float) -> None:
    """Check that a number is in a range.

    Args:
        key: its path in the profile.
        value: the number.
        lowest: the smallest that is legal.
        highest: the largest that is legal.

    Raises:
        ProfileError: it is outside.
    """
    if not lowest <= value <= highest:
        raise ProfileError(f"{key} is {value:g}; it must lie between {lowest:g} and {highest:g}")


def check_above_zero(key: str, value: float) -> None:
    """Check that a number is above zero, and finite.

    Args:
        key: its path in the profile.
        value: the number.

    Raises:
        ProfileError: it is zero, negative, infinite or no number.
    """
    if not 0 < value < float("inf"):
        raise ProfileError(f"{key} is {value:g}; it must be above 0")


FieldValue = int | str | bool
"""A number, or bytes as hexadecimal text."""

MessageFields = dict[str, FieldValue]
"""Fields of a message by name."""

M = TypeVar("M", bound=Message)


class IgnoredField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field that a replay does not compare byte for byte, and why.

    Attributes:
        message: name of the message's class.
        field: name of the field.
        why: the hidden state that it depends on.
        frames: only in this many first frames of the stream; 0 for always.
    """

    message: str
    field: str
    why: str
    frames: int = 0


def field_values(cls: type[Message], fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    """Return the values of these fields: text becomes bytes where the field holds bytes.

    Raises:
        ProfileError: a field that the message does not have, or text that is not hexadecimal.
    """
    return {name: _field_value(cls, name, value) for name, value in fields.items()}


def build_message(cls: type[M], fields: Mapping[str, FieldValue]) -> M:
    """Return the message with these fields, the others at their defaults, checked to fit the wire.

    Raises:
        ProfileError: as `field_values`, or a value that its field cannot carry.
    """
    message = cls(**field_values(cls, fields))
    try:
        message.build()
    except FrameError as error:
        raise ProfileError(f"messages.{cls.__name__}: {error.reason} (field {error.path})") from error
    return message


def message_copier(message: M) -> Callable[[], M]:
    """Return a function that copies this message: most messages differ from the last one in few fields."""
    # mypy takes the class of a message for `type[Message]`, and its constructor has no fields.
    return partial(type(message), *(getattr(message, field.name) for field in fields_of(message)))  # type: ignore[arg-type]


def _field_value(cls: type[Message], name: str, value: FieldValue) -> Any:
    spec = next((spec for spec in cls.FIELDS if spec.name == name), None)
    if spec is None:
        raise ProfileError(
            f"messages.{cls.__name__}: {unknown_name_message('field', name, (spec.name for spec in cls.FIELDS))}"
        )
    if not isinstance(value, str):
        return value
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ProfileError(
            f"messages.{cls.__name__}.{name}: {value!r} is no hexadecimal; write {spec.size} bytes of two digits each"
        ) from None
