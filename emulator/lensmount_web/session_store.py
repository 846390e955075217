"""The sessions that the server holds: their traffic in columns, and what the page asks of them."""

import dataclasses
import math
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.traits import Gauge
from lensmount_emulator.explain.explainer import explain_events, session_knowledge
from lensmount_emulator.mount.virtual_mount import initial_levels
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.explain_capture import add_faults, explain, header_reference, header_script
from lensmount_emulator.traffic.event_columns import DROP, GARBAGE, NOTE, SENDER_NAMES, EventColumns
from lensmount_emulator.traffic.event_filter import parse_filter
from lensmount_emulator.traffic.field_columns import FieldColumn, LastValue, extract_field, find_field
from lensmount_hardware.captures.lmx import read_recording_header
from lensmount_protocol.decoder import Decoded
from lensmount_protocol.describe import format_value
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError, DialectError, MountError
from lensmount_protocol.wire import Annotation
from lensmount_web.filter_rows import RowFilter
from lensmount_web.packing import Buffer, Part, Positions, pack, pack_columns
from lensmount_web.row_details import finding_track, row_details, row_summary
from lensmount_web.viewfinder import get_breathing, viewfinder_at

BATCH = 4000
"""Events that are added under one lock, so that the page gets its first screen early."""

PIECE = 500
"""Events that are taken under one lock for an explanation."""

MAX_FINDINGS = 2000
MAX_ROWS_AT_ONCE = 500
MAX_STATES = 10_000
"""Changes of the link's state that the page gets: the last ones."""

MAX_LIVE_ROWS = 1500
"""Rows that may come between two readings of a plotted field of a session that still grows."""

SAME_S = 1e-9
"""Seconds within which a change is the one at the cursor, and not the next one."""

MAX_EXPLAINED = 200_000
"""Rows up to which a session is explained while the page waits."""


