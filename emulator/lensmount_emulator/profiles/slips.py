"""Unknown keys of a profile, found by comparing its data with the structure that it should have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args, get_type_hints

import msgspec

from lensmount_protocol.errors import unknown


class UnknownKey(NamedTuple):
    """A key that its table does not have.

    Attributes:
        key: the key.
        table: path of the table; empty for the top level.
        known: keys that the table has.
    """

    key: str
    table: str
    known: tuple[str, ...]

    def text(self) -> str:
        """Return the error in one line, with the known keys."""
        return unknown("key", self.key, self.known, f"[{self.table}]" if self.table else "")


def unknown_keys(data: object, shape: type[msgspec.Struct], table: str = "") -> Iterator[UnknownKey]:
    """Find the keys that no field of a structure has.

    Args:
        data: what was read.
        shape: what it should have been.
        table: path of the data within the file.
    """
    if not isinstance(data, Mapping):
        # A value of another type is reported by msgspec.
        return
    values = cast("Mapping[str, object]", data)
    if shape.__struct_config__.forbid_unknown_fields:
        known = shape.__struct_encode_fields__
        yield from (UnknownKey(key, table, known) for key in values if key not in known)
    for key, hint in get_type_hints(shape).items():
        inner = next(_shapes_in(hint), None)
        if inner is not None and key in values:
            yield from _inside(values[key], inner, f"{table}.{key}".strip("."))


def _inside(value: object, shape: type[msgspec.Struct], path: str) -> Iterator[UnknownKey]:
    """The same in a value that is of the structure, or a sequence of such."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for number, item in enumerate(cast("Sequence[object]", value)):
            yield from unknown_keys(item, shape, f"{path}[{number}]")
    else:
        yield from unknown_keys(value, shape, path)


def _shapes_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """Structures that a value of this type can be: itself, or what its sequence or union holds."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from _shapes_in(part)
