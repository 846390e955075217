"""Writes a session as one HTML file that opens without a server, and as a frame for notebooks.

The file holds the built page, the columns, and the details of every row, packed. It makes no request.
"""

import base64
import gzip
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lensmount_emulator.reports.data_files import write_data_file
from lensmount_emulator.reports.dialect_document import dialect_to_dict
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_hardware.captures.lmx import read_recording_header
from lensmount_hardware.output_file import write_output
from lensmount_protocol.decoder import Decoded, EmptyWindow
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Edge
from lensmount_web.row_details import row_details
from lensmount_web.session_store import StoredSession

MAX_ROWS = 50_000
"""Rows in one file; more would make a file that browsers open slowly."""

MAX_NOTEBOOK_ROWS = 5_000
"""Rows that a notebook shows; the notebook keeps them in its own file."""

_SCRIPT = re.compile(r'<script type="module"[^>]*src="[^"]*/(assets/[^"]+)"[^>]*></script>')
_STYLE = re.compile(r'<link rel="stylesheet"[^>]*href="[^"]*/(assets/[^"]+)"[^>]*>')
_OTHER = re.compile(r'<link rel="(?:modulepreload|icon)"[^>]*>')

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""Nothing is loaded: a page that is opened from a mail or a bug report reaches no network."""


def write_page(target: Path, session: StoredSession, *, overwrite: bool = False, inputs: tuple[Path, ...] = ()) -> None:
    """Write the session view as one file.

    Raises:
        CaptureError: the file cannot be written, the session is too long, or the page is not built.
    """
    write_output(target, page_text(session).encode(), overwrite=overwrite, inputs=inputs)


def write_session(target: Path, session: StoredSession, form: str) -> None:
    """Write a session over a file, as the page (`.html`) or in a form of `data_files.ENDINGS`.

    Raises:
        CaptureError: as `write_page`.
        DialectError: a package that the form needs is not installed.
    """
    if form == ".html":
        write_page(target, session, overwrite=True)
        return
    with session.lock:
        write_data_file(target, session.columns, title=session.title, overwrite=True)


def write_events(
    target: Path,
    dialect: Dialect,
    events: Iterable[Decoded],
    source: Path,
    *,
    within: tuple[float, float] | None = None,
    overwrite: bool = False,
) -> int:
    """Write decoded events as one file.

    Args:
        target: the file.
        dialect: the dialect that they were decoded as.
        events: the events, in the order of time.
        source: where they come from.
        within: only this time, in seconds; lines begin with the level that they have there.
        overwrite: replace an existing file.

    Returns:
        Number of rows.

    Raises:
        CaptureError: as `write_page`.
    """
    chosen = events if within is None else _within(events, *within)
    header: Mapping[str, object] = read_recording_header(source) if source.is_file() else {}
    session = StoredSession(source.name, "capture", EventColumns(dialect).add_all(chosen), header=header)
    write_page(target, session, overwrite=overwrite, inputs=(source,))
    return len(session.columns)


def _within(events: Iterable[Decoded], first: float, last: float) -> Iterator[Decoded]:
    """The events of a time, after the levels of the lines at its start."""
    levels: dict[str, bool] = {}
    begun = False
    for event in events:
        at = event.opened if isinstance(event, EmptyWindow) else event.at
        if at is None or at < first:
            if isinstance(event, Edge):
                levels[event.line] = event.level
            continue
        if not begun:
            begun = True
            yield from (Edge(first, line, level) for line, level in levels.items())
        if at <= last:
            yield event


def page_text(session: StoredSession) -> str:
    """The file's text.

    Raises:
        CaptureError: the session is too long, or the page is not built.
    """
    if len(session.columns) > MAX_ROWS:
        raise CaptureError(
            f"{session.title}: {len(session.columns)} rows, and a page holds {MAX_ROWS}; "
            f"give a part of it: --range 1.0..2.0"
        )
    folder = Path(__file__).parent / "static"
    try:
        page = (folder / "index.html").read_text(encoding="utf-8")
        script = _asset(folder, _SCRIPT, page)
        style = _asset(folder, _STYLE, page)
    except OSError as error:
        raise CaptureError(f"{folder}: the page is not built: run `make page`") from error
    page = _OTHER.sub("", _STYLE.sub("", _SCRIPT.sub("", page)))
    data = base64.b64encode(gzip.compress(_document(session), mtime=0)).decode()
    meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    title = html.escape(session.title)
    page = re.sub(r"<title>.*?</title>", lambda _match: f"<title>{title} - lensmount</title>", page)
    page = page.replace("<head>", f"<head>{meta}<style>{style}</style>", 1)
    safe = script.replace("</script", "<\\/script")
    end = (
        f'<script type="application/octet-stream" id="embedded">{data}</script>'
        f'<script type="module">{safe}</script></body>'
    )
    head, _, tail = page.rpartition("</body>")
    return head + end + tail


def notebook_frame(columns: EventColumns, title: str, height: int = 760) -> str:
    """The session as an element for a notebook: a frame with the page inside it; empty for one that is too long."""
    if len(columns) > MAX_NOTEBOOK_ROWS:
        return ""
    session = StoredSession(title, "capture", columns)
    text = html.escape(page_text(session), quote=True)
    return (
        f'<iframe sandbox="allow-scripts" style="width:100%;height:{height}px;border:1px solid #8888" '
        f'srcdoc="{text}"></iframe>'
    )


def _asset(folder: Path, pattern: re.Pattern[str], page: str) -> str:
    match = pattern.search(page)
    if match is None:
        raise CaptureError(f"{folder / 'index.html'}: the page is of another build; run `make page`")
    return (folder / match[1]).read_text(encoding="utf-8")


def _document(session: StoredSession) -> bytes:
    """Everything that the page would ask the server for."""
    columns = session.columns
    rows = [_compact(row_details(columns, row)) for row in range(len(columns))]
    document: dict[str, Any] = {
        "info": session.info(),
        "dialect": dialect_to_dict(session.dialect),
        "findings": session.findings(),
        "explanation": session.explanation(),
        "rows": rows,
    }
    for row in rows:
        answers = int(columns.cell("answers", row["row"]))
        if answers >= 0:
            row["answers"] = answers
            reply = (float(columns.cell("at", row["row"])) - float(columns.cell("end", answers))) * 1e6
            row["reply_us"] = None if reply != reply else round(reply, 3)
    packed = base64.b64encode(b"".join(session.packed(None))).decode()
    document["columns"] = packed
    document["gauges"] = _gauge_texts(session)
    return json.dumps(document, separators=(",", ":"), allow_nan=False, default=str).encode()


def _gauge_texts(session: StoredSession) -> list[dict[str, Any]]:
    """For each gauge and place: the rows, texts and numbers of every value, so that the page needs no codec."""
    found: list[dict[str, Any]] = []
    for gauge in session.gauges():
        places: dict[str, Any] = {}
        for place, name in gauge.fields.items():
            column = session.columns.field(name)
            if not column.is_number:
                continue
            points: list[list[Any]] = []
            before: Any = None
            for row, value in zip(column.row.tolist(), column.values.tolist(), strict=True):
                if value == before:
                    continue
                before = value
                texts = _gauge_text(session, gauge, row, name, value)
                points.append([row, value, gauge.number(value) if gauge.number else value, texts])
            places[place] = {"field": name, "points": points}
        found.append({"part": gauge.part, "role": gauge.role.value, "label": gauge.label, "places": places})
    return found


def _gauge_text(session: StoredSession, gauge: Any, row: int, name: str, value: Any) -> str:
    if gauge.text:
        return str(gauge.text(value))
    kind, _, path = name.partition(".")
    for message in row_details(session.columns, row)["messages"]:
        if message["name"] == kind:
            return next((str(one["text"]) for one in message["fields"] if one["name"] == path), str(value))
    return str(value)


def _compact(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if value not in (None, [], "")}