@dataclasses.dataclass(slots=True)
class StoredSession:
    """One session.

    Attributes:
        title: name for users.
        kind: `capture`, `virtual` or `live`.
        columns: its traffic.
        id: names it in addresses; cannot be guessed.
        path: the file; `None` for a session without one.
        header: the header of its recording.
        reading: whether events are still added.
        error: why reading ended early; empty where it did not.
        about: further facts for the page.
        explained: number of rows that were explained, and the explanation.
        latest: the last values of fields at the time that a page looked at.
        channels: line -> channel, where the user stated them.
        samplerate: samples a second, where the user stated them.
    """

    title: str
    kind: str
    columns: EventColumns
    id: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(9))
    path: Path | None = None
    header: Mapping[str, object] = dataclasses.field(default_factory=dict[str, object])
    reading: bool = False
    error: str = ""
    about: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    explained: tuple[int, dict[str, Any]] | None = None
    latest: dict[str, LastValue] = dataclasses.field(default_factory=dict[str, LastValue])
    channels: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    samplerate: float | None = None
    lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)
    explaining: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    @property
    def dialect(self) -> Dialect:
        """The dialect of the traffic."""
        return self.columns.dialect

    def add(self, events: Iterable[Decoded]) -> None:
        """Add events in the order of time."""
        with self.lock:
            self.columns.add_all(events)

    def info(self) -> dict[str, Any]:
        """What the page shows of the session before its traffic."""
        with self.lock:
            columns = self.columns
            first, last = columns.span()
            return {
                "id": self.id,
                "title": self.title,
                "kind": self.kind,
                "dialect": self.dialect.name,
                "notice": self.dialect.notice,
                "rows": len(columns),
                "edges": columns.edge_count,
                "first": first,
                "last": last,
                "reading": self.reading,
                "error": self.error,
                "header": {str(key): value for key, value in self.header.items()},
                "fields": columns.field_names(),
                "gauges": [_gauge(gauge) for gauge in self.gauges()],
                "about": {**self.about, "precision": self.precision()},
                "resting": self.resting(),
            }

    @property
    def is_virtual(self) -> bool:
        """Whether both ends are models, so that the times are those of a virtual mount."""
        return self.kind in ("virtual", "replay") or bool(self.header.get("body") and self.header.get("lens"))

    def precision(self) -> dict[str, Any]:
        """How precise the times are, as text and, where a number is known, in seconds: `within_s`."""
        resolution = self.about.get("resolution_s")
        ports = str(self.about.get("port") or self.header.get("ports") or self.header.get("port") or "")
        if self.is_virtual:
            return {"text": "virtual time of the models, exact to 1 ns", "within_s": 0.0}
        if resolution:
            return {"text": "a logic capture, in which a time is known to one sample", "within_s": resolution}
        if "board:" in ports:
            return {"text": "whole microseconds of the board's clock", "within_s": 1e-6}
        if ports:
            text = "when the driver of the port delivered the bytes: a millisecond or a few late"
            return {"text": text, "within_s": None}
        return {"text": "as the source states them; their precision is not known here", "within_s": None}

    def resting(self) -> dict[str, int]:
        """The level of each line before its first edge, as far as it is known: that of a virtual mount."""
        if not self.is_virtual:
            return {}
        return {name: int(level) for name, level in initial_levels(self.dialect).items()}

    def packed(self, since: Positions | None, part: Part = "all") -> list[Buffer]:
        """The columns that the page does not have, in pieces; see `lensmount_web.packing`."""
        with self.lock:
            return pack_columns(self.columns, since, part)

    def frames(self, first: int, count: int) -> list[dict[str, Any]]:
        """The lines of the list from a row on."""
        with self.lock:
            last = min(len(self.columns), first + min(count, MAX_ROWS_AT_ONCE))
            return [{"row": row, "summary": row_summary(self.columns, row)} for row in range(max(0, first), last)]

    def details(self, row: int) -> dict[str, Any]:
        """Everything about a row, with the request that it answers and its reply time.

        Raises:
            IndexError: there is no such row.
        """
        with self.lock:
            details = row_details(self.columns, row)
            answers = int(self.columns.cell("answers", row))
            if answers >= 0:
                reply = float(self.columns.cell("at", row)) - float(self.columns.cell("end", answers))
                details["answers"] = answers
                details["reply_us"] = None if math.isnan(reply) else round(reply * 1e6, 3)
            return details

    def find(self, text: str, marks: Mapping[str, float]) -> tuple[bytes, int]:
        """A bit per row that a filter accepts, lowest bit first, and how many there are.

        Raises:
            FilterError: the filter cannot be read.
        """
        condition = parse_filter(text, self.dialect, marks)
        with self.lock:
            mask = RowFilter(self.columns).mask(condition)
        return np.packbits(mask, bitorder="little").tobytes(), int(mask.sum())

    def field_points(self, name: str, first: float, last: float, pixels: int) -> bytes:
        """A field over time: its points, or minimum and maximum per pixel where there are too many.

        Raises:
            DialectError: the field is unknown, or holds no numbers.
        """
        column = self._numbers(name)
        header = {"name": name, "unit": column.spec.unit, "meaning": column.spec.meaning, "count": len(column.at)}
        at, values, row = column.at, column.values.astype(np.float64), column.row
        low = max(0, int(np.searchsorted(at, first)) - 1)
        high = min(len(at), int(np.searchsorted(at, last, side="right")) + 1)
        at, values, row = at[low:high], values[low:high], row[low:high]
        pixels = max(1, min(pixels, 4000))
        if len(at) > 4 * pixels:
            edges = at[0] + np.arange(pixels, dtype=np.float64) * ((at[-1] - at[0]) / pixels)
            starts = np.unique(np.asarray(at.searchsorted(edges), np.int64))
            least, most = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
            at, row = np.repeat(at[starts], 2), np.repeat(row[starts], 2)
            values = np.stack([least, most], axis=1).reshape(-1)
            header["binned"] = True
        return pack(header, {"at": at, "value": values, "row": row.astype(np.dtype("<u4"))})

    def field_change(self, name: str, at: float, *, forward: bool) -> dict[str, Any] | None:
        """The first frame after a time, or the last before it, in which a field has another value than before.

        Returns:
            Its time `t`, its `row`, and the values `before` and `after`; `None` where there is none.

        Raises:
            DialectError: the field is unknown, or holds no numbers.
        """
        column = self._numbers(name)
        changes = np.flatnonzero(column.values[1:] != column.values[:-1]) + 1
        times = column.at[changes]
        found = changes[times > at + SAME_S] if forward else changes[times < at - SAME_S]
        if not len(found):
            return None
        place = found[0] if forward else found[-1]
        before, after = (column.values[one].item() for one in (place - 1, place))
        return {"t": float(column.at[place]), "row": int(column.row[place]), "before": before, "after": after}

    def _numbers(self, name: str) -> FieldColumn:
        """A field of numbers, without the values that have no time."""
        with self.lock:
            unread = len(self.columns) - self.columns.read_rows(name)
            if self.reading and unread > MAX_LIVE_ROWS:
                # While much comes the page gets the last part; afterwards it gets all.
                column = extract_field(self.columns, name, len(self.columns) - MAX_LIVE_ROWS)
            else:
                column = self.columns.field(name)
        if not column.is_number:
            raise DialectError(f"{name} holds no numbers, so it has no plot")
        known = ~np.isnan(column.at)
        if known.all():
            return column
        return column._replace(at=column.at[known], values=column.values[known], row=column.row[known])

    def gauges(self) -> list[Gauge]:
        """The gauges of the dialect."""
        try:
            return list(get_roles(self.dialect.name).gauges)
        except DialectError:
            # A dialect that is only decoded declares none.
            return []

    def state_at(self, at: float) -> dict[str, Any]:
        """Lines, link state and gauges as they are at a time."""
        with self.lock:
            columns = self.columns
            lines: dict[str, int | None] = {**self.resting()}
            for name in columns.line_names():
                times, level = columns.line_view(name)
                place = int(np.searchsorted(times, at, side="right")) - 1
                lines[name] = int(level[place]) if place >= 0 else lines.get(name)
                del times, level
            state = next((one for one in reversed(columns.states) if one.legal and one.at <= at), None)
            return {
                "t": at,
                "lines": lines,
                "link": state.state if state else self.dialect.transitions.initial,
                "gauges": [self._gauge_at(gauge, at) for gauge in self.gauges()],
                "viewfinder": viewfinder_at(self.dialect, lambda name: self.last_value(name, at), self._breathing()),
            }

    def _breathing(self) -> float | None:
        """How much the lens breathes, by its profile."""
        if "breathes_percent" not in self.about:
            lens = self.about.get("wanted", self.header).get("lens")
            self.about["breathes_percent"] = get_breathing(self.dialect.name, lens)
        known: float | None = self.about["breathes_percent"]
        return known

    def last_value(self, name: str, at: float) -> LastValue | None:
        """The last value of a field up to a time; `None` where there is none."""
        known = self.latest.setdefault(name, LastValue(name))
        return known if known.find(self.columns, at) else None

    def _gauge_at(self, gauge: Gauge, at: float) -> dict[str, Any]:
        found: dict[str, Any] = {"part": gauge.part, "role": gauge.role.value, "label": gauge.label}
        for place, name in gauge.fields.items():
            last = self.last_value(name, at)
            if last is None or not isinstance(last.value, int | float | bool):
                continue
            plain = int(last.value) if isinstance(last.value, int) else last.value
            spec = find_field(self.dialect, name)[1]
            found[place] = {
                "value": plain,
                "number": gauge.number(plain) if gauge.number else plain,
                "text": gauge.text(plain) if gauge.text else format_value(spec, last.value),
                "row": last.row,
                "field": name,
            }
        return found

    def explanation(self) -> dict[str, Any]:
        """What went wrong first, what was due, and what followed; see `lensmount explain`."""
        # Apart from `lock`, so that the session goes on and answers while it is explained, once for all who ask.
        with self.explaining:
            reading, count = self.reading, len(self.columns)
            if self.explained is None or self.explained[0] != count:
                answer = self._explain()
                if reading:
                    return answer
                self.explained = count, answer
            return self.explained[1]

    def _explain(self) -> dict[str, Any]:
        if len(self.columns) > MAX_EXPLAINED:
            text = f"More than {MAX_EXPLAINED} messages: `lensmount explain` explains them on the command line."
            return {"verdict": "", "paragraph": text, "findings": [], "consequences": [], "remarks": []}
        if self.path is not None and self.path.is_file():
            found = explain(
                self.path, dialect=self.dialect.name, channels=self.channels or None, samplerate=self.samplerate
            )
        else:
            knowledge = session_knowledge(self.dialect)
            reference = header_reference(self.header, knowledge, self.dialect)
            script = header_script(self.header)
            found = add_faults(
                explain_events(self._events(), self.dialect, source=self.title, reference=reference, script=script),
                self.header,
            )
        return {
            "verdict": found.verdict,
            "outcome": found.outcome,
            "paragraph": found.paragraph,
            "cause_t": None if found.cause is None else found.cause.at,
            "consequences": list(found.later_findings),
            "closing": found.closing,
            "remarks": list(found.remarks),
            "symptoms": [f"{one.title}: {one.text} {one.remedy} [{one.evidence}]" for one in found.symptoms],
            "findings": [
                {
                    "kind": one.kind.value,
                    "t": one.at,
                    "text": one.text,
                    "count": one.count,
                    "track": finding_track(one, self.dialect),
                }
                for one in found.findings[:MAX_FINDINGS]
            ],
        }

    def _events(self) -> Iterator[Decoded]:
        """The traffic that is here, taken in pieces so that the lock is never held for long."""
        events = self.columns.timeline()
        piece: list[Decoded] | None = None
        while piece is None or piece:
            with self.lock:
                piece = list(islice(events, PIECE))
            yield from piece

    def findings(self) -> dict[str, Any]:
        """Everything that is not as it should be, in the order of time."""
        with self.lock:
            columns = self.columns
            found: list[dict[str, Any]] = []
            # Of each kind the list needs the first rows only; the page shows how many there are.
            left_out = 0
            rows = columns.rows()
            chosen = np.flatnonzero(rows["kind"] == GARBAGE)
            left_out += max(0, len(chosen) - MAX_FINDINGS)
            for row in chosen[:MAX_FINDINGS].tolist():
                track = SENDER_NAMES[int(rows["sender"][row])] or ""
                found.append(_found("garbage", rows["at"][row], row_summary(columns, row), track, row))
            chosen = np.flatnonzero(rows["kind"] >= NOTE)
            left_out += max(0, len(chosen) - MAX_FINDINGS)
            for row in chosen[:MAX_FINDINGS].tolist():
                event = columns.event(row)
                kind = "loss" if rows["kind"][row] == DROP else "incomplete" if _incomplete(event) else "note"
                found.append(_found(kind, rows["at"][row], row_summary(columns, row), "", row))
            for one, composition in enumerate(columns.compositions):
                if "UnknownMessage" in composition.names:
                    text = f"{composition.routine_name}: a message that no declaration explains"
                    chosen = np.flatnonzero((rows["composition"] == one) & (rows["kind"] == 0))
                    left_out += max(0, len(chosen) - MAX_FINDINGS)
                    for row in chosen[:MAX_FINDINGS].tolist():
                        found.append(_found("unknown", rows["at"][row], text, composition.sender.value, row))
            # A file that is still read would show the same a moment later.
            for rule, at, interval_us in columns.broken_rules() if not self.reading or self.kind != "capture" else ():
                text = f"{rule.name}: {interval_us:g} µs, allowed {rule.minimum_us:g} to {rule.maximum_us:g} µs"
                # The mark at its end names a line, or the end that sends.
                found.append({**_found("timing", at, text, rule.end[1]), "from": at - interval_us / 1e6})
            for change in columns.states:
                if not change.legal:
                    text = f"{change.trigger} is not legal in state {change.state}"
                    found.append(_found("state", change.at, text, "states"))
            found += self.about.get("findings", [])
            found.sort(key=lambda one: math.inf if one["t"] is None else one["t"])
            states = [{"t": one.at, "state": one.state} for one in columns.states[-MAX_STATES:] if one.legal]
            return {"findings": found[:MAX_FINDINGS], "total": len(found) + left_out, "states": states}


