"""Generates source that parses constructs of variable size: counts, lengths, conditions, optional tails."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any

from construct import (
    Adapter,
    Array,
    Bytes,
    Computed,
    Const,
    Default,
    FixedSized,
    FocusedSeq,
    GreedyBytes,
    IfThenElse,
    NullTerminated,
    Pass,
    Prefixed,
    Rebuild,
    Select,
    Struct,
    Switch,
)

from lensmount_protocol.codec.constructs import FieldGroupAdapter, StrictGreedyRange
from lensmount_protocol.codec.generate_struct import StructField, combine_struct_fields, struct_field_for
from lensmount_protocol.codec.source_builder import (
    SourceBuilder,
    UnsupportedConstruct,
    apply_adapter,
    construct_call,
    expression_source,
    is_kind,
    rest_conversion,
    substitute,
    unwrap_renamed,
)


class ParseGenerator:
    """Writes the statements of one reading function; `p` is the place in `data`, `end` where its bytes end."""

    def __init__(self, builder: SourceBuilder, indent: int = 1) -> None:
        self.builder = builder
        self.lines: list[str] = []
        self.indent = indent
        self.end = "end"
        self._scopes: list[dict[str, str]] = []

    def fields(self, fields: list[tuple[str | None, Any]]) -> list[str]:
        """Parse fields in order; return the sources of their values."""
        scope: dict[str, str] = {}
        self._scopes.append(scope)
        values: list[str] = []
        run: list[tuple[str, StructField]] = []
        for name, layout in fields:
            value = self.builder.name(name or "skipped")
            slot = struct_field_for(layout, self.builder)
            if slot is not None:
                run.append((value, slot))
            else:
                self._flush(run)
                self.put(f"{value} = {self.value(layout)}")
            values.append(value)
            if name:
                scope[name] = value
        self._flush(run)
        self._scopes.pop()
        return values

    def value(self, layout: Any) -> str:
        """Read one construct; the source of its value."""
        layout = unwrap_renamed(layout)
        slot = struct_field_for(layout, self.builder)
        if slot is not None:
            value = self.builder.name("value")
            self._flush([(value, slot)])
            return value
        rest = rest_conversion(layout, self.builder)
        if rest is not None:
            data = self.builder.name("rest")
            self.put(f"{data} = data[p:{self.end}]; p = {self.end}")
            return substitute(rest[0], data)
        for kind, read in _READERS:
            if is_kind(layout, kind):
                return read(self, layout)
        raise UnsupportedConstruct(type(layout).__name__)

    def name(self, field: str) -> str:
        """The source of a field that has been read, for `this.field`."""
        if self._scopes and field in self._scopes[-1]:
            return self._scopes[-1][field]
        raise UnsupportedConstruct(f"this.{field}, which generated code does not hold")

    def put(self, line: str) -> None:
        """Add a statement."""
        self.lines.append("    " * self.indent + line)

    def _flush(self, run: list[tuple[str, StructField]]) -> None:
        if not run:
            return
        code, slots = combine_struct_fields([slot for _, slot in run], self.builder)
        size = sum(slot.size for slot in slots)
        take = self.builder.unpack_from(code)
        self.put(f"if p + {size} > {self.end}: reject()")
        self.put(f"{', '.join(value for value, _ in run)}, = {take}(data, p); p += {size}")
        for (value, _), slot in zip(run, slots, strict=True):
            if slot.decode != "{v}":
                self.put(f"{value} = {substitute(slot.decode, value)}")
        run.clear()

    def bounded(self, length: str, layout: Any) -> str:
        """Read a construct from the next `length` bytes; what it leaves of them is skipped."""
        stop, before = self.builder.name("stop"), self.end
        self.put(f"{stop} = p + {length}")
        self.put(f"if not p <= {stop} <= {self.end}: reject()")
        self.end = stop
        value = self.builder.name("value")
        self.put(f"{value} = {self.value(layout)}")
        self.end = before
        self.put(f"p = {stop}")
        return value

    def prefixed(self, prefix: Any, fields: list[tuple[str | None, Any]]) -> list[str]:
        """Parse fields that fill the number of bytes that a prefix gives."""
        length, stop, before = self.builder.name("length"), self.builder.name("stop"), self.end
        self.put(f"{length} = {self.value(prefix)}")
        self.put(f"{stop} = p + {length}")
        self.put(f"if not p <= {stop} <= {before}: reject()")
        self.end = stop
        values = self.fields(fields)
        self.end = before
        self.put(f"p = {stop}")
        return values

    def repeated(self, head: str, layout: Any) -> str:
        """Read a construct again and again, in a loop with this head."""
        values, add = self.builder.name("values"), self.builder.name("add")
        self.put(f"{values} = []; {add} = {values}.append")
        self.put(head)
        self.indent += 1
        self.put(f"{add}({self.value(layout)})")
        self.indent -= 1
        return values

    def branch(self, head: str, layout: Any, value: str) -> None:
        """Read a construct where a condition holds."""
        self.put(head)
        self.indent += 1
        self.put(f"{value} = {self.value(layout)}")
        self.indent -= 1


def _bytes(generator: ParseGenerator, layout: Any) -> str:
    stop, data = generator.builder.name("stop"), generator.builder.name("data")
    generator.put(f"{stop} = p + {expression_source(layout.length, generator.name)}")
    generator.put(f"if not p <= {stop} <= {generator.end}: reject()")
    generator.put(f"{data} = data[p:{stop}]; p = {stop}")
    return data


def _array(generator: ParseGenerator, layout: Any) -> str:
    if layout.discard:
        raise UnsupportedConstruct("an array that is read and thrown away")
    count = generator.builder.name("count")
    generator.put(f"{count} = {expression_source(layout.count, generator.name)}")
    if not isinstance(layout.count, int):
        _refuse_negative(generator, count)
    return _counted(generator, count, layout.subcon)


def _refuse_negative(generator: ParseGenerator, count: str) -> None:
    """A count that is signed or computed can be negative, and may not lead backwards."""
    generator.put(f"if {count} < 0: reject()")


def _counted(generator: ParseGenerator, count: str, element: Any) -> str:
    slot = struct_field_for(element, generator.builder)
    if slot is None or slot.size == 0:
        return generator.repeated(f"for _ in range({count}):", element)
    values, stop, each = (generator.builder.name(stem) for stem in ("values", "stop", "each"))
    steps = generator.builder.constant("steps", f"Struct({(slot.order or '<') + slot.code!r}).iter_unpack")
    generator.put(f"{stop} = p + {count} * {slot.size}")
    generator.put(f"if {stop} > {generator.end}: reject()")
    generator.put(f"{values} = [{substitute(slot.decode, each)} for ({each},) in {steps}(data[p:{stop}])]; p = {stop}")
    return values


def _until_end(generator: ParseGenerator, layout: Any) -> str:
    return generator.repeated(f"while p < {generator.end}:", layout.subcon)


def _sequence(generator: ParseGenerator, layout: Any) -> str:
    counted = counted_array(layout)
    if counted is None:
        raise UnsupportedConstruct("FocusedSeq")
    count = generator.builder.name("count")
    slot = struct_field_for(counted[0], generator.builder)
    generator.put(f"{count} = {generator.value(counted[0])}")
    if slot is None or slot.decode != "{v}" or not slot.code.isupper():
        _refuse_negative(generator, count)
    return _counted(generator, count, counted[1])


def counted_array(layout: Any) -> tuple[Any, Any] | None:
    """Count field and element, where a `FocusedSeq` is what construct makes of `PrefixedArray`."""
    if layout.parsebuildfrom != "items" or [field.name for field in layout.subcons] != ["count", "items"]:
        return None
    count, items = unwrap_renamed(layout.subcons[0]), unwrap_renamed(layout.subcons[1])
    if not isinstance(count, Rebuild) or not isinstance(items, Array) or items.discard:
        return None
    if repr(count.func) != "len_(this['items'])" or repr(items.count) != "this['count']":
        return None
    return count.subcon, items.subcon


def _prefixed(generator: ParseGenerator, layout: Any) -> str:
    length = generator.builder.name("length")
    generator.put(f"{length} = {generator.value(layout.lengthfield)}")
    own = layout.lengthfield.sizeof() if layout.includelength else 0
    return generator.bounded(f"{length} - {own}" if own else length, layout.subcon)


def _bounded(generator: ParseGenerator, layout: Any) -> str:
    return generator.bounded(expression_source(layout.length, generator.name), layout.subcon)


def _terminated(generator: ParseGenerator, layout: Any) -> str:
    if len(layout.term) != 1 or layout.include or not layout.consume or not layout.require:
        raise UnsupportedConstruct("NullTerminated with other than its usual settings")
    inner = rest_conversion(layout.subcon, generator.builder)
    if inner is None:
        raise UnsupportedConstruct("NullTerminated around more than bytes or text")
    stop, data = generator.builder.name("stop"), generator.builder.name("data")
    generator.put(f"{stop} = data.find({layout.term!r}, p, {generator.end})")
    generator.put(f"if {stop} < 0: reject()")
    generator.put(f"{data} = data[p:{stop}]; p = {stop} + 1")
    return substitute(inner[0], data)


def _struct(generator: ParseGenerator, layout: Any) -> str:
    fields = [(field.name, field) for field in layout.subcons]
    values = generator.fields(fields)
    named = [(name, value) for (name, _), value in zip(fields, values, strict=True) if name]
    return construct_call([name for name, _ in named], [value for _, value in named], None, generator.builder)


def _record(generator: ParseGenerator, layout: Any) -> str:
    fields = [(field.name, field) for field in layout.subcon.subcons]
    return construct_call([name for name, _ in fields], generator.fields(fields), layout.kind, generator.builder)


def _choice(generator: ParseGenerator, layout: Any) -> str:
    value = generator.builder.name("chosen")
    generator.branch(f"if {expression_source(layout.condfunc, generator.name)}:", layout.thensubcon, value)
    generator.branch("else:", layout.elsesubcon, value)
    return value


def _switch(generator: ParseGenerator, layout: Any) -> str:
    value, key = generator.builder.name("chosen"), generator.builder.name("key")
    generator.put(f"{key} = {expression_source(layout.keyfunc, generator.name)}")
    head = "if"
    for case, chosen in layout.cases.items():
        generator.branch(f"{head} {key} == {generator.builder.literal(case)}:", chosen, value)
        head = "elif"
    generator.branch("else:" if layout.cases else "if True:", layout.default, value)
    return value


def optional_struct_field(layout: Any, builder: SourceBuilder) -> StructField | None:
    """The slot inside `Optional`, where it can fail for want of bytes only."""
    if len(layout.subcons) != 2 or unwrap_renamed(layout.subcons[1]) is not Pass:
        return None
    slot = struct_field_for(layout.subcons[0], builder)
    certain = slot is not None and not any(call in slot.decode for call in ("require_equal(", "_decode(", ".decode("))
    return slot if certain else None


def _optional(generator: ParseGenerator, layout: Any) -> str:
    slot = optional_struct_field(layout, generator.builder)
    if slot is None:
        raise UnsupportedConstruct("Optional or Select of what can fail for other reasons than missing bytes")
    value = generator.builder.name("optional")
    generator.put(f"{value} = None")
    generator.branch(f"if p + {slot.size} <= {generator.end}:", layout.subcons[0], value)
    return value


def _adapter(generator: ParseGenerator, layout: Any) -> str:
    value = generator.builder.name("value")
    generator.put(f"{value} = {generator.value(layout.subcon)}")
    return apply_adapter(layout, value, "{v}", generator.builder)[0]


def _constant(generator: ParseGenerator, layout: Any) -> str:
    return f"require_equal({generator.value(layout.subcon)}, {generator.builder.literal(layout.value)})"


_READERS: tuple[tuple[Any, Callable[[ParseGenerator, Any], str]], ...] = (
    (Bytes, _bytes),
    (Array, _array),
    (StrictGreedyRange, _until_end),
    (FocusedSeq, _sequence),
    (Prefixed, _prefixed),
    (FixedSized, _bounded),
    (NullTerminated, _terminated),
    (Struct, _struct),
    (FieldGroupAdapter, _record),
    (IfThenElse, _choice),
    (Switch, _switch),
    (Select, _optional),
    (Computed, lambda reading, layout: expression_source(layout.func, reading.name)),
    (Rebuild, lambda reading, layout: reading.value(layout.subcon)),
    (Default, lambda reading, layout: reading.value(layout.subcon)),
    (Const, _constant),
    (Adapter, _adapter),
    (type(Pass), lambda _reading, _layout: "None"),
    (type(GreedyBytes), lambda _reading, _layout: "b''"),
)
