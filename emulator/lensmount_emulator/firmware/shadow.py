"""Follows the traffic of a firmware for its observers, as the connection of an engine of ours would.

It changes nothing: the state of the link, and the frames in both directions, are read from the wire.
"""

from typing import TYPE_CHECKING

from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.errors import LocalProtocolError, RemoteProtocolError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, GarbageReason
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import LineChanged, Role, WireEvent

if TYPE_CHECKING:
    from lensmount_emulator.firmware.engine import FirmwarePort

OPEN_MESSAGES = 32
"""Messages that a device may have to answer at once; with more, earlier ones count as given up."""

AWAKE_FRAMES = 3
"""Frames of a stream after which a device counts as awake: one or two may have waited when it fell asleep."""


class Shadow:
    """Follows one end.

    Args:
        engine: the end.
    """

    def __init__(self, engine: "FirmwarePort") -> None:
        self._engine = engine
        self._connection = engine.connection
        dialect = engine.dialect
        self._supply = dialect.supply
        self._peer_select = dialect.select_line(engine.role.peer)
        self._parser = FrameParser(dialect, engine.role, dialect.payload_parser())
        self._stream = dialect.routine_types
        self._asleep = dialect.transitions.asleep
        self._streamed = 0
        self._waiting = 0
        self._quiet = True

    def receive(self, event: WireEvent, now: float) -> None:
        """Follow an event of the peer."""
        engine, connection = self._engine, self._connection
        if isinstance(event, LineChanged) and event.line == self._supply and engine.role is Role.LENS:
            self._power(level=event.level)
            if event.level and engine.levels.get(self._peer_select, False):
                # A device without supply has not seen the beginning of the window that is open.
                for level in (False, True):
                    connection.receive(LineChanged(self._peer_select, level), now)
        connection.receive(event, now)
        while (arrived := connection.next_event()) is not None:
            if isinstance(arrived, ReceivedFrame):
                self._waiting += len(arrived.messages)
                if self._waiting > OPEN_MESSAGES:
                    engine.overflowed_at = now

    def switched(self) -> None:
        """Follow a change of the rate."""
        self._move_if_legal("switched")

    def sent(self, data: bytes) -> None:
        """Follow bytes that the end sends."""
        self._quiet = False
        for event in self._parser.receive(data):
            if isinstance(event, Frame):
                self._waiting = max(0, self._waiting - len(event.messages))
                self._follow(self._engine.dialect.trigger_for(self._engine.role, event.class_, event.messages[0]))
                self._wake_by_stream(event)

    def drove(self, line: str, level: bool) -> None:
        """Follow an edge of the end."""
        if line == self._supply:
            self._power(level=level)
        if line == self._engine.select:
            if level:
                self._quiet = True
                self._parser.open_window()
            else:
                self._parser.close(GarbageReason.WINDOW_CLOSED)
                if self._quiet:
                    # A device that raises its line and sends nothing has woken up, or does its part of a handshake.
                    self._move_if_legal("wake")
                    self._move_if_legal("linked")

    def _wake_by_stream(self, frame: Frame) -> None:
        """A device that streams is awake, though it may have woken up while its line was high for a frame."""
        asleep = self._connection.state in self._asleep
        streams = asleep and all(message_type(message) in self._stream for message in frame.messages)
        self._streamed = self._streamed + 1 if streams else 0
        if self._streamed >= AWAKE_FRAMES:
            self._move("wake")

    def _power(self, *, level: bool) -> None:
        self._waiting = 0
        initial = self._engine.dialect.transitions.initial
        if level or self._connection.state != initial:
            self._move("power" if level else "power lost")

    def _follow(self, trigger: str) -> None:
        """Move by what the device sends; if that is illegal, its state differs from the one that the wire showed."""
        moves = self._engine.dialect.transitions.moves
        if trigger not in moves.get(self._connection.state, ()):
            self._connection.state = next(
                (state for state, legal in moves.items() if trigger in legal), self._connection.state
            )
        self._move(trigger)

    def _move_if_legal(self, trigger: str) -> None:
        if trigger in self._engine.dialect.transitions.moves.get(self._connection.state, ()):
            self._move(trigger)

    def _move(self, trigger: str) -> None:
        try:
            self._connection.move(trigger, by=Role.BODY if trigger in ("power", "wake") else self._engine.role)
        except (LocalProtocolError, RemoteProtocolError):
            # The peer's engine reports what a firmware must not do; the state stays.
            return
