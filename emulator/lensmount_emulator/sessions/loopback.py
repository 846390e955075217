"""The virtual session: two profiles meet on a virtual mount, do what a script says, and are measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.mount.virtual import Resolution
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.engine import Engine, Notice
from lensmount_emulator.roles.findings import Finding
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.bench import Bench
from lensmount_emulator.sessions.tally import Tally
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.marks import marks_of
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.timing import Measurement, measure
from lensmount_protocol.wire import Record, Role

USUAL_BODY = "a6000"
USUAL_LENS = "sel55210"
LONGEST = 60.0
"""Seconds after which a session without a duration ends, script or not."""

LONGEST_FRAME = 0.3

AFTERGLOW = 0.1
"""Seconds that a session goes on behind the last step of its script."""


@dataclass(slots=True)
class Session:
    """What a virtual session came to.

    Attributes:
        dialect: what was spoken.
        body: the body's profile.
        lens: the lens's profile.
        seconds: how long it lasted, in virtual time.
        records: every byte and edge.
        events: the same, decoded.
        notices: what the engines had to say.
        violations: what would have hurt a real device.
        tally: counts of frames and bytes.
        timing: the timing contract as it was kept.
        finished: whether the script was carried out.
        findings: what the script's checks came to.
    """

    dialect: Dialect
    body: Profile
    lens: Profile
    seconds: float
    records: list[Record]
    events: list[Decoded]
    notices: list[Notice]
    violations: list[str]
    finished: bool
    findings: list[Finding]
    tally: Tally = field(init=False)
    timing: list[Measurement] = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.dialect)
        for event in self.events:
            self.tally.add(event)
        self.timing = measure(self.dialect.timing, marks_of(self.events, self.dialect))

    @property
    def clean(self) -> bool:
        """Whether nothing was found wanting."""
        broken = any(rule.violations for rule in self.timing) or any(notice.trouble for notice in self.notices)
        return self.finished and not broken and not self.violations and self.tally.proven and not self.tally.runs


def run_loopback(
    body: str | Profile = USUAL_BODY,
    lens: str | Profile = USUAL_LENS,
    *,
    script: str = "",
    seconds: float | None = None,
    seed: int | None = None,
    tap: Callable[[Record], None] | None = None,
    resolution: Resolution = "frame",
    armed: Sequence[str] = (),
) -> Session:
    """Let a body and a lens meet in virtual time.

    Args:
        body: a body profile, by name or path, or one that has been read.
        lens: a lens profile.
        script: what to do once the loop runs: `focus 0x3F50; aperture f/8; sleep`.
        seconds: how long, in virtual time; `None` until the script is done.
        seed: where reaction times get their jitter from; `None` for nominal times. The same seed gives the same
            session, byte for byte.
        tap: sees every byte and edge as it becomes certain, for a recording that survives what comes after.
        resolution: whether the virtual mount delivers bytes in frames or one by one; the session is the same.
        armed: guarded messages that this session may send, by name: `Update*`.

    Raises:
        ProfileError: a profile is unknown, impossible, of the other role, or speaks another dialect than its peer.
        ScriptError: a verb or value of the script that nobody knows.
    """
    profiles = _profile(body, Role.BODY), _profile(lens, Role.LENS)
    dialect = load_dialect(profiles[0].dialect)
    engines = _engines(*profiles, script, seed)
    engines[0].arm(armed)
    records: list[Record] = []
    notices: list[Notice] = []

    def record(what: Record) -> None:
        records.append(what)
        if tap is not None:
            tap(what)

    bench = Bench(dialect, *engines, tap=record, listen=notices.append, resolution=resolution)
    bench.start()
    if seconds is None:
        bench.run(LONGEST, unless=lambda: engines[0].done)
        bench.run(bench.now + AFTERGLOW)
    else:
        bench.run(seconds)
    # A recording ends between frames; the longest pause inside one is 150 ms.
    bench.run(bench.now + LONGEST_FRAME, unless=lambda: not (engines[0].sending or engines[1].sending))
    events = list(Decoder(dialect).decode(records))
    done = engines[0].done
    return Session(
        dialect, *profiles, bench.now, records, events, notices, bench.mount.violations, done, engines[0].findings
    )


def _profile(named: str | Profile, role: Role) -> Profile:
    return load_profile(named, role) if isinstance(named, str) else named


def _engines(body: Profile, lens: Profile, script: str, seed: int | None) -> tuple[Engine, Engine]:
    if body.dialect != lens.dialect:
        raise ProfileError(f"{body.name} speaks {body.dialect} and {lens.name} speaks {lens.dialect}; they cannot meet")
    # One source each, so that what one end does never shifts the other's times.
    randoms = (None, None) if seed is None else (Random(f"{seed} body"), Random(f"{seed} lens"))
    cast = cast_of(body.dialect)
    steps = parse_script(script, cast.verbs)
    return cast.engine(body.settings, None, randoms[0], steps), cast.engine(lens.settings, None, randoms[1], ())
