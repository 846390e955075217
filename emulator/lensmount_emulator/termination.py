"""Orderly termination on SIGINT, SIGTERM and SIGHUP: one interruption, delayed while work must not be interrupted."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Generator, Mapping
from types import FrameType, TracebackType

from lensmount_hardware.interruption import is_uncut, uncut

TYPE_CHECKING = False
"""Type checkers take it as true. `typing` itself is a sixth of the time that the help takes."""

if TYPE_CHECKING:
    from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end the process; SIGHUP is sent when the terminal closes, and does not exist on every system."""

MAX_IGNORED_PRESSES = 2
"""Further Ctrl-C that do not disturb the termination: wrappers often forward each one twice, and users repeat it."""

RETRY_S = 0.02
"""Seconds after which an interruption is tried again that came where it is lost, or cuts what must be whole."""

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

    SIGTERM and SIGHUP that the parent process has set to be ignored (`nohup`) stay ignored. After the first signal, two
    more Ctrl-C are ignored with a line on standard error; each one after that raises `Stopped` again, for an end that
    hangs. Outside the main thread nothing is changed.

    Args:
        process_ends: whether the process ends after `close`, so that a signal must not end it in another way.

    Attributes:
        number: the first signal; `None` before it.
    """

    def __init__(self, *, process_ends: bool = False) -> None:
        self.number: int | None = None
        self._process_ends = process_ends
        self._presses = 0
        self._sending = allocate_lock()
        self._due = self._waits = self._again = self._over = False
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook

    @uncut
    def start(self) -> None:
        """Install the signal handlers."""
        global _active
        if not in_main_thread():
            return
        _active = self
        for number in SIGNALS:
            before = signal.getsignal(number)
            # A shell that starts a command in the background sets SIGINT to be ignored; `kill -INT` must still work.
            if before is None or (before is signal.SIG_IGN and number != signal.SIGINT):
                continue
            self._before[number] = before
            signal.signal(number, self.handle)
        sys.unraisablehook = self._raise_later
        if self._process_ends:
            # Called after every other function that was registered, since it is registered before them.
            atexit.register(self._ignore)

    def close(self) -> None:
        """Restore the signal handlers; where the process ends, only repeated Ctrl-C has an effect from here on.

        What an interruption has dropped is freed, and closes its files: the frames of an exception can form cycles.
        """
        global _active
        with self._sending:
            self._over = True
        if self.number is not None:
            gc.collect()
        if not self._process_ends:
            for number, before in self._before.items():
                signal.signal(number, before)
        if _active is self:
            _active = None
        if self._before:
            sys.unraisablehook = self._hook

    def _ignore(self) -> None:
        """Keep signals from ending the rest of the interpreter's shutdown, which handlers in Python do not reach."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    @property
    def raised(self) -> bool:
        """Whether the first signal was raised, so that later ones are for an end that is under way."""
        return self.number is not None and not self._due

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal, as its handler.

        Raises:
            Stopped: the first signal, or a Ctrl-C that is for an end that hangs.
        """
        again, self._again = self._again, False
        if again and not self._due:
            # Another one came first.
            return
        if self.number is None and not self._over:
            self.number = number
            self._due = True
        elif number == signal.SIGINT and (self.raised or self._over):
            self._presses += 1
        hangs = number == signal.SIGINT and self._presses > MAX_IGNORED_PRESSES
        if self._over:
            if hangs and self._process_ends:
                # A thread or a process keeps the interpreter from its end; all files are complete.
                os._exit(128 + (self.number or number))
        elif self._due or hangs:
            if is_uncut(frame) or (frame is not None and _changes_context(frame)):
                self._try_again(number)
                return
            self._due = False
            raise Stopped(self.number or number)
        elif number == signal.SIGINT:
            with contextlib.suppress(OSError):
                # Not through `sys.stderr`: the interruption may come in the middle of a write to it.
                os.write(2, b"lensmount: ending; if it hangs, press Ctrl-C until it ends\n")

    @uncut
    def _raise_later(self, lost: sys.UnraisableHookArgs) -> None:
        """Raise an interruption again that the interpreter dropped inside a destructor or a callback."""
        if not isinstance(lost.exc_value, Stopped) or self._over:
            self._hook(lost)
            return
        self._due = True
        self._try_again(lost.exc_value.number)

    @uncut
    def _try_again(self, number: int) -> None:
        """Send the signal again in a moment, once."""

        def send() -> None:
            pause = allocate_lock()
            pause.acquire()
            pause.acquire(timeout=RETRY_S)
            with self._sending:
                if not self._over:
                    self._waits, self._again = False, True
                    _send_to_main_thread(number)

        if not self._waits:
            self._waits = True
            # Not by `threading`: the interrupted step may hold its locks.
            start_new_thread(send, ())


_active: Termination | None = None
"""The termination that has installed its handlers; `None` for none."""


def _changes_context(frame: FrameType) -> bool:
    """Whether a context is being entered or left: an interruption before its own first step would leave it as it is."""
    return frame.f_code.co_name in ("__enter__", "__exit__") or frame.f_globals["__name__"] == "contextlib"


def _send_to_main_thread(number: int) -> None:
    from threading import main_thread  # noqa: PLC0415  the help needs no threads

    ident = main_thread().ident
    if sys.platform == "win32" or ident is None:
        signal.raise_signal(number)
    else:
        signal.pthread_kill(ident, number)


@contextlib.contextmanager
@uncut
def shielded() -> Generator[Callable[[], bool]]:
    """Delay an interruption to the end of the block; yields a function that returns whether one is pending.

    A loop that calls it can stop between two complete steps. The first signal is delivered after the block. The fourth
    Ctrl-C is not delayed any more. Outside the main thread there are no signals to delay.
    """
    pending: list[int] = []
    before: dict[int, _Handler | int] = {}

    def note(number: int, frame: FrameType | None) -> None:
        if _active is not None and _active.raised:
            # There is nothing left to delay, and it counts how often Ctrl-C is pressed.
            _active.handle(number, frame)
            return
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
