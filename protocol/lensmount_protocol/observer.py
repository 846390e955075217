"""What watches a connection: frames in, frames out, and the transitions of the link."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lensmount_protocol.frame import Garbage
from lensmount_protocol.paving import AnyMessage
from lensmount_protocol.wire import Role

if TYPE_CHECKING:
    from lensmount_protocol.connection import Arrival


class ConnectionObserver:
    """Sees what happens on one end's connection. A subclass overrides what it needs.

    Each method is called with the role of the end that is observed.
    """

    def on_frame(self, role: Role, arrival: "Arrival") -> None:
        """A frame of the peer is handed to the end, before the end acts on it."""

    def on_garbage(self, role: Role, garbage: Garbage) -> None:
        """Bytes of the peer that are no frame are handed to the end."""

    def on_send(self, role: Role, messages: Sequence[AnyMessage], frame: bytes) -> None:
        """The end has built a frame that it is about to send."""

    def on_transition(self, role: Role, before: str, trigger: str, after: str) -> None:
        """The link, as this end sees it, goes from one state to another; both may be the same."""
