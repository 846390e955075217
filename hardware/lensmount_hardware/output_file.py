"""Output files: no existing file is overwritten unless the caller allows it, and only complete files get a final name.

Bytes go to a partial file, `NAME.part`, in the same folder. `commit` renames it. The partial file is locked while it is
written, so a second writer gets an error. It survives a killed process, and every reader of captures reads it. An
interruption leaves no partial file: it is raised before or after the steps that create, rename and remove one.
Standard output (`-`, `/dev/stdout`), FIFOs and devices have no partial file: bytes go to them directly.
"""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from lensmount_hardware.interruption import uncut
from lensmount_hardware.portability import fcntl
from lensmount_protocol.errors import CaptureError

PARTIAL = ".part"
"""Suffix of a file's name until it is complete."""

STANDARD_OUTPUT = "-"

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,6})")
STREAMS = {STANDARD_OUTPUT: 1, "/dev/stdout": 1, "/dev/stderr": 2}
"""Name -> descriptor of a stream that the process has already."""


class OutputExistsError(CaptureError):
    """The file exists, or another run writes it or has left a part of it."""


class OutputFile:
    """A file that gets its final name when it is complete.

    As a context manager it commits at the end of the block. After an exception it discards the partial file. So does
    one that is dropped while it is open, unless it has useful content: more than its header.

    Args:
        path: the final name, or a stream (`-`, `/dev/stdout`, a FIFO, a device).
        overwrite: replace an existing file, and the partial file of an interrupted run.
        inputs: files that must not be replaced, by whatever name.
        buffering: as in `open`; 0 passes each write to the operating system.

    Attributes:
        path: the final name.
        partial: the file with the bytes until `commit`; `None` for a stream.
        file: the open binary file.
        header_size: the bytes of a header, without which an incomplete file is useless; `None` where any is.

    Raises:
        CaptureError: the file exists, is an input, is written by another process, or cannot be created.
    """

    def __init__(
        self, path: Path, *, overwrite: bool = False, inputs: Iterable[Path] = (), buffering: int = -1
    ) -> None:
        self.path = path
        self._overwrite = overwrite
        self._target = path
        self.partial: Path | None = None
        self.header_size: int | None = None
        self._process = os.getpid()
        self.file: BinaryIO
        check_output(path, overwrite=overwrite, inputs=inputs)
        try:
            if _is_stream(path):
                self.file = _open_stream(path, buffering)
                return
            # A link stays a link: the file that it names is replaced.
            self._target = Path(os.path.realpath(path))
            self._create(partial_path(self._target), buffering)
        except OSError as error:
            raise _failure(path, error) from error

    @property
    def current(self) -> Path:
        """The file with the bytes: the partial file, or the final one after `commit`."""
        return self.path if self.partial is None else self.partial

    def commit(self) -> None:
        """Close the file and give it its final name; does nothing the second time.

        Raises:
            CaptureError: the last bytes cannot be written, or another program has created a file of that name. The
                partial file stays.
        """
        if self.file.closed:
            return
        try:
            if self.partial is None:
                self.file.close()
            else:
                self._complete(self.partial)
        except OSError as error:
            raise _failure(self.path, error) from error

    def keep(self) -> None:
        """Close an incomplete file with useful content: it stays under its partial name."""
        with contextlib.suppress(OSError):
            self.file.close()

    def discard(self) -> None:
        """Close and remove an incomplete file; does nothing after `commit` or `keep`."""
        if self.file.closed:
            return
        if self.partial is None:
            self.keep()
        else:
            self._remove(self.partial)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        elif self.partial is None:
            self.commit()
        else:
            self._commit_or_remove(self.partial)

    def __del__(self) -> None:
        """Close what was dropped while it was open, as by an interruption between two steps of its owner."""
        if "file" not in self.__dict__ or self.file.closed or self._process != os.getpid():
            # It is complete, or it belongs to the process that this one was forked from.
            return
        if self.partial is not None and self.header_size is not None and self.file.tell() > self.header_size:
            self.keep()
        else:
            self.discard()

    @uncut
    def _create(self, partial: Path, buffering: int) -> None:
        self.file = os.fdopen(self._claim(partial), "wb", buffering=buffering)
        self.partial = partial

    @uncut
    def _complete(self, partial: Path) -> None:
        try:
            self.file.flush()
            if os.name != "nt":
                self._rename(partial)
        finally:
            self.file.close()
        if os.name == "nt":
            # Windows renames only closed files.
            self._rename(partial)

    @uncut
    def _commit_or_remove(self, partial: Path) -> None:
        try:
            self.commit()
        except CaptureError:
            partial.unlink(missing_ok=True)
            raise

    @uncut
    def _remove(self, partial: Path) -> None:
        self.keep()
        partial.unlink(missing_ok=True)

    def _claim(self, partial: Path) -> int:
        """The descriptor of the partial file, created and locked.

        Raises:
            CaptureError: another process writes it, or an interrupted run left it.
            OSError: it cannot be created.
        """
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        busy = f"{self.path}: another process writes it; wait for its end, or name another file"
        left = False
        try:
            descriptor = os.open(partial, flags | os.O_EXCL, 0o666)
        except FileExistsError:
            left = True
            try:
                # Without O_CREAT: another writer may have completed the file since, and its partial file is gone.
                descriptor = os.open(partial, flags & ~os.O_CREAT)
            except FileNotFoundError as error:
                raise OutputExistsError(busy) from error
        locked = _lock(descriptor)
        if locked is False or not _is_same(descriptor, partial):
            os.close(descriptor)
            raise OutputExistsError(busy)
        # An empty file that is not locked has nothing to lose: its writer died, or has not locked it yet and ends here.
        if left and not self._overwrite and (not locked or os.fstat(descriptor).st_size):
            os.close(descriptor)
            writes = "" if locked else "another process writes it, or "
            raise OutputExistsError(
                f"{partial}: {writes}an interrupted run left it; move it or remove it, or replace it with --force"
            )
        if not self._overwrite and self._target.exists():
            # Another writer completed the file between the first check and the lock.
            os.close(descriptor)
            partial.unlink(missing_ok=True)
            raise OutputExistsError(f"{self.path}: exists already; name another file, or replace it with --force")
        os.ftruncate(descriptor, 0)
        return descriptor

    def _rename(self, partial: Path) -> None:
        if os.path.lexists(self._target):
            if not self._overwrite:
                raise FileExistsError(17, "created by another program in the meantime")
            with contextlib.suppress(OSError):
                partial.chmod(stat.S_IMODE(self._target.stat().st_mode))
        partial.replace(self._target)
        self.partial = None


