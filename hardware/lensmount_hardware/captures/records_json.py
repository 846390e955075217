"""Records as JSON objects, with the keys of the published captures, and back; times are microseconds."""

import json
from collections.abc import Mapping
from typing import Any, cast

from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role

_NANOSECONDS = 3
"""Digits behind the point of a time in microseconds."""

_LATEST_US = 1e18
"""Beyond this a time in microseconds is a mistake, and a float no longer holds a nanosecond by far."""


def text_of(record: Record) -> str:
    """A record as one line of JSON, always the same for the same record."""
    return json.dumps(_object_of(record), separators=(",", ":"), allow_nan=False)


def object_from(line: bytes | str) -> Mapping[str, object]:
    """The object that a line of JSON says.

    Raises:
        ValueError: it says something else, or nothing.
    """
    try:
        told = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(told, dict):
        raise ValueError("not an object")
    return cast("dict[str, object]", told)


def record_of(told: Mapping[str, object]) -> Record:
    """The record that an object says.

    Raises:
        ValueError: a key is missing or its value makes no sense.
    """
    at = seconds(told.get("t_us"))
    if "hex" in told:
        return _burst(told, at)
    if "line" in told:
        level = told.get("level")
        if at is None or level not in (0, 1):
            raise ValueError("an edge needs t_us and a level of 0 or 1")
        return Edge(at, str(told["line"]), bool(level))
    if "note" in told:
        return Remark(at, str(told["note"]))
    raise ValueError("none of the keys hex, line, note")


def seconds(microseconds: object) -> float | None:
    """A time of a JSON object in seconds; `None` where it has none.

    Raises:
        ValueError: it is no number, or none that can be a time.
    """
    if microseconds is None:
        return None
    if isinstance(microseconds, bool) or not isinstance(microseconds, int | float):
        raise ValueError(f"a time of {microseconds!r}")
    if not abs(microseconds) < _LATEST_US:
        raise ValueError("a time beyond all sense")
    return microseconds / 1e6


def bytes_of(digits: object) -> bytes:
    """The bytes that hexadecimal digits say.

    Raises:
        ValueError: they are no such digits.
    """
    if not isinstance(digits, str):
        raise ValueError(f"hex is {type(digits).__name__}, not text")
    return bytes.fromhex(digits)


def _object_of(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = {"t_us": None if record.at is None else round(record.at * 1e6, _NANOSECONDS)}
    if isinstance(record, Edge):
        return told | {"line": record.line, "level": int(record.level)}
    if isinstance(record, Remark):
        return told | {"note": record.text}
    told |= {"dir": record.sender.value, "baud": record.baudrate, "hex": record.data.hex()}
    if record.until is not None:
        told["until_us"] = round(record.until * 1e6, _NANOSECONDS)
    return told | ({"whole": True} if record.whole else {})


def _burst(told: Mapping[str, object], at: float | None) -> Burst:
    data = bytes_of(told["hex"])
    if not data:
        raise ValueError("no bytes")
    baudrate = told.get("baud")
    if isinstance(baudrate, bool) or not isinstance(baudrate, int) or baudrate <= 0:
        raise ValueError(f"baud is {baudrate!r}")
    return Burst(
        at, Role(told.get("dir")), data, baudrate, seconds(told.get("until_us")), told.get("whole") is True
    )
