"""A live session on the terminal: what its port lacks, its events, and its result."""

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.explain.finding import Explanation
from lensmount_emulator.reports.event_json import event_to_json, microseconds
from lensmount_emulator.reports.event_text import HANG, EventNarrator, event_colour, format_event
from lensmount_emulator.reports.explanation import print_failure
from lensmount_emulator.reports.printable import Colour, Line, line_writer
from lensmount_emulator.sessions.driver import DrivableEngine, EngineDriver
from lensmount_emulator.sessions.explain_capture import MAX_LIVE_RECORDS
from lensmount_emulator.sessions.live import LiveMonitor
from lensmount_emulator.sessions.verdict import LiveVerdict, ShortfallKind
from lensmount_emulator.termination import shielded
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport, as_timed
from lensmount_protocol.decoder import Decoded
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Annotation, ClockSync, DataLoss, Defect, LineDefect, WireRecord

LATENESS_EVERY_S = 1.0
"""Seconds between two lines of JSON about lateness."""


class LiveConsole:
    """Plays an end on a port and prints the session to a terminal.

    Attributes:
        cause_at: time at which a session that failed went wrong, after its summary; `None` where it is unknown.
    """

    def __init__(
        self,
        end: DrivableEngine,
        dialect: Dialect,
        transport: Transport,
        *,
        until: Callable[[], bool] = lambda: False,
        tap: Callable[[WireRecord], None] | None,
        every_frame: bool,
        spin: float,
        out: TextIO,
        as_json: bool = False,
        quiet: bool = False,
        peer_speaks: bool = True,
        hint: Callable[[LiveVerdict, ShortfallKind], str] = lambda _verdict, _kind: "",
        explain: Callable[[Sequence[WireRecord], float], Explanation] | None = None,
    ) -> None:
        """Prepare a session.

        Args:
            end: what is played.
            dialect: the dialect.
            transport: the port.
            until: whether what is played is over, where no time is given.
            tap: gets every record; `None` for nowhere.
            every_frame: print each frame of the loop.
            spin: seconds before a deadline at which sleeping ends.
            out: where lines go.
            as_json: one JSON object a line.
            quiet: print the summary and errors only; JSON stays complete.
            peer_speaks: whether a peer that sends nothing is a shortfall.
            hint: the options of the verb that concern a shortfall, for the end of its line.
            explain: explains a session that failed, from its records and its end; `None` for no explanation.
        """
        self.cause_at: float | None = None
        self._reported_at = 0.0
        self._hint = hint
        self._explain = explain
        self._recent = deque[WireRecord](maxlen=MAX_LIVE_RECORDS if explain is not None else 0)
        self._role = end.role
        self._until = until
        self._dialect = dialect
        self._transport = transport
        self._record = tap
        self._out = out
        self._write = line_writer(out)
        self._json = as_json
        self._quiet = quiet and not as_json
        self._narrator = EventNarrator(dialect.routine, every_frame)
        self._clock = MonotonicClock()
        self._monitor = LiveMonitor(dialect, end, self._clock, peer_speaks=peer_speaks)
        self._session = EngineDriver(end, transport, self._clock, self._tap, self._on_notice, spin)

    def print_header(self, title: str) -> None:
        """Print what is played where, and what the port cannot carry."""
        serial = {line.name for line in self._dialect.wiring.serial}
        carried = {*self._transport.lines, *serial}
        missing = [line for line in self._dialect.wiring.lines if line not in carried]
        if self._json:
            notes = list(self._transport.notes)
            port = {"role": self._role.value, "port": self._transport.name, "missing": missing, "notes": notes}
            self._object("session", 0.0, title=title, keeps_time=as_timed(self._transport) is not None, **port)
            return
        if self._quiet:
            return
        self.print_line(f"{title} as {self._role.value} on {self._transport.name}")
        for note in self._transport.notes:
            self._show(Line(f"note: {note}", None, 6))
        if missing:
            self.print_line(f"this port does not carry {', '.join(missing)}; the form that it allows is played:")
            fallbacks = self._dialect.line_fallbacks
            for line in missing:
                if line in fallbacks:
                    self._show(Line(f"  without {line}: {fallbacks[line]}", None, 4))

    def run(self, seconds: float | None, *, poll: Callable[[], bool] = lambda: False) -> None:
        """Play for so many seconds, or until what is played is over.

        Args:
            seconds: how long; `None` until it is over.
            poll: called between events; ends the session where it is true.
        """
        self._monitor.start()

        def ends() -> bool:
            if self._json:
                self._print_lateness()
            return stopped() or poll() or (seconds is None and self._until())

        with shielded() as stopped:
            self._session.run(seconds, stop_when=ends)

    def _print_lateness(self) -> None:
        """Print about once a second how late deadlines were met so far; short, since it delays the next one."""
        now = self._clock.now()
        if now - self._reported_at < LATENESS_EVERY_S:
            return
        self._reported_at = now
        timed_port = as_timed(self._transport)
        octaves = self._session.jitter.octaves
        last = max((place for place, count in enumerate(octaves) if count), default=-1)
        troubles = {} if timed_port is None else dict(timed_port.problems())
        self._object("late", now, octaves=octaves[: last + 1], port=troubles)

    def annotate(self, text: str) -> None:
        """Record a change of the port: bytes before it do not belong to bytes after it."""
        remark = Annotation(self._clock.now(), text)
        if self._record is not None:
            self._record(remark)
        for event in self._monitor.interrupt(remark):
            self._print_event(event)

    def print_summary(self, *, unmet: str = "", **more: int) -> LiveVerdict:
        """Print the summary of the session and what it lacks, and give the verdict.

        Args:
            unmet: what a replay waited for in vain, in one line; `""` for nothing.
            more: further figures for machines.
        """
        self._monitor.finish()
        verdict = self._monitor.verdict(unmet=unmet)
        jitter = self._session.jitter
        explanation = (
            self._explain(list(self._recent), self._clock.now())
            if self._explain is not None and verdict.shortfalls
            else None
        )
        if explanation is not None and explanation.cause is not None:
            self.cause_at = explanation.cause.at
        timed_port = as_timed(self._transport)
        troubles = {} if timed_port is None else dict(timed_port.problems())
        if self._json:
            self._object(
                "summary",
                self._clock.now(),
                text=self._monitor.statistics.summary(),
                deadlines=jitter.total,
                late_us={str(us): jitter.counts[us] for us in sorted(jitter.counts)},
                port=troubles,
                errors=self._monitor.errors,
                verdict=verdict.as_json(),
                **({} if explanation is None else {"explanation": explanation.as_dict()}),
                **more,
            )
            return verdict
        self.print_line(self._monitor.statistics.summary())
        if jitter.total:
            self.print_line(f"{jitter.total} deadlines met late by {jitter.summary()}")
        for what, count in troubles.items():
            self.print_line(f"{count} {what}")
        self.print_line(f"{self._monitor.errors} errors")
        if verdict.script is not None and verdict.script.steps:
            self.print_line(f"script: {verdict.script.describe()}")
        for shortfall in verdict.shortfalls:
            text = shortfall.text + self._hint(verdict, shortfall.kind)
            self._show(Line(f"failed: {text}", Colour.ERROR, 8))
        if explanation is not None:
            print_failure(self._out, explanation, quiet=self._quiet)
        return verdict

    def _tap(self, record: WireRecord) -> None:
        self._recent.append(record)
        if self._record is not None:
            self._record(record)
        for event in self._monitor.feed(record):
            self._print_event(event)

    def _print_event(self, event: Decoded) -> None:
        if self._json:
            self.print_line(event_to_json(event, self._dialect))
        elif isinstance(event, LineDefect) and event.defect is Defect.POLLED:
            # What is usual for a port is no news.
            return
        elif isinstance(event, Annotation | DataLoss | LineDefect):
            self._show(Line(format_event(event, self._dialect), event_colour(event), HANG))
        elif not (self._quiet or isinstance(event, ClockSync)):
            for line in self._narrator.frame(event):
                self._show(line)

    def _on_notice(self, notice: Notice) -> None:
        self._monitor.notice(notice)
        if self._json:
            self._object("notice", notice.at, dir=notice.role.value, ok=not notice.is_error, text=notice.text)
            return
        if self._quiet and not notice.is_error:
            return
        for line in self._narrator.notice(notice):
            self._show(line)

    def _object(self, kind: str, at: float, **values: Any) -> None:
        data = {"kind": kind, "t_us": microseconds(at), **values}
        self.print_line(json.dumps(data, separators=(",", ":")))

    def print_line(self, line: str) -> None:
        """Print a line as it is."""
        self._out.write(line + "\n")
        self._out.flush()

    def _show(self, line: Line) -> None:
        self._write(line)
        self._out.flush()
