"""The files that a matrix's reports go to."""

from collections.abc import Mapping
from pathlib import Path

from lensmount_emulator.cli.report_files import Form, tried
from lensmount_emulator.reports.matrix_json import matrix_to_json
from lensmount_emulator.reports.matrix_junit import matrix_to_junit
from lensmount_emulator.sessions.matrix import Matrix


def ready(json: Path | None, junit: Path | None, html: Path | None, record: Path | None) -> Mapping[Path, Form[Matrix]]:
    """The files to write and their forms, and the folder for recordings.

    Raises:
        CaptureError: as `tried`.
    """
    forms = (
        (json, matrix_to_json, b'{"lensmount":"matrix"'),
        (junit, matrix_to_junit, b"<?xml"),
        (html, _page, b"<!DOCTYPE html"),
    )
    return tried(forms, folder=record)


def _page(matrix: Matrix) -> str:
    # Jinja2 is loaded where a page is written.
    from lensmount_emulator.reports.matrix_html import matrix_to_html

    return matrix_to_html(matrix)
