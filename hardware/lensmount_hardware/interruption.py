"""Steps that no interruption may cut: a signal handler that raises looks here first, and raises after the step.

Here is only what the step and the handler share; the handlers are those of the program. The handlers of another program
do not look here, and interrupt a step.
"""

TYPE_CHECKING = False
"""Type checkers take it as true. The help of the program imports this, and needs no `typing`."""

if TYPE_CHECKING:
    from types import TracebackType


class _Interruption:
    """What the whole process knows of an interruption.

    Attributes:
        delays: how many steps are under way that must not be cut.
        stopped: whether a signal has asked for the end of the process: what is dropped from now on is dropped in order.
    """

    def __init__(self) -> None:
        self.delays = 0
        self.stopped = False


INTERRUPTION = _Interruption()


class Uncut:
    """A short step, as a context: no interruption is raised inside it.

    Python runs signal handlers at calls, at the beginning of functions, and where loops repeat. So no handler runs
    between the count here and the block. A step that may wait for others, such as a write to a FIFO, must not be one.
    """

    def __enter__(self) -> None:
        """The step begins."""
        INTERRUPTION.delays += 1

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        """The step is over."""
        INTERRUPTION.delays -= 1
