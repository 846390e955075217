"""Streams of one end that a rule makes dangerous: with a part changed or left out, a forbidden frame is in them.

The end itself sends no such frame. It begins in the part that the rule changes, or before the one that it leaves out,
and bytes that a relay passes on as they came complete it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from guard_scan.scanner import EMOUNT, LMOUNT, Rules, build, crc
from guard_scan.streams import CLASSES, Streams


@dataclass(frozen=True)
class Carrier:
    """A harmless message with bytes of free content at its end.

    Attributes:
        message: its name in the dialect.
        field: the name of that content.
        type_: its type.
        before: bytes between its head and the content.
        size: bytes of the content.
    """

    message: str
    field: str
    type_: int
    before: int
    size: int


CARRIERS: Mapping[tuple[str, str], Carrier] = {
    (EMOUNT, "body"): Carrier("Query3D", "content", 0x3D, 0, 23),
    (EMOUNT, "lens"): Carrier("Answer3D", "content", 0x3D, 0, 63),
    (LMOUNT, "body"): Carrier("IdentityRequest", "tail", 0x08, 1, 24),
    (LMOUNT, "lens"): Carrier("ControlEvent", "tail", 0xC8, 2, 24),
}


@dataclass(frozen=True)
class RuleStream:
    """What an end sends, and what a rule makes of it.

    Attributes:
        data: the bytes as the end sends them.
        changes: content of a carrier -> what it becomes; `None`: the message is left out.
        becomes: the bytes after the rule.
    """

    data: bytes
    changes: Mapping[bytes, bytes | None]
    becomes: bytes


class RuleStreams:
    """Makes streams for one end of one mount."""

    def __init__(self, rules: Rules, sender: str, random: Random | None = None) -> None:
        self.rules = rules
        self.carrier = CARRIERS[rules.mount, sender]
        self.restart(random or Random(1))

    def restart(self, random: Random) -> None:
        """Make the streams of another seed from now on."""
        self.random = random
        self.streams = Streams(self.rules, random)

    def stream(self) -> RuleStream:
        """One of any kind."""
        kind = self.random.choice((self.changed, self.across, self.left_out))
        return kind()

    def changed(self) -> RuleStream:
        """The forbidden frame begins in what a rule puts into a message."""
        raw, junk = self._content(), self.random.randbytes(self.random.randrange(8))
        number = self.random.randrange(256)
        filler = self._filler()
        size = len(self._carrier(self._padded(junk + self._head(0)), number)) - self._at(junk) + len(filler)
        new = self._padded(junk + self._head(size))
        frame = self._carrier(new, number)
        end = self._end(frame[self._at(junk) :] + filler)
        return RuleStream(self._carrier(raw, number) + filler + end, {raw: new}, frame + filler + end)

    def across(self) -> RuleStream:
        """It begins before a message that a rule changes, and ends after it."""
        return self._around(self._content())

    def left_out(self) -> RuleStream:
        """It begins before a message that a rule drops, and ends after it."""
        return self._around(None)

    def _around(self, new: bytes | None) -> RuleStream:
        raw, junk = self._content(), self.random.randbytes(self.random.randrange(8))
        first, second = self.random.randrange(256), self.random.randrange(256)
        passed = b"" if new is None else self._carrier(new, second)
        filler = self._filler()
        empty = self._carrier(self._padded(junk + self._head(0)), first)
        size = len(empty) - self._at(junk) + len(passed) + len(filler)
        outer = self._carrier(self._padded(junk + self._head(size)), first)
        end = self._end(outer[self._at(junk) :] + passed + filler)
        return RuleStream(outer + self._carrier(raw, second) + filler + end, {raw: new}, outer + passed + filler + end)

    def _content(self) -> bytes:
        return self.random.randbytes(self.carrier.size)

    def _padded(self, content: bytes) -> bytes:
        return content + bytes(self.carrier.size - len(content))

    def _filler(self) -> bytes:
        """Allowed frames that pass as they came."""
        frames = (self.streams.frame(self.streams.harmless()) for _ in range(self.random.choice((0, 0, 1, 3))))
        return b"".join(frames)

    def _carrier(self, content: bytes, number: int) -> bytes:
        rest = bytes(self.carrier.before) + content
        size = len(rest).to_bytes(2, "little") if self.rules.mount == LMOUNT else b""
        return build(self.rules.mount, bytes((self.carrier.type_,)) + size + rest, 1, number)

    def _at(self, junk: bytes) -> int:
        """Offset of the forbidden frame in its carrier's frame."""
        return 5 + 1 + (2 if self.rules.mount == LMOUNT else 0) + self.carrier.before + len(junk)

    def _head(self, size: int) -> bytes:
        """The beginning of a forbidden frame of which `size` bytes are before its checksum."""
        type_, class_ = self.random.choice(sorted(self.rules.dangerous)), CLASSES[self.rules.mount][0]
        if self.rules.mount == EMOUNT:
            return b"\xf0" + (size + 3 & 0xFFFF).to_bytes(2, "little") + bytes((class_, 7, type_))
        rest = max(0, size - 5)
        return b"\xe0" + rest.to_bytes(2, "little") + bytes((class_, 7, type_)) + max(0, rest - 3).to_bytes(2, "little")

    def _end(self, frame: bytes) -> bytes:
        """The checksum of a frame and what follows it."""
        if self.rules.mount == EMOUNT:
            return (sum(frame[1:]) & 0xFFFF).to_bytes(2, "little") + b"\x55"
        return crc(frame[1:]).to_bytes(2, "little")
