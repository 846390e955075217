"""One JSON object for each thing that happens on the wire, for machines.

Every object has `kind` (frame, garbage, window, line, note), `t_us`, `dir`, `baud`, `hex`, `ok` and `messages`
(each `type`, `name`, `fields`); frames add `class`, `seq`, `pad`, `cs_us`, `end_us` and `gap_us`, garbage its `reason`
and `offset`, lines `line` and `level`, notes their `text`.
"""

import json
from typing import Any

from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import name_of, values_for_json
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.paving import type_of
from lensmount_protocol.wire import Edge, Role


def json_of(event: Decoded, dialect: Dialect) -> str:
    """The object for one decoded event, as one line of text."""
    return json.dumps(object_of(event, dialect), separators=(",", ":"))


def object_of(event: Decoded, dialect: Dialect) -> dict[str, Any]:
    """The object for one decoded event."""
    if isinstance(event, DecodedFrame):
        return _frame(event)
    if isinstance(event, DecodedGarbage):
        common = _common("garbage", event.at, event.sender, event.baudrate, event.data, ok=False)
        return common | {"reason": event.reason.value, "offset": event.offset}
    if isinstance(event, EmptyWindow):
        window = [microseconds(event.opened), microseconds(event.closed)]
        return _common("window", event.opened, event.sender, None, b"", ok=True) | {"cs_us": window}
    if isinstance(event, Edge):
        common = _common("line", event.at, dialect.drivers.get(event.line), None, b"", ok=True)
        return common | {"line": event.line, "level": int(event.level)}
    return _common("note", event.at, None, None, b"", ok=True) | {"text": event.text}


def microseconds(seconds: float | None) -> float | None:
    """A time in microseconds with nanoseconds behind the point."""
    return None if seconds is None else round(seconds * 1e6, 3)


def _frame(event: DecodedFrame) -> dict[str, Any]:
    common = _common("frame", event.at, event.sender, event.baudrate, event.frame.raw, ok=True)
    common["messages"] = [
        {"type": type_of(message), "name": name_of(message), "fields": values_for_json(message)}
        for message in event.messages
    ]
    window = None if event.opened is None else [microseconds(event.opened), microseconds(event.closed)]
    return common | {
        "class": event.frame.class_,
        "seq": event.frame.sequence,
        "pad": event.padding.hex(),
        "cs_us": window,
        "end_us": microseconds(event.until),
        "gap_us": microseconds(event.longest_pause),
    }


def _common(
    kind: str, at: float | None, sender: Role | None, baudrate: int | None, data: bytes, *, ok: bool
) -> dict[str, Any]:
    return {
        "kind": kind,
        "t_us": microseconds(at),
        "dir": None if sender is None else sender.value,
        "baud": baudrate,
        "hex": data.hex(),
        "ok": ok,
        "messages": [],
    }
