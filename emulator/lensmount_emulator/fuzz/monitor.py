"""The session monitor: observes each end's output before faults, its input, and the lens's motion.

A monitor reports violations as they happen; `invariants` defines them, and has the checks that run on demand. The
observed mount has observers on both sides of its faults. A passive engine sends nothing by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from lensmount_emulator.engine.dialect_roles import Accessory, DeviceRules, FuzzTraits, make_engine
from lensmount_emulator.engine.engine import Engine, WireOutput
from lensmount_emulator.engine.observer import FrameObserver, Notice, NoticeKind, Observer
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.faulty_mount import FaultyMount
from lensmount_emulator.faults.registry import FaultPlan
from lensmount_emulator.firmware.engine import FirmwareEngine
from lensmount_emulator.fuzz.scenario import get_cached_roles, get_dialect, get_traits
from lensmount_emulator.fuzz.traffic_checker import OpenRequest, RxBoundaryTracker, TxChecker
from lensmount_emulator.mount.burst_delivery import EventHandler
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.payload import PayloadMemo, message_type
from lensmount_protocol.wire import (
    Annotation,
    AnnotationKind,
    Burst,
    Edge,
    LineChanged,
    Received,
    Role,
    WireEvent,
    WireRecord,
)


class MountObserver(NamedTuple):
    """Observers of both ends of a mount.

    Attributes:
        on_tx: an end sends bytes.
        on_drive: an end drives a line.
        on_baudrate: an end changes its rate.
        on_rx: an event is about to reach an end, at a time; the flag is false if that end was detached while the event
            was on its way.
        after_rx: the same, after the end has handled the event.
    """

    on_tx: Callable[[Role, bytes], None]
    on_drive: Callable[[Role, str, bool], None]
    on_baudrate: Callable[[Role, int], None]
    on_rx: Callable[[Role, WireEvent, float, bool], None]
    after_rx: Callable[[Role, WireEvent], None]


class ObservedMount(FaultyMount):
    """A mount with optional faults and with observers at both ends."""

    def __init__(
        self,
        observer: MountObserver,
        dialect: Dialect,
        tap: Callable[[WireRecord], None],
        scheduler: Scheduler,
        resolution: Resolution,
        plan: FaultPlan | None,
    ) -> None:
        self._observer = observer
        self._listening = dict.fromkeys(Role, 0)
        super().__init__(dialect, tap, scheduler, resolution, plan)

    def port(self, role: Role) -> WireOutput:
        """The output of an end."""
        port, observer = super().port(role), self._observer
        # Every edge and frame passes here, so that what is called is looked up once.
        on_drive, drive_port, on_tx, transmit_at_port = observer.on_drive, port.drive, observer.on_tx, port.transmit

        def drive(line: str, level: bool) -> None:
            on_drive(role, line, level)
            drive_port(line, level)

        def transmit(data: bytes) -> None:
            on_tx(role, data)
            transmit_at_port(data)

        def set_baudrate(baudrate: int) -> None:
            observer.on_baudrate(role, baudrate)
            port.set_baudrate(baudrate)

        return WireOutput(drive, transmit, set_baudrate)

    def connect(self, role: Role, on_event: EventHandler) -> None:
        """Connect an end, with the observer in front of it."""
        observer, listening = self._observer, self._listening
        listening[role] += 1
        number = listening[role]
        on_rx, after_rx = observer.on_rx, observer.after_rx

        def observe_event(event: WireEvent, now: float) -> None:
            there = listening[role] == number
            on_rx(role, event, now, there)
            on_event(event, now)
            if there:
                after_rx(role, event)

        super().connect(role, observe_event)


class PassiveEngine(Engine):
    """An end that receives, and sends nothing by itself."""


MAX_VIOLATIONS = 20

OVERFLOW_S = 1.0
"""Seconds after a flood in which a device may still leave out what it could not queue."""


class Violation(NamedTuple):
    """A violation of an invariant.

    Attributes:
        invariant: its name in `INVARIANTS`.
        at: its time, in seconds.
        text: the observation, in one line.
    """

    invariant: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """The configuration of a monitored session.

    Attributes:
        body: profile of the body.
        lens: profile of the lens.
        script: the script of the body.
        seed: the seed of random decisions.
        plan: the faults from the start on.
        resolution: how bytes are delivered.
        passive_end: the end without an engine: it receives, and sends nothing by itself.
        uncarried_lines: lines that the ports of the ends lack, as those of a live session may.
    """

    body: Profile
    lens: Profile
    script: str = ""
    seed: int = 0
    plan: FaultPlan | None = None
    resolution: Resolution = "frame"
    passive_end: Role | None = None
    uncarried_lines: frozenset[str] = frozenset()


class SessionMonitor:
    """A session with a monitor.

    Attributes:
        dialect: the dialect.
        traits: its traits for fuzzing.
        session: the session.
        mount: its contacts.
        violations: the violations.
        notices: the notices of the engines.
        stream_frames: frames that arrived and belong to a running stream, by end.
        last_window: those of them that arrived in the last window in which a stream was waited for.
        last_edge: line -> its level as the recording has it.
        recorded: recorded bytes that have not arrived yet, by sender; bytes that arrived as noise are not among
            them.
        gives_supply: whether the body supplies the lens.
        supply_fell_at: when the supply last went low, in seconds.
        unrecorded: bytes that an end has received and that are not recorded yet, by end.
        faulted: whether a fault or a third party has acted.
        crashed: whether an exception ended the session.
    """

    def __init__(
        self,
        config: SessionConfig,
        tap: Callable[[WireRecord], None] = lambda _record: None,
        accessories: Sequence[Accessory] = (),
    ) -> None:
        self.dialect: Dialect = get_dialect(config.body.dialect)
        self.traits: FuzzTraits = get_traits(self.dialect.name)
        self.config = config
        self.violations: list[Violation] = []
        self.notices: list[Notice] = []
        self.stream_frames = dict.fromkeys(Role, 0)
        self.last_window = dict.fromkeys(Role, 0)
        self.last_edge: dict[str, bool] = {}
        self.recorded = {role: bytearray() for role in Role}
        self.unrecorded = {role: bytearray() for role in Role}
        self.faulted = bool(config.plan)
        self.crashed = False
        self._tap = tap
        self._last_burst: Burst | None = None
        self.gives_supply = False
        self.supply_fell_at = -1.0
        self._feeds = {line for line, role in self.dialect.drivers.items() if role is Role.BODY}
        self._feeds -= {self.dialect.supply, *self.dialect.rails}
        memo = PayloadMemo()
        self._tx_checker = TxChecker(self.dialect, self.traits, self.report_violation, memo)
        self._rx_boundaries = {
            role: RxBoundaryTracker(self.dialect.select_line(role.peer), self.dialect.idle_timeout) for role in Role
        }
        self._selects = {self.dialect.select_line(role) for role in Role}
        self._checked_begins = dict.fromkeys(Role, 0)
        self._positions: dict[str, tuple[Engine, float, float]] = {}
        self._routine = self.dialect.routine_types
        self._limits = Counter[str]()
        self._rules: dict[Role, DeviceRules] = {}
        self.session = VirtualSession(
            self.dialect,
            self._engine(config.body, "body"),
            self._engine(config.lens, "lens"),
            accessories,
            tap=self._on_record,
            on_notice=self._on_notice,
            resolution=config.resolution,
            plan=config.plan,
            mount_factory=self._make_mount,
            make_other_lens=self._other_lens,
            memo=memo,
        )
        assert isinstance(self.session.mount, FaultyMount)
        self.mount: FaultyMount = self.session.mount
        for engine in (self.session.body, self.session.device):
            self._observe(engine)

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.session.now

    def report_violation(self, invariant: str, text: str) -> None:
        """Report a violation; each kind a few times."""
        self._limits[invariant] += 1
        if self._limits[invariant] <= MAX_VIOLATIONS:
            self.violations.append(Violation(invariant, self.now, text))

    def run_guarded(self, action: Callable[[], object]) -> None:
        """Run an action on the session; an exception is a violation, and ends the session."""
        if self.crashed:
            return
        try:
            action()
        except Exception as error:
            self.crashed = True
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = "" if place is None else f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}"
            self.report_violation("no exception", f"{type(error).__name__}: {error}{where}")

    def run(self, until: float, stop_when: Callable[[], bool] | None = None) -> None:
        """Advance time."""
        self.run_guarded(lambda: self.session.run(until, stop_when=stop_when))

    def unanswered_requests(self) -> list[tuple[Role, OpenRequest]]:
        """Requests without a reply in time that were not given up, each with the end to blame."""
        now, traits, asked = self.now, self.traits, self._tx_checker.open
        late = [(Role.BODY, one) for key, one in asked[Role.BODY].items() if now - one.at > traits.reply_timeout(key)]
        # A lens drops replies when it gets more requests than it can queue: open requests then count as given up.
        lens = self.session.lens
        overflowed = lens.overflowed_at if isinstance(lens, FirmwareEngine) else traits.overflowed(lens)
        given_up, until = overflowed, now - traits.lens_reply_s
        return late + [(Role.LENS, one) for one in asked[Role.LENS].values() if given_up < one.at < until]

    def sample_positions(self) -> None:
        """Check the positions of the lens's parts, and their speed."""
        lens, now = self.session.lens, self.mount.local(Role.LENS, self.now)
        for name, value, lowest, highest, speed, slack in self.traits.motion_bounds(lens, now):
            if not lowest <= value <= highest:
                self.report_violation("within limits", f"{name} at {value:g}, outside {lowest:g} to {highest:g}")
            engine, before, at = self._positions.get(name, (lens, value, now))
            if engine is lens and abs(value - before) > speed * (now - at) + slack:
                self.report_violation(
                    "speed limits", f"{name} from {before:g} to {value:g} in {(now - at) * 1e3:.1f} ms"
                )
            self._positions[name] = (lens, value, now)

    # Callbacks of the session.

    def _on_record(self, record: WireRecord) -> None:
        self._tap(record)
        if isinstance(record, Burst):
            self.recorded[record.sender] += record.data
            self._last_burst = record
        elif isinstance(record, Edge):
            self.last_edge[record.line] = record.level
            if record.line == self.dialect.supply and not record.level:
                self.supply_fell_at = self.now
            if record.line == self.dialect.supply or (record.line == self.dialect.detect and record.level):
                self._tx_checker.forget()
        elif (
            isinstance(record, Annotation)
            and record.kind is AnnotationKind.FRAMING_ERROR
            and self._last_burst is not None
        ):
            del self.recorded[self._last_burst.sender][-len(self._last_burst.data) :]

    def _on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)
        if notice.kind is NoticeKind.FIRMWARE_FAULT:
            self.report_violation("firmware", notice.text)
        if notice.is_error and notice.role is Role.BODY:
            # After any error the body knows of the problem, and does not wait for a reply.
            self._tx_checker.open[Role.BODY].clear()

    def _report_rules(self, broken: Iterable[str]) -> None:
        for text in broken:
            lens = self.session.lens
            if not isinstance(lens, FirmwareEngine) or self.now - lens.overflowed_at > OVERFLOW_S:
                self.report_violation("rules", text)

    def _on_tx(self, role: Role, data: bytes) -> None:
        if role in self._rules:
            self._report_rules(self._rules[role].on_tx(data, self.now))
        self._tx_checker.on_tx(role, data, self.now, powered=self._powered())
        if role is Role.LENS:
            self.sample_positions()
        elif not self.gives_supply:
            self.report_violation(
                "no back-powering", f"the body sends {len(data)} bytes to a lens to which it gives no supply"
            )

    def _on_rx(self, role: Role, event: WireEvent, now: float, there: bool) -> None:
        if isinstance(event, Received):
            self.unrecorded[role] += event.data
            if role is Role.BODY and not self.mount.levels[self.dialect.supply] and self.now > self.supply_fell_at:
                self.report_violation(
                    "no back-powering", f"{len(event.data)} bytes arrive from a lens that has no supply"
                )
        if not there:
            return
        if role in self._rules and isinstance(event, LineChanged):
            # Rules count true time, whatever the clock of the end is.
            self._report_rules(self._rules[role].on_line(event.line, event.level, self.now))
        if isinstance(event, LineChanged):
            self._rx_boundaries[role].on_line(event)
            if not event.level and event.line == self.dialect.supply and self._tx_checker.pending_requests:
                self._tx_checker.on_power_loss()
        elif self._get_engine(role).rx_enabled:
            self._rx_boundaries[role].on_bytes(event.data, now)

    def _after_rx(self, role: Role, _event: WireEvent) -> None:
        begins = self._rx_boundaries[role].begins
        if begins == self._checked_begins[role]:
            # Bytes only leave the buffer: what was consumed up to this boundary stays so.
            return
        held = begins - self._get_engine(role).connection.consumed_offset
        if held <= 0:
            self._checked_begins[role] = begins
        elif not self.crashed:
            self.report_violation(
                "frame boundaries", f"the {role.value} still buffers {held} bytes after the end of their window"
            )

    def buffered_bytes(self, role: Role) -> int:
        """Bytes that an end has received and not yet reported as a frame or as garbage."""
        return self._rx_boundaries[role].count - self._get_engine(role).connection.consumed_offset

    def _get_engine(self, role: Role) -> Engine:
        return self.session.body if role is Role.BODY else self.session.device

    def _on_drive(self, role: Role, line: str, level: bool) -> None:
        if role in self._rules:
            self._report_rules(self._rules[role].on_line(line, level, self.now))
        if line == self.dialect.supply:
            self.gives_supply = level
        elif level and line in self._feeds and not self.gives_supply:
            self.report_violation(
                "no back-powering", f"the body drives {line} high into a lens to which it gives no supply"
            )
        if line in self._selects:
            self._tx_checker.on_drive(role, line, level, self.now, powered=self._powered())

    def _on_baudrate(self, role: Role, baudrate: int) -> None:
        """Handle a change of an end's rate."""
        if role in self._rules:
            self._rules[role].on_baudrate(baudrate)

    def _powered(self) -> bool:
        return self.mount.levels[self.dialect.supply] and self.mount.attached

    def _on_arrival(self, role: Role, arrival: ReceivedFrame) -> None:
        if arrival.violation is None and self._is_routine(arrival):
            self.stream_frames[role] += 1
        frame, begins = arrival.frame, self._rx_boundaries[role].begins
        if frame.offset < begins < frame.offset + len(frame.raw):
            self.report_violation(
                "frame boundaries", f"the {role.value} reads a frame that begins in one window and ends in another"
            )
        if role is Role.BODY:
            answered = self.traits.reply_key(arrival.frame)
            if answered is not None:
                self._tx_checker.open[Role.BODY].pop(answered, None)
            return
        self._tx_checker.on_lens_rx(arrival.frame)
        if arrival.violation is None:
            asked = self.traits.request_key(arrival.frame)
            if asked is not None and self.session.device.connection.state != self.dialect.transitions.initial:
                self._tx_checker.open[Role.LENS][asked] = OpenRequest(arrival.frame, self.now)

    def _check_rx(self, role: Role, arrival: ReceivedFrame) -> None:
        self._report_rules(self._rules[role].on_rx(arrival.frame, self.now))

    def _is_routine(self, arrival: ReceivedFrame) -> bool:
        return all(message_type(message) in self._routine for message in arrival.messages)

    # Construction of the session.

    def _engine(self, profile: Profile, name: str) -> Engine:
        if self.config.passive_end is not None and name.endswith(self.config.passive_end.value):
            return PassiveEngine(self.dialect, self.config.passive_end)
        config = get_cached_roles(profile.dialect)
        steps = parse_script(self.config.script, config.verbs) if name == "body" else ()
        carried = (
            frozenset(self.dialect.wiring.lines) - self.config.uncarried_lines if self.config.uncarried_lines else None
        )
        return make_engine(config, profile.settings, carried, Random(f"{self.config.seed} {name}"), steps)

    def _other_lens(self, _name: str) -> Engine:
        # It is another lens of the same kind, so the session's traits apply to it as well.
        return self._observe_lens(self._engine(self.config.lens, "other lens"))

    def _observe_lens(self, lens: Engine) -> Engine:
        """Observe a lens that replaces another one."""
        self._tx_checker.on_lens_attached()
        self._rx_boundaries[Role.LENS] = RxBoundaryTracker(
            self.dialect.select_line(Role.BODY), self.dialect.idle_timeout
        )
        self._observe(lens)
        return lens

    def _follow_firmware(self, engine: Engine) -> None:
        """Check the rules of the wire that a firmware keeps, and let its connection follow the wire."""
        if isinstance(engine, FirmwareEngine):
            if engine.role in self.traits.device_rules:
                self._rules[engine.role] = self.traits.device_rules[engine.role]()
                engine.observe(FrameObserver(self._check_rx))
            else:
                engine.observe(Observer())

    def _observe(self, engine: Engine) -> None:
        self._follow_firmware(engine)
        if engine.role is Role.LENS:
            self._tx_checker.on_power_loss()
        engine.observe(FrameObserver(self._on_arrival))

    def _make_mount(
        self,
        dialect: Dialect,
        tap: Callable[[WireRecord], None],
        scheduler: Scheduler,
        resolution: Resolution,
        plan: FaultPlan | None,
    ) -> FaultyMount:
        return ObservedMount(
            MountObserver(self._on_tx, self._on_drive, self._on_baudrate, self._on_rx, self._after_rx),
            dialect,
            tap,
            scheduler,
            resolution,
            plan,
        )
