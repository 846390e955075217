"""What a test hears: every byte and edge, decoded as it becomes certain, and kept in a file that survives a crash."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, overload

from lensmount_emulator.roles.notice import Notice
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.output_file import OutputExistsError
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, Edge, Record, Role

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Said:
    """A message, who said it, and when its first bit came, in seconds."""

    at: float
    sender: Role
    message: Message


@dataclass(frozen=True, slots=True)
class Recording:
    """What was heard in a test.

    Attributes:
        newest: gives what was mounted last.
    """

    newest: "Callable[[], Heard]"

    def __repr__(self) -> str:
        return f"<recording in {self.path}>"

    @property
    def path(self) -> Path:
        """The recording's file, which grows as the test goes on; after the test it has its final name."""
        return self.newest().current

    @property
    def records(self) -> list[Record]:
        """Every byte and edge so far."""
        return list(self.newest().records)


@dataclass(slots=True)
class Heard:
    """The ear of one mount.

    Attributes:
        dialect: what is spoken.
        path: the recording's final name; a name that is taken gets the number of the attempt.
        header: what the recording says of itself.
        windowed: whether select lines tell where frames end; without them a frame is taken for whole at its end.
        on_news: called behind every record and notice.
        on_detached: called when the contact of presence opens, before either end hears of it.
        records: every byte and edge.
        events: the same, decoded.
        said: every message that a declaration explains.
        notices: what the engines told.
    """

    dialect: Dialect
    path: Path
    header: dict[str, Any]
    windowed: bool
    on_news: Callable[[], object] = lambda: None
    on_detached: Callable[[], object] = lambda: None
    records: list[Record] = field(default_factory=lambda: list[Record]())
    events: list[Decoded] = field(default_factory=lambda: list[Decoded]())
    said: list[Said] = field(default_factory=lambda: list[Said]())
    notices: list[Notice] = field(default_factory=lambda: list[Notice]())
    _of_kind: dict[type[Message], list[Message]] = field(
        default_factory=lambda: defaultdict[type[Message], list[Message]](list)
    )
    _decoder: Decoder = field(init=False)
    _writer: RecordingWriter = field(init=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._decoder = Decoder(self.dialect)
        wanted = self.path
        for attempt in count(1):
            # Each attempt of a test that is run again keeps its recording, and so does each run of pytest.
            self.path = wanted if attempt == 1 else wanted.with_name(f"{wanted.stem}-attempt{attempt}{wanted.suffix}")
            with suppress(OutputExistsError):
                self._writer = RecordingWriter(self.path, self.header)
                break

    @property
    def current(self) -> Path:
        """Where the recording is now: under a partial name until the mount is closed."""
        return self._writer.path or self.path

    def count(self, sender: Role) -> int:
        """Bytes that came from an end."""
        return sum(len(one.data) for one in list(self.records) if isinstance(one, Burst) and one.sender is sender)

    def tap(self, record: Record) -> None:
        """Hear one byte run or edge; it is in the file before anything is made of it."""
        self._writer.write(record)
        self.records.append(record)
        self._take(self._decoder.feed(record))
        if not self.windowed:
            self._take(self._decoder.settle())
        if isinstance(record, Edge) and record.line == self.dialect.detect and record.level:
            self.on_detached()
        self.on_news()

    def listen(self, notice: Notice) -> None:
        """Hear what an engine tells."""
        self.notices.append(notice)
        self.on_news()

    @overload
    def messages(self, kind: None = None, role: Role | str | None = None) -> list[Message]: ...

    @overload
    def messages(self, kind: type[M], role: Role | str | None = None) -> list[M]: ...

    def messages(self, kind: type[Message] | None = None, role: Role | str | None = None) -> Any:
        """Messages of a class, of a sender, or all, in the order in which they were said."""
        if kind is not None and role is None:
            return list(self._of_kind.get(kind, ()))
        sender = None if role is None else Role(role)
        return [
            said.message
            for said in list(self.said)
            if (kind is None or isinstance(said.message, kind)) and sender in (None, said.sender)
        ]

    def close(self) -> None:
        """Nothing more will be heard."""
        self._writer.close()

    def _take(self, events: Iterable[Decoded]) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, DecodedFrame):
                for message in event.messages:
                    if isinstance(message, Message):
                        self._of_kind[type(message)].append(message)
                        self.said.append(Said(event.at or 0.0, event.sender, message))
