"""The functions that parse and build a message: emitted beforehand, generated on first use, or construct itself.

Emitted code lets a short command start without importing construct. `lensmount describe DIALECT --emit` writes it to
`package.generated.group` for a module of declarations `package.group`, with the fingerprint of each declaration. The
program does not use code of a declaration that has changed since.
"""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

from lensmount_protocol.codec import runtime
from lensmount_protocol.codec.lazy_construct import declaration_text
from lensmount_protocol.errors import FrameError

if TYPE_CHECKING:
    from lensmount_protocol.message import FieldSpec, Message


FOLDER = "generated"
VERSION = 2
"""Version of the generated code; code that another version emitted is not used."""

CodecFactory = Callable[..., tuple[Any, ...]]


def fingerprint(cls: "type[Message]", fields: "Sequence[FieldSpec]") -> str | None:
    """Return a short text that changes with the declaration; `None` where a change cannot be detected."""
    texts = [declaration_text(spec.layout) for spec in fields]
    prefix = "" if cls.PREFIX is None else declaration_text(cls.PREFIX)
    if None in texts or prefix is None:
        return None
    names = "; ".join(f"{spec.name}: {text}" for spec, text in zip(fields, texts, strict=True))
    # Attributes that are not on the wire count too: a message is made without its `__init__`.
    attributes = ", ".join(known.name for known in dataclasses.fields(cast("Any", cls)))
    return f"{VERSION}-{crc32(f'{cls.TYPE:#04x} {prefix} {names} {attributes}'.encode()):08x}"


def generated_module(module: str) -> str:
    """The name of the module that holds the emitted code of this module's messages."""
    package, _, group = module.rpartition(".")
    return f"{package}.{FOLDER}.{group}"


def load_generated_codec(
    cls: "type[Message]", fields: "Sequence[FieldSpec]", name: str
) -> tuple[CodecFactory | None, str]:
    """Return the emitted function that makes a message's functions, or `None` and a warning."""
    module = generated_module(cls.__module__)
    made = _load_codecs(module)
    if made is None:
        return None, ""
    if name not in made:
        return None, ""
    written, maker = made[name]
    if written != fingerprint(cls, fields):
        return None, f"the code in {module} was emitted from another declaration or by another version; emit it again"
    return maker, ""


def load_generated_frame(layout: Any, module: str) -> CodecFactory | None:
    """Return the emitted functions of a frame's declaration, if they were emitted from this declaration."""
    made = _load_codecs(generated_module(module)) or {}
    written, maker = made.get("envelope", ("", None))
    if maker is not None and written != frame_fingerprint(layout):
        warning = (
            f"the code in {generated_module(module)} was emitted from another frame; "
            "it is generated again now, emit it again"
        )
        warnings.warn(warning, RuntimeWarning, stacklevel=3)
        return None
    return maker


def frame_fingerprint(layout: Any) -> str | None:
    """As `fingerprint`, of a frame's declaration."""
    text = declaration_text(layout)
    return None if text is None else f"{VERSION}-{crc32(text.encode()):08x}"


def _load_codecs(module: str) -> dict[str, tuple[str, CodecFactory]] | None:
    """Return the content of a module of emitted code; `None` where there is none."""
    package = module.rpartition(".")[0]
    if module not in _loaded:
        try:
            _loaded[module] = None if not package.rpartition(".")[0] else import_module(module).CODECS
        except ModuleNotFoundError as error:
            # Only that the module itself is missing means that nothing was emitted.
            if error.name not in (module, package):
                raise
            _loaded[module] = None
    return _loaded[module]


_loaded: dict[str, dict[str, tuple[str, CodecFactory]] | None] = {}


@dataclass(frozen=True, slots=True)
class MessageCodec:
    """The functions that parse and build one message (of one selection of blocks).

    Attributes:
        size: bytes on the wire, type byte included; `None` where it depends on the bytes.
        parse_fixed: of a message that is one struct: `(data, at)` to the message; the caller checks that its bytes are
            there.
        parse: `(data, at, end)` to the message and its end; after any exception the caller asks construct.
        parse_interpreted: the same by construct.
        build: message to bytes, type byte first.
        origin: `emitted`, `generated` or `construct`.
        reason: why construct itself is used, or why emitted code is not; `""` otherwise.
    """

    size: int | None
    parse_fixed: Callable[[bytes, int], Any] | None
    parse: Callable[[bytes, int, int], tuple[Any, int]]
    parse_interpreted: Callable[[bytes, int, int], tuple[Any, int]]
    build: Callable[[Any], bytes]
    origin: str
    reason: str = ""


