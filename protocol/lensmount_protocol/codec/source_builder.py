"""Collects the names that generated functions refer to: constants as lines of source, and objects without source.

It also makes source for conversions between a struct's value or bytes and a field's value, and for construct's `this`
expressions, which counts, lengths and conditions depend on.
"""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
import operator
import re
import struct
from collections.abc import Callable, Sequence

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from typing import Any

from construct import Adapter, FlagsEnum, GreedyBytes, NullStripped, Renamed, StringEncoded
from construct.expr import BinExpr, FuncPath, Path, UniExpr

from lensmount_protocol.codec.constructs import FieldGroupAdapter, OpenEnum


class UnsupportedConstruct(Exception):  # noqa: N818  (it ends an attempt, and never leaves this package)
    """A construct that the generator does not support; construct itself parses and builds the message."""


class SourceBuilder:
    """Names and definitions that one piece of generated source needs.

    Attributes:
        lines: source that defines its constants and helper functions.
        objects: name -> an object that the source refers to by this name.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.objects: dict[str, object] = {}
        self._names: dict[object, str] = {}
        self._count = 0

    def unpack(self, code: str) -> str:
        """The name of a function `(bytes) -> tuple` for this struct."""
        return self.constant("unpack", f"Struct({code!r}).unpack")

    def unpack_from(self, code: str) -> str:
        """The name of a function `(bytes, at) -> tuple` for this struct."""
        return self.constant("take", f"Struct({code!r}).unpack_from")

    def pack(self, code: str) -> str:
        """The name of a function `(values…) -> bytes` for this struct."""
        return self.constant("pack", f"Struct({code!r}).pack")

    def constant(self, stem: str, source: str) -> str:
        """The name of a constant with this source; the same source has one name."""
        if source not in self._names:
            self._names[source] = self.name(stem)
            self.lines.append(f"{self._names[source]} = {source}")
        return self._names[source]

    def function(self, stem: str, parameters: str, body: Sequence[str]) -> str:
        """The name of a helper function with this body."""
        name = self.name(stem)
        self.lines += [f"def {name}({parameters}):", *(f"    {line}" for line in body)]
        return name

    def reference(self, stem: str, thing: object) -> str:
        """The name under which the source finds this object."""
        for name, known in self.objects.items():
            if known is thing:
                return name
        name = self.name(re.sub(r"\W", "", stem))
        self.objects[name] = thing
        return name

    def literal(self, value: object) -> str:
        """Source of this value."""
        if value is None or (
            isinstance(value, bool | int | float | str | bytes) and type(value).__module__ == "builtins"
        ):
            return repr(value)
        return self.reference("value", value)

    def name(self, stem: str) -> str:
        """Return a new name in this source."""
        self._count += 1
        return f"{stem}_{self._count}"


def struct_size(code: str) -> int:
    """Bytes that a struct takes."""
    return struct.calcsize(code)


VALUE = "{v}"
"""Placeholder of the value in a conversion's source; the value is a name or an expression without side effects."""


def substitute(template: str, value: str) -> str:
    """A conversion's source with the value put in."""
    return template.replace(VALUE, value)


def unwrap_renamed(layout: Any) -> Any:
    """The construct without its name."""
    while isinstance(layout, Renamed):
        if layout.parsed is not None:
            raise UnsupportedConstruct("a function that is called when a field is parsed")
        layout = layout.subcon
    return layout


def construct_call(names: list[str], values: list[str], kind: Any, builder: SourceBuilder) -> str:
    """Source that makes one value of several: a record of a class, or a dictionary."""
    pairs = zip(names, values, strict=True)
    if kind is None:
        return "{" + ", ".join(f"{name!r}: {value}" for name, value in pairs) + "}"
    return f"{builder.reference(kind.__name__, kind)}({', '.join(f'{name}={value}' for name, value in pairs)})"


def member_source(value: str, field: Any, kind: Any) -> str:
    """Source that takes a field's value out of a record or a dictionary."""
    if kind is not None:
        return f"{value}.{field.name}"
    return f"{value}.get({field.name!r})" if field.flagbuildnone else f"{value}[{field.name!r}]"


