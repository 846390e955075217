"""The files that a campaign's report is written to: tried before the run, written behind it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lensmount_emulator.campaign.results import Results
from lensmount_emulator.reports.campaign_html import campaign_to_html
from lensmount_emulator.reports.campaign_junit import campaign_to_junit
from lensmount_protocol.errors import CaptureError

Form = Callable[[Results], str]


def ready(junit: Path | None, html: Path | None) -> Mapping[Path, Form]:
    """The files to write and their forms, each of them tried: hours of work shall not end at a wrong path.

    Raises:
        CaptureError: a file cannot be written, or two forms go to one file.
    """
    if junit is not None and junit == html:
        raise CaptureError(f"{junit}: two reports cannot go to one file")
    targets = {path: form for path, form in ((junit, campaign_to_junit), (html, campaign_to_html)) if path is not None}
    for path in targets:
        try:
            path.open("ab").close()
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error
    return targets


def write_all(results: Results, targets: Mapping[Path, Form]) -> None:
    """Write each report.

    Raises:
        CaptureError: a file cannot be written.
    """
    for path, form in targets.items():
        try:
            path.write_text(form(results), encoding="utf-8", newline="\n")
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error
