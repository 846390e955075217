"""The streams of bytes that receivers could make of traffic at changing rates, and every frame in them.

A receiver that does not follow a change of rate misses bytes until the rate is its own again, and joins the bytes from
before and after. The sender does not know which changes a receiver follows. So the bytes of each set of rates are a
stream of their own. A stream that is only the end of another one adds no frames, and starts when the other one ends.

A receiver may start to read anywhere: after noise, inside the payload of another frame, between two writes. So each
start byte begins a candidate. A candidate is kept until as many bytes have passed as its header announces. What is kept
is bounded by the longest frame that a header can announce, not by the longest frame that a dialect calls legal: a
receiver need not know that limit.

The cost is one search for the start byte, and one entry of a heap per start byte; a candidate is read once, when it is
complete.
"""

import copy
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple, cast

from lensmount_emulator.sessions.payload_rules import PayloadRules
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.framer import FrameFormat, GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

MAX_FRAME_SIZE = 1 << 20
"""Bytes of the longest frame that is followed to its end: sixteen times what a 16-bit length can announce."""

_TRIM_AT = 1 << 18
"""Bytes in the buffer from which on it is worth dropping those that no candidate needs."""


class _EveryClass(frozenset[int]):
    """A set that holds every number: the class does not decide whether a receiver takes a frame."""

    def __contains__(self, _value: object) -> bool:
        return True


class Candidate(NamedTuple):
    """Bytes that announce a frame.

    Attributes:
        end: offset after its last byte in the stream; as far as is known where `size` is 0.
        at: offset of its first byte.
        size: bytes that the header announces; 0 where the format gives no length.
        loose: whether it begins in bytes that are not a right frame of their own.
    """

    end: int
    at: int
    size: int
    loose: bool = False


class CandidateTracker:
    """Follows the candidates of one stream.

    Attributes:
        format: what frames look like.
        total: bytes of the stream so far.
        changed: offset up to which the stream is not as another end sent it: there a byte is ours, or one is missing.
    """

    def __init__(self, frame_format: FrameFormat, payload_at: int) -> None:
        """Start at the beginning of a stream.

        Args:
            frame_format: what frames look like, without a limit of their size; see `without_limits`.
            payload_at: offset of the payload in a frame, in bytes.
        """
        self.format = frame_format
        self.total = self.changed = 0
        self._start = bytes((frame_format.start,))
        self._need = max(frame_format.header_size, payload_at + 1)
        self._buffer = bytearray()
        self._base = 0
        self._pending: list[Candidate] = []
        self._undo: tuple[int, list[Candidate], list[Candidate]] = (0, [], [])

    def push(self, data: bytes, *, loose: bool = False) -> tuple[list[Candidate], list[Candidate]]:
        """Append bytes; `rollback` takes them back.

        Args:
            data: the bytes.
            loose: whether candidates that begin now are to be marked as loose.

        Returns:
            The candidates that these bytes complete, and those that they announce and do not complete, each by the
            offset at which it begins.
        """
        self._trim()
        before = self.total
        self._buffer += data
        self.total = total = before + len(data)
        complete: list[Candidate] = []
        while self._pending and self._pending[0].end <= total:
            complete.append(heapq.heappop(self._pending))
        popped = complete.copy()
        announced: list[Candidate] = []
        buffer, base, need, header_size = self._buffer, self._base, self._need, self.format.header_size
        at = buffer.find(self._start, max(0, before - base - need + 1), max(0, total - base - need + 1))
        while at >= 0:
            size = self.format.frame_length(bytes(buffer[at : at + header_size]))
            if not isinstance(size, int):
                if size is GarbageReason.LENGTH:
                    announced.append(Candidate(total, base + at, 0, loose))
            elif at + size <= total - base:
                complete.append(Candidate(base + at + size, base + at, size, loose))
            else:
                announced.append(Candidate(base + at + size, base + at, size, loose))
            at = buffer.find(self._start, at + 1, max(0, total - base - need + 1))
        added = [one for one in announced if 0 < one.size <= MAX_FRAME_SIZE]
        for one in added:
            heapq.heappush(self._pending, one)
        self._undo = (len(data), popped, added)
        complete.sort(key=lambda one: one.at)
        return complete, announced

    def rollback(self) -> None:
        """Forget the bytes of the last `push`, as if they had not been there."""
        size, popped, added = self._undo
        self._undo = (0, [], [])
        if size:
            del self._buffer[-size:]
        self.total -= size
        if added:
            gone = set(added)
            self._pending = [one for one in self._pending if one not in gone]
            heapq.heapify(self._pending)
        for one in popped:
            heapq.heappush(self._pending, one)

    def candidate_bytes(self, candidate: Candidate) -> bytes:
        """The bytes of a candidate, as far as they are there."""
        at = candidate.at - self._base
        return bytes(self._buffer[at : at + candidate.size] if candidate.size else self._buffer[at:])

    def first_type(self, candidate: Candidate) -> int:
        """The first byte of a candidate's payload."""
        return self._buffer[candidate.at - self._base + self._need - 1]

    def tail(self, size: int) -> bytes:
        """The last `size` bytes of the stream, or as many of them as are kept."""
        return bytes(self._buffer[-size:]) if size else b""

    def copy(self) -> "CandidateTracker":
        """Return a tracker with the same bytes."""
        other = copy.copy(self)
        other._buffer = self._buffer.copy()
        other._pending = self._pending.copy()
        return other

    def _trim(self) -> None:
        if len(self._buffer) < _TRIM_AT:
            return
        first = min((one.at for one in self._pending), default=self.total)
        # No receiver follows a candidate for longer than this.
        keep = min(self.total - self._need, max(first, self.total - MAX_FRAME_SIZE)) - self._base
        if keep > len(self._buffer) // 2:
            del self._buffer[:keep]
            self._base += keep


