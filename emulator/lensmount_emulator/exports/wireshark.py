"""A dissector for Wireshark, in Lua, from a dialect's declarations: frames, checksums, messages and their fields."""

from collections.abc import Iterator

from lensmount_emulator.exports.c_code.names import template
from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BlobLayout,
    BytesLayout,
    EnumSchema,
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
from lensmount_emulator.exports.schema import DialectSchema, MessageSchema, PartSchema, snake_case
from lensmount_emulator.exports.units_schema import AnySchema, UnitsSchema, make_any_schema
from lensmount_protocol.checksums import Checksum, CrcAlgorithm, SumAlgorithm
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.unit_forms import (
    ChecksumIs,
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
)
from lensmount_protocol.wire import Role

SCRIPT_FILE = "dissector.lua"


def wireshark_dissector(dialect: Dialect) -> str:
    """The script, in Lua 5.2 as every Wireshark since 1.12 takes it.

    Raises:
        DialectError: the dialect has a form that the script cannot read.
    """
    return dissector_text(make_any_schema(dialect))


def wireshark_files(schema: AnySchema) -> dict[str, str]:
    """Return file name -> text of the dissector."""
    return {f"lensmount_{schema.identifier}.lua": dissector_text(schema)}


def dissector_text(schema: AnySchema) -> str:
    """The script of a schema."""
    dialect = schema.dialect
    if isinstance(schema, UnitsSchema):
        constants, link = _unit_constants(schema), template("dissector_units.lua")
    else:
        constants, link = _frame_constants(schema), template("dissector_frames.lua")
    return template(SCRIPT_FILE).substitute(
        dialect=_one_line(schema.name),
        dialect_text=_lua(schema.name),
        title=_one_line(dialect.title),
        notice=_one_line(dialect.notice),
        proto=f"lensmount_{schema.identifier}",
        unknown_prefix="nil" if schema.unknown_prefix is None else _layout(schema.unknown_prefix),
        constants=constants,
        link=link.substitute(dialect_text=_lua(schema.name)),
        enumerations="\n".join(map(_names, schema.enums())),
        messages="\n".join(map(_message, schema.messages)),
    )


_FRAME = """\
-- The frame: where its parts stand, and what its length counts.
local START, HEADER_SIZE = {start}, {header_size}
local SMALLEST = {{ body = {smallest_body}, lens = {smallest_lens} }}
local LARGEST = {{ body = {largest_body}, lens = {largest_lens} }}
local CLASSES = {classes}
local PAYLOAD_AT, SURPLUS, TAIL, CHECKED_FROM = {payload_at}, {surplus}, {tail}, {checked_from}
local LENGTH, CLASS, SEQUENCE, CHECKSUM = {length}, {class_part}, {sequence}, {checksum_part}
local HEAD_CONSTANTS, TAIL_CONSTANTS = {head_constants}, {tail_constants}
{checksum}
"""


def _frame_constants(schema: DialectSchema) -> str:
    frame = schema.frame
    return _FRAME.format(
        start=frame.start,
        smallest_body=frame.min_size[Role.BODY],
        smallest_lens=frame.min_size[Role.LENS],
        largest_body=frame.max_size[Role.BODY],
        largest_lens=frame.max_size[Role.LENS],
        classes=_classes(schema),
        payload_at=frame.head_size,
        surplus=frame.surplus,
        tail=frame.tail_size,
        checked_from=frame.checked_from,
        header_size=frame.header_size,
        length=_part(frame.part("length")),
        class_part=_part(frame.part("class_")),
        sequence=_part(frame.part("sequence")),
        checksum_part=_part(frame.part("checksum")),
        head_constants=_constants(frame.head),
        tail_constants=_constants(frame.tail),
        checksum=lua_checksum(frame.checksum),
    )


def _unit_constants(schema: UnitsSchema) -> str:
    """The checksums, and the forms of each sender."""
    lines = [lua_checksum(each, _sum_name(each)) for each in schema.checksums]
    lines += ["-- The forms of a unit; the first that it fits is its form.", "local FORMS = {"]
    for role in Role:
        lines += [f"  {role.value} = {{", *(f"    {_form(form)}," for form in schema.forms[role]), "  },"]
    return "\n".join([*lines, "}", ""])


def _sum_name(checksum: Checksum) -> str:
    return f"checksum_{snake_case(checksum.name)}"


