"""Every frame that a receiver could find in a stream of bytes, whatever byte it starts to read at.

A receiver may start to read anywhere: after noise, inside the payload of another frame, between two writes. So each
start byte begins a candidate. A candidate is kept until as many bytes have passed as its header announces. What is kept
is bounded by the longest frame that a header can announce, not by the longest frame that a dialect calls legal: a
receiver need not know that limit.

The cost is one search for the start byte, and one entry of a heap per start byte; a candidate is read once, when it is
complete.
"""

import copy
import heapq
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple, cast

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import FrameFormat, GarbageReason
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


class FrameWatch:
    """Follows the candidates of one stream.

    Attributes:
        format: what frames look like.
        total: bytes of the stream so far.
    """

    def __init__(self, frame_format: FrameFormat, payload_at: int) -> None:
        """Start at the beginning of a stream.

        Args:
            frame_format: what frames look like, without a limit of their size; see `without_limits`.
            payload_at: offset of the payload in a frame, in bytes.
        """
        self.format = frame_format
        self.total = 0
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
            size = self.format.measure(bytes(buffer[at : at + header_size]))
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

    def bytes_of(self, candidate: Candidate) -> bytes:
        """The bytes of a candidate, as far as they are there."""
        at = candidate.at - self._base
        return bytes(self._buffer[at : at + candidate.size] if candidate.size else self._buffer[at:])

    def first_type(self, candidate: Candidate) -> int:
        """The first byte of a candidate's payload."""
        return self._buffer[candidate.at - self._base + self._need - 1]

    def tail(self, size: int) -> bytes:
        """The last `size` bytes of the stream, or as many of them as are kept."""
        return bytes(self._buffer[-size:]) if size else b""

    def copy(self) -> "FrameWatch":
        """Another watch that has seen the same bytes."""
        other = copy.copy(self)
        other._buffer = self._buffer.copy()
        other._pending = self._pending.copy()
        return other

    def _trim(self) -> None:
        if len(self._buffer) < _TRIM_AT:
            return
        first = min((one.at for one in self._pending), default=self.total)
        # What is followed for longer than this is longer than any receiver's memory.
        keep = min(self.total - self._need, max(first, self.total - MAX_FRAME_SIZE)) - self._base
        if keep > len(self._buffer) // 2:
            del self._buffer[:keep]
            self._base += keep


def without_limits(frame_format: FrameFormat, smallest: int) -> FrameFormat:
    """The same frames without what only a dialect knows: the largest legal size, and the classes in use.

    A format that is a dataclass, or an object with the attribute `largest`, is copied with another limit. A format that
    keeps its limit elsewhere stays as it is; a watch then announces what it cannot measure without a size.

    Args:
        frame_format: the format of a dialect.
        smallest: bytes of the smallest frame that holds a byte of payload.
    """
    wanted: dict[str, Any] = {"smallest": smallest, "largest": MAX_FRAME_SIZE, "classes": _EveryClass()}
    if is_dataclass(frame_format) and not isinstance(frame_format, type):
        known = {one.name for one in fields(frame_format) if one.init}
        changes = {name: value for name, value in wanted.items() if name in known}
        return cast("FrameFormat", replace(frame_format, **changes)) if changes else frame_format
    other = copy.copy(frame_format)
    try:
        cast("Any", other).largest = MAX_FRAME_SIZE
    except AttributeError:
        return frame_format
    return other


def frame_limits(dialect: Dialect, role: Role) -> tuple[int, int]:
    """Where in a frame of `role` its payload begins, and the bytes of a frame with one byte of payload."""
    frame = dialect.build_frame(bytes(3), 1, 0)
    begins: int = dialect.formats[role].open(frame, 0).inside.start
    return begins, len(frame) - 2
