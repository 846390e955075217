"""The frames of a dialect in C: a check, a builder, and a framer for a stream of bytes; and checksums of any link."""

from collections.abc import Iterator

from lensmount_emulator.exports.c_code.names import Names, comment_text, template
from lensmount_emulator.exports.c_code.values import ValueWriter
from lensmount_emulator.exports.schema import FrameSchema, PartSchema
from lensmount_protocol.checksums import Checksum, CrcAlgorithm, SumAlgorithm
from lensmount_protocol.wire import Role


class FrameWriter:
    """Writes what the codec of a dialect does with frames.

    Attributes:
        finds: what finds frames, for readers.

    Args:
        frame: the frame of the dialect.
        names: the names of its C code.
        values: writes the numbers of a frame.
    """

    finds = "framer"

    def __init__(self, frame: FrameSchema, names: Names, values: ValueWriter) -> None:
        self.frame = frame
        self.names = names
        self.values = values

    def constants(self) -> Iterator[str]:
        """The sizes of a frame, for the header."""
        frame, upper = self.frame, self.names.upper
        yield f"#define {upper}_OVERHEAD {frame.head_size + frame.tail_size}u"
        yield f"#define {upper}_PAYLOAD_OFFSET {frame.head_size}u"
        for role in Role:
            yield f"#define {upper}_MAX_FRAME_{role.value.upper()} {frame.max_size[role]}u"
        yield f"#define {upper}_MAX_FRAME {max(frame.max_size.values())}u"

    def declarations(self) -> str:
        """The part of the header about frames."""
        return template("stream.h").substitute(p=self.names.prefix, P=self.names.upper)

    def definitions(self) -> str:
        """The part of the source about frames."""
        return template("stream.c").substitute(p=self.names.prefix, P=self.names.upper, **self._values_of_template())

    def usage(self) -> str:
        """The part of the README about frames."""
        return template("stream_use.md").substitute(p=self.names.prefix, P=self.names.upper)

    def test_functions(self) -> str:
        """The part of the test program that decodes the bytes of a vector."""
        return template("stream_test.c").substitute(p=self.names.prefix)

    def _values_of_template(self) -> dict[str, str]:
        frame = self.frame
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
            "checksum": checksum_function(self.frame.checksum, self.names.prefix, self.names),
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
        frame = self.frame
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
        frame = self.frame
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
        frame = self.frame
        if frame.part("class_") is None:
            return "true"
        groups = {role: " || ".join(f"(class_ == {each}u)" for each in frame.classes[role]) or "false" for role in Role}
        if groups[Role.BODY] == groups[Role.LENS]:
            return groups[Role.BODY]
        return f"(sender == {self.names.upper}_BODY) ? ({groups[Role.BODY]}) : ({groups[Role.LENS]})"

    def _build(self) -> Iterator[str]:
        frame = self.frame
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


def checksum_function(checksum: Checksum, prefix: str, names: Names) -> str:
    """The C function `PREFIX_checksum` of a checksum with known parameters, in the code of these names."""
    algorithm, name = checksum.algorithm, comment_text(checksum.name)
    match algorithm:
        case SumAlgorithm():
            step = "value ^= data[i];" if algorithm.exclusive else "value += data[i];"
            return template("sum.c").substitute(
                p=prefix, name=name, step=step, mask=f"{(1 << algorithm.width) - 1:#x}u"
            )
        case CrcAlgorithm():
            return template("crc.c").substitute(
                p=prefix,
                P=names.upper,
                name=name,
                kind=f"uint{algorithm.width}_t",
                initial=f"{_first_register(algorithm):#x}u",
                final=f"{algorithm.final_xor:#x}u",
                table=_table(algorithm),
                step=_crc_step(algorithm, f"{prefix}_crc_steps"),
                bit_step=_crc_bits(algorithm),
            )
        case None:
            raise TypeError(checksum)


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
    # C shifts a narrow number as a signed one, and compilers warn about that.
    kind, shifting = f"uint{algorithm.width}_t", "(uint32_t)value"
    if algorithm.reflected:
        polynomial = f"{_reflect(algorithm.polynomial, algorithm):#x}u"
        enter = f"value = ({kind})(value ^ data[i]);"
        step = f"value = ({kind})(((value & 1u) != 0u) ? (({shifting} >> 1u) ^ {polynomial}) : ({shifting} >> 1u));"
    else:
        polynomial, top = f"{algorithm.polynomial:#x}u", f"{1 << (algorithm.width - 1):#x}u"
        shifted = f"(({kind})data[i] << {algorithm.width - 8}u)" if algorithm.width > 8 else "data[i]"
        enter = f"value = ({kind})(value ^ {shifted});"
        step = f"value = ({kind})(((value & {top}) != 0u) ? (({shifting} << 1u) ^ {polynomial}) : ({shifting} << 1u));"
    return f"{enter}\n        for (uint32_t bit = 0u; bit < 8u; ++bit) {{\n            {step}\n        }}"
