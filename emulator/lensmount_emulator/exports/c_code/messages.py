"""C functions that decode and encode messages and records, field by field."""

from collections.abc import Sequence

from lensmount_emulator.exports.c_code.fields import FieldWriter, stop_if
from lensmount_emulator.exports.c_code.names import COPIED_BYTES, Names, bits_type, member
from lensmount_emulator.exports.c_code.values import get_size
from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BlobLayout,
    BytesLayout,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
    TextLayout,
    fixed_size,
)
from lensmount_emulator.exports.schema import FieldSchema, MessageSchema


def declaration(names: Names, layout: Layout, name: str) -> list[str]:
    """The members of a struct for one field."""
    place = member(name)
    match layout:
        case BytesLayout() if layout.size == 0:
            return []
        case BytesLayout() if layout.size > COPIED_BYTES:
            return [f"const uint8_t *{place}; /* {layout.size} bytes in the frame; NULL is written as zeros */"]
        case BytesLayout():
            return [f"uint8_t {place}[{layout.size}];"]
        case TextLayout():
            (line,) = declaration(names, BytesLayout(layout.size), name)
            return [f"{line} /* {layout.encoding}, padded with zeros */"]
        case ArrayLayout():
            inside = declaration(names, layout.element, name)
            return [line.replace(place, f"{place}[{layout.count}]", 1) for line in inside]
        case ListLayout() | RepeatLayout():
            element = layout.element
            what = "bytes" if element is None else f"elements, see {names.prefix}_{names.element(element)}_next"
            return [f"{names.prefix}_span {place}; /* {what} */"]
        case BlobLayout():
            return [f"{names.prefix}_span {place}; /* {layout.encoding or 'bytes'} */"]
        case OptionalLayout():
            return [f"bool has_{place};", *declaration(names, layout.inner, name)]
        case IntLayout() if layout.enum is not None:
            return [f"{names.scalar(layout)} {place}; /* {names.type(layout.enum.name)} */"]
        case _:
            return [f"{names.scalar(layout)} {place};"]


def bits_members(layout: BitsLayout) -> list[str]:
    """The members of a struct for a group of bits."""
    return [
        f"{'bool' if one.flag else bits_type(one.width)} {member(one.name)};"
        + ("" if one.flag else f" /* {one.width} bits */")
        for one in layout.members
    ]