def check_output(path: Path, *, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Refuse a name that an output must not take, before any work is done.

    Args:
        path: the final name.
        overwrite: whether an existing file may be replaced.
        inputs: files that must not be replaced, by whatever name: a link or another spelling of the path.

    Raises:
        CaptureError: it is a folder, is an input, or exists and may not be replaced.
    """
    if _is_stream(path):
        return
    for source in inputs:
        if is_same_file(path, source) or is_same_file(partial_path(path), source):
            raise CaptureError(f"{path}: is the input {source}; name another file")
    if path.is_dir():
        raise CaptureError(f"{path}: Is a directory")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path}: exists already; name another file, or replace it with --force")


def write_output(path: Path, data: bytes, *, overwrite: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Write a whole file, which appears only when it is complete.

    Raises:
        CaptureError: as `OutputFile`, or it cannot be written.
    """
    with OutputFile(path, overwrite=overwrite, inputs=inputs) as output:
        try:
            output.file.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _failure(path, error) from error


def partial_path(path: Path) -> Path:
    """The name of a file until it is complete."""
    return path.with_name(path.name + PARTIAL)


def is_same_file(first: Path, second: Path) -> bool:
    """Whether two names mean one file that exists, also through links."""
    try:
        return first.samefile(second)
    except (OSError, ValueError):
        return False


def _is_stream(path: Path) -> bool:
    """Whether bytes go there directly: standard output, a FIFO, a device, a socket."""
    if str(path) in STREAMS or _DESCRIPTOR.fullmatch(str(path)):
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_stream(path: Path, buffering: int) -> BinaryIO:
    match = _DESCRIPTOR.fullmatch(str(path))
    number = int(match[1]) if match else STREAMS.get(str(path))
    if number is None:
        return path.open("wb", buffering=buffering)
    # Opening /dev/stdout would truncate a file that the shell appends to.
    sys.stdout.flush()
    return os.fdopen(os.dup(number), "wb", buffering=buffering)


def _lock(descriptor: int) -> bool | None:
    """Lock an open file: whether that worked; `None` where the system has no such locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems have none.
        return None
    return True


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether an open file still has this name; its writer may just have renamed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _failure(path: Path, error: OSError) -> CaptureError:
    return CaptureError(f"{path}: {error.strerror or error}")
