"""Runs one point of a margin: a start-up and a part of the loop with changed parameters, virtual or with a device.

With a device on a port our engine plays the other end, with a power cycle before each point.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.margins.parameters import Parameter
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_emulator.sessions.loopback import make_virtual_session
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.transport import Transport
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Burst, LineChanged, Role, WireRecord

LOOP_S = 0.3
"""Seconds of the loop after the start-up."""

LAST_S = 0.1
"""The end of these seconds, in which both ends must still send."""

MAX_START_S = 4.0
"""Seconds that a start-up may take beyond the values that are varied; the longest homing of a profile is 1.4 s."""


@dataclass(frozen=True, slots=True)
class PointResult:
    """The result of one point.

    Attributes:
        works: whether the session started, streamed, and reported no error.
        reason: why it does not; `""` where it works.
        at: when that was, in seconds; `None` where it works.
        is_legal: whether a profile may have the values; a point that is not legal was not run.
    """

    works: bool
    reason: str = ""
    at: float | None = None
    is_legal: bool = True


RunPoint = Callable[[Mapping[str, float], int | None], PointResult]
"""Runs a point: name of each parameter -> its value, and the seed of the jitter; `None` for nominal times."""


@dataclass(frozen=True, slots=True)
class VirtualPoints:
    """Runs points with our engines at both ends.

    Attributes:
        body: the body's profile.
        lens: the lens's profile.
        parameters: what is varied, by name.
    """

    body: Profile
    lens: Profile
    parameters: Mapping[str, Parameter]

    def __call__(self, values: Mapping[str, float], seed: int | None) -> PointResult:
        """Run a session with these values; a value that a profile does not allow does not work."""
        body, lens, faults, waits = self.body, self.lens, list[str](), 0.0
        try:
            for name, value in values.items():
                parameter = self.parameters[name]
                if parameter.end is Role.BODY:
                    body = parameter.changed(body, value)
                else:
                    lens = parameter.changed(lens, value)
                faults += parameter.faults(value)
                waits += abs(value) * 1e-6 if parameter.unit == "us" else 0.0
        except ProfileError as error:
            return PointResult(False, str(error), is_legal=False)
        errors: list[Notice] = []
        last = dict.fromkeys(Role, 0.0)

        def note(notice: Notice) -> None:
            if notice.is_error:
                errors.append(notice)

        def tap(record: WireRecord) -> None:
            if isinstance(record, Burst) and record.at is not None:
                last[record.sender] = record.at

        session = make_virtual_session(body, lens, seed=seed, tap=tap, on_notice=note, faults=faults)
        session.start()
        session.run(MAX_START_S + 3 * waits, stop_when=lambda: session.body.done or bool(errors))
        if not errors and session.body.done:
            session.run(session.now + LOOP_S, stop_when=lambda: bool(errors))
        return _judge(session.now, done=session.body.done, errors=errors, last=last)


def _judge(now: float, *, done: bool, errors: Sequence[Notice], last: Mapping[Role, float]) -> PointResult:
    if errors:
        first = errors[0]
        return PointResult(False, f"{first.role.value}: {first.text}", first.at)
    if not done:
        return PointResult(False, "the start-up was not completed", now)
    for role, at in last.items():
        if now - at > LAST_S:
            return PointResult(False, f"the {role.value} sends nothing any more", at)
    return PointResult(True)


LOOP_FRAMES = 4
"""Frames of its loop from the device with which a start-up counts as done."""

REST_S = 0.3
"""Seconds before a point in which nothing is sent, and what comes is not read."""

PowerCycle = Callable[[], None]
"""Takes the device's power and gives it again; raises `TransportError` where that fails."""


@dataclass(slots=True)
class LivePoints:
    """Runs points on a port.

    Attributes:
        profile: our end.
        parameters: what is varied, by name; each is a time of our end.
        open_port: opens the port, once for each point.
        power_cycle: cycles the device's power before each point.
        clock: gives the time.
        is_loop: whether a frame belongs to the steady loop.
        spin: seconds before a deadline at which the driver polls the clock.
        jitter: how late our own deadlines were met, over all points.
        received: bytes that the device sent, over all points.
    """

    profile: Profile
    parameters: Mapping[str, Parameter]
    open_port: Callable[[], Transport]
    power_cycle: PowerCycle
    clock: Clock
    is_loop: Callable[[DecodedFrame], bool]
    spin: float = 120e-6
    jitter: Histogram = field(default_factory=Histogram)
    received: int = 0

    def __call__(self, values: Mapping[str, float], _seed: int | None) -> PointResult:
        """Cycle the power and run a start-up with these values.

        Raises:
            TransportError: the port cannot be opened, is lost, or the power is not cycled.
        """
        profile, waits = self.profile, 0.0
        try:
            for name, value in values.items():
                profile = self.parameters[name].changed(profile, value)
                waits += abs(value) * 1e-6
        except ProfileError as error:
            return PointResult(False, str(error), is_legal=False)
        self.power_cycle()
        dialect = load_dialect(profile.dialect)
        with self.open_port() as port:
            return self._run(profile, dialect, port, MAX_START_S + 3 * waits)

    def _run(self, profile: Profile, dialect: Dialect, port: Transport, seconds: float) -> PointResult:
        rests_until = self.clock.now() + REST_S
        levels: dict[str, LineChanged] = {}
        while (left := rests_until - self.clock.now()) > 0:
            # Bytes that the device still sends belong to the point before. A port reports a level only when it changes,
            # so the engine needs the last one of each line, such as that of the contact that detects the lens.
            events = port.receive(left)
            levels |= {event.line: event for event in events if isinstance(event, LineChanged)}
        engine = make_live_engine(profile, port.lines, "")
        errors: list[Notice] = []
        counts = Counter[Role]()
        last = dict.fromkeys(Role, 0.0)
        decoder = Decoder(dialect)
        begun = self.clock.now()

        def note(notice: Notice) -> None:
            if notice.is_error:
                errors.append(notice)

        def tap(record: WireRecord) -> None:
            if isinstance(record, Burst) and record.sender is engine.role.peer:
                self.received += len(record.data)
            for event in (*decoder.feed(record), *decoder.flush()):
                if isinstance(event, DecodedFrame) and self.is_loop(event):
                    counts[event.sender] += 1
                    last[event.sender] = self.clock.now()

        def looping() -> bool:
            return counts[engine.role.peer] >= LOOP_FRAMES or bool(errors)

        driver = EngineDriver(engine, port, self.clock, tap, note, self.spin, before=list(levels.values()))
        started = self.clock.now()

        def over() -> bool:
            long_enough = looping() and self.clock.now() - started > LOOP_S and _over(last, started)
            return bool(errors) or long_enough

        driver.run(seconds + LOOP_S, stop_when=over)
        self.jitter.counts.update(driver.jitter.counts)
        now = self.clock.now()
        if errors:
            return PointResult(False, f"{errors[0].role.value}: {errors[0].text}", errors[0].at)
        if counts[engine.role.peer] < LOOP_FRAMES:
            return PointResult(False, "the device did not reach its loop", now - begun)
        if now - last[engine.role.peer] > LAST_S:
            return PointResult(False, "the device sends nothing any more", now - begun)
        return PointResult(True)


def _over(last: Mapping[Role, float], started: float) -> bool:
    """Whether the loop has run long enough after its first frames."""
    return max(last.values()) - started > LOOP_S
