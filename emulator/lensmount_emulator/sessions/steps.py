"""What a recording asks of whoever plays one end of it: send this, listen at that rate, wait for the peer's frame."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.paving import type_of
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    Record,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    transmission_time,
)


@dataclass(frozen=True, slots=True)
class Do:
    """Do this to the wire.

    Attributes:
        at: when the recording did it, in seconds; `None` where it has no times.
        action: what.
        takes: seconds until it is over.
    """

    at: float | None
    action: WireAction
    takes: float = 0.0


@dataclass(frozen=True, slots=True)
class ExpectFrame:
    """The peer sends a frame of these messages; what is in them may differ.

    Attributes:
        at: when the recording had the end of it.
        types: its messages' types.
    """

    at: float | None
    types: tuple[int, ...]

    def __str__(self) -> str:
        return f"a frame {'+'.join(f'{type_:02X}' for type_ in self.types)}"


@dataclass(frozen=True, slots=True)
class ExpectLevel:
    """The peer puts a line at a level.

    Attributes:
        at: when the recording had it.
        line: the line.
        level: true for high.
    """

    at: float | None
    line: str
    level: bool

    def __str__(self) -> str:
        return f"{self.line} {'high' if self.level else 'low'}"


Step = Do | ExpectFrame | ExpectLevel


def steps_of(records: Iterable[Record], role: Role, dialect: Dialect) -> list[Step]:
    """All that a recording asks of `role`, in the order of time where it has times."""
    steps = list(_steps(records, role, dialect))
    if all(step.at is not None for step in steps):
        steps.sort(key=lambda step: step.at or 0.0)
    return steps


def require_times(steps: Iterable[Step]) -> None:
    """Refuse steps that nobody can play in their own time.

    Raises:
        CaptureError: a step has no time.
    """
    if any(step.at is None for step in steps):
        raise CaptureError("this recording has no times, so it cannot be played in its own; play it with --wait")


def has_action(steps: Iterable[Step]) -> bool:
    """Whether anything is sent or driven: a change of the rate alone puts nothing on the wire."""
    return any(isinstance(step, Do) and not isinstance(step.action, SetBaudrate) for step in steps)


def _steps(records: Iterable[Record], role: Role, dialect: Dialect) -> Iterator[Step]:
    decoder = Decoder(dialect)
    baudrate: int | None = None
    ended: float | None = None
    for record in records:
        for event in (*decoder.feed(record), *decoder.settle()):
            if isinstance(event, DecodedFrame) and event.sender is not role:
                yield _expected(event)
        if isinstance(record, Burst):
            if record.baudrate != baudrate:
                baudrate = record.baudrate
                yield Do(_halfway(ended, record.at), SetBaudrate(record.baudrate))
            until = record.until
            if until is None and record.at is not None:
                until = record.at + transmission_time(len(record.data), record.baudrate)
            ended = until if until is not None else ended
            if record.sender is role:
                takes = until - record.at if until is not None and record.at is not None else 0.0
                yield Do(record.at, Transmit(record.data), takes)
        elif isinstance(record, Edge):
            driver = dialect.drivers.get(record.line)
            if driver is role:
                yield Do(record.at, DriveLine(record.line, record.level))
            elif driver is not None:
                yield ExpectLevel(record.at, record.line, record.level)
    for event in decoder.finish():
        if isinstance(event, DecodedFrame) and event.sender is not role:
            yield _expected(event)


def _expected(event: DecodedFrame) -> ExpectFrame:
    return ExpectFrame(event.until or event.at, tuple(type_of(message) for message in event.messages))


def _halfway(ended: float | None, begins: float | None) -> float | None:
    """A rate changes in the silence before the first bytes at the new one."""
    if begins is None or ended is None:
        return begins
    return max(ended, (ended + begins) / 2)
