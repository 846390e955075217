"""The frames of one direction: their format as declared in construct, and the parser to frames with typed messages.

The parser is the framer and the tables of messages in one pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

from lensmount_protocol.codec.message_codec import load_generated_frame, run_source
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, FrameError
from lensmount_protocol.framer import (
    BurstFrameFormat,
    BurstFramer,
    Frame,
    FrameEvent,
    Framer,
    Garbage,
    GarbageReason,
    burst_format,
)
from lensmount_protocol.payload import PayloadParser
from lensmount_protocol.wire import Role

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
            raise DialectError(
                f"a frame's declaration cannot be generated: {gap}. Declare length, class_, sequence and payload as "
                "plain fields (a type before the length is class_), or write a FrameFormat, which has no export"
            ) from gap
        return run_source(text, objects, "envelope")


_ANY_TYPE = b""
"""Is found in all bytes: every frame may change the selection."""


class FrameParser:
    """Finds the frames of one sender and parses their messages.

    The events are those of `Framer`; each frame has its `messages`, parsed on arrival or, with `headers_only`, on
    first access.

    Attributes:
        receive: takes bytes; returns the events that they complete.
        open_window: starts a window: a pending run of bytes ends here.
        parse: returns the frame that is all of some bytes (else a `FrameError`); it does not change the layout for
            later frames.
    """

    def __init__(
        self, dialect: Dialect, sender: Role, payload_parser: PayloadParser, *, headers_only: bool = False
    ) -> None:
        """Make a parser of a stream of frames.

        Args:
            dialect: the dialect of the frames.
            sender: the end that sends the frames.
            payload_parser: the link's tables; both directions of a link share one.
            headers_only: parse a frame's messages only on first access. The result is the same; with a memo they
                always are, since most payloads are there.
        """
        headers_only = headers_only or payload_parser.memo is not None
        self._dialect = dialect
        self._sender = sender
        self._payload_parser = payload_parser
        self._format = dialect.formats[sender]
        self._selecting_type = _find_selecting_type(dialect, sender)
        self._headers_only = headers_only
        self._parsers = payload_parser.parsers(sender)
        by_burst = burst_format(self._format)
        self._framer = (
            Framer(self._format, self._attach_messages)
            if by_burst is None
            else BurstFramer(by_burst, self._attach_messages)
        )
        self.receive: Callable[[bytes], list[FrameEvent]] = self._framer.receive
        self.open_window = self._framer.open_window
        self.parse: Callable[[bytes], Frame] = (
            self._parse_with_errors if by_burst is None else self._parse_burst_with_errors
        )
        self._update_parsers()
        payload_parser.layout_observers.append(self._update_parsers)
        if isinstance(self._framer, BurstFramer):
            # Only a dialect without selections: elsewhere a frame may change the layout of later ones.
            self._framer.shares = payload_parser.memo is not None and not dialect.selecting
        if isinstance(self._format, ConstructFrameFormat) and isinstance(self._framer, Framer):
            self.receive, self.parse = self._format.scanner(
                self._framer, self._selecting_type, self._apply_selections, self._parse_with_errors, headers_only
            )

    @property
    def consumed_offset(self) -> int:
        """Offset up to which every byte was reported as part of an event."""
        return self._framer.consumed_offset

    def close(self, reason: GarbageReason) -> list[FrameEvent]:
        """The window, the stream or the idle timeout ends: later bytes do not belong to these."""
        return self._framer.close(reason)

    def _parse_with_errors(self, data: bytes) -> Frame:
        if not data or data[0] != self._format.start:
            raise FrameError(f"no frame: {GarbageReason.NO_START.value}")
        if len(data) < self._format.header_size:
            raise FrameError("no frame: cut inside its header", offset=len(data))
        size = self._format.frame_length(data[: self._format.header_size])
        if isinstance(size, GarbageReason):
            raise FrameError(f"no frame: {size.value}")
        if size != len(data):
            raise FrameError(f"the frame takes {size} bytes, not {len(data)}", offset=min(size, len(data)))
        reason = self._format.check(data)
        if reason is not None:
            raise FrameError(f"no frame: {reason.value}")
        frame = self._format.parse_header(data, 0)
        frame.lazy_messages = self._parsers.parse_all
        return frame

    def _parse_burst_with_errors(self, data: bytes) -> Frame:
        found = BurstFramer(cast("BurstFrameFormat", self._format), self._attach_messages).receive(data)
        if not found or not isinstance(found[0], Frame):
            reason = found[0].reason.value if found and isinstance(found[0], Garbage) else "no byte"
            raise FrameError(f"no frame: {reason}")
        return found[0]

    def _update_parsers(self) -> None:
        """Use the current tables from now on."""
        self._parsers = entries = self._payload_parser.parsers(self._sender)
        self._framer.tables = (entries.by_type, entries.parse, entries.recall)

    def _attach_messages(self, frame: Frame) -> None:
        frame.lazy_messages = self._parsers.recall
        if not self._headers_only or self._selecting_type is not None:
            self._apply_selections(frame)

    def _apply_selections(self, frame: Frame) -> bool:
        """Apply the selections in a frame's messages to later messages; return whether they change anything."""
        messages = frame.messages
        if self._selecting_type is None:
            return False
        changed = False
        for message in messages:
            if type(message) in self._dialect.selecting:
                changed |= self._payload_parser.select(self._dialect.selections(self._sender, message))
        return changed


def _find_selecting_type(dialect: Dialect, sender: Role) -> int | bytes | None:
    """Bytes of a frame that can change the selection: one type byte, any byte, or none (`None`)."""
    types = {cls.TYPE for cls in dialect.selecting if cls.SENDER is sender}
    return None if not types else types.pop() if len(types) == 1 else _ANY_TYPE
