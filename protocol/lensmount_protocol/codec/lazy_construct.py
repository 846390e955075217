"""construct's names for declarations, recorded as text and resolved on first use of the construct.

```python
from lensmount_protocol.codec.lazy_construct import Array, Bytes, Int8ub, Int16ul, this

Int16ul                     # names construct.Int16ul; nothing is imported yet
resolve(Array(3, Int8ub))   # the construct itself
```

A program can read, list and run a declaration with these names on its emitted codec without importing construct, which
takes longer than the rest of a short command. A declaration with construct's own objects works as well.
"""

import re
from collections.abc import Callable
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeGuard

from lensmount_protocol.checksums import find_made_crc

if TYPE_CHECKING:
    from construct import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]

    from lensmount_protocol.codec.constructs import FieldGroupAdapter as FieldGroupAdapter
    from lensmount_protocol.codec.constructs import OpenEnum as OpenEnum
    from lensmount_protocol.codec.constructs import StrictGreedyRange as StrictGreedyRange


_OWN_CONSTRUCTS = dict.fromkeys(
    ("OpenEnum", "FieldGroupAdapter", "StrictGreedyRange"), "lensmount_protocol.codec.constructs"
)
_VARYING = frozenset(
    {
        "GreedyBytes",
        "GreedyString",
        "CString",
        "PascalString",
        "PrefixedArray",
        "GreedyRange",
        "StrictGreedyRange",
        "Optional",
    }
)
"""Names of constructs that never have a fixed size."""

_PREFIXED_REST = re.compile(r"Prefixed\(\w+, Greedy(Bytes|String\(.*\))\)")

_SIZED_BY_FIRST = frozenset({"Bytes", "PaddedString", "Padding", "BitsInteger"})
"""Names of constructs that take their size as the first argument."""

_SIZES = re.compile(r"(?:Int|Float)(8|16|24|32|64)[us]?[bln]")


class LazyConstruct:
    """A name of construct, or an expression of such names; access to any other attribute resolves it.

    Attributes:
        text: the source text, always the same for the same declaration; `None` where an argument has no such text
            (a lambda), so that a change of the declaration cannot be detected.
        group: the class of the field group that this reads; `None` for anything else.
    """

    def __init__(self, text: str | None, look_up: Callable[[], Any], size: int | None = None) -> None:
        self.text = text
        self._look_up = look_up
        self._construct: Any = None
        self._size = size
        self.group: Any = None

    def resolve(self) -> Any:
        """The construct itself."""
        if self._construct is None:
            self._construct = self._look_up()
        return self._construct

    def known_size(self) -> int | None:
        """Bytes on the wire, if known without construct; `None` otherwise."""
        return self._size

    def __call__(self, *arguments: Any, **named: Any) -> "LazyConstruct":
        """Return the call of this name with these arguments, unresolved."""
        texts = [_argument_text(argument) for argument in arguments]
        texts += [_prefixed(f"{name}=", _argument_text(argument)) for name, argument in named.items()]
        made = LazyConstruct(
            None if self.text is None or None in texts else f"{self.text}({', '.join(map(str, texts))})",
            lambda: self.resolve()(*map(resolve, arguments), **{name: resolve(value) for name, value in named.items()}),
            _call_size(self.text, arguments, named),
        )
        if self.text == "FieldGroupAdapter" and arguments:
            made.group = arguments[0]
        return made

    def __getitem__(self, index: Any) -> "LazyConstruct":
        text = None if self.text is None or _argument_text(index) is None else f"{self.text}[{_argument_text(index)}]"
        return LazyConstruct(text, lambda: self.resolve()[resolve(index)])

    def __rtruediv__(self, name: str) -> "LazyConstruct":
        return LazyConstruct(_prefixed(f"{name!r} / ", self.text), lambda: name / self.resolve(), self._size)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.resolve(), name)

    def __repr__(self) -> str:
        return self.text or "a declaration with a part that has no text"


class LazyPath(LazyConstruct):
    """`this` and expressions with it: attributes and arithmetic stay unresolved too."""

    def __getattr__(self, name: str) -> "LazyPath":
        if name.startswith("__"):
            raise AttributeError(name)
        return LazyPath(f"{self.text}.{name}", lambda: getattr(self.resolve(), name))

    def __getitem__(self, index: Any) -> "LazyPath":
        return LazyPath(f"{self.text}[{index!r}]", lambda: self.resolve()[index])


