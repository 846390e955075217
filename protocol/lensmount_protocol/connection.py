"""One end's view of a link, without I/O: events in, typed arrivals out, and nothing sent that the tables forbid."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import LocalProtocolError, RemoteProtocolError
from lensmount_protocol.frame import Frame, Garbage, GarbageReason
from lensmount_protocol.message import Unknown
from lensmount_protocol.observer import ConnectionObserver
from lensmount_protocol.paving import AnyMessage, build_payload
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent


@dataclass(slots=True)
class Arrival:
    """A frame that came from the peer.

    Attributes:
        at: when its last byte was there, in seconds.
        frame: the frame.
        messages: what it says.
        violation: what the peer did wrong by sending it now; `None` where it was legal.
    """

    at: float
    frame: Frame
    messages: list[AnyMessage]
    violation: RemoteProtocolError | None = None


class Connection:
    """One end's view of a link.

    Attributes:
        state: where the link stands, as the dialect's transition table names it.
        keeps_windows: whether edges and bytes arrive in their true order, so that a falling select line ends a frame;
            false on live ports, where bytes may lag behind edges by a driver's latency.
        armed: guarded types that this run may send.
    """

    def __init__(
        self, dialect: Dialect, role: Role, *, keeps_windows: bool = True, armed: frozenset[int] = frozenset()
    ) -> None:
        self.dialect = dialect
        self.role = role
        self.state = dialect.transitions.initial
        self.keeps_windows = keeps_windows
        self.armed = armed
        self._paving = dialect.paving()
        self._framer = FrameReader(dialect, role.peer, self._paving)
        self._peer_select = dialect.select_line(role.peer)
        self._observers: tuple[ConnectionObserver, ...] = ()
        self._events: deque[Arrival | Garbage] = deque()
        self._heard_at: float | None = None
        self._in_window = False

    def settle(self, settled: bool) -> None:
        """Whether what messages are built from stays as it is: an answer that nobody asked for changes nothing."""
        self._paving.settled = settled

    def receive(self, event: WireEvent, now: float) -> None:
        """Take what the peer did; what it completes waits in `next_event`."""
        if isinstance(event, Received):
            if not self._in_window and self._fell_silent(now):
                self._translate(self._framer.close(GarbageReason.SILENCE), now)
            self._heard_at = now
            events = self._framer.receive(event.data)
            if events:
                self._translate(events, now)
        elif self.keeps_windows and event.line == self._peer_select:
            self._turn_window(event, now)

    @property
    def settled(self) -> int:
        """How many of the bytes that came have been told, as a frame or as none; the rest may still become one."""
        return self._framer.settled

    def next_event(self) -> Arrival | Garbage | None:
        """The oldest event that has not been taken; observers see it now."""
        if not self._events:
            return None
        event = self._events.popleft()
        for observer in self._observers:
            if isinstance(event, Garbage):
                observer.on_garbage(self.role, event)
            else:
                observer.on_frame(self.role, event)
        return event

    def observe(self, observer: ConnectionObserver) -> None:
        """Have an observer see what happens on this connection from now on."""
        self._observers = (*self._observers, observer)

    def send(self, messages: Sequence[AnyMessage], class_: int, sequence: int) -> bytes:
        """The frame that says these messages.

        Raises:
            LocalProtocolError: the dialect does not allow them in this state, or a guarded type is not armed.
        """
        for message in messages:
            self._guard(message)
        self.move(self.dialect.trigger(self.role, class_, messages[0]), by=self.role)
        for message in messages:
            if type(message) in self.dialect.selecting:
                self._paving.select(self.dialect.selections(self.role, message))
        frame = self.dialect.build_frame(build_payload(messages), class_, sequence)
        for observer in self._observers:
            observer.on_send(self.role, messages, frame)
        return frame

    def move(self, trigger: str, *, by: Role) -> None:
        """Something other than a frame moved the link on: power, a handshake, a speed switch.

        Raises:
            LocalProtocolError: it was us, and we may not.
            RemoteProtocolError: it was the peer.
        """
        before = self.state
        self.state = self.dialect.transitions.next(before, trigger, by=by, us=self.role)
        for observer in self._observers:
            observer.on_transition(self.role, before, trigger, self.state)

    def _guard(self, message: AnyMessage) -> None:
        if isinstance(message, Unknown):
            return
        if message.TYPE in self.dialect.guarded and message.TYPE not in self.armed:
            raise LocalProtocolError(
                f"{type(message).__name__} ({message.TYPE:#04x}) can damage a device; arm it by name to send it"
            )

    def _turn_window(self, edge: LineChanged, now: float) -> None:
        if edge.level:
            events = self._framer.open_window()
        elif self._in_window:
            events = self._framer.close(GarbageReason.WINDOW_CLOSED)
        else:
            return
        self._in_window = edge.level
        if events:
            self._translate(events, now)

    def _fell_silent(self, now: float) -> bool:
        return self._heard_at is not None and now - self._heard_at > self.dialect.silence

    def _translate(self, events: Sequence[object], now: float) -> None:
        for event in events:
            if isinstance(event, Garbage):
                self._events.append(event)
            elif isinstance(event, Frame):
                self._events.append(self._arrival(event, now))

    def _arrival(self, frame: Frame, now: float) -> Arrival:
        messages = frame.messages
        violation = None
        try:
            self.move(self.dialect.trigger(self.role.peer, frame.class_, messages[0]), by=self.role.peer)
        except RemoteProtocolError as error:
            violation = error
        return Arrival(now, frame, messages, violation)
