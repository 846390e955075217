"""The files that a report is written to: tried before the run, written after it.

A report replaces an earlier report of its kind without being asked. It replaces no other file.

The files that a matrix's reports go to.

The files that a campaign's reports go to.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from lensmount_emulator.campaign.matrix import Matrix
from lensmount_emulator.campaign.results import CampaignResults
from lensmount_emulator.reports.result_documents import campaign_to_junit, matrix_to_json, matrix_to_junit
from lensmount_emulator.termination import shielded
from lensmount_hardware.output_file import OutputFile, partial_path, write_output
from lensmount_protocol.errors import CaptureError

T = TypeVar("T")

ReportWriter = Callable[[T], str]


def check_writable(
    forms: Iterable[tuple[Path | None, ReportWriter[T], bytes]], others: Iterable[Path] = (), folder: Path | None = None
) -> Mapping[Path, ReportWriter[T]]:
    """The files to write and their forms, each of them tried: hours of work must not end at a wrong path.

    Args:
        forms: where each form goes, `None` for nowhere; and the first bytes of every report in that form.
        others: files of the run that no report may go to.
        folder: where recordings go; made where it is missing.

    Raises:
        CaptureError: a file cannot be written or is needed otherwise, or the folder cannot be made.
    """
    targets = dict[Path, ReportWriter[T]]()
    needed = {other.resolve() for other in others}
    for path, form, opening in forms:
        if path is None:
            continue
        if path.resolve() in {target.resolve() for target in targets}:
            raise CaptureError(f"{path}: two reports cannot go to one file")
        if path.resolve() in needed:
            raise CaptureError(f"{path}: a file of the run itself; a report goes to another one")
        _require_report(path, opening)
        targets[path] = form
    path = folder or Path()
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        for path in targets:
            # A run that is stopped leaves no empty report.
            OutputFile(path, overwrite=True).discard()
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error
    return targets


def write_all(what: T, targets: Mapping[Path, ReportWriter[T]]) -> None:
    """Write each report.

    Raises:
        CaptureError: a file cannot be written.
    """
    for path, form in targets.items():
        with shielded():
            write_output(path, form(what).encode("utf-8", "replace"), overwrite=True)


def _require_report(path: Path, opening: bytes) -> None:
    """Refuse a file that is no earlier report of the same kind, such as a recording.

    Raises:
        CaptureError: it is another file.
    """
    for file in (path, partial_path(path)):
        try:
            if not file.is_file():
                continue
            with file.open("rb") as existing:
                head = existing.read(len(opening))
        except OSError as error:
            raise CaptureError(f"{file}: {error.strerror or error}") from error
        if head and not head.lower().startswith(opening.lower()):
            raise CaptureError(f"{file}: exists and is no report of this kind; name another file")


def prepare_matrix_outputs(
    json: Path | None, junit: Path | None, html: Path | None, record: Path | None
) -> Mapping[Path, ReportWriter[Matrix]]:
    """The files to write and their forms, and the folder for recordings.

    Raises:
        CaptureError: as `tried`.
    """
    forms = (
        (json, matrix_to_json, b'{"lensmount":"matrix"'),
        (junit, matrix_to_junit, b"<?xml"),
        (html, _matrix_page, b"<!DOCTYPE html"),
    )
    return check_writable(forms, folder=record)


def _matrix_page(matrix: Matrix) -> str:
    # Jinja2 is loaded where a page is written.
    from lensmount_emulator.reports.html import matrix_to_html

    return matrix_to_html(matrix)


def prepare_campaign_outputs(
    junit: Path | None, html: Path | None, *others: Path
) -> Mapping[Path, ReportWriter[CampaignResults]]:
    """The files to write and their forms.

    Args:
        junit: where JUnit goes; `None` for nowhere.
        html: the same of the page.
        others: what the campaign itself reads and writes.

    Raises:
        CaptureError: as `tried`.
    """
    return check_writable(((junit, campaign_to_junit, b"<?xml"), (html, _campaign_page, b"<!DOCTYPE html")), others)


def _campaign_page(results: CampaignResults) -> str:
    # Jinja2 is loaded where a page is written.
    from lensmount_emulator.reports.html import campaign_to_html

    return campaign_to_html(results)
