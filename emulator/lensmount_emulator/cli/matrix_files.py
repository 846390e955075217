"""The files that a matrix is written to: tried before the run, written behind it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lensmount_emulator.reports.matrix_html import matrix_to_html
from lensmount_emulator.reports.matrix_json import matrix_to_json
from lensmount_emulator.reports.matrix_junit import matrix_to_junit
from lensmount_emulator.sessions.matrix import Matrix
from lensmount_protocol.errors import CaptureError

Form = Callable[[Matrix], str]


def ready(json: Path | None, junit: Path | None, html: Path | None, record: Path | None) -> Mapping[Path, Form]:
    """The files to write and their forms, each of them tried: minutes of work shall not end at a wrong path.

    Raises:
        CaptureError: a file cannot be written, two forms go to one file, or the folder cannot be made.
    """
    targets: dict[Path, Form] = {}
    for path, form in ((json, matrix_to_json), (junit, matrix_to_junit), (html, matrix_to_html)):
        if path is None:
            continue
        if path in targets:
            raise CaptureError(f"{path}: two reports cannot go to one file")
        targets[path] = form
    path = record or Path()
    try:
        if record is not None:
            record.mkdir(parents=True, exist_ok=True)
        for path in targets:
            path.open("ab").close()
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error
    return targets


def write_all(matrix: Matrix, targets: Mapping[Path, Form]) -> None:
    """Write each report.

    Raises:
        CaptureError: a file cannot be written.
    """
    for path, form in targets.items():
        try:
            path.write_text(form(matrix), encoding="utf-8", newline="\n")
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error
