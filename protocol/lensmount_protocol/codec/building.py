"""Source that builds constructs whose size depends on the values: each adds its bytes to a list."""

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

from lensmount_protocol.codec.conversions import adapted, conversion_of_rest, is_a, member_of, put, unnamed
from lensmount_protocol.codec.expressions import source_of
from lensmount_protocol.codec.reading import counted_array, optional_slot
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.codec.slots import Slot, slot_of, struct_of_slots
from lensmount_protocol.constructs import RecordOf, UntilEnd


class Building:
    """Writes the statements of one building function; `add` takes each piece of bytes."""

    def __init__(self, scribe: Scribe, indent: int = 1) -> None:
        self.scribe = scribe
        self.lines: list[str] = []
        self.indent = indent
        self.add = "add"
        self._scopes: list[dict[str, str]] = []

    def fields(
        self, fields: list[tuple[str | None, Any]], values: list[str], *, head: tuple[str, str] = ("", "")
    ) -> None:
        """Write fields one behind the other; `head` is a struct code and a value in front of them."""
        scope = {name: value for (name, _), value in zip(fields, values, strict=True) if name}
        self._scopes.append(scope)
        run: list[tuple[str, Slot]] = [(head[1], Slot(head[0]))] if head[0] else []
        for (name, layout), source in zip(fields, values, strict=True):
            value = source
            bare = unnamed(layout)
            if isinstance(bare, Rebuild | Computed):
                value = self.scribe.name("rebuilt")
                self.put(f"{value} = {source_of(bare.func, self.name)}")
                bare = bare.subcon if isinstance(bare, Rebuild) else Pass
            elif isinstance(bare, Default):
                value = self.given(bare, source)
                bare = unnamed(bare.subcon)
            slot = slot_of(bare, self.scribe)
            if slot is not None:
                run.append((value, slot))
            else:
                self._flush(run)
                self.value(bare, value)
            if name:
                scope[name] = self.scribe.literal(bare.value) if isinstance(bare, Const) else value
        self._flush(run)
        self._scopes.pop()

    def given(self, layout: Any, value: str) -> str:
        """The name of a value, or of the default where there is none."""
        given = self.scribe.name("given")
        default = source_of(layout.value, self.name) if callable(layout.value) else self.scribe.literal(layout.value)
        self.put(f"{given} = {default} if {value} is None else {value}")
        return given

    def value(self, layout: Any, value: str) -> None:
        """Write one construct."""
        layout = unnamed(layout)
        slot = slot_of(layout, self.scribe)
        if slot is not None:
            self._flush([(value, slot)])
            return
        rest = conversion_of_rest(layout, self.scribe)
        if rest is not None:
            self.put(f"{self.add}({put(rest[1], value)})")
            return
        for kind, write in _WRITERS:
            if is_a(layout, kind):
                write(self, layout, value)
                return
        raise NotCovered(type(layout).__name__)

    def name(self, field: str) -> str:
        """The source of a field's value, for `this.field`."""
        if self._scopes and field in self._scopes[-1]:
            return self._scopes[-1][field]
        raise NotCovered(f"this.{field}, which generated code does not hold")

    def put(self, line: str) -> None:
        """Add a statement."""
        self.lines.append("    " * self.indent + line)

    def _flush(self, run: list[tuple[str, Slot]]) -> None:
        if run:
            code, slots = struct_of_slots([slot for _, slot in run], self.scribe)
            encoded = (put(slot.encode, value) for (value, _), slot in zip(run, slots, strict=True))
            self.put(f"{self.add}({self.scribe.pack(code)}({', '.join(encoded)}))")
            run.clear()

    def apart(self, layout: Any, value: str) -> str:
        """Write a construct into bytes of its own; the source of them."""
        parts, before = self.scribe.name("parts"), self.add
        self.add = self.scribe.name("add")
        self.put(f"{parts} = []; {self.add} = {parts}.append")
        self.value(layout, value)
        self.add = before
        return f"b''.join({parts})"

    def each(self, layout: Any, values: str) -> None:
        """Write a construct for each of several values."""
        element = self.scribe.name("element")
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


def _bytes(building: Building, layout: Any, value: str) -> None:
    building.put(f"if len({value}) != {source_of(layout.length, building.name)}: fail()")
    building.put(f"{building.add}(plain({value}))")


