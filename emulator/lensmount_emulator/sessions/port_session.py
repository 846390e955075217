"""Plays one end of a mount on a port from Python: a profile, a port, and the result of the session."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Self

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.contacts import contacts_of
from lensmount_emulator.sessions.gate import Gate, GatedTransport
from lensmount_emulator.sessions.live import USUAL_SPIN
from lensmount_emulator.sessions.live import LiveSession as EngineDriver
from lensmount_emulator.sessions.live_monitor import LiveMonitor
from lensmount_emulator.sessions.live_verdict import LiveVerdict
from lensmount_emulator.sessions.tally import Tally
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.output_file import check_output
from lensmount_hardware.spec import open_transport as open_spec
from lensmount_hardware.transport import Transport, timed
from lensmount_protocol.decoder import Decoded
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.html_table import html_table
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Record, Role

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

    What can go wrong by the way a port is opened is logged as a warning of the logger `lensmount`. Nothing is held back
    on this port. `LiveSession` has the send guard, which keeps dangerous messages from a device.

    Args:
        spec: the port, `scheme:rest?key=value`: `pty:`, `serial:/dev/ttyUSB0`, `tcp:host:port`, `board:`.
        role: the end that is played there.
        dialect: what is spoken, which gives a board its lines and their timing.
        baudrate: the rate to start with, in bits a second; `None` for the first one of the dialect.
        listens: no end is played there, so a board drives nothing.

    Raises:
        TransportSpecError: the description is not legal, or the scheme is unknown.
        TransportOpenError: the port is missing, busy or not permitted.
        DialectError: the dialect is unknown.
        ValueError: `role` is neither `body` nor `lens`.
    """
    spoken = load_dialect(dialect) if isinstance(dialect, str) else dialect
    port = open_spec(
        spec,
        role=Role(role),
        baudrate=baudrate or spoken.wiring.baudrates[0],
        contacts=contacts_of(spoken),
        listens=listens,
    )
    for warning in port.warnings:
        _LOG.warning("%s: %s", spec, warning)
    return port


def engine_for(
    profile: Profile,
    carried: frozenset[str],
    script: str,
    armed: Iterable[str] = (),
    *,
    keeps_windows: bool = False,
) -> Engine:
    """Make the engine of a profile for a port that carries these lines.

    Args:
        profile: the device that is played.
        carried: the lines that the port carries.
        script: what it does, step by step.
        armed: guarded messages that it may send.
        keeps_windows: whether the port gives edges and bytes in their true order, so that a select line ends a frame.

    Raises:
        ScriptError: the script has an unknown verb or value.
        DialectError: `armed` names no guarded message.
    """
    cast = cast_of(profile.dialect)
    verbs = cast.verbs if profile.role is Role.BODY else cast.lens_verbs
    engine = cast.engine(profile.settings, carried, None, parse_script(script, verbs))
    engine.arm(armed)
    engine.connection.keeps_windows = keeps_windows
    return engine


@dataclass(frozen=True, slots=True, repr=False)
class LiveResult:
    """The result of a live session.

    Attributes:
        profile: the device that was played.
        seconds: how long the session lasted.
        records: every byte and edge; empty where the session was told not to keep them.
        notices: the notices of the engine.
        statistics: counts over the traffic.
        verdict: whether the session did what it was for, and what it lacks.
    """

    profile: Profile
    seconds: float
    records: Sequence[Record]
    notices: Sequence[Notice]
    statistics: Tally
    verdict: LiveVerdict

    @property
    def ok(self) -> bool:
        """Whether the session lacks nothing."""
        return not self.verdict.shortfalls

    def __repr__(self) -> str:
        state = "ok" if self.ok else ", ".join(one.lack.value for one in self.verdict.shortfalls)
        frames = f"{self.statistics.valid} frames in {self.seconds:.3f} s"
        return f"<{type(self).__name__} {self.profile.name}: {state}, {frames}>"

    def _repr_html_(self) -> str:
        counts = sorted(self.statistics.frames.items(), key=lambda item: -item[1][0])
        frames = ((sender, types, count, size) for (sender, types), (count, size) in counts)
        table = html_table(repr(self), ("sender", "message types", "frames", "bytes"), frames, len(counts))
        lacks = [(one.lack.value, one.text) for one in self.verdict.shortfalls]
        return table + html_table("the session lacks", ("kind", "text"), lacks) if lacks else table


