"""A table from message class to the function that handles it, typed by the class."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from lensmount_protocol.message import Message
from lensmount_protocol.paving import AnyMessage

S = TypeVar("S")
M = TypeVar("M", bound=Message)
R = TypeVar("R")


class Handlers(Generic[S, R]):
    """Functions of a subject and a message, found by the message's class.

    ```python
    obey = Handlers[LensCore, None]()

    @obey.on(FocusMove)
    def _move(lens: LensCore, order: FocusMove) -> None: ...
    ```
    """

    def __init__(self) -> None:
        self._table: dict[type[Any], Callable[[S, Any], R]] = {}

    def on(self, cls: type[M]) -> Callable[[Callable[[S, M], R]], Callable[[S, M], R]]:
        """Register the decorated function for this class; each class has one."""

        def register(function: Callable[[S, M], R]) -> Callable[[S, M], R]:
            if cls in self._table:
                raise ValueError(f"{cls.__name__} has a handler already: {self._table[cls].__name__}")
            self._table[cls] = function
            return function

        return register

    def __iter__(self) -> Iterator[tuple[type[Any], Callable[[S, Any], R]]]:
        """Each class and the function that handles it, in the order of their registration."""
        yield from self._table.items()

    def __call__(self, subject: S, message: AnyMessage) -> R | None:
        """Handle a message; `None` where nobody does."""
        handler = self._table.get(type(message))
        return None if handler is None else handler(subject, message)
