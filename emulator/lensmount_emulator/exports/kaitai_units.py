"""The Kaitai Struct description of a clocked dialect: one unit, its form by the declared rules, and its message."""

from collections.abc import Iterator
from dataclasses import replace

from lensmount_emulator.exports.kaitai import (
    SENDER_NUMBERS,
    head_lines,
    kaitai_name,
    message_type,
    one_line,
    payload_types,
    quote,
    shared_types,
    type_id,
)
from lensmount_emulator.exports.layouts import IntLayout, fixed_size
from lensmount_emulator.exports.schema import FieldSchema, MessageSchema
from lensmount_emulator.exports.units_schema import UnitsSchema
from lensmount_protocol.errors import DialectError
from lensmount_protocol.unit_forms import (
    OneOf,
    PayloadPart,
    SizeIs,
    SumIs,
    UnitBits,
    UnitBytes,
    UnitForm,
    UnitLookup,
    UnitRule,
    ZeroAfter,
    distinct_forms,
)
from lensmount_protocol.wire import Role


def has_type_in_bytes(form: UnitForm) -> bool:
    """Whether the payload of a form is bytes of the unit, type byte included."""
    return len(form.payload) == 1 and isinstance(form.payload[0], UnitBytes)


def describe_units(schema: UnitsSchema) -> Iterator[str]:
    """The lines of the description.

    Raises:
        DialectError: a form carries its payload in a way that Kaitai Struct cannot place.
    """
    return _UnitsWriter(schema).lines()


