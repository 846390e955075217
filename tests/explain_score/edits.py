"""Edits of recorded sessions: what a broken lens, body, line or logger would have left in the recording."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord

Records = list[WireRecord]


def without_notes(records: Sequence[WireRecord]) -> Records:
    """The traffic alone: what a fault plan wrote must not help."""
    return [one for one in records if not isinstance(one, Annotation)]


def time_of(record: WireRecord) -> float:
    return -1.0 if record.at is None else record.at


def frame_window(records: Sequence[WireRecord], dialect: Dialect, burst: Burst) -> tuple[int, int]:
    """The indices of the select edges around a burst."""
    select = dialect.select_line(burst.sender)
    at = records.index(burst)
    first = max(i for i in range(at) if _is_edge(records[i], select, True))
    last = min(i for i in range(at, len(records)) if _is_edge(records[i], select, False))
    return first, last


def _is_edge(record: WireRecord, line: str, level: bool) -> bool:
    return isinstance(record, Edge) and record.line == line and record.level is level


def bursts(records: Sequence[WireRecord], sender: Role | None = None) -> list[Burst]:
    return [one for one in records if isinstance(one, Burst) and sender in (None, one.sender)]


def payload_at(dialect: Dialect, data: bytes, sender: Role) -> bytes:
    """A frame's payload; nothing where the bytes are no frame."""
    known = dialect.formats[sender]
    size = known.frame_length(data[: known.header_size]) if len(data) >= known.header_size else 0
    if not isinstance(size, int) or not known.header_size <= size <= len(data):
        return b""
    if known.check(data[:size]) is not None:
        return b""
    return known.parse_header(data[:size], 0).payload


def find(records: Sequence[WireRecord], dialect: Dialect, sender: Role, type_: int, number: int = 0) -> Burst:
    """The burst that carries the frame of a type, the first one or a later one."""
    hits = [one for one in bursts(records, sender) if payload_at(dialect, one.data, sender)[:1] == bytes([type_])]
    return hits[number]


def remove_frame(records: Sequence[WireRecord], dialect: Dialect, burst: Burst) -> Records:
    """A frame that was never sent: its bytes and its window are gone."""
    first, last = frame_window(records, dialect, burst)
    select = dialect.select_line(burst.sender)
    return [one for i, one in enumerate(records) if not (first <= i <= last and _belongs_to(one, burst.sender, select))]


def _belongs_to(record: WireRecord, sender: Role, select: str) -> bool:
    return record.sender is sender if isinstance(record, Burst) else isinstance(record, Edge) and record.line == select


def remove_window(records: Sequence[WireRecord], dialect: Dialect, burst: Burst) -> Records:
    """A frame that was sent while the select line stayed low."""
    first, last = frame_window(records, dialect, burst)
    return [one for i, one in enumerate(records) if i not in (first, last)]


def change_bytes(records: Sequence[WireRecord], burst: Burst, change: Callable[[bytearray], None]) -> Records:
    """A frame with other bytes, in the same time for each byte."""
    data = bytearray(burst.data)
    change(data)
    return swap_bytes(records, burst, bytes(data))


def swap_bytes(records: Sequence[WireRecord], burst: Burst, data: bytes) -> Records:
    end = burst.end
    if end is not None and burst.at is not None:
        end = burst.at + (end - burst.at) * len(data) / len(burst.data)
    return [replace(one, data=data, end=end) if one is burst else one for one in records]


def shift(
    records: Sequence[WireRecord], dialect: Dialect, since: float, by: float, only: Role | None = None
) -> Records:
    """Everything of one end, or of both, comes later from a time on."""
    moved: Records = []
    for one in records:
        at = time_of(one)
        sender = one.sender if isinstance(one, Burst) else dialect.drivers.get(getattr(one, "line", ""))
        if at >= since and isinstance(one, Burst | Edge) and only in (None, sender):
            changed = replace(one, at=at + by)
            if isinstance(changed, Burst) and changed.end is not None:
                changed = replace(changed, end=changed.end + by)
            moved.append(changed)
        else:
            moved.append(one)
    return sorted(moved, key=time_of)


def cut(records: Sequence[WireRecord], since: float, until: float | None = None) -> Records:
    """Everything between two times is gone."""
    return [one for one in records if not (since <= time_of(one) < (until if until is not None else float("inf")))]


def silence(records: Sequence[WireRecord], dialect: Dialect, sender: Role, since: float) -> Records:
    """One end sends nothing from a time on: neither bytes nor select edges."""
    select = dialect.select_line(sender)
    return [one for one in records if time_of(one) < since or not _belongs_to(one, sender, select)]


def freeze(records: Sequence[WireRecord], line: str, level: bool, since: float) -> Records:
    """A line that stays at a level from a time on."""
    kept = [one for one in records if not (isinstance(one, Edge) and one.line == line and one.at >= since)]
    before = [one for one in kept if isinstance(one, Edge) and one.line == line]
    if before and before[-1].level is not level:
        kept.append(Edge(since, line, level))
    return sorted(kept, key=time_of)


def pulse(records: Sequence[WireRecord], line: str, level: bool, at: float, width: float, times: int = 1) -> Records:
    """Short pulses on a line."""
    extra = [Edge(at + 2 * i * width + (width if back else 0.0), line, level is not back)
             for i in range(times) for back in (False, True)]  # fmt: skip
    return sorted([*records, *extra], key=time_of)


def insert_frame(
    records: Sequence[WireRecord], dialect: Dialect, sender: Role, at: float, data: bytes, baudrate: int
) -> Records:
    """One more frame in a window of its own."""
    select, end = dialect.select_line(sender), at + len(data) * 10 / baudrate
    extra: Records = [
        Edge(at - 25e-6, select, True),
        Burst(at, sender, data, baudrate, end),
        Edge(end + 45e-6, select, False),
    ]
    return sorted([*records, *extra], key=time_of)
