"""Processes that share the work of another: signals are the first one's, and none outlives it."""

import contextlib
import os
import signal
from collections.abc import Generator
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

from lensmount_emulator.termination import SIGNALS


@contextlib.contextmanager
def blocked_signals() -> Generator[None]:
    """Keep the signals from processes that begin in the block, from their first moment on; ours come after it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker(stop: "Connection[Any, Any] | None" = None) -> None:
    """Make this process one that shares the work of another: the other one ends it, and it does not outlive that.

    Args:
        stop: its other end is closed when this process is to end, whatever it is doing.
    """
    # A terminal, a service manager and a CI runner signal every process of a group; only the first one reports.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, args=(stop,), daemon=True).start()


def _end_with_parent(stop: "Connection[Any, Any] | None") -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel, *([] if stop is None else [stop])])
        os._exit(1)