class _UnitsWriter:
    def __init__(self, schema: UnitsSchema) -> None:
        self._schema = schema
        self._forms = distinct_forms(schema.forms)
        self._numbers: dict[tuple[int, int, bool], str] = {}
        self._zeros: dict[tuple[int, int], str] = {}

    def lines(self) -> Iterator[str]:
        schema = self._schema
        yield from head_lines(schema, self._doc())
        # Every part stands at a place that depends on the form, so all of them are instances.
        yield from ("seq:", "  - id: nothing", "    size: 0", "instances:")
        yield from ("  form:", f"    value: {quote(self._form_value())}")
        yield f"    doc: {quote('form of the unit; ' + ', '.join(self._form_names()) + '; 255 none')}"
        yield from ("  unit_class:", f"    value: {quote(self._by_form([str(form.class_) for form in self._forms]))}")
        sequences = ["0" if form.sequence is None else self._value(form.sequence) for form in self._forms]
        yield from ("  sequence:", f"    value: {quote(self._by_form(sequences))}")
        types = ["0" if has_type_in_bytes(form) else self._byte_value(form.payload[0]) for form in self._forms]
        yield from ("  type_byte:", f"    value: {quote(self._by_form(types))}")
        split: dict[str, tuple[MessageSchema, list[tuple[FieldSchema, str]]]] = {}
        for number, form in enumerate(self._forms):
            yield from self._payload(number, form, split)
        for (at, size, little), name in self._numbers.items():
            yield from (f"  {name}:", f"    pos: {_place(at)}", f"    type: {_unsigned(size, little=little)}")
        for (at, after), name in self._zeros.items():
            yield from (f"  {name}:", f"    pos: {at}", f"    size: _io.size - {at + after}")
        yield "types:"
        if any(map(has_type_in_bytes, self._forms)):
            yield from payload_types(schema)
        for message in schema.messages:
            shown, by_value = split.get(message.name, (message, []))
            yield from message_type(shown)
            if by_value:
                yield "    instances:"
            for field, value in by_value:
                yield from (f"      {kaitai_name(field.name)}:", f"        value: {quote(value)}")
                yield f"        doc: {quote(field.meaning)}"
        yield from shared_types(schema)

    def _doc(self) -> Iterator[str]:
        yield one_line(self._schema.dialect.notice)
        yield ""
        yield "A unit: one burst of the clock. `form` is its form. A reader compares checksums and checks zero bytes"
        yield "after a payload of variable size, because Kaitai Struct can do neither."

    def _form_names(self) -> Iterator[str]:
        return (f"{number} {form.name}" for number, form in enumerate(self._forms))

    def _by_form(self, values: list[str]) -> str:
        text = "0"
        for number, value in reversed(list(enumerate(values))):
            if value != "0":
                text = f"form == {number} ? ({value}) : ({text})"
        return text

    def _form_value(self) -> str:
        by_sender: list[str] = []
        for role in sorted(SENDER_NUMBERS, key=SENDER_NUMBERS.__getitem__):
            text = "255"
            for form in reversed(self._schema.forms[role]):
                text = f"({self._condition(form)}) ? {self._forms.index(form)} : ({text})"
            by_sender.append(text)
        return f"sender == 0 ? ({by_sender[0]}) : ({by_sender[1]})"

    def _condition(self, form: UnitForm) -> str:
        least, most = form.sizes
        tests = [f"_io.size == {least}"] if least == most else [f"_io.size >= {least}", f"_io.size <= {most}"]
        tests += [test for rule in form.all_rules if (test := self._test(rule, form))]
        for part in form.payload:
            if isinstance(part, UnitBytes) and isinstance(part.size, UnitBits):
                tests.append(f"{part.start} + {self._value(part.size)} <= _io.size")
        return " and ".join(tests)

    def _test(self, rule: UnitRule, form: UnitForm) -> str:
        """The test of a rule; nothing where the reader has to check it."""
        match rule:
            case OneOf():
                value = self._value(rule.number)
                return "(" + " or ".join(f"{value} == {each}" for each in rule.values) + ")"
            case SizeIs():
                return f"{self._value(rule.number)} + {rule.surplus} == _io.size"
            case SumIs():
                terms = " + ".join(map(self._value, rule.terms))
                return f"{self._value(rule.number)} == (({terms}) & {rule.number.mask})"
            case ZeroAfter(UnitBytes(int(start), int(size)), int(after)) if form.sizes[0] == form.sizes[1]:
                at = start + size
                name = self._zeros.setdefault((at, after), f"zero_{at}_{after}")
                return f"{name} == [{', '.join(['0'] * (form.sizes[0] - at - after))}]"
            case _:
                return ""

    def _value(self, bits: UnitBits) -> str:
        key = (bits.at, bits.size, bits.little)
        name = self._numbers.setdefault(key, f"number_{len(self._numbers)}")
        whole = bits.mask == (1 << 8 * bits.size) - 1
        return name if whole else f"(({name} >> {bits.shift}) & {bits.mask})"

    def _byte_value(self, part: PayloadPart) -> str:
        match part:
            case int():
                return str(part)
            case UnitBits():
                return self._value(part)
            case UnitLookup():
                text = "0"
                for key, value in part.values.items():
                    text = f"{self._value(part.number)} == {key} ? {value} : ({text})"
                return text
            case UnitBytes():
                raise self._refuse("a payload that begins with bytes and goes on with others")

    def _payload(
        self, number: int, form: UnitForm, split: dict[str, tuple[MessageSchema, list[tuple[FieldSchema, str]]]]
    ) -> Iterator[str]:
        """The payload of one form; messages of which a part is bits are put into `split`."""
        whole = has_type_in_bytes(form)
        parts = form.payload if whole else form.payload[1:]
        if not parts or not isinstance(parts[0], UnitBytes) or any(isinstance(part, UnitBytes) for part in parts[1:]):
            raise self._refuse(f"in {form.name} a payload of other parts than a type, bytes, and then bits")
        span = parts[0]
        size = self._size(span)
        yield from (f"  payload_{number}:", f"    pos: {span.start}", f"    size: {size}", f"    if: form == {number}")
        yield "    type:"
        if whole:
            yield from ("      switch-on: sender", "      cases:")
            yield from (f"        {code}: payload_{role.value}" for role, code in SENDER_NUMBERS.items())
            return
        yield from ("      switch-on: sender * 256 + type_byte", "      cases:")
        for role, code in SENDER_NUMBERS.items():
            for message in self._carried(form, role):
                if parts[1:]:
                    split[message.name] = self._split(message, span, list(parts[1:]))
                yield f"        {256 * code + message.type_}: {type_id(message.name)}"
        yield "        _: unknown_message"

    def _size(self, span: UnitBytes) -> str:
        if isinstance(span.size, UnitBits):
            return self._value(span.size)
        return f"_io.size - {span.start + span.after}" if span.size is None else str(span.size)

    def _carried(self, form: UnitForm, role: Role) -> Iterator[MessageSchema]:
        """The messages of a sender that a form may carry."""
        if form not in self._schema.forms[role]:
            return
        first, span = form.payload[0], form.open_part
        exact = form.fixed_size if span is None else None
        if span is not None and span.size is None and form.sizes[0] == form.sizes[1]:
            exact = form.max_payload
        for message in self._schema.messages:
            if message.sender is not role or not _may_be(first, message.type_):
                continue
            if message.size is not None and exact is None:
                raise self._refuse(f"in {form.name}, of variable size, {message.name} of fixed size")
            if message.size in (None, exact):
                yield message

    def _split(
        self, message: MessageSchema, span: UnitBytes, bits: list[PayloadPart]
    ) -> tuple[MessageSchema, list[tuple[FieldSchema, str]]]:
        """A message with the fields in the bytes of the unit only, and those in bits with their values."""
        assert isinstance(span.size, int)
        at, kept, by_value = 0, list[FieldSchema](), list[tuple[FieldSchema, str]]()
        for field in message.default_fields:
            size = fixed_size(field.layout)
            if at >= span.size and isinstance(field.layout, IntLayout) and size == 1 and not field.layout.signed:
                part = bits[at - span.size]
                if not isinstance(part, UnitBits):
                    raise self._refuse(f"in {message.name}.{field.name} a byte that is no bits of the unit")
                key = (part.at, part.size, part.little)
                name = self._numbers.setdefault(key, f"number_{len(self._numbers)}")
                by_value.append((field, f"(_parent.{name} >> {part.shift}) & {part.mask}"))
            elif size is not None and at + size <= span.size:
                kept.append(field)
            else:
                raise self._refuse(f"{message.name}.{field.name} across bytes and bits of the unit")
            at += size
        return replace(message, fields=tuple(kept)), by_value

    def _refuse(self, what: str) -> DialectError:
        return DialectError(f"dialect {self._schema.name}: --format kaitai cannot describe {what}")


def _may_be(part: PayloadPart, type_: int) -> bool:
    match part:
        case int():
            return part == type_
        case UnitBits():
            return type_ <= part.mask
        case UnitLookup():
            return type_ in part.values.values()
        case UnitBytes():
            return True


def _place(at: int) -> str:
    return str(at) if at >= 0 else f"_io.size - {-at}"


def _unsigned(size: int, *, little: bool) -> str:
    order = "" if size == 1 else "le" if little else "be"
    return f"b24{order}" if size == 3 else f"u{size}{order}"
