"""The files that a report is written to: tried before the run, written behind it."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from lensmount_emulator.termination import shielded
from lensmount_protocol.errors import CaptureError

T = TypeVar("T")

Form = Callable[[T], str]


def tried(
    forms: Iterable[tuple[Path | None, Form[T]]], others: Iterable[Path] = (), folder: Path | None = None
) -> Mapping[Path, Form[T]]:
    """The files to write and their forms, each of them tried: hours of work shall not end at a wrong path.

    Args:
        forms: where each form goes; `None` for nowhere.
        others: files of the run that no report may go to.
        folder: where recordings go; made where it is missing.

    Raises:
        CaptureError: a file cannot be written or is needed otherwise, or the folder cannot be made.
    """
    targets = dict[Path, Form[T]]()
    needed = {other.resolve() for other in others}
    for path, form in forms:
        if path is None:
            continue
        if path.resolve() in {target.resolve() for target in targets}:
            raise CaptureError(f"{path}: two reports cannot go to one file")
        if path.resolve() in needed:
            raise CaptureError(f"{path}: a file of the run itself; a report goes to another one")
        targets[path] = form
    path = folder or Path()
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        for path in targets:
            new = not path.exists()
            path.open("ab").close()
            if new:
                # A run that is stopped leaves no report that says nothing.
                path.unlink()
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error
    return targets


def write_all(what: T, targets: Mapping[Path, Form[T]]) -> None:
    """Write each report.

    Raises:
        CaptureError: a file cannot be written.
    """
    for path, form in targets.items():
        try:
            with shielded():
                path.write_text(form(what), encoding="utf-8", errors="replace", newline="\n")
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error
