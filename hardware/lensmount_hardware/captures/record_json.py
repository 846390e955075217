"""Converts records to JSON objects with the keys of the published captures, and back.

Times are microseconds with up to three decimals (nanoseconds), as the shortest text of their value.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, cast

import msgspec

from lensmount_hardware.input_file import MAX_NESTING, check_nesting
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    ClockSync,
    DataLoss,
    Defect,
    Edge,
    LineDefect,
    PartialBurst,
    Role,
    WireRecord,
)

NANOSECONDS = 3
"""Decimals of a time in microseconds."""

_PLAIN_US = 1e11
"""Below this a time with its nanoseconds has at most 14 digits, so its decimals are the shortest text of its float."""


def format_us(seconds: float | None) -> str:
    """Format a time as microseconds, rounded to nanoseconds: the same text as `repr`, at a fifth of the cost.

    Raises:
        ValueError: it is no number, or infinite, which JSON cannot express.
    """
    if seconds is None:
        return "null"
    time_us = seconds * 1e6
    if not -_PLAIN_US < time_us < _PLAIN_US:
        if not math.isfinite(time_us):
            raise ValueError(f"a time of {time_us} is no JSON")
        return repr(round(time_us, NANOSECONDS))
    text = f"{time_us:.3f}".rstrip("0")
    return text + "0" if text[-1] == "." else text


_LATEST_US = 1e18
"""Limit of times in microseconds; a float beyond it cannot hold nanoseconds."""

MAX_BAD_LINES = 1000
"""Lines of a file that are no records and get an annotation each; further ones are counted."""

MAX_BAUDRATE = 1_000_000_000
MAX_COUNT = 1 << 53
"""Largest count in a record: a float holds no larger whole number exactly."""

_OBJECTS: "msgspec.json.Decoder[object]" = msgspec.json.Decoder()
_BODY = Role.BODY
_SENDERS = {role.value: role for role in Role}


def record_to_json(record: WireRecord) -> str:
    """Format a record as one line of JSON, always the same for the same record.

    Raises:
        ValueError: one of its times is no number.
    """
    at = format_us(record.at)
    if isinstance(record, Burst):
        sender = "body" if record.sender is _BODY else "lens"
        until = "" if record.end is None else f',"until_us":{format_us(record.end)}'
        whole = ',"whole":true' if record.whole else ""
        data = record.data.hex()
        bits = f',"bits":"{record.bits}"' if isinstance(record, PartialBurst) else ""
        return f'{{"t_us":{at},"dir":"{sender}","baud":{record.baudrate},"hex":"{data}"{until}{whole}{bits}}}'
    if isinstance(record, Edge):
        return f'{{"t_us":{at},"line":{quote_line(record.line)},"level":{int(record.level)}}}'
    note = f'"note":{json.dumps(record.text)}'
    # Programs that do not know these show their notes.
    if isinstance(record, ClockSync):
        return f'{{"t_us":{at},"board_us":{record.board_us},"within_us":{format_us(record.uncertainty)},{note}}}'
    if isinstance(record, DataLoss):
        return f'{{"t_us":{at},"dropped":{json.dumps(record.what)},"count":{record.count},{note}}}'
    if isinstance(record, LineDefect):
        ignored = ',"ignored":true' if record.ignored else ""
        return f'{{"t_us":{at},"defect":"{record.defect.value}","of":{quote_line(record.line)}{ignored},{note}}}'
    incomplete = ',"incomplete":true' if record.incomplete else ""
    return f'{{"t_us":{at},{note}{incomplete}}}'


def parse_object(line: bytes | str) -> Mapping[str, object]:
    """Parse a line of JSON that holds an object.

    Raises:
        ValueError: it holds another value, or is no JSON.
    """
    # Counted here first: a call for each line costs as much as the parser.
    if isinstance(line, str) or line.count(b"[") + line.count(b"{") > MAX_NESTING:
        check_nesting(line)
    try:
        parsed = _OBJECTS.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        parsed = _parse_object_slowly(line)
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return cast("dict[str, object]", parsed)


def _parse_object_slowly(line: bytes | str) -> object:
    """Parse a line with the standard library, which accepts some lines that others reject, and has better errors."""
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def record_from_json(fields: Mapping[str, object]) -> WireRecord:
    """Return the record of a JSON object.

    Raises:
        ValueError: a key is missing or its value is invalid.
    """
    at = parse_seconds(fields.get("t_us"))
    if "hex" in fields:
        return _burst(fields, at)
    if "line" in fields:
        level = fields.get("level")
        if at is None or level not in (0, 1):
            raise ValueError("an edge needs t_us and a level of 0 or 1")
        return Edge(at, _text(fields["line"], "line"), bool(level))
    if "board_us" in fields:
        return _clock_sync(fields, at)
    if "dropped" in fields:
        return DataLoss(at, _text(fields["dropped"], "dropped"), _natural(fields.get("count"), "count", 1))
    if "defect" in fields:
        line, note = _text(fields.get("of", ""), "of"), _text(fields.get("note", ""), "note")
        return LineDefect(line, Defect(fields["defect"]), note, fields.get("ignored") is True, at)
    if "note" in fields:
        return Annotation(at, _text(fields["note"], "note"), fields.get("incomplete") is True)
    raise ValueError("none of the keys hex, line, board_us, dropped, defect, note")


def parse_seconds(microseconds: object) -> float | None:
    """Return a time of a JSON object in seconds; `None` where it has none.

    Raises:
        ValueError: it is no number, or out of range.
    """
    if microseconds is None:
        return None
    if isinstance(microseconds, bool) or not isinstance(microseconds, int | float):
        raise ValueError(f"a time of {_shown(microseconds)}")
    if not abs(microseconds) < _LATEST_US:
        raise ValueError("a time out of range")
    return microseconds / 1e6


def parse_hex(digits: object) -> bytes:
    """Parse bytes in hexadecimal digits.

    Raises:
        ValueError: they are no such digits.
    """
    if not isinstance(digits, str):
        raise ValueError(f"hex is {type(digits).__name__}, not text")
    return bytes.fromhex(digits)


_BITS = r"^[01]{1,7}\Z"
"""Bits after the last whole byte of a burst."""


class _JsonRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A line of a recording, in the form of our writer; a missing key stays unset."""

    t_us: float | None = None
    dir: Role | None = None
    baud: int = 0
    hex: str | msgspec.UnsetType = msgspec.UNSET
    until_us: float | None = None
    whole: bool = False
    bits: Annotated[str, msgspec.Meta(pattern=_BITS)] | None = None
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