def _form(form: UnitForm) -> str:
    return (
        f"{{ name = {_lua(form.name)}, class = {form.class_}, sizes = {{ {form.sizes[0]}, {form.sizes[1]} }}, "
        f"sequence = {'nil' if form.sequence is None else _bits(form.sequence)},\n"
        f"      rules = {{ {', '.join(map(_rule, form.all_rules))} }},\n"
        f"      payload = {{ {', '.join(map(_payload_part, form.payload))} }} }}"
    )


def _bits(bits: UnitBits) -> str:
    width = bits.mask.bit_length()
    return (
        f"{{ at = {bits.at}, size = {bits.size}, shift = {bits.shift}, width = {width}, little = {_lua(bits.little)} }}"
    )


def _bytes(span: UnitBytes) -> str:
    if isinstance(span.size, UnitBits):
        return f"{{ start = {span.start}, bits = {_bits(span.size)} }}"
    size = "" if span.size is None else f", size = {span.size}"
    return f"{{ start = {span.start}{size}, after = {span.after} }}"


def _rule(rule: UnitRule) -> str:
    match rule:
        case OneOf():
            values = ", ".join(f"[{value}] = true" for value in rule.values)
            return f'{{ k = "one of", number = {_bits(rule.number)}, values = {{ {values} }} }}'
        case SizeIs():
            return f'{{ k = "size", number = {_bits(rule.number)}, surplus = {rule.surplus} }}'
        case ZeroAfter():
            return f'{{ k = "zero", carried = {_bytes(rule.carried)}, after = {rule.after} }}'
        case SumIs():
            terms = ", ".join(map(_bits, rule.terms))
            return f'{{ k = "sum", number = {_bits(rule.number)}, terms = {{ {terms} }} }}'
        case ChecksumIs():
            over, name = _bytes(rule.over), _sum_name(rule.checksum)
            return f'{{ k = "checksum", number = {_bits(rule.number)}, over = {over}, checksum = {name} }}'


def _payload_part(part: PayloadPart) -> str:
    match part:
        case int():
            return f'{{ k = "byte", value = {part} }}'
        case UnitBits():
            return f'{{ k = "bits", number = {_bits(part)} }}'
        case UnitLookup():
            values = ", ".join(f"[{key}] = {value}" for key, value in part.values.items())
            return f'{{ k = "lookup", number = {_bits(part.number)}, values = {{ {values} }} }}'
        case UnitBytes():
            return f'{{ k = "bytes", span = {_bytes(part)} }}'


def _classes(schema: DialectSchema) -> str:
    if schema.frame.part("class_") is None:
        return "nil"
    groups = (
        f"{role.value} = {{ {', '.join(f'[{each}] = true' for each in schema.frame.classes[role])} }}" for role in Role
    )
    return "{ " + ", ".join(groups) + " }"


def _part(part: PartSchema | None) -> str:
    if part is None:
        return "nil"
    return f"{{ at = {part.offset}, size = {part.layout.size}, little = {_lua(part.layout.little)} }}"


def _constants(parts: tuple[PartSchema, ...]) -> str:
    listed = (f"{_part(part).removesuffix(' }')}, value = {part.value} }}" for part in parts if part.kind == "constant")
    return "{ " + ", ".join(listed) + " }"


def lua_checksum(checksum: Checksum, function: str = "checksum") -> str:
    """The function of `bytes, first, past_end` with this name, on the helpers of the script."""
    match checksum.algorithm:
        case SumAlgorithm():
            combine = "xor_all" if checksum.algorithm.exclusive else "sum"
            body = f"  return {combine}(bytes, first, past_end, {checksum.algorithm.width})\nend"
            return f"local function {function}(bytes, first, past_end)\n{body}"
        case CrcAlgorithm():
            one = checksum.algorithm
            polynomial, initial = one.polynomial, one.initial
            if one.reflected:
                polynomial, initial = (
                    int(f"{value:0{one.width}b}"[::-1], 2) for value in (one.polynomial, one.initial)
                )
            reflected = _lua(one.reflected)
            return (
                f"-- {_one_line(checksum.name)}\n"
                f"local STEPS = crc_table({one.width}, {polynomial:#x}, {reflected})\n"
                f"local function {function}(bytes, first, past_end)\n"
                f"  return crc(bytes, first, past_end, {one.width}, STEPS, {initial:#x}, {reflected}, "
                f"{one.final_xor:#x})\nend"
            )
        case None:
            raise TypeError(checksum)


