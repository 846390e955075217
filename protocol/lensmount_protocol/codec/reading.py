"""Source that reads constructs whose size depends on the bytes: counts, lengths, conditions, optional tails."""

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

from lensmount_protocol.codec.conversions import adapted, conversion_of_rest, is_a, made, put, unnamed
from lensmount_protocol.codec.expressions import source_of
from lensmount_protocol.codec.scribe import NotCovered, Scribe
from lensmount_protocol.codec.slots import Slot, slot_of, struct_of_slots
from lensmount_protocol.constructs import RecordOf, UntilEnd


class Reading:
    """Writes the statements of one reading function; `p` is the place in `data`, `end` where its bytes end."""

    def __init__(self, scribe: Scribe, indent: int = 1) -> None:
        self.scribe = scribe
        self.lines: list[str] = []
        self.indent = indent
        self.end = "end"
        self._scopes: list[dict[str, str]] = []

    def fields(self, fields: list[tuple[str | None, Any]]) -> list[str]:
        """Read fields that stand one behind the other; the sources of their values."""
        scope: dict[str, str] = {}
        self._scopes.append(scope)
        values: list[str] = []
        run: list[tuple[str, Slot]] = []
        for name, layout in fields:
            value = self.scribe.name(name or "skipped")
            slot = slot_of(layout, self.scribe)
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
        layout = unnamed(layout)
        slot = slot_of(layout, self.scribe)
        if slot is not None:
            value = self.scribe.name("value")
            self._flush([(value, slot)])
            return value
        rest = conversion_of_rest(layout, self.scribe)
        if rest is not None:
            data = self.scribe.name("rest")
            self.put(f"{data} = data[p:{self.end}]; p = {self.end}")
            return put(rest[0], data)
        for kind, read in _READERS:
            if is_a(layout, kind):
                return read(self, layout)
        raise NotCovered(type(layout).__name__)

    def name(self, field: str) -> str:
        """The source of a field that has been read, for `this.field`."""
        if self._scopes and field in self._scopes[-1]:
            return self._scopes[-1][field]
        raise NotCovered(f"this.{field}, which generated code does not hold")

    def put(self, line: str) -> None:
        """Add a statement."""
        self.lines.append("    " * self.indent + line)

    def _flush(self, run: list[tuple[str, Slot]]) -> None:
        if not run:
            return
        code, slots = struct_of_slots([slot for _, slot in run], self.scribe)
        size = sum(slot.size for slot in slots)
        take = self.scribe.unpack_from(code)
        self.put(f"if p + {size} > {self.end}: fail()")
        self.put(f"{', '.join(value for value, _ in run)}, = {take}(data, p); p += {size}")
        for (value, _), slot in zip(run, slots, strict=True):
            if slot.decode != "{v}":
                self.put(f"{value} = {put(slot.decode, value)}")
        run.clear()

    def bounded(self, length: str, layout: Any) -> str:
        """Read a construct from the next `length` bytes; what it leaves of them is skipped."""
        stop, before = self.scribe.name("stop"), self.end
        self.put(f"{stop} = p + {length}")
        self.put(f"if not p <= {stop} <= {self.end}: fail()")
        self.end = stop
        value = self.scribe.name("value")
        self.put(f"{value} = {self.value(layout)}")
        self.end = before
        self.put(f"p = {stop}")
        return value

    def prefixed(self, prefix: Any, fields: list[tuple[str | None, Any]]) -> list[str]:
        """Read fields that take all of as many bytes as the number in front of them says."""
        length, stop, before = self.scribe.name("length"), self.scribe.name("stop"), self.end
        self.put(f"{length} = {self.value(prefix)}")
        self.put(f"{stop} = p + {length}")
        self.put(f"if {stop} > {before}: fail()")
        self.end = stop
        values = self.fields(fields)
        self.end = before
        self.put(f"p = {stop}")
        return values

    def repeated(self, head: str, layout: Any) -> str:
        """Read a construct again and again, in a loop with this head."""
        values, add = self.scribe.name("values"), self.scribe.name("add")
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


def _bytes(reading: Reading, layout: Any) -> str:
    stop, data = reading.scribe.name("stop"), reading.scribe.name("data")
    reading.put(f"{stop} = p + {source_of(layout.length, reading.name)}")
    reading.put(f"if not p <= {stop} <= {reading.end}: fail()")
    reading.put(f"{data} = data[p:{stop}]; p = {stop}")
    return data


def _array(reading: Reading, layout: Any) -> str:
    if layout.discard:
        raise NotCovered("an array that is read and thrown away")
    count = reading.scribe.name("count")
    reading.put(f"{count} = {source_of(layout.count, reading.name)}")
    reading.put(f"if {count} < 0: fail()")
    return _counted(reading, count, layout.subcon)


def _counted(reading: Reading, count: str, element: Any) -> str:
    slot = slot_of(element, reading.scribe)
    if slot is None or slot.size == 0:
        return reading.repeated(f"for _ in range({count}):", element)
    values, stop, each = (reading.scribe.name(stem) for stem in ("values", "stop", "each"))
    steps = reading.scribe.constant("steps", f"Struct({(slot.order or '<') + slot.code!r}).iter_unpack")
    reading.put(f"{stop} = p + {count} * {slot.size}")
    reading.put(f"if {stop} > {reading.end}: fail()")
    reading.put(f"{values} = [{put(slot.decode, each)} for ({each},) in {steps}(data[p:{stop}])]; p = {stop}")
    return values


def _until_end(reading: Reading, layout: Any) -> str:
    return reading.repeated(f"while p < {reading.end}:", layout.subcon)


