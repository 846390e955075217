"""Orderly termination on SIGINT, SIGTERM and SIGHUP: one interruption, delayed while work must not be interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from types import FrameType, TracebackType

TYPE_CHECKING = False
"""Type checkers take it as true. `typing` itself is a sixth of the time that the help takes."""

if TYPE_CHECKING:
    from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end the process; SIGHUP is sent when the terminal closes, and does not exist on every system."""

MAX_IGNORED_PRESSES = 1
"""Further Ctrl-C that do not disturb the termination: wrappers often forward the first one twice."""

RETRY_S = 0.02
"""Seconds after which an interruption that was lost in a destructor or callback is raised again."""

_Handler = Callable[[int, FrameType | None], object]


class Stopped(KeyboardInterrupt):
    """A signal requests the end of the process.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def in_main_thread() -> bool:
    """Whether this is the main thread; where no module has imported `threading` there is no other."""
    threading = sys.modules.get("threading")
    return threading is None or threading.current_thread() is threading.main_thread()


def format_stop(error: KeyboardInterrupt) -> str:
    """Return the readable cause of a stop: `Ctrl-C`, `SIGTERM` or `SIGHUP`."""
    number = error.number if isinstance(error, Stopped) else signal.SIGINT
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


class Termination:
    """Turns the first signal into `Stopped`, raised in the main thread; later signals do not disturb the termination.

    SIGTERM and SIGHUP that the parent process has set to be ignored (`nohup`) stay ignored. After the first signal, one
    more Ctrl-C is ignored with a line on standard error; each one after that raises `Stopped` again, for an end that
    hangs. Outside the main thread nothing is changed.

    Attributes:
        number: the first signal; `None` before it.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._presses = 0
        self._lost = self._over = False
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook

    def start(self) -> None:
        """Install the signal handlers."""
        if not in_main_thread():
            return
        for number in SIGNALS:
            before = signal.getsignal(number)
            # A shell that starts a command in the background sets SIGINT to be ignored; `kill -INT` must still work.
            if before is None or (before is signal.SIG_IGN and number != signal.SIGINT):
                continue
            self._before[number] = before
            signal.signal(number, self._stop)
        sys.unraisablehook = self._raise_later

    def close(self, *, process_ends: bool = False) -> None:
        """Restore the signal handlers.

        Args:
            process_ends: only the interpreter's own shutdown follows, which a signal may end without a traceback.
        """
        self._over = True
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if process_ends else before)
        if self._before:
            sys.unraisablehook = self._hook

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._over:
            return
        if self.number is None or self._lost:
            self.number = self.number or number
            self._lost = False
            raise Stopped(self.number)
        if number == signal.SIGINT:
            self._presses += 1
            if self._presses > MAX_IGNORED_PRESSES:
                raise Stopped(self.number)
            with contextlib.suppress(OSError):
                # Not through `sys.stderr`: the interruption may come in the middle of a write to it.
                os.write(2, b"lensmount: ending; press Ctrl-C again to end at once\n")

    def _raise_later(self, lost: sys.UnraisableHookArgs) -> None:
        """Raise an interruption again that the interpreter dropped inside a destructor or a callback."""
        if not isinstance(lost.exc_value, Stopped) or self._over:
            self._hook(lost)
            return
        from threading import Timer  # noqa: PLC0415  the help needs no threads

        self._lost = True
        again = Timer(RETRY_S, _send_to_main_thread, (lost.exc_value.number,))
        again.daemon = True
        again.start()


def _send_to_main_thread(number: int) -> None:
    from threading import main_thread  # noqa: PLC0415  the help needs no threads

    ident = main_thread().ident
    if sys.platform == "win32" or ident is None:
        signal.raise_signal(number)
    else:
        signal.pthread_kill(ident, number)


@contextlib.contextmanager
def shielded() -> Generator[Callable[[], bool]]:
    """Delay an interruption to the end of the block; yields a function that returns whether one is pending.

    A loop that calls it can stop between two complete steps. The first signal is delivered after the block. The third
    Ctrl-C is not delayed any more. Outside the main thread there are no signals to delay.
    """
    pending: list[int] = []
    before: dict[int, _Handler | int] = {}

    def note(number: int, _frame: FrameType | None) -> None:
        pending.append(number)
        if number == signal.SIGINT and pending.count(number) > MAX_IGNORED_PRESSES + 1:
            _deliver(number, before)

    if not in_main_thread():
        yield lambda: False
        return
    try:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler is not None and handler is not signal.SIG_IGN:
                before[number] = handler
                signal.signal(number, note)
        yield lambda: bool(pending)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if pending:
        _deliver(pending[0], before)


def _deliver(number: int, handlers: Mapping[int, _Handler | int]) -> None:
    handler = handlers[number]
    if callable(handler):
        handler(number, None)
    else:
        signal.raise_signal(number)


class OrderlyStack(contextlib.ExitStack):
    """An exit stack that exits its contexts without interruption: lines idle, links removed, files closed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Exit every context; an interruption is raised after the last one."""
        with shielded():
            return super().__exit__(kind, error, trace)