def rest_conversion(named: Any, builder: SourceBuilder) -> tuple[str, str] | None:
    """The conversions of a construct that takes all the bytes that it is given; `None` where it does not."""
    given = layout = unwrap_renamed(named)
    if layout is GreedyBytes:
        return VALUE, f"require_bytes({VALUE})"
    if is_kind(layout, NullStripped):
        inner = rest_conversion(layout.subcon, builder)
        return inner and (substitute(inner[0], f"strip({VALUE}, {layout.pad!r})"), inner[1])
    if is_kind(layout, StringEncoded):
        inner = rest_conversion(given.subcon, builder)
        encoding = layout.encoding
        return inner and (
            f"{inner[0]}.decode({encoding!r})",
            substitute(inner[1], f"encode_text({VALUE}, {encoding!r})"),
        )
    if isinstance(layout, Adapter) and type(layout) not in (OpenEnum, FlagsEnum, FieldGroupAdapter):
        inner = rest_conversion(layout.subcon, builder)
        return inner and apply_adapter(layout, *inner, builder)
    return None


def is_kind(layout: Any, kind: Any) -> bool:
    """Whether a construct is of a kind, and reads and builds as that kind does.

    Raises:
        UnsupportedConstruct: it is of the kind, and does one of both in a way of its own.
    """
    if not isinstance(layout, kind):
        return False
    own = type(layout)
    if own._parse is not kind._parse or own._build is not kind._build:
        raise UnsupportedConstruct(f"{own.__name__}, a {kind.__name__} that reads or builds in its own way")
    return True


def apply_adapter(layout: Any, decode: str, encode: str, builder: SourceBuilder) -> tuple[str, str]:
    """An adapter's conversion around those of what it adapts."""
    if isinstance(layout, OpenEnum):
        members = builder.constant(
            "members", f"EnumMemberCache({builder.reference(layout.members.__name__, layout.members)})"
        )
        return f"{members}[{decode}]", substitute(encode, f"int({VALUE})")
    if isinstance(layout, FlagsEnum):
        values = ", ".join(f"{name!r}: {decode} & {value} == {value}" for name, value in layout.flags.items())
        return "{" + values + "}", substitute(encode, f"pack_flags({VALUE}, {layout.flags!r})")
    if is_kind(layout, StringEncoded):
        return f"{decode}.decode({layout.encoding!r})", substitute(encode, f"encode_text({VALUE}, {layout.encoding!r})")
    if type(layout)._parse is not Adapter._parse or type(layout)._build is not Adapter._build:
        raise UnsupportedConstruct(f"{type(layout).__name__}, an adapter that reads the stream itself")
    name = builder.reference("adapter", layout)
    return f"{name}._decode({decode}, NO_CONTEXT, '')", substitute(encode, f"{name}._encode({VALUE}, NO_CONTEXT, '')")


Names = Callable[[str], str]
"""A field's name to the source of its value."""

_PATH = re.compile(r"this\['(\w+)'\]")
_FUNCTION = re.compile(r"(len|sum|min|max|abs)_\((.*)\)")
# construct shows `&` as `and` and `|` as `or`; what it computes is the bitwise one.
_BINARY = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.floordiv: "//", operator.truediv: "/",
    operator.mod: "%", operator.pow: "**", operator.xor: "^", operator.lshift: "<<", operator.rshift: ">>",
    operator.and_: "&", operator.or_: "|", operator.eq: "==", operator.ne: "!=", operator.lt: "<",
    operator.le: "<=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip
_UNARY = {operator.neg: "-", operator.pos: "+", operator.not_: "not ", operator.invert: "~"}


def expression_source(given: Any, names: Names) -> str:
    """The source of a parameter that is a number or a `this` expression.

    Raises:
        UnsupportedConstruct: it is a function of its own, or leads to something that generated code does not hold.
    """
    value: Any = given
    if isinstance(value, bool | int | bytes | str):
        return repr(value)
    if isinstance(value, BinExpr) and given.op in _BINARY:
        return f"({expression_source(given.lhs, names)} {_BINARY[given.op]} {expression_source(given.rhs, names)})"
    if isinstance(value, UniExpr) and given.op in _UNARY:
        return f"({_UNARY[given.op]}{expression_source(given.operand, names)})"
    if isinstance(value, Path) and (found := _PATH.fullmatch(repr(value))):
        return names(found[1])
    if isinstance(value, FuncPath) and (called := _FUNCTION.fullmatch(repr(value))):
        inside = _PATH.fullmatch(called[2])
        if inside is not None:
            return f"{called[1]}({names(inside[1])})"
    what = "a function" if callable(value) and not isinstance(value, Path | FuncPath) else repr(value)
    raise UnsupportedConstruct(f"a length, count or condition that is {what}")
