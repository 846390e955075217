"""A frame declared in construct, as the framer, the reader and whoever builds frames need it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from lensmount_protocol.codec.codecs import run_source
from lensmount_protocol.codec.emitted import emitted_envelope
from lensmount_protocol.errors import DialectError
from lensmount_protocol.frame import Frame, FrameEvent, GarbageReason

Scanner = tuple[Callable[[bytes], list[FrameEvent]], Callable[[bytes], Frame]]
"""What takes bytes and gives events, and what takes one whole frame."""


@dataclass(frozen=True, slots=True)
class DeclaredFormat:
    """One direction's frames, by their declaration; a `FrameFormat` with a fast path.

    Attributes:
        layout: the frame's construct: constants in front and behind, `length`, `class_`, `sequence`, `payload`, and a
            checksum.
        smallest: bytes of the smallest legal frame.
        largest: bytes of the largest.
        classes: the classes that frames may have.
        longest_padding: bytes that the sender may clock behind a frame in one window; 0 where it never pads.
        module: the module that declares the layout; code emitted beforehand stands beside it.

    Raises:
        DialectError: the layout has parts that no code can be made of; such frames take a `FrameFormat` of their own.
    """

    layout: Any
    smallest: int
    largest: int
    classes: frozenset[int]
    longest_padding: int = 0
    module: str = ""
    start: int = field(init=False)
    header_size: int = field(init=False)
    measure: Callable[[bytes], int | GarbageReason] = field(init=False, compare=False, repr=False)
    judge: Callable[[bytes], GarbageReason | None] = field(init=False, compare=False, repr=False)
    open: Callable[[bytes, int], Frame] = field(init=False, compare=False, repr=False)
    build: Callable[[bytes, int, int], bytes] = field(init=False, compare=False, repr=False)
    build_messages: Callable[[int, int, Sequence[Any]], bytes] = field(init=False, compare=False, repr=False)
    scanner: Callable[..., Scanner] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        made = self._functions()(Frame, GarbageReason, self.smallest, self.largest, self.classes)
        for name, function in zip(
            ("measure", "judge", "open", "build", "build_messages", "scanner"), made, strict=True
        ):
            object.__setattr__(self, name, function)
        object.__setattr__(self, "start", made[0].start)
        object.__setattr__(self, "header_size", made[0].header_size)

    def _functions(self) -> Callable[..., tuple[Any, ...]]:
        emitted = emitted_envelope(self.layout, self.module)
        if emitted is not None:
            return emitted
        not_covered: type[Exception] = import_module("lensmount_protocol.codec.scribe").NotCovered
        try:
            text, objects = import_module("lensmount_protocol.codec.envelopes").envelope_source(self.layout)
        except not_covered as gap:
            raise DialectError(f"a frame's declaration cannot be generated: {gap}; write a FrameFormat") from gap
        return run_source(text, objects, "envelope")