def without_limits(frame_format: FrameFormat, smallest: int) -> FrameFormat:
    """The same frames without the limits of a dialect: the largest legal size, and the classes in use.

    A format that is a dataclass, or an object with the attribute `max_size`, is copied with another limit. A format
    with its limit elsewhere is unchanged; a tracker then reports candidates beyond it without a size.

    Args:
        frame_format: the format of a dialect.
        smallest: bytes of the smallest frame that holds a byte of payload.
    """
    wanted: dict[str, Any] = {"min_size": smallest, "max_size": MAX_FRAME_SIZE, "classes": _EveryClass()}
    if is_dataclass(frame_format) and not isinstance(frame_format, type):
        known = {one.name for one in fields(frame_format) if one.init}
        changes = {name: value for name, value in wanted.items() if name in known}
        return cast("FrameFormat", replace(frame_format, **changes)) if changes else frame_format
    other = copy.copy(frame_format)
    try:
        cast("Any", other).max_size = MAX_FRAME_SIZE
    except AttributeError:
        return frame_format
    return other


def frame_limits(dialect: Dialect, role: Role) -> tuple[int, int]:
    """The offset of the payload in a frame of `role`, and the bytes of a frame with one byte of payload."""
    frame = dialect.build_frame(bytes(3), 1, 0)
    begins: int = dialect.formats[role].parse_header(frame, 0).payload_slice.start
    return begins, len(frame) - 2


MAX_RATES = 4
"""Maximum number of distinct rates; all further ones count as one. Dialects have two or three."""

MAX_DOUBTS = 4
"""Streams that are kept because a write failed; the oldest goes first."""

_OTHER = 0
"""Stands for every rate after the first `MAX_RATES`."""


