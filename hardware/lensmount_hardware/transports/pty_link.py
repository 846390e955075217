"""A link at a path of the user's choice that leads to a pseudo-terminal, and belongs to one process at a time.

The process that serves the path holds a lock on a hidden file beside it. The system drops the lock when that process
ends, however it ends, so the lock shows whether a link is in use. The file holds where the link leads: the system uses
the number of a pseudo-terminal again, so a link of a process that ended may lead to the terminal of another program.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from lensmount_hardware.portability import fcntl
from lensmount_protocol.errors import TransportOpenError

_LONGEST_TARGET = 4096
_ATTEMPTS = 20


class PtyLink:
    """The claim of this process on a path.

    Attributes:
        path: where the link is, or is going to be.
    """

    def __init__(self, path: Path, text: str) -> None:
        """Claim the path, and remove a link whose process has ended.

        Args:
            path: where the link is to be.
            text: the port as the user wrote it, for errors.

        Raises:
            TransportOpenError: a process serves the path, or it is a link to something else.
            OSError: the folder is missing or not writable.
        """
        self.path = path
        self._text = text
        self._target = ""
        self._lock_path = path.with_name(f".{path.name}.lensmount-lock")
        self._lock = self._claim()
        try:
            self._clear()
        except BaseException:
            self.remove()
            raise

    def point_to(self, target: str) -> None:
        """Make the link.

        Raises:
            OSError: something is in the way; it is left alone.
        """
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, target.encode(), 0)
        self.path.symlink_to(target)
        self._target = target

    def remove(self) -> None:
        """Remove the link, if it is still ours, and give the path up."""
        if self._target and self.path.is_symlink():
            with suppress(OSError):
                if os.readlink(self.path) == self._target:
                    self.path.unlink()
        self._target = ""
        # The lock file goes while the lock is held: nothing else can hold one that has this name.
        with suppress(OSError):
            self._lock_path.unlink()
        os.close(self._lock)

    def _claim(self) -> int:
        for _ in range(_ATTEMPTS):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            lock = os.open(self._lock_path, flags, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A process that ended meanwhile has taken the file with it; then the lock protects nothing.
                held, named = os.fstat(lock), os.stat(self._lock_path, follow_symlinks=False)
                if stat.S_ISREG(held.st_mode) and os.path.samestat(held, named):
                    return lock
            except BlockingIOError as error:
                os.close(lock)
                raise self._in_use() from error
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)
        raise self._in_use()

    def _clear(self) -> None:
        """Remove a link whose process has ended; anything else stays."""
        if not self.path.is_symlink():
            return
        leads_to = os.readlink(self.path)
        left_by_us = os.pread(self._lock, _LONGEST_TARGET, 0) == leads_to.encode()
        if not left_by_us and self.path.exists():
            if self.path.is_char_device():
                raise self._in_use()
            raise TransportOpenError(
                f"{self._text}: {self.path} is a link to {leads_to}; remove it, or choose another path"
            )
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.lensmount-old")
        os.rename(self.path, aside)
        if aside.is_symlink() and os.readlink(aside) == leads_to:
            aside.unlink()
            return
        # Something else was put there in between: it goes back, unless there is something again.
        os.link(aside, self.path, follow_symlinks=False)
        aside.unlink()

    def _in_use(self) -> TransportOpenError:
        return TransportOpenError(f"{self._text}: a process serves {self.path} already; end it, or choose another path")
