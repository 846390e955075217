"""Packs columns for the page: a JSON header and little-endian arrays, each on an 8-byte boundary.

The layout: four bytes with the length of the header, the header, padding, then the arrays one after another. The header
lists each array with its name, type, offset and length. The same bytes are in a page that is a file of its own.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lensmount_emulator.traffic.event_columns import EventColumns

ALIGNMENT = 8

SENT: Mapping[str, str] = {
    "at": "<f8",
    "end": "<f8",
    "opened": "<f8",
    "closed": "<f8",
    "pause": "<f4",
    "composition": "<u4",
    "size": "<u4",
    "padding": "<u4",
    "answers": "<i4",
    "kind": "u1",
    "sender": "u1",
    "sequence": "u1",
    "class": "u1",
}
"""Column of rows -> its type on the way to the page."""

Positions = Mapping[str, int]
"""What the page has: `rows`, and the number of edges of each line by its name."""


def pack_columns(columns: EventColumns, since: Positions | None = None) -> bytes:
    """Return what the page does not have yet.

    Args:
        columns: the traffic.
        since: what the page has; `None` for nothing.
    """
    since = since or {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    rows = columns.rows(max(0, since.get("rows", 0)))
    for name, kind in SENT.items():
        arrays[name] = rows[name].astype(np.dtype(kind))
    for name, line in columns.lines().items():
        first = max(0, since.get(f"line:{name}", 0))
        arrays[f"line:{name}:at"] = line.at[first:].astype(np.dtype("<f8"))
        arrays[f"line:{name}:level"] = line.level[first:].astype(np.dtype("u1"))
    header: dict[str, Any] = {
        "rows": len(columns),
        "since": since.get("rows", 0),
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
    return pack(header, arrays)


def pack(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Pack a header and arrays."""
    places: list[dict[str, Any]] = []
    at = 0
    pieces: list[bytes] = []
    for name, values in arrays.items():
        data = values.tobytes()
        places.append({"name": name, "type": _TYPES[values.dtype.str], "offset": at, "length": len(values)})
        filling = -len(data) % ALIGNMENT
        pieces += [data, bytes(filling)]
        at += len(data) + filling
    text = json.dumps({**header, "arrays": places}, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % ALIGNMENT)
    return struct.pack("<I", len(text)) + text + b"".join(pieces)


_TYPES = {"<f8": "f8", "<f4": "f4", "<u4": "u4", "<i4": "i4", "|u1": "u1", "<i8": "f8"}
