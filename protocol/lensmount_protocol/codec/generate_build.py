"""Generates source that builds constructs of variable size: each construct adds its bytes to a list."""

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
from lensmount_protocol.codec.generate_parse import counted_array, optional_struct_field
from lensmount_protocol.codec.generate_struct import StructField, combine_struct_fields, struct_field_for
from lensmount_protocol.codec.source_builder import (
    SourceBuilder,
    UnsupportedConstruct,
    apply_adapter,
    expression_source,
    is_kind,
    member_source,
    rest_conversion,
    substitute,
    unwrap_renamed,
)


class BuildGenerator:
    """Writes the statements of one building function; `add` takes each piece of bytes."""

    def __init__(self, builder: SourceBuilder, indent: int = 1) -> None:
        self.builder = builder
        self.lines: list[str] = []
        self.indent = indent
        self.add = "add"
        self._scopes: list[dict[str, str]] = []

    def fields(
        self, fields: list[tuple[str | None, Any]], values: list[str], *, head: tuple[str, str] = ("", "")
    ) -> None:
        """Write fields in order; `head` is a struct code and a value in front of them."""
        scope = {name: value for (name, _), value in zip(fields, values, strict=True) if name}
        self._scopes.append(scope)
        run: list[tuple[str, StructField]] = [(head[1], StructField(head[0]))] if head[0] else []
        for (name, layout), source in zip(fields, values, strict=True):
            value = source
            bare = unwrap_renamed(layout)
            if isinstance(bare, Rebuild | Computed):
                value = self.builder.name("rebuilt")
                self.put(f"{value} = {expression_source(bare.func, self.name)}")
                bare = bare.subcon if isinstance(bare, Rebuild) else Pass
            elif isinstance(bare, Default):
                value = self.value_or_default(bare, source)
                bare = unwrap_renamed(bare.subcon)
            slot = struct_field_for(bare, self.builder)
            if slot is not None:
                run.append((value, slot))
            else:
                self._flush(run)
                self.value(bare, value)
            if name:
                scope[name] = self.builder.literal(bare.value) if isinstance(bare, Const) else value
        self._flush(run)
        self._scopes.pop()

    def value_or_default(self, layout: Any, value: str) -> str:
        """The name of a value, or of the default where there is none."""
        given = self.builder.name("given")
        default = (
            expression_source(layout.value, self.name) if callable(layout.value) else self.builder.literal(layout.value)
        )
        self.put(f"{given} = {default} if {value} is None else {value}")
        return given

    def value(self, layout: Any, value: str) -> None:
        """Write one construct."""
        layout = unwrap_renamed(layout)
        slot = struct_field_for(layout, self.builder)
        if slot is not None:
            self._flush([(value, slot)])
            return
        rest = rest_conversion(layout, self.builder)
        if rest is not None:
            self.put(f"{self.add}({substitute(rest[1], value)})")
            return
        for kind, write in _WRITERS:
            if is_kind(layout, kind):
                write(self, layout, value)
                return
        raise UnsupportedConstruct(type(layout).__name__)

    def name(self, field: str) -> str:
        """The source of a field's value, for `this.field`."""
        if self._scopes and field in self._scopes[-1]:
            return self._scopes[-1][field]
        raise UnsupportedConstruct(f"this.{field}, which generated code does not hold")

    def put(self, line: str) -> None:
        """Add a statement."""
        self.lines.append("    " * self.indent + line)

    def _flush(self, run: list[tuple[str, StructField]]) -> None:
        if run:
            code, slots = combine_struct_fields([slot for _, slot in run], self.builder)
            encoded = (substitute(slot.encode, value) for (value, _), slot in zip(run, slots, strict=True))
            self.put(f"{self.add}({self.builder.pack(code)}({', '.join(encoded)}))")
            run.clear()

    def build_separately(self, layout: Any, value: str) -> str:
        """Write a construct into bytes of its own; the source of them."""
        parts, before = self.builder.name("parts"), self.add
        self.add = self.builder.name("add")
        self.put(f"{parts} = []; {self.add} = {parts}.append")
        self.value(layout, value)
        self.add = before
        return f"b''.join({parts})"

    def build_each(self, layout: Any, values: str) -> None:
        """Write a construct for each of several values."""
        element = self.builder.name("element")
        self.put(f"for {element} in {values}:")
        self.indent += 1
        self.value(layout, element)
        self.indent -= 1

    def branch(self, head: str, layout: Any, value: str) -> None:
        """Write a construct where a condition holds."""
        self.put(head)
        self.indent += 1
        self.put("pass")
        self.value(layout, value)
        self.indent -= 1


def _bytes(generator: BuildGenerator, layout: Any, value: str) -> None:
    generator.put(f"if len({value}) != {expression_source(layout.length, generator.name)}: reject()")
    generator.put(f"{generator.add}(require_bytes({value}))")


