"""Every error that lensmount raises on purpose, as one tree.

```
MountError                        the base of all
 +-- FrameError                   bytes are no frame, or a payload does not parse
 +-- ProtocolError (abstract)
 |    +-- LocalProtocolError      we asked for what the dialect forbids
 |    |    +-- LocalTransitionError     a transition that the table does not have in this state
 |    +-- RemoteProtocolError     the peer did
 |         +-- RemoteTransitionError    a transition that the table does not have in this state
 +-- DialectError                 unknown, duplicate or malformed dialect
 +-- TransportError
 |    +-- TransportSpecError      a port specification is invalid (ValueError)
 |    +-- TransportOpenError      the port cannot be opened (OSError)
 |    +-- TransportLostError      the port went away in mid-session (ConnectionError)
 |    +-- BoardError              a dev board does not fit, or rejects a command
 +-- CaptureError                 a file of recorded traffic cannot be read
 +-- ProfileError                 a profile is unknown or its data is impossible
 +-- ScriptError                  a session script holds an unknown verb or value
 +-- FirmwareError                a firmware image cannot be read, or is not for the lens
 +-- FaultError                   a fault is unknown or invalid, or a scenario cannot be replayed
 +-- CorpusError                  a corpus cannot be reached, read or written
 +-- CampaignError                a campaign's configuration is not legal
 +-- FilterError                  a filter of events cannot be read
```

Anything else that leaves a parser is a bug: bad bytes are data, not exceptions.
"""

from collections.abc import Iterable
from importlib import import_module

MAX_ERROR = 4000
"""Characters of an error that are shown: an error quotes files, and a line of a file may have a million."""

MAX_LISTED = 20
"""Entries of a list that an error shows, where their number depends on a file."""

MAX_NAME = 100
"""Characters of an unknown name that are compared with the known ones."""

MAX_KNOWN = 200
"""Known names that an error lists; a dialect has some 100 messages."""


class MountError(Exception):
    """The base of every error that lensmount raises on purpose; its text is one line of at most `MAX_ERROR`."""

    def __str__(self) -> str:
        return shorten(super().__str__())


class FrameError(MountError):
    """Bytes that are no frame, or a payload that does not parse.

    Attributes:
        offset: where in the given bytes the trouble starts, in bytes.
        path: the field that could not be read or written, `""` where no field is at fault.
        reason: what is wrong, without the place.
    """

    def __init__(self, reason: str, *, offset: int = 0, path: str = "") -> None:
        self.reason = reason
        self.offset = offset
        self.path = path
        place = f"at byte {offset}" + (f", field {path}" if path else "")
        super().__init__(f"{reason} ({place})")


class ProtocolError(MountError):
    """An end violated the dialect; the subclass shows which end."""


class LocalProtocolError(ProtocolError):
    """We asked for what the dialect forbids in this state."""


class RemoteProtocolError(ProtocolError):
    """The peer did what the dialect forbids in this state."""


class LocalTransitionError(LocalProtocolError):
    """We asked for a transition that the dialect's table does not have in this state."""


class RemoteTransitionError(RemoteProtocolError):
    """The peer made a transition that the dialect's table does not have in this state."""


class DialectError(MountError):
    """An unknown, duplicate or malformed dialect, or a message that it does not know."""


class TransportError(MountError):
    """A port that cannot be described, opened or kept."""


class TransportSpecError(TransportError, ValueError):
    """A port specification is invalid; the message lists the known ones."""


class TransportOpenError(TransportError, OSError):
    """A port that is missing, busy or not permitted."""


class TransportLostError(TransportError, ConnectionError):
    """A port that went away in mid-session."""


class BoardError(TransportError):
    """A dev board that does not fit, or that rejects a command."""


class CaptureError(MountError):
    """A file of recorded traffic that cannot be read, or a part of it that makes no sense."""


class ProfileError(MountError):
    """An unknown profile, or one with missing or impossible data."""


class ScriptError(MountError):
    """A session script that holds an unknown verb or value."""


class FirmwareError(MountError):
    """A firmware image that cannot be read or written, or is not for the lens."""


class FaultError(MountError):
    """A fault with an unknown name, key or value, or a scenario that cannot be replayed."""


class CorpusError(MountError):
    """A corpus that cannot be reached, read or written, or what it wants is not installed."""


class CampaignError(MountError):
    """A campaign file with an unknown key or value, or an invalid query of its results."""


class FilterError(MountError):
    """A filter of decoded events that cannot be read.

    Attributes:
        reason: what is wrong, without the place.
        at: the place in the filter, in characters.
    """

    def __init__(self, reason: str, *, at: int) -> None:
        self.reason = reason
        self.at = at
        super().__init__(f"filter, at character {at + 1}: {reason}")


def unknown_name_message(kind: str, name: str, known: Iterable[str], place: str = "") -> str:
    """Return one line for an unknown name: the names that are known, and the nearest one where one is near.

    Args:
        kind: what is named.
        name: the name.
        known: the names that are known.
        place: where it was found, such as a table of a file; empty where the caller reports the place.
    """
    names = sorted(known)
    listed = ", ".join(limit_list(names, MAX_KNOWN)) or "none"
    close = nearest(name, names)
    where = f" in {place}" if place else ""
    return f"unknown {kind} {name!r}{where}; known: {listed}" + (f"; did you mean {close[0]!r}?" if close else "")


def nearest(name: str, known: Iterable[str], limit: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are most like a name, the nearest first.

    Args:
        name: what was written.
        known: what could have been meant.
        limit: how many names at most.
        cutoff: likeness from 0 to 1 that a name must have.
    """
    # `difflib` is loaded when a name is wrong, and not at each start.
    matcher = import_module("difflib")
    found: list[str] = matcher.get_close_matches(name[:MAX_NAME], list(known), limit, cutoff)
    return found


def shorten(text: str, limit: int = MAX_ERROR) -> str:
    """Return the text without its middle where it is longer than `limit` characters.

    Both ends stay, as an error begins with the place and ends with the next step.
    """
    if len(text) <= limit:
        return text
    mark = " ... "
    head = (limit - len(mark) + 1) // 2
    tail = limit - len(mark) - head
    return text[:head] + mark + text[len(text) - tail :]


def limit_list(texts: Iterable[str], limit: int = MAX_LISTED) -> list[str]:
    """Return the first texts of a list and, where there are more than `limit`, how many follow."""
    every = list(texts)
    more = len(every) - limit
    return every if more <= 0 else [*every[:limit], f"and {more} more"]