def _message(message: MessageSchema) -> str:
    """One assignment a message."""
    rows = [f"  {row},\n" for row in _fields(message)]
    inside = "\n" + "".join(rows) if rows else ""
    prefix = "nil" if message.prefix is None else _layout(message.prefix)
    return (
        f"MESSAGES.{message.sender.value}[{message.type_:#04x}] = "
        f"{{ name = {_lua(message.name)}, prefix = {prefix}, fields = {{{inside}}} }}"
    )


def _fields(message: MessageSchema) -> Iterator[str]:
    for field in message.default_fields:
        unit = f" [{field.unit}]" if field.unit else ""
        filter_ = f"{message.name.lower()}.{field.name.lower()}"
        label, meaning = _lua(_one_line(field.name + unit)), _lua(_one_line(field.meaning))
        kind, names = _field_kind(field.layout)
        made = f"field({_lua(kind)}, {_lua(filter_)}, {label}, {meaning}, {names})"
        yield f"{{ {_lua(field.name)}, {made}, {_layout(field.layout)} }}"


def _field_kind(layout: Layout) -> tuple[str, str]:
    """The kind of ProtoField that shows a layout, and the table of its names."""
    match layout:
        case IntLayout():
            size = 8 if layout.size == 1 else 16 if layout.size == 2 else 24 if layout.size == 3 else 32
            bits = size if layout.size <= 4 else 64
            names = "nil" if layout.enum is None else f"names.{layout.enum.name}"
            return f"{'' if layout.signed else 'u'}int{bits}", names
        case OptionalLayout():
            return _field_kind(layout.inner)
        case ListLayout() | ArrayLayout():
            return _element_kind(layout.element)
        case RepeatLayout() if layout.element is not None:
            return _element_kind(layout.element)
        case FlagLayout():
            return "uint8", "nil"
        case FloatLayout():
            return "float" if layout.size == 4 else "double", "nil"
        case _:
            return "bytes", "nil"


def _element_kind(element: Layout) -> tuple[str, str]:
    return _field_kind(element) if isinstance(element, IntLayout | FlagLayout | FloatLayout) else ("bytes", "nil")


def _layout(layout: Layout) -> str:
    """A layout as a table of Lua; what holds others names its kind in `k`."""
    match layout:
        case IntLayout():
            return (
                f'{{ k = "int", size = {layout.size}, signed = {_lua(layout.signed)}, little = {_lua(layout.little)} }}'
            )
        case FlagLayout():
            return '{ k = "flag", size = 1 }'
        case FloatLayout():
            return f'{{ k = "float", size = {layout.size}, little = {_lua(layout.little)} }}'
        case BytesLayout():
            return f'{{ k = "bytes", size = {layout.size} }}'
        case BitsLayout():
            members = ", ".join(f"{{ {_lua(one.name)}, {one.shift}, {one.width} }}" for one in layout.members)
            return f'{{ k = "bits", size = {layout.size}, members = {{ {members} }} }}'
        case RecordLayout():
            members = ", ".join(f"{{ {_lua(name)}, {_layout(inside)} }}" for name, inside in layout.fields)
            return f'{{ k = "record", members = {{ {members} }} }}'
        case ArrayLayout():
            return f'{{ k = "array", count = {layout.count}, element = {_layout(layout.element)} }}'
        case ListLayout():
            return f'{{ k = "list", count = {_layout(layout.count)}, element = {_layout(layout.element)} }}'
        case BlobLayout():
            return f'{{ k = "blob", length = {_layout(layout.length)}, encoding = {_lua(layout.encoding)} }}'
        case TextLayout():
            return f'{{ k = "text", size = {layout.size}, encoding = {_lua(layout.encoding)} }}'
        case OptionalLayout():
            return f'{{ k = "optional", inner = {_layout(layout.inner)} }}'
        case RepeatLayout():
            element = "nil" if layout.element is None else _layout(layout.element)
            return f'{{ k = "rest", element = {element} }}'


def _names(kind: EnumSchema) -> str:
    members = ", ".join(f"[{value}] = {_lua(name)}" for name, value in kind.members)
    return f"  {kind.name} = {{ {members} }},"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lua(value: str | bool) -> str:
    """A value as Lua writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return '"' + "".join(map(_lua_character, value)) + '"'


def _lua_character(character: str) -> str:
    """A character in a string of Lua; controls, which could end a line of the script, as decimal escapes."""
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03}" for byte in character.encode("utf-8", "replace"))
