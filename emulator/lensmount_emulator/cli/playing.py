"""A live session on the terminal: what is missing on its port, its story as it happens, and what it came to."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import TextIO

from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.reports.lines import time_text
from lensmount_emulator.reports.story import Storyteller
from lensmount_emulator.roles.engine import Engine, Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.live import End, LiveSession
from lensmount_emulator.sessions.tally import Tally
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport
from lensmount_protocol.decoder import Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Record, Remark, Role


def engine_for(profile: Profile, carried: frozenset[str], script: str, armed: Iterable[str] = ()) -> Engine:
    """The engine of a profile for a port that carries these lines, and what it may send that is guarded.

    Raises:
        ScriptError: a verb or value of the script that nobody knows.
        DialectError: a name that no guarded message has.
    """
    cast = cast_of(profile.dialect)
    verbs = cast.verbs if profile.role is Role.BODY else cast.lens_verbs
    engine = cast.engine(profile.settings, carried, None, parse_script(script, verbs))
    engine.arm(armed)
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
    ) -> None:
        self._role = end.role
        self._until = until
        self._dialect = dialect
        self._transport = transport
        self._record = tap
        self._out = out
        self._decoder = Decoder(dialect)
        self._tally = Tally(dialect)
        self._story = Storyteller(dialect.routine, every_frame)
        self._troubles = 0
        self._clock = MonotonicClock()
        self._session = LiveSession(end, transport, self._clock, self._tap, self._listen, spin)

    def introduce(self, title: str) -> None:
        """Say what is played where, and what the port cannot carry."""
        self._say(f"{title} as {self._role.value} on {self._transport.name}")
        for note in self._transport.notes:
            self._say(f"note: {note}")
        missing = [line for line in self._dialect.wiring.lines if line not in self._transport.lines]
        serial = {line.name for line in self._dialect.wiring.serial}
        missing = [line for line in missing if line not in serial]
        if missing:
            self._say(f"this port does not carry {', '.join(missing)}; the form that it allows is played:")
            for line in missing:
                if line in WITHOUT:
                    self._say(f"  without {line}: {WITHOUT[line]}")

    def play(self, seconds: float | None) -> None:
        """Play for so many seconds, or until what is played is over."""
        self._session.run(seconds, unless=lambda: seconds is None and self._until())

    def remark(self, text: str) -> None:
        """Something happened to the port: what came before does not belong to what comes behind."""
        if self._record is not None:
            self._record(Remark(self._clock.now(), text))
        for event in self._decoder.finish():
            self._tally.add(event)
        self._say(f"{time_text(self._clock.now())}  # {text}")

    def sum_up(self) -> None:
        """Say what the session came to."""
        for event in self._decoder.finish():
            self._tally.add(event)
        self._say(self._tally.summary())
        jitter = self._session.jitter
        if jitter.total:
            self._say(f"{jitter.total} deadlines met late by {jitter.figures()}")
        self._say(f"{self._troubles} errors")

    def _tap(self, record: Record) -> None:
        if self._record is not None:
            self._record(record)
        for event in chain(self._decoder.feed(record), self._decoder.settle()):
            self._tally.add(event)
            for line in self._story.frame(event):
                self._say(line)

    def _listen(self, notice: Notice) -> None:
        self._troubles += notice.trouble
        for line in self._story.notice(notice):
            self._say(line)

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
