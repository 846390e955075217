"""The C codec of a dialect: structs, encode and decode functions, a framer, test vectors and their program.

The code is C11, keeps no state of its own, and uses neither heap nor recursion. It needs `memcpy`, `memset` and
`memmove` of the compiler's environment only.
"""

from collections.abc import Iterator
from importlib.resources import files
from string import Template

from lensmount_emulator.exports.c_dump import dump_functions
from lensmount_emulator.exports.c_messages import MessageWriter, bits_members, declaration
from lensmount_emulator.exports.c_names import COPIED_BYTES, Names, member
from lensmount_emulator.exports.c_values import ValueWriter
from lensmount_emulator.exports.layouts import (
    BitsLayout,
    Layout,
    ListLayout,
    RecordLayout,
    RepeatLayout,
    fixed_size,
)
from lensmount_emulator.exports.schema import DialectSchema, FrameSchema, MessageSchema, PartSchema, walk_layout
from lensmount_emulator.exports.vectors import vector_lines
from lensmount_protocol.checksums import CrcAlgorithm, SumAlgorithm
from lensmount_protocol.wire import Role

TEMPLATES = "lensmount_emulator.exports"


def template(name: str) -> Template:
    """A template of this package."""
    return Template(files(TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8"))


def c_files(schema: DialectSchema) -> dict[str, str]:
    """Return file name -> text of the C codec."""
    writer = _CodecWriter(schema)
    prefix = schema.identifier
    return {
        f"{prefix}_codec.h": writer.header(),
        f"{prefix}_codec.c": writer.source(),
        f"{prefix}_test.c": template("codec_test.c").substitute(
            p=prefix,
            P=prefix.upper(),
            dump=dump_functions(schema, writer.names),
            cases=_dump_cases(schema, writer.names),
        ),
        f"{prefix}_vectors.txt": "".join(f"{line}\n" for line in vector_lines(schema)),
        "Makefile": template("codec.mk").substitute(p=prefix),
        "README.md": template("codec_readme.md").substitute(
            p=prefix, P=prefix.upper(), name=schema.name, notice=_one_line(schema.dialect.notice), copied=COPIED_BYTES
        ),
    }


class _CodecWriter:
    """Writes header and source of one dialect's codec."""

    def __init__(self, schema: DialectSchema) -> None:
        self.schema = schema
        self.names = Names(schema.identifier)
        self.values = ValueWriter(self.names)
        self.messages = MessageWriter(self.names, self.values)
        self._elements = [self.messages.element(layout) for layout in self._element_layouts()]

    def _element_layouts(self) -> list[Layout]:
        """What spans hold, once each; and records of variable size, which need a function to be written with."""
        found: dict[str, Layout] = {}
        for message in self.schema.messages:
            for field in message.fields:
                for layout in walk_layout(field.layout):
                    element = layout.element if isinstance(layout, ListLayout | RepeatLayout) else None
                    if isinstance(layout, RecordLayout) and fixed_size(layout) is None:
                        element = layout
                    if element is not None:
                        found[self.names.element(element)] = element
        return list(found.values())

    def header(self) -> str:
        """Text of the header."""
        schema, names = self.schema, self.names
        selectable = [message for message in schema.messages if message.default_blocks]
        return template("codec.h").substitute(
            p=names.prefix,
            P=names.upper,
            title=_comment(schema.dialect.title),
            notice=_comment(schema.dialect.notice),
            name=_comment(schema.name),
            largest=max(schema.frame.max_size.values()),
            sizes="\n".join(self._frame_constants()),
            enums="\n".join(self._enums()),
            records="\n".join(self._structs()),
            messages="\n".join(self._message_types()),
            kinds="\n".join(f"    {self._kind(message)}," for message in schema.messages),
            members="\n".join(
                f"        {names.type(message.name)} {member(_short(names, message))};" for message in schema.messages
            ),
            selections="".join(
                f"    uint32_t {_short(names, message)}_blocks; /* selection of {message.name} */\n"
                for message in selectable
            ),
            prototypes="\n".join(self._prototypes()),
            elements="\n".join(declared for declared, _ in self._elements),
            enum_names="\n".join(
                f"const char *{names.type(enum.name)}_name(uint32_t value);" for enum in schema.enums()
            ),
        )

    def source(self) -> str:
        """Text of the source."""
        schema, names = self.schema, self.names
        body: list[str] = []
        for record in schema.records():
            if isinstance(record, BitsLayout):
                body.append(self.values.bits_functions(record))
            elif fixed_size(record) is not None:
                body.append(self.values.record_functions(record))
            else:
                body.append(self.messages.record(record))
        body += [text for _, text in self._elements]
        body += [self.messages.message(message) for message in schema.messages]
        frame = self._frame()
        return template("codec.c").substitute(
            p=names.prefix,
            P=names.upper,
            helpers="\n".join(self.values.helpers.values()),
            body="\n".join(body),
            enum_names="\n".join(self._enum_names()),
            next_cases="\n".join(self._next_cases()),
            selections="".join(
                f"    reader->{_short(names, message)}_blocks = {message.default_blocks:#x}u;\n"
                for message in schema.messages
                if message.default_blocks
            ),
            unknown="\n".join(self._unknown()),
            **frame,
        )

    def _frame_constants(self) -> Iterator[str]:
        frame, upper = self.schema.frame, self.names.upper
        yield f"#define {upper}_OVERHEAD {frame.head_size + frame.tail_size}u"
        yield f"#define {upper}_PAYLOAD_OFFSET {frame.head_size}u"
        for role in Role:
            yield f"#define {upper}_MAX_FRAME_{role.value.upper()} {frame.max_size[role]}u"

    def _enums(self) -> Iterator[str]:
        for enum in self.schema.enums():
            name = self.names.type(enum.name)
            members = ",\n".join(
                f"    {self.names.constant(enum.name)}_{member(label).upper()} = {value}"
                for label, value in enum.members
            )
            yield f"typedef enum {{\n{members}\n}} {name};\n"

    def _structs(self) -> Iterator[str]:
        for record in self.schema.records():
            if isinstance(record, BitsLayout):
                lines = bits_members(record)
            else:
                lines = [line for field, inside in record.fields for line in declaration(self.names, inside, field)]
            yield self._struct(record.name, lines, "")

    def _message_types(self) -> Iterator[str]:
        for message in self.schema.messages:
            lines = ["uint32_t blocks; /* bit k-1: block k is sent */"] if message.default_blocks else []
            for field in message.fields:
                declared = declaration(self.names, field.layout, field.name)
                unit = f" [{field.unit}]" if field.unit else ""
                if declared:
                    lines += [f"/* {_comment(field.meaning)}{_comment(unit)} */", *declared]
            doc = f"/* {message.sender.value}, {message.type_:#04x}: {_comment(message.doc)} */\n"
            constants = [f"#define {self.names.constant(message.name, 'TYPE')} {message.type_:#04x}u"]
            if message.size is not None and not message.default_blocks:
                constants.append(f"#define {self.names.constant(message.name, 'SIZE')} {message.size}u")
            if message.default_blocks:
                constants.append(
                    f"#define {self.names.constant(message.name, 'DEFAULT_BLOCKS')} {message.default_blocks:#x}u"
                )
            yield "\n".join([*constants, self._struct(message.name, lines, doc)])

    def _struct(self, name: str, lines: list[str], doc: str) -> str:
        # A struct without members is an extension of compilers, and no C.
        inside = "".join(f"    {line}\n" for line in lines or ["uint8_t unused; /* the message has no field */"])
        return f"{doc}typedef struct {{\n{inside}}} {self.names.type(name)};\n"

    def _prototypes(self) -> Iterator[str]:
        for message in self.schema.messages:
            name = self.names.type(message.name)
            short, blocks = _short(self.names, message), ", uint32_t blocks" if message.default_blocks else ""
            prefix = self.names.prefix
            yield f"uint32_t {prefix}_decode_{short}({name} *out, const uint8_t *data, uint32_t size{blocks});"
            yield f"uint32_t {prefix}_encode_{short}(const {name} *in, uint8_t *out, uint32_t room);"

    def _enum_names(self) -> Iterator[str]:
        for enum in self.schema.enums():
            lines = [
                f"const char *{self.names.type(enum.name)}_name(uint32_t value)",
                "{",
                '    const char *name = "";',
            ]
            lines.append("    switch (value) {")
            seen: set[int] = set()
            for label, value in enum.members:
                number = value & 0xFFFFFFFF
                if number not in seen:
                    lines += [f"    case {number:#x}u:", f'        name = "{label}";', "        break;"]
                seen.add(number)
            yield "\n".join([*lines, "    default:", "        break;", "    }", "    return name;", "}", ""])

    def _next_cases(self) -> Iterator[str]:
        for role in Role:
            yield f"    if (reader->sender == {self.names.upper}_{role.value.upper()}) {{"
            yield "        switch (data[0]) {"
            for message in self.schema.messages:
                if message.sender is role:
                    short = _short(self.names, message)
                    blocks = f", reader->{short}_blocks" if message.default_blocks else ""
                    call = f"{self.names.prefix}_decode_{short}(&out->as.{member(short)}, data, left{blocks})"
                    yield f"        case {message.type_:#04x}u:"
                    yield f"            out->kind = {self._kind(message)};"
                    yield f"            used = {call};"
                    yield "            break;"
            yield "        default:"
            yield "            break;"
            yield "        }"
            yield "    }"

    def _unknown(self) -> Iterator[str]:
        """How far a message that no declaration explains goes."""
        prefix = self.schema.unknown_prefix
        if prefix is None:
            return
        yield f"        if (left >= {1 + prefix.size}u) {{"
        yield from self.values.read(prefix, "const uint32_t length", "1u", "            ")
        yield f"            if (length <= (left - {1 + prefix.size}u)) {{"
        yield f"                used = {1 + prefix.size}u + length;"
        yield "            }"
        yield "        }"

    def _frame(self) -> dict[str, str]:
        frame = self.schema.frame
        length = frame.part("length")
        assert length is not None
        checks = [
            f"    if (data[0] != {frame.start:#04x}u) {{",
            f"        return {self.names.upper}_FRAME_NO_START;",
            "    }",
            f"    if (size < {frame.header_size}u) {{",
            f"        return {self.names.upper}_FRAME_INCOMPLETE;",
            "    }",
        ]
        checks += self._read_part(length, "const uint32_t length", "")
        surplus = frame.surplus
        total = f"length + {surplus}u" if surplus > 0 else f"length - {-surplus}u" if surplus < 0 else "length"
        guard = f"(length < {-surplus}u) || " if surplus < 0 else ""
        if length.layout.size == 4 and surplus > 0:
            guard = f"(length > (0xffffffffu - {surplus}u)) || "
        return {
            "frame_start": "\n".join(checks),
            "frame_guard": guard,
            "frame_total": total,
            "smallest": self._by_sender(frame.min_size),
            "largest_by_sender": self._by_sender(frame.max_size),
            "frame_constants": "\n".join(self._constants()),
            "frame_values": "\n".join(self._frame_values()),
            "class_test": self._class_test(),
            "frame_build": "\n".join(self._build()),
            "checksum": self._checksum(),
            "checked_from": f"{frame.checked_from}u",
            "tail": f"{frame.tail_size}u",
            "head": f"{frame.head_size}u",
            "overhead": f"{frame.head_size + frame.tail_size}u",
            "start_byte": f"{frame.start:#04x}u",
        }

    def _by_sender(self, values: dict[Role, int]) -> str:
        body, lens = values[Role.BODY], values[Role.LENS]
        return f"{body}u" if body == lens else f"(sender == {self.names.upper}_BODY) ? {body}u : {lens}u"

    def _read_part(self, part: PartSchema, target: str, base: str) -> list[str]:
        place = f"{base}{part.offset}u" if base else f"{part.offset}u"
        return self.values.read(part.layout, target, place, "    ")

    def _constants(self) -> Iterator[str]:
        frame = self.schema.frame
        for parts, base, verdict in ((frame.head[1:], "", "NO_START"), (frame.tail, "total - ", "END")):
            for part in parts:
                if part.kind != "constant":
                    continue
                at = f"{part.offset}u" if not base else f"(total - {frame.tail_size - part.offset}u)"
                yield "    {"
                yield from self.values.read(part.layout, "const uint32_t constant", at, "        ")
                yield f"        if (constant != {part.value:#x}u) {{"
                yield f"            return {self.names.upper}_FRAME_{verdict};"
                yield "        }"
                yield "    }"

    def _frame_values(self) -> Iterator[str]:
        frame = self.schema.frame
        for kind, place in (("class_", "class_"), ("sequence", "sequence")):
            part = frame.part(kind)
            if part is None:
                yield f"    out->{place} = 0u;"
            else:
                yield from self.values.read(part.layout, f"out->{place}", f"{part.offset}u", "    ")
        checksum = frame.part("checksum")
        assert checksum is not None
        at = f"total - {frame.tail_size - checksum.offset}u"
        yield from self.values.read(checksum.layout, "const uint32_t expected", at, "    ")

    def _class_test(self) -> str:
        frame = self.schema.frame
        if frame.part("class_") is None:
            return "true"
        groups = {role: " || ".join(f"(class_ == {each}u)" for each in frame.classes[role]) or "false" for role in Role}
        if groups[Role.BODY] == groups[Role.LENS]:
            return groups[Role.BODY]
        return f"(sender == {self.names.upper}_BODY) ? ({groups[Role.BODY]}) : ({groups[Role.LENS]})"

    def _build(self) -> Iterator[str]:
        frame = self.schema.frame
        surplus = frame.surplus
        length = f"(total - {surplus}u)" if surplus > 0 else f"(total + {-surplus}u)" if surplus < 0 else "total"
        sources = {"length": length, "class_": "class_", "sequence": "sequence"}
        for part in frame.head:
            source = f"{part.value:#x}u" if part.kind == "constant" else sources[part.kind]
            if part.layout.size < 4 and part.kind != "constant":
                yield f"    if ({source} > {(1 << 8 * part.layout.size) - 1:#x}u) {{"
                yield "        return 0u;"
                yield "    }"
            yield from self._store(part, source, f"{part.offset}u")
        yield f"    (void)memmove(&out[{frame.head_size}u], payload, size);"
        for part in frame.tail:
            at = f"total - {frame.tail_size - part.offset}u"
            if part.kind == "checksum":
                span = f"&out[{frame.checked_from}u], total - {frame.checked_from + frame.tail_size}u"
                yield f"    const uint32_t checksum = {self.names.prefix}_checksum({span});"
                yield from self._store(part, "checksum", at)
            else:
                yield from self._store(part, f"{part.value:#x}u", at)

    def _store(self, part: PartSchema, source: str, at: str) -> list[str]:
        return self.values.write(part.layout, f"(uint{8 * part.layout.size}_t){source}", at, "    ")

    def _checksum(self) -> str:
        algorithm = self.schema.frame.checksum.algorithm
        name = _comment(self.schema.frame.checksum.name)
        match algorithm:
            case SumAlgorithm():
                step = "value ^= data[i];" if algorithm.exclusive else "value += data[i];"
                return template("sum.c").substitute(
                    p=self.names.prefix, name=name, step=step, mask=f"{(1 << algorithm.width) - 1:#x}u"
                )
            case CrcAlgorithm():
                return template("crc.c").substitute(
                    p=self.names.prefix,
                    P=self.names.upper,
                    name=name,
                    kind=f"uint{algorithm.width}_t",
                    initial=f"{_first_register(algorithm):#x}u",
                    final=f"{algorithm.final_xor:#x}u",
                    table=_table(algorithm),
                    step=_crc_step(algorithm, f"{self.names.prefix}_crc_steps"),
                    bit_step=_crc_bits(algorithm),
                )
            case _:
                raise TypeError(algorithm)

    def _kind(self, message: MessageSchema) -> str:
        return self.names.constant("KIND", message.name)


def _first_register(algorithm: CrcAlgorithm) -> int:
    return _reflect(algorithm.initial, algorithm) if algorithm.reflected else algorithm.initial


def _reflect(value: int, algorithm: CrcAlgorithm) -> int:
    return int(f"{value:0{algorithm.width}b}"[::-1], 2)


def crc_table(algorithm: CrcAlgorithm) -> list[int]:
    """The table of a CRC, by byte."""
    top, mask, table = 1 << (algorithm.width - 1), (1 << algorithm.width) - 1, list[int]()
    polynomial = _reflect(algorithm.polynomial, algorithm) if algorithm.reflected else algorithm.polynomial
    for byte in range(256):
        value = byte if algorithm.reflected else byte << (algorithm.width - 8)
        for _ in range(8):
            if algorithm.reflected:
                value = value >> 1 ^ (polynomial if value & 1 else 0)
            else:
                value = (value << 1 & mask) ^ (polynomial if value & top else 0)
        table.append(value)
    return table


def _table(algorithm: CrcAlgorithm) -> str:
    values = [f"{value:#0{algorithm.width // 4 + 2}x}u" for value in crc_table(algorithm)]
    per_line = 16 if algorithm.width == 8 else 8
    rows = [", ".join(values[at : at + per_line]) for at in range(0, 256, per_line)]
    return ",\n    ".join(rows)


def _crc_step(algorithm: CrcAlgorithm, table: str) -> str:
    kind = f"uint{algorithm.width}_t"
    if algorithm.width == 8:
        return f"value = {table}[value ^ data[i]];"
    if algorithm.reflected:
        return f"value = ({kind})((value >> 8u) ^ {table}[(value ^ data[i]) & 0xffu]);"
    return f"value = ({kind})((value << 8u) ^ {table}[((value >> {algorithm.width - 8}u) ^ data[i]) & 0xffu]);"


def _crc_bits(algorithm: CrcAlgorithm) -> str:
    kind = f"uint{algorithm.width}_t"
    if algorithm.reflected:
        polynomial = f"{_reflect(algorithm.polynomial, algorithm):#x}u"
        enter = f"value = ({kind})(value ^ data[i]);"
        step = f"value = ({kind})(((value & 1u) != 0u) ? ((value >> 1u) ^ {polynomial}) : (value >> 1u));"
    else:
        polynomial, top = f"{algorithm.polynomial:#x}u", f"{1 << (algorithm.width - 1):#x}u"
        shifted = f"(({kind})data[i] << {algorithm.width - 8}u)" if algorithm.width > 8 else "data[i]"
        enter = f"value = ({kind})(value ^ {shifted});"
        step = f"value = ({kind})(((value & {top}) != 0u) ? ((value << 1u) ^ {polynomial}) : (value << 1u));"
    return f"{enter}\n        for (uint32_t bit = 0u; bit < 8u; ++bit) {{\n            {step}\n        }}"


def _dump_cases(schema: DialectSchema, names: Names) -> str:
    lines: list[str] = []
    for message in schema.messages:
        short = _short(names, message)
        lines += [
            f"    case {names.constant('KIND', message.name)}:",
            f"        dump_{short}(&message->as.{member(short)});",
            f"        return {names.prefix}_encode_{short}(&message->as.{member(short)}, again, room);",
        ]
    return "\n".join(lines)


def _short(names: Names, message: MessageSchema) -> str:
    return names.type(message.name).removeprefix(f"{names.prefix}_")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _comment(text: str) -> str:
    """A text that can stand in a comment of C."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in _one_line(text))
    return clean.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/")


def frame_facts(frame: FrameSchema) -> str:
    """One line about a frame, for readers of an export."""
    return f"{frame.head_size} bytes, payload, {frame.tail_size} bytes; {frame.checksum.name}"
