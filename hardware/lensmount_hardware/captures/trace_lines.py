"""Lines of traces that hold one frame each: a time, the direction as `tx` or `rx`, a count of milliseconds, the bytes.

Such are the traces of zUrp-Astronomics/basilisk, whose board plays the body: `tx` is what the body sends.

    18:07:32.868 * tx 16023 F0 29 00 02 3C 01 ... 55
    18:07:32.875 * std step=01 reply_len=33
"""

import re
from dataclasses import dataclass

from lensmount_protocol.wire import Role

_CLOCK = r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,6}))?)"
_FRAME = re.compile(
    rf"\s*+\[?{_CLOCK}?\]?\s*+\*?\s*+(?P<direction>tx|rx)\b\s*+:?\s*+"
    r"(?:(?P<count_ms>\d{1,12})\s++(?=(?:0x)?[0-9A-F]{2}\b|[0-9A-F]{10}))?"
    r"(?P<bytes>(?:0x)?[0-9A-F]{2}(?:[\s,:]*+(?:0x)?[0-9A-F]{2})*+)[\s,]*+",
    re.IGNORECASE,
)
_NOTE = re.compile(rf"\s*+\[?{_CLOCK}\]?\s++\*\s++\w")
_SENDERS = {"tx": Role.BODY, "rx": Role.LENS}
_LEAST_BYTES = 2


@dataclass(frozen=True, slots=True)
class TraceFrame:
    """A frame of a trace.

    Attributes:
        sender: the end that sent it.
        time_us: by the board's count of milliseconds, else the time of day; `None` where the line has neither.
        digits: its bytes in hexadecimal.
    """

    sender: Role
    time_us: int | None
    digits: str


def parse_trace_line(text: str) -> TraceFrame | None:
    """The frame, or its beginning, that a line holds; `None` where it is no such line."""
    found = _FRAME.fullmatch(text)
    if found is None:
        return None
    digits = re.sub(r"0[xX]|[\s,:]", "", found["bytes"])
    if len(digits) < 2 * _LEAST_BYTES:
        return None
    if found["count_ms"] is not None:
        return TraceFrame(_SENDERS[found["direction"].lower()], int(found["count_ms"]) * 1000, digits)
    time_us = None
    if found["hour"] is not None:
        seconds = (int(found["hour"]) * 60 + int(found["minute"])) * 60 + int(found["second"])
        time_us = seconds * 1_000_000 + int((found["fraction"] or "0").ljust(6, "0"))
    return TraceFrame(_SENDERS[found["direction"].lower()], time_us, digits)


def is_trace_note(text: str) -> bool:
    """Whether a line is something else that such a trace says between its frames."""
    return _NOTE.match(text) is not None and _FRAME.fullmatch(text) is None
