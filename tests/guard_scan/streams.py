"""Streams of writes that try to get forbidden frames past a guard, structured and at random.

A stream is a list of steps: bytes of one write, or a rate for all that follow. Frames have 0 to 4096 bytes of payload.
"""

from collections.abc import Callable
from random import Random

from guard_scan.scanner import EMOUNT, LMOUNT, Rules, build, crc

Step = bytes | int

MAX_PAYLOAD = 4096
RATES = {EMOUNT: (750_000, 1_500_000), LMOUNT: (115_200, 750_000, 1_500_000)}
CLASSES = {EMOUNT: (1, 2, 3), LMOUNT: (1, 2, 3, 4)}


class Streams:
    """Makes streams for one end of one mount."""

    def __init__(self, rules: Rules, random: Random) -> None:
        self.rules = rules
        self.random = random
        self.mount = rules.mount
        self.allowed = sorted(type_ for type_ in rules.known if not rules.is_forbidden(type_))
        self.unknown = sorted(type_ for type_ in range(256) if type_ not in rules.known)

    def stream(self) -> list[Step]:
        """One of any kind."""
        kind: Callable[[], list[Step]] = self.random.choice(KINDS).__get__(self)
        return kind()

    def size(self) -> int:
        """Bytes of a payload: most are short, all up to `MAX_PAYLOAD` come."""
        return (
            self.random.choice((0, 3, 15, 40, 120, 240, 250, 256, 330, 1100))
            if self.random.random() < 0.97
            else (self.random.randint(0, MAX_PAYLOAD))
        )

    def message(self, type_: int, size: int) -> bytes:
        """A message of a type; its content is random, and sometimes zero."""
        rest = self.random.randbytes(size) if self.random.random() < 0.7 else bytes(size)
        if self.mount == LMOUNT:
            return bytes((type_,)) + len(rest).to_bytes(2, "little") + rest
        fixed = self.rules.sizes.get(type_, 0) if not self.rules.is_forbidden(type_) else 0
        return (bytes((type_,)) + rest + bytes(fixed))[: fixed or size + 1]

    def harmless(self) -> bytes:
        """An allowed message whose end is known."""
        types = self.allowed if self.mount == LMOUNT else [one for one in self.allowed if one in self.rules.sizes]
        return self.message(self.random.choice(types), self.random.choice((0, 1, 8, 20)))

    def bad(self) -> bytes:
        """A forbidden message: dangerous, or of a type that is not listed."""
        types = sorted(self.rules.dangerous) if self.random.random() < 0.6 else self.unknown
        return self.message(self.random.choice(types), self.size())

    def frame(self, payload: bytes) -> bytes:
        """A right frame."""
        return build(
            self.mount, payload[:MAX_PAYLOAD], self.random.choice(CLASSES[self.mount]), self.random.randrange(256)
        )

    def forbidden(self) -> bytes:
        """A right frame with a forbidden message, alone or after others."""
        before = b"".join(self.harmless() for _ in range(self.random.choice((0, 0, 0, 1, 3))))
        after = self.harmless() if self.random.random() < 0.2 else b""
        return self.frame(before + self.bad() + after)

    def cut(self, data: bytes) -> list[bytes]:
        """The bytes in writes."""
        pieces = self.random.choice((1, 1, 2, 2, 3, 5, 20))
        if len(data) < 40 and self.random.random() < 0.1:
            return [bytes((byte,)) for byte in data]
        places = sorted(self.random.randint(0, len(data)) for _ in range(pieces - 1))
        return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]

    def whole(self) -> list[Step]:
        """A forbidden frame, cut into writes."""
        return [*self.cut(self.forbidden())]

    def surrounded(self) -> list[Step]:
        """A forbidden frame between noise and allowed frames."""
        noise = self.random.randbytes(self.random.randrange(12))
        return [*self.cut(noise + self.forbidden() + self.frame(self.harmless()))]

    def nested(self) -> list[Step]:
        """A forbidden frame in the payload of an allowed one."""
        inner = self.forbidden()
        type_ = self.random.choice(self.allowed)
        size = len(inner).to_bytes(2, "little") if self.mount == LMOUNT else b""
        return [*self.cut(build(self.mount, bytes((type_,)) + size + inner, 1, self.random.randrange(256)))]

    def spanning(self) -> list[Step]:
        """A forbidden frame that begins in the payload of one allowed frame and ends in that of another one."""
        start, end = (b"\xf0", b"\x55") if self.mount == EMOUNT else (b"\xe0", b"")
        outer, between = (
            self.random.choice(self.allowed),
            [self.frame(self.harmless()) for _ in range(self.size() // 16)],
        )
        content = self.random.randbytes(self.random.randrange(30))
        type_ = self.random.choice(sorted(self.rules.dangerous))
        # Both outer payloads are one allowed message each; the inner frame's length covers what lies between.
        tail_size = 2 + len(end)
        outer_tail = 3 if self.mount == EMOUNT else 2
        head_of_second = 5 + (3 if self.mount == LMOUNT else 1)
        gap = outer_tail + sum(map(len, between)) + head_of_second
        # The first message takes all that follows, so that its end does not matter.
        length = 5 + 3 + len(content) + gap + tail_size
        said = length if self.mount == EMOUNT else length - 7
        rest = (said - 3).to_bytes(2, "little") if self.mount == LMOUNT else b"\0\0"
        inner = start + said.to_bytes(2, "little") + bytes((1, 9, type_)) + rest + content
        first = self._around(outer, inner)
        before = first[first.index(inner) :] + b"".join(between)
        # What the second frame has in front of the end of the inner one is known before that end is.
        second = self._around(outer, bytes(tail_size))
        checked = (before + second[:head_of_second])[1:]
        value = (sum(checked) & 0xFFFF) if self.mount == EMOUNT else crc(checked)
        second = self._around(outer, value.to_bytes(2, "little") + end)
        return [first, *between, second]

    def _around(self, type_: int, content: bytes) -> bytes:
        size = len(content).to_bytes(2, "little") if self.mount == LMOUNT else b""
        return build(self.mount, bytes((type_,)) + size + content, 1, 7)

    def at_rates(self) -> list[Step]:
        """A forbidden frame in two parts, with other bytes at other rates between them."""
        frame, rates = self.forbidden(), RATES[self.mount]
        at = self.random.randint(1, len(frame) - 1)
        first, second, third = (self.random.choice(rates) for _ in range(3))
        between: list[Step] = [second, self.frame(self.harmless())] if self.random.random() < 0.7 else []
        again = [third, self.random.randbytes(5)] if self.random.random() < 0.3 else []
        return [first, frame[:at], *between, *again, first if self.random.random() < 0.7 else third, frame[at:]]

    def damaged(self) -> list[Step]:
        """A forbidden frame with bytes changed, doubled, put in or left out, sent twice."""
        data = bytearray(self.forbidden())
        for _ in range(self.random.choice((1, 1, 2))):
            at = self.random.randrange(len(data))
            kind = self.random.randrange(4)
            if kind == 0:
                data[at] ^= 1 << self.random.randrange(8)
            elif kind == 1:
                data[at:at] = data[at : at + self.random.randint(1, 9)]
            elif kind == 2:
                data[at:at] = self.random.randbytes(2)
            else:
                del data[at : at + 2]
            data = data or bytearray(1)
        return [*self.cut(bytes(data)), *self.cut(bytes(data) + self.frame(self.bad()))]

    def noise(self) -> list[Step]:
        """Random bytes with many starts of frames and small lengths."""
        start = 0xF0 if self.mount == EMOUNT else 0xE0
        some = [start, start, 0, 1, 2, 3, 9, 0x10, 0x55, *self.rules.dangerous]
        data = bytes(self.random.choice(some) for _ in range(self.random.randrange(90)))
        return [*self.cut(data + self.random.randbytes(self.random.randrange(90)))]

    def harmless_frames(self) -> list[Step]:
        """Allowed frames only, a write each."""
        return [self.frame(b"".join(self.harmless() for _ in range(self.random.choice((1, 1, 2))))) for _ in range(3)]


KINDS: tuple[Callable[..., list[Step]], ...] = (
    *(Streams.whole, Streams.whole, Streams.surrounded, Streams.nested, Streams.spanning),
    *(Streams.at_rates, Streams.at_rates, Streams.damaged, Streams.noise, Streams.harmless_frames),
)