class MessageWriter(FieldWriter):
    """Writes the functions of messages and of records of variable size."""

    def message(self, message: MessageSchema) -> str:
        """The functions that decode and encode a message."""
        name = self.names.type(message.name)
        short = name.removeprefix(f"{self.names.prefix}_")
        selectable = bool(message.default_blocks)
        extra = ", uint32_t blocks" if selectable else ""
        constant = self.names.constant(message.name, "TYPE")
        head = 1 + (message.prefix.size if message.prefix else 0)
        fixed = None if message.prefix or selectable else _total(message.fields)
        decode = [
            f"uint32_t {self.names.prefix}_decode_{short}({name} *out, const uint8_t *data, uint32_t size{extra})",
            "{",
        ]
        encode = [f"uint32_t {self.names.prefix}_encode_{short}(const {name} *in, uint8_t *out, uint32_t room)", "{"]
        if fixed is not None:
            decode += stop_if(f"(size < {1 + fixed}u) || (data[0] != {constant})", "    ")
            encode += stop_if(f"room < {1 + fixed}u", "    ")
            encode.append(f"    out[0] = {constant};")
            at = 1
            for field in message.fields:
                decode += self.values.read(field.layout, f"out->{member(field.name)}", f"{at}u", "    ")
                encode += self.values.write(field.layout, f"in->{member(field.name)}", f"{at}u", "    ")
                at += get_size(field.layout)
            if not message.fields:
                decode.append("    (void)out;")
                encode.append("    (void)in;")
            return "\n".join([*decode, f"    return {at}u;", "}", "", *encode, f"    return {at}u;", "}", ""])
        decode += [f"    uint32_t at = {head}u;", "    uint32_t end = size;"]
        decode += stop_if(f"(size < {head}u) || (data[0] != {constant})", "    ")
        if message.prefix is not None:
            decode += ["    {", *self.values.read(message.prefix, "const uint32_t length", "1u", "        ")]
            decode += stop_if(f"length > (size - {head}u)", "        ")
            decode += [f"        end = {head}u + length;", "    }"]
        if selectable:
            decode += ["    (void)memset(out, 0, sizeof *out);", "    out->blocks = blocks;"]
        encode += [f"    uint32_t at = {head}u;", *stop_if(f"room < {head}u", "    "), f"    out[0] = {constant};"]
        for block, fields in _by_block(message.fields, selectable=selectable):
            indent = "        " if block else "    "
            if block:
                decode.append(f"    if ((blocks & {1 << (block - 1):#x}u) != 0u) {{")
                encode.append(f"    if ((in->blocks & {1 << (block - 1):#x}u) != 0u) {{")
            decode += self.decode_fields([(field.name, field.layout) for field in fields], indent)
            encode += self.encode_fields([(field.name, field.layout) for field in fields], indent)
            if block:
                decode.append("    }")
                encode.append("    }")
        if message.prefix is not None:
            encode += self._write_prefix(message.prefix, head)
        if not message.fields:
            decode.append("    (void)out;")
            encode.append("    (void)in;")
        # What a declaration leaves of the bytes that its size counts is skipped.
        result = "end" if message.prefix is not None else "at"
        if message.prefix is None:
            decode.append("    (void)end;")
        elif message.fields and not isinstance(message.fields[-1].layout, RepeatLayout):
            decode.append("    (void)at;")
        return "\n".join([*decode, f"    return {result};", "}", "", *encode, "    return at;", "}", ""])

    def record(self, layout: RecordLayout) -> str:
        """The functions that decode and encode a record of variable size."""
        name, element, prefix = self.names.type(layout.name), self.names.element(layout), self.names.prefix
        fields = list(layout.fields)
        return "\n".join(
            [
                f"static uint32_t {prefix}_get_{element}({name} *out, const uint8_t *data, uint32_t end)",
                "{",
                "    uint32_t at = 0u;",
                *self.decode_fields(fields, "    "),
                "    return at;",
                "}",
                "",
                f"uint32_t {prefix}_{element}_put(const {name} *in, uint8_t *out, uint32_t room)",
                "{",
                "    uint32_t at = 0u;",
                *self.encode_fields(fields, "    "),
                "    return at;",
                "}",
                "",
            ]
        )

    def element(self, layout: Layout) -> tuple[str, str]:
        """Declarations and definitions of the functions that take an element of a span, and that write one."""
        prefix, short = self.names.prefix, self.names.element(layout)
        size = fixed_size(layout, any_bytes=True)
        if isinstance(layout, BytesLayout):
            kind, target = "const uint8_t", "*out"
            out, given = "const uint8_t **out", f"const uint8_t in[{layout.size}]"
        else:
            kind = self.names.scalar(layout)
            out = f"{kind} *out"
            record = isinstance(layout, RecordLayout | BitsLayout)
            given = f"const {kind} *in" if record else f"{kind} in"
            target = "(*out)"
        take = f"bool {prefix}_{short}_next({prefix}_span *rest, {out})"
        put = f"uint32_t {prefix}_{short}_put({given}, uint8_t *out, uint32_t room)"
        body = [take, "{", "    const uint8_t *data = rest->data;"]
        if size is None:
            body += [
                "    uint32_t used = 0u;",
                *stop_if("rest->count == 0u", "    ", "false"),
                f"    used = {prefix}_get_{short}(out, data, rest->size);",
                *stop_if("used == 0u", "    ", "false"),
                "    rest->data = &data[used];",
                "    rest->size -= used;",
                "    --rest->count;",
                "    return true;",
                "}",
                "",
            ]
            return f"{take};\n{put};\n", "\n".join(body)
        body += stop_if(f"(rest->count == 0u) || (rest->size < {size}u)", "    ", "false")
        if isinstance(layout, BytesLayout):
            body.append("    *out = data;")
            source = "in"
            write = [f"    (void)memcpy(&out[0u], {source}, {size}u);"]
        else:
            body += self.values.read(layout, target, "0u", "    ")
            write = self.values.write(
                layout, "(*in)" if isinstance(layout, RecordLayout | BitsLayout) else "in", "0u", "    "
            )
        body += [
            f"    rest->data = &data[{size}];",
            f"    rest->size -= {size}u;",
            "    --rest->count;",
            "    return true;",
            "}",
            "",
            put,
            "{",
            *stop_if(f"room < {size}u", "    "),
            *write,
            f"    return {size}u;",
            "}",
            "",
        ]
        return f"{take};\n{put};\n", "\n".join(body)

    def _write_prefix(self, prefix: IntLayout, head: int) -> list[str]:
        limit = [] if prefix.size == 4 else stop_if(f"(at - {head}u) > {(1 << 8 * prefix.size) - 1:#x}u", "    ")
        kind = f"uint{8 * prefix.size if prefix.size != 3 else 32}_t"
        return [*limit, *self.values.write(prefix, f"({kind})(at - {head}u)", "1u", "    ")]


def _total(fields: Sequence[FieldSchema]) -> int | None:
    total = 0
    for field in fields:
        size = fixed_size(field.layout, any_bytes=True)
        if size is None:
            return None
        total += size
    return total


def _by_block(fields: Sequence[FieldSchema], *, selectable: bool) -> list[tuple[int, list[FieldSchema]]]:
    groups: list[tuple[int, list[FieldSchema]]] = []
    for field in fields:
        block = field.block if selectable else 0
        if not groups or groups[-1][0] != block:
            groups.append((block, []))
        groups[-1][1].append(field)
    return groups
