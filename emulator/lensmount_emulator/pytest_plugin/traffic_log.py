"""The traffic of a test: every byte and edge, decoded as it comes, and kept in a file that survives a crash.

Tests find messages by class and fields. Problems are errors, garbage, and violations of timing and electrical limits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, overload

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.output_file import OutputExistsError
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.describe import format_message, format_value
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import unknown_name_message
from lensmount_protocol.message import Message
from lensmount_protocol.timing import TimingRule
from lensmount_protocol.timing_marks import measure_events
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """A message, its sender, and the time of its first bit in seconds."""

    at: float
    sender: Role
    message: Message


@dataclass(frozen=True, slots=True)
class Recording:
    """The traffic of a test.

    Attributes:
        newest: gives what was mounted last.
    """

    newest: "Callable[[], TrafficLog]"

    def __repr__(self) -> str:
        return f"<recording in {self.path}>"

    @property
    def path(self) -> Path:
        """The recording's file, which grows as the test goes on; after the test it has its final name."""
        return self.newest().current

    @property
    def records(self) -> list[WireRecord]:
        """Every byte and edge so far."""
        return list(self.newest().records)


@dataclass(slots=True)
class TrafficLog:
    """Observes one mount.

    Attributes:
        dialect: the dialect.
        path: the recording's final name; a name that is taken gets the number of the attempt.
        header: the header of the recording.
        windowed: whether select lines mark the ends of frames; without them a frame is taken for whole at its end.
        on_news: called after every record and notice.
        on_detached: called when the contact of presence opens, before either end is notified.
        records: every byte and edge.
        events: the same, decoded.
        messages_log: every message that a declaration explains.
        notices: the notices of the engines.
    """

    dialect: Dialect
    path: Path
    header: dict[str, Any]
    windowed: bool
    on_news: Callable[[], object] = lambda: None
    on_detached: Callable[[], object] = lambda: None
    records: list[WireRecord] = field(default_factory=lambda: list[WireRecord]())
    events: list[Decoded] = field(default_factory=lambda: list[Decoded]())
    messages_log: list[LoggedMessage] = field(default_factory=lambda: list[LoggedMessage]())
    notices: list[Notice] = field(default_factory=lambda: list[Notice]())
    _by_class: dict[type[Message], list[Message]] = field(
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

    def tap(self, record: WireRecord) -> None:
        """Record one byte run or edge, then decode it."""
        self._writer.write(record)
        self.records.append(record)
        self._take(self._decoder.feed(record))
        if not self.windowed:
            self._take(self._decoder.flush())
        if isinstance(record, Edge) and record.line == self.dialect.detect and record.level:
            self.on_detached()
        self.on_news()

    def on_notice(self, notice: Notice) -> None:
        """Record a notice of an engine."""
        self.notices.append(notice)
        self.on_news()

    @overload
    def messages(self, kind: None = None, role: Role | str | None = None) -> list[Message]: ...

    @overload
    def messages(self, kind: type[M], role: Role | str | None = None) -> list[M]: ...

    def messages(self, kind: type[Message] | None = None, role: Role | str | None = None) -> Any:
        """Messages of a class, of a sender, or all, in the order in which they were sent."""
        if kind is not None and role is None:
            return list(self._by_class.get(kind, ()))
        sender = None if role is None else Role(role)
        return [
            text.message
            for text in list(self.messages_log)
            if (kind is None or isinstance(text.message, kind)) and sender in (None, text.sender)
        ]

    def close(self) -> None:
        """End the traffic."""
        self._writer.close()

    def _take(self, events: Iterable[Decoded]) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, DecodedFrame):
                for message in event.messages:
                    if isinstance(message, Message):
                        self._by_class[type(message)].append(message)
                        self.messages_log.append(LoggedMessage(event.at or 0.0, event.sender, message))


@dataclass(frozen=True, slots=True)
class MatchedMessage:
    """An expected message, and how many had been sent with it."""

    message: Message
    later_count: int


def find_message(
    messages: Sequence[LoggedMessage], since: int, kind: type[Message], fields: Mapping[str, Any]
) -> MatchedMessage | None:
    """The first message, from number `since` on, that is of a class and has these values; `None` for none."""
    for at in range(since, len(messages)):
        message = messages[at].message
        if isinstance(message, kind) and all(getattr(message, name) == value for name, value in fields.items()):
            return MatchedMessage(message, at + 1)
    return None


def format_expectation(kind: type[Message], fields: Mapping[str, Any]) -> str:
    """What is expected, as it is written: `CommandDone(number=3)`.

    Raises:
        TypeError: a field that the message does not have; lists those that it has.
    """
    __tracebackhide__ = True
    known = [spec.name for spec in kind.FIELDS]
    for name in fields:
        if name not in known:
            raise TypeError(unknown_name_message(f"field of {kind.__name__}", name, known))
    return f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


def format_mismatch(kind: type[Message], came: Sequence[Message], fields: Mapping[str, Any]) -> str:
    """What came instead, and in what its last differs from what was expected."""
    if not came:
        return f"no {kind.__name__} came"
    last = came[-1]
    shown = {spec.name: spec for spec in kind.FIELDS}
    wrong = [
        f"{name} is {format_value(shown[name], getattr(last, name))}, not {value!r}"
        for name, value in fields.items()
        if getattr(last, name) != value
    ]
    return f"{len(came)} came, the last: {format_message(last)}; {', '.join(wrong)}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        at: when, in seconds; `None` where it has no moment.
        text: what, in one line.
    """

    at: float | None
    text: str

    def __str__(self) -> str:
        return self.text if self.at is None else f"{self.at * 1e3:.3f} ms  {self.text}"


def collect_problems(
    log: TrafficLog, violations: Sequence[str], allow: Sequence[str], *, judge_timing: bool
) -> list[Problem]:
    """Everything that is wrong, the earliest first.

    Args:
        log: the traffic.
        violations: what would have hurt a real device.
        allow: patterns of texts that are no fault here.
        judge_timing: whether times are those of the wire, so that the timing contract can be judged.
    """
    events = list(log.events)
    wrong = [Problem(notice.at, f"{notice.role.value}: {notice.text}") for notice in log.notices if notice.is_error]
    wrong += [Problem(None, what) for what in violations]
    wrong += [
        Problem(event.at, f"{event.sender.value}: {len(event.data)} bytes are no frame: {event.reason.value}")
        for event in events
        if isinstance(event, DecodedGarbage)
    ]
    tally = TrafficStats(log.dialect)
    for event in events:
        tally.add(event)
    if not tally.all_frames_verified:
        wrong.append(Problem(None, f"of {tally.valid} frames {tally.typed} are explained and {tally.rebuilt} rebuild"))
    if judge_timing:
        wrong += [
            Problem(at, f"{found.rule.name}: {interval_us:.1f} µs; {_bounds(found.rule)} is legal")
            for found in measure_events(events, log.dialect)
            for at, interval_us in found.violations
        ]
    left = [one for one in wrong if not any(fnmatchcase(one.text, pattern) for pattern in allow)]
    return sorted(left, key=lambda one: float("inf") if one.at is None else one.at)


def _bounds(rule: TimingRule) -> str:
    return f"{rule.minimum_us:g} … {rule.maximum_us:g} µs"
