"""Faults of whole frames: cut, with a wrong checksum, length or number, exchanged, late, or sent twice."""

from dataclasses import dataclass, field
from typing import ClassVar

from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import MOST, Fault, Grip, Piece
from lensmount_emulator.faults.words import DELAY, key, whole
from lensmount_protocol.frame import FrameFormat, GarbageReason
from lensmount_protocol.wire import Role

LONGEST_FRAME = 1100


@dataclass(slots=True, kw_only=True)
class FrameFault(Fault):
    """A fault that changes frames; bytes that begin none pass by.

    Attributes:
        EACH: what becomes of a script where every frame is changed to its end.
    """

    TOUCHES: ClassVar[str] = "frames"
    EACH: ClassVar[Expected] = Expected.MAY_FAIL

    count: int | None = key(1, whole(1, MOST), "how many frames at most")

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Change the frame that the first piece begins with."""
        first = pieces[0]
        size = frame_size(first.data, grip.dialect.formats[sender])
        if not size or not self.strikes():
            return pieces
        grip.note(f"{self.NAME}: a frame of {size} bytes from the {sender.value}")
        return [*self.change(first, size, sender, grip), *pieces[1:]]

    def declared(self, seconds: float) -> Expected:
        """Where every frame is changed to the end, it depends on the change."""
        return self.EACH if self.lasts(seconds) else Expected.COMPLETES

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """What goes out instead of a piece that begins with a frame of this size."""
        return [piece]


def frame_size(data: bytes, frame_format: FrameFormat) -> int:
    """Bytes of the frame that some bytes begin with; 0 where they hold no whole one."""
    header = data[: frame_format.header_size]
    if len(header) < frame_format.header_size or header[0] != frame_format.start:
        return 0
    size = frame_format.measure(header)
    return size if isinstance(size, int) and size <= len(data) else 0


@dataclass(slots=True, kw_only=True)
class Truncate(FrameFault):
    """A frame ends before its end."""

    NAME: ClassVar[str] = "truncate"
    EACH: ClassVar[Expected] = Expected.CANNOT

    by: int | None = key(None, whole(1, LONGEST_FRAME), "bytes that are missing; by chance where it is not said")

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Leave out its end, and what was clocked behind it."""
        missing = min(size - 1, self.by if self.by is not None else self.random.randrange(1, size))
        piece.data = piece.data[: size - missing]
        return [piece]


@dataclass(slots=True, kw_only=True)
class WrongChecksum(FrameFault):
    """A frame arrives with a checksum that is not its own."""

    NAME: ClassVar[str] = "checksum"
    EACH: ClassVar[Expected] = Expected.CANNOT

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Flip one bit of the checksum: of the last bytes, the one that the format blames on it."""
        judge = grip.dialect.formats[sender].judge
        bit = 1 << self.random.randrange(8)
        for at in range(size - 1, 0, -1):
            tried = bytearray(piece.data)
            tried[at] ^= bit
            if judge(bytes(tried[:size])) is GarbageReason.CHECKSUM:
                piece.data = bytes(tried)
                break
        return [piece]


@dataclass(slots=True, kw_only=True)
class WrongLength(FrameFault):
    """A frame says a length that is not its own."""

    NAME: ClassVar[str] = "length"
    EACH: ClassVar[Expected] = Expected.CANNOT

    by: int = key(1, whole(-255, 255), "bytes that it says too much")

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Change the first byte of the header that the length hangs on."""
        frame_format = grip.dialect.formats[sender]
        header = piece.data[: frame_format.header_size]
        for at in range(1, len(header)):
            tried = bytearray(header)
            tried[at] = (tried[at] + self.by) & 0xFF
            if frame_format.measure(bytes(tried)) != size:
                piece.data = bytes(tried) + piece.data[len(header) :]
                break
        return [piece]


@dataclass(slots=True, kw_only=True)
class WrongSequence(FrameFault):
    """A frame bears another number than its turn; its checksum is right."""

    NAME: ClassVar[str] = "sequence"

    by: int = key(1, whole(-255, 255), "how far its number is off")

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Build it again with the other number."""
        frame_format = grip.dialect.formats[sender]
        raw = piece.data[:size]
        if frame_format.judge(raw) is None:
            frame = frame_format.open(raw, 0)
            again = grip.dialect.build_frame(frame.payload, frame.class_, (frame.sequence + self.by) & 0xFF)
            piece.data = again + piece.data[size:]
        return [piece]


@dataclass(slots=True, kw_only=True)
class Swap(FrameFault):
    """A frame arrives behind the next one of its sender."""

    NAME: ClassVar[str] = "swap"

    _held: dict[Role, bytes] = field(default_factory=lambda: dict[Role, bytes](), init=False, repr=False, compare=False)

    def alter(self, pieces: list[Piece], sender: Role, grip: Grip) -> list[Piece]:
        """Keep one back, and give it out behind the next."""
        held = self._held.pop(sender, b"")
        if held:
            return [*pieces, Piece(held)]
        return FrameFault.alter(self, pieces, sender, grip)

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Keep it back."""
        self._held[sender] = piece.data
        return []

    def acts(self, now: float) -> bool:
        """Also as long as it holds a frame back."""
        return bool(self._held) or Fault.acts(self, now)


@dataclass(slots=True, kw_only=True)
class Late(FrameFault):
    """A frame begins late."""

    NAME: ClassVar[str] = "late"

    by: float = key(3e-3, DELAY, "how much later")

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Hold it up."""
        piece.delay += self.by
        return [piece]


@dataclass(slots=True, kw_only=True)
class Repeat(FrameFault):
    """A frame is sent twice, back to back."""

    NAME: ClassVar[str] = "repeat"

    def change(self, piece: Piece, size: int, sender: Role, grip: Grip) -> list[Piece]:
        """Send it again."""
        return [piece, Piece(piece.data[:size])]
