"""Shows a result on the page of `lensmount ui`: starts the server for it, and serves until a signal."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmount_emulator.cli.options import UsageError
from lensmount_emulator.reports.printable import report

if TYPE_CHECKING:
    from lensmount_emulator.sessions.loopback import LoopbackResult


def load_server() -> Any:
    """The module of the server.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        return import_module("lensmount_web.server")
    except ImportError as error:
        raise UsageError(f"the page needs {error.name}; install lensmount with the extra `web`") from error


def open_files(files: Sequence[Path], *, dialect: str | None = None, at: float | None = None) -> None:
    """Show captures or results until a signal.

    Args:
        files: the files.
        dialect: the dialect of captures that declare none.
        at: time in the first capture that the page shows, in seconds; `None` for the whole.

    Raises:
        UsageError: the extra is not installed.
        CaptureError: a file cannot be read.
    """
    server = load_server()
    _serve(server.PageServer(server.Served(files=files, dialect=dialect, at=at)))


def open_page(session: "LoopbackResult") -> None:
    """Show a virtual session until a signal, at its first error.

    Raises:
        UsageError: the extra is not installed.
    """
    server = load_server()
    stored = import_module("lensmount_web.results").stored_session(session, repr(session)[1:-1].partition(": ")[0])
    first = min((error.at for error in session.errors if error.at is not None), default=None)
    _serve(server.PageServer(server.Served(sessions=[stored], at=first)))


def _serve(page: Any) -> None:
    def started(url: str) -> None:
        print(f"the page is at {url}\nCtrl-C ends the server")
        sys.stdout.flush()

    page.run(started, lambda: report("no browser was found here; open the address in one"))
