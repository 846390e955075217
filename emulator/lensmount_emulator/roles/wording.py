"""A profile's words for a message's fields to the values that the message takes, and to the message itself."""

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from lensmount_protocol.errors import FrameError, ProfileError, unknown
from lensmount_protocol.message import Message

FieldValue = int | str | bool
"""A number, or bytes as hexadecimal text."""

MessageFields = dict[str, FieldValue]
"""Fields of a message by name."""

M = TypeVar("M", bound=Message)


class Variable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field that a replay does not compare byte for byte, and why.

    Attributes:
        message: name of the message's class.
        field: name of the field.
        why: what it depends on that no capture shows.
        frames: only in this many first frames of the stream; 0 for always.
    """

    message: str
    field: str
    why: str
    frames: int = 0


def values_from(cls: type[Message], fields: Mapping[str, FieldValue]) -> dict[str, Any]:
    """The values of these fields: text becomes bytes where the field holds bytes.

    Raises:
        ProfileError: a field that the message does not have, or text that is no hexadecimal.
    """
    return {name: _value(cls, name, value) for name, value in fields.items()}


def message_from(cls: type[M], fields: Mapping[str, FieldValue]) -> M:
    """The message with these fields, the others at their defaults, proven to fit the wire.

    Raises:
        ProfileError: as `values_from`, or a value that its field cannot carry.
    """
    message = cls(**values_from(cls, fields))
    try:
        message.build()
    except FrameError as error:
        raise ProfileError(f"messages.{cls.__name__}: {error.reason} (field {error.path})") from error
    return message


def copies_of(message: M) -> Callable[[], M]:
    """Makes messages equal to this one, at the cost of making one: most messages differ from the last in few fields."""
    return partial(type(message), *(getattr(message, field.name) for field in fields_of(message)))  # type: ignore[arg-type]


def _value(cls: type[Message], name: str, value: FieldValue) -> Any:
    spec = next((spec for spec in cls.FIELDS if spec.name == name), None)
    if spec is None:
        raise ProfileError(f"messages.{cls.__name__}: {unknown('field', name, (spec.name for spec in cls.FIELDS))}")
    if not isinstance(value, str):
        return value
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ProfileError(
            f"messages.{cls.__name__}.{name}: {value!r} is no hexadecimal; write {spec.size} bytes of two digits each"
        ) from None
