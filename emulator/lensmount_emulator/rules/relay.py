"""A relay of one direction between two joints: bytes and edges in, and out when they are due. No I/O.

A frame is cut through, byte by byte by the table, or stored until it is whole and given to the engine; rules decide.
In a direction with a rule that stores, the head of each frame waits until its first message shows what is due.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.rules.engine import RuleEngine
from lensmount_emulator.rules.table import ByteTable, RuleTable
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role, transmission_time

CUT_THROUGH_S = 2e-6
"""Seconds in which a small MCU passes on a byte."""

STORE_S = 10e-6
"""Seconds in which one checks and rebuilds a frame."""

GAP_S = 10e-6
"""Seconds for which a select line stays low between two windows, so that the other end sees it."""

MAX_QUEUED = 4096
"""Runs of bytes that may wait in one direction, and twice as many edges; later ones are left out, and counted."""

MAX_RUN = 4096
"""Bytes of one run."""


@dataclass(slots=True)
class RelayItem:
    """Bytes or an edge on their way.

    Attributes:
        due: seconds at which they go on.
        data: the bytes; empty for an edge.
        line: the line of an edge.
        level: its level.
        holds: a breakpoint: what is held, as text.
        type: type of the first message of a held frame.
        raw: a frame that a rule changed, as it came; empty where none did.
        gap: whether bytes that came before it do not go on. An item without data and line is only that.
    """

    due: float
    data: bytes = b""
    line: str = ""
    level: bool = False
    holds: str = ""
    type: int = 0
    raw: bytes = b""
    gap: bool = False


@dataclass(frozen=True, slots=True)
class RelayRules:
    """The rules of one direction.

    Attributes:
        engine: for frames that are stored, and for the layout and the rate of all.
        table: for frames that are cut through; `None` without such rules.
        stored: types of the messages for which frames are stored; empty where all are cut through.
    """

    engine: RuleEngine
    table: RuleTable | None = None
    stored: frozenset[int] = frozenset()


@dataclass(slots=True)
class FrameRelay:
    """One direction.

    Attributes:
        dialect: the dialect.
        sender: the end that sends.
        rules: its rules.
        byte_time: seconds that a byte takes on the wire now.
        note: receives what a rule did, at a time.
        on_frame: called with each frame as it goes on: its class, its messages, and when it begins.
        cut_s: seconds in which a byte that is cut through is passed on.
        store_s: seconds in which a frame that is stored is.
        dropped: bytes and edges that did not fit the queue, by what a recording calls them.
    """

    dialect: Dialect
    sender: Role
    rules: RelayRules
    byte_time: Callable[[], float]
    note: Callable[[float, str], object] = lambda _now, _text: None
    on_frame: Callable[[Role, int, Sequence[AnyMessage], float], object] = lambda _sender, _class, _messages, _at: None
    cut_s: float = CUT_THROUGH_S
    store_s: float = STORE_S
    dropped: Counter[str] = field(default_factory=Counter[str])
    _queue: deque[RelayItem] = field(default_factory=deque[RelayItem], init=False)
    _free: float = field(default=0.0, init=False)
    _arrived: float = field(default=0.0, init=False)
    _begun: float = field(default=0.0, init=False)
    _frame: bytearray = field(default_factory=bytearray, init=False)
    _out: bytearray = field(default_factory=bytearray, init=False)
    _size: int = field(default=0, init=False)
    _stores: bool | None = field(default=None, init=False)
    _gap: bool = field(default=False, init=False)
    _bytes: ByteTable | None = field(init=False)
    _head: int = field(init=False)
    _overhead: int = field(init=False)

    def __post_init__(self) -> None:
        self._bytes = None if self.rules.table is None else ByteTable(self.rules.table)
        frame = self.dialect.build_frame(bytes(3), 1, 0)
        payload_at: int = self.dialect.formats[self.sender].parse_header(frame, 0).payload_slice.start
        self._head, self._overhead = payload_at + 1, len(frame) - 3

    @property
    def waiting(self) -> bool:
        """Whether something is on its way."""
        return bool(self._queue)

    @property
    def arrived(self) -> float:
        """When the last byte arrived, in seconds."""
        return self._arrived

    @property
    def next_due(self) -> float | None:
        """When the next item goes on, in seconds; `None` without one."""
        return self._queue[0].due if self._queue else None

    @property
    def late_at(self) -> float | None:
        """When a frame that has begun is late, in seconds; `None` without one. What only cuts through has no clock."""
        return self._begun + self._allowed if self._frame and self.rules.stored else None

    @property
    def _allowed(self) -> float:
        """Seconds that a frame takes at the slowest rate, and the timeout of a pause."""
        size = self._size or self.dialect.formats[self.sender].max_size
        return self.dialect.idle_timeout + transmission_time(size, min(self.dialect.wiring.baudrates))

    def on_bytes(self, data: bytes, now: float) -> None:
        """Take bytes that arrived now."""
        self._arrived = now
        for byte in data:
            self._on_byte(byte, now)

    def on_select(self, line: str, level: bool, now: float) -> None:
        """Take an edge of the sender's select line; it waits for what is before it, and keeps its distance from it."""
        self._flush(now)
        if self._bytes is not None:
            self._bytes.window()
        due = now if self._free <= now else self._free if level else self._free + max(0.0, now - self._arrived)
        if not level:
            self._free = max(self._free, due + GAP_S) if self._queue or due > now else self._free
        self._put(RelayItem(due, line=line, level=level))

    def take(self, now: float) -> list[RelayItem]:
        """Return what is due, in order; an item that is held ends the list."""
        taken: list[RelayItem] = []
        while self._queue and self._queue[0].due <= now:
            taken.append(self._queue.popleft())
            if taken[-1].holds:
                break
        return taken

    def flush_late(self, now: float) -> None:
        """Pass on what was kept of a frame that should be whole by now: its length is wrong, or it was cut off."""
        late_at = self.late_at
        if late_at is not None and now >= late_at:
            if self._stores is not False:
                kept = f"{len(self._frame)} bytes are no whole frame after {self._allowed:.3f} s"
                self.note(now, f"{kept}; they pass as they came")
            self._flush(now)

    def clear(self) -> bytes:
        """Forget what waits: the supply fell, the lens was taken off, or the relay ends.

        Returns:
            The bytes that were to go on, as the end sent them.
        """
        left = b"".join(item.raw or item.data for item in self._queue) + bytes(self._frame[len(self._out) :])
        self._queue.clear()
        self._restart()
        self._free = self._arrived = 0.0
        if self._bytes is not None:
            self._bytes.window()
        return left

    def _on_byte(self, byte: int, now: float) -> None:
        frame_format = self.dialect.formats[self.sender]
        if not self._frame and byte != frame_format.start:
            self._pass(bytes((byte,)), now)
            return
        if not self._frame:
            self._begun = now
        self._frame.append(byte)
        count = len(self._frame)
        if count == frame_format.header_size:
            size = frame_format.frame_length(bytes(self._frame))
            if isinstance(size, GarbageReason):
                self._flush(now)
                return
            self._size = size
        self._decide(count)
        if self._stores is False:
            waiting = bytes(self._frame[len(self._out) :])
            self._out += self._pass(waiting, now)
        if self._size and count >= self._size:
            self._end(now)

    def _decide(self, count: int) -> None:
        """Whether the frame is stored; known from the start without rules that store, else with its first message."""
        if self._stores is not None:
            return
        if not self.rules.stored:
            self._stores = False
        elif count >= self._head and self._size:
            type_ = self._frame[self._head - 1]
            size = self.rules.engine.message_size(self.sender, type_)
            alone = size is not None and self._size - self._overhead == size
            self._stores = type_ in self.rules.stored if alone else True

    def _end(self, now: float) -> None:
        """The frame is whole."""
        raw, out, stores = bytes(self._frame), bytes(self._out), self._stores
        hits = [] if self._bytes is None else self._bytes.hits
        self._restart()
        engine = self.rules.engine
        found = engine.parse(self.sender, raw)
        if not stores:
            passed = found if out == raw else engine.parse_changed(self.sender, out)
            if passed is not None:
                self.on_frame(self.sender, passed[0].class_, passed[1], now)
            if hits and out != raw:
                engine.hits += 1
                names = ", ".join(dict.fromkeys(hits))
                self.note(now, f"rule on {names}: {raw.hex()} becomes {out.hex()}")
            return
        result = None if found is None else engine.rewrite(self.sender, *found, now)
        due = max(now + self.store_s + (0.0 if result is None else result.late), self._free)
        if result is None:
            self._put(RelayItem(due, raw))
        else:
            self.note(now, result.note)
            if result.data:
                held = result.note if result.holds else ""
                before = raw if result.data != raw else b""
                self._put(RelayItem(due, result.data, holds=held, type=raw[self._head - 1], raw=before))
            else:
                self._put(RelayItem(due, gap=True))
        messages = result.messages if result is not None else found[1] if found is not None else ()
        if found is not None and messages:
            self.on_frame(self.sender, found[0].class_, messages, due)

    def _pass(self, data: bytes, now: float) -> bytes:
        """Pass bytes on, by the table; return what became of them."""
        if self._bytes is not None:
            data = bytes(map(self._bytes.feed, data))
        self._put(RelayItem(max(now + self.cut_s, self._free), data))
        return data

    def _flush(self, now: float) -> None:
        """Pass on what was kept of a frame that does not come whole."""
        if self._frame:
            left = bytes(self._frame[len(self._out) :]) if self._stores is False else bytes(self._frame)
            self._restart()
            if left:
                self._pass(left, now)

    def _restart(self) -> None:
        self._frame.clear()
        self._out.clear()
        self._size, self._stores = 0, None

    def _put(self, item: RelayItem) -> None:
        last = self._queue[-1] if self._queue else None
        if len(self._queue) >= (MAX_QUEUED if item.data else 2 * MAX_QUEUED):
            self._gap = self._gap or bool(item.data) or item.gap
            if not (item.data or item.line):
                return
            if not self.dropped:
                self.note(self._arrived, f"more than {MAX_QUEUED} runs of bytes wait; what does not fit is left out")
            what = f"bytes of the {self.sender.value}" if item.data else f"edges of {item.line}"
            self.dropped[what] += len(item.data) or 1
            return
        item.gap, self._gap = item.gap or self._gap, False
        if item.data:
            self._free = item.due + len(item.data) * self.byte_time()
        if last is not None and _is_one_run(last, item):
            last.data += item.data
            return
        self._queue.append(item)


def _is_one_run(last: RelayItem, item: RelayItem) -> bool:
    """Whether plain bytes go on at the same time as those before them."""
    plain = last.data and item.data and not (last.raw or item.raw or last.holds or item.holds or item.gap)
    return bool(plain) and item.due == last.due and len(last.data) + len(item.data) <= MAX_RUN
