"""The virtual session: two profiles meet on a virtual mount, do what a script says, and are measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from random import Random
from typing import TypeVar

from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.plan import Plan, plan_of
from lensmount_emulator.mount.virtual import Resolution
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.accessory import Accessory, Piece
from lensmount_emulator.roles.cast import Place
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.findings import Finding, Verdict, worst
from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.chain import Chain
from lensmount_emulator.sessions.header import session_header
from lensmount_emulator.sessions.script_progress import ScriptProgress, script_progress
from lensmount_emulator.sessions.session_errors import SessionError, session_errors
from lensmount_emulator.sessions.tally import Tally
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.html_table import html_table
from lensmount_protocol.marks import marks_of
from lensmount_protocol.message import Message
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

M = TypeVar("M", bound=Message)


@dataclass(slots=True, repr=False)
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
        finished: whether the script was carried out; one that the body gave up was not.
        findings: what the script's checks came to.
        accessories: profiles of what stands between, from the body on.
        plan: what went wrong by order.
        script: how far the script came; `None` where that is not known.
        header: the header of its recording, which is enough to run the session again.
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
    accessories: Sequence[Profile] = ()
    plan: Plan = field(default_factory=Plan)
    script: ScriptProgress | None = None
    header: Mapping[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        self.tally = Tally(self.dialect)
        for event in self.events:
            self.tally.add(event)
        self.timing = measure(self.dialect.timing, marks_of(self.events, self.dialect))

    @property
    def declined(self) -> bool:
        """Whether the body gave the script up on a lens that it refuses, by a finding with its rule."""
        refused = any(finding.verdict is Verdict.REFUSED and finding.rule for finding in self.findings)
        return self.script is not None and self.script.gave_up and refused

    @property
    def clean(self) -> bool:
        """Whether nothing was found wanting."""
        broken = any(rule.violations for rule in self.timing) or any(notice.trouble for notice in self.notices)
        return self.finished and not broken and not self.violations and self.tally.proven and not self.tally.runs

    @property
    def ok(self) -> bool:
        """Whether the script was carried out without an error; the same as an empty `errors`."""
        return self.clean

    @property
    def errors(self) -> list[SessionError]:
        """Every error of the session, as data with its kind, time and end."""
        return list(
            session_errors(
                finished=self.finished,
                script=self.script,
                seconds=self.seconds,
                notices=self.notices,
                violations=self.violations,
                timing=self.timing,
                events=self.events,
                tally=self.tally,
            )
        )

    @property
    def verdict(self) -> Verdict | None:
        """The body's verdict on the lens; `None` where the body of this dialect checks nothing."""
        return worst(self.findings) if self.findings else None

    @property
    def frames(self) -> list[DecodedFrame]:
        """Every valid frame, in the order in which it became certain."""
        return [event for event in self.events if isinstance(event, DecodedFrame)]

    def messages(self, kind: type[M]) -> Iterator[M]:
        """Yield the messages of a class, in order."""
        for frame in self.frames:
            for message in frame.messages:
                if isinstance(message, kind):
                    yield message

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the session as a recording that `lensmount replay` and `lensmount decode` read.

        Args:
            path: the file, which ends in `.lmx` by custom.
            overwrite: replace an existing file.

        Returns:
            The path of the file.

        Raises:
            CaptureError: the file exists or cannot be written.
        """
        target = Path(path)
        with RecordingWriter(target, self.header, overwrite=overwrite) as writer:
            for record in self.records:
                writer.write(record)
        return target

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"{len(self.errors)} errors"
        devices = " + ".join(profile.name for profile in (self.body, *self.accessories, self.lens))
        return f"<{type(self).__name__} {devices}: {state}, {self.tally.valid} frames in {self.seconds:.3f} s>"

    def _repr_html_(self) -> str:
        errors = self.errors
        counts = sorted(self.tally.frames.items(), key=lambda item: -item[1][0])
        frames = ((sender, types, count, size) for (sender, types), (count, size) in counts)
        traffic = html_table(repr(self), ("sender", "message types", "frames", "bytes"), frames, len(counts))
        if not errors:
            return traffic
        rows = ((error.kind.value, "" if error.at is None else f"{error.at:.6f}", error.text) for error in errors)
        return traffic + html_table(f"{len(errors)} errors", ("kind", "time in s", "error"), rows, len(errors))


def run_loopback(
    body: str | Profile = USUAL_BODY,
    lens: str | Profile = USUAL_LENS,
    *,
    accessories: Sequence[str | Profile] = (),
    script: str = "",
    seconds: float | None = None,
    seed: int | None = None,
    tap: Callable[[Record], None] | None = None,
    listen: Callable[[Notice], None] | None = None,
    resolution: Resolution = "frame",
    armed: Sequence[str] = (),
    faults: Sequence[str | Fault] = (),
) -> Session:
    """Let a body and a lens meet in virtual time.

    Args:
        body: a body profile, by name or path, or one that has been read.
        lens: a lens profile.
        accessories: profiles of what stands between them, from the body on.
        script: what to do once the loop runs: `focus 0x3F50; aperture f/8; sleep`.
        seconds: how long, in virtual time; `None` until the script is done.
        seed: where reaction times get their jitter from; `None` for nominal times. The same seed gives the same
            session, byte for byte.
        tap: sees every byte and edge as it becomes certain, for a recording that survives what comes after.
        listen: gets the notices of the engines as they happen.
        resolution: whether the virtual mount delivers bytes in frames or one by one; the session is the same.
        armed: guarded messages that this session may send, by name: `Update*`.
        faults: what goes wrong at the body's mount: `bitflip rate=1e-4`, `detach at=1.2s for=30ms`. Their chance comes
            from the seed as well, each from a source of its own; without faults the session is the same to the byte.

    Raises:
        ProfileError: a profile is unknown, impossible, of the other role, speaks another dialect than its peer, or
            does not fit where it is put.
        ScriptError: a verb or value of the script that nobody knows.
        FaultError: a fault, key, value or line that nobody knows.
    """
    records: list[Record] = []
    notices: list[Notice] = []

    def record(what: Record) -> None:
        records.append(what)
        if tap is not None:
            tap(what)

    def note(notice: Notice) -> None:
        notices.append(notice)
        if listen is not None:
            listen(notice)

    made = _make_session(
        body,
        lens,
        accessories=accessories,
        script=script,
        seed=seed,
        tap=record,
        listen=note,
        resolution=resolution,
        armed=armed,
        faults=faults,
    )
    chain = made.chain
    chain.start()
    if seconds is None:
        chain.run(LONGEST, unless=lambda: made.parts.body.done)
        chain.run(chain.now + AFTERGLOW)
    else:
        chain.run(seconds)
    # A recording ends between frames; the longest pause inside one is 150 ms.
    chain.run(chain.now + LONGEST_FRAME, unless=lambda: not chain.sending)
    script_result = script_progress(made.parts.body)
    assert script_result is not None
    header = session_header(
        made.dialect.name,
        _name_of(body),
        _name_of(lens),
        script,
        seed,
        accessories=[_name_of(accessory) for accessory in accessories],
        faults=made.plan.texts() if made.plan else (),
        duration=seconds,
        armed=armed,
    )
    return Session(
        made.dialect,
        *made.profiles,
        chain.now,
        records,
        list(Decoder(made.dialect).decode(records)),
        notices,
        chain.violations,
        script_result.complete,
        made.parts.body.findings,
        made.between,
        made.plan,
        script_result,
        header,
    )


def make_virtual_session(
    body: str | Profile = USUAL_BODY,
    lens: str | Profile = USUAL_LENS,
    *,
    accessories: Sequence[str | Profile] = (),
    script: str = "",
    seed: int | None = None,
    tap: Callable[[Record], None] = lambda _record: None,
    listen: Callable[[Notice], None] = lambda _notice: None,
    resolution: Resolution = "frame",
    armed: Sequence[str] = (),
    faults: Sequence[str | Fault] = (),
) -> Chain:
    """Make a virtual session that the caller advances: `start()`, then `run(until)`, with changes in between.

    Args:
        body: as in `run_loopback`.
        lens: as in `run_loopback`.
        accessories: as in `run_loopback`.
        script: as in `run_loopback`.
        seed: as in `run_loopback`.
        tap: gets every byte and edge as it becomes certain.
        listen: gets the notices of the engines.
        resolution: as in `run_loopback`.
        armed: as in `run_loopback`.
        faults: as in `run_loopback`.

    Raises:
        ProfileError, ScriptError, FaultError: as in `run_loopback`.
    """
    return _make_session(
        body,
        lens,
        accessories=accessories,
        script=script,
        seed=seed,
        tap=tap,
        listen=listen,
        resolution=resolution,
        armed=armed,
        faults=faults,
    ).chain


@dataclass(frozen=True, slots=True)
class _Made:
    """A session that is ready to start, and what it was made of."""

    profiles: tuple[Profile, Profile]
    between: Sequence[Profile]
    dialect: Dialect
    plan: Plan
    parts: "Parts"
    chain: Chain


def _make_session(
    body: str | Profile,
    lens: str | Profile,
    *,
    accessories: Sequence[str | Profile],
    script: str,
    seed: int | None,
    tap: Callable[[Record], None],
    listen: Callable[[Notice], None],
    resolution: Resolution,
    armed: Sequence[str],
    faults: Sequence[str | Fault],
) -> _Made:
    profiles = profile_of(body, Place.BODY), profile_of(lens, Place.LENS)
    between = [profile_of(accessory, Place.ACCESSORY) for accessory in accessories]
    dialect = load_dialect(profiles[0].dialect)
    plan = plan_of(faults, seed)
    others = _others(plan, profiles[0], profiles[1], dialect)
    parts = cast_parts(*profiles, between, script, seed)
    parts.body.arm(armed)
    for remark in parts.remarks:
        listen(Notice(0.0, Role.LENS, remark))
    chain = Chain(
        dialect,
        parts.body,
        parts.lens,
        parts.accessories,
        tap=tap,
        listen=listen,
        resolution=resolution,
        plan=plan,
        other_lens=lambda name: _other_lens(others[name], seed),
    )
    return _Made(profiles, between, dialect, plan, parts, chain)


def _name_of(device: str | Profile) -> str:
    return device if isinstance(device, str) else device.name


def _others(plan: Plan, body: Profile, lens: Profile, dialect: Dialect) -> dict[str, Profile]:
    """The lenses that a plan puts on, by name; the first one has none."""
    plan.check(dialect)
    others = {"": lens, **{name: load_profile(name, Role.LENS) for name in plan.lenses}}
    for other in others.values():
        if other.dialect != lens.dialect:
            raise ProfileError(f"{body.name} speaks {body.dialect} and {other.name} speaks {other.dialect}")
    return others


def _other_lens(profile: Profile, seed: int | None) -> Engine:
    random = None if seed is None else Random(f"{seed} other lens")
    return cast_of(profile.dialect).engine(profile.settings, None, random, ())


def usual_pair(body: str | None, lens: str | None) -> tuple[Profile, Profile]:
    """The profiles of a body and a lens; where one is not named, the usual partner in the dialect of the other.

    Raises:
        ProfileError: as `load_profile`.
    """
    named = load_profile(body, Role.BODY) if body is not None else None
    if named is None and lens is not None:
        fitting = load_profile(lens, Role.LENS)
        return load_profile(cast_of(fitting.dialect).usual_body, Role.BODY), fitting
    named = named or load_profile(USUAL_BODY, Role.BODY)
    return named, load_profile(lens or cast_of(named.dialect).usual_lens, Role.LENS)


def check_loopback(
    body: str | Profile,
    lens: str | Profile,
    accessories: Sequence[str],
    script: str,
    faults: Sequence[str | Fault] = (),
) -> Plan:
    """Raise what `run_loopback` would raise of its profiles, its script and its faults, before anything is written."""
    profiles = profile_of(body, Place.BODY), profile_of(lens, Place.LENS)
    plan = plan_of(faults, None)
    _others(plan, *profiles, load_dialect(profiles[0].dialect))
    cast_parts(*profiles, [profile_of(name, Place.ACCESSORY) for name in accessories], script, None)
    return plan


def load_accessory(name: str) -> Profile:
    """The profile of an accessory.

    Raises:
        ProfileError: unknown, impossible, or no accessory.
    """
    profile = load_profile(name)
    if profile.place is not Place.ACCESSORY:
        raise ProfileError(f"profile {name!r} is a {profile.place.value}; an accessory is needed here")
    return profile


def profile_of(named: str | Profile, place: Place) -> Profile:
    """The profile of this name or path, or the one that is given.

    Raises:
        ProfileError: unknown, impossible, or of another place.
    """
    if isinstance(named, Profile):
        return named
    return load_accessory(named) if place is Place.ACCESSORY else load_profile(named, Role(place.value))


@dataclass(frozen=True, slots=True)
class Parts:
    """Who plays.

    Attributes:
        body: the body's engine.
        lens: the lens's engine.
        accessories: what stands between them, from the body on.
        remarks: what those say who put them together.
    """

    body: Engine
    lens: Engine
    accessories: Sequence[Accessory]
    remarks: Sequence[str]


def cast_parts(body: Profile, lens: Profile, between: Sequence[Profile], script: str, seed: int | None) -> Parts:
    """Who plays: everything is read and held against each other before anything is made.

    Raises:
        ProfileError: they cannot meet, or something does not fit where it is put.
        ScriptError: a verb or value of the script that nobody knows.
    """
    for near, far in zip([body, *between], [*between, lens], strict=True):
        if far.dialect != near.dialect and near.place is not Place.ACCESSORY:
            raise ProfileError(
                f"{near.name} speaks {near.dialect} and {far.name} speaks {far.dialect}; they cannot meet"
            )
    cast = cast_of(body.dialect)
    steps = parse_script(script, cast.verbs)

    def random_of(name: str) -> Random | None:
        # One source each, so that what one end does never shifts the other's times.
        return None if seed is None else Random(f"{seed} {name}")

    settings, accessories, remarks = lens.settings, list[Accessory](), list[str]()
    if between:
        if cast.couple is None:
            raise ProfileError(f"{between[0].name}: nothing stands between the ends of {body.dialect}")
        train = cast.couple([piece_of(profile) for profile in between], piece_of(lens), random_of)
        settings, accessories, remarks = train.lens, list(train.accessories), list(train.remarks)
    return Parts(
        cast.engine(body.settings, None, random_of("body"), steps),
        (cast if lens.dialect == body.dialect else cast_of(lens.dialect)).engine(settings, None, random_of("lens"), ()),
        accessories,
        remarks,
    )


def piece_of(profile: Profile) -> Piece:
    """A lens or an accessory, as those see it who put one on the other."""
    return Piece(profile.name, profile.title, profile.dialect, profile.settings)
