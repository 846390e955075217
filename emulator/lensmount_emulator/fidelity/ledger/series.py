"""Series of field values from the frames of captures, each with what else was known at the same frame."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import message_name
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

Value = int | bytes
"""A number, or bytes; other values of fields take part as the bytes of their text."""

MAX_FRAMES = 6000
"""Occurrences of a message that are kept: patterns of a stream show in far fewer."""

MODULI = (2, 3, 4)


@dataclass(slots=True)
class MessageSeries:
    """All occurrences of one message.

    Attributes:
        message: its name.
        sender: its sender.
        count: occurrences; those after `MAX_FRAMES` are counted only.
        fields: name of a field, or of one byte of it -> its values.
        context: name of another value at that time -> its values, aligned with the fields; `None` before the first.
            Values that never change are left out.
        times: times in seconds; `None` where the capture has none.
        sessions: number of the capture of each occurrence.
    """

    message: str
    sender: Role
    count: int = 0
    fields: dict[str, list[Value | None]] = field(default_factory=lambda: dict[str, list[Value | None]]())
    context: dict[str, list[Value | None]] = field(default_factory=lambda: dict[str, list[Value | None]]())
    times: list[float | None] = field(default_factory=lambda: list[float | None]())
    sessions: list[int] = field(default_factory=lambda: list[int]())

    @property
    def kept(self) -> int:
        """Occurrences that are kept."""
        return len(self.times)


def collect_series(captures: Sequence[Iterable[DecodedFrame]]) -> list[MessageSeries]:
    """Collect the series of every message of these captures, each of them a session of its own."""
    found: dict[tuple[Role, str], _Collected] = {}
    for number, frames in enumerate(captures):
        _collect(found, number, frames)
    return [one.finish() for one in found.values()]


@dataclass(slots=True)
class _Collected:
    """A series that grows. What else was known is kept as changes, because most values seldom change.

    Attributes:
        series: the series.
        changed: names of values that have changed since its last occurrence.
        changes: name of another value -> the occurrences from which on it has a value, with that value.
    """

    series: MessageSeries
    changed: set[str]
    changes: dict[str, list[tuple[int, Value | None]]] = field(
        default_factory=lambda: dict[str, list[tuple[int, Value | None]]]()
    )

    def add(
        self, values: Mapping[str, Value], known: Mapping[str, Value], frame: DecodedFrame, session: int, number: int
    ) -> None:
        """Add an occurrence; `number` counts those of its session from 0."""
        series, place = self.series, self.series.kept
        for name, value in values.items():
            column = series.fields.setdefault(name, [])
            column.extend([None] * (place - len(column)))
            column.append(value)
        for name in sorted(self.changed):
            value_now = known.get(name)
            column_changes = self.changes.setdefault(name, [])
            if value_now != (column_changes[-1][1] if column_changes else None):
                column_changes.append((place, value_now))
        self.changed.clear()
        for modulus in MODULI:
            series.context.setdefault(f"count modulo {modulus}", []).append(number % modulus)
        series.context.setdefault("sequence modulo 2", []).append(frame.frame.sequence % 2)
        series.times.append(frame.at)
        series.sessions.append(session)

    def finish(self) -> MessageSeries:
        """The series, with a whole column for each value that changes."""
        series = self.series
        for column in series.fields.values():
            column.extend([None] * (series.kept - len(column)))
        for name, changes in self.changes.items():
            if len({value for _, value in changes} - {None}) < 2:
                continue
            whole: list[Value | None] = [None] * changes[0][0]
            for (place, value), (after, _) in pairwise([*changes, (series.kept, None)]):
                whole.extend([value] * (after - place))
            series.context[name] = whole
        return series


def _collect(found: dict[tuple[Role, str], _Collected], session: int, frames: Iterable[DecodedFrame]) -> None:
    # A value of an end is known under another name to its peer, so each end has its own view.
    known: dict[Role, dict[str, Value]] = {role: {} for role in Role}
    counts = Counter[tuple[Role, str]]()
    for one in found.values():
        one.changed.update(one.changes)
    for frame in frames:
        own = {
            message_name(message): dict(_values(message)) for message in frame.messages if isinstance(message, Message)
        }
        changed = _learn(known, frame.sender, own)
        for one in found.values():
            if one.series.kept < MAX_FRAMES:
                one.changed |= changed[one.series.sender]
        for name, values in own.items():
            place = frame.sender, name
            if place not in found:
                found[place] = _Collected(MessageSeries(name, frame.sender), set(known[frame.sender]))
            one = found[place]
            one.series.count += 1
            if one.series.kept < MAX_FRAMES:
                one.add(values, known[frame.sender], frame, session, counts[place])
            counts[place] += 1


def _learn(
    known: dict[Role, dict[str, Value]], sender: Role, own: Mapping[str, Mapping[str, Value]]
) -> dict[Role, set[str]]:
    """Take the values of a frame; return for each end the names of the values that have changed."""
    mine, peer = known[sender], known[sender.peer]
    changed: dict[Role, set[str]] = {sender: set(), sender.peer: set()}
    for message, values in own.items():
        for key, value in values.items():
            full = f"{message}.{key}"
            before = mine.get(full)
            if before is not None and peer.get(f"last but one {full}") != before:
                peer[f"last but one {full}"] = before
                changed[sender.peer].add(f"last but one {full}")
            if before != value:
                mine[full] = peer[f"last {full}"] = value
                changed[sender].add(full)
                changed[sender.peer].add(f"last {full}")
    return changed


def _values(message: Message) -> Iterator[tuple[str, Value]]:
    for spec in message.FIELDS:
        value = getattr(message, spec.name)
        if value is None:
            continue
        if isinstance(value, bytes) and 1 < len(value) <= MAX_BYTES:
            yield spec.name, value
            for place, byte in enumerate(value):
                yield f"{spec.name}[{place}]", byte
        elif isinstance(value, int | bytes):
            yield spec.name, value if isinstance(value, bytes) else int(value)
        else:
            yield spec.name, str(value).encode()


MAX_BYTES = 16
"""Longest field of bytes of which each byte is looked at by itself; longer ones are blocks of constants."""
