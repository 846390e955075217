"""Test vectors of a dialect: frames, valid and damaged, each with its canonical text as this program decodes it."""

from collections.abc import Iterator
from random import Random

from lensmount_emulator.exports.canonical import CanonicalWriter
from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BlobLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
    TextLayout,
    fixed_size,
)
from lensmount_emulator.exports.schema import MessageSchema
from lensmount_emulator.exports.units_schema import AnySchema, UnitsSchema
from lensmount_emulator.verification.codec_equivalence import message_bytes, mutate_bytes
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.framer import BurstFramer, Frame, FrameEvent, Framer, GarbageReason, burst_format
from lensmount_protocol.payload import build_payload
from lensmount_protocol.unit_forms import OneOf, UnitBits, UnitBytes, UnitForm, UnitLookup, find_form
from lensmount_protocol.wire import Role

VECTOR_SEED = 16
PER_MESSAGE = 6
NOTHING = "-"
"""Canonical text of bytes that hold no frame."""


_TEXTS = ("", "a", "35mm F2", "\u00b5", "\u20ac 5", "\U0001d11e", "A" * 40)


def layout_bytes(layout: Layout, random: Random) -> bytes:
    """Random bytes that a layout accepts."""
    match layout:
        case RecordLayout():
            return b"".join(layout_bytes(inside, random) for _, inside in layout.fields)
        case ArrayLayout():
            return b"".join(layout_bytes(layout.element, random) for _ in range(layout.count))
        case ListLayout():
            count = random.choice((0, 1, 2, 3, 7))
            elements = b"".join(layout_bytes(layout.element, random) for _ in range(count))
            return _number(count, layout.count.size, little=layout.count.little) + elements
        case BlobLayout():
            if layout.encoding:
                data = random.choice(_TEXTS if layout.encoding == "utf-8" else _TEXTS[:3]).encode()
            else:
                data = random.randbytes(random.choice((0, 1, 2, 9, 32)))
            return _number(len(data), layout.length.size, little=layout.length.little) + data
        case TextLayout():
            texts = [text.encode() for text in (_TEXTS if layout.encoding == "utf-8" else _TEXTS[:3])]
            fitting = [text for text in (*texts, b"A" * layout.size) if len(text) <= layout.size]
            return random.choice(fitting).ljust(layout.size, b"\0")
        case OptionalLayout():
            return layout_bytes(layout.inner, random)
        case RepeatLayout():
            count = random.choice((0, 0, 0, 1, 3))
            one = layout.element
            return random.randbytes(count) if one is None else b"".join(layout_bytes(one, random) for _ in range(count))
        case _:
            size = fixed_size(layout) or 0
            # Numbers at the ends of their ranges find more than numbers between.
            return random.choice((bytes(size), b"\xff" * size, *(random.randbytes(size) for _ in range(6))))


def valid_message(message: MessageSchema, random: Random) -> bytes:
    """Random bytes that a message accepts, with or without its optional fields."""
    body = b""
    for field in message.default_fields:
        if isinstance(field.layout, OptionalLayout) and random.random() < 0.3:
            break
        body += layout_bytes(field.layout, random)
    prefix = message.prefix
    head = b"" if prefix is None else _number(len(body), prefix.size, little=prefix.little)
    return bytes((message.type_,)) + head + body


def _number(value: int, size: int, *, little: bool) -> bytes:
    return value.to_bytes(size, "little" if little else "big")


