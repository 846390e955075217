"""What watches an engine: its connection's events, and what it reports."""

from collections.abc import Callable

from lensmount_emulator.roles.notice import Notice
from lensmount_protocol.connection import Arrival
from lensmount_protocol.frame import Garbage
from lensmount_protocol.observer import ConnectionObserver
from lensmount_protocol.wire import Role


class Observer(ConnectionObserver):
    """Sees what an end receives, sends and reports, as it happens. A subclass overrides what it needs.

    An observer changes nothing: what it raises leaves the session.
    """

    def on_notice(self, notice: Notice) -> None:
        """The end reports something."""


class FrameObserver(Observer):
    """Calls a function for each frame that an end receives, before the end acts on it.

    Args:
        frame: called with the role of the end and the frame.
        garbage: called with the role of the end and bytes that are no frame; `None` ignores them.
    """

    def __init__(
        self, frame: Callable[[Role, Arrival], None], garbage: Callable[[Role, Garbage], None] | None = None
    ) -> None:
        self._frame = frame
        self._garbage = garbage

    def on_frame(self, role: Role, arrival: Arrival) -> None:
        """A frame of the peer is handed to the end."""
        self._frame(role, arrival)

    def on_garbage(self, role: Role, garbage: Garbage) -> None:
        """Bytes of the peer that are no frame are handed to the end."""
        if self._garbage is not None:
            self._garbage(role, garbage)
