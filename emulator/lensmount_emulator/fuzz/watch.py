"""Who watches a session while it runs: what each end gives out before faults touch it, what it hears, where it moves.

A watch notes what must not be at the moment at which it is; `invariants` says what that is, and asks for the rest.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from lensmount_emulator.faults.mount import FaultyMount
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.fuzz.ears import Ears, OverheardMount
from lensmount_emulator.fuzz.given import Given
from lensmount_emulator.fuzz.listening import Listening
from lensmount_emulator.fuzz.puppet import Puppet
from lensmount_emulator.fuzz.traits import dialect_of, players_of, traits_of
from lensmount_emulator.mount.virtual import Resolution
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.observer import FrameObserver
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.sessions.bench import Bench
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.paving import type_of
from lensmount_protocol.wire import Burst, Edge, LineChanged, Received, Record, Remark, RemarkKind, Role, WireEvent

MOST_COMPLAINTS = 20


class Complaint(NamedTuple):
    """Something that must not be.

    Attributes:
        invariant: what was broken, by its name in `INVARIANTS`.
        at: when, in seconds.
        text: what was seen, in one line.
    """

    invariant: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Players:
    """Who plays a session that is watched.

    Attributes:
        body: profile of the body.
        lens: profile of the lens.
        script: what the body does.
        seed: where all chance comes from.
        plan: what goes wrong from the start on.
        resolution: how bytes are delivered.
        puppet: the end that is no engine: it hears, and does nothing by itself.
        missing: lines that the ends' ports do not carry, as those of a live session may not.
    """

    body: Profile
    lens: Profile
    script: str = ""
    seed: int = 0
    plan: Plan | None = None
    resolution: Resolution = "frame"
    puppet: Role | None = None
    missing: frozenset[str] = frozenset()


class Watch:
    """A session with somebody who watches it.

    Attributes:
        dialect: what is spoken.
        traits: what is known of it.
        bench: the session.
        mount: its contacts.
        complaints: what must not be and was.
        notices: what the ends told.
        heard: frames that arrived and belong to a running stream, by end.
        last_edge: line -> its level as the recording has it.
        recorded: bytes that the recording holds and nobody has heard yet, by sender; those that arrived as noise are
            not among them.
        gives_supply: whether the body means the lens to have supply.
        supply_fell_at: when the supply last went low, in seconds.
        unrecorded: bytes that an end has heard and the recording does not hold yet, by end.
        faulted: whether anything has gone wrong by order, or been done by somebody who is no end.
        crashed: whether an error came out of it, so that nothing more can be done with it.
    """

    def __init__(self, cast: Players, tap: Callable[[Record], None] = lambda _record: None) -> None:
        self.dialect: Dialect = dialect_of(cast.body.dialect)
        self.traits: FuzzTraits = traits_of(self.dialect.name)
        self.cast = cast
        self.complaints: list[Complaint] = []
        self.notices: list[Notice] = []
        self.heard = dict.fromkeys(Role, 0)
        self.last_edge: dict[str, bool] = {}
        self.recorded = {role: bytearray() for role in Role}
        self.unrecorded = {role: bytearray() for role in Role}
        self.faulted = bool(cast.plan)
        self.crashed = False
        self._tap = tap
        self._last_burst: Burst | None = None
        self.gives_supply = False
        self.supply_fell_at = -1.0
        self._feeds = {line for line, role in self.dialect.drivers.items() if role is Role.BODY}
        self._feeds -= {self.dialect.supply, *self.dialect.rails}
        self._given = Given(self.dialect, self.traits, self.complain)
        self._listening = {role: Listening(self.dialect.select_line(role.peer), self.dialect.silence) for role in Role}
        self._places: dict[str, tuple[Engine, float, float]] = {}
        self._routine = {int(type_, 16) for said in self.dialect.routine for type_ in said.split("+")}
        self._limits = Counter[str]()
        self.bench = Bench(
            self.dialect,
            self._engine(cast.body, "body"),
            self._engine(cast.lens, "lens"),
            tap=self._see,
            listen=self._listen,
            resolution=cast.resolution,
            plan=cast.plan,
            mounting=self._mounting,
            other_lens=self._other_lens,
        )
        assert isinstance(self.bench.mount, FaultyMount)
        self.mount: FaultyMount = self.bench.mount
        for engine in (self.bench.body, self.bench.lens):
            self._overhear(engine)

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self.bench.now

    def complain(self, invariant: str, text: str) -> None:
        """Note something that must not be; each kind a few times."""
        self._limits[invariant] += 1
        if self._limits[invariant] <= MOST_COMPLAINTS:
            self.complaints.append(Complaint(invariant, self.now, text))

    def attempt(self, deed: Callable[[], object]) -> None:
        """Do something with the session; what comes out of it but a result is noted, and ends it."""
        if self.crashed:
            return
        try:
            deed()
        except Exception as error:
            self.crashed = True
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = "" if place is None else f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}"
            self.complain("no exception", f"{type(error).__name__}: {error}{where}")

    def run(self, until: float, unless: Callable[[], bool] | None = None) -> None:
        """Let time pass."""
        self.attempt(lambda: self.bench.run(until, unless=unless))

    def overdue(self) -> list[tuple[Role, int, float]]:
        """What was asked and has neither been answered nor given up in its time: who is to blame, what, since when."""
        now, traits, asked = self.now, self.traits, self._given.open
        late = [(Role.BODY, key, at) for key, at in asked[Role.BODY].items() if now - at > traits.patience(key)]
        # Asked for more than it can keep, a lens leaves answers out: what was open then is given up.
        given_up, until = traits.overflowed(self.bench.lens), now - traits.lens_answers
        return late + [(Role.LENS, key, at) for key, at in asked[Role.LENS].items() if given_up < at < until]

    def look(self) -> None:
        """See where the parts of the lens stand, and whether they can be there."""
        lens, now = self.bench.lens, self.mount.local(Role.LENS, self.now)
        for name, value, lowest, highest, speed, slack in self.traits.places(lens, now):
            if not lowest <= value <= highest:
                self.complain("within limits", f"{name} at {value:g}, outside {lowest:g} to {highest:g}")
            engine, before, at = self._places.get(name, (lens, value, now))
            if engine is lens and abs(value - before) > speed * (now - at) + slack:
                self.complain("never teleported", f"{name} from {before:g} to {value:g} in {(now - at) * 1e3:.1f} ms")
            self._places[name] = (lens, value, now)

    # What the session tells as it happens.

    def _see(self, record: Record) -> None:
        self._tap(record)
        if isinstance(record, Burst):
            self.recorded[record.sender] += record.data
            self._last_burst = record
        elif isinstance(record, Edge):
            self.last_edge[record.line] = record.level
            if record.line == self.dialect.supply and not record.level:
                self.supply_fell_at = self.now
            if record.line == self.dialect.supply or (record.line == self.dialect.detect and record.level):
                self._given.forget()
        elif isinstance(record, Remark) and record.kind is RemarkKind.FRAMING_ERROR and self._last_burst is not None:
            del self.recorded[self._last_burst.sender][-len(self._last_burst.data) :]

    def _listen(self, notice: Notice) -> None:
        self.notices.append(notice)
        if notice.trouble and notice.role is Role.BODY:
            # Whatever it was: the body knows that something is wrong, and does not wait in ignorance.
            self._given.open[Role.BODY].clear()

    def _sent(self, role: Role, data: bytes) -> None:
        self._given.sent(role, data, self.now, powered=self._powered())
        if role is Role.LENS:
            self.look()
        elif not self.gives_supply:
            self.complain("unpowered", f"the body sends {len(data)} bytes to a lens to which it gives no supply")

    def _hears(self, role: Role, event: WireEvent, now: float, there: bool) -> None:
        if isinstance(event, Received):
            self.unrecorded[role] += event.data
            if role is Role.BODY and not self.mount.levels[self.dialect.supply] and self.now > self.supply_fell_at:
                self.complain("unpowered", f"{len(event.data)} bytes arrive from a lens that has no supply")
        if not there:
            return
        if isinstance(event, LineChanged):
            self._listening[role].turn(event)
            if not event.level and event.line == self.dialect.supply and self._given.asked:
                self._given.supply_falls()
        elif self._engine_of(role).hears:
            self._listening[role].take(event.data, now)

    def _heard(self, role: Role, _event: WireEvent) -> None:
        listening = self._listening[role]
        held = listening.begins - self._engine_of(role).connection.settled
        if held > 0 and not self.crashed:
            self.complain(
                "heard whole", f"the {role.value} holds {held} bytes back behind the end of what they were in"
            )

    def held_back(self, role: Role) -> int:
        """Bytes that an end has heard and told neither as a frame nor as none."""
        return self._listening[role].count - self._engine_of(role).connection.settled

    def _engine_of(self, role: Role) -> Engine:
        return self.bench.body if role is Role.BODY else self.bench.lens

    def _drove(self, role: Role, line: str, level: bool) -> None:
        if line == self.dialect.supply:
            self.gives_supply = level
        elif level and line in self._feeds and not self.gives_supply:
            self.complain("unpowered", f"the body drives {line} high into a lens to which it gives no supply")
        self._given.drove(role, line, level, self.now, powered=self._powered())

    def _rated(self, role: Role, baudrate: int) -> None:
        """An end takes another rate."""

    def _powered(self) -> bool:
        return self.mount.levels[self.dialect.supply] and self.mount.attached

    def _arrived(self, role: Role, arrival: Arrival) -> None:
        if arrival.violation is None and self._is_routine(arrival):
            self.heard[role] += 1
        frame, begins = arrival.frame, self._listening[role].begins
        if frame.offset < begins < frame.offset + len(frame.raw):
            self.complain(
                "heard whole", f"the {role.value} reads a frame that begins in one window and ends in another"
            )
        if role is Role.BODY:
            answered = self.traits.answers(arrival.frame)
            if answered is not None:
                self._given.open[Role.BODY].pop(answered, None)
            return
        self._given.hears(arrival.frame)
        if arrival.violation is None:
            asked = self.traits.asks(arrival.frame)
            if asked is not None and self.bench.lens.connection.state != self.dialect.transitions.initial:
                self._given.open[Role.LENS][asked] = self.now

    def _is_routine(self, arrival: Arrival) -> bool:
        return all(type_of(message) in self._routine for message in arrival.messages)

    # How the session is made.

    def _engine(self, profile: Profile, name: str) -> Engine:
        if self.cast.puppet is not None and name.endswith(self.cast.puppet.value):
            return Puppet(self.dialect, self.cast.puppet)
        cast = players_of(profile.dialect)
        steps = parse_script(self.cast.script, cast.verbs) if name == "body" else ()
        carried = frozenset(self.dialect.wiring.lines) - self.cast.missing if self.cast.missing else None
        return cast.engine(profile.settings, carried, Random(f"{self.cast.seed} {name}"), steps)

    def _other_lens(self, _name: str) -> Engine:
        # It is another of its kind: what the session knows of its dialect holds for it as well.
        return self._welcome(self._engine(self.cast.lens, "other lens"))

    def _welcome(self, lens: Engine) -> Engine:
        """Listen to a lens that is put on in the place of another."""
        self._given.welcome()
        self._listening[Role.LENS] = Listening(self.dialect.select_line(Role.BODY), self.dialect.silence)
        self._overhear(lens)
        return lens

    def _overhear(self, engine: Engine) -> None:
        if engine.role is Role.LENS:
            self._given.supply_falls()
        engine.observe(FrameObserver(self._arrived))

    def _mounting(
        self,
        dialect: Dialect,
        tap: Callable[[Record], None],
        scheduler: Scheduler,
        resolution: Resolution,
        plan: Plan | None,
    ) -> FaultyMount:
        return OverheardMount(
            Ears(self._sent, self._drove, self._rated, self._hears, self._heard),
            dialect,
            tap,
            scheduler,
            resolution,
            plan,
        )
