"""Replays one end of a recording to a live peer: at the recorded times, or step by step after the peer's steps.

A recording asks three things of the replayed end: send this, listen at that rate, wait for the peer's frame.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lensmount_emulator.engine.observer import Notice
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, GarbageReason
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
    WireRecord,
    transmission_time,
)


@dataclass(frozen=True, slots=True)
class SendStep:
    """An action on the wire.

    Attributes:
        at: its time in the recording, in seconds; `None` if the recording has no times.
        action: the action.
        takes: its duration in seconds.
    """

    at: float | None
    action: WireAction
    takes: float = 0.0


@dataclass(frozen=True, slots=True)
class ExpectFrame:
    """The peer sends a frame of these messages; their content may differ.

    Attributes:
        at: the time of its end in the recording.
        types: its messages' types.
    """

    at: float | None
    types: tuple[int, ...]

    def __str__(self) -> str:
        return f"a frame {'+'.join(f'{type_:02X}' for type_ in self.types)}"


@dataclass(frozen=True, slots=True)
class ExpectLevel:
    """The peer sets a line to a level.

    Attributes:
        at: its time in the recording.
        line: the line.
        level: true for high.
    """

    at: float | None
    line: str
    level: bool

    def __str__(self) -> str:
        return f"{self.line} {'high' if self.level else 'low'}"


ReplayStep = SendStep | ExpectFrame | ExpectLevel


def replay_steps(records: Iterable[WireRecord], role: Role, dialect: Dialect) -> list[ReplayStep]:
    """Return the steps of `role` in a recording, in the order of time if it has times."""
    steps = list(_steps(records, role, dialect))
    if all(step.at is not None for step in steps):
        steps.sort(key=lambda step: step.at or 0.0)
    return steps


def require_times(steps: Iterable[ReplayStep]) -> None:
    """Refuse steps without times, which cannot be replayed at recorded times.

    Raises:
        CaptureError: a step has no time.
    """
    if any(step.at is None for step in steps):
        raise CaptureError("this recording has no times, so it cannot be replayed in real time; replay it with --sync")


def has_action(steps: Iterable[ReplayStep]) -> bool:
    """Whether any step sends or drives: a change of the rate alone puts nothing on the wire."""
    return any(isinstance(step, SendStep) and not isinstance(step.action, SetBaudrate) for step in steps)


def _steps(records: Iterable[WireRecord], role: Role, dialect: Dialect) -> Iterator[ReplayStep]:
    decoder = Decoder(dialect)
    baudrate: int | None = None
    ended: float | None = None
    for record in records:
        for event in (*decoder.feed(record), *decoder.flush()):
            if isinstance(event, DecodedFrame) and event.sender is not role:
                yield _expected(event)
        if isinstance(record, Burst):
            if record.baudrate != baudrate:
                baudrate = record.baudrate
                yield SendStep(_halfway(ended, record.at), SetBaudrate(record.baudrate))
            until = record.end
            if until is None and record.at is not None:
                until = record.at + transmission_time(len(record.data), record.baudrate)
            ended = until if until is not None else ended
            if record.sender is role:
                takes = until - record.at if until is not None and record.at is not None else 0.0
                yield SendStep(record.at, Transmit(record.data), takes)
        elif isinstance(record, Edge):
            driver = dialect.drivers.get(record.line)
            if driver is role:
                yield SendStep(record.at, DriveLine(record.line, record.level))
            elif driver is not None:
                yield ExpectLevel(record.at, record.line, record.level)
    for event in decoder.finish():
        if isinstance(event, DecodedFrame) and event.sender is not role:
            yield _expected(event)


def _expected(event: DecodedFrame) -> ExpectFrame:
    return ExpectFrame(event.end or event.at, tuple(message_type(message) for message in event.messages))


def _halfway(ended: float | None, begins: float | None) -> float | None:
    """A rate changes in the silence before the first bytes at the new one."""
    if begins is None or ended is None:
        return begins
    return max(ended, (ended + begins) / 2)


DEFAULT_TIMEOUT_S = 2.0
"""Seconds to wait for a step of the peer; the longest start-up of a captured lens takes less than one."""

DRAIN_S = 0.1
"""Seconds to listen to the peer after the last step, since the last frames are still on their way."""


class RecordedPeer:
    """Replays one end of a recording; a live session drives it as it drives an engine.

    At recorded times, each step runs at its time in the recording, counted from the first step, whatever the peer does.
    With waiting, each step follows the one before by the recorded interval, and waits for the recorded frame or edge of
    the peer that precedes it: a frame of the same messages, the line at that level. Other frames are skipped. A step of
    the peer that does not come in time counts as missed, and the replay continues.

    Attributes:
        now: time of the last call, in seconds.
        role: the replayed end.
        baudrate: the rate in force.
        missed: steps of the peer that did not come.
        skipped: frames of the peer that no step waited for.
        done: steps that are over.
        over: whether every step is over and the peer has had time to answer.
        action_count: number of sends and drives of the recording that the port carries.
    """

    def __init__(
        self,
        steps: Sequence[ReplayStep],
        role: Role,
        dialect: Dialect,
        carried: frozenset[str],
        *,
        waits: bool,
        timeout: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Prepare the replay.

        Args:
            steps: the steps of the recording.
            role: the replayed end.
            dialect: the dialect.
            carried: the lines that the port carries; others are neither driven nor waited for.
            waits: wait for the peer.
            timeout: seconds to wait for a step of the peer.
        """
        self.now = 0.0
        self.role = role
        self.baudrate = dialect.wiring.baudrates[0]
        self.missed = self.skipped = self.done = 0
        self.over = False
        self._ended: float | None = None
        self._steps = [step for step in steps if _is_playable(step, carried, waits)]
        self.action_count = has_action(self._steps)
        self._waits = waits
        self._timeout = timeout
        self._silence = dialect.idle_timeout
        self._reader = FrameParser(dialect, role.peer, dialect.payload_parser())
        self._last_received_at: float | None = None
        self._frames: deque[tuple[int, ...]] = deque(maxlen=64)
        self._levels: dict[str, bool] = {}
        self._seen: set[tuple[str, bool]] = set()
        self._actions: deque[WireAction] = deque()
        self._notices: deque[Notice] = deque()
        self._began = 0.0
        self._since = 0.0
        self._expecting = False

    @property
    def finished(self) -> bool:
        """Whether every step is over."""
        return self.done == len(self._steps)

    @property
    def clean(self) -> bool:
        """Whether there were steps, every step is done, and the peer did all of its own."""
        return self.action_count and self.finished and not self.missed

    def summary(self) -> str:
        """The result of the replay, in one line."""
        if not self.action_count:
            return "nothing was replayed: the port carries none of the lines that the recording drives"
        missed = f", {self.missed} of the peer's missed" if self.missed else ""
        return f"{self.done} of {len(self._steps)} steps done{missed}, {self.skipped} frames of the peer passed over"

    def start(self, now: float) -> None:
        """Start the session."""
        self.now = self._began = self._since = now
        self._continue()

    def receive(self, event: WireEvent, now: float) -> None:
        """Handle an event of the peer."""
        self.now = now
        if isinstance(event, LineChanged):
            self._levels[event.line] = event.level
            self._seen.add((event.line, event.level))
        else:
            if self._last_received_at is not None and now - self._last_received_at > self._silence:
                self._reader.close(GarbageReason.SILENCE)
            self._last_received_at = now
            for found in self._reader.receive(event.data):
                if isinstance(found, Frame):
                    self._frames.append(tuple(message_type(message) for message in found.messages))
        self._continue()

    def next_deadline(self) -> float | None:
        """Return when the next step is due, or the peer's step counts as missed."""
        if self._ended is not None:
            return None if self.over else self._ended + DRAIN_S
        step = self._steps[self.done]
        return self._since + self._timeout if self._expecting else self._due(step)

    def handle_deadline(self, now: float) -> None:
        """Handle a deadline that has passed."""
        self.now = now
        self._continue()

    def actions(self) -> Iterator[WireAction]:
        """Yield the actions for the wire, in order; each is yielded once."""
        while self._actions:
            yield self._actions.popleft()

    def notices(self) -> Iterator[Notice]:
        """Yield the notices for the user, in order; each is yielded once."""
        while self._notices:
            yield self._notices.popleft()

    def _continue(self) -> None:
        while not self.finished:
            step = self._steps[self.done]
            if isinstance(step, SendStep):
                due = self._due(step)
                if due > self.now:
                    return
                # The next interval counts from when this step was due, so that lateness does not add up.
                self._act(step.action)
                self._finish_step(due + step.takes if self._waits else due)
            elif self._is_met(step):
                self._finish_step(self.now)
            else:
                self._expecting = True
                if self.now < self._since + self._timeout:
                    return
                self.missed += 1
                self._report(
                    f"timeout after {self._timeout:g} s: the peer did not send or set {step}; going on", is_error=True
                )
                self._finish_step(self.now)
        if self._ended is None:
            self._ended = self.now
        self.over = self.now >= self._ended + DRAIN_S

    def _finish_step(self, at: float) -> None:
        self.done += 1
        self._since = max(self._since, at)
        self._expecting = False

    def _due(self, step: ReplayStep) -> float:
        first = self._steps[0].at or 0.0
        if not self._waits:
            return self._began + (step.at or first) - first
        if not self.done or step.at is None:
            return self._since
        before = self._steps[self.done - 1]
        ended = (before.at or 0.0) + (before.takes if isinstance(before, SendStep) else 0.0)
        return self._since if before.at is None else self._since + max(0.0, step.at - ended)

    def _is_met(self, step: ExpectFrame | ExpectLevel) -> bool:
        if isinstance(step, ExpectLevel):
            # A pulse may be over before the step is due.
            come = self._levels.get(step.line) is step.level or (step.line, step.level) in self._seen
            self._seen.discard((step.line, step.level))
            return come
        while self._frames:
            if self._frames.popleft() == step.types:
                return True
            self.skipped += 1
        return False

    def _act(self, action: WireAction) -> None:
        if isinstance(action, SetBaudrate):
            if action.baudrate == self.baudrate:
                return
            self.baudrate = action.baudrate
        self._actions.append(action)

    def _report(self, text: str, *, is_error: bool) -> None:
        self._notices.append(Notice(self.now, self.role, text, is_error))


def _is_playable(step: ReplayStep, carried: frozenset[str], waits: bool) -> bool:
    if isinstance(step, ExpectLevel):
        return waits and step.line in carried
    if isinstance(step, SendStep) and isinstance(step.action, DriveLine):
        return step.action.line in carried
    return waits or isinstance(step, SendStep)
