"""C statements that decode and encode the fields of messages and records, of fixed and of variable size."""

from collections.abc import Sequence

from lensmount_emulator.exports.c_code.names import COPIED_BYTES, Names, member
from lensmount_emulator.exports.c_code.values import ValueWriter, get_size
from lensmount_emulator.exports.layouts import (
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


class FieldWriter:
    """Writes statements for fields, on `data` from `at` to `end`, or on `out` from `at` to `room`."""

    def __init__(self, names: Names, values: ValueWriter) -> None:
        self.names = names
        self.values = values

    def decode_fields(self, fields: Sequence[tuple[str, Layout]], indent: str) -> list[str]:
        """Statements that read fields at `at`, up to `end`; what stands together is checked once."""
        lines: list[str] = []
        runs = _runs(fields)
        checked = False
        for number, (run, size) in enumerate(runs):
            if size is None:
                ((name, layout),) = run
                lines += self._decode_variable(layout, f"out->{member(name)}", indent, checked=checked)
                checked = False
                continue
            # The prefix of what follows is checked together with the bytes before it.
            prefix = _prefix_size(runs[number + 1][0][0][1]) if number + 1 < len(runs) else 0
            checked = prefix > 0
            if size + prefix:
                lines += stop_if(f"(end - at) < {size + prefix}u", indent)
            offset = 0
            for name, layout in run:
                place = f"at + {offset}u" if offset else "at"
                lines += self.values.read(layout, f"out->{member(name)}", place, indent)
                offset += get_size(layout)
            lines.append(f"{indent}at += {size}u;")
        return lines

    def encode_fields(self, fields: Sequence[tuple[str, Layout]], indent: str) -> list[str]:
        """Statements that write fields at `at`, up to `room`."""
        lines: list[str] = []
        for run, size in _runs(fields):
            if size is None:
                ((name, layout),) = run
                lines += self._encode_variable(layout, f"in->{member(name)}", indent)
                continue
            if size:
                lines += stop_if(f"(room - at) < {size}u", indent)
            offset = 0
            for name, layout in run:
                place = f"at + {offset}u" if offset else "at"
                lines += self.values.write(layout, f"in->{member(name)}", place, indent)
                offset += get_size(layout)
            lines.append(f"{indent}at += {size}u;")
        return lines

    def _decode_variable(self, layout: Layout, target: str, indent: str, *, checked: bool) -> list[str]:
        inner = indent + "    "
        prefix = [] if checked else stop_if(f"(end - at) < {_prefix_size(layout)}u", inner)
        match layout:
            case RecordLayout():
                call = f"{self.names.prefix}_get_{self.names.element(layout)}(&{target}, &data[at], end - at)"
                return [
                    f"{indent}{{",
                    f"{inner}const uint32_t used = {call};",
                    *stop_if("used == 0u", inner),
                    f"{inner}at += used;",
                    f"{indent}}}",
                ]
            case BlobLayout():
                size = layout.length.size
                lines = [f"{indent}{{", *prefix]
                lines += self.values.read(layout.length, "const uint32_t length", "at", inner)
                lines += [f"{inner}at += {size}u;", *stop_if("length > (end - at)", inner)]
                if layout.encoding:
                    lines += stop_if(f"!{self._text_check(layout)}(&data[at], length)", inner)
                return [*lines, *_set_span(target, "length", "length", inner), f"{inner}at += length;", f"{indent}}}"]
            case TextLayout():
                return [
                    *([] if checked else stop_if(f"(end - at) < {layout.size}u", indent)),
                    *stop_if(f"!{self._text_check(layout)}(&data[at], {layout.size}u)", indent),
                    *self.values.read(BytesLayout(layout.size), target, "at", indent),
                    f"{indent}at += {layout.size}u;",
                ]
            case ListLayout():
                lines = [f"{indent}{{", *prefix]
                lines += self.values.read(layout.count, "const uint32_t count", "at", inner)
                lines += [f"{inner}at += {layout.count.size}u;"]
                element = fixed_size(layout.element, any_bytes=True)
                if element is not None:
                    if (element << 8 * layout.count.size) <= 1 << 32:
                        # The product cannot overflow, and takes less time than a quotient.
                        bytes_, test = "bytes", "bytes > (end - at)"
                        lines.append(f"{inner}const uint32_t bytes = count * {element}u;")
                    else:
                        bytes_, test = f"count * {element}u", f"count > ((end - at) / {element}u)"
                    lines += stop_if(test, inner)
                    lines += [*_set_span(target, bytes_, "count", inner), f"{inner}at += {bytes_};"]
                    return [*lines, f"{indent}}}"]
                lines += [f"{inner}const uint32_t begin = at;", f"{inner}for (uint32_t i = 0u; i < count; ++i) {{"]
                lines += [*self._walk_element(layout.element, inner + "    "), f"{inner}}}"]
                lines += [
                    f"{inner}{target}.data = &data[begin];",
                    f"{inner}{target}.size = at - begin;",
                    f"{inner}{target}.count = count;",
                ]
                return [*lines, f"{indent}}}"]
            case OptionalLayout():
                size = get_size(layout.inner)
                flag = target.replace("->", "->has_")
                missing = (
                    []
                    if isinstance(layout.inner, RecordLayout | BitsLayout | BytesLayout)
                    else [f"{inner}{target} = 0;"]
                )
                return [
                    f"{indent}{flag} = (end - at) >= {size}u;",
                    f"{indent}if ({flag}) {{",
                    *self.values.read(layout.inner, target, "at", inner),
                    f"{inner}at += {size}u;",
                    *([f"{indent}}} else {{", *missing] if missing else []),
                    f"{indent}}}",
                ]
            case RepeatLayout():
                return self._decode_rest(layout, target, indent)
            case _:
                raise TypeError(layout)

    def _decode_rest(self, layout: RepeatLayout, target: str, indent: str) -> list[str]:
        element = 1 if layout.element is None else fixed_size(layout.element, any_bytes=True)
        if element is not None:
            lines = [] if element == 1 else stop_if(f"((end - at) % {element}u) != 0u", indent)
            count = "end - at" if element == 1 else f"(end - at) / {element}u"
            return [*lines, *_set_span(target, "end - at", count, indent), f"{indent}at = end;"]
        assert layout.element is not None
        inner = indent + "    "
        return [
            f"{indent}{target}.data = &data[at];",
            f"{indent}{target}.size = end - at;",
            f"{indent}{target}.count = 0u;",
            f"{indent}while (at < end) {{",
            *self._walk_element(layout.element, inner),
            f"{inner}++{target}.count;",
            f"{indent}}}",
        ]

    def _walk_element(self, element: Layout, indent: str) -> list[str]:
        short = self.names.element(element)
        return [
            f"{indent}{self.names.scalar(element)} one;",
            f"{indent}const uint32_t used = {self.names.prefix}_get_{short}(&one, &data[at], end - at);",
            *stop_if("used == 0u", indent),
            f"{indent}at += used;",
        ]

    def _encode_variable(self, layout: Layout, source: str, indent: str) -> list[str]:
        inner = indent + "    "
        match layout:
            case RecordLayout():
                call = f"{self.names.prefix}_{self.names.element(layout)}_put(&{source}, &out[at], room - at)"
                return [
                    f"{indent}{{",
                    f"{inner}const uint32_t used = {call};",
                    *stop_if("used == 0u", inner),
                    f"{inner}at += used;",
                    f"{indent}}}",
                ]
            case BlobLayout():
                checks = (
                    []
                    if not layout.encoding
                    else stop_if(f"!{self._text_check(layout)}({source}.data, {source}.size)", indent)
                )
                return [
                    *checks,
                    *self._encode_counted(layout.length, f"{source}.size", indent),
                    *self._copy(source, indent),
                ]
            case ListLayout():
                size = fixed_size(layout.element, any_bytes=True)
                checks = [] if size is None else _span_check(source, size, indent)
                return [
                    *checks,
                    *self._encode_counted(layout.count, f"{source}.count", indent),
                    *self._copy(source, indent),
                ]
            case TextLayout():
                # A large text that is NULL is written as zeros.
                given = f"({source} != NULL) && " if layout.size > COPIED_BYTES else ""
                return [
                    *stop_if(f"{given}!{self._text_check(layout)}({source}, {layout.size}u)", indent),
                    *stop_if(f"(room - at) < {layout.size}u", indent),
                    *self.values.write(BytesLayout(layout.size), source, "at", indent),
                    f"{indent}at += {layout.size}u;",
                ]
            case OptionalLayout():
                size = get_size(layout.inner)
                return [
                    f"{indent}if ({source.replace('->', '->has_')}) {{",
                    *stop_if(f"(room - at) < {size}u", inner),
                    *self.values.write(layout.inner, source, "at", inner),
                    f"{inner}at += {size}u;",
                    f"{indent}}}",
                ]
            case RepeatLayout():
                size = None if layout.element is None else fixed_size(layout.element, any_bytes=True)
                return [*([] if size is None else _span_check(source, size, indent)), *self._copy(source, indent)]
            case _:
                raise TypeError(layout)

    def _encode_counted(self, number: IntLayout, source: str, indent: str) -> list[str]:
        limit = "" if number.size == 4 else f"({source} > {(1 << 8 * number.size) - 1:#x}u) || "
        return [
            *stop_if(f"{limit}((room - at) < {number.size}u)", indent),
            *self.values.write(number, f"(uint{8 * number.size if number.size != 3 else 32}_t){source}", "at", indent),
            f"{indent}at += {number.size}u;",
        ]

    def _copy(self, source: str, indent: str) -> list[str]:
        return [
            *stop_if(f"{source}.size > (room - at)", indent),
            f"{indent}if ({source}.size > 0u) {{",
            f"{indent}    (void)memcpy(&out[at], {source}.data, {source}.size);",
            f"{indent}    at += {source}.size;",
            f"{indent}}}",
        ]

    def _text_check(self, layout: BlobLayout | TextLayout) -> str:
        return self.values.helper(layout.encoding.replace("-", ""), _TEXT_CHECKS[layout.encoding])


def _runs(fields: Sequence[tuple[str, Layout]]) -> list[tuple[list[tuple[str, Layout]], int | None]]:
    """Fields of fixed size that follow each other, with their bytes; any other field by itself."""
    runs: list[tuple[list[tuple[str, Layout]], int | None]] = []
    for field in fields:
        size = fixed_size(field[1], any_bytes=True)
        before = runs[-1][1] if runs else None
        if size is not None and before is not None:
            runs[-1] = ([*runs[-1][0], field], before + size)
        else:
            runs.append(([field], size))
    return runs


def _prefix_size(layout: Layout) -> int:
    """Bytes of the length or the count that a field begins with, or of its text; 0 for a field without one."""
    match layout:
        case BlobLayout():
            return layout.length.size
        case ListLayout():
            return layout.count.size
        case TextLayout():
            return layout.size
        case _:
            return 0


def stop_if(test: str, indent: str, result: str = "0u") -> list[str]:
    """Statements that return `result` where `test` holds."""
    return [f"{indent}if ({test}) {{", f"{indent}    return {result};", f"{indent}}}"]


def _set_span(target: str, size: str, count: str, indent: str) -> list[str]:
    return [
        f"{indent}{target}.data = &data[at];",
        f"{indent}{target}.size = {size};",
        f"{indent}{target}.count = {count};",
    ]


def _span_check(source: str, size: int, indent: str) -> list[str]:
    if size == 1:
        return stop_if(f"{source}.size != {source}.count", indent)
    return stop_if(f"(({source}.size / {size}u) != {source}.count) || (({source}.size % {size}u) != 0u)", indent)


_TEXT_CHECKS = {
    "ascii": """static bool $P_ascii(const uint8_t *text, uint32_t size)
{
    for (uint32_t i = 0u; i < size; ++i) {
        if (text[i] > 0x7fu) {
            return false;
        }
    }
    return true;
}
""",
    "utf-8": """/* Whether bytes are UTF-8: no overlong form, no surrogate, nothing above U+10FFFF (RFC 3629). */
static bool $P_utf8(const uint8_t *text, uint32_t size)
{
    uint32_t at = 0u;
    while (at < size) {
        const uint8_t first = text[at];
        uint32_t more = 0u;
        uint8_t low = 0x80u;
        uint8_t high = 0xbfu;
        ++at;
        if (first <= 0x7fu) {
            continue;
        }
        if ((first >= 0xc2u) && (first <= 0xdfu)) {
            more = 1u;
        } else if ((first >= 0xe0u) && (first <= 0xefu)) {
            more = 2u;
            low = (first == 0xe0u) ? 0xa0u : 0x80u;
            high = (first == 0xedu) ? 0x9fu : 0xbfu;
        } else if ((first >= 0xf0u) && (first <= 0xf4u)) {
            more = 3u;
            low = (first == 0xf0u) ? 0x90u : 0x80u;
            high = (first == 0xf4u) ? 0x8fu : 0xbfu;
        } else {
            return false;
        }
        if (more > (size - at)) {
            return false;
        }
        while (more > 0u) {
            if ((text[at] < low) || (text[at] > high)) {
                return false;
            }
            low = 0x80u;
            high = 0xbfu;
            ++at;
            --more;
        }
    }
    return true;
}
""",
}
