"""Reads both versions of an E-mount profile's schema: version 2 groups the stream, and gives starts by state.

Version 1 stays legal. Of version 2, `[stream]` holds the numbers of the first frames, and a frame of a start list may
have `when`, the states at which it counts.
"""

from collections.abc import Mapping
from typing import Any, cast

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_protocol.errors import ProfileError, unknown_name_message

STREAM_KEYS = ("first_sequence", "counts_alone", "focus_skips")
BLOCKS = "blocks"
"""The selection of blocks that the captures had; a body orders its own, so it is for readers."""


def upgrade_profile(place: Place, data: dict[str, Any]) -> dict[str, Any]:
    """Turn the tables of version 2 into those that the settings have.

    Raises:
        ProfileError: an unknown key of `[stream]`, or a frame of a start list without an order of states.
    """
    if place is not Place.LENS:
        return data
    table = dict(data)
    stream = table.pop("stream", None)
    if isinstance(stream, Mapping):
        for key, value in cast("Mapping[str, Any]", stream).items():
            if key in STREAM_KEYS:
                table.setdefault(key, value)
            elif key != BLOCKS:
                raise ProfileError(f"stream: {unknown_name_message('key', key, (*STREAM_KEYS, BLOCKS))}")
    elif stream is not None:
        raise ProfileError(f"stream is {stream!r}; it must be a table")
    start = table.get("start")
    if isinstance(start, Mapping):
        table["start"], by_state = _split_starts(cast("Mapping[str, Any]", start))
        if by_state:
            table["start_at"] = [*table.get("start_at", []), *by_state]
    return table


def _split_starts(start: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The frames without `when`, and those with it, by their states."""
    plain: dict[str, Any] = {}
    found: dict[tuple[tuple[str, int], ...], dict[str, list[Any]]] = {}
    for message, frames in start.items():
        if not isinstance(frames, list):
            plain[message] = frames
            continue
        for frame in _list(frames):
            fields = _table(frame)
            when = _table(fields.pop("when", None))
            if not when:
                plain.setdefault(message, []).append(frame)
                continue
            rest, states = fields, tuple(sorted(when.items()))
            found.setdefault(states, {}).setdefault(message, []).append(rest)
    return plain, [{"when": dict(states), "start": frames} for states, frames in found.items()]


def _list(value: Any) -> list[Any]:
    return list(value)


def _table(value: Any) -> dict[str, Any]:
    """A table as a new one; empty where the value is none."""
    return {str(key): item for key, item in value.items()} if hasattr(value, "items") else {}
