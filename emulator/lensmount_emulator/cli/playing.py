"""A live session on the terminal: what is missing on its port, its story as it happens, and what it came to."""

import json
from collections.abc import Callable
from typing import Any, TextIO

from lensmount_emulator.reports.json_lines import json_of, microseconds
from lensmount_emulator.reports.lines import HANG, colour_of, line_of
from lensmount_emulator.reports.story import Storyteller
from lensmount_emulator.reports.terminal import Colour, Line, line_writer
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.sessions.live import End, LiveSession
from lensmount_emulator.sessions.live_monitor import LiveMonitor
from lensmount_emulator.sessions.live_verdict import LiveVerdict
from lensmount_emulator.termination import shielded
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport, timed
from lensmount_protocol.decoder import Decoded
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import ClockFix, Defect, Drop, LineDefect, Record, Remark


class Player:
    """Plays an end on a port and tells a terminal about it."""

    def __init__(
        self,
        end: End,
        dialect: Dialect,
        transport: Transport,
        *,
        until: Callable[[], bool] = lambda: False,
        tap: Callable[[Record], None] | None,
        every_frame: bool,
        spin: float,
        out: TextIO,
        as_json: bool = False,
        quiet: bool = False,
        peer_speaks: bool = True,
    ) -> None:
        """Prepare a session.

        Args:
            end: what is played.
            dialect: what is spoken.
            transport: the port.
            until: whether what is played is over, where no time is given.
            tap: gets every record; `None` for nowhere.
            every_frame: print each frame of the loop.
            spin: seconds before a deadline at which sleeping ends.
            out: where lines go.
            as_json: one JSON object a line.
            quiet: print the summary and errors only; JSON stays complete.
            peer_speaks: whether a peer that sends nothing is a shortfall.
        """
        self._role = end.role
        self._until = until
        self._dialect = dialect
        self._transport = transport
        self._record = tap
        self._out = out
        self._write = line_writer(out)
        self._json = as_json
        self._quiet = quiet and not as_json
        self._story = Storyteller(dialect.routine, every_frame)
        self._clock = MonotonicClock()
        self._monitor = LiveMonitor(dialect, end, self._clock, peer_speaks=peer_speaks)
        self._session = LiveSession(end, transport, self._clock, self._tap, self._listen, spin)

    def introduce(self, title: str) -> None:
        """Say what is played where, and what the port cannot carry."""
        serial = {line.name for line in self._dialect.wiring.serial}
        carried = {*self._transport.lines, *serial}
        missing = [line for line in self._dialect.wiring.lines if line not in carried]
        if self._json:
            notes = list(self._transport.notes)
            port = {"role": self._role.value, "port": self._transport.name, "missing": missing, "notes": notes}
            self._object("session", 0.0, title=title, keeps_time=timed(self._transport) is not None, **port)
            return
        if self._quiet:
            return
        self._say(f"{title} as {self._role.value} on {self._transport.name}")
        for note in self._transport.notes:
            self._show(Line(f"note: {note}", None, 6))
        if missing:
            self._say(f"this port does not carry {', '.join(missing)}; the form that it allows is played:")
            fallbacks = self._dialect.line_fallbacks
            for line in missing:
                if line in fallbacks:
                    self._show(Line(f"  without {line}: {fallbacks[line]}", None, 4))

    def play(self, seconds: float | None) -> None:
        """Play for so many seconds, or until what is played is over."""
        self._monitor.start()
        with shielded() as stopped:
            self._session.run(seconds, unless=lambda: stopped() or (seconds is None and self._until()))

    def remark(self, text: str) -> None:
        """Something happened to the port: what came before does not belong to what comes behind."""
        remark = Remark(self._clock.now(), text)
        if self._record is not None:
            self._record(remark)
        for event in self._monitor.interrupt(remark):
            self._tell(event)

    def sum_up(self, *, unmet: str = "", **more: int) -> LiveVerdict:
        """Print the summary of the session and what it lacks, and give the verdict.

        Args:
            unmet: what a replay waited for in vain, in one line; `""` for nothing.
            more: further figures for machines.
        """
        self._monitor.finish()
        verdict = self._monitor.verdict(unmet=unmet)
        jitter = self._session.jitter
        keeper = timed(self._transport)
        troubles = {} if keeper is None else dict(keeper.troubles())
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
                **more,
            )
            return verdict
        self._say(self._monitor.statistics.summary())
        if jitter.total:
            self._say(f"{jitter.total} deadlines met late by {jitter.figures()}")
        for what, count in troubles.items():
            self._say(f"{count} {what}")
        self._say(f"{self._monitor.errors} errors")
        if verdict.script is not None and verdict.script.steps:
            self._say(f"script: {verdict.script.describe()}")
        for shortfall in verdict.shortfalls:
            self._show(Line(f"failed: {shortfall.text}", Colour.ERROR, 8))
        return verdict

    def _tap(self, record: Record) -> None:
        if self._record is not None:
            self._record(record)
        for event in self._monitor.feed(record):
            self._tell(event)

    def _tell(self, event: Decoded) -> None:
        if self._json:
            self._say(json_of(event, self._dialect))
        elif isinstance(event, LineDefect) and event.defect is Defect.POLLED:
            # What is usual for a port is no news.
            return
        elif isinstance(event, Remark | Drop | LineDefect):
            self._show(Line(line_of(event, self._dialect), colour_of(event), HANG))
        elif not (self._quiet or isinstance(event, ClockFix)):
            for line in self._story.frame(event):
                self._show(line)

    def _listen(self, notice: Notice) -> None:
        self._monitor.notice(notice)
        if self._json:
            self._object("notice", notice.at, dir=notice.role.value, ok=not notice.trouble, text=notice.text)
            return
        if self._quiet and not notice.trouble:
            return
        for line in self._story.notice(notice):
            self._show(line)

    def _object(self, kind: str, at: float, **values: Any) -> None:
        told = {"kind": kind, "t_us": microseconds(at), **values}
        self._say(json.dumps(told, separators=(",", ":")))

    def _say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()

    def _show(self, line: Line) -> None:
        self._write(line)
        self._out.flush()
