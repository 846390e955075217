"""Differences between the frames of a captured device and those of an engine, per message and field."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import format_value, message_name
from lensmount_protocol.errors import MountError
from lensmount_protocol.message import TYPE_BYTE_SIZE, FieldSpec, Message, SelectableMessage
from lensmount_protocol.payload import AnyMessage, message_type

HEADER = "Frame"
"""Stands for a message's name where the header of the frame differs."""

HEADER_FIELDS = ("class_", "sequence")


@dataclass(slots=True)
class FieldDifference:
    """How often one field of one message differs, and in how many bytes.

    Attributes:
        declared: whether the profile declares the field as variable.
        bytes: bytes that differ -> how often.
    """

    declared: bool
    bytes: Counter[int] = field(default_factory=lambda: Counter[int]())

    @property
    def count(self) -> int:
        """How often the field differs."""
        return self.bytes.total()

    def text(self) -> str:
        """The counts as text: `1 byte 3x, 2 bytes 5x`."""
        return ", ".join(
            f"{size} byte{'' if size == 1 else 's'} {times}x" for size, times in sorted(self.bytes.items())
        )


@dataclass(slots=True)
class Differences:
    """All differences between the frames of an engine and those of a device.

    Attributes:
        fields: (message, field) -> how it differs.
        compared: message -> how often it was compared.
        missing: composition of a frame without an answer -> how often.
        wrong: (composition in the capture, composition of the engine) -> how often.
    """

    fields: dict[tuple[str, str], FieldDifference] = field(
        default_factory=lambda: dict[tuple[str, str], FieldDifference]()
    )
    compared: Counter[str] = field(default_factory=lambda: Counter[str]())
    missing: Counter[str] = field(default_factory=lambda: Counter[str]())
    wrong: Counter[tuple[str, str]] = field(default_factory=lambda: Counter[tuple[str, str]]())

    def compare(self, theirs: DecodedFrame, mine: DecodedFrame, declared: Iterable[tuple[str, str]]) -> None:
        """Count the differences of two frames with the same messages in the same order."""
        self.compared[HEADER] += 1
        self.compared.update(map(message_name, theirs.messages))
        if theirs.frame.raw == mine.frame.raw:
            return
        allowed = set(declared)
        for name in HEADER_FIELDS:
            if getattr(theirs.frame, name) != getattr(mine.frame, name):
                self._count((HEADER, name), 1, allowed)
        for captured, ours in zip(theirs.messages, mine.messages, strict=True):
            for name, size in compare_fields(captured, ours):
                self._count((message_name(captured), name), size, allowed)

    def as_dict(self) -> dict[str, Any]:
        """The differences as JSON data."""
        return {
            "fields": {
                ".".join(key): {
                    "compared": self.compared[key[0]],
                    "differ": difference.count,
                    "bytes": {str(size): times for size, times in sorted(difference.bytes.items())},
                    "declared": difference.declared,
                }
                for key, difference in sorted(self.fields.items())
            },
            "not_sent": dict(sorted(self.missing.items())),
            "other_type": {" instead of ".join(reversed(key)): times for key, times in sorted(self.wrong.items())},
        }

    def _count(self, key: tuple[str, str], size: int, declared: set[tuple[str, str]]) -> None:
        difference = self.fields.setdefault(key, FieldDifference(declared=True))
        # A field that is variable only in the first frames counts as declared only while that lasts.
        difference.declared = difference.declared and key in declared
        difference.bytes[size] += 1


def compare_fields(captured: AnyMessage, ours: AnyMessage) -> Iterable[tuple[str, int]]:
    """The fields that differ, and in how many bytes."""
    if not (isinstance(captured, Message) and isinstance(ours, Message)):
        if captured != ours:
            yield "data", _count(_data(captured), _data(ours))
        return
    built: tuple[bytes, bytes] | None = None
    for spec in captured.FIELDS:
        if getattr(captured, spec.name) == getattr(ours, spec.name):
            continue
        built = built or (_data(captured), _data(ours))
        blocks = captured.blocks if isinstance(captured, SelectableMessage) else -1
        yield spec.name, _count_field(spec, _first_byte(type(captured), blocks, spec.name), *built)


def _count_field(spec: FieldSpec, first: int, theirs: bytes, mine: bytes) -> int:
    """Bytes of a field that differ; all of them where the field has no fixed place, or only one side has it."""
    if first < 0 or len(theirs) != len(mine):
        return max(spec.size, 1)
    return max(1, _count(theirs[first : first + spec.size], mine[first : first + spec.size]))


_FIRST_BYTES: dict[tuple[type[Message], int], dict[str, int]] = {}


def _first_byte(cls: type[Message], blocks: int, name: str) -> int:
    """Place of a field in its message with these blocks; -1 where the field has no fixed place."""
    places = _FIRST_BYTES.get((cls, blocks))
    if places is None:
        places = _FIRST_BYTES[cls, blocks] = dict(_first_bytes(cls, blocks))
    return places.get(name, -1)


def _first_bytes(cls: type[Message], blocks: int) -> Iterator[tuple[str, int]]:
    """The fields with a fixed place. Offsets count every block as present; those of absent blocks take no bytes."""
    present = cls.fields_with(blocks) if issubclass(cls, SelectableMessage) else cls.FIELDS
    names = {spec.name for spec in present}
    absent = 0
    for spec in cls.FIELDS:
        if spec.varies:
            return
        yield spec.name, TYPE_BYTE_SIZE + spec.offset - absent
        absent += spec.size if spec.name not in names else 0


def _count(first: bytes, second: bytes) -> int:
    return sum(a != b for a, b in zip(first, second, strict=False)) + abs(len(first) - len(second))


def _data(message: AnyMessage) -> bytes:
    try:
        return message.build() if isinstance(message, Message) else message.data
    except MountError:
        return b""


def composition(frame: DecodedFrame) -> str:
    """The messages of a frame by type and name, as text."""
    return message_types(frame.messages)


def message_types(messages: Iterable[AnyMessage]) -> str:
    """Messages by type and name, as text."""
    return "+".join(f"{message_type(message):02X} {message_name(message)}" for message in messages)


def describe_differences(theirs: DecodedFrame, mine: DecodedFrame) -> Iterable[tuple[tuple[str, str], str]]:
    """The fields in which two frames with the same messages differ, each with its two values as text."""
    for name, a, b in (
        ("class_", theirs.frame.class_, mine.frame.class_),
        ("sequence", theirs.frame.sequence, mine.frame.sequence),
    ):
        if a != b:
            yield (HEADER, name), f"{name} {b:#04x} instead of {a:#04x}"
    for captured, our in zip(theirs.messages, mine.messages, strict=True):
        if isinstance(captured, Message) and isinstance(our, Message):
            for spec in captured.FIELDS:
                a, b = getattr(captured, spec.name), getattr(our, spec.name)
                if a != b:
                    key = (message_name(captured), spec.name)
                    yield key, f"{'.'.join(key)} is {format_value(spec, b)} instead of {format_value(spec, a)}"
        elif captured != our:
            yield (message_name(captured), "data"), f"{message_types([our])} instead of {message_types([captured])}"
