"""The C codec of a dialect: structs, encode and decode functions, a framer, test vectors and their program.

The code is C11, keeps no state of its own, and uses neither heap nor recursion. It needs `memcpy`, `memset` and
`memmove` of the compiler's environment only.
"""

from collections.abc import Iterator

from lensmount_emulator.exports.c_code.dump import dump_functions
from lensmount_emulator.exports.c_code.frames import FrameWriter
from lensmount_emulator.exports.c_code.messages import MessageWriter, bits_members, declaration
from lensmount_emulator.exports.c_code.names import COPIED_BYTES, Names, comment_text, member, one_line, template
from lensmount_emulator.exports.c_code.units import UnitWriter
from lensmount_emulator.exports.c_code.values import ValueWriter
from lensmount_emulator.exports.layouts import (
    BitsLayout,
    Layout,
    ListLayout,
    RecordLayout,
    RepeatLayout,
    fixed_size,
)
from lensmount_emulator.exports.schema import DialectSchema, MessageSchema, MessagesSchema, walk_layout
from lensmount_emulator.exports.units_schema import AnySchema
from lensmount_emulator.exports.vectors import vector_lines
from lensmount_protocol.wire import Role


def c_files(schema: AnySchema) -> dict[str, str]:
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
            dump_bytes=writer.frames.test_functions(),
        ),
        f"{prefix}_vectors.txt": "".join(f"{line}\n" for line in vector_lines(schema)),
        "Makefile": template("codec.mk").substitute(p=prefix),
        "README.md": template("codec_readme.md").substitute(
            use=writer.frames.usage(),
            frames=writer.frames.finds,
            p=prefix,
            P=prefix.upper(),
            name=schema.name,
            notice=one_line(schema.dialect.notice),
            copied=COPIED_BYTES,
        ),
    }


class _CodecWriter:
    """Writes header and source of one dialect's codec."""

    def __init__(self, schema: AnySchema) -> None:
        self.schema = schema
        self.names = Names(schema.identifier)
        self.values = ValueWriter(self.names)
        self.messages = MessageWriter(self.names, self.values)
        self.frames: FrameWriter | UnitWriter = (
            FrameWriter(schema.frame, self.names, self.values)
            if isinstance(schema, DialectSchema)
            else UnitWriter(schema, self.names)
        )
        self._elements = [self.messages.element(layout) for layout in self._element_layouts()]

    def _element_layouts(self) -> list[Layout]:
        """What spans hold, once each; and records of variable size, which need a function to be written with."""
        found: dict[str, Layout] = {}
        for message in self.schema.messages:
            for field in message.fields:
                for layout in walk_layout(field.layout):
                    element = layout.element if isinstance(layout, ListLayout | RepeatLayout) else None
                    if isinstance(layout, RecordLayout) and fixed_size(layout, any_bytes=True) is None:
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
            title=comment_text(schema.dialect.title),
            notice=comment_text(schema.dialect.notice),
            name=comment_text(schema.name),
            sizes="\n".join(self.frames.constants()),
            frames=self.frames.declarations(),
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
            elif fixed_size(record, any_bytes=True) is not None:
                body.append(self.values.record_functions(record))
            else:
                body.append(self.messages.record(record))
        body += [text for _, text in self._elements]
        body += [self.messages.message(message) for message in schema.messages]
        frames = self.frames.definitions()
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
            frames=frames,
        )

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
                    lines += [f"/* {comment_text(field.meaning)}{comment_text(unit)} */", *declared]
            doc = f"/* {message.sender.value}, {message.type_:#04x}: {comment_text(message.doc)} */\n"
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
        """Where an unknown message ends."""
        prefix = self.schema.unknown_prefix
        if prefix is None:
            return
        yield f"        if (left >= {1 + prefix.size}u) {{"
        yield from self.values.read(prefix, "const uint32_t length", "1u", "            ")
        yield f"            if (length <= (left - {1 + prefix.size}u)) {{"
        yield f"                used = {1 + prefix.size}u + length;"
        yield "            }"
        yield "        }"

    def _kind(self, message: MessageSchema) -> str:
        return self.names.constant("KIND", message.name)


def _dump_cases(schema: MessagesSchema, names: Names) -> str:
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
