"""The units of a clocked dialect in C: a check that parses a burst, and a builder, from the declared forms."""

from collections.abc import Iterator

from lensmount_emulator.exports.c_code.frames import checksum_function
from lensmount_emulator.exports.c_code.names import Names, comment_text, template
from lensmount_emulator.exports.schema import snake_case
from lensmount_emulator.exports.units_schema import UnitsSchema
from lensmount_protocol.checksums import Checksum
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
    distinct_forms,
)
from lensmount_protocol.wire import Role


class UnitWriter:
    """Writes what the codec of a dialect does with units.

    Attributes:
        finds: what finds units, for readers.

    Args:
        schema: the dialect.
        names: the names of its C code.
    """

    finds = "check of a burst"

    def __init__(self, schema: UnitsSchema, names: Names) -> None:
        self.names = names
        self._by_sender = schema.forms
        self._forms = distinct_forms(schema.forms)
        self._checksums = schema.checksums

    def constants(self) -> Iterator[str]:
        """The sizes of a unit, for the header."""
        upper = self.names.upper
        for role in Role:
            longest = max(form.sizes[1] for form in self._by_sender[role])
            yield f"#define {upper}_MAX_UNIT_{role.value.upper()} {longest}u"
        yield f"#define {upper}_MAX_UNIT {max(form.sizes[1] for form in self._forms)}u"
        yield f"#define {upper}_MAX_PAYLOAD {max(form.max_payload for form in self._forms)}u"

    def declarations(self) -> str:
        """The part of the header about units."""
        text = template("units.h").substitute(p=self.names.prefix, P=self.names.upper)
        for checksum in self._checksums:
            text += f"uint32_t {self._checksum_name(checksum)}(const uint8_t *data, uint32_t size);\n\n"
        return text

    def definitions(self) -> str:
        """The part of the source about units."""
        checksums = (checksum_function(each, self._checksum_prefix(each), self.names) for each in self._checksums)
        return template("units.c").substitute(
            p=self.names.prefix,
            P=self.names.upper,
            checksums="\n".join(checksums),
            forms="\n".join(line for number, form in enumerate(self._forms) for line in self._functions(number, form)),
            find="\n".join(self._find()),
            take="\n".join(
                line
                for number in range(len(self._forms))
                for line in (
                    f"    case {number}u:",
                    f"        {self.names.prefix}_take_{number}(data, size, out);",
                    "        break;",
                )
            ),
            encode="\n".join(self._encode()),
        )

    def usage(self) -> str:
        """The part of the README about units."""
        return template("units_use.md").substitute(p=self.names.prefix, P=self.names.upper)

    def test_functions(self) -> str:
        """The part of the test program that decodes the bytes of a vector."""
        return template("units_test.c").substitute(p=self.names.prefix, P=self.names.upper)

    def _checksum_prefix(self, checksum: Checksum) -> str:
        return f"{self.names.prefix}_{snake_case(checksum.name)}"

    def _checksum_name(self, checksum: Checksum) -> str:
        return f"{self._checksum_prefix(checksum)}_checksum"

    def _find(self) -> Iterator[str]:
        prefix, upper = self.names.prefix, self.names.upper
        for role in Role:
            yield f"    if (sender == {upper}_{role.value.upper()}) {{"
            for form in self._by_sender[role]:
                number = self._forms.index(form)
                yield f"        verdict = {prefix}_is_{number}(data, size);"
                yield f"        if (verdict == {upper}_UNIT_OK) {{"
                yield from (f"            *form = {number}u;", "            return verdict;", "        }")
                yield f"        found = (verdict == {upper}_UNIT_LENGTH) ? found : verdict;"
            yield "    }"

    def _encode(self) -> Iterator[str]:
        prefix, upper = self.names.prefix, self.names.upper
        for role in Role:
            yield f"    if (sender == {upper}_{role.value.upper()}) {{"
            for form in self._by_sender[role]:
                number = self._forms.index(form)
                sequence = "" if form.sequence is None else "sequence, "
                yield f"        if (class_ == {form.class_}u) {{"
                yield f"            total = {prefix}_build_{number}({sequence}payload, size, out, room);"
                found = f"{prefix}_form_of(sender, out, total, &form) == {upper}_UNIT_OK"
                yield f"            if ((total > 0u) && ({found}) && (form == {number}u)) {{"
                yield from ("                return total;", "            }", "        }")
            yield "    }"

    def _functions(self, number: int, form: UnitForm) -> Iterator[str]:
        prefix, upper = self.names.prefix, self.names.upper
        least, most = form.sizes
        test = f"size != {least}u" if least == most else f"(size < {least}u) || (size > {most}u)"
        yield f"/* {comment_text(form.name)} */"
        yield f"static {prefix}_verdict {prefix}_is_{number}(const uint8_t *data, uint32_t size)"
        yield from ("{", "    (void)data;", f"    if ({test}) {{", f"        return {upper}_UNIT_LENGTH;", "    }")
        for rule in form.all_rules:
            yield from self._rule(rule)
        for part in form.payload:
            yield from self._fits(part) if isinstance(part, UnitBytes) else ()
        yield from (f"    return {upper}_UNIT_OK;", "}", "")
        yield f"static void {prefix}_take_{number}(const uint8_t *data, uint32_t size, {prefix}_unit *out)"
        yield from ("{", "    (void)data;", "    (void)size;", f"    out->class_ = {form.class_}u;")
        yield f"    out->sequence = {'0u' if form.sequence is None else self._read(form.sequence)};"
        yield "    out->payload_size = 0u;"
        for part in form.payload:
            yield from self._take(part)
        yield from ("}", "")
        yield from self._build(number, form)

    def _place(self, bits: UnitBits, size: str = "size") -> str:
        return f"{bits.at}u" if bits.at >= 0 else f"{size} - {-bits.at}u"

    def _arguments(self, bits: UnitBits) -> str:
        return f"{bits.size}u, {'true' if bits.little else 'false'}, {bits.shift}u, {bits.mask:#x}u"

    def _read(self, bits: UnitBits, data: str = "data", size: str = "size") -> str:
        return f"{self.names.prefix}_bits(&{data}[{self._place(bits, size)}], {self._arguments(bits)})"

    def _stop(self, span: UnitBytes, data: str = "data", size: str = "size") -> str:
        if isinstance(span.size, UnitBits):
            return f"{span.start}u + {self._read(span.size, data, size)}"
        return f"{size} - {span.after}u" if span.size is None else f"{span.start + span.size}u"

    def _fits(self, span: UnitBytes) -> Iterator[str]:
        """What a unit must have room for; the number alone is compared, because the place after it may overflow."""
        if isinstance(span.size, UnitBits):
            yield f"    if ({self._read(span.size)} > (size - {span.start}u)) {{"
            yield from (f"        return {self.names.upper}_UNIT_LENGTH;", "    }")

    def _rule(self, rule: UnitRule) -> Iterator[str]:
        verdict = "CHECKSUM"
        match rule:
            case OneOf():
                yield from ("    {", f"        const uint32_t number = {self._read(rule.number)};")
                test = "!(" + " || ".join(f"(number == {value:#x}u)" for value in rule.values) + ")"
                verdict = "NO_FORM"
            case SizeIs():
                side = f"- {rule.surplus}u" if rule.surplus >= 0 else f"+ {-rule.surplus}u"
                short = f"(size < {rule.surplus}u) || " if rule.surplus > 0 else ""
                yield from ("    {", f"        const uint32_t number = {self._read(rule.number)};")
                test, verdict = f"{short}(number != (size {side}))", "LENGTH"
            case ZeroAfter():
                yield from self._fits(rule.carried)
                yield from ("    {", f"        const uint32_t first = {self._stop(rule.carried)};")
                yield from ("        uint32_t bits = 0u;", f"        if (first > (size - {rule.after}u)) {{")
                yield from (f"            return {self.names.upper}_UNIT_LENGTH;", "        }")
                yield f"        for (uint32_t i = first; i < (size - {rule.after}u); ++i) {{"
                yield from ("            bits |= data[i];", "        }")
                test, verdict = "bits != 0u", "NO_FORM"
            case ChecksumIs():
                yield from self._fits(rule.over)
                yield from ("    {", f"        const uint32_t count = ({self._stop(rule.over)}) - {rule.over.start}u;")
                call = f"{self._checksum_name(rule.checksum)}(&data[{rule.over.start}u], count)"
                yield f"        const uint32_t expected = {call} & {rule.number.mask:#x}u;"
                test = f"{self._read(rule.number)} != expected"
            case SumIs():
                terms = " + ".join(self._read(term) for term in rule.terms)
                yield from ("    {", f"        const uint32_t expected = ({terms}) & {rule.number.mask:#x}u;")
                test = f"{self._read(rule.number)} != expected"
        yield from (f"        if ({test}) {{", f"            return {self.names.upper}_UNIT_{verdict};")
        yield from ("        }", "    }")

    def _take(self, part: PayloadPart) -> Iterator[str]:
        target = "out->payload[out->payload_size]"
        match part:
            case UnitBytes():
                yield from ("    {", f"        const uint32_t count = {self._stop(part)} - {part.start}u;")
                yield "        if (count > 0u) {"
                yield f"            (void)memcpy(&{target}, &data[{part.start}u], count);"
                yield from ("            out->payload_size += count;", "        }", "    }")
                return
            case UnitLookup():
                yield f"    switch ({self._read(part.number)}) {{"
                for key, value in part.values.items():
                    yield from (f"    case {key:#x}u:", f"        {target} = {value:#x}u;", "        break;")
                yield from ("    default:", "        break;", "    }")
            case UnitBits():
                yield f"    {target} = (uint8_t){self._read(part)};"
            case int():
                yield f"    {target} = {part:#x}u;"
        yield "    ++out->payload_size;"

    def _put(self, bits: UnitBits, value: str) -> list[str]:
        call = f"{self.names.prefix}_put_bits(&out[{self._place(bits, 'total')}], {self._arguments(bits)}, {value})"
        return [f"    if (!{call}) {{", "        return 0u;", "    }"]

    def _build(self, number: int, form: UnitForm) -> Iterator[str]:
        prefix = self.names.prefix
        sequence = "" if form.sequence is None else "uint32_t sequence, "
        arguments = f"{sequence}const uint8_t *payload, uint32_t size, uint8_t *out, uint32_t room"
        yield from (f"static uint32_t {prefix}_build_{number}({arguments})", "{")
        yield from self._total(form)
        yield "    (void)memset(out, 0, total);"
        for rule in form.rules:
            if isinstance(rule, OneOf) and len(rule.values) == 1:
                yield from self._put(rule.number, f"{rule.values[0]:#x}u")
            elif isinstance(rule, SizeIs):
                side = f"- {rule.surplus}u" if rule.surplus >= 0 else f"+ {-rule.surplus}u"
                yield from self._put(rule.number, f"total {side}")
        yield from self._carry(form)
        if form.sequence is not None:
            yield from self._put(form.sequence, f"sequence & {form.sequence.mask:#x}u")
        for rule in form.rules:
            if isinstance(rule, ChecksumIs | SumIs):
                yield from self._seal(rule)
        yield from ("    return total;", "}", "")

    def _total(self, form: UnitForm) -> Iterator[str]:
        """The size of the unit; `rest` is what the part of variable size carries."""
        fixed, spread = form.fixed_size, form.open_part
        least, most = form.sizes
        if fixed or spread is None:
            test = f"size < {fixed}u" if spread is not None else f"size != {fixed}u"
            yield from (f"    if ({test}) {{", "        return 0u;", "    }")
        total = f"{least}u"
        if spread is not None:
            yield f"    const uint32_t rest = size - {fixed}u;"
            if spread.size is None:
                total = f"rest + {spread.start + spread.after}u"
                yield from (f"    if (rest > {most}u) {{", "        return 0u;", "    }")
        yield f"    const uint32_t total = {total};"
        tests = ["(total > room)"]
        if spread is not None and spread.size is None:
            tests += [f"(total < {least}u)", f"(total > {most}u)"]
        elif spread is not None:
            tests += [f"(rest > (total - {spread.start}u))"]
        yield from (f"    if ({' || '.join(tests)}) {{", "        return 0u;", "    }")

    def _carry(self, form: UnitForm) -> Iterator[str]:
        """Write the payload; `at` is its next byte."""
        yield "    uint32_t at = 0u;"
        for part in form.payload:
            match part:
                case int():
                    yield from (f"    if (payload[at] != {part:#x}u) {{", "        return 0u;", "    }")
                case UnitBits():
                    yield from self._put(part, "payload[at]")
                case UnitLookup():
                    yield from ("    switch (payload[at]) {",)
                    for key, value in part.values.items():
                        put = [f"    {line}" for line in self._put(part.number, f"{key:#x}u")]
                        yield from (f"    case {value:#x}u:", *put, "        break;")
                    yield from ("    default:", "        return 0u;", "    }")
                case UnitBytes():
                    count = f"{part.size}u" if isinstance(part.size, int) else "rest"
                    if isinstance(part.size, UnitBits):
                        yield from self._put(part.size, "rest")
                    yield from (f"    if ({count} > 0u) {{",)
                    yield f"        (void)memcpy(&out[{part.start}u], &payload[at], {count});"
                    yield from ("    }", f"    at += {count};")
                    continue
            yield "    ++at;"
        yield "    (void)at;"

    def _seal(self, rule: ChecksumIs | SumIs) -> Iterator[str]:
        """Write a checksum over what stands in `out`."""
        written = ("out", "total")
        if isinstance(rule, SumIs):
            terms = " + ".join(self._read(term, *written) for term in rule.terms)
            yield from self._put(rule.number, f"({terms}) & {rule.number.mask:#x}u")
            return
        count = f"({self._stop(rule.over, *written)}) - {rule.over.start}u"
        call = f"{self._checksum_name(rule.checksum)}(&out[{rule.over.start}u], {count})"
        yield from self._put(rule.number, f"{call} & {rule.number.mask:#x}u")
