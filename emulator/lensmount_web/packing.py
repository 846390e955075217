"""Packs columns for the page: a JSON header and little-endian arrays, each on an 8-byte boundary.

The layout: four bytes with the length of the header, the header, padding, then the arrays one after another. The header
lists each array with its name, type, offset and length. The same bytes are in a page that is a file of its own.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lensmount_emulator.traffic.event_columns import EventColumns

ALIGNMENT = 8

Buffer = bytes | memoryview

SENT: Mapping[str, str] = {
    "at": "<f8",
    "end": "<f8",
    "opened": "<f8",
    "closed": "<f8",
    "pause": "<f4",
    "composition": "<u4",
    "size": "<u4",
    "answers": "<i4",
    "kind": "u1",
    "sender": "u1",
}
"""Column of rows -> its type on the way to the page."""

LATER = frozenset({"opened", "closed", "pause", "size"})
"""Columns that the first picture does not need; of a long session the page asks for them after it."""

Positions = Mapping[str, int]
"""What the page has: `rows`, and the number of edges of each line by its name."""

Part = Literal["all", "first", "rest"]
"""All columns, those of the first picture, or the other ones."""

PARTS: Mapping[str, Part] = {"all": "all", "first": "first", "rest": "rest"}


def pack_columns(columns: EventColumns, since: Positions | None = None, part: Part = "all") -> list[Buffer]:
    """Return what the page does not have yet, in pieces that follow one another.

    Args:
        columns: the traffic.
        since: what the page has; `None` for nothing.
        part: which columns; `rest` holds no lines.
    """
    since = since or {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    first_row = max(0, since.get("rows", 0))
    for name, kind in SENT.items():
        if part == "all" or (name in LATER) == (part == "rest"):
            arrays[name] = columns.view(name, first_row).astype(np.dtype(kind))
    for name in columns.line_names() if part != "rest" else ():
        at, level = columns.line_view(name)
        first = max(0, since.get(f"line:{name}", 0))
        arrays[f"line:{name}:at"] = at[first:].astype(np.dtype("<f8"))
        arrays[f"line:{name}:level"] = level[first:].astype(np.dtype("u1"))
    header: dict[str, Any] = {
        "rows": len(columns),
        "since": since.get("rows", 0),
        "part": part,
        "compositions": [
            {
                "sender": one.sender.value,
                "types": list(one.types),
                "names": list(one.names),
                "routine": one.routine_name in columns.dialect.routine,
            }
            for one in columns.compositions
        ],
    }
    return pack_parts(header, arrays)


def pack_parts(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> list[Buffer]:
    """Pack a header and arrays, as pieces that follow one another; the arrays are not copied."""
    places: list[dict[str, Any]] = []
    at = 0
    pieces: list[Buffer] = []
    for name, values in arrays.items():
        size = values.nbytes
        places.append({"name": name, "type": _TYPES[values.dtype.str], "offset": at, "length": len(values)})
        filling = -size % ALIGNMENT
        pieces += [np.ascontiguousarray(values).data.cast("B") if size else b"", bytes(filling)]
        at += size + filling
    text = json.dumps({**header, "arrays": places}, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % ALIGNMENT)
    return [struct.pack("<I", len(text)) + text, *pieces]


def pack(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Pack a header and arrays."""
    return b"".join(pack_parts(header, arrays))


_TYPES = {"<f8": "f8", "<f4": "f4", "<u4": "u4", "<i4": "i4", "|u1": "u1", "<i8": "f8"}
