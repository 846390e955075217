"""Differences between operating systems: modules that only POSIX systems have, and file locks.

Each module is `None` where it is missing. Code that needs one imports it from here, and does without it or states in
one line what does not work. The modules have no types here: type checkers know those of one platform only.
"""

from contextlib import suppress
from importlib import import_module
from typing import IO, Any


def _module_or_none(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


fcntl: Any = _module_or_none("fcntl")
grp: Any = _module_or_none("grp")
pwd: Any = _module_or_none("pwd")
resource: Any = _module_or_none("resource")
termios: Any = _module_or_none("termios")
tty: Any = _module_or_none("tty")
_msvcrt: Any = _module_or_none("msvcrt")

TERMINAL_ERRORS: tuple[type[Exception], ...] = () if termios is None else (termios.error,)
"""Errors of terminal calls besides `OSError`."""


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file for this process alone, without waiting.

    The lock ends with the file's descriptor, so also with the process. Where the system has no locks that Python
    reaches, every attempt succeeds.

    Returns:
        Whether the lock was free.
    """
    with suppress(OSError):
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif _msvcrt is not None:
            _msvcrt.locking(file.fileno(), _msvcrt.LK_NBLCK, 1)
        return True
    return False
