"""The functions that read and build a message: emitted beforehand, generated on first use, or construct itself."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lensmount_protocol.codec import support
from lensmount_protocol.codec.emitted import emitted_maker
from lensmount_protocol.errors import FrameError

if TYPE_CHECKING:
    from lensmount_protocol.message import FieldSpec, Message


@dataclass(frozen=True, slots=True)
class MessageCodec:
    """How one message (of one selection of blocks) is read and built.

    Attributes:
        size: bytes on the wire, type byte included; `None` where it depends on the bytes.
        take: of a message that is one struct: `(data, at)` to the message, whose bytes the caller knows to be there.
        read: `(data, at, end)` to the message and where it ends; may end in any exception, then construct is asked.
        ask: the same by construct.
        build: message to bytes, type byte first.
        origin: `emitted`, `generated` or `construct`.
        reason: why construct itself is used, or why emitted code is not; `""` where there is nothing to say.
    """

    size: int | None
    take: Callable[[bytes, int], Any] | None
    read: Callable[[bytes, int, int], tuple[Any, int]]
    ask: Callable[[bytes, int, int], tuple[Any, int]]
    build: Callable[[Any], bytes]
    origin: str
    reason: str = ""


def make_codec(cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any], name: str) -> MessageCodec:
    """The codec of these fields of a message.

    Args:
        cls: the message class.
        fields: those of its fields that are on the wire.
        fixed: name -> value of fields that are not on the wire and get another value than their default.
        name: what the emitted code of this selection is called.
    """
    ask = _Asked(cls, fields, fixed)
    maker, stale = emitted_maker(cls, fields, name)
    if stale:
        warnings.warn(f"{cls.__name__}: {stale}; generated afresh, which takes longer", RuntimeWarning, stacklevel=2)
    if maker is not None:
        return _assembled(maker(cls, ask.build), ask, "emitted", "")
    functions = import_module("lensmount_protocol.codec.functions")
    scribe = import_module("lensmount_protocol.codec.scribe")
    try:
        source = functions.source_of_message(cls, fields, fixed, name)
        made = run_source(source.text, source.objects, name)(cls, ask.build)
    except Exception as gap:
        # A construct of somebody else may look like one that we know and be none: its message still works.
        known = isinstance(gap, scribe.NotCovered)
        reason = f"construct reads it: {gap}" if known else f"construct reads it: no code could be made ({gap!r})"
        return MessageCodec(ask.size, None, ask.read, ask.read, ask.build, "construct", reason)
    return _assembled(made, ask, "generated", stale)


def run_source(text: str, objects: dict[str, object], name: str) -> Callable[..., tuple[Any, ...]]:
    """The function of this name that generated source defines."""
    namespace: dict[str, Any] = {**support.NAMESPACE, **objects}
    exec(compile(text, f"<generated codec of {name}>", "exec"), namespace)
    made: Callable[..., tuple[Any, ...]] = namespace[name]
    return made


def _assembled(made: tuple[Any, ...], ask: "_Asked", origin: str, reason: str) -> MessageCodec:
    simple, take, build = made
    size = ask.size
    if not simple or size is None:
        return MessageCodec(size, None, take, ask.read, build, origin, reason)
    taken = size

    def read(data: bytes, at: int, end: int) -> tuple[Any, int]:
        if at + taken > end:
            support.fail()
        return take(data, at), at + taken

    return MessageCodec(size, take, read, ask.read, build, origin, reason)


class _Asked:
    """construct itself, for one selection of a message's fields; imported when it is first asked."""

    def __init__(self, cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any]) -> None:
        self._cls = cls
        self._fields = fields
        self._fixed = fixed
        self._layout: Any = None

    @property
    def size(self) -> int | None:
        """Bytes on the wire, type byte included; `None` where it depends on them."""
        return None if any(spec.varies for spec in self._fields) else 1 + sum(spec.size for spec in self._fields)

    def read(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """The message at `at`, and where it ends.

        Raises:
            FrameError: it is not there.
        """
        size = self.size
        if size is not None and at + size > end:
            raise FrameError(f"{self._cls.__name__} takes {size} bytes, not {end - at}", offset=end)
        construct, layout = self._construct()
        values, stop = construct.read_fields(self._cls, layout, data, at, end)
        return self._cls(**values, **self._fixed), stop

    def build(self, message: Any) -> bytes:
        """The bytes of the message.

        Raises:
            FrameError: a field holds a value that does not fit.
        """
        construct, layout = self._construct()
        built: bytes = construct.build_fields(message, layout, self._fields)
        return built

    def _construct(self) -> tuple[Any, Any]:
        construct = import_module("lensmount_protocol.interpreted")
        if self._layout is None:
            self._layout = construct.struct_of(self._fields, self._cls.PREFIX)
        return construct, self._layout


def oracle(cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any]) -> _Asked:
    """Construct itself as the reader and builder of these fields, to hold generated functions against."""
    return _Asked(cls, fields, fixed)