def make_codec(cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any], name: str) -> MessageCodec:
    """The codec of these fields of a message.

    Args:
        cls: the message class.
        fields: those of its fields that are on the wire.
        fixed: name -> value of fields that are not on the wire and get another value than their default.
        name: name of the emitted code of this selection.
    """
    ask = _InterpretedCodec(cls, fields, fixed)
    maker, stale = load_generated_codec(cls, fields, name)
    if stale:
        warnings.warn(f"{cls.__name__}: {stale}; generated again, which takes longer", RuntimeWarning, stacklevel=2)
    if maker is not None:
        return _assemble_codec(maker(cls, ask.build), ask, "emitted", "")
    functions = import_module("lensmount_protocol.codec.generator")
    source_builder = import_module("lensmount_protocol.codec.source_builder")
    try:
        source = functions.generate_message_source(cls, fields, fixed, name)
        made = run_source(source.text, source.objects, name)(cls, ask.build)
    except Exception as gap:
        # A third-party construct may look like a known one and differ from it: its message still works.
        known = isinstance(gap, source_builder.UnsupportedConstruct)
        reason = f"construct reads it: {gap}" if known else f"construct reads it: no code could be made ({gap!r})"
        return MessageCodec(ask.size, None, ask.parse, ask.parse, ask.build, "construct", reason)
    return _assemble_codec(made, ask, "generated", stale)


def run_source(text: str, objects: dict[str, object], name: str) -> Callable[..., tuple[Any, ...]]:
    """The function of this name that generated source defines."""
    namespace: dict[str, Any] = {**runtime.NAMESPACE, **objects}
    exec(compile(text, f"<generated codec of {name}>", "exec"), namespace)
    made: Callable[..., tuple[Any, ...]] = namespace[name]
    return made


def _assemble_codec(made: tuple[Any, ...], interpreted: "_InterpretedCodec", origin: str, reason: str) -> MessageCodec:
    simple, take, build = made
    size = interpreted.size
    if not simple or size is None:
        return MessageCodec(size, None, take, interpreted.parse, build, origin, reason)
    taken = size

    def read(data: bytes, at: int, end: int) -> tuple[Any, int]:
        if at + taken > end:
            runtime.reject()
        return take(data, at), at + taken

    return MessageCodec(size, take, read, interpreted.parse, build, origin, reason)


class _InterpretedCodec:
    """construct itself, for one selection of a message's fields; imported on first use."""

    def __init__(self, cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any]) -> None:
        self._cls = cls
        self._fields = fields
        self._fixed = fixed
        self._layout: Any = None

    @property
    def size(self) -> int | None:
        """Bytes on the wire, type byte included; `None` where it depends on them."""
        return None if any(spec.varies for spec in self._fields) else 1 + sum(spec.size for spec in self._fields)

    def parse(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """The message at `at`, and where it ends.

        Raises:
            FrameError: it is not there.
        """
        size = self.size
        if size is not None and at + size > end:
            raise FrameError(f"{self._cls.__name__} takes {size} bytes, not {end - at}", offset=end)
        if at >= end:
            raise FrameError(f"{self._cls.__name__} begins with a type byte, and no byte is there", offset=end)
        construct, layout = self._construct()
        values, stop = construct.parse_fields(self._cls, layout, data, at, end)
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
        construct = import_module("lensmount_protocol.codec.interpreter")
        if self._layout is None:
            self._layout = construct.make_struct(self._fields, self._cls.PREFIX)
        return construct, self._layout


def interpreted_codec(cls: "type[Message]", fields: "Sequence[FieldSpec]", fixed: dict[str, Any]) -> _InterpretedCodec:
    """Construct itself as the reader and builder of these fields, to hold generated functions against."""
    return _InterpretedCodec(cls, fields, fixed)
