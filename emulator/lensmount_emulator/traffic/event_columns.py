"""Decoded traffic as columns: edges per line and one row per frame, window, garbage run and note, in numpy arrays.

A row keeps the bytes of its frame, and the frame is parsed again when it is looked at. So a row takes about 80 bytes
and its frame, and ten million events fit in memory. Edges are no rows; each line has its own two columns.
"""

import dataclasses
from array import array
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.traffic.field_columns import FieldColumn, extract_field
from lensmount_emulator.traffic.link_states import LinkStateTracker, StateChange
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.message import Message, SelectableMessage
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.timing import MARK_LOOK_AHEAD, TimingAnalyzer, TimingResult, TimingRule
from lensmount_protocol.timing_marks import TimingMarkExtractor
from lensmount_protocol.wire import ClockSync, DataLoss, Edge, LineDefect, Role

if TYPE_CHECKING:
    from lensmount_emulator.traffic.data_frames import Table

NO_TIME = float("nan")
FRAME, GARBAGE, WINDOW, NOTE, CLOCK, DROP, DEFECT = range(7)
KINDS = ("frame", "garbage", "window", "note", "clock", "drop", "defect")
"""Kind of a row -> its name, as in the JSON of `decode`."""

SENDERS: tuple[Role | None, ...] = (None, Role.BODY, Role.LENS)
"""Number in the column `sender` -> the end."""

SENDER_NAMES = tuple(None if role is None else role.value for role in SENDERS)

NO_ROW = -1

_SENDER_NUMBER = {role: number for number, role in enumerate(SENDERS)}
_REASONS = tuple(GarbageReason)


class LineColumn(NamedTuple):
    """The edges of one line.

    Attributes:
        at: time of each edge, in seconds.
        level: level from then on: 1 is high.
    """

    at: npt.NDArray[np.float64]
    level: npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, slots=True)
class Composition:
    """What a frame holds.

    Attributes:
        sender: the end that sent it.
        types: type byte of each message.
        names: class name of each message; `Unknown` where no declaration explains it.
        blocks: selected blocks of each message; 0 for a message without blocks.
    """

    sender: Role
    types: tuple[int, ...]
    names: tuple[str, ...]
    blocks: tuple[int, ...]

    @property
    def routine_name(self) -> str:
        """The types as `Dialect.routine` names them: `05` or `05+06`."""
        return "+".join(f"{type_:02X}" for type_ in self.types)


ARRAYS: Mapping[str, str] = {
    "kind": "B",
    "at": "d",
    "end": "d",
    "sender": "B",
    "class": "B",
    "sequence": "B",
    "baudrate": "I",
    "size": "I",
    "padding": "I",
    "pause": "d",
    "clocked_end": "d",
    "opened": "d",
    "closed": "d",
    "composition": "I",
    "answers": "i",
}
"""Name of a column of rows -> its type. Times are seconds, NaN where the source has none. `answers` is the row of the
request that a frame answers, -1 for none. `composition` indexes `EventColumns.compositions`; of a row that is no frame
it indexes `EventColumns.notes`."""


def _arrays() -> dict[str, "array[Any]"]:
    return {name: array(code) for name, code in ARRAYS.items()}