class BaudrateStreams:
    """Follows the streams that receivers could make of the bytes of one port."""

    def __init__(self, watch: CandidateTracker, baudrate: int) -> None:
        """Start with no bytes.

        Args:
            watch: follows the stream of all bytes.
            baudrate: the rate at the beginning, in bits a second.
        """
        self._rate = baudrate
        self._rates = [baudrate]
        self._sets: dict[frozenset[int], CandidateTracker] = {frozenset((baudrate,)): watch}
        self._empty = watch.copy()
        self._late: int | None = None
        self._doubted: list[CandidateTracker] = []
        self._active = [watch]
        self._doubted_at = 0

    def active(self) -> list[CandidateTracker]:
        """The streams that the next bytes belong to; that of all bytes is the first."""
        return self._active

    def change(self, baudrate: int) -> None:
        """Set the rate of the bytes that follow."""
        if baudrate not in self._rates and len(self._rates) >= MAX_RATES:
            baudrate = _OTHER
        if baudrate == self._rate:
            return
        if self._late is not None:
            # Until now these bytes were the end of a longer stream, which has found every frame in them.
            longer = self._sets[frozenset(self._rates)]
            alone = self._empty.copy()
            alone.push(longer.tail(min(longer.total - self._late, MAX_FRAME_SIZE)))
            alone.changed = max(0, longer.changed - (longer.total - alone.total))
            self._sets[frozenset((self._rate,))] = alone
            self._late = None
        if baudrate not in self._rates:
            for rates, watch in list(self._sets.items()):
                self._sets[rates | {baudrate}] = watch.copy()
            self._rates.append(baudrate)
            self._late = self._sets[frozenset(self._rates)].total
        self._rate = baudrate
        self._choose()

    def mark_changed(self) -> None:
        """Note that what reaches a receiver is up to here not what another end sent."""
        for watch in self._active:
            watch.changed = watch.total

    def mark_uncertain(self) -> None:
        """Follow from now on also the stream without the last bytes."""
        if self._active[0].total == self._doubted_at:
            return
        self._doubted_at = self._active[0].total
        without = self._active[0].copy()
        without.rollback()
        self._doubted = [*self._doubted, without][-MAX_DOUBTS:]
        self._choose()

    def _choose(self) -> None:
        sets = sorted(self._sets.items(), key=lambda item: -len(item[0]))
        self._active = [*(watch for rates, watch in sets if self._rate in rates), *self._doubted]


MAX_READ = 16 << 20
MAX_READ_PER_BYTE = 1 << 12
"""Bytes that are read again for one write, and for each byte of it; random bytes take about 128 each. A write that
takes more was made to cost time, and is blocked."""

TOO_MANY = "more frames that lie over each other than can be looked at"

READ_SIZE = 1 << 12
"""Bytes of a recording that are read at a time."""


