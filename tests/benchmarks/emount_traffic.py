"""Real messages: the E-mount's loop frames and its largest others, with random values in every field."""

from dataclasses import dataclass
from random import Random
from typing import Any

from construct import Struct

from benchmarks.harness import optional
from benchmarks.peers.bench_construct import ENVELOPE
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.message import Message, SelectableMessage, UnknownMessage
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role

LOOP = (
    (Role.LENS, (0x05, 0x06), 45),
    (Role.BODY, (0x03, 0x04), 45),
    (Role.LENS, (0x05,), 5),
    (Role.BODY, (0x1D,), 5),
)
"""Sender, types in one frame, and weight: what a lens and a body say to each other sixty times a second."""

LOOP_CLASS = 1


@dataclass(frozen=True)
class LoopFrame:
    """A frame of the loop.

    Attributes:
        sender: who sends it.
        sequence: its number.
        messages: what it says.
        raw: its bytes.
    """

    sender: Role
    sequence: int
    messages: list[Message]
    raw: bytes


def loop_frames(count: int, source: Random) -> list[LoopFrame]:
    """So many frames of the loop."""
    kinds = source.choices([(sender, types) for sender, types, _ in LOOP], [weight for *_, weight in LOOP], k=count)
    frames: list[LoopFrame] = []
    for index, (sender, types) in enumerate(kinds):
        messages = [_message(source, EMOUNT.messages[sender, type_]) for type_ in types]
        raw = EMOUNT.build_frame(build_payload(messages), LOOP_CLASS, index & 0xFF)
        frames.append(LoopFrame(sender, index & 0xFF, messages, raw))
    return frames


def _message(source: Random, cls: type[Message]) -> Message:
    """A message of random bytes; the fields that only take some values keep their usual ones."""
    usual = cls().build()
    random = usual[:1] + source.randbytes(len(usual) - 1)
    (found,) = EMOUNT.payload_parser().parse(cls.SENDER, random)
    return cls() if isinstance(found, UnknownMessage) else found


def _construct(layout: Any) -> Any:
    """A field's construct; where declarations are words that stand for one, what they stand for."""
    words = optional("lensmount_protocol.codec.lazy_construct")
    return layout if words is None else words.resolve(layout)


class Interpreted:
    """The same declarations, read and built by construct itself."""

    def __init__(self) -> None:
        self._layouts: dict[type[Message], tuple[int, Any, tuple[str, ...]]] = {}

    def parse(self, sender: Role, data: bytes) -> list[dict[str, Any]]:
        """The fields of each message of a frame."""
        payload: bytes = ENVELOPE.parse(data).inside.value.payload
        found: list[dict[str, Any]] = []
        at = 0
        while at < len(payload):
            size, layout, _ = self._layout(EMOUNT.messages[sender, payload[at]])
            found.append(layout.parse(payload[at + 1 : at + size]))
            at += size
        return found

    def build(self, sequence: int, messages: list[Message]) -> bytes:
        """The frame that says these messages."""
        parts: list[bytes] = []
        for message in messages:
            _, layout, names = self._layout(type(message))
            values = {name: getattr(message, name) for name in names}
            parts.append(bytes((message.TYPE,)) + layout.build(values))
        payload = b"".join(parts)
        value = {"length": len(payload) + 8, "class_": LOOP_CLASS, "sequence": sequence, "payload": payload}
        return bytes(ENVELOPE.build({"inside": {"value": value}}))

    def _layout(self, cls: type[Message]) -> tuple[int, Any, tuple[str, ...]]:
        if cls not in self._layouts:
            blocks = cls.DEFAULT_BLOCKS if issubclass(cls, SelectableMessage) else 0
            specs = [spec for spec in cls.FIELDS if not blocks or blocks >> (spec.block - 1) & 1]
            layout = Struct(*(spec.name / _construct(spec.layout) for spec in specs))
            self._layouts[cls] = (len(cls().build()), layout, tuple(spec.name for spec in specs))
        return self._layouts[cls]
