"""One JSON object for each thing that happens on the wire, for machines.

Every object has `kind` (frame, garbage, window, line, note, clock, drop, defect), `t_us`, `dir`, `baud`, `hex`, `ok`
and `messages` (each `type`, `name`, `fields`). Frames add `class`, `seq`, `pad`, `cs_us`, `end_us` and `gap_us`,
garbage its `reason` and `offset`, lines `line` and `level`, clocks `board_us` and `within_us`, drops `what` and
`count`, defects of lines `line` and `defect`; notes, clocks, drops and defects their `text`.
"""

import contextlib
import enum
import json
from dataclasses import dataclass
from typing import Any

import msgspec

from lensmount_hardware.captures.record_json import format_us, quote_line
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import message_name, to_json_values
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import ClockSync, DataLoss, Edge, LineDefect, Role

_BODY = Role.BODY
_encode = msgspec.json.Encoder().encode


def event_to_json(event: Decoded, dialect: Dialect) -> str:
    """The object for one decoded event, as one line of text: what `json.dumps` makes of `event_to_dict`, sooner.

    Frames and edges, which a capture is made of, are written down directly.
    """
    if isinstance(event, DecodedFrame):
        return _frame_text(event)
    if isinstance(event, Edge):
        driver = dialect.drivers.get(event.line)
        sender = "null" if driver is None else '"body"' if driver is _BODY else '"lens"'
        return (
            f'{{"kind":"line","t_us":{format_us(event.at)},"dir":{sender},"baud":null,"hex":"","ok":true,"messages":[],'
            f'"line":{quote_line(event.line)},"level":{int(event.level)}}}'
        )
    return json.dumps(event_to_dict(event, dialect), separators=(",", ":"))


def event_to_dict(event: Decoded, dialect: Dialect) -> dict[str, Any]:
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
    if isinstance(event, ClockSync):
        common = _common("clock", event.at, None, None, b"", ok=True)
        return common | {"board_us": event.board_us, "within_us": microseconds(event.uncertainty), "text": event.text}
    if isinstance(event, DataLoss):
        common = _common("drop", event.at, None, None, b"", ok=False)
        return common | {"what": event.what, "count": event.count, "text": event.text}
    if isinstance(event, LineDefect):
        common = _common("defect", event.at, None, None, b"", ok=False)
        return common | {"line": event.line, "defect": event.defect.value, "text": event.text}
    return _common("note", event.at, None, None, b"", ok=not event.incomplete) | {"text": event.text}


def microseconds(seconds: float | None) -> float | None:
    """A time in microseconds with nanoseconds after the point."""
    return None if seconds is None else round(seconds * 1e6, 3)


def _frame_text(event: DecodedFrame) -> str:
    frame = event.frame
    text = ",".join([_message_text(message) for message in event.messages])
    window = "null" if event.opened is None else f"[{format_us(event.opened)},{format_us(event.closed)}]"
    return (
        f'{{"kind":"frame","t_us":{format_us(event.at)},"dir":"{"body" if event.sender is _BODY else "lens"}",'
        f'"baud":{event.baudrate},"hex":"{frame.raw.hex()}","ok":true,"messages":[{text}],'
        f'"class":{frame.class_},"seq":{frame.sequence},"pad":"{event.padding.hex()}","cs_us":{window},'
        f'"end_us":{format_us(event.end)},"gap_us":{format_us(event.max_pause)}}}'
    )


@dataclass(frozen=True, slots=True)
class _MessageWriter:
    """How the messages of one class are written: what stands in front of the fields, and which of them are bytes."""

    head: str
    binary: tuple[str, ...]


_writers: dict[type[Message], _MessageWriter] = {}
_plain: set[type[Any]] = {int, bool, str}
"""Types of values that every encoder of JSON writes the same way, text as long as it is ASCII; enums come as met."""


def _message_text(message: AnyMessage) -> str:
    if isinstance(message, Message):
        plan = _writers.get(type(message)) or _writer_for(message)
        values = message.values()
        with contextlib.suppress(OverflowError, TypeError):
            for name in plan.binary:
                values[name] = bytes.hex(values[name])
            if _plain.issuperset(map(type, values.values())) and (text := _encode(values)).isascii():
                return f"{plan.head}{text.decode()}}}"
    return json.dumps(_message(message), separators=(",", ":"))


def _writer_for(message: Message) -> _MessageWriter:
    values = message.values()
    _plain.update(kind for kind in map(type, values.values()) if issubclass(kind, enum.IntEnum))
    head = f'{{"type":{message.TYPE},"name":"{message_name(message)}","fields":'
    plan = _MessageWriter(head, tuple(name for name, value in values.items() if isinstance(value, bytes)))
    return _writers.setdefault(type(message), plan)


def _frame(event: DecodedFrame) -> dict[str, Any]:
    common = _common("frame", event.at, event.sender, event.baudrate, event.frame.raw, ok=True)
    common["messages"] = [_message(message) for message in event.messages]
    window = None if event.opened is None else [microseconds(event.opened), microseconds(event.closed)]
    return common | {
        "class": event.frame.class_,
        "seq": event.frame.sequence,
        "pad": event.padding.hex(),
        "cs_us": window,
        "end_us": microseconds(event.end),
        "gap_us": microseconds(event.max_pause),
    }


def _message(message: AnyMessage) -> dict[str, Any]:
    return {"type": message_type(message), "name": message_name(message), "fields": to_json_values(message)}


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
