"""C statements that read and write values of fixed size, and the helper functions that they call.

Bytes are read one at a time: a Cortex-M0+ has no unaligned loads. Signed values are made by arithmetic, because a cast
of an unsigned value that does not fit is implementation-defined.
"""

from lensmount_emulator.exports.c_code.names import COPIED_BYTES, Names, bits_type, int_type, member, width
from lensmount_emulator.exports.layouts import (
    ArrayLayout,
    BitsLayout,
    BytesLayout,
    FlagLayout,
    FloatLayout,
    IntLayout,
    Layout,
    RecordLayout,
    fixed_size,
)


def get_size(layout: Layout) -> int:
    """Bytes of a layout of fixed size."""
    size = fixed_size(layout, any_bytes=True)
    assert size is not None
    return size


class ValueWriter:
    """Writes statements for values of fixed size.

    Attributes:
        helpers: name -> source of the helper functions that the statements call, in order of their use.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.helpers: dict[str, str] = {}

    def read(self, layout: Layout, target: str, at: str, indent: str) -> list[str]:
        """Statements that set `target` from the bytes at the index `at` of `data`."""
        match layout:
            case IntLayout() if layout.size == 1 and not layout.signed:
                return [f"{indent}{target} = data[{at}];"]
            case IntLayout():
                return [f"{indent}{target} = {self._reader(layout)}(&data[{at}]);"]
            case FlagLayout():
                return [f"{indent}{target} = data[{at}] != 0u;"]
            case FloatLayout():
                return [f"{indent}{target} = {self._float_reader(layout)}(&data[{at}]);"]
            case BytesLayout() if layout.size == 0:
                return []
            case BytesLayout() if layout.size > COPIED_BYTES:
                return [f"{indent}{target} = &data[{at}];"]
            case BytesLayout():
                return [f"{indent}(void)memcpy({target}, &data[{at}], {layout.size}u);"]
            case RecordLayout() | BitsLayout():
                return [f"{indent}{self.names.prefix}_rd_{self.names.element(layout)}(&{target}, &data[{at}]);"]
            case ArrayLayout():
                size = get_size(layout.element)
                inside = self.read(layout.element, f"{target}[i]", f"{at} + (i * {size}u)", indent + "    ")
                return [f"{indent}for (uint32_t i = 0u; i < {layout.count}u; ++i) {{", *inside, f"{indent}}}"]
            case _:
                raise TypeError(layout)

    def write(self, layout: Layout, source: str, at: str, indent: str) -> list[str]:
        """Statements that put `source` at the index `at` of `out`; they return 0 where it does not fit."""
        match layout:
            case IntLayout() if layout.size == 1 and not layout.signed:
                return [f"{indent}out[{at}] = {source};"]
            case IntLayout():
                return [*self._range_check(layout, source, indent), *self._write_int(layout, source, at, indent)]
            case FlagLayout():
                return [f"{indent}out[{at}] = {source} ? 1u : 0u;"]
            case FloatLayout():
                return [f"{indent}{self._float_writer(layout)}(&out[{at}], {source});"]
            case BytesLayout() if layout.size == 0:
                return []
            case BytesLayout() if layout.size > COPIED_BYTES:
                self.helper("wr_bytes", _WRITE_BYTES)
                return [f"{indent}{self.names.prefix}_wr_bytes(&out[{at}], {source}, {layout.size}u);"]
            case BytesLayout():
                return [f"{indent}(void)memcpy(&out[{at}], {source}, {layout.size}u);"]
            case RecordLayout() | BitsLayout():
                call = f"{self.names.prefix}_wr_{self.names.element(layout)}(&{source}, &out[{at}])"
                return [f"{indent}if (!{call}) {{", f"{indent}    return 0u;", f"{indent}}}"]
            case ArrayLayout():
                size = get_size(layout.element)
                inside = self.write(layout.element, f"{source}[i]", f"{at} + (i * {size}u)", indent + "    ")
                return [f"{indent}for (uint32_t i = 0u; i < {layout.count}u; ++i) {{", *inside, f"{indent}}}"]
            case _:
                raise TypeError(layout)

    def bits_functions(self, layout: BitsLayout) -> str:
        """The functions that read and write a group of bits."""
        name, kind = self.names.type(layout.name), f"uint{width(layout.size)}_t"
        number = IntLayout(layout.size, False, False)
        reads = [f"    const {kind} number = {self._unsigned(number, 'data')};"]
        writes = [f"    {kind} number = 0u;"]
        for one in layout.members:
            mask = (1 << one.width) - 1
            shifted = f"(number >> {one.shift}u)" if one.shift else "number"
            value = f"({shifted} & {mask:#x}{_suffix(layout.size)})"
            place = member(one.name)
            if one.flag:
                reads.append(f"    out->{place} = {value} != 0u;")
                given = f"({kind})(in->{place} ? 1u : 0u)"
            else:
                reads.append(f"    out->{place} = ({bits_type(one.width)}){value};")
                given = f"({kind})in->{place}"
                if one.width not in (8, 16, 32, 64):
                    writes += [
                        f"    if (in->{place} > {mask:#x}{_suffix(layout.size)}) {{",
                        "        return false;",
                        "    }",
                    ]
            writes.append(f"    number = ({kind})(number | ({kind})({given} << {one.shift}u));")
        writes += [
            line.replace("return 0u", "return false") for line in self._write_int(number, "number", "0u", "    ")
        ]
        element, prefix = self.names.element(layout), self.names.prefix
        return "\n".join(
            [
                f"static void {prefix}_rd_{element}({name} *out, const uint8_t *data)",
                "{",
                *reads,
                "}",
                "",
                f"static bool {prefix}_wr_{element}(const {name} *in, uint8_t *out)",
                "{",
                *writes,
                "    return true;",
                "}",
                "",
            ]
        )

    def record_functions(self, layout: RecordLayout) -> str:
        """The functions that read and write a record of fixed size."""
        name, element, prefix = self.names.type(layout.name), self.names.element(layout), self.names.prefix
        reads, writes, at = list[str](), list[str](), 0
        for field, inside in layout.fields:
            reads += self.read(inside, f"out->{member(field)}", f"{at}u", "    ")
            writes += self.write(inside, f"in->{member(field)}", f"{at}u", "    ")
            at += get_size(inside)
        writes = [line.replace("return 0u", "return false") for line in writes]
        return "\n".join(
            [
                f"static void {prefix}_rd_{element}({name} *out, const uint8_t *data)",
                "{",
                *reads,
                "}",
                "",
                f"static bool {prefix}_wr_{element}(const {name} *in, uint8_t *out)",
                "{",
                *writes,
                "    return true;",
                "}",
                "",
            ]
        )

    def helper(self, name: str, source: str) -> str:
        """The full name of a helper function, which is written once."""
        full = f"{self.names.prefix}_{name}"
        self.helpers.setdefault(name, source.replace("$P", self.names.prefix))
        return full

    def _unsigned(self, layout: IntLayout, pointer: str) -> str:
        if layout.size == 1:
            return f"{pointer}[0]"
        return f"{self._reader(IntLayout(layout.size, False, layout.little))}({pointer})"

    def _reader(self, layout: IntLayout) -> str:
        name = f"rd_{self.names.element(layout)}"
        if name in self.helpers:
            return f"{self.names.prefix}_{name}"
        kind = int_type(layout)
        if layout.signed:
            bits = layout.size * 8
            wide = f"int{max(32, width(layout.size))}_t"
            unsigned = self._unsigned(layout, "p")
            number = f"uint{width(layout.size)}_t"
            top, most = (
                f"{(1 << (bits - 1)) - 1:#x}{_suffix(layout.size)}",
                f"{(1 << bits) - 1:#x}{_suffix(layout.size)}",
            )
            body = [
                f"    const {number} value = {unsigned};",
                f"    return (value <= {top}) ? ({kind})value : ({kind})(-({wide})({most} - value) - 1);",
            ]
        else:
            carrier = f"uint{max(32, width(layout.size))}_t"
            order = range(layout.size) if layout.little else range(layout.size - 1, -1, -1)
            terms = [
                f"(({carrier})p[{index}] << {8 * place}u)" if place else f"({carrier})p[{index}]"
                for place, index in enumerate(order)
            ]
            joined = " | ".join(terms)
            body = [f"    return ({kind})({joined});"] if width(layout.size) < 32 else [f"    return {joined};"]
        return self.helper(name, "\n".join([f"static {kind} $P_{name}(const uint8_t *p)", "{", *body, "}", ""]))

    def _range_check(self, layout: IntLayout, source: str, indent: str) -> list[str]:
        if layout.size in (1, 2, 4, 8):
            return []
        bits, suffix = layout.size * 8, _suffix(layout.size)
        if layout.signed:
            signed = "LL" if layout.size > 4 else ""
            high = (1 << (bits - 1)) - 1
            test = f"({source} > {high}{signed}) || ({source} < (-{high}{signed} - 1))"
        else:
            test = f"{source} > {(1 << bits) - 1:#x}{suffix}"
        return [f"{indent}if ({test}) {{", f"{indent}    return 0u;", f"{indent}}}"]

    def _write_int(self, layout: IntLayout, source: str, at: str, indent: str) -> list[str]:
        number = f"uint{width(layout.size)}_t"
        if layout.size == 1:
            return [f"{indent}out[{at}] = (uint8_t){source};"]
        name = f"wr_{self.names.element(IntLayout(layout.size, False, layout.little))}"
        if name not in self.helpers:
            order = range(layout.size) if layout.little else range(layout.size - 1, -1, -1)
            body = [
                f"    p[{index}] = (uint8_t)((value >> {8 * place}u) & 0xffu);"
                if place
                else f"    p[{index}] = (uint8_t)(value & 0xffu);"
                for place, index in enumerate(order)
            ]
            self.helper(name, "\n".join([f"static void $P_{name}(uint8_t *p, {number} value)", "{", *body, "}", ""]))
        cast = "" if source.startswith(f"({number})") else f"({number})"
        return [f"{indent}{self.names.prefix}_{name}(&out[{at}], {cast}{source});"]

    def _float_reader(self, layout: FloatLayout) -> str:
        bits = IntLayout(layout.size, False, layout.little)
        kind, number = ("float", "uint32_t") if layout.size == 4 else ("double", "uint64_t")
        raw = self._unsigned(bits, "p")
        name = f"rd_{self.names.element(layout)}"
        body = [
            f"    const {number} bits = {raw};",
            f"    {kind} value;",
            "    (void)memcpy(&value, &bits, sizeof value);",
            "    return value;",
        ]
        return self.helper(name, "\n".join([f"static {kind} $P_{name}(const uint8_t *p)", "{", *body, "}", ""]))

    def _float_writer(self, layout: FloatLayout) -> str:
        kind, number = ("float", "uint32_t") if layout.size == 4 else ("double", "uint64_t")
        store = self._write_int(IntLayout(layout.size, False, layout.little), "bits", "0u", "    ")
        name = f"wr_{self.names.element(layout)}"
        body = [
            f"    {number} bits;",
            "    (void)memcpy(&bits, &value, sizeof bits);",
            *(line.replace("&out[0u]", "p") for line in store),
        ]
        return self.helper(name, "\n".join([f"static void $P_{name}(uint8_t *p, {kind} value)", "{", *body, "}", ""]))


def _suffix(size: int) -> str:
    return "ULL" if size > 4 else "u"


_WRITE_BYTES = """static void $P_wr_bytes(uint8_t *p, const uint8_t *bytes, uint32_t size)
{
    if (bytes != NULL) {
        (void)memcpy(p, bytes, size);
    } else {
        (void)memset(p, 0, size);
    }
}
"""
