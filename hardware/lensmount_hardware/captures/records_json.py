"""Records as JSON objects, with the keys of the published captures, and back; times are microseconds."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

import msgspec

from lensmount_hardware.captures.microseconds import text_us
from lensmount_hardware.inputs import check_nesting
from lensmount_protocol.wire import Burst, ClockFix, Defect, Drop, Edge, LineDefect, Record, Remark, Role

_LATEST_US = 1e18
"""Beyond this a time in microseconds is a mistake, and a float no longer holds a nanosecond by far."""

MAX_BAUDRATE = 1_000_000_000
MAX_COUNT = 1 << 53
"""Largest count in a record: a float holds no larger whole number exactly."""

_OBJECTS: "msgspec.json.Decoder[object]" = msgspec.json.Decoder()
_BODY = Role.BODY
_SENDERS = {role.value: role for role in Role}


def text_of(record: Record) -> str:
    """A record as one line of JSON, always the same for the same record.

    Raises:
        ValueError: a time of it is no number.
    """
    at = text_us(record.at)
    if isinstance(record, Burst):
        sender = "body" if record.sender is _BODY else "lens"
        until = "" if record.until is None else f',"until_us":{text_us(record.until)}'
        whole = ',"whole":true' if record.whole else ""
        data = record.data.hex()
        return f'{{"t_us":{at},"dir":"{sender}","baud":{record.baudrate},"hex":"{data}"{until}{whole}}}'
    if isinstance(record, Edge):
        return f'{{"t_us":{at},"line":{quoted(record.line)},"level":{int(record.level)}}}'
    note = f'"note":{json.dumps(record.text)}'
    # Programs that do not know these show their notes.
    if isinstance(record, ClockFix):
        return f'{{"t_us":{at},"board_us":{record.board_us},"within_us":{text_us(record.uncertainty)},{note}}}'
    if isinstance(record, Drop):
        return f'{{"t_us":{at},"dropped":{json.dumps(record.what)},"count":{record.count},{note}}}'
    if isinstance(record, LineDefect):
        ignored = ',"ignored":true' if record.ignored else ""
        return f'{{"t_us":{at},"defect":"{record.defect.value}","of":{quoted(record.line)}{ignored},{note}}}'
    incomplete = ',"incomplete":true' if record.incomplete else ""
    return f'{{"t_us":{at},{note}{incomplete}}}'


def object_from(line: bytes | str) -> Mapping[str, object]:
    """The object that a line of JSON says.

    Raises:
        ValueError: it says something else, or nothing.
    """
    check_nesting(line)
    try:
        told = _OBJECTS.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        told = _object_or_reason(line)
    if not isinstance(told, dict):
        raise ValueError("not an object")
    return cast("dict[str, object]", told)


def _object_or_reason(line: bytes | str) -> object:
    """What the standard library makes of a line: it takes some that others refuse, and says why it takes none."""
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


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
        return Edge(at, _text(told["line"], "line"), bool(level))
    if "board_us" in told:
        return _clock_fix(told, at)
    if "dropped" in told:
        return Drop(at, _text(told["dropped"], "dropped"), _natural(told.get("count"), "count", 1))
    if "defect" in told:
        line, note = _text(told.get("of", ""), "of"), _text(told.get("note", ""), "note")
        return LineDefect(line, Defect(told["defect"]), note, told.get("ignored") is True, at)
    if "note" in told:
        return Remark(at, _text(told["note"], "note"), told.get("incomplete") is True)
    raise ValueError("none of the keys hex, line, board_us, dropped, defect, note")


def seconds(microseconds: object) -> float | None:
    """A time of a JSON object in seconds; `None` where it has none.

    Raises:
        ValueError: it is no number, or none that can be a time.
    """
    if microseconds is None:
        return None
    if isinstance(microseconds, bool) or not isinstance(microseconds, int | float):
        raise ValueError(f"a time of {_shown(microseconds)}")
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


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    """A line of a recording, as our writer writes it; what is not there stays unset."""

    t_us: float | None = None
    dir: Role | None = None
    baud: int = 0
    hex: str | msgspec.UnsetType = msgspec.UNSET
    until_us: float | None = None
    whole: bool = False
    line: str | msgspec.UnsetType = msgspec.UNSET
    level: int | None = None
    board_us: int | msgspec.UnsetType = msgspec.UNSET
    within_us: float | None = None
    dropped: str | msgspec.UnsetType = msgspec.UNSET
    count: int | None = None
    defect: Defect | msgspec.UnsetType = msgspec.UNSET
    of: str = ""
    ignored: bool = False
    note: str | msgspec.UnsetType = msgspec.UNSET
    incomplete: bool = False


_TOLD = msgspec.json.Decoder(_Told)


def records_of(lines: bytes) -> list[Record] | None:
    """The records of many lines at once, newline behind each; `None` where one of them is not as our writer writes.

    What this takes, `record_of` takes with the same result, line by line; it is ten times faster.
    """
    # A value that is spread over lines has no "}" and "{" around a newline, so each line begins an object and ends one.
    count = lines.count(b"\n")
    if not (lines.startswith(b"{") and lines.endswith(b"}\n") and lines.count(b"}\n{") == count - 1):
        return None
    try:
        told = _TOLD.decode_lines(lines)
        return [_record(each) for each in told] if len(told) == count else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _record(told: _Told) -> Record:
    time_us = told.t_us
    if time_us is not None and not -_LATEST_US < time_us < _LATEST_US:
        raise ValueError
    at = None if time_us is None else time_us / 1e6
    if isinstance(told.hex, str):
        data, sender, until_us = bytes.fromhex(told.hex), told.dir, told.until_us
        if not data or sender is None or not 0 < told.baud <= MAX_BAUDRATE:
            raise ValueError
        if until_us is None:
            return Burst(at, sender, data, told.baud, None, told.whole)
        if not -_LATEST_US < until_us < _LATEST_US:
            raise ValueError
        return Burst(at, sender, data, told.baud, until_us / 1e6, told.whole)
    if isinstance(told.line, str):
        if at is None or (told.level != 0 and told.level != 1):
            raise ValueError
        return Edge(at, told.line, told.level == 1)
    if isinstance(told.board_us, int):
        within_us = told.within_us
        if at is None or not 0 <= told.board_us <= MAX_COUNT or within_us is None or not 0 <= within_us < _LATEST_US:
            raise ValueError
        return ClockFix(at, told.board_us, within_us / 1e6)
    if isinstance(told.dropped, str):
        if told.count is None or not 1 <= told.count <= MAX_COUNT:
            raise ValueError
        return Drop(at, told.dropped, told.count)
    if isinstance(told.defect, Defect):
        note = told.note if isinstance(told.note, str) else ""
        return LineDefect(told.of, told.defect, note, told.ignored, at)
    if isinstance(told.note, str):
        return Remark(at, told.note, told.incomplete)
    raise ValueError


def _clock_fix(told: Mapping[str, object], at: float | None) -> ClockFix:
    uncertainty = seconds(told.get("within_us"))
    if at is None or uncertainty is None or uncertainty < 0:
        raise ValueError("a clock needs t_us, and within_us of 0 or more")
    return ClockFix(at, _natural(told["board_us"], "board_us", 0), uncertainty)


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is {type(value).__name__}, not text")
    return value


def _shown(value: object) -> str:
    """A value for an error, without what may lie inside it."""
    if isinstance(value, int):
        return repr(value) if abs(value) <= 10 * MAX_COUNT else "a number beyond all sense"
    return repr(value)[:40] if isinstance(value, str | float | None) else type(value).__name__


def _natural(number: object, key: str, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MAX_COUNT:
        raise ValueError(f"{key} is {_shown(number)}")
    return number


def _burst(told: Mapping[str, object], at: float | None) -> Burst:
    data = bytes_of(told["hex"])
    if not data:
        raise ValueError("no bytes")
    baudrate = told.get("baud")
    if isinstance(baudrate, bool) or not isinstance(baudrate, int) or not 0 < baudrate <= MAX_BAUDRATE:
        raise ValueError(f"baud is {_shown(baudrate)}")
    sender = _SENDERS.get(_text(told.get("dir"), "dir"))
    if sender is None:
        raise ValueError(f"dir is {_shown(told['dir'])}")
    return Burst(at, sender, data, baudrate, seconds(told.get("until_us")), told.get("whole") is True)


@lru_cache(maxsize=64)
def quoted(line: str) -> str:
    """The name of a line as JSON text; there are few of them, and many edges."""
    return json.dumps(line)
