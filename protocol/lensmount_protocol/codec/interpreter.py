"""Parses and builds messages by construct itself: the reference of generated functions, and the source of errors."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from construct import Construct, Container, ListContainer, Prefixed, Struct

from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.errors import FrameError

if TYPE_CHECKING:
    from lensmount_protocol.message import FieldSpec, Message

TYPE_BYTE_SIZE = 1


def make_struct(fields: "Iterable[FieldSpec]", prefix: Any = None) -> "Construct[Any, Any]":
    """Return the construct of these fields, in this order; with a prefix, after the number of bytes that they take."""
    layout = Struct(*(spec.name / resolve(spec.layout) for spec in fields))
    return layout if prefix is None else Prefixed(resolve(prefix), layout)


def parse_fields(
    cls: "type[Message]", layout: "Construct[Any, Any]", data: bytes, at: int, end: int
) -> tuple[dict[str, Any], int]:
    """Parse the fields of `layout` after the type byte at `at`; return them as keyword arguments, and their end.

    Raises:
        FrameError: a field cannot be read.
    """
    stream = io.BytesIO(data[at + TYPE_BYTE_SIZE : end])
    try:
        container = layout.parse_stream(stream)
    except Exception as error:
        path = getattr(error, "path", None) or ""
        raise FrameError(f"{cls.__name__}: {_reason(error)}", offset=at + TYPE_BYTE_SIZE, path=path) from error
    values = {name: _plain(value) for name, value in container.items() if not name.startswith("_")}
    return values, at + TYPE_BYTE_SIZE + stream.tell()


def build_fields(message: "Message", layout: "Construct[Any, Any]", fields: "Sequence[FieldSpec]") -> bytes:
    """The type byte and the given fields of a message, written by `layout`.

    Raises:
        FrameError: a field holds a value that does not fit its layout.
    """
    values = {spec.name: getattr(message, spec.name) for spec in fields}
    try:
        return bytes((message.TYPE,)) + layout.build(values)
    except Exception as error:
        path = getattr(error, "path", None) or ""
        reason = f"{type(message).__name__}: {_reason(error)}"
        raise FrameError(reason, offset=TYPE_BYTE_SIZE, path=path) from error


def fixed_size(layout: Any) -> int | None:
    """Bytes on the wire; `None` where it depends on them."""
    try:
        size: int = resolve(layout).sizeof()
        return size
    except Exception:
        # construct reads the context of a message that does not exist yet, so `this` is undefined.
        return None


def _plain(value: Any) -> Any:
    """A value without construct's containers, which never leave the codec."""
    if isinstance(value, Container):
        return {name: _plain(inside) for name, inside in value.items() if not name.startswith("_")}
    if isinstance(value, ListContainer):
        return [_plain(inside) for inside in value]
    return value


def _reason(error: Exception) -> str:
    # construct's text repeats the path on a line of its own; an error here is one line.
    lines = [line for line in str(error).splitlines() if line and not line.startswith("Error in path")]
    return lines[0] if lines else type(error).__name__
