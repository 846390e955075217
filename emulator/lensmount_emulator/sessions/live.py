"""Live sessions from Python: one profile on one port, and the result of the session.

Decodes and counts the traffic of a session as it happens, and gives the verdict at the end.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Self

from lensmount_emulator.engine.dialect_roles import get_roles, make_engine
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_emulator.sessions.driver import DEFAULT_SPIN_S, DrivableEngine
from lensmount_emulator.sessions.driver import EngineDriver as EngineDriver
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_emulator.sessions.traffic_stats import TrafficStats, frame_composition
from lensmount_emulator.sessions.verdict import LiveVerdict, Traffic, evaluate_live, expects_traffic, script_progress
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.output_file import check_output
from lensmount_hardware.port_spec import open_transport as open_spec
from lensmount_hardware.transport import Transport, as_timed
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.describe import html_table
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.payload import PayloadMemo
from lensmount_protocol.wire import Annotation, Burst, DataLoss, Role, WireRecord


class LiveMonitor:
    """Observes one end that is emulated at a port.

    Attributes:
        statistics: counts over the traffic.
        errors: notices that report an error.
    """

    def __init__(self, dialect: Dialect, end: DrivableEngine, clock: Clock, *, peer_speaks: bool = True) -> None:
        """Observe an end.

        Args:
            dialect: the dialect.
            end: the emulated end.
            clock: the clock of the session.
            peer_speaks: whether a peer that sends nothing is a shortfall.
        """
        self.statistics = TrafficStats(dialect, shares=True)
        self.errors = 0
        self._dialect = dialect
        self._engine = end if isinstance(end, Engine) else None
        self._clock = clock
        self._peer_speaks = peer_speaks
        # Not shared with the engine: a caller gets these messages, and might change one.
        self._decoder = Decoder(dialect, memo=PayloadMemo())
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

    def feed(self, record: WireRecord) -> list[Decoded]:
        """Take one record and return the events that it makes certain."""
        if isinstance(record, Burst) and record.sender is self._peer.sender:
            self._peer.bytes += len(record.data)
            self._last_byte_at = self._clock.now()
        elif isinstance(record, DataLoss):
            self._lost[record.what] += record.count
        events = self._decoder.feed(record)
        events += self._decoder.flush()
        for event in events:
            self._count(event)
        return events

    def interrupt(self, remark: Annotation) -> list[Decoded]:
        """Return pending events, and the annotation: later bytes do not continue earlier ones."""
        return [self._count(event) for event in (*self._decoder.finish(), remark)]

    def finish(self) -> list[Decoded]:
        """Return what was pending when the session ended."""
        return [self._count(event) for event in self._decoder.finish()]

    def notice(self, notice: Notice) -> None:
        """Count a notice of the engine."""
        self.errors += notice.is_error

    def verdict(self, *, unmet: str = "") -> LiveVerdict:
        """The verdict on the session so far.

        Args:
            unmet: the steps that a replay did not receive, in one line; `""` for nothing.
        """
        engine = self._engine
        state = "" if engine is None else engine.connection.state
        return evaluate_live(
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
            state = None if self._engine is None else self._engine.connection.state
            # Once a state is known to stream, its frames need not be looked at.
            is_news = state is not None and state not in self._streaming_states
            if state is not None and is_news and frame_composition(event) in self._dialect.routine:
                self._streaming_states.add(state)
        return event


_LOG = logging.getLogger("lensmount")

LiveEvent = Decoded | Notice
"""An event of a live session: decoded traffic, or a notice of the engine."""


def open_transport(
    spec: str,
    *,
    role: Role | str,
    dialect: Dialect | str = "emount",
    baudrate: int | None = None,
    listens: bool = False,
) -> Transport:
    """Open the port that `spec` describes.

    Possible problems of the way a port is opened are logged as warnings of the logger `lensmount`. This port blocks
    nothing. `LiveSession` has the send guard, which keeps dangerous messages from a device.

    Args:
        spec: the port, `scheme:rest?key=value`: `pty:`, `serial:/dev/ttyUSB0`, `tcp:host:port`, `board:`.
        role: the end that is emulated there.
        dialect: the dialect, which gives a board its lines and their timing.
        baudrate: the rate to start with, in bits a second; `None` for the first one of the dialect.
        listens: no end is emulated there, so a board drives nothing.

    Raises:
        TransportSpecError: the description is not legal, or the scheme is unknown.
        TransportOpenError: the port is missing, busy or not permitted.
        DialectError: the dialect is unknown.
        ValueError: `role` is neither `body` nor `lens`.
    """
    resolved = load_dialect(dialect) if isinstance(dialect, str) else dialect
    port = open_spec(
        spec,
        role=Role(role),
        baudrate=baudrate or resolved.wiring.baudrates[0],
        contacts=get_contacts(resolved),
        listen_only=listens,
    )
    for warning in port.warnings:
        _LOG.warning("%s: %s", spec, warning)
    return port


def make_live_engine(
    profile: Profile,
    carried: frozenset[str],
    script: str,
    allowed: Iterable[str] = (),
    *,
    keeps_windows: bool = False,
) -> Engine:
    """Make the engine of a profile for a port that carries these lines.

    Args:
        profile: the device to emulate.
        carried: the lines that the port carries.
        script: its steps.
        allowed: guarded messages that it may send.
        keeps_windows: whether the port gives edges and bytes in their true order, so that a select line ends a frame.

    Raises:
        ScriptError: the script has an unknown verb or value.
        DialectError: `allowed` names no guarded message.
    """
    roles = get_roles(profile.dialect)
    verbs = roles.verbs if profile.role is Role.BODY else roles.lens_verbs
    engine = make_engine(roles, profile.settings, carried, None, parse_script(script, verbs))
    engine.allow(allowed)
    engine.connection.keeps_windows = keeps_windows
    return engine


@dataclass(frozen=True, slots=True, repr=False)
class LiveResult:
    """The result of a live session.

    Attributes:
        profile: the emulated device.
        seconds: how long the session lasted.
        records: every byte and edge; empty if the session does not keep them.
        notices: the notices of the engine.
        statistics: counts over the traffic.
        verdict: whether the session reached its goal, and its shortfalls.
    """

    profile: Profile
    seconds: float
    records: Sequence[WireRecord]
    notices: Sequence[Notice]
    statistics: TrafficStats
    verdict: LiveVerdict

    @property
    def ok(self) -> bool:
        """Whether the session lacks nothing."""
        return not self.verdict.shortfalls

    def __repr__(self) -> str:
        state = "ok" if self.ok else ", ".join(one.kind.value for one in self.verdict.shortfalls)
        frames = f"{self.statistics.valid} frames in {self.seconds:.3f} s"
        return f"<{type(self).__name__} {self.profile.name}: {state}, {frames}>"

    def _repr_html_(self) -> str:
        counts = sorted(self.statistics.frames.items(), key=lambda item: -item[1][0])
        frames = ((sender, types, count, size) for (sender, types), (count, size) in counts)
        table = html_table(repr(self), ("sender", "message types", "frames", "bytes"), frames, len(counts))
        lacks = [(one.kind.value, one.text) for one in self.verdict.shortfalls]
        return table + html_table("the session lacks", ("kind", "text"), lacks) if lacks else table


class LiveSession:
    """One end of a mount, emulated in real time on a port, as a context manager.

    ```python
    with LiveSession("sel2870", "pty:/tmp/lens") as session:
        session.run(5.0)
    print(session.result)
    ```

    A send guard checks every send: a message that can damage a device is not sent unless `allowed` names it.

    Attributes:
        profile: the emulated device.
        dialect: the dialect.
        engine: its engine.
        transport: the port.
        records: every byte and edge so far.
        notices: the notices of the engine so far.
    """

    def __init__(
        self,
        profile: str | Profile,
        port: str | Transport,
        *,
        script: str = "",
        allowed: Sequence[str] = (),
        record: str | PathLike[str] | None = None,
        keep_records: bool = True,
        on_event: Callable[[LiveEvent], None] = lambda _event: None,
        clock: Clock | None = None,
        spin: float = DEFAULT_SPIN_S,
    ) -> None:
        """Read the profile and the script, and open the port.

        Args:
            profile: the body or lens to emulate, by name or path, or one that has been read.
            port: the port, described as for `open_transport`, or one that is open; it is closed with the session.
            script: the steps of this end once the link runs: `focus 0x3F50; aperture f/8; sleep`.
            allowed: guarded messages that may be sent, by name: `Update*`.
            record: a file for every byte and edge; it must not exist.
            keep_records: keep `records` in memory; a session of days is better recorded to a file.
            on_event: called with each event as it becomes certain, in the thread of `run`.
            clock: gives the time; the machine's own clock by default.
            spin: seconds before a deadline at which the session stops sleeping and polls the clock.

        Raises:
            ProfileError: the profile is unknown or impossible, or an accessory.
            ScriptError: the script has an unknown verb or value.
            DialectError: `allowed` names no guarded message.
            TransportSpecError, TransportOpenError: the port cannot be opened.
            CaptureError: the file exists or cannot be written.
        """
        self.profile = profile if isinstance(profile, Profile) else load_profile(profile)
        role = self.profile.role
        self.dialect = load_dialect(self.profile.dialect)
        # Errors in the script are reported before a port is opened.
        make_live_engine(self.profile, frozenset(), script, allowed)
        gate = SendGuard(self.dialect, role, allowed)
        file = None if record is None else Path(fspath(record))
        if file is not None:
            # A file that must not be replaced is reported before a port is opened.
            check_output(file)
        opened = open_transport(port, role=role, dialect=self.dialect) if isinstance(port, str) else port
        self.records: list[WireRecord] = []
        self.notices: list[Notice] = []
        self._keep_records = keep_records
        self._on_event = on_event
        self._writer: RecordingWriter | None = None
        self._result: LiveResult | None = None
        self._started = self._closed = False
        self._clock = clock or MonotonicClock()
        with ExitStack() as stack:
            stack.callback(opened.close)
            self.transport: Transport = GuardedTransport(opened, gate)
            self.engine = make_live_engine(
                self.profile, opened.lines, script, allowed, keeps_windows=as_timed(opened) is not None
            )
            self._monitor = LiveMonitor(self.dialect, self.engine, self._clock)
            self._driver = EngineDriver(self.engine, self.transport, self._clock, self._tap, self._on_notice, spin)
            if file is not None:
                header = {
                    "dialect": self.dialect.name,
                    "role": role.value,
                    "profile": self.profile.name,
                    "port": opened.name,
                }
                self._writer = stack.enter_context(RecordingWriter(file, header))
            self._open_things = stack.pop_all()

    @property
    def port_name(self) -> str:
        """The name of the port; for a pseudo-terminal the path that the peer opens."""
        return self.transport.name

    def run(self, duration: float | None = None, *, until: Callable[[], bool] = lambda: False) -> LiveResult:
        """Run the session, once.

        Args:
            duration: seconds to run; `None` runs until the script is done, or without a script until `until` is true.
            until: ends the session when it returns true; it is called several times a second.

        Returns:
            The result, which `result` gives as well.

        Raises:
            TransportLostError: the port is lost; `result` has what happened before.
            LocalProtocolError: the session has run already, or is closed.
        """
        if self._started or self._closed:
            raise LocalProtocolError("a live session runs once; make another one to run again")
        self._started = True
        self._monitor.start()
        scripted = duration is None and bool(self.engine.script)
        try:
            self._driver.run(duration, stop_when=lambda: until() or (scripted and self._script_done))
        finally:
            for event in self._monitor.finish():
                self._on_event(event)
            self._result = self._result_now()
        return self.result

    @property
    def result(self) -> LiveResult:
        """The result of the session; before and during `run`, the result so far."""
        return self._result or self._result_now()

    def close(self) -> None:
        """Close the port and the file; closing again does nothing."""
        self._closed = True
        self._open_things.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._open_things.__exit__(kind, error, trace)

    def _result_now(self) -> LiveResult:
        return LiveResult(
            self.profile,
            self._monitor.seconds,
            tuple(self.records),
            tuple(self.notices),
            self._monitor.statistics,
            self._monitor.verdict(),
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "ran" if self._started else "ready"
        return f"<{type(self).__name__} {self.profile.name} on {self.port_name}: {state}>"

    @property
    def _script_done(self) -> bool:
        engine = self.engine
        return engine.done if engine.role is Role.BODY else engine.position >= len(engine.script)

    def _tap(self, record: WireRecord) -> None:
        if self._keep_records:
            self.records.append(record)
        if self._writer is not None:
            self._writer.write(record)
        for event in self._monitor.feed(record):
            self._on_event(event)

    def _on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._monitor.notice(notice)
        self._on_event(notice)