@dataclasses.dataclass(slots=True)
class EventColumns:
    """Decoded events in columns.

    Attributes:
        dialect: the dialect that the events were decoded as.
        compositions: every composition of a frame that occurs.
        notes: the events that are neither frames nor edges, in order.
        states: changes of the link's state, as inferred from the traffic.
    """

    dialect: Dialect
    compositions: list[Composition] = dataclasses.field(default_factory=list[Composition])
    notes: list[Decoded] = dataclasses.field(default_factory=list[Decoded])
    _rows: dict[str, "array[Any]"] = dataclasses.field(default_factory=_arrays)
    _offsets: "array[int]" = dataclasses.field(default_factory=lambda: array("Q"))
    _blob: bytearray = dataclasses.field(default_factory=bytearray)
    _line_at: "dict[str, array[float]]" = dataclasses.field(default_factory=dict[str, "array[float]"])
    _line_level: "dict[str, array[int]]" = dataclasses.field(default_factory=dict[str, "array[int]"])
    _numbers: dict[Any, int] = dataclasses.field(default_factory=dict[Any, int])
    _requests: dict[int, int] = dataclasses.field(default_factory=dict[int, int])
    _fields: dict[str, tuple[int, FieldColumn]] = dataclasses.field(default_factory=dict[str, tuple[int, FieldColumn]])
    _tracker: LinkStateTracker = dataclasses.field(init=False)
    _meter: TimingAnalyzer = dataclasses.field(init=False)
    _marks: TimingMarkExtractor = dataclasses.field(init=False)
    _timing: list[TimingResult] | None = None
    _request_key: Any = None
    _reply_key: Any = None

    def __post_init__(self) -> None:
        self._tracker = LinkStateTracker(self.dialect)
        self._meter = TimingAnalyzer(self.dialect.timing, MARK_LOOK_AHEAD)
        self._marks = TimingMarkExtractor(self.dialect, self._meter.wanted)
        try:
            traits = get_roles(self.dialect.name).fuzz_traits
        except DialectError:
            # A dialect that is only decoded states no requests and replies.
            return
        self._request_key, self._reply_key = traits.request_key, traits.reply_key

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._offsets)

    @property
    def edge_count(self) -> int:
        """Number of edges of all lines."""
        return sum(map(len, self._line_at.values()))

    @property
    def states(self) -> list[StateChange]:
        """Changes of the link's state, as inferred from frames and the supply."""
        return self._tracker.changes

    def add(self, event: Decoded) -> None:
        """Add one event; events come in the order of time, as `OrderedDecoder` returns them."""
        self._tracker.add(event)
        if self._timing is None:
            self._meter.add_marks(self._marks.marks(event))
        if isinstance(event, Edge):
            if event.line not in self._line_at:
                self._line_at[event.line], self._line_level[event.line] = array("d"), array("B")
            self._line_at[event.line].append(event.at)
            self._line_level[event.line].append(event.level)
        elif isinstance(event, DecodedFrame):
            self._add_frame(event)
        else:
            self._add_note(event)

    def add_all(self, events: Iterable[Decoded]) -> "EventColumns":
        """Add every event of a source; return the columns."""
        for event in events:
            self.add(event)
        return self

    def lines(self) -> dict[str, LineColumn]:
        """The edges of each line that has one, in the dialect's order."""
        return {
            name: LineColumn(np.array(self._line_at[name], np.float64), np.array(self._line_level[name], np.uint8))
            for name in self.line_names()
        }

    def rows(self, since: int = 0) -> dict[str, npt.NDArray[Any]]:
        """The columns of the rows from `since` on; see `ARRAYS`."""
        return {name: np.array(values[since:], dtype=np.dtype(ARRAYS[name])) for name, values in self._rows.items()}

    def column(self, name: str, since: int = 0) -> npt.NDArray[Any]:
        """One column of the rows from `since` on; see `ARRAYS`."""
        return np.array(self._rows[name][since:] if since else self._rows[name], dtype=np.dtype(ARRAYS[name]))

    def view(self, name: str, since: int = 0) -> npt.NDArray[Any]:
        """As `column`, without a copy: drop it before events are added, which fails as long as it exists."""
        return np.frombuffer(self._rows[name], dtype=np.dtype(ARRAYS[name]))[since:]

    def line_names(self) -> list[str]:
        """The lines that have an edge, in the dialect's order."""
        order = {name: number for number, name in enumerate(self.dialect.wiring.lines)}
        return sorted(self._line_at, key=lambda name: (order.get(name, len(order)), name))

    def line_view(self, name: str) -> LineColumn:
        """The edges of a line, without a copy: drop it before events are added, which fails as long as it exists."""
        return LineColumn(
            np.frombuffer(self._line_at[name], np.float64), np.frombuffer(self._line_level[name], np.uint8)
        )

    def span(self) -> tuple[float, float]:
        """First and last time of a row or edge, in seconds; zeros without any."""
        firsts, lasts = list[float](), list[float]()
        for name in ("at", "clocked_end"):
            times = self.view(name)
            known = times[~np.isnan(times)]
            if len(known):
                firsts.append(float(known.min()))
                lasts.append(float(known.max()))
        for at in self._line_at.values():
            firsts.append(at[0])
            lasts.append(at[-1])
        return (min(firsts), max(lasts)) if firsts else (0.0, 0.0)

    def cell(self, name: str, row: int) -> Any:
        """The value of one column in one row; see `ARRAYS`."""
        return self._rows[name][row]

    def payload_bytes(self, row: int) -> bytes:
        """The bytes of a frame without its padding, or of a run of garbage; empty for other rows."""
        at = self._offsets[row]
        return bytes(self._blob[at : at + self._rows["size"][row]])

    def composition(self, row: int) -> Composition | None:
        """What the frame of a row holds; `None` for a row that is no frame."""
        return self.compositions[int(self._rows["composition"][row])] if self._rows["kind"][row] == FRAME else None

    def event(self, row: int) -> Decoded:
        """The event of a row, with its messages parsed again under the blocks that were selected then.

        Raises:
            IndexError: there is no such row.
        """
        rows = self._rows
        if not 0 <= row < len(self):
            raise IndexError(row)
        if rows["kind"][row] != FRAME:
            note: Decoded = self.notes[int(rows["composition"][row])]
            return note
        found = self.compositions[int(rows["composition"][row])]
        raw = self.payload_bytes(row)
        frame = self.dialect.formats[found.sender].parse_header(raw, 0)
        frame.lazy_messages = self._parse(found, frame.payload)
        at = self._offsets[row] + len(raw)
        padding = bytes(self._blob[at : at + rows["padding"][row]])
        return DecodedFrame(
            _none(rows["at"][row]),
            _none(rows["end"][row]),
            found.sender,
            rows["baudrate"][row],
            frame,
            rows["pause"][row],
            padding,
            _none(rows["clocked_end"][row]),
            _none(rows["opened"][row]),
            _none(rows["closed"][row]),
        )

    def events(self) -> Iterator[Decoded]:
        """Yield the event of every row."""
        for row in range(len(self)):
            yield self.event(row)

    def timeline(self) -> Iterator[Decoded]:
        """Yield every event, edges included, in the order of time; rows without a time keep their place."""
        edges = [
            Edge(at, name, bool(level))
            for name, line in self.lines().items()
            for at, level in zip(line.at.tolist(), line.level.tolist(), strict=True)
        ]
        edges.sort(key=lambda edge: edge.at)
        place = 0
        for row, event in enumerate(self.events()):
            at = self._rows["at"][row]
            while place < len(edges) and edges[place].at <= at:
                yield edges[place]
                place += 1
            yield event
        yield from edges[place:]

    def timing(self) -> list[TimingResult]:
        """Every rule of the timing contract as the events keep it; events that are added later do not count."""
        if self._timing is None:
            self._timing = self._meter.finish()
        return self._timing

    def broken_rules(self) -> list[tuple[TimingRule, float, float]]:
        """The broken timing rules so far, each with the time of its end and its length in microseconds."""
        return self._meter.violations()

    def field_names(self) -> list[str]:
        """The fields that occur, as `Message.field`, in the order of the dialect's messages."""
        seen = {(one.sender, type_) for one in self.compositions for type_ in one.types}
        return [
            f"{cls.__name__}.{spec.name}"
            for key, cls in self.dialect.messages.items()
            if key in seen
            for spec in cls.FIELDS
        ]

    def field(self, name: str) -> FieldColumn:
        """Every value of a field: `LensStatus.distance`, or `Identity.flags.pressed` inside a group.

        Raises:
            DialectError: the message or field is unknown (lists the known ones).
        """
        known = self._fields.get(name)
        if known is None:
            known = self._fields[name] = len(self), extract_field(self, name, 0)
        elif known[0] != len(self):
            known = self._fields[name] = len(self), known[1].joined(extract_field(self, name, known[0]))
        return known[1]

    def read_rows(self, name: str) -> int:
        """Rows of which `field` has read a field already."""
        return self._fields[name][0] if name in self._fields else 0

    def table(self, fields: Iterable[str] = ()) -> "Table":
        """The rows as a table for dataframes and files; see `lensmount_emulator.traffic.data_frames`."""
        module = import_module("lensmount_emulator.traffic.data_frames")
        return cast("Table", module.make_table(self, tuple(fields)))

    def to_dataframe(self, fields: Iterable[str] = ()) -> Any:
        """The rows as a dataframe of polars or pandas, whichever is installed.

        Args:
            fields: fields to add as columns, as `Message.field`; a row without the field holds nothing there.

        Raises:
            DialectError: a field is unknown, or neither library is installed.
        """
        return self.table(fields).to_dataframe()

    def plot(
        self,
        fields: Iterable[str] = (),
        lines: Iterable[str] = (),
        *,
        within: tuple[float, float] | None = None,
        title: str = "",
    ) -> Any:
        """Draw fields and lines over time with matplotlib.

        Arguments, result and errors are those of `lensmount_emulator.traffic.plots.plot_columns`.
        """
        module = import_module("lensmount_emulator.traffic.plots")
        return module.plot_columns(self, tuple(fields), tuple(lines), within=within, title=title)

    def blob_view(self, since: int = 0) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """The bytes of the rows from `since` on, and where those of each of these rows begin."""
        if since >= len(self):
            return np.zeros(0, np.uint8), np.zeros(0, np.int64)
        first = self._offsets[since]
        offsets = np.array(self._offsets[since:], np.int64) - first
        return np.frombuffer(bytes(self._blob[first:]), np.uint8), offsets

    def _parse(self, found: Composition, payload: bytes) -> list[AnyMessage]:
        parser = self.dialect.payload_parser()
        selected: dict[type[Message], int] = {}
        for type_, blocks in zip(found.types, found.blocks, strict=True):
            cls = self.dialect.messages.get((found.sender, type_))
            if blocks and cls is not None:
                selected[cls] = blocks
        if selected:
            parser.select(selected)
        return parser.parse(found.sender, payload)

    def _add_frame(self, event: DecodedFrame) -> None:
        frame, messages = event.frame, event.messages
        row = len(self)
        key = (
            event.sender,
            tuple([message_type(message) for message in messages]),
            tuple([message_name(message) for message in messages]),
            tuple([message.blocks if isinstance(message, SelectableMessage) else 0 for message in messages]),
        )
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.compositions)
            self.compositions.append(Composition(*key))
        answers = NO_ROW
        if self._request_key is not None:
            if event.sender is Role.BODY:
                asked = self._request_key(frame)
                if asked is not None:
                    self._requests[asked] = row
            else:
                answered = self._reply_key(frame)
                answers = NO_ROW if answered is None else self._requests.pop(answered, NO_ROW)
        self._append(
            FRAME,
            event.at,
            event.end,
            event.sender,
            frame.class_,
            frame.sequence,
            event.baudrate,
            frame.raw,
            event.padding,
            event.max_pause,
            event.clocked_end,
            event.opened,
            event.closed,
            number,
            answers,
        )

    def _add_note(self, event: Decoded) -> None:
        number = len(self.notes)
        self.notes.append(event)
        if isinstance(event, DecodedGarbage):
            size = len(event.data) * 10 / event.baudrate if event.baudrate else 0.0
            end = None if event.at is None else event.at + size
            self._append(
                GARBAGE,
                event.at,
                end,
                event.sender,
                0,
                0,
                event.baudrate,
                event.data,
                b"",
                0.0,
                end,
                None,
                None,
                number,
            )
        elif isinstance(event, EmptyWindow):
            opened, closed = event.opened, event.closed
            self._append(WINDOW, opened, closed, event.sender, 0, 0, 0, b"", b"", 0.0, closed, opened, closed, number)
        else:
            kind = (
                CLOCK
                if isinstance(event, ClockSync)
                else DROP
                if isinstance(event, DataLoss)
                else DEFECT
                if isinstance(event, LineDefect)
                else NOTE
            )
            at = None if isinstance(event, DecodedFrame) else event.at
            self._append(kind, at, at, None, 0, 0, 0, b"", b"", 0.0, at, None, None, number)

    def _append(
        self,
        kind: int,
        at: float | None,
        end: float | None,
        sender: Role | None,
        class_: int,
        sequence: int,
        baudrate: int,
        data: bytes,
        padding: bytes,
        pause: float,
        clocked_end: float | None,
        opened: float | None,
        closed: float | None,
        composition: int,
        answers: int = NO_ROW,
    ) -> None:
        rows = self._rows
        rows["kind"].append(kind)
        rows["at"].append(NO_TIME if at is None else at)
        rows["end"].append(NO_TIME if end is None else end)
        rows["sender"].append(_SENDER_NUMBER[sender])
        rows["class"].append(class_ & 0xFF)
        rows["sequence"].append(sequence & 0xFF)
        rows["baudrate"].append(baudrate)
        rows["size"].append(len(data))
        rows["padding"].append(len(padding))
        rows["pause"].append(pause)
        rows["clocked_end"].append(NO_TIME if clocked_end is None else clocked_end)
        rows["opened"].append(NO_TIME if opened is None else opened)
        rows["closed"].append(NO_TIME if closed is None else closed)
        rows["composition"].append(composition)
        rows["answers"].append(answers)
        self._offsets.append(len(self._blob))
        self._blob += data
        self._blob += padding


def _none(value: float) -> float | None:
    return None if value != value else value
