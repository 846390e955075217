"""Records as JSON objects with the keys of the captures beside the project, and back; times are microseconds."""

import json
from typing import Any, cast

from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role

NANOSECONDS = 3
"""Digits behind the point of a time in microseconds."""


def object_of(record: Record) -> dict[str, Any]:
    """The object that says a record."""
    if isinstance(record, Burst):
        told: dict[str, Any] = {
            "t_us": _microseconds(record.at),
            "dir": record.sender.value,
            "baud": record.baudrate,
            "hex": record.data.hex(),
        }
        if record.until is not None:
            told["until_us"] = _microseconds(record.until)
        return told | ({"whole": True} if record.whole else {})
    if isinstance(record, Edge):
        return {"t_us": _microseconds(record.at), "line": record.line, "level": int(record.level)}
    return {"t_us": _microseconds(record.at), "note": record.text}


def text_of(record: Record) -> str:
    """The object as one line of text, always the same for the same record."""
    return json.dumps(object_of(record), separators=(",", ":"), ensure_ascii=False)


def record_of(told: object) -> Record:
    """The record that an object says.

    Raises:
        ValueError: a key is missing or its value makes no sense.
    """
    if not isinstance(told, dict):
        raise ValueError("not an object")
    return _record(cast("dict[str, Any]", told))


def _record(told: dict[str, Any]) -> Record:
    at = _seconds(told.get("t_us"))
    if "hex" in told:
        return _burst(told, at)
    if "line" in told:
        if at is None or told.get("level") not in (0, 1):
            raise ValueError("an edge needs t_us and a level of 0 or 1")
        return Edge(at, str(told["line"]), bool(told["level"]))
    if "note" in told:
        return Remark(at, str(told["note"]))
    raise ValueError("none of the keys hex, line, note")


def _burst(told: dict[str, Any], at: float | None) -> Burst:
    data = bytes.fromhex(str(told["hex"]))
    if not data:
        raise ValueError("no bytes")
    baudrate = told.get("baud")
    if not isinstance(baudrate, int) or baudrate <= 0:
        raise ValueError(f"baud is {baudrate!r}")
    whole = bool(told.get("whole", False))
    return Burst(at, Role(told.get("dir")), data, baudrate, _seconds(told.get("until_us")), whole)


def _microseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e6, NANOSECONDS)


def _seconds(microseconds: object) -> float | None:
    if microseconds is None:
        return None
    if isinstance(microseconds, bool) or not isinstance(microseconds, int | float):
        raise ValueError(f"a time of {microseconds!r}")
    return microseconds / 1e6
