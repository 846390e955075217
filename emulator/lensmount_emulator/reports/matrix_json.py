"""A matrix as one JSON document, for machines; the same matrix gives the same bytes.

The document has `lensmount` (`matrix`), `version`, the attributes of `Matrix` in their order, and `counts`. Every
cell stands on a line of its own, so that two documents can be compared line by line. Times are virtual seconds.
"""

import json
from typing import Any

import msgspec

from lensmount_emulator.sessions.matrix import Matrix
from lensmount_protocol.errors import CaptureError

VERSION = 1
_KIND = {"lensmount": "matrix", "version": VERSION}


def matrix_to_json(matrix: Matrix) -> str:
    """The document."""
    said: dict[str, Any] = msgspec.to_builtins(matrix)
    cells = said.pop("cells")
    counts = {outcome.value: count for outcome, count in matrix.counts.items()}
    head = _line(_KIND | said | {"counts": counts, "complete": matrix.complete})
    return head.removesuffix("}") + ',"cells":[\n' + ",\n".join(map(_line, cells)) + "\n]}\n"


def matrix_from_json(text: str | bytes, origin: str = "matrix") -> Matrix:
    """The matrix that a document says.

    Args:
        text: the document.
        origin: what errors call it.

    Raises:
        CaptureError: it is no such document, damaged, or of another version.
    """
    try:
        said = msgspec.json.decode(text, type=dict[str, Any])
        kind = {key: said.pop(key, None) for key in _KIND}
        if kind != _KIND:
            raise CaptureError(f"{origin}: {kind} is no matrix of version {VERSION}")
        return msgspec.convert(said, Matrix)
    except msgspec.MsgspecError as error:
        raise CaptureError(f"{origin}: no matrix: {error}") from error


def _line(said: object) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
