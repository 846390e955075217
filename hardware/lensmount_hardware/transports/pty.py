"""A pseudo-terminal that programs open like a serial port: `pty:`, or `pty:/some/path` for a link there.

`PtyLink` makes a link to the pseudo-terminal at a path of the user's choice, for one process at a time. That process
holds a lock on a hidden file beside the path. The system drops the lock when the process ends, however it ends, so the
lock shows whether a link is in use. The file holds the target of the link: the system reuses the numbers of
pseudo-terminals, so a link of a process that ended may lead to the terminal of another program.
"""

import os
import select
import stat
from contextlib import suppress
from pathlib import Path

from lensmount_hardware.port_spec import PortSpec
from lensmount_hardware.portability import fcntl, tty
from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import TransportLostError, TransportOpenError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Received, Role, Transmit, WireAction, WireEvent

_MAX_TARGET = 4096
_ATTEMPTS = 20


class PtyLink:
    """The claim of this process on a path.

    Attributes:
        path: where the link is, or is going to be.
    """

    def __init__(self, path: Path, text: str) -> None:
        """Claim the path, and remove a stale link of an ended process.

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
        """Remove the link, if it is still ours, and release the path."""
        if self._target and self.path.is_symlink():
            with suppress(OSError):
                if os.readlink(self.path) == self._target:
                    self.path.unlink()
        self._target = ""
        # Remove the lock file while we hold the lock: no other process can lock a file of this name.
        with suppress(OSError):
            self._lock_path.unlink()
        os.close(self._lock)

    def _claim(self) -> int:
        for _ in range(_ATTEMPTS):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            lock = os.open(self._lock_path, flags, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A process that ended meanwhile has removed the file; then this lock protects nothing.
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
        """Remove a stale link of an ended process; anything else stays."""
        if not self.path.is_symlink():
            return
        leads_to = os.readlink(self.path)
        left_by_us = os.pread(self._lock, _MAX_TARGET, 0) == leads_to.encode()
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
        # Another link was made there in between: restore it, unless the path is in use again.
        os.link(aside, self.path, follow_symlinks=False)
        aside.unlink()

    def _in_use(self) -> TransportOpenError:
        return TransportOpenError(f"{self._text}: a process serves {self.path} already; end it, or choose another path")


_READ_SIZE = 4096

_log = get_logger("ports")


def open_pty(spec: PortSpec, _role: Role, _baudrate: int) -> Transport:
    """Make a pseudo-terminal in raw mode; `name` is the path that the peer opens.

    It carries bytes, and neither lines nor a rate. A peer may open and close it at any time: we keep the far end open,
    so the system buffers bytes until a peer reads them. The buffer holds some tens of thousands at most; further bytes
    are lost, as on a wire without a receiver.

    Raises:
        TransportSpecError: an option is given; there are none.
        TransportOpenError: the system has no pseudo-terminal left, or the link cannot be made; a stale link of an
            ended process is replaced, anything else is left alone.
    """
    spec.require_options()
    if tty is None or not hasattr(os, "openpty"):
        raise TransportOpenError(
            f"{spec.text}: this system has no pseudo-terminals; use tcp:, or serial: on a pair of virtual serial ports"
        )
    link = None
    if spec.rest:
        # Claim the path before the pseudo-terminal exists: a stale link may lead to the number that this one gets.
        try:
            link = PtyLink(Path(spec.rest), spec.text)
        except TransportOpenError:
            raise
        except OSError as error:
            raise TransportOpenError(f"{spec.text}: cannot make a link there: {error.strerror}") from error
    try:
        near, far = os.openpty()
    except OSError as error:
        if link is not None:
            link.remove()
        raise TransportOpenError(f"{spec.text}: cannot create a pseudo-terminal: {error.strerror}") from error
    transport = _PtyTransport(near, far, link)
    try:
        transport.make_link()
    except OSError as error:
        transport.close()
        raise TransportOpenError(f"{spec.text}: cannot make a link there: {error.strerror}") from error
    return transport


class _PtyTransport(Transport):
    def __init__(self, near: int, far: int, link: PtyLink | None) -> None:
        tty.setraw(far)
        os.set_blocking(near, False)
        self.name = os.ttyname(far)
        self.lines = frozenset()
        self._near = near
        self._far = far
        self._link = link
        self._closed = False

    def make_link(self) -> None:
        """Make the link, if there is one; it leads the peer to the far end until `close`."""
        if self._link is not None:
            self._link.point_to(self.name)
            self.name = str(self._link.path)

    def receive(self, timeout: float | None) -> list[WireEvent]:
        if self._closed:
            self._require_open()
        near = self._near
        if not select.select((near,), (), (), None if timeout is None else max(0.0, timeout))[0]:
            return []
        return [Received(os.read(near, _READ_SIZE))]

    def send(self, action: WireAction) -> None:
        if self._closed:
            self._require_open()
        if isinstance(action, Transmit):
            data = action.data
            try:
                while data:
                    data = data[os.write(self._near, data) :]
            except BlockingIOError:
                # Bytes beyond the system's buffer are lost, as on a wire without a receiver.
                return

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._link is not None:
            self._link.remove()
        os.close(self._far)
        os.close(self._near)
        _log.info("%s: closed", self.name)

    def _require_open(self) -> None:
        if self._closed:
            raise TransportLostError(f"{self.name}: closed")