_RECORD_DECODER = msgspec.json.Decoder(_JsonRecord)


def records_from_json(lines: bytes) -> list[WireRecord] | None:
    """Parse many lines at once, each with a newline; `None` where one is in another form than our writer's.

    The result is that of `record_from_json` line by line, but this is ten times faster.
    """
    # A value over several lines has no "}" and "{" around a newline, so here each line is one object.
    count = lines.count(b"\n")
    if not (lines.startswith(b"{") and lines.endswith(b"}\n") and lines.count(b"}\n{") == count - 1):
        return None
    try:
        entries = _RECORD_DECODER.decode_lines(lines)
        return [_make_record(each) for each in entries] if len(entries) == count else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _make_record(entry: _JsonRecord) -> WireRecord:
    time_us = entry.t_us
    if time_us is not None and not -_LATEST_US < time_us < _LATEST_US:
        raise ValueError
    at = None if time_us is None else time_us / 1e6
    if isinstance(entry.hex, str):
        data, sender, until_us = bytes.fromhex(entry.hex), entry.dir, entry.until_us
        if not data or sender is None or not 0 < entry.baud <= MAX_BAUDRATE:
            raise ValueError
        if until_us is not None and not -_LATEST_US < until_us < _LATEST_US:
            raise ValueError
        until = None if until_us is None else until_us / 1e6
        if entry.bits is not None:
            return PartialBurst(at, sender, data, entry.baud, until, entry.whole, entry.bits)
        return Burst(at, sender, data, entry.baud, until, entry.whole)
    if isinstance(entry.line, str):
        if at is None or (entry.level != 0 and entry.level != 1):
            raise ValueError
        return Edge(at, entry.line, entry.level == 1)
    if isinstance(entry.board_us, int):
        within_us = entry.within_us
        if at is None or not 0 <= entry.board_us <= MAX_COUNT or within_us is None or not 0 <= within_us < _LATEST_US:
            raise ValueError
        return ClockSync(at, entry.board_us, within_us / 1e6)
    if isinstance(entry.dropped, str):
        if entry.count is None or not 1 <= entry.count <= MAX_COUNT:
            raise ValueError
        return DataLoss(at, entry.dropped, entry.count)
    if isinstance(entry.defect, Defect):
        note = entry.note if isinstance(entry.note, str) else ""
        return LineDefect(entry.of, entry.defect, note, entry.ignored, at)
    if isinstance(entry.note, str):
        return Annotation(at, entry.note, entry.incomplete)
    raise ValueError


def _clock_sync(fields: Mapping[str, object], at: float | None) -> ClockSync:
    uncertainty = parse_seconds(fields.get("within_us"))
    if at is None or uncertainty is None or uncertainty < 0:
        raise ValueError("a clock needs t_us, and within_us of 0 or more")
    return ClockSync(at, _natural(fields["board_us"], "board_us", 0), uncertainty)


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} is {type(value).__name__}, not text")
    return value


def _shown(value: object) -> str:
    """Format a value for an error, without nested content."""
    if isinstance(value, int):
        return repr(value) if abs(value) <= 10 * MAX_COUNT else "a number out of range"
    return repr(value)[:40] if isinstance(value, str | float | None) else type(value).__name__


def _natural(number: object, key: str, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MAX_COUNT:
        raise ValueError(f"{key} is {_shown(number)}")
    return number


def _burst(fields: Mapping[str, object], at: float | None) -> Burst:
    data = parse_hex(fields["hex"])
    if not data:
        raise ValueError("no bytes")
    baudrate = fields.get("baud")
    if isinstance(baudrate, bool) or not isinstance(baudrate, int) or not 0 < baudrate <= MAX_BAUDRATE:
        raise ValueError(f"baud is {_shown(baudrate)}")
    sender = _SENDERS.get(_text(fields.get("dir"), "dir"))
    if sender is None:
        raise ValueError(f"dir is {_shown(fields['dir'])}")
    until, whole = parse_seconds(fields.get("until_us")), fields.get("whole") is True
    if "bits" not in fields:
        return Burst(at, sender, data, baudrate, until, whole)
    bits = _text(fields["bits"], "bits")
    if not re.fullmatch(_BITS, bits):
        raise ValueError(f"bits is {_shown(bits)}; it must be one to seven of 0 and 1")
    return PartialBurst(at, sender, data, baudrate, until, whole, bits)


@lru_cache(maxsize=64)
def quote_line(line: str) -> str:
    """Return the name of a line as JSON text; cached, because lines are few and edges many."""
    return json.dumps(line)
