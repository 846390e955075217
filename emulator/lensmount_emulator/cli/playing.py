"""A live session on the terminal: what is missing on its port, its story as it happens, and what it came to."""

import json
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TextIO

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.reports.json_lines import json_of, microseconds
from lensmount_emulator.reports.lines import line_of
from lensmount_emulator.reports.story import Storyteller
from lensmount_emulator.roles.engine import Engine, Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.live import End, LiveSession
from lensmount_emulator.sessions.tally import Tally
from lensmount_emulator.termination import shielded
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport, timed
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import ClockFix, Drop, Record, Remark, Role


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
    ) -> None:
        self._role = end.role
        self._until = until
        self._dialect = dialect
        self._transport = transport
        self._record = tap
        self._out = out
        self._json = as_json
        self._decoder = Decoder(dialect)
        self._tally = Tally(dialect)
        self._story = Storyteller(dialect.routine, every_frame)
        self._troubles = 0
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
        self._say(f"{title} as {self._role.value} on {self._transport.name}")
        for note in self._transport.notes:
            self._say(f"note: {note}")
        if missing:
            self._say(f"this port does not carry {', '.join(missing)}; the form that it allows is played:")
            for line in missing:
                if line in WITHOUT:
                    self._say(f"  without {line}: {WITHOUT[line]}")

    def play(self, seconds: float | None) -> None:
        """Play for so many seconds, or until what is played is over."""
        with shielded() as stopped:
            self._session.run(seconds, unless=lambda: stopped() or (seconds is None and self._until()))

    def remark(self, text: str) -> None:
        """Something happened to the port: what came before does not belong to what comes behind."""
        remark = Remark(self._clock.now(), text)
        if self._record is not None:
            self._record(remark)
        for event in [*self._decoder.finish(), remark]:
            self._tell(event)

    def sum_up(self, **more: int) -> None:
        """Say what the session came to.

        Args:
            more: further figures for machines.
        """
        for event in self._decoder.finish():
            self._tally.add(event)
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
                **more,
            )
            return
        self._say(self._tally.summary())
        if jitter.total:
            self._say(f"{jitter.total} deadlines met late by {jitter.figures()}")
        for what, count in troubles.items():
            self._say(f"{count} {what}")
        self._say(f"{self._troubles} errors")

    def _tap(self, record: Record) -> None:
        if self._record is not None:
            self._record(record)
        for event in chain(self._decoder.feed(record), self._decoder.settle()):
            self._tell(event)

    def _tell(self, event: Decoded) -> None:
        self._tally.add(event)
        if self._json:
            self._say(json_of(event, self._dialect))
        elif isinstance(event, Remark | Drop):
            self._say(line_of(event, self._dialect))
        elif not isinstance(event, ClockFix):
            for line in self._story.frame(event):
                self._say(line)

    def _listen(self, notice: Notice) -> None:
        self._troubles += notice.trouble
        if self._json:
            self._object("notice", notice.at, dir=notice.role.value, ok=not notice.trouble, text=notice.text)
            return
        for line in self._story.notice(notice):
            self._say(line)

    def _object(self, kind: str, at: float, **values: Any) -> None:
        told = {"kind": kind, "t_us": microseconds(at), **values}
        self._say(json.dumps(told, separators=(",", ":")))

    def _say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


WITHOUT = {
    "BODY_CS": "no handshake and no speed switch; a frame ends where its length says",
    "LENS_CS": "the lens's frames end where their length says",
    "VD": "no frame sync; the lens answers each `04` with its next pair",
    "VCC": "the supply is taken for granted",
    "BODY_ATT": "a frame ends where its length says; a sleeping lens is woken by a greeting",
    "LENS_ATT": "the lens's frames end where their length says; a body greets until one answers",
    "FSYNC": "no frame signal; the lens reports behind each `FrameStart`",
    "V_LOGIC": "the supply is taken for granted",
    "V_DRIVE": "drive power is taken for granted behind its grant",
    "DETECT": "a lens is taken for granted; a body keeps asking until one answers",
    "XDETECT": "a lens is taken for granted; a body keeps asking until one answers",
}
"""What is played otherwise where a line is missing."""
