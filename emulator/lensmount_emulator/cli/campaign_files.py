"""The files that a campaign's reports go to."""

from collections.abc import Mapping
from pathlib import Path

from lensmount_emulator.campaign.results import Results
from lensmount_emulator.cli.report_files import Form, tried
from lensmount_emulator.reports.campaign_junit import campaign_to_junit


def ready(junit: Path | None, html: Path | None, *others: Path) -> Mapping[Path, Form[Results]]:
    """The files to write and their forms.

    Args:
        junit: where JUnit goes; `None` for nowhere.
        html: the same of the page.
        others: what the campaign itself reads and writes.

    Raises:
        CaptureError: as `tried`.
    """
    return tried(((junit, campaign_to_junit, b"<?xml"), (html, _page, b"<!DOCTYPE html")), others)


def _page(results: Results) -> str:
    # Jinja2 is loaded where a page is written.
    from lensmount_emulator.reports.campaign_html import campaign_to_html

    return campaign_to_html(results)
