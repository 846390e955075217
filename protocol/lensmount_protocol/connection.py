"""One end's view of a link, without I/O: events in, typed frames out, and no frame sent that the tables forbid.

Observers see the frames in both directions and the transitions of the link.
"""

import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import LocalProtocolError, RemoteProtocolError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, Garbage, GarbageReason
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, PayloadMemo, build_payload
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent


class ConnectionObserver:
    """Observes one end's connection. A subclass overrides the methods that it needs.

    Each method is called with the role of the end that is observed.
    """

    def on_frame(self, role: Role, arrival: "ReceivedFrame") -> None:
        """The end receives a frame of the peer; it handles the frame after this call."""

    def on_garbage(self, role: Role, garbage: Garbage) -> None:
        """The end receives bytes of the peer that are no frame."""

    def on_send(self, role: Role, messages: Sequence[AnyMessage], frame: bytes) -> None:
        """The end has built a frame that it is about to send."""

    def on_transition(self, role: Role, before: str, trigger: str, after: str) -> None:
        """The link makes a transition, as this end sees it; both states may be the same."""


@dataclass(slots=True)
class ReceivedFrame:
    """A frame from the peer.

    Attributes:
        at: when its last byte arrived, in seconds.
        frame: the frame.
        messages: its messages.
        violation: the rule that the peer violated by it; `None` where it was legal.
    """

    at: float
    frame: Frame
    messages: list[AnyMessage]
    violation: RemoteProtocolError | None = None


class Connection:
    """One end's view of a link.

    Attributes:
        state: state of the link, by its name in the dialect's transition table.
        keeps_windows: whether edges and bytes arrive in their true order, so that a falling select line ends a frame;
            false on live ports, where bytes may lag edges by a driver's latency.
        allowed: protected types that this run may send.
        select: the select line of the peer: of all lines only its edges matter here.
        events: events that wait for `next_event`.
    """

    def __init__(
        self, dialect: Dialect, role: Role, *, keeps_windows: bool = True, allowed: frozenset[int] = frozenset()
    ) -> None:
        self.dialect = dialect
        self.role = role
        self.state = dialect.transitions.initial
        self.keeps_windows = keeps_windows
        self.allowed = allowed
        self._guarded = dialect.types_protected_from(role)
        self.share_memo(None)
        self.select = dialect.select_line(role.peer)
        self._observers: tuple[ConnectionObserver, ...] = ()
        self.events: deque[ReceivedFrame | Garbage] = deque()
        self._last_rx_at: float | None = None
        self._in_window = False

    def share_memo(self, memo: PayloadMemo | None) -> None:
        """Share parsed payloads with the other parsers of the link; called before the first event."""
        self._payload_parser = self.dialect.payload_parser(memo)
        self._framer = FrameParser(self.dialect, self.role.peer, self._payload_parser)

    def freeze_layout(self, frozen: bool) -> None:
        """Whether the message layout is frozen: an answer without a request must not change it."""
        self._payload_parser.layout_frozen = frozen

    def receive(self, event: WireEvent, now: float) -> None:
        """Take an event of the peer; completed frames wait in `next_event`."""
        if isinstance(event, Received):
            last = self._last_rx_at
            if last is not None and now - last > self.dialect.idle_timeout and not self._in_window:
                self._queue_events(self._framer.close(GarbageReason.SILENCE), now)
            self._last_rx_at = now
            events = self._framer.receive(event.data)
            if events:
                self._queue_events(events, now)
        elif self.keeps_windows and event.line == self.select:
            self._on_select_edge(event, now)

    @property
    def selections(self) -> Mapping[type[Message], int]:
        """The blocks of messages that the ends have selected."""
        return self._payload_parser.selections

    @property
    def consumed_offset(self) -> int:
        """Number of received bytes that were reported, as a frame or as garbage; the rest may still become a frame."""
        return self._framer.consumed_offset

    def next_event(self) -> ReceivedFrame | Garbage | None:
        """Return the oldest pending event, and notify the observers of it; `None` if there is none."""
        if not self.events:
            return None
        event = self.events.popleft()
        if self._observers:
            for observer in self._observers:
                if isinstance(event, Garbage):
                    observer.on_garbage(self.role, event)
                else:
                    observer.on_frame(self.role, event)
        return event

    def observe(self, observer: ConnectionObserver) -> None:
        """Notify an observer of the events on this connection from now on."""
        self._observers = (*self._observers, observer)

    def send(self, messages: Sequence[AnyMessage], class_: int, sequence: int) -> bytes:
        """Return the frame with these messages.

        Raises:
            LocalProtocolError: the dialect does not allow them in this state, or a protected type is not allowed.
        """
        if self._guarded:
            for message in messages:
                self._check_allowed(message)
        dialect, role = self.dialect, self.role
        self.move(dialect.trigger_for(role, class_, messages[0]), by=role)
        if dialect.selecting:
            for message in messages:
                if type(message) in dialect.selecting:
                    self._payload_parser.select(dialect.selections(role, message))
        payload = messages[0].build() if len(messages) == 1 else build_payload(messages)
        try:
            frame = dialect.build_frame(payload, class_, sequence)
        except (struct.error, OverflowError, ValueError) as error:
            text = f"a frame of class {class_} cannot hold {len(payload)} bytes, or the number {sequence}: {error}"
            raise LocalProtocolError(text) from error
        for observer in self._observers:
            observer.on_send(role, messages, frame)
        return frame

    def move(self, trigger: str, *, by: Role) -> None:
        """Make a transition that no frame causes: power, a handshake, a speed switch.

        Raises:
            LocalProtocolError: `by` is us, and the table does not allow it.
            RemoteProtocolError: `by` is the peer, and the table does not allow it.
        """
        before = self.state
        self.state = self.dialect.transitions.next(before, trigger, by=by, us=self.role)
        for observer in self._observers:
            observer.on_transition(self.role, before, trigger, self.state)

    def _check_allowed(self, message: AnyMessage) -> None:
        if isinstance(message, UnknownMessage):
            return
        if message.TYPE in self._guarded and message.TYPE not in self.allowed:
            raise LocalProtocolError(
                f"{type(message).__name__} ({message.TYPE:#04x}) can damage a device; allow it by name to send it"
            )

    def _on_select_edge(self, edge: LineChanged, now: float) -> None:
        if edge.level:
            events = self._framer.open_window()
        elif self._in_window:
            events = self._framer.close(GarbageReason.WINDOW_CLOSED)
        else:
            return
        self._in_window = edge.level
        if events:
            self._queue_events(events, now)

    def _queue_events(self, events: Sequence[object], now: float) -> None:
        for event in events:
            if isinstance(event, Frame):
                self.events.append(self._received_frame(event, now))
            elif isinstance(event, Garbage):
                self.events.append(event)

    def _received_frame(self, frame: Frame, now: float) -> ReceivedFrame:
        messages, peer = frame.messages, self.role.peer
        violation = None
        try:
            self.move(self.dialect.trigger_for(peer, frame.class_, messages[0]), by=peer)
        except RemoteProtocolError as error:
            violation = error
        return ReceivedFrame(now, frame, messages, violation)