def _add_operator(name: str, sign: str) -> None:
    def note(self: LazyPath, other: Any) -> LazyPath:
        text = _prefixed(f"({self.text} {sign} ", _argument_text(other))
        return LazyPath(text and f"{text})", lambda: getattr(self.resolve(), name)(resolve(other)))

    setattr(LazyPath, name, note)


for _name, _sign in {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__floordiv__": "//", "__mod__": "%", "__and__": "&",
    "__or__": "|", "__xor__": "^", "__lshift__": "<<", "__rshift__": ">>", "__eq__": "==", "__ne__": "!=",
    "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=",
}.items():  # fmt: skip
    _add_operator(_name, _sign)


def resolve(layout: Any) -> Any:
    """Return the construct that a layout names; a layout that is not lazy is returned unchanged."""
    return layout.resolve() if is_lazy(layout) else layout


def is_lazy(layout: object) -> TypeGuard[LazyConstruct]:
    """Whether this is an unresolved name or expression, and not a construct itself."""
    return isinstance(layout, LazyConstruct)


def declaration_text(layout: object) -> str | None:
    """Return the text of a declaration; `None` where it uses constructs themselves, or a part that has no text."""
    return layout.text if is_lazy(layout) else None


def known_size(layout: object) -> int | None:
    """Bytes on the wire, if known without construct; `None` otherwise."""
    return layout.known_size() if is_lazy(layout) else None


def known_to_vary(layout: object) -> bool:
    """Whether it is known without construct that the size depends on the bytes."""
    if not is_lazy(layout) or layout.text is None:
        return False
    return layout.text.partition("(")[0] in _VARYING or _PREFIXED_REST.fullmatch(layout.text) is not None


def _call_size(name: str | None, arguments: tuple[Any, ...], named: dict[str, Any]) -> int | None:
    """Size of the construct that a call makes (of a part of a bit group: in bits); `None` where it is not known."""
    first = arguments[0] if arguments else None
    if name in _SIZED_BY_FIRST:
        return first if isinstance(first, int) else None
    if name == "OpenEnum":
        return known_size(first)
    if name == "Array" and isinstance(first, int) and len(arguments) == 2:
        inner = known_size(arguments[1])
        return None if inner is None else first * inner
    if name == "FieldGroupAdapter":
        fields = getattr(first, "FIELDS", None)
        if fields and not any(spec.varies for spec in fields):
            total = sum(spec.size for spec in fields)
            return int(total // 8) if named.get("bits") else int(total)
    return None


def _argument_text(argument: object) -> str | None:
    if isinstance(argument, LazyConstruct):
        return argument.text
    if isinstance(argument, type):
        written = getattr(argument, "DECLARED", "")
        return f"{argument.__module__}.{argument.__qualname__}{written}"
    if isinstance(argument, FunctionType):
        crc = find_made_crc(argument)
        if crc is not None:
            return repr(crc)
        return None if "<" in argument.__qualname__ else f"{argument.__module__}.{argument.__qualname__}"
    if isinstance(argument, dict):
        items: list[str] = []
        for key, value in argument.items():  # pyright: ignore[reportUnknownVariableType]
            text = _argument_text(value)  # pyright: ignore[reportUnknownArgumentType]
            if text is None:
                return None
            items.append(f"{key!r}: {text}")
        return "{" + ", ".join(items) + "}"
    return repr(argument) if isinstance(argument, int | str | bytes | float | None) else None


def _prefixed(before: str, text: str | None) -> str | None:
    return None if text is None else before + text


if not TYPE_CHECKING:

    def __getattr__(name: str) -> LazyConstruct:
        if name.startswith("_"):
            raise AttributeError(f"construct has no public name {name!r}")
        kind = LazyPath if name in ("this", "obj_", "list_", "len_") else LazyConstruct
        match = _SIZES.fullmatch(name)
        size = int(match[1]) // 8 if match else 1 if name == "Flag" else None
        module = _OWN_CONSTRUCTS.get(name, "construct")
        lazy = kind(name, lambda: getattr(import_module(module), name))
        if size is not None:
            lazy = kind(name, lambda: getattr(import_module(module), name), size)
        globals()[name] = lazy
        return lazy
