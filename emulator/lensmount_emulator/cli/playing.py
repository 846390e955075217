"""A live session on the terminal: what is missing on its port, its story as it happens, and what it came to."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TextIO

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.reports.json_lines import json_of, microseconds
from lensmount_emulator.reports.lines import line_of
from lensmount_emulator.reports.story import Storyteller, composition_of
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.live import End, LiveSession
from lensmount_emulator.sessions.live_verdict import LiveVerdict, Traffic, expects_traffic, judge_live
from lensmount_emulator.sessions.script_progress import script_progress
from lensmount_emulator.sessions.tally import Tally
from lensmount_emulator.termination import shielded
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport, timed
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Burst, ClockFix, Defect, Drop, LineDefect, Record, Remark, Role


def engine_for(
    profile: Profile,
    carried: frozenset[str],
    script: str,
    armed: Iterable[str] = (),
    *,
    keeps_windows: bool = False,
) -> Engine:
    """The engine of a profile for a port that carries these lines, and what it may send that is guarded.

    Args:
        profile: who is played.
        carried: the lines that the port carries.
        script: what it does.
        armed: guarded messages that it may send.
        keeps_windows: whether the port gives edges and bytes in their true order, so that a select line ends a frame.

    Raises:
        ScriptError: a verb or value of the script that nobody knows.
        DialectError: a name that no guarded message has.
    """
    cast = cast_of(profile.dialect)
    verbs = cast.verbs if profile.role is Role.BODY else cast.lens_verbs
    engine = cast.engine(profile.settings, carried, None, parse_script(script, verbs))
    engine.arm(armed)
    engine.connection.keeps_windows = keeps_windows
    return engine


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
        self._peer_speaks = peer_speaks
        self._role = end.role
        self._until = until
        self._dialect = dialect
        self._transport = transport
        self._record = tap
        self._out = out
        self._json = as_json
        self._quiet = quiet and not as_json
        self._decoder = Decoder(dialect)
        self._tally = Tally(dialect)
        self._story = Storyteller(dialect.routine, every_frame)
        self._troubles = 0
        self._engine = end if isinstance(end, Engine) else None
        self._peer = Traffic(end.role.peer)
        self._began = 0.0
        self._peer_at: float | None = None
        self._streaming = set[str]()
        self._lost = Counter[str]()
        self._clock = MonotonicClock()
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
            self._say(f"note: {note}")
        if missing:
            self._say(f"this port does not carry {', '.join(missing)}; the form that it allows is played:")
            fallbacks = self._dialect.line_fallbacks
            for line in missing:
                if line in fallbacks:
                    self._say(f"  without {line}: {fallbacks[line]}")

    def play(self, seconds: float | None) -> None:
        """Play for so many seconds, or until what is played is over."""
        self._began = self._clock.now()
        with shielded() as stopped:
            self._session.run(seconds, unless=lambda: stopped() or (seconds is None and self._until()))

    def remark(self, text: str) -> None:
        """Something happened to the port: what came before does not belong to what comes behind."""
        remark = Remark(self._clock.now(), text)
        if self._record is not None:
            self._record(remark)
        for event in [*self._decoder.finish(), remark]:
            self._tell(event)

    def sum_up(self, *, unmet: str = "", **more: int) -> LiveVerdict:
        """Print the summary of the session and what it lacks, and give the verdict.

        Args:
            unmet: what a replay waited for in vain, in one line; `""` for nothing.
            more: further figures for machines.
        """
        for event in self._decoder.finish():
            self._count(event)
        verdict = self._verdict(unmet)
        jitter = self._session.jitter
        keeper = timed(self._transport)
        troubles = {} if keeper is None else dict(keeper.troubles())
        if self._json:
            self._object(
                "summary",
                self._clock.now(),
                text=self._tally.summary(),
                deadlines=jitter.total,
                late_us={str(us): jitter.counts[us] for us in sorted(jitter.counts)},
                port=troubles,
                errors=self._troubles,
                verdict=verdict.as_json(),
                **more,
            )
            return verdict
        self._say(self._tally.summary())
        if jitter.total:
            self._say(f"{jitter.total} deadlines met late by {jitter.figures()}")
        for what, count in troubles.items():
            self._say(f"{count} {what}")
        self._say(f"{self._troubles} errors")
        if verdict.script is not None and verdict.script.steps:
            self._say(f"script: {verdict.script.describe()}")
        for shortfall in verdict.shortfalls:
            self._say(f"failed: {shortfall.text}")
        return verdict

    def _verdict(self, unmet: str) -> LiveVerdict:
        now, engine = self._clock.now(), self._engine
        state = "" if engine is None else engine.connection.state
        return judge_live(
            self._peer,
            self._dialect.name,
            now - self._began,
            errors=self._troubles,
            script=None if engine is None else script_progress(engine),
            silent_s=None if self._peer_at is None else now - self._peer_at,
            streams=state in self._streaming or expects_traffic(state, self._dialect),
            state=state,
            unmet=unmet,
            lost=self._lost,
            may_be_silent=not self._peer_speaks,
        )

    def _tap(self, record: Record) -> None:
        if self._record is not None:
            self._record(record)
        if isinstance(record, Burst) and record.sender is self._peer.sender:
            self._peer.bytes += len(record.data)
            self._peer_at = self._clock.now()
        elif isinstance(record, Drop):
            self._lost[record.what] += record.count
        for event in chain(self._decoder.feed(record), self._decoder.settle()):
            self._tell(event)

    def _count(self, event: Decoded) -> None:
        self._tally.add(event)
        if isinstance(event, DecodedFrame) and event.sender is self._peer.sender:
            self._peer.frames += 1
            if self._engine is not None and composition_of(event) in self._dialect.routine:
                self._streaming.add(self._engine.connection.state)

    def _tell(self, event: Decoded) -> None:
        self._count(event)
        if self._json:
            self._say(json_of(event, self._dialect))
        elif isinstance(event, LineDefect) and event.defect is Defect.POLLED:
            # What is usual for a port is no news.
            return
        elif isinstance(event, Remark | Drop | LineDefect):
            self._say(line_of(event, self._dialect))
        elif not (self._quiet or isinstance(event, ClockFix)):
            for line in self._story.frame(event):
                self._say(line)

    def _listen(self, notice: Notice) -> None:
        self._troubles += notice.trouble
        if self._json:
            self._object("notice", notice.at, dir=notice.role.value, ok=not notice.trouble, text=notice.text)
            return
        if self._quiet and not notice.trouble:
            return
        for line in self._story.notice(notice):
            self._say(line)

    def _object(self, kind: str, at: float, **values: Any) -> None:
        told = {"kind": kind, "t_us": microseconds(at), **values}
        self._say(json.dumps(told, separators=(",", ":")))

    def _say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()
