"""Functions that no interruption may cut: a signal handler that raises looks for them on the stack, and raises later.

The handlers are those of the program. The handlers of another program do not look here, and interrupt them.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""Type checkers take it as true. The help of the program imports this, and needs no `typing`."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., object])

_UNCUT: set[CodeType] = set()


def uncut(function: F) -> F:
    """Mark a short function: no interruption is raised in it, or in what it calls.

    A function that may wait for others, such as for the reader of a FIFO, must not be one.
    """
    marked: Any = function
    _UNCUT.add(marked.__code__)
    return function


def is_uncut(frame: FrameType | None) -> bool:
    """Whether a frame is of a function that no interruption may cut, or of one that it calls."""
    while frame is not None and frame.f_code not in _UNCUT:
        frame = frame.f_back
    return frame is not None
