"""Observations of a case: its responses on the wire, and the unusual features of its bytes.

Responses are coarse, so that similar ones are equal. The features identify a known break in any case.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.fuzz.device.session import ReceivedFrameInfo
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, Garbage, GarbageReason, Padding
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import message_type

SILENCE = "-"


class ResponseTrace(NamedTuple):
    """One response on the wire.

    Attributes:
        state: state of the link when the bytes were sent.
        sent: the bytes: class and types of a frame, or why they are none.
        reply: the reply beside the stream; `-` for none.
        bucket: its time, coarsely: each bucket is four times the one before.
    """

    state: str
    sent: str
    reply: str
    bucket: int


def trace_response(
    setup: DeviceFuzzConfig,
    state: str,
    data: bytes,
    news: ReceivedFrameInfo | None,
    garbage: Sequence[Garbage],
    began: float,
) -> ResponseTrace:
    """The response on the wire to sent bytes."""
    sent = describe_bytes(setup, data)
    if news is not None:
        reply = news.messages if news.legal else f"{news.messages}!"
        return ResponseTrace(state, sent, reply, time_bucket(news.at - began))
    return ResponseTrace(state, sent, garbage[0].reason.value if garbage else SILENCE, 0)


def time_bucket(seconds: float) -> int:
    """The bucket of a time; a bucket covers a factor of four."""
    return round(math.log(max(seconds, 1e-5) * 1e3, 4))


def describe_bytes(setup: DeviceFuzzConfig, data: bytes) -> str:
    """Describe bytes: the class and types of their frames, or why they are none."""
    parts = list[str]()
    for event in parse_bytes(setup, data):
        if isinstance(event, Frame):
            types = "+".join(
                f"{message_type(message):02X}{'?' if isinstance(message, UnknownMessage) else ''}"
                for message in event.messages
            )
            parts.append(f"{event.class_}:{types}")
        elif isinstance(event, Garbage):
            parts.append(event.reason.value)
    return " ".join(parts[:3]) or SILENCE


def parse_bytes(setup: DeviceFuzzConfig, data: bytes) -> list[Frame | Garbage | Padding]:
    """Parse bytes as a reader that starts with them."""
    reader = FrameParser(setup.dialect, setup.role, setup.dialect.payload_parser())
    return [*reader.receive(data), *reader.close(GarbageReason.SOURCE_ENDED)]


Features = frozenset[str]
Signature = tuple[Features, ...]
"""The features of each send, in order."""

LONG_RUN = 64
"""Length from which a payload, or a run of bytes in no frame, counts as long."""

EDGES = (0x00, 0xFE, 0xFF)
"""Unusual sequence numbers."""


def sent_bytes(steps: Sequence[str]) -> list[bytes]:
    """The bytes of each step that sends."""
    return [bytes.fromhex(step.split()[2]) for step in steps if step.startswith("send ")]


def make_signature(setup: DeviceFuzzConfig, steps: Sequence[str]) -> Signature:
    """The unusual features of a case, without those of a default frame with the known request."""
    default = _default_types(setup)
    found = list[Features]()
    before = list[bytes]()
    for data in sent_bytes(steps):
        again = {"again"} if data in before else set[str]()
        found.append(frozenset(extract_features(setup, data) - default | again))
        before.append(data)
    return tuple(found)


def is_subset(case: Signature, known: Signature) -> bool:
    """Whether a case has all features of a known break, in its order."""
    at = 0
    for wanted in known:
        while at < len(case) and not wanted <= case[at]:
            at += 1
        if at == len(case):
            return False
        at += 1
    return any(known)


def extract_features(setup: DeviceFuzzConfig, data: bytes) -> set[str]:
    """The features of bytes, each as one text."""
    found, frames = set[str](), list[bytes]()
    for event in parse_bytes(setup, data):
        if isinstance(event, Frame):
            found |= _frame_features(event)
            if event.raw in frames:
                found.add("again")
            frames.append(event.raw)
        elif isinstance(event, Garbage):
            found.add(f"no frame: {event.reason.value}")
            if len(event.data) >= LONG_RUN:
                found.add("long run")
    if len(frames) > 1:
        found.add("frames")
    return found


def _frame_features(frame: Frame) -> set[str]:
    found = {f"class {frame.class_}"}
    if frame.sequence in EDGES:
        found.add(f"sequence {frame.sequence:#04x}")
    if len(frame.payload) >= LONG_RUN:
        found.add("long payload")
    messages = frame.messages
    if len(messages) > 1:
        found.add("messages")
    for message in messages:
        found.add(f"type {message_type(message):#04x}")
        if isinstance(message, UnknownMessage):
            found.add(f"unread {message_type(message):#04x}")
        else:
            found |= _odd_fields(message)
    return found


def _odd_fields(message: Message) -> set[str]:
    """Fields with a value other than the default."""
    cls = type(message)
    default = cls()
    names = [spec.name for spec in cls.FIELDS]
    return {f"odd {cls.__name__}.{name}" for name in names if getattr(message, name) != getattr(default, name)}


def _default_types(setup: DeviceFuzzConfig) -> set[str]:
    probe = setup.probe()
    if probe is None:
        return set()
    return extract_features(setup, setup.dialect.build_frame(probe.build(), 3, 1)) | {"class 1", "class 2", "class 3"}