class StreamRules:
    """Follows the bytes that one end sends: no guarded message may lie in them, wherever a device begins to read.

    Attributes:
        streams: the streams that receivers could make of the bytes so far.
    """

    def __init__(self, dialect: Dialect, role: Role, payloads: PayloadRules) -> None:
        """Start with no bytes.

        Args:
            dialect: the dialect.
            role: the end that sends.
            payloads: the rules for the payload of a frame.
        """
        self._payloads = payloads
        self._payload_at, smallest = frame_limits(dialect, role)
        self._format = without_limits(dialect.formats[role], smallest)
        self._rules = dialect.formats[role].check
        self._max_size = dialect.formats[role].max_size
        self._start = bytes((self._format.start,))
        self._first_rate = dialect.wiring.baudrates[0]
        self.streams = BaudrateStreams(CandidateTracker(self._format, self._payload_at), self._first_rate)

    def continue_after(self, before: BaudrateStreams) -> None:
        """Go on with the bytes of another session on the same port, at the first rate."""
        self.streams = before
        self.streams.change(self._first_rate)

    def rejection(self, data: bytes, chosen: dict[type[Message], int], *, untrusted: bool) -> str | None:
        """Return why bytes must not be sent, and forget them; `None` if they may, and count as sent.

        Args:
            data: the bytes.
            chosen: the layouts in force; receives those that the messages choose.
            untrusted: see `SendGuard.check`.
        """
        right = self._is_valid_frame(data)
        watches = self.streams.active()
        for number, watch in enumerate(watches):
            # Only the stream of all bytes chooses how later ones are read.
            layouts = dict(chosen) if number else chosen
            reason = self._rejection(watch, data, layouts, right=right, untrusted=untrusted)
            if reason is not None:
                for pushed in watches[: number + 1]:
                    pushed.rollback()
                return reason
        self.streams.mark_changed()
        return None

    def forward(self, data: bytes, chosen: dict[type[Message], int]) -> str | None:
        """Count bytes of another end as sent, or return why they must not go on.

        A frame that holds only bytes as they came goes on, whatever is in it. One that began in bytes that were
        changed, or before bytes that were left out, is one of ours: the other end sent none like it.

        Args:
            data: the bytes.
            chosen: the layouts in force; receives those that the messages choose.
        """
        watches = self.streams.active()
        for number, watch in enumerate(watches):
            complete, _ = watch.push(data, loose=True)
            made = [one for one in complete if one.at < watch.changed]
            limit = MAX_READ + MAX_READ_PER_BYTE * len(data)
            reason = self._reason_in(watch, made, chosen) if sum(one.size for one in made) <= limit else TOO_MANY
            if reason is not None:
                for pushed in watches[: number + 1]:
                    pushed.rollback()
                return reason
            if number == 0 and sum(one.size for one in complete) <= limit:
                for one in complete:
                    raw = watch.candidate_bytes(one)
                    if self._rules(raw) is None:
                        self._payloads.rejection(self._payload(raw), chosen, untrusted=False)
        return None

    def _reason_in(
        self, watch: CandidateTracker, candidates: Iterable[Candidate], chosen: Mapping[type[Message], int]
    ) -> str | None:
        """Why one of the candidates must not be completed."""
        for one in candidates:
            raw = watch.candidate_bytes(one)
            verdict, reason = self._rules(raw), None
            if verdict is None:
                reason = self._payloads.rejection(self._payload(raw), dict(chosen), untrusted=True)
            elif self._format.check(raw) is None:
                reason = self._payloads.rejection_of_class(self._payload(raw), unknown=one.loose)
            if reason is not None:
                return f"{reason}, in a frame that began in changed bytes"
        return None

    def payloads_in(self, data: bytes) -> Iterator[bytes]:
        """The payload of every frame that begins anywhere, wherever it lies and whatever its length."""
        watch = CandidateTracker(self._format, self._payload_at)
        for at in range(0, len(data), READ_SIZE):
            complete, _ = watch.push(data[at : at + READ_SIZE])
            for one in complete:
                raw = watch.candidate_bytes(one)
                if self._format.check(raw) is None:
                    yield self._payload(raw)

    def _rejection(
        self, watch: CandidateTracker, data: bytes, chosen: dict[type[Message], int], *, right: bool, untrusted: bool
    ) -> str | None:
        old = inside = watch.total
        complete, announced = watch.push(data, loose=not right)
        if sum(one.size for one in complete) > MAX_READ + MAX_READ_PER_BYTE * len(data):
            return TOO_MANY
        for one in complete:
            raw = watch.candidate_bytes(one)
            reason = None
            verdict = self._rules(raw)
            if verdict is None:
                reason = self._payloads.rejection(self._payload(raw), chosen, untrusted=untrusted)
                inside = max(inside, one.end)
            elif verdict is GarbageReason.CLASS and self._format.check(raw) is None:
                # Bytes inside valid frames look like a frame of no class now and then; in those only guarded messages
                # count.
                reason = self._payloads.rejection_of_class(self._payload(raw), unknown=one.loose and not right)
            elif not right and one.loose and (one.at >= inside or one.at < old):
                payload = self._payload(raw) if one.size <= self._max_size else b""
                reason = self._payloads.rejection_of_damaged(watch.first_type(one), payload)
            if reason is not None:
                return reason
        if right:
            return None
        # An incomplete candidate in bytes that are no frame counts by its first message.
        for one in announced:
            if not any(other.at < one.at < other.end for other in complete if other.end > old):
                reason = self._payloads.rejection_of_damaged(watch.first_type(one), b"")
                if reason is not None:
                    return reason
        return None

    def _payload(self, raw: bytes) -> bytes:
        return self._format.parse_header(raw, 0).payload

    def _is_valid_frame(self, data: bytes) -> bool:
        """Whether bytes are one valid frame, with nothing but padding after it."""
        if not data.startswith(self._start):
            return False
        header = data[: self._format.header_size]
        size = self._format.frame_length(header) if len(header) == self._format.header_size else 0
        if not isinstance(size, int) or not 0 < size <= len(data):
            return False
        return self._rules(data[:size]) is None and not data[size:].strip(b"\0")
