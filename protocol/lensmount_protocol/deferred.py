"""construct's words for declarations: noted where they are written, looked up when somebody asks for the construct.

```python
from lensmount_protocol.deferred import Array, Bytes, Int8ub, Int16ul, this

Int16ul                     # names construct.Int16ul; nothing is imported yet
resolve(Array(3, Int8ub))   # the construct itself
```

A declaration written with these words can be read, listed and run on its emitted codec without importing construct,
which takes longer than the rest of a short command. One written with construct's own objects works as well.
"""

import re
from collections.abc import Callable
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from construct import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]

    from lensmount_protocol.constructs import OpenEnum as OpenEnum
    from lensmount_protocol.constructs import RecordOf as RecordOf
    from lensmount_protocol.constructs import UntilEnd as UntilEnd


_OUR_OWN = dict.fromkeys(("OpenEnum", "RecordOf", "UntilEnd"), "lensmount_protocol.constructs")
_SIZES = re.compile(r"(?:Int|Float)(8|16|24|32|64)[us]?[bln]")


class Deferred:
    """A word of construct, or what was made of such words; asked for anything but itself, it looks the word up.

    Attributes:
        text: what was written, always the same for the same declaration; `None` where an argument has no such text
            (a lambda), so that nothing can be said about whether the declaration changed.
    """

    def __init__(self, text: str | None, look_up: Callable[[], Any], size: int | None = None) -> None:
        self.text = text
        self._look_up = look_up
        self._found: Any = None
        self._size = size

    def resolve(self) -> Any:
        """The construct itself."""
        if self._found is None:
            self._found = self._look_up()
        return self._found

    def known_size(self) -> int | None:
        """Bytes on the wire, where that needs no construct to say."""
        return self._size

    def __call__(self, *arguments: Any, **named: Any) -> "Deferred":
        """The word called, as a word."""
        texts = [_text_of(argument) for argument in arguments]
        texts += [_joined(f"{name}=", _text_of(argument)) for name, argument in named.items()]
        plain = all(isinstance(argument, int) for argument in arguments) and not named
        size = arguments[0] if self.text == "Bytes" and len(arguments) == 1 and plain else None
        if self.text == "OpenEnum":
            size = known_size(arguments[0])
        return Deferred(
            None if self.text is None or None in texts else f"{self.text}({', '.join(map(str, texts))})",
            lambda: self.resolve()(*map(resolve, arguments), **{name: resolve(value) for name, value in named.items()}),
            size,
        )

    def __getitem__(self, index: Any) -> "Deferred":
        text = None if self.text is None or _text_of(index) is None else f"{self.text}[{_text_of(index)}]"
        return Deferred(text, lambda: self.resolve()[resolve(index)])

    def __rtruediv__(self, name: str) -> "Deferred":
        return Deferred(_joined(f"{name!r} / ", self.text), lambda: name / self.resolve(), self._size)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.resolve(), name)

    def __repr__(self) -> str:
        return self.text or "a declaration with a part that has no text"


class DeferredPath(Deferred):
    """`this` and what is written with it: attributes and arithmetic are noted too."""

    def __getattr__(self, name: str) -> "DeferredPath":
        if name.startswith("__"):
            raise AttributeError(name)
        return DeferredPath(f"{self.text}.{name}", lambda: getattr(self.resolve(), name))

    def __getitem__(self, index: Any) -> "DeferredPath":
        return DeferredPath(f"{self.text}[{index!r}]", lambda: self.resolve()[index])


def _noting(name: str, sign: str) -> None:
    def note(self: DeferredPath, other: Any) -> DeferredPath:
        text = _joined(f"({self.text} {sign} ", _text_of(other))
        return DeferredPath(text and f"{text})", lambda: getattr(self.resolve(), name)(resolve(other)))

    setattr(DeferredPath, name, note)


for _name, _sign in {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__floordiv__": "//", "__mod__": "%", "__and__": "&",
    "__or__": "|", "__xor__": "^", "__lshift__": "<<", "__rshift__": ">>", "__eq__": "==", "__ne__": "!=",
    "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=",
}.items():  # fmt: skip
    _noting(_name, _sign)


def resolve(layout: Any) -> Any:
    """The construct that a declaration's layout names; whatever is none of our words comes back unchanged."""
    return layout.resolve() if is_deferred(layout) else layout


def is_deferred(layout: object) -> TypeGuard[Deferred]:
    """Whether this is a noted word, and not a construct itself."""
    return isinstance(layout, Deferred)


def text_of(layout: object) -> str | None:
    """What was written; `None` where it was written with constructs themselves, or with a part that has no text."""
    return layout.text if is_deferred(layout) else None


def known_size(layout: object) -> int | None:
    """Bytes on the wire, where that can be said without construct."""
    return layout.known_size() if is_deferred(layout) else None


def _text_of(argument: object) -> str | None:
    if isinstance(argument, Deferred):
        return argument.text
    if isinstance(argument, type):
        written = getattr(argument, "DECLARED", "")
        return f"{argument.__module__}.{argument.__qualname__}{written}"
    if isinstance(argument, FunctionType):
        return None if "<" in argument.__qualname__ else f"{argument.__module__}.{argument.__qualname__}"
    if isinstance(argument, dict):
        items: list[str] = []
        for key, value in argument.items():  # pyright: ignore[reportUnknownVariableType]
            text = _text_of(value)  # pyright: ignore[reportUnknownArgumentType]
            if text is None:
                return None
            items.append(f"{key!r}: {text}")
        return "{" + ", ".join(items) + "}"
    return repr(argument) if isinstance(argument, int | str | bytes | float | None) else None


def _joined(before: str, text: str | None) -> str | None:
    return None if text is None else before + text


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Deferred:
        if name.startswith("_"):
            raise AttributeError(f"construct has no public word {name!r}")
        kind = DeferredPath if name in ("this", "obj_", "list_", "len_") else Deferred
        match = _SIZES.fullmatch(name)
        size = int(match[1]) // 8 if match else 1 if name == "Flag" else None
        module = _OUR_OWN.get(name, "construct")
        word = kind(name, lambda: getattr(import_module(module), name))
        if size is not None:
            word = kind(name, lambda: getattr(import_module(module), name), size)
        globals()[name] = word
        return word
