"""Parts of what the parser fuzzer gives to readers: frames, near misses, nested frames, and no frames at all."""

from collections.abc import Callable
from random import Random

from lensmount_emulator.fuzz.chance import any_frame, messages_of
from lensmount_emulator.proofs.differential import message_bytes, mutated
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.envelope import DeclaredFormat
from lensmount_protocol.wire import Role

SIZE = 256
"""Whole frames that are kept to be joined, cut and hurt."""

LARGEST = 0.01
"""Share of whole frames that are as large as can be."""


class Pool:
    """Whole frames of one sender, right outside whatever they say.

    Args:
        dialect: whose frames.
        sender: who sends them.
        random: where chance comes from.
    """

    def __init__(self, dialect: Dialect, sender: Role, random: Random) -> None:
        self.dialect = dialect
        self.sender = sender
        self.random = random
        self.format = dialect.formats[sender]
        self.start = bytes((self.format.start,))
        self.around = len(dialect.build_frame(b"", 1, 0))
        declared = self.format if isinstance(self.format, DeclaredFormat) else None
        self.says = declared is not None
        """Whether the format says which frames are right; one that is not declared does not."""
        self.classes = tuple(sorted(declared.classes)) if declared else (1, 2, 3, 4)
        self.smallest = declared.smallest if declared else 0
        self._frames = [self._made() for _ in range(SIZE)]

    def any(self) -> bytes:
        """One of the frames."""
        return self.random.choice(self._frames)

    def renew(self) -> None:
        """Put a new frame in the place of one."""
        self._frames[self.random.randrange(SIZE)] = self._made()

    def sized(self, size: int) -> bytes:
        """A frame of so many bytes, full of messages of which the last one is cut."""
        size = max(size - self.around, 0)
        payload = b""
        while len(payload) < size:
            payload += message_bytes(self.random.choice(messages_of(self.dialect, self.sender)), self.random)
        return self.dialect.build_frame(payload[:size], self.random.choice(self.classes), self.random.randrange(256))

    def _made(self) -> bytes:
        if self.random.random() < LARGEST:
            return self.sized(self.format.largest - self.random.randrange(2))
        while True:
            frame = any_frame(self.random, self.dialect, self.sender, self.classes)
            if len(frame) >= self.smallest:
                return frame


def part(pool: Pool) -> bytes:
    """Some bytes of an input."""
    kind = pool.random.random()
    for until, make in _UNTIL:
        if kind < until:
            return make(pool)
    return pool.any()


def _noise(pool: Pool) -> bytes:
    return pool.random.randbytes(pool.random.randrange(24))


def _false_starts(pool: Pool) -> bytes:
    return pool.start * pool.random.randrange(1, 4) + pool.random.randbytes(pool.random.randrange(6))


def _head(pool: Pool) -> bytes:
    frame = pool.any()
    return frame[: pool.random.randrange(len(frame) + 1)]


def _tail(pool: Pool) -> bytes:
    frame = pool.any()
    return frame[pool.random.randrange(len(frame)) :]


def _wrong_inside(pool: Pool) -> bytes:
    """Wrong contents in a right envelope."""
    payload = mutated(pool.any()[5:-3], pool.random)[: pool.format.largest - 16] or b"\0"
    return pool.dialect.build_frame(payload, pool.random.randrange(6), pool.random.randrange(256))


def _mutated(pool: Pool) -> bytes:
    return mutated(pool.any(), pool.random)


def _hurt_at_an_end(pool: Pool) -> bytes:
    """One bit of the header, or of what stands behind the payload, is another one."""
    frame = bytearray(pool.any())
    at = pool.random.randrange(min(pool.format.header_size + 2, len(frame)))
    frame[at if pool.random.random() < 0.5 else -1 - at] ^= 1 << pool.random.randrange(8)
    return bytes(frame)


def _nested(pool: Pool) -> bytes:
    """A frame inside a frame; the outer one may be hurt, and the inner one is then the one to find."""
    inner = pool.any()
    if len(inner) + pool.around > pool.format.largest:
        return inner
    outer = pool.dialect.build_frame(inner, 1, pool.random.randrange(256))
    if pool.random.random() < 0.3:
        return outer
    return outer[:-1] + bytes((outer[-1] ^ 1 << pool.random.randrange(8),))


def _liar(pool: Pool) -> bytes:
    """A header that promises more than there is, in front of a whole frame."""
    for _ in range(8):
        header = pool.start + pool.random.randbytes(1) + bytes((pool.random.randrange(4),)) * pool.format.header_size
        header = header[: pool.format.header_size]
        if isinstance(pool.format.measure(header), int):
            return header + pool.any()
    return pool.any()


def _at_borders(pool: Pool) -> bytes:
    """A frame of a size at which something changes, or next to it; it may be too small or too large."""
    border = pool.random.choice((pool.smallest, 128, 256, pool.format.largest))
    # What is not declared may not know how to build a frame that is too large.
    return pool.sized(min(border + pool.random.choice((-1, 0, 1)), pool.format.largest + pool.says))


PARTS: tuple[tuple[float, Callable[[Pool], bytes]], ...] = (
    (0.06, _noise), (0.06, _false_starts), (0.12, _head), (0.08, _tail), (0.10, _wrong_inside), (0.16, _mutated),
    (0.05, _hurt_at_an_end), (0.02, _nested), (0.02, _liar), (0.01, _at_borders),
)  # fmt: skip
"""How parts of inputs are made, with their shares; the rest are whole frames."""

_UNTIL = [(sum(share for share, _ in PARTS[: number + 1]), make) for number, (_, make) in enumerate(PARTS)]
