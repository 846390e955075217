"""construct's `this` expressions as Python source: what a count, a length or a condition depends on."""

# construct's classes carry no types for what is walked here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import operator
import re
from collections.abc import Callable
from typing import Any

from construct.expr import BinExpr, FuncPath, Path, UniExpr

from lensmount_protocol.codec.scribe import NotCovered

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


def source_of(given: Any, names: Names) -> str:
    """The source of a parameter that is a number or a `this` expression.

    Raises:
        NotCovered: it is a function of its own, or leads to something that generated code does not hold.
    """
    value: Any = given
    if isinstance(value, bool | int | bytes | str):
        return repr(value)
    if isinstance(value, BinExpr) and given.op in _BINARY:
        return f"({source_of(given.lhs, names)} {_BINARY[given.op]} {source_of(given.rhs, names)})"
    if isinstance(value, UniExpr) and given.op in _UNARY:
        return f"({_UNARY[given.op]}{source_of(given.operand, names)})"
    if isinstance(value, Path) and (found := _PATH.fullmatch(repr(value))):
        return names(found[1])
    if isinstance(value, FuncPath) and (called := _FUNCTION.fullmatch(repr(value))):
        inside = _PATH.fullmatch(called[2])
        if inside is not None:
            return f"{called[1]}({names(inside[1])})"
    what = "a function" if callable(value) and not isinstance(value, Path | FuncPath) else repr(value)
    raise NotCovered(f"a length, count or condition that is {what}")
