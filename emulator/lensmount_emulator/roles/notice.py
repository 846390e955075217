"""What an engine reports to its user: one line of text, and what programs need to know of it as data."""

from dataclasses import dataclass, field
from enum import Enum

from lensmount_protocol.errors import LocalTransitionError, RemoteTransitionError
from lensmount_protocol.wire import Role


class NoticeKind(Enum):
    """What a notice is about; programs compare this and never the text."""

    OTHER = "other"
    IDENTIFIED = "identified"
    """The body knows what the lens is; `subject` describes it."""

    SCRIPT_STEP = "script step"
    """The body starts a step of its script; `subject` is the step as it was written."""

    ILLEGAL_TRANSITION = "illegal transition"
    """An end left the dialect's transition table."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an engine reports.

    Attributes:
        at: when, in seconds.
        role: the end that reports it.
        text: what happened, in one line, for people.
        trouble: whether something went wrong.
        kind: what it is about.
        subject: the thing that a notice of this kind names; `""` where it names none.
    """

    at: float
    role: Role
    text: str
    trouble: bool = False
    kind: NoticeKind = field(default=NoticeKind.OTHER, compare=False)
    subject: str = field(default="", compare=False)


def error_kind(error: Exception) -> NoticeKind:
    """The kind of a notice that reports this error."""
    if isinstance(error, LocalTransitionError | RemoteTransitionError):
        return NoticeKind.ILLEGAL_TRANSITION
    return NoticeKind.OTHER