class LiveSession:
    """One end of a mount, played in real time on a port, as a context manager.

    ```python
    with LiveSession("sel2870", "pty:/tmp/lens") as session:
        session.run(5.0)
    print(session.result)
    ```

    A send guard stands before the port: a message that can damage a device is not sent unless `armed` names it.

    Attributes:
        profile: the device that is played.
        dialect: what is spoken.
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
        armed: Sequence[str] = (),
        record: str | PathLike[str] | None = None,
        keep_records: bool = True,
        on_event: Callable[[LiveEvent], None] = lambda _event: None,
        clock: Clock | None = None,
        spin: float = USUAL_SPIN,
    ) -> None:
        """Read the profile and the script, and open the port.

        Args:
            profile: the body or lens to play, by name or path, or one that has been read.
            port: the port, described as for `open_transport`, or one that is open; it is closed with the session.
            script: what this end does once the link runs: `focus 0x3F50; aperture f/8; sleep`.
            armed: guarded messages that may be sent, by name: `Update*`.
            record: a file for every byte and edge; it must not exist.
            keep_records: keep `records` in memory; a session of days is better recorded to a file.
            on_event: called with each event as it becomes certain, in the thread of `run`.
            clock: gives the time; the machine's own clock by default.
            spin: seconds before a deadline at which the session stops to sleep and watches the clock.

        Raises:
            ProfileError: the profile is unknown or impossible, or an accessory.
            ScriptError: the script has an unknown verb or value.
            DialectError: `armed` names no guarded message.
            TransportSpecError, TransportOpenError: the port cannot be opened.
            CaptureError: the file exists or cannot be written.
        """
        self.profile = profile if isinstance(profile, Profile) else load_profile(profile)
        role = self.profile.role
        self.dialect = load_dialect(self.profile.dialect)
        # Errors in the script are reported before a port is opened.
        engine_for(self.profile, frozenset(), script, armed)
        gate = Gate(self.dialect, role, armed)
        file = None if record is None else Path(fspath(record))
        if file is not None:
            # A file that must not be replaced is reported before a port is opened.
            check_output(file)
        opened = open_transport(port, role=role, dialect=self.dialect) if isinstance(port, str) else port
        self.records: list[Record] = []
        self.notices: list[Notice] = []
        self._keep_records = keep_records
        self._on_event = on_event
        self._writer: RecordingWriter | None = None
        self._result: LiveResult | None = None
        self._started = self._closed = False
        self._clock = clock or MonotonicClock()
        with ExitStack() as stack:
            stack.callback(opened.close)
            self.transport: Transport = GatedTransport(opened, gate)
            self.engine = engine_for(self.profile, opened.lines, script, armed, keeps_windows=timed(opened) is not None)
            self._monitor = LiveMonitor(self.dialect, self.engine, self._clock)
            self._driver = EngineDriver(self.engine, self.transport, self._clock, self._tap, self._listen, spin)
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
        """Play, once.

        Args:
            duration: seconds to play; `None` plays until the script is done, or without a script until `until` is true.
            until: ends the session when it returns true; it is called several times a second.

        Returns:
            The result, which `result` gives as well.

        Raises:
            TransportLostError: the port is lost; `result` has what happened before.
            LocalProtocolError: the session has run already, or is closed.
        """
        if self._started or self._closed:
            raise LocalProtocolError("a live session runs once; make another one to play again")
        self._started = True
        self._monitor.start()
        scripted = duration is None and bool(self.engine.script)
        try:
            self._driver.run(duration, unless=lambda: until() or (scripted and self._script_done))
        finally:
            for event in self._monitor.finish():
                self._on_event(event)
            self._result = self._result_now()
        return self.result

    @property
    def result(self) -> LiveResult:
        """The result of the session; before and during `run`, that of what has happened so far."""
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

    def _tap(self, record: Record) -> None:
        if self._keep_records:
            self.records.append(record)
        if self._writer is not None:
            self._writer.write(record)
        for event in self._monitor.feed(record):
            self._on_event(event)

    def _listen(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._monitor.notice(notice)
        self._on_event(notice)