def _found(kind: str, at: Any, text: str, track: str, row: int | None = None) -> dict[str, Any]:
    """A finding, with the track of the timeline that it concerns: an end, a line, `states`, or none."""
    return {"kind": kind, "t": _time(at), "row": row, "text": text, "track": track}


def _gauge(gauge: Gauge) -> dict[str, Any]:
    return {"part": gauge.part, "role": gauge.role.value, "label": gauge.label, "fields": gauge.fields}


def _incomplete(event: Decoded) -> bool:
    return isinstance(event, Annotation) and event.incomplete


def _time(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)


class SessionStore:
    """All sessions of a server."""

    def __init__(self) -> None:
        self._sessions: dict[str, StoredSession] = {}

    def __iter__(self) -> Any:
        return iter(list(self._sessions.values()))

    def get(self, id_: str) -> StoredSession | None:
        """The session of this name; `None` for none."""
        return self._sessions.get(id_)

    def put(self, session: StoredSession) -> StoredSession:
        """Keep a session."""
        self._sessions[session.id] = session
        return session

    def remove(self, id_: str) -> None:
        """Forget a session."""
        self._sessions.pop(id_, None)

    def open_file(
        self,
        path: Path,
        dialect: str | None = None,
        on_change: Callable[[], None] = lambda: None,
        title: str = "",
        channels: Mapping[str, str] | None = None,
        samplerate: float | None = None,
    ) -> StoredSession:
        """Open a capture; its events are read by `read` of the result.

        Args:
            path: the file.
            dialect: its dialect; `None` for what it declares, else the usual one.
            on_change: called after events were added.
            title: name for users; `""` for that of the file.
            channels: line -> channel, for a logic capture with other channel names.
            samplerate: samples a second, for a capture that lacks them.

        Raises:
            CaptureError: the file cannot be read as a capture.
            DialectError: the dialect is not installed.
        """
        capture = open_capture(path, dialect, channels=channels, samplerate=samplerate)
        header: Mapping[str, object] = read_recording_header(path) if path.is_file() else {}
        session = StoredSession(
            title or path.name,
            "capture",
            EventColumns(capture.dialect),
            path=path,
            header=header,
            reading=True,
            about={"format": capture.format, "declared": capture.declared, "resolution_s": capture.resolution},
            channels=dict(channels or {}),
            samplerate=samplerate,
        )
        self.put(session)
        threading.Thread(target=_read, args=(session, capture, on_change), daemon=True).start()
        return session


def _read(session: StoredSession, events: Iterable[Decoded], on_change: Callable[[], None]) -> None:
    """Add all events of a source, in batches."""
    batch: list[Decoded] = []
    try:
        for event in events:
            batch.append(event)
            if len(batch) >= BATCH:
                session.add(batch)
                batch.clear()
                on_change()
        session.add(batch)
    except MountError as error:
        session.add(batch)
        session.error = str(error)
    except MemoryError:
        session.error = str(CaptureError(f"{session.title}: not enough memory to read it; export a part of it"))
    finally:
        session.reading = False
        on_change()