class CorpusGenerator:
    """Makes frames of a dialect, valid and damaged, from a seed.

    Args:
        schema: the dialect.
        random: source of contents and damage; the same seed gives the same frames.
    """

    def __init__(self, schema: AnySchema, random: Random) -> None:
        self._schema = schema
        self._random = random
        self._by_role = {role: [message for message in schema.messages if message.sender is role] for role in Role}
        self._senders = [role for role in Role if self._by_role[role]]

    def make_frame(self, payload: bytes, sender: Role) -> bytes:
        """A frame with this payload, cut to what a frame can hold; a unit, where one carries it, or random bytes."""
        if isinstance(self._schema, UnitsSchema):
            return self._build_unit(payload, sender)
        frame = self._schema.frame
        payload = payload[: frame.max_size[sender] - frame.head_size - frame.tail_size]
        class_ = self._random.choice(frame.classes[sender]) if frame.part("class_") else 0
        sequence = self._random.randrange(256) if frame.part("sequence") else 0
        return self._schema.dialect.build_frame(payload, class_, sequence)

    def _build_unit(self, payload: bytes, sender: Role) -> bytes:
        """A unit of the sender that carries a payload; a payload that none carries is cut, or stands without one."""
        assert isinstance(self._schema, UnitsSchema)
        forms = self._schema.forms[sender]
        for size in (len(payload), *sorted({form.max_payload for form in forms}, reverse=True)):
            for form in forms:
                unit = form.build(payload[:size], self._random.randrange(256)) if payload else None
                if unit is not None and find_form(forms, unit) is form:
                    return unit
        return payload or b"\0"

    def _unit_with(self, form: UnitForm) -> bytes:
        """A unit of a form with random contents, whatever messages they are."""
        random, payload = self._random, b""
        for part in form.payload:
            match part:
                case int():
                    payload += bytes((part,))
                case UnitBits():
                    payload += bytes((random.randint(0, part.mask),))
                case UnitLookup():
                    payload += bytes((random.choice(list(part.values.values())),))
                case UnitBytes(_, int(size)):
                    payload += random.randbytes(size)
                case UnitBytes():
                    least, most = (size - part.start - part.after for size in form.sizes)
                    payload += random.randbytes(random.randint(least, min(most, least + 40)))
        unit = bytearray(form.build(payload, random.randrange(256)) or bytes(form.sizes[0]))
        for rule in form.rules:
            if isinstance(rule, OneOf):
                rule.number.write(unit, random.choice(rule.values))
        changed = bytes(unit)
        sequence = 0 if form.sequence is None else form.sequence.read(changed)
        try:
            return form.build(form.read_payload(changed), sequence) or changed
        except KeyError:
            # A number that the payload looks up is not in its table.
            return changed

    def message(self, message: MessageSchema) -> bytes:
        """Bytes of a message: three of four valid, the others changed in ways that a receiver may have to reject."""
        if self._random.random() < 0.75:
            return valid_message(message, self._random)
        if self._random.random() < 0.5:
            return message_bytes(message.cls, self._random)
        return mutate_bytes(valid_message(message, self._random), self._random) or b"\0"

    def payload(self, sender: Role) -> bytes:
        """One to three messages; a unit has one."""
        count = 1 if isinstance(self._schema, UnitsSchema) else self._random.choice((1, 1, 1, 2, 3))
        return b"".join(self.message(each) for each in self._random.choices(self._by_role[sender], k=count))

    def entry(self) -> tuple[Role, bytes]:
        """A sender and the bytes of one entry of a corpus: half of them whole frames, the others damaged."""
        sender = self._random.choice(self._senders)
        if isinstance(self._schema, UnitsSchema) and self._random.random() < 0.3:
            frame = self._unit_with(self._random.choice(self._schema.forms[sender]))
        else:
            frame = self.make_frame(self.payload(sender), sender)
        match self._random.randrange(8):
            case 0:
                return sender, mutate_bytes(frame, self._random) or b"\0"
            case 1:
                return sender, frame[: self._random.randrange(1, max(2, len(frame)))]
            case 2:
                return sender, self._random.randbytes(self._random.randint(1, 8)) + frame
            case 3:
                damaged = bytearray(frame)
                damaged[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(8)
                return sender, bytes(damaged)
            case _:
                return sender, frame


def plain_events(dialect: Dialect, sender: Role, data: bytes) -> list[FrameEvent]:
    """The events of some bytes of a sender by the plain framer; of a clocked link they are one burst."""
    declared = dialect.formats[sender]
    by_burst = burst_format(declared)
    framer = Framer(declared) if by_burst is None else BurstFramer(by_burst)
    return [*framer.receive(data), *framer.close(GarbageReason.SOURCE_ENDED)]


def canonical_text(schema: AnySchema, writer: CanonicalWriter, sender: Role, data: bytes) -> str:
    """The frames in some bytes of a sender, each with its offset; every message under the default selection."""
    parser = schema.dialect.payload_parser()
    frames = [
        f"@{event.offset} {writer.frame(event, parser.parse(sender, event.payload))}"
        for event in plain_events(schema.dialect, sender, data)
        if isinstance(event, Frame)
    ]
    return " | ".join(frames) or NOTHING


def vector_lines(schema: AnySchema) -> Iterator[str]:
    """Lines `SENDER HEX TEXT`, the same for the same declarations; every message in them builds to its own bytes."""
    random, writer = Random(VECTOR_SEED), CanonicalWriter(schema)
    made = CorpusGenerator(schema, random)
    for message in schema.messages:
        for _ in range(PER_MESSAGE):
            data = made.make_frame(valid_message(message, random), message.sender)
            if _rebuilds(schema, message.sender, data):
                yield _line(schema, writer, message.sender, data)
    for _ in range(4 * len(schema.messages)):
        sender, data = made.entry()
        if _rebuilds(schema, sender, data):
            yield _line(schema, writer, sender, data)


def _rebuilds(schema: AnySchema, sender: Role, data: bytes) -> bool:
    """Whether the messages of each frame build to their payload; a truth value of another number than 1 does not."""
    parser = schema.dialect.payload_parser()
    return all(
        build_payload(parser.parse(sender, event.payload)) == event.payload
        for event in plain_events(schema.dialect, sender, data)
        if isinstance(event, Frame)
    )


def _line(schema: AnySchema, writer: CanonicalWriter, sender: Role, data: bytes) -> str:
    return f"{sender.value} {data.hex()} {canonical_text(schema, writer, sender, data)}"
