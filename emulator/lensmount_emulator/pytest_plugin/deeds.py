"""Something that a test has a body do, and what comes of it."""

from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Await, Task
from lensmount_protocol.errors import MountError

T = TypeVar("T")


class Deed(Generic[T]):
    """A task of an engine that somebody outside waits for.

    Attributes:
        over: whether it has ended, however it went.
        cut: whether it was ended from outside, as a loss of power does.
        error: why it could not be done.
        result: what came of it.
    """

    def __init__(self, engine: Engine, make: Callable[[], Generator[Await, bool, T]]) -> None:
        self.engine = engine
        self.over = self.cut = False
        self.error: MountError | None = None
        self.result: T | None = None
        self._make = make

    def task(self, delay: float = 0.0) -> Task:
        """The deed as a task; it begins so many seconds from now."""
        try:
            if delay:
                yield self.engine.now + delay
            self.result = yield from self._make()
        except MountError as error:
            self.error = error
        except GeneratorExit:
            self.cut = True
            raise
        finally:
            self.over = True


def one_after_the_other(body: Engine, carry_out: Callable[[Engine, Step], Task], steps: Sequence[Step]) -> Task:
    """Steps of a script, each when the one before is done."""
    for step in steps:
        yield from carry_out(body, step)
