"""The base engine of both ends of the open model: queues frames, and raises the attention line before each one."""

from collections import deque
from collections.abc import Sequence
from random import Random

from lensmount_emulator.engine.engine import WINDOW, Engine
from lensmount_emulator.engine.tasks import Task
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.timing import SETUP_US
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, transmission_time

HOLD_US = 5.0
"""Time from the last stop bit to the falling edge of the attention line."""

GAP_US = 10.0
"""Minimum low time of the attention line between two frames, so that the other end detects it."""

MAX_QUEUED = 64
"""Frames that may wait to be sent; further answers are dropped."""


class LmountEngine(Engine):
    """One end of the link.

    Attributes:
        sequence: number of the next frame, modulo 256.
        dropped: frames that were not sent, because too many waited or the tables forbade them.
        overflowed_at: time of the last drop because of a full queue, in seconds.
    """

    __slots__ = ("_busy", "_outbox", "dropped", "overflowed_at", "sequence")

    def __init__(self, role: Role, carried: frozenset[str] | None = None, random: Random | None = None) -> None:
        super().__init__(LMOUNT, role, carried, random)
        self.sequence = 0
        self.dropped = 0
        self.overflowed_at = -1.0
        self._busy = False
        self._outbox: deque[tuple[Sequence[Message], int, float | None]] = deque()

    def queue_frame(self, messages: Sequence[Message], class_: int, *, until: float | None = None) -> None:
        """Send a frame as soon as the line is free; reports of a cycle overtake other frames.

        Args:
            messages: its messages.
            class_: its class.
            until: latest time of its beginning, in seconds; later it is dropped.
        """
        if len(self._outbox) >= MAX_QUEUED:
            self.dropped += 1
            self.overflowed_at = self.now
            return
        if class_ == CYCLE:
            self._outbox.appendleft((messages, class_, until))
        else:
            self._outbox.append((messages, class_, until))
        if not self._busy:
            self._busy = True
            self.spawn(self._send_all())

    @property
    def idle(self) -> bool:
        """Whether nothing is being sent, and nothing waits to be."""
        return not self._busy

    def clear_queue(self) -> None:
        """Drop all waiting frames, as a loss of power does; the sending task has been stopped."""
        self._outbox.clear()
        self._busy = self.sending = False

    def _send_all(self) -> Task:
        while self._outbox:
            messages, class_, until = self._outbox.popleft()
            if until is not None and self.now > until:
                continue
            try:
                frame = self.connection.send(messages, class_, self.sequence)
            except LocalProtocolError as error:
                self.dropped += 1
                self.report_error(error, f"not sent: {error}")
                continue
            self.sequence = (self.sequence + 1) & 0xFF
            self.sending = True
            if not self.levels.get(self.select, False):
                if self.now < self.free_at:
                    # The previous frame has only just ended.
                    yield self.free_at
                self.drive(self.select, True)
                yield self.after(SETUP_US)
            self.transmit(frame)
            yield self.after(transmission_time(len(frame), self.baudrate) * 1e6 + HOLD_US)
            self.drive(self.select, False)
            self.free_at = self.now + GAP_US * 1e-6
            self.sending = False
            self.wake(WINDOW)
            if self._outbox:
                yield self.after(GAP_US)
        self._busy = False
        self.wake(WINDOW)
