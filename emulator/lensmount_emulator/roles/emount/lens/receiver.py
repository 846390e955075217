"""The receiver of a lens with rules of its own: what it drops before its framer sees it.

A Samyang drops bytes outside the body's select window, and after a bad frame looks for the next one only when the
length that the bad one announced has passed (BAS-SY).
"""

from lensmount_emulator.roles.emount.behaviour import Behaviour
from lensmount_protocol.dialects.emount.framing import MAX_SIZE, MIN_SIZE, START
from lensmount_protocol.framer import Garbage
from lensmount_protocol.wire import Received, Role

LENGTH_SIZE = 3
"""Bytes of a frame up to its length."""


class LensReceiver:
    """Decides which received bytes reach the framer.

    Args:
        behaviour: the profile's rules.
        live: whether the lens is at a port, where edges come later than bytes, so that they select nothing.
    """

    def __init__(self, behaviour: Behaviour, *, live: bool) -> None:
        self._selects = behaviour.selects_bytes and not live
        self._awaits_length = behaviour.awaits_length
        self._skipped = 0

    def accept(self, event: Received, *, selected: bool) -> Received:
        """Return what of received bytes reaches the framer.

        Args:
            event: the bytes.
            selected: whether the body's select line is high.
        """
        if self._selects and not selected:
            return Received(b"")
        if not self._skipped:
            return event
        dropped = min(self._skipped, len(event.data))
        self._skipped -= dropped
        return Received(event.data[dropped:])

    def on_garbage(self, garbage: Garbage) -> None:
        """Skip the rest of the length that a bad frame announced."""
        data = garbage.data
        if not self._awaits_length or len(data) < LENGTH_SIZE or data[0] != START:
            return
        length = data[1] | data[2] << 8
        if MIN_SIZE <= length <= MAX_SIZE[Role.BODY]:
            self._skipped = max(0, length - len(data))


def make_receiver(behaviour: Behaviour, *, live: bool) -> LensReceiver | None:
    """Return a receiver with rules of its own; `None` for the usual one."""
    return LensReceiver(behaviour, live=live) if behaviour.selects_bytes or behaviour.awaits_length else None