def _array(building: Building, layout: Any, value: str) -> None:
    if layout.discard:
        raise NotCovered("an array that is read and thrown away")
    building.put(f"if len({value}) != {source_of(layout.count, building.name)}: fail()")
    building.each(layout.subcon, value)


def _sequence(building: Building, layout: Any, value: str) -> None:
    counted = counted_array(layout)
    if counted is None:
        raise NotCovered("FocusedSeq")
    building.value(counted[0], f"len({value})")
    building.each(counted[1], value)


def _prefixed(building: Building, layout: Any, value: str) -> None:
    data = building.scribe.name("data")
    building.put(f"{data} = {building.apart(layout.subcon, value)}")
    own = layout.lengthfield.sizeof() if layout.includelength else 0
    building.value(layout.lengthfield, f"(len({data}) + {own})" if own else f"len({data})")
    building.put(f"{building.add}({data})")


def _bounded(building: Building, layout: Any, value: str) -> None:
    data = building.apart(layout.subcon, value)
    building.put(f"{building.add}(padded({data}, {source_of(layout.length, building.name)}))")


def _terminated(building: Building, layout: Any, value: str) -> None:
    building.value(layout.subcon, value)
    building.put(f"{building.add}({layout.term!r})")


def _struct(building: Building, layout: Any, value: str) -> None:
    values = [member_of(value, field, None) if field.name else "None" for field in layout.subcons]
    building.fields([(field.name, field) for field in layout.subcons], values)


def _record(building: Building, layout: Any, value: str) -> None:
    fields = layout.subcon.subcons
    building.fields([(field.name, field) for field in fields], [f"{value}.{field.name}" for field in fields])


def _choice(building: Building, layout: Any, value: str) -> None:
    building.branch(f"if {source_of(layout.condfunc, building.name)}:", layout.thensubcon, value)
    building.branch("else:", layout.elsesubcon, value)


def _switch(building: Building, layout: Any, value: str) -> None:
    key = building.scribe.name("key")
    building.put(f"{key} = {source_of(layout.keyfunc, building.name)}")
    head = "if"
    for case, chosen in layout.cases.items():
        building.branch(f"{head} {key} == {building.scribe.literal(case)}:", chosen, value)
        head = "elif"
    building.branch("else:" if layout.cases else "if True:", layout.default, value)


def _optional(building: Building, layout: Any, value: str) -> None:
    if optional_slot(layout, building.scribe) is None:
        raise NotCovered("Optional or Select of what can fail for other reasons than missing bytes")
    # construct writes nothing at all for a value that does not fit; here that ends the attempt, and it is asked.
    building.branch(f"if {value} is not None:", layout.subcons[0], value)


def _default(building: Building, layout: Any, value: str) -> None:
    building.value(layout.subcon, building.given(layout, value))


def _constant(building: Building, layout: Any, value: str) -> None:
    constant = building.scribe.literal(layout.value)
    building.put(f"if {value} is not None: same({value}, {constant})")
    building.value(layout.subcon, constant)


def _adapter(building: Building, layout: Any, value: str) -> None:
    encoded = building.scribe.name("encoded")
    building.put(f"{encoded} = {put(adapted(layout, '{v}', '{v}', building.scribe)[1], value)}")
    building.value(layout.subcon, encoded)


def _nothing(_building: Building, _layout: Any, _value: str) -> None:
    return


def _refuse(_building: Building, layout: Any, _value: str) -> None:
    raise NotCovered(f"{type(layout).__name__} that is no field of a message")


_WRITERS: tuple[tuple[Any, Callable[[Building, Any, str], None]], ...] = (
    (Bytes, _bytes),
    (Array, _array),
    (UntilEnd, lambda building, layout, value: building.each(layout.subcon, value)),
    (FocusedSeq, _sequence),
    (Prefixed, _prefixed),
    (FixedSized, _bounded),
    (NullTerminated, _terminated),
    (Struct, _struct),
    (RecordOf, _record),
    (IfThenElse, _choice),
    (Switch, _switch),
    (Select, _optional),
    (Computed, _refuse),
    (Rebuild, _refuse),
    (Default, _default),
    (Const, _constant),
    (Adapter, _adapter),
    (type(Pass), _nothing),
)
