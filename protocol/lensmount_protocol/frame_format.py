"""The frame format of one direction, declared in construct, for the framer, the parser and the builder of frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from lensmount_protocol.codec.message_codec import load_generated_frame, run_source
from lensmount_protocol.errors import DialectError
from lensmount_protocol.framer import Frame, FrameEvent, GarbageReason

Scanner = tuple[Callable[[bytes], list[FrameEvent]], Callable[[bytes], Frame]]
"""A function from bytes to events, and a function from the bytes of one whole frame to the frame."""


@dataclass(frozen=True, slots=True)
class ConstructFrameFormat:
    """One direction's frames, by their declaration; a `FrameFormat` with a fast path.

    Attributes:
        layout: the frame's construct: constants at both ends, `length`, `class_`, `sequence`, `payload`, and a
            checksum.
        min_size: bytes of the smallest legal frame.
        max_size: bytes of the largest.
        classes: the classes that frames may have.
        max_padding: bytes that the sender may clock after a frame in one window; 0 where it never pads.
        module: the module that declares the layout; generated code is in a module beside it.

    Raises:
        DialectError: the generator does not support a part of the layout; such frames need their own `FrameFormat`.
    """

    layout: Any
    min_size: int
    max_size: int
    classes: frozenset[int]
    max_padding: int = 0
    module: str = ""
    start: int = field(init=False)
    header_size: int = field(init=False)
    frame_length: Callable[[bytes], int | GarbageReason] = field(init=False, compare=False, repr=False)
    check: Callable[[bytes], GarbageReason | None] = field(init=False, compare=False, repr=False)
    parse_header: Callable[[bytes, int], Frame] = field(init=False, compare=False, repr=False)
    build: Callable[[bytes, int, int], bytes] = field(init=False, compare=False, repr=False)
    build_messages: Callable[[int, int, Sequence[Any]], bytes] = field(init=False, compare=False, repr=False)
    scanner: Callable[..., Scanner] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        made = self._load_functions()(Frame, GarbageReason, self.min_size, self.max_size, self.classes)
        for name, function in zip(
            ("frame_length", "check", "parse_header", "build", "build_messages", "scanner"), made, strict=True
        ):
            object.__setattr__(self, name, function)
        object.__setattr__(self, "start", made[0].start)
        object.__setattr__(self, "header_size", made[0].header_size)

    def _load_functions(self) -> Callable[..., tuple[Any, ...]]:
        emitted = load_generated_frame(self.layout, self.module)
        if emitted is not None:
            return emitted
        not_covered: type[Exception] = import_module("lensmount_protocol.codec.source_builder").UnsupportedConstruct
        try:
            text, objects = import_module("lensmount_protocol.codec.generate_frame").generate_frame_source(self.layout)
        except not_covered as gap:
            raise DialectError(f"a frame's declaration cannot be generated: {gap}; write a FrameFormat") from gap
        return run_source(text, objects, "envelope")
