"""What the wire shows of a case: what was said where, what came back, and when; coarse, so that like is like."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from lensmount_emulator.fuzz.device.link import Heard
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_protocol.frame import Frame, Garbage, GarbageReason, Padding
from lensmount_protocol.message import Unknown
from lensmount_protocol.paving import type_of
from lensmount_protocol.reader import FrameReader

SILENCE = "-"


class Trace(NamedTuple):
    """One thing that the wire showed.

    Attributes:
        state: of the link, when the bytes went out.
        said: what they are: a frame's class and types, or why they are none.
        reply: what came back beside the stream; `-` for nothing.
        bucket: when, coarsely: each is four times the one before.
    """

    state: str
    said: str
    reply: str
    bucket: int


def traced(
    setup: Setup, state: str, data: bytes, news: Heard | None, garbage: Sequence[Garbage], began: float
) -> Trace:
    """What the wire showed of bytes that went out."""
    said = kind_of(setup, data)
    if news is not None:
        reply = news.said if news.legal else f"{news.said}!"
        return Trace(state, said, reply, bucket_of(news.at - began))
    return Trace(state, said, garbage[0].reason.value if garbage else SILENCE, 0)


def bucket_of(seconds: float) -> int:
    """Times that differ by less than four times are one."""
    return round(math.log(max(seconds, 1e-5) * 1e3, 4))


def kind_of(setup: Setup, data: bytes) -> str:
    """What bytes are: the class and types of their frames, or why they are none."""
    parts = list[str]()
    for event in read(setup, data):
        if isinstance(event, Frame):
            types = "+".join(
                f"{type_of(message):02X}{'?' if isinstance(message, Unknown) else ''}" for message in event.messages
            )
            parts.append(f"{event.class_}:{types}")
        elif isinstance(event, Garbage):
            parts.append(event.reason.value)
    return " ".join(parts[:3]) or SILENCE


def read(setup: Setup, data: bytes) -> list[Frame | Garbage | Padding]:
    """What a reader that begins with these bytes makes of them."""
    reader = FrameReader(setup.dialect, setup.role, setup.dialect.paving())
    return [*reader.receive(data), *reader.close(GarbageReason.SOURCE_ENDED)]
