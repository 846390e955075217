"""What is odd about the steps of a case: by this a break is known again, whatever else is in the case."""

from collections.abc import Sequence

from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.device.traces import read
from lensmount_protocol.frame import Frame, Garbage
from lensmount_protocol.message import Message, Unknown
from lensmount_protocol.paving import type_of

Features = frozenset[str]
Signature = tuple[Features, ...]
"""The oddities of each thing that is sent, in order."""

LONG = 64
"""A payload, or a run of bytes that are no frame, is long from here on."""

EDGES = (0x00, 0xFE, 0xFF)
"""Sequence numbers that stand out."""


def sent_in(steps: Sequence[str]) -> list[bytes]:
    """The bytes of each step that sends."""
    return [bytes.fromhex(step.split()[2]) for step in steps if step.startswith("send ")]


def signature_of(setup: Setup, steps: Sequence[str]) -> Signature:
    """What is odd about a case; only what a usual frame with the known request has is left out."""
    usual = _usual(setup)
    found = list[Features]()
    before = list[bytes]()
    for data in sent_in(steps):
        again = {"again"} if data in before else set[str]()
        found.append(frozenset(features_of(setup, data) - usual | again))
        before.append(data)
    return tuple(found)


def holds(case: Signature, known: Signature) -> bool:
    """Whether a case has all that is odd about a break that is known, in its order."""
    at = 0
    for wanted in known:
        while at < len(case) and not wanted <= case[at]:
            at += 1
        if at == len(case):
            return False
        at += 1
    return any(known)


def features_of(setup: Setup, data: bytes) -> set[str]:
    """What bytes are made of, each kind of thing by a word."""
    found, frames = set[str](), list[bytes]()
    for event in read(setup, data):
        if isinstance(event, Frame):
            found |= _of_frame(event)
            if event.raw in frames:
                found.add("again")
            frames.append(event.raw)
        elif isinstance(event, Garbage):
            found.add(f"no frame: {event.reason.value}")
            if len(event.data) >= LONG:
                found.add("long run")
    if len(frames) > 1:
        found.add("frames")
    return found


def _of_frame(frame: Frame) -> set[str]:
    found = {f"class {frame.class_}"}
    if frame.sequence in EDGES:
        found.add(f"sequence {frame.sequence:#04x}")
    if len(frame.payload) >= LONG:
        found.add("long payload")
    messages = frame.messages
    if len(messages) > 1:
        found.add("messages")
    for message in messages:
        found.add(f"type {type_of(message):#04x}")
        if isinstance(message, Unknown):
            found.add(f"unread {type_of(message):#04x}")
        else:
            found |= _odd_fields(message)
    return found


def _odd_fields(message: Message) -> set[str]:
    """Fields that do not say what they usually say."""
    cls = type(message)
    usual = cls()
    names = [spec.name for spec in cls.FIELDS]
    return {f"odd {cls.__name__}.{name}" for name in names if getattr(message, name) != getattr(usual, name)}


def _usual(setup: Setup) -> set[str]:
    probe = setup.probe()
    if probe is None:
        return set()
    return features_of(setup, setup.dialect.build_frame(probe.build(), 3, 1)) | {"class 1", "class 2", "class 3"}
