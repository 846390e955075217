"""Where a conversation with a board broke off, so that the next one with it goes on there.

A greeting with the number of the session before, that goes on with its count of frames, is answered with what was lost
meanwhile, and is never taken for another host. Kept for each port of this process, until that is opened again.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Left:
    """Where a conversation broke off.

    Attributes:
        session: its number.
        ours: the number of our next frame.
        theirs: the number that the board's next frame was to have.
        board_us: the latest time that the board told.
    """

    session: int
    ours: int
    theirs: int
    board_us: int


_left: dict[str, Left] = {}


def leave(port: str, left: Left) -> None:
    """The conversation at a port broke off."""
    _left[port] = left


def found(port: str) -> Left | None:
    """Where the last conversation at a port broke off; given once."""
    return _left.pop(port, None)
