"""Series of field values from the frames of captures, each with what else was known at the same frame."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

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
    series: dict[tuple[Role, str], MessageSeries] = {}
    for number, frames in enumerate(captures):
        _collect(series, number, frames)
    return list(series.values())


def _collect(series: dict[tuple[Role, str], MessageSeries], session: int, frames: Iterable[DecodedFrame]) -> None:
    latest: dict[Role, dict[str, Value]] = {role: {} for role in Role}
    before: dict[Role, dict[str, Value]] = {role: {} for role in Role}
    counts: defaultdict[tuple[Role, str], int] = defaultdict(int)
    for frame in frames:
        own = {
            name: dict(_values(message))
            for message in frame.messages
            if isinstance(message, Message)
            for name in (message_name(message),)
        }
        for name, values in own.items():
            for key, value in values.items():
                full = f"{name}.{key}"
                if full in latest[frame.sender]:
                    before[frame.sender][full] = latest[frame.sender][full]
                latest[frame.sender][full] = value
        for name, values in own.items():
            place = frame.sender, name
            one = series.setdefault(place, MessageSeries(name, frame.sender))
            one.count += 1
            if one.kept < MAX_FRAMES:
                known = _context(frame, counts[place], latest, before)
                _append(one, values, known, frame.at, session)
            counts[place] += 1


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


def _context(
    frame: DecodedFrame, count: int, latest: dict[Role, dict[str, Value]], before: dict[Role, dict[str, Value]]
) -> dict[str, Value]:
    peer = frame.sender.peer
    known = dict(latest[frame.sender])
    known |= {f"last {name}": value for name, value in latest[peer].items()}
    known |= {f"last but one {name}": value for name, value in before[peer].items()}
    known |= {f"count modulo {modulus}": count % modulus for modulus in MODULI}
    known["sequence modulo 2"] = frame.frame.sequence % 2
    return known


def _append(
    series: MessageSeries, values: dict[str, Value], known: dict[str, Value], at: float | None, session: int
) -> None:
    place = series.kept
    for columns, row in ((series.fields, values), (series.context, known)):
        for name, value in row.items():
            column = columns.setdefault(name, [None] * place)
            column.append(value)
        for column in columns.values():
            if len(column) == place:
                column.append(None)
    series.times.append(at)
    series.sessions.append(session)