def _array(generator: BuildGenerator, layout: Any, value: str) -> None:
    if layout.discard:
        raise UnsupportedConstruct("an array that is read and thrown away")
    generator.put(f"if len({value}) != {expression_source(layout.count, generator.name)}: reject()")
    generator.build_each(layout.subcon, value)


def _sequence(generator: BuildGenerator, layout: Any, value: str) -> None:
    counted = counted_array(layout)
    if counted is None:
        raise UnsupportedConstruct("FocusedSeq")
    generator.value(counted[0], f"len({value})")
    generator.build_each(counted[1], value)


def _prefixed(generator: BuildGenerator, layout: Any, value: str) -> None:
    data = generator.builder.name("data")
    generator.put(f"{data} = {generator.build_separately(layout.subcon, value)}")
    own = layout.lengthfield.sizeof() if layout.includelength else 0
    generator.value(layout.lengthfield, f"(len({data}) + {own})" if own else f"len({data})")
    generator.put(f"{generator.add}({data})")


def _bounded(generator: BuildGenerator, layout: Any, value: str) -> None:
    data = generator.build_separately(layout.subcon, value)
    generator.put(f"{generator.add}(pad({data}, {expression_source(layout.length, generator.name)}))")


def _terminated(generator: BuildGenerator, layout: Any, value: str) -> None:
    generator.value(layout.subcon, value)
    generator.put(f"{generator.add}({layout.term!r})")


def _struct(generator: BuildGenerator, layout: Any, value: str) -> None:
    values = [member_source(value, field, None) if field.name else "None" for field in layout.subcons]
    generator.fields([(field.name, field) for field in layout.subcons], values)


def _record(generator: BuildGenerator, layout: Any, value: str) -> None:
    fields = layout.subcon.subcons
    generator.fields([(field.name, field) for field in fields], [f"{value}.{field.name}" for field in fields])


def _choice(generator: BuildGenerator, layout: Any, value: str) -> None:
    generator.branch(f"if {expression_source(layout.condfunc, generator.name)}:", layout.thensubcon, value)
    generator.branch("else:", layout.elsesubcon, value)


def _switch(generator: BuildGenerator, layout: Any, value: str) -> None:
    key = generator.builder.name("key")
    generator.put(f"{key} = {expression_source(layout.keyfunc, generator.name)}")
    head = "if"
    for case, chosen in layout.cases.items():
        generator.branch(f"{head} {key} == {generator.builder.literal(case)}:", chosen, value)
        head = "elif"
    generator.branch("else:" if layout.cases else "if True:", layout.default, value)


def _optional(generator: BuildGenerator, layout: Any, value: str) -> None:
    if optional_struct_field(layout, generator.builder) is None:
        raise UnsupportedConstruct("Optional or Select of what can fail for other reasons than missing bytes")
    # construct writes nothing for a value that does not fit; generated code raises here, and construct builds.
    generator.branch(f"if {value} is not None:", layout.subcons[0], value)


def _default(generator: BuildGenerator, layout: Any, value: str) -> None:
    generator.value(layout.subcon, generator.value_or_default(layout, value))


def _constant(generator: BuildGenerator, layout: Any, value: str) -> None:
    constant = generator.builder.literal(layout.value)
    generator.put(f"if {value} is not None: require_equal({value}, {constant})")
    generator.value(layout.subcon, constant)


def _adapter(generator: BuildGenerator, layout: Any, value: str) -> None:
    encoded = generator.builder.name("encoded")
    generator.put(f"{encoded} = {substitute(apply_adapter(layout, '{v}', '{v}', generator.builder)[1], value)}")
    generator.value(layout.subcon, encoded)


def _nothing(_generator: BuildGenerator, _layout: Any, _value: str) -> None:
    return


def _reject_layout(_generator: BuildGenerator, layout: Any, _value: str) -> None:
    raise UnsupportedConstruct(f"{type(layout).__name__} that is no field of a message")


_WRITERS: tuple[tuple[Any, Callable[[BuildGenerator, Any, str], None]], ...] = (
    (Bytes, _bytes),
    (Array, _array),
    (StrictGreedyRange, lambda building, layout, value: building.build_each(layout.subcon, value)),
    (FocusedSeq, _sequence),
    (Prefixed, _prefixed),
    (FixedSized, _bounded),
    (NullTerminated, _terminated),
    (Struct, _struct),
    (FieldGroupAdapter, _record),
    (IfThenElse, _choice),
    (Switch, _switch),
    (Select, _optional),
    (Computed, _reject_layout),
    (Rebuild, _reject_layout),
    (Default, _default),
    (Const, _constant),
    (Adapter, _adapter),
    (type(Pass), _nothing),
)
