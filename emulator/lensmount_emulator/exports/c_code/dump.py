"""C functions that print messages in their canonical text, for the test program of the C codec."""

from lensmount_emulator.exports.c_code.names import Names, member
from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BlobLayout,
    BytesLayout,
    FlagLayout,
    FloatLayout,
    IntLayout,
    Layout,
    ListLayout,
    OptionalLayout,
    RecordLayout,
    RepeatLayout,
    TextLayout,
)
from lensmount_emulator.exports.schema import FieldSchema, MessageSchema, MessagesSchema


def dump_functions(schema: MessagesSchema, names: Names) -> str:
    """A function `dump_NAME` for each record and message."""
    parts: list[str] = []
    for record in schema.records():
        parts.append(_function(names, record.name, _record_lines(names, record)))
    parts += [_function(names, message.name, _message_lines(names, message)) for message in schema.messages]
    return "\n".join(parts)


def _function(names: Names, name: str, lines: list[str]) -> str:
    short = names.type(name).removeprefix(f"{names.prefix}_")
    unused = [] if any("in->" in line for line in lines) else ["    (void)in;"]
    return "\n".join([f"static void dump_{short}(const {names.type(name)} *in)", "{", *unused, *lines, "}", ""])


def _record_lines(names: Names, record: RecordLayout | BitsLayout) -> list[str]:
    lines = ["    emit_char('{');"]
    if isinstance(record, BitsLayout):
        for position, one in enumerate(record.members):
            lines += [
                f'    emit_text("{"," if position else ""}{one.name}=");',
                f"    emit_unsigned((uint64_t)in->{member(one.name)});",
            ]
    else:
        for position, (field, inside) in enumerate(record.fields):
            lines.append(f'    emit_text("{"," if position else ""}{field}=");')
            lines += _value(names, inside, f"in->{member(field)}", "    ")
    return [*lines, "    emit_char('}');"]


def _message_lines(names: Names, message: MessageSchema) -> list[str]:
    lines = [f'    emit_text("{message.name}{{");']
    for position, field in enumerate(message.default_fields):
        lines += _field_lines(names, field, first=position == 0)
    return [*lines, "    emit_char('}');"]


def _field_lines(names: Names, field: FieldSchema, *, first: bool) -> list[str]:
    comma = "" if first else ","
    return [
        f'    emit_text("{comma}{field.name}=");',
        *_value(names, field.layout, f"in->{member(field.name)}", "    "),
    ]


def _value(names: Names, layout: Layout, source: str, indent: str) -> list[str]:
    match layout:
        case IntLayout():
            sign, wide = ("signed", "int64_t") if layout.signed else ("unsigned", "uint64_t")
            return [f"{indent}emit_{sign}(({wide}){source});"]
        case FlagLayout():
            return [f"{indent}emit_char({source} ? '1' : '0');"]
        case FloatLayout():
            return [f"{indent}dump_float{layout.size * 8}({source});"]
        case BytesLayout():
            return [f"{indent}dump_hex({'NULL' if layout.size == 0 else source}, {layout.size}u);"]
        case TextLayout():
            return [f"{indent}dump_hex({source}, {layout.size}u);"]
        case BlobLayout():
            return [f"{indent}dump_hex({source}.data, {source}.size);"]
        case RepeatLayout() if layout.element is None:
            return [f"{indent}dump_hex({source}.data, {source}.size);"]
        case RecordLayout() | BitsLayout():
            return [f"{indent}dump_{names.element(layout)}(&{source});"]
        case OptionalLayout():
            flag = source.replace("->", "->has_")
            inside = _value(names, layout.inner, source, indent + "    ")
            return [
                f"{indent}if ({flag}) {{",
                *inside,
                f"{indent}}} else {{",
                f"{indent}    emit_char('-');",
                f"{indent}}}",
            ]
        case ArrayLayout():
            inside = _value(names, layout.element, f"{source}[i]", indent + "    ")
            comma = f"{indent}    if (i > 0u) {{ emit_char(','); }}"
            return [
                f"{indent}emit_char('[');",
                f"{indent}for (uint32_t i = 0u; i < {layout.count}u; ++i) {{",
                comma,
                *inside,
                f"{indent}}}",
                f"{indent}emit_char(']');",
            ]
        case ListLayout() | RepeatLayout():
            assert layout.element is not None
            return _span(names, layout.element, source, indent)


def _span(names: Names, element: Layout, source: str, indent: str) -> list[str]:
    kind = "const uint8_t *" if isinstance(element, BytesLayout) else f"{names.scalar(element)} "
    inside = _value(names, element, "one", indent + "        ")
    return [
        f"{indent}{{",
        f"{indent}    {names.prefix}_span rest = {source};",
        f"{indent}    {kind}one;",
        f"{indent}    bool first = true;",
        f"{indent}    emit_char('[');",
        f"{indent}    while ({names.prefix}_{names.element(element)}_next(&rest, &one)) {{",
        f"{indent}        if (!first) {{ emit_char(','); }}",
        f"{indent}        first = false;",
        *inside,
        f"{indent}    }}",
        f"{indent}    emit_char(']');",
        f"{indent}}}",
    ]
