"""Runs an engine in virtual time against events that a follower makes, and collects the frames that it sends."""

from collections import deque
from collections.abc import Callable

from lensmount_emulator.engine.engine import Engine
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    SetBaudrate,
    Transmit,
    WireEvent,
    transmission_time,
)


class EngineDriver:
    """An engine, its clock, and the frames that it has sent.

    Attributes:
        engine: the engine.
        now: virtual time in seconds.
        sent: frames of the engine that the follower has not taken yet, oldest first.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = 0.0
        self.sent: deque[DecodedFrame] = deque()
        self._decoder = Decoder(engine.dialect)
        self._free_at = 0.0

    def start(self) -> None:
        """Start the engine."""
        self.engine.start(self.now)
        self._collect()

    def set_line(self, line: str, level: bool) -> None:
        """Move a line of the peer now."""
        self.receive(LineChanged(line, level))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes of the peer; they have arrived when this returns."""
        self.run(transmission_time(len(data), self.engine.baudrate))
        self.receive(Received(data))

    def send_window(self, data: bytes, setup: float, hold: float) -> None:
        """Send bytes of the peer inside a window of its select line.

        Args:
            data: the bytes.
            setup: seconds from the rise of the line to the first byte.
            hold: seconds from the last byte to the fall of the line.
        """
        line = self.engine.dialect.select_line(self.engine.role.peer)
        self.set_line(line, True)
        self.run(setup)
        self.send_bytes(data)
        self.run(hold)
        self.set_line(line, False)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until(lambda: False, seconds)

    def run_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Let time pass until a condition holds, at most for some seconds; return whether it holds."""
        until = self.now + seconds
        while not ready():
            deadline = self.engine.next_deadline()
            if deadline is None or deadline > until:
                self.now = until
                return ready()
            self.now = max(self.now, deadline)
            self.engine.handle_deadline(self.now)
            self._collect()
        return True

    def take_sent(self) -> list[DecodedFrame]:
        """Return the frames that the engine has sent since the last call."""
        taken = list(self.sent)
        self.sent.clear()
        return taken

    def finish(self) -> None:
        """End the session: the engine's last frame waits for no padding."""
        self.sent.extend(event for event in self._decoder.finish() if isinstance(event, DecodedFrame))

    def receive(self, event: WireEvent) -> None:
        """Give an event of the peer to the engine now."""
        self.engine.receive(event, self.now)
        self._collect()

    def _collect(self) -> None:
        for action in self.engine.actions():
            if isinstance(action, DriveLine):
                self._decode(Edge(self.now, action.line, action.level))
            elif isinstance(action, Transmit):
                begin = max(self.now, self._free_at)
                self._free_at = begin + transmission_time(len(action.data), self.engine.baudrate)
                self._decode(Burst(begin, self.engine.role, action.data, self.engine.baudrate, self._free_at))
            else:
                assert isinstance(action, SetBaudrate)
        # Nothing reads the notices of an engine that follows a capture.
        for _ in self.engine.notices():
            pass

    def _decode(self, record: Burst | Edge) -> None:
        self.sent.extend(event for event in self._decoder.feed(record) if isinstance(event, DecodedFrame))
