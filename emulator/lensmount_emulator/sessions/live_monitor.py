"""Decodes and counts a session at a port as it happens, and gives its verdict at the end."""

from collections import Counter
from itertools import chain

from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.sessions.live import End
from lensmount_emulator.sessions.live_verdict import LiveVerdict, Traffic, expects_traffic, judge_live
from lensmount_emulator.sessions.script_progress import script_progress
from lensmount_emulator.sessions.tally import Tally, composition_of
from lensmount_hardware.clock import Clock
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Burst, Drop, Record, Remark


class LiveMonitor:
    """Observes one end that is played at a port.

    Attributes:
        statistics: counts over the traffic.
        errors: notices that report an error.
    """

    def __init__(self, dialect: Dialect, end: End, clock: Clock, *, peer_speaks: bool = True) -> None:
        """Observe an end.

        Args:
            dialect: what is spoken.
            end: the end that is played.
            clock: the clock of the session.
            peer_speaks: whether a peer that sends nothing is a shortfall.
        """
        self.statistics = Tally(dialect)
        self.errors = 0
        self._dialect = dialect
        self._engine = end if isinstance(end, Engine) else None
        self._clock = clock
        self._peer_speaks = peer_speaks
        self._decoder = Decoder(dialect)
        self._peer = Traffic(end.role.peer)
        self._started_at: float | None = None
        self._last_byte_at: float | None = None
        self._streaming_states = set[str]()
        self._lost = Counter[str]()

    def start(self) -> None:
        """The session begins now."""
        self._started_at = self._clock.now()

    @property
    def seconds(self) -> float:
        """How long the session has lasted; 0 before it begins."""
        return 0.0 if self._started_at is None else self._clock.now() - self._started_at

    def feed(self, record: Record) -> list[Decoded]:
        """Take one record and return the events that it makes certain."""
        if isinstance(record, Burst) and record.sender is self._peer.sender:
            self._peer.bytes += len(record.data)
            self._last_byte_at = self._clock.now()
        elif isinstance(record, Drop):
            self._lost[record.what] += record.count
        return [self._count(event) for event in chain(self._decoder.feed(record), self._decoder.settle())]

    def interrupt(self, remark: Remark) -> list[Decoded]:
        """Return what was pending, and the remark: what comes later does not continue what came before."""
        return [self._count(event) for event in (*self._decoder.finish(), remark)]

    def finish(self) -> list[Decoded]:
        """Return what was pending when the session ended."""
        return [self._count(event) for event in self._decoder.finish()]

    def notice(self, notice: Notice) -> None:
        """Count a notice of the engine."""
        self.errors += notice.trouble

    def verdict(self, *, unmet: str = "") -> LiveVerdict:
        """The verdict on the session so far.

        Args:
            unmet: what a replay waited for in vain, in one line; `""` for nothing.
        """
        engine = self._engine
        state = "" if engine is None else engine.connection.state
        return judge_live(
            self._peer,
            self._dialect.name,
            self.seconds,
            errors=self.errors,
            script=None if engine is None else script_progress(engine),
            silent_s=None if self._last_byte_at is None else self._clock.now() - self._last_byte_at,
            streams=state in self._streaming_states or expects_traffic(state, self._dialect),
            state=state,
            unmet=unmet,
            lost=self._lost,
            may_be_silent=not self._peer_speaks,
        )

    def _count(self, event: Decoded) -> Decoded:
        self.statistics.add(event)
        if isinstance(event, DecodedFrame) and event.sender is self._peer.sender:
            self._peer.frames += 1
            if self._engine is not None and composition_of(event) in self._dialect.routine:
                self._streaming_states.add(self._engine.connection.state)
        return event
