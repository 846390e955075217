"""Checks the output of each end as its peer would parse it: whole frames, sequence numbers, replies to requests.

Also tracks the boundaries in an end's input: windows and silences cut it, and no frame crosses such a cut.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, FrameEvent, Garbage, GarbageReason
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import PayloadMemo, message_type
from lensmount_protocol.wire import LineChanged, Role

MIN_GAP_S = 1e-6
"""A shorter level is seen by no pin."""

ReportViolation = Callable[[str, str], None]
"""Reports a violation: the name of the invariant, and the observation."""


MAX_SHOWN_BYTES = 24


class OpenRequest(NamedTuple):
    """A request without a reply: its frame, and its last time in seconds."""

    frame: Frame
    at: float


def frame_text(frame: Frame) -> str:
    """A frame for users: the messages with their types, and its first bytes."""
    names = " + ".join(f"{message_type(message):02x} {message_name(message)}" for message in frame.messages)
    more = " …" if len(frame.raw) > MAX_SHOWN_BYTES else ""
    return f"{names} (bytes {frame.raw[:MAX_SHOWN_BYTES].hex(' ')}{more})"


class TxChecker:
    """Checks the output of both ends, before any fault.

    Args:
        dialect: the dialect.
        traits: its traits for fuzzing.
        report_violation: reports a violation.

    Attributes:
        open: requests without a reply, by the end to blame: key of the reply -> the request.
        pending_requests: keys of the replies to requests that the lens received since its supply came; `None` if
            they are unknown.
    """

    def __init__(
        self, dialect: Dialect, traits: FuzzTraits, report_violation: ReportViolation, memo: PayloadMemo | None = None
    ) -> None:
        self.open: dict[Role, dict[int, OpenRequest]] = {role: {} for role in Role}
        self.pending_requests: set[int] | None = None
        self._traits = traits
        self._report_violation = report_violation
        parser = dialect.payload_parser(memo)
        self._readers = {role: FrameParser(dialect, role, parser) for role in Role}
        self._selects = {dialect.select_line(role): role for role in Role}
        self._fell_at = dict.fromkeys(Role, -1.0)
        self._counts: dict[tuple[Role, str], int] = {}

    def on_tx(self, role: Role, data: bytes, now: float, *, powered: bool) -> None:
        """Check bytes of an end."""
        self._check_events(role, self._readers[role].receive(data), now, powered)

    def on_drive(self, role: Role, line: str, level: bool, now: float, *, powered: bool) -> None:
        """Check an edge of an end; only the line that frames its bytes matters here."""
        if self._selects.get(line) is not role:
            return
        if level and now - self._fell_at[role] < MIN_GAP_S:
            self._report_violation(
                "valid frames only", f"the {role.value} lets {line} fall and rise at once, which no peer sees"
            )
        elif not level:
            self._fell_at[role] = now
        reader = self._readers[role]
        events = reader.open_window() if level else reader.close(GarbageReason.WINDOW_CLOSED)
        self._check_events(role, events, now, powered)

    def on_lens_rx(self, frame: Frame) -> None:
        """Record the requests that the lens receives."""
        if self.pending_requests is not None:
            self.pending_requests.update(self._traits.reply_keys(frame))

    def on_power_loss(self) -> None:
        """Discard the requests: the lens loses its supply and its state, or is a new one without supply."""
        self.pending_requests = set()

    def forget(self) -> None:
        """Discard requests and partial frames: supply or contact changed."""
        self._counts.clear()
        for asked in self.open.values():
            asked.clear()
        self._readers[Role.LENS].close(GarbageReason.SOURCE_ENDED)

    def on_lens_attached(self) -> None:
        """Handle the attachment of another lens."""
        self._fell_at[Role.LENS] = -1.0
        self.forget()

    def _check_events(self, role: Role, events: Sequence[FrameEvent], now: float, powered: bool) -> None:
        for event in events:
            if isinstance(event, Frame):
                self._check_frame(role, event, now, powered)
            elif isinstance(event, Garbage) and (event.reason is not GarbageReason.WINDOW_CLOSED or powered):
                self._report_violation(
                    "valid frames only", f"the {role.value} sends {event.data[:12].hex()}…: {event.reason.value}"
                )

    def _check_frame(self, role: Role, frame: Frame, now: float, powered: bool) -> None:
        traits = self._traits
        for message in frame.messages:
            if isinstance(message, UnknownMessage):
                self._report_violation(
                    "valid frames only", f"the {role.value} sends what its peer cannot read: {message.reason}"
                )
        for name, number in traits.counters(role, frame):
            before = self._counts.get((role, name))
            if number not in traits.next_numbers(name, before):
                self._report_violation("state machine", f"the {role.value} counts {name} from {before} to {number}")
            self._counts[role, name] = number
        key = traits.request_key(frame) if role is Role.BODY else traits.reply_key(frame)
        if key is None:
            return
        if role is Role.BODY:
            self.open[role][key] = OpenRequest(frame, now)
            return
        self.open[role].pop(key, None)
        if (
            powered
            and self.pending_requests is not None
            and key not in self.pending_requests
            and key not in traits.unrequested
        ):
            self._report_violation(
                "answered",
                f"the lens answers with {frame_text(frame)} a request which it has not received since its supply came",
            )


class RxBoundaryTracker:
    """Tracks the boundaries in the input of an end: the last end of a window, or of a silence outside of one.

    Attributes:
        begins: bytes received before the last boundary; no frame crosses it.
        count: bytes received.
    """

    __slots__ = ("_at", "_select", "_silence", "_window", "begins", "count")

    def __init__(self, select: str, silence: float) -> None:
        self.begins = 0
        self._select = select
        self._silence = silence
        self.count = 0
        self._at = 0.0
        self._window = False

    def on_line(self, event: LineChanged) -> None:
        """Handle an edge of the other end."""
        if event.line == self._select and self._window != event.level:
            self._window = event.level
            self.begins = self.count

    def on_bytes(self, data: bytes, now: float) -> None:
        """Handle received bytes."""
        if not self._window and now - self._at > self._silence:
            self.begins = self.count
        self._at = now
        self.count += len(data)