def _sequence(reading: Reading, layout: Any) -> str:
    counted = counted_array(layout)
    if counted is None:
        raise NotCovered("FocusedSeq")
    count = reading.scribe.name("count")
    reading.put(f"{count} = {reading.value(counted[0])}")
    return _counted(reading, count, counted[1])


def counted_array(layout: Any) -> tuple[Any, Any] | None:
    """Count field and element, where a `FocusedSeq` is what construct makes of `PrefixedArray`."""
    if layout.parsebuildfrom != "items" or [field.name for field in layout.subcons] != ["count", "items"]:
        return None
    count, items = unnamed(layout.subcons[0]), unnamed(layout.subcons[1])
    if not isinstance(count, Rebuild) or not isinstance(items, Array) or items.discard:
        return None
    if repr(count.func) != "len_(this['items'])" or repr(items.count) != "this['count']":
        return None
    return count.subcon, items.subcon


def _prefixed(reading: Reading, layout: Any) -> str:
    length = reading.scribe.name("length")
    reading.put(f"{length} = {reading.value(layout.lengthfield)}")
    own = layout.lengthfield.sizeof() if layout.includelength else 0
    return reading.bounded(f"{length} - {own}" if own else length, layout.subcon)


def _bounded(reading: Reading, layout: Any) -> str:
    return reading.bounded(source_of(layout.length, reading.name), layout.subcon)


def _terminated(reading: Reading, layout: Any) -> str:
    if len(layout.term) != 1 or layout.include or not layout.consume or not layout.require:
        raise NotCovered("NullTerminated with other than its usual settings")
    inner = conversion_of_rest(layout.subcon, reading.scribe)
    if inner is None:
        raise NotCovered("NullTerminated around more than bytes or text")
    stop, data = reading.scribe.name("stop"), reading.scribe.name("data")
    reading.put(f"{stop} = data.find({layout.term!r}, p, {reading.end})")
    reading.put(f"if {stop} < 0: fail()")
    reading.put(f"{data} = data[p:{stop}]; p = {stop} + 1")
    return put(inner[0], data)


def _struct(reading: Reading, layout: Any) -> str:
    fields = [(field.name, field) for field in layout.subcons]
    values = reading.fields(fields)
    named = [(name, value) for (name, _), value in zip(fields, values, strict=True) if name]
    return made([name for name, _ in named], [value for _, value in named], None, reading.scribe)


def _record(reading: Reading, layout: Any) -> str:
    fields = [(field.name, field) for field in layout.subcon.subcons]
    return made([name for name, _ in fields], reading.fields(fields), layout.kind, reading.scribe)


def _choice(reading: Reading, layout: Any) -> str:
    value = reading.scribe.name("chosen")
    reading.branch(f"if {source_of(layout.condfunc, reading.name)}:", layout.thensubcon, value)
    reading.branch("else:", layout.elsesubcon, value)
    return value


def _switch(reading: Reading, layout: Any) -> str:
    value, key = reading.scribe.name("chosen"), reading.scribe.name("key")
    reading.put(f"{key} = {source_of(layout.keyfunc, reading.name)}")
    head = "if"
    for case, chosen in layout.cases.items():
        reading.branch(f"{head} {key} == {reading.scribe.literal(case)}:", chosen, value)
        head = "elif"
    reading.branch("else:" if layout.cases else "if True:", layout.default, value)
    return value


def optional_slot(layout: Any, scribe: Scribe) -> Slot | None:
    """The slot inside `Optional`, where it can fail for want of bytes only."""
    if len(layout.subcons) != 2 or unnamed(layout.subcons[1]) is not Pass:
        return None
    slot = slot_of(layout.subcons[0], scribe)
    certain = slot is not None and not any(word in slot.decode for word in ("same(", "_decode(", ".decode("))
    return slot if certain else None


def _optional(reading: Reading, layout: Any) -> str:
    slot = optional_slot(layout, reading.scribe)
    if slot is None:
        raise NotCovered("Optional or Select of what can fail for other reasons than missing bytes")
    value = reading.scribe.name("optional")
    reading.put(f"{value} = None")
    reading.branch(f"if p + {slot.size} <= {reading.end}:", layout.subcons[0], value)
    return value


def _adapter(reading: Reading, layout: Any) -> str:
    value = reading.scribe.name("value")
    reading.put(f"{value} = {reading.value(layout.subcon)}")
    return adapted(layout, value, "{v}", reading.scribe)[0]


def _constant(reading: Reading, layout: Any) -> str:
    return f"same({reading.value(layout.subcon)}, {reading.scribe.literal(layout.value)})"


_READERS: tuple[tuple[Any, Callable[[Reading, Any], str]], ...] = (
    (Bytes, _bytes),
    (Array, _array),
    (UntilEnd, _until_end),
    (FocusedSeq, _sequence),
    (Prefixed, _prefixed),
    (FixedSized, _bounded),
    (NullTerminated, _terminated),
    (Struct, _struct),
    (RecordOf, _record),
    (IfThenElse, _choice),
    (Switch, _switch),
    (Select, _optional),
    (Computed, lambda reading, layout: source_of(layout.func, reading.name)),
    (Rebuild, lambda reading, layout: reading.value(layout.subcon)),
    (Default, lambda reading, layout: reading.value(layout.subcon)),
    (Const, _constant),
    (Adapter, _adapter),
    (type(Pass), lambda _reading, _layout: "None"),
    (type(GreedyBytes), lambda _reading, _layout: "b''"),
)
