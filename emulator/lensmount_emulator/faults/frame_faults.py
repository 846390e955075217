"""Faults of whole frames: truncated, with a wrong checksum, length or number, swapped, late, or sent twice."""

from dataclasses import dataclass, field
from typing import ClassVar

from lensmount_emulator.faults.fault import MAX_COUNT, Fault, FaultTarget, OutgoingBytes
from lensmount_emulator.faults.options import DELAY, ExpectedOutcome, integer, option
from lensmount_protocol.framer import FrameFormat, GarbageReason, burst_format
from lensmount_protocol.wire import Role

MAX_FRAME_SIZE = 1100


@dataclass(slots=True, kw_only=True)
class FrameFault(Fault):
    """A fault that changes frames; bytes that begin no frame pass unchanged.

    Attributes:
        EACH: expected outcome of a script if every frame is changed.
    """

    TOUCHES: ClassVar[str] = "frames"
    EACH: ClassVar[ExpectedOutcome] = ExpectedOutcome.MAY_FAIL

    count: int | None = option(1, integer(1, MAX_COUNT), "how many frames at most")

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Change the frame that the first piece begins with."""
        first = pieces[0]
        size = frame_size(first.data, target.dialect.formats[sender])
        if not size or not self.should_apply():
            return pieces
        target.annotate(f"{self.NAME}: a frame of {size} bytes from the {sender.value}")
        return [*self.change(first, size, sender, target), *pieces[1:]]

    def declared(self, seconds: float) -> ExpectedOutcome:
        """If every frame is changed, the outcome depends on the change."""
        return self.EACH if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Return the replacement of a piece that begins with a frame of this size."""
        return [piece]


def frame_size(data: bytes, frame_format: FrameFormat) -> int:
    """Return the size of the frame at the start of the data, in bytes; 0 if it holds no whole frame."""
    by_burst = burst_format(frame_format)
    if by_burst is not None:
        return len(data) if len(data) in by_burst.sizes else 0
    header = data[: frame_format.header_size]
    if len(header) < frame_format.header_size or header[0] != frame_format.start:
        return 0
    size = frame_format.frame_length(header)
    return size if isinstance(size, int) and size <= len(data) else 0


@dataclass(slots=True, kw_only=True)
class TruncateFrame(FrameFault):
    """A frame is cut before its end."""

    NAME: ClassVar[str] = "truncate"
    EACH: ClassVar[ExpectedOutcome] = ExpectedOutcome.CANNOT

    by: int | None = option(None, integer(1, MAX_FRAME_SIZE), "bytes that are missing; random if not given")

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Drop its end, and the bytes after it; of a frame of one byte nothing is left."""
        if size == 1:
            return []
        missing = min(size - 1, self.by if self.by is not None else self.random.randrange(1, size))
        piece.data = piece.data[: size - missing]
        return [piece]


@dataclass(slots=True, kw_only=True)
class WrongChecksum(FrameFault):
    """A frame arrives with a wrong checksum."""

    NAME: ClassVar[str] = "checksum"
    EACH: ClassVar[ExpectedOutcome] = ExpectedOutcome.CANNOT

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Flip one bit of the checksum: in the last byte that the format reports as a checksum error if it changes."""
        check = target.dialect.formats[sender].check
        bit = 1 << self.random.randrange(8)
        for at in range(size - 1, 0, -1):
            tried = bytearray(piece.data)
            tried[at] ^= bit
            if check(bytes(tried[:size])) is GarbageReason.CHECKSUM:
                piece.data = bytes(tried)
                break
        return [piece]


@dataclass(slots=True, kw_only=True)
class WrongLength(FrameFault):
    """A frame has a wrong length field."""

    NAME: ClassVar[str] = "length"
    EACH: ClassVar[ExpectedOutcome] = ExpectedOutcome.CANNOT

    by: int = option(1, integer(-255, 255), "error of the length, in bytes")

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Change the first header byte that affects the length; on a clocked link, the number of bytes."""
        frame_format = target.dialect.formats[sender]
        if burst_format(frame_format) is not None:
            piece.data = (piece.data + bytes(max(self.by, 0)))[: max(size + self.by, 1)]
            return [piece]
        header = piece.data[: frame_format.header_size]
        for at in range(1, len(header)):
            tried = bytearray(header)
            tried[at] = (tried[at] + self.by) & 0xFF
            if frame_format.frame_length(bytes(tried)) != size:
                piece.data = bytes(tried) + piece.data[len(header) :]
                break
        return [piece]


@dataclass(slots=True, kw_only=True)
class WrongSequence(FrameFault):
    """A frame has a wrong sequence number; its checksum is correct."""

    NAME: ClassVar[str] = "sequence"

    by: int = option(1, integer(-255, 255), "error of the number")

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Build the frame again with the wrong number."""
        frame_format = target.dialect.formats[sender]
        raw = piece.data[:size]
        if frame_format.check(raw) is None:
            frame = frame_format.parse_header(raw, 0)
            again = target.dialect.build_frame(frame.payload, frame.class_, (frame.sequence + self.by) & 0xFF)
            piece.data = again + piece.data[size:]
        return [piece]


@dataclass(slots=True, kw_only=True)
class SwapFrames(FrameFault):
    """A frame arrives after the next one of its sender."""

    NAME: ClassVar[str] = "swap"

    _held: dict[Role, bytes] = field(default_factory=lambda: dict[Role, bytes](), init=False, repr=False, compare=False)

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Hold one frame back, and send it after the next."""
        held = self._held.pop(sender, b"")
        if held:
            return [*pieces, OutgoingBytes(held)]
        return FrameFault.modify_bytes(self, pieces, sender, target)

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Hold the frame back."""
        self._held[sender] = piece.data
        return []

    def is_active(self, now: float) -> bool:
        """Whether it is active at a time, or still holds a frame back."""
        return bool(self._held) or Fault.is_active(self, now)


@dataclass(slots=True, kw_only=True)
class DelayFrame(FrameFault):
    """A frame begins late."""

    NAME: ClassVar[str] = "delay-frame"

    by: float = option(3e-3, DELAY, "how much later")

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Delay the frame."""
        piece.delay += self.by
        return [piece]


@dataclass(slots=True, kw_only=True)
class DuplicateFrame(FrameFault):
    """A frame is sent twice, back to back."""

    NAME: ClassVar[str] = "duplicate-frame"

    def change(self, piece: OutgoingBytes, size: int, sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Send the frame again."""
        return [piece, OutgoingBytes(piece.data[:size])]
