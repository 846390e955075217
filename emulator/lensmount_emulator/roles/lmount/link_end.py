"""What both ends of the open model share: frames wait their turn, and each goes out behind its attention line."""

from collections import deque
from collections.abc import Sequence
from random import Random

from lensmount_emulator.roles.engine import WINDOW, Engine
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.timing import SETUP_US
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, transmission_time

HOLD_US = 5.0
"""Last stop bit to the fall of the attention line."""

GAP_US = 10.0
"""The attention line is low for at least this between two frames, so that the other end sees it."""

MOST_WAITING = 64
"""Frames that wait to be sent; whoever asks for more answers than that gets the first ones."""


class LinkEnd(Engine):
    """One end of the link.

    Attributes:
        sequence: number of the next frame, modulo 256.
        lost: frames that were not sent, because too many waited or the tables forbade them.
        overflowed_at: when so many waited last that one was left out.
    """

    __slots__ = ("_busy", "_outbox", "lost", "overflowed_at", "sequence")

    def __init__(self, role: Role, carried: frozenset[str] | None = None, random: Random | None = None) -> None:
        super().__init__(LMOUNT, role, carried, random)
        self.sequence = 0
        self.lost = 0
        self.overflowed_at = -1.0
        self._busy = False
        self._outbox: deque[tuple[Sequence[Message], int, float | None]] = deque()

    def say(self, messages: Sequence[Message], class_: int, *, until: float | None = None) -> None:
        """Send a frame as soon as the line is free; reports of a cycle pass what else waits.

        Args:
            messages: what it says.
            class_: what it is about.
            until: when it has to begin, in seconds; later it is left out.
        """
        if len(self._outbox) >= MOST_WAITING:
            self.lost += 1
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

    def silence(self) -> None:
        """Forget what waits to be sent, as a loss of power does; its task has been stopped."""
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
                self.lost += 1
                self.tell_error(error, f"not sent: {error}")
                continue
            self.sequence = (self.sequence + 1) & 0xFF
            self.sending = True
            if not self.levels.get(self.select, False):
                if self.now < self.free_at:
                    # What was said last was said just now.
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
