"""Observers of an engine, and the notices that an engine reports.

A notice is one line of text for the user, with the same facts as data for programs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from lensmount_protocol.connection import ConnectionObserver, ReceivedFrame
from lensmount_protocol.errors import LocalTransitionError, RemoteTransitionError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.wire import Role


class NoticeKind(Enum):
    """Kind of a notice; programs compare this and never the text."""

    OTHER = "other"
    IDENTIFIED = "identified"
    """The body knows what the lens is; `subject` describes it."""

    SCRIPT_STEP = "script step"
    """The body starts a step of its script; `subject` is the step as it was written."""

    ILLEGAL_TRANSITION = "illegal transition"
    """An end left the dialect's transition table."""

    FIRMWARE_FAULT = "firmware fault"
    """A firmware in C crashed, hung or broke a rule; `subject` is what faults of one cause share."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an engine reports.

    Attributes:
        at: when, in seconds.
        role: the end that reports it.
        text: what happened, in one line, for users.
        is_error: whether something went wrong.
        kind: what it is about.
        subject: the thing that a notice of this kind names; `""` where it names none.
    """

    at: float
    role: Role
    text: str
    is_error: bool = False
    kind: NoticeKind = field(default=NoticeKind.OTHER, compare=False)
    subject: str = field(default="", compare=False)


def error_kind(error: Exception) -> NoticeKind:
    """The kind of a notice that reports this error."""
    if isinstance(error, LocalTransitionError | RemoteTransitionError):
        return NoticeKind.ILLEGAL_TRANSITION
    return NoticeKind.OTHER


class Observer(ConnectionObserver):
    """Sees what an end receives, sends and reports, as it happens. A subclass overrides what it needs.

    An observer changes nothing; an exception that it raises leaves the session.
    """

    def on_notice(self, notice: Notice) -> None:
        """The end reports something."""


class FrameObserver(Observer):
    """Calls a function for each frame that an end receives, before the end handles it.

    Args:
        frame: called with the role of the end and the frame.
        garbage: called with the role of the end and bytes that are no frame; `None` ignores them.
    """

    def __init__(
        self, frame: Callable[[Role, ReceivedFrame], None], garbage: Callable[[Role, Garbage], None] | None = None
    ) -> None:
        self._frame = frame
        self._garbage = garbage

    def on_frame(self, role: Role, arrival: ReceivedFrame) -> None:
        """The end receives a frame of the peer."""
        self._frame(role, arrival)

    def on_garbage(self, role: Role, garbage: Garbage) -> None:
        """The end receives bytes of the peer that are no frame."""
        if self._garbage is not None:
            self._garbage(role, garbage)
