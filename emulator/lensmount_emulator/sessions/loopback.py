"""The virtual session: runs two profiles and a script on a virtual mount, and measures the result."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.engine.verdicts import CompatibilityResult, Verdict, worst_verdict
from lensmount_emulator.explain.expected_steps import find_expected_steps
from lensmount_emulator.explain.finding import Finding
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import FaultPlan, parse_plan
from lensmount_emulator.garbage_collection import RareGC
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.sessions.firmware.isolated_session import PlayedSession, play_session
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_emulator.sessions.verdict import ScriptProgress, SessionError, script_progress, session_errors
from lensmount_emulator.sessions.virtual.participants import (
    DEFAULT_BODY,
    DEFAULT_LENS,
    OtherLenses,
    Participants,
    make_participants,
    resolve_profile,
    session_header,
)
from lensmount_emulator.sessions.virtual.steering import operator_verbs, parse_orders
from lensmount_emulator.sessions.virtual_session import (
    MakeMount,
    VirtualSession,
    make_mount,
    make_plain_mount,
)
from lensmount_emulator.traffic.read_columns import columns_of_records, notebook_view
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.describe import html_table
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.message import Message
from lensmount_protocol.payload import PayloadMemo
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.timing_marks import measure_events
from lensmount_protocol.wire import Role, WireRecord

MAX_SESSION_S = 60.0
"""Seconds after which a session without a duration ends, script or not."""

MAX_FRAME_S = 0.3

DRAIN_S = 0.1
"""Seconds that a session runs on after the last step of its script."""

if TYPE_CHECKING:
    from lensmount_emulator.traffic.event_columns import EventColumns

M = TypeVar("M", bound=Message)


@dataclass(slots=True, repr=False)
class LoopbackResult:
    """The result of a virtual session.

    Attributes:
        dialect: the dialect.
        body: the body's profile.
        lens: the lens's profile.
        seconds: its duration, in virtual time.
        records: every byte and edge.
        events: the decoded records; frames of equal payloads share their messages.
        notices: the notices of the engines.
        violations: events that would damage a real device.
        tally: counts of frames and bytes.
        timing: the results of the timing contract.
        missing: the steps that never came although they were due.
        finished: whether the script was carried out; one that the body gave up was not.
        compatibility_results: the results of the script's checks.
        accessories: profiles of the accessories, from the body on.
        plan: the injected faults.
        script: the progress of the script; `None` where that is not known.
        header: the header of its recording, which is enough to run the session again.
    """

    dialect: Dialect
    body: Profile
    lens: Profile
    seconds: float
    records: list[WireRecord]
    events: list[Decoded]
    notices: list[Notice]
    violations: list[str]
    finished: bool
    compatibility_results: list[CompatibilityResult]
    tally: TrafficStats = field(init=False)
    timing: list[TimingResult] = field(init=False)
    missing: list[Finding] = field(init=False)
    accessories: Sequence[Profile] = ()
    plan: FaultPlan = field(default_factory=FaultPlan)
    script: ScriptProgress | None = None
    header: Mapping[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        self.tally = TrafficStats(self.dialect, shares=True)
        for event in self.events:
            self.tally.add(event)
        self.timing = measure_events(self.events, self.dialect)
        self.missing = find_expected_steps(self.events, self.dialect, self.seconds)

    @property
    def declined(self) -> bool:
        """Whether the body gave the script up because it rejects the lens, by a finding with its rule."""
        refused = any(finding.verdict is Verdict.REFUSED and finding.rule for finding in self.compatibility_results)
        return self.script is not None and self.script.gave_up and refused

    @property
    def clean(self) -> bool:
        """Whether the session has no shortfall."""
        broken = any(rule.violations for rule in self.timing) or any(notice.is_error for notice in self.notices)
        return (
            self.finished
            and not broken
            and not self.missing
            and not self.violations
            and self.tally.all_frames_verified
            and not self.tally.runs
        )

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
                missing=self.missing,
            )
        )

    @property
    def verdict(self) -> Verdict | None:
        """The body's verdict on the lens; `None` where the body of this dialect checks nothing."""
        results = self.compatibility_results
        return worst_verdict(results, declined=self.declined) if results else None

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
        view = notebook_view(self.to_columns, repr(self))
        if not errors:
            return traffic + view
        rows = ((error.kind.value, "" if error.at is None else f"{error.at:.6f}", error.text) for error in errors)
        return traffic + html_table(f"{len(errors)} errors", ("kind", "time in s", "error"), rows, len(errors)) + view

    def to_columns(self) -> "EventColumns":
        """The traffic as numpy arrays: lines, rows, fields."""
        return columns_of_records(self.dialect, self.records)

    def to_dataframe(self, fields: Iterable[str] = ()) -> Any:
        """Frames, garbage and notes as a dataframe of polars or pandas; see `DecodedCapture.to_dataframe`."""
        return self.to_columns().to_dataframe(fields)

    def plot(
        self, fields: Iterable[str] = (), lines: Iterable[str] = (), *, within: tuple[float, float] | None = None
    ) -> Any:
        """Draw fields and lines over time; see `DecodedCapture.plot`."""
        return self.to_columns().plot(fields, lines, within=within, title=repr(self)[1:-1])


def run_loopback(
    body: str | Profile = DEFAULT_BODY,
    lens: str | Profile = DEFAULT_LENS,
    *,
    accessories: Sequence[str | Profile] = (),
    script: str = "",
    seconds: float | None = None,
    seed: int | None = None,
    tap: Callable[[WireRecord], None] | None = None,
    listen: Callable[[Notice], None] | None = None,
    resolution: Resolution = "frame",
    allowed: Sequence[str] = (),
    faults: Sequence[str | Fault] = (),
    orders: Sequence[str] = (),
) -> LoopbackResult:
    """Run a session of a body and a lens in virtual time.

    Args:
        body: a body profile, by name or path, or one that has been read.
        lens: a lens profile.
        accessories: profiles of the accessories between them, from the body on.
        script: the steps to run once the loop runs: `focus 0x3F50; aperture f/8; sleep`.
        seconds: duration, in virtual time; `None` until the script is done.
        seed: seed of the jitter of reaction times; `None` for nominal times. The same seed gives the same session, byte
            for byte.
        tap: receives every byte and edge as it becomes certain, for a recording that survives a crash.
        listen: receives the notices of the engines as they happen.
        resolution: whether the virtual mount delivers bytes in frames or one by one; the session is the same.
        allowed: guarded messages that this session may send, by name: `Update*`.
        faults: the faults at the body's mount: `bitflip rate=1e-4`, `detach at=1.2s for=30ms`. Each has a random source
            of its own from the same seed; without faults the session is the same to the byte.
        orders: what is done while the session runs, each with its virtual time: `0.5 script focus +200`,
            `0.8 operate zoom 70`, `1.2 fault drop rate=0.1`, `2 detach`, `2.5 attach`.

    Raises:
        ProfileError: a profile is unknown, impossible, of the other role, of another dialect than its peer, or does not
            fit in its place.
        ScriptError: the script has an unknown verb or value.
        FaultError: a fault, key, value or line is unknown.
    """
    records: list[WireRecord] = []
    notices: list[Notice] = []

    events: list[Decoded] = []

    def record(what: WireRecord) -> None:
        records.append(what)
        decode(what, events)
        if tap is not None:
            tap(what)

    def note(notice: Notice) -> None:
        notices.append(notice)
        if listen is not None:
            listen(notice)

    profiles = resolve_profile(body, Place.BODY), resolve_profile(lens, Place.LENS)
    between = [resolve_profile(accessory, Place.ACCESSORY) for accessory in accessories]
    plan = parse_plan(faults, seed)
    planned = parse_orders(orders)
    dialect = load_dialect(profiles[0].dialect)
    # Both ends and the recording share what they parse: each payload is parsed once.
    memo = PayloadMemo()
    decoder = Decoder(dialect, memo=memo)
    decode = decoder.add

    def play(tap: Callable[[WireRecord], None], on_notice: Callable[[Notice], None]) -> PlayedSession:
        made = _make_session(
            *profiles,
            accessories=between,
            script=script,
            seed=seed,
            tap=tap,
            on_notice=on_notice,
            resolution=resolution,
            allowed=allowed,
            faults=faults,
            mount_factory=make_mount if planned else make_plain_mount,
            memo=memo,
        )
        chain = made.session
        # A breakpoint is only noted: there is no user to step on.
        chain.breaks = False
        chain.start()
        for order in planned:
            chain.run(order.at)
            chain.carry_out(order)
        if seconds is None:
            chain.run(max(chain.now, MAX_SESSION_S), stop_when=lambda: made.participants.body.done)
            chain.run(chain.now + DRAIN_S)
        else:
            chain.run(max(chain.now, seconds))
        # A recording ends between frames; the longest pause inside one is 150 ms.
        chain.run(chain.now + MAX_FRAME_S, stop_when=lambda: not chain.sending)
        script_result = script_progress(made.participants.body)
        assert script_result is not None
        return PlayedSession(chain.now, chain.violations, script_result, made.participants.body.compatibility_results)

    with RareGC():
        played = play_session(play, (*profiles, *between), record, note)
    header = session_header(
        dialect.name,
        _profile_name(body),
        _profile_name(lens),
        script,
        seed,
        accessories=[_profile_name(accessory) for accessory in accessories],
        faults=plan.texts() if plan else (),
        orders=[str(order) for order in planned],
        duration=seconds,
        allowed=allowed,
    )
    with RareGC():
        return LoopbackResult(
            dialect,
            *profiles,
            played.seconds,
            records,
            [*events, *decoder.finish()],
            notices,
            played.violations,
            played.script.complete,
            played.compatibility_results,
            between,
            plan,
            played.script,
            header,
        )


def make_virtual_session(
    body: str | Profile = DEFAULT_BODY,
    lens: str | Profile = DEFAULT_LENS,
    *,
    accessories: Sequence[str | Profile] = (),
    script: str = "",
    seed: int | None = None,
    tap: Callable[[WireRecord], None] = lambda _record: None,
    on_notice: Callable[[Notice], None] = lambda _notice: None,
    resolution: Resolution = "frame",
    allowed: Sequence[str] = (),
    faults: Sequence[str | Fault] = (),
) -> VirtualSession:
    """Make a virtual session that the caller advances: `start()`, then `run(until)`, with changes in between.

    Args:
        body: as in `run_loopback`.
        lens: as in `run_loopback`.
        accessories: as in `run_loopback`.
        script: as in `run_loopback`.
        seed: as in `run_loopback`.
        tap: receives every byte and edge as it becomes certain.
        on_notice: receives the notices of the engines.
        resolution: as in `run_loopback`.
        allowed: as in `run_loopback`.
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
        on_notice=on_notice,
        resolution=resolution,
        allowed=allowed,
        faults=faults,
        mount_factory=make_mount,
        memo=PayloadMemo(),
    ).session


@dataclass(frozen=True, slots=True)
class _PreparedSession:
    """A session that is ready to start, and its parts."""

    profiles: tuple[Profile, Profile]
    between: Sequence[Profile]
    dialect: Dialect
    plan: FaultPlan
    participants: Participants
    session: VirtualSession


def _make_session(
    body: str | Profile,
    lens: str | Profile,
    *,
    accessories: Sequence[str | Profile],
    script: str,
    seed: int | None,
    tap: Callable[[WireRecord], None],
    on_notice: Callable[[Notice], None],
    resolution: Resolution,
    allowed: Sequence[str],
    faults: Sequence[str | Fault],
    mount_factory: MakeMount,
    memo: PayloadMemo,
) -> _PreparedSession:
    profiles = resolve_profile(body, Place.BODY), resolve_profile(lens, Place.LENS)
    between = [resolve_profile(accessory, Place.ACCESSORY) for accessory in accessories]
    dialect = load_dialect(profiles[0].dialect)
    plan = parse_plan(faults, seed)
    others = OtherLenses(*profiles, seed)
    others.check(plan, dialect)
    parts = make_participants(*profiles, between, script, seed)
    parts.body.allow(allowed)
    for remark in parts.notes:
        on_notice(Notice(0.0, Role.LENS, remark))
    chain = VirtualSession(
        dialect,
        parts.body,
        parts.lens,
        parts.accessories,
        tap=tap,
        on_notice=on_notice,
        resolution=resolution,
        plan=plan,
        mount_factory=mount_factory,
        memo=memo,
        make_other_lens=others.make,
    )
    return _PreparedSession(profiles, between, dialect, plan, parts, chain)


def _profile_name(device: str | Profile) -> str:
    return device if isinstance(device, str) else device.name


def validate_loopback(
    body: str | Profile,
    lens: str | Profile,
    accessories: Sequence[str],
    script: str,
    faults: Sequence[str | Fault] = (),
    orders: Sequence[str] = (),
) -> FaultPlan:
    """Raise the errors of `run_loopback` for its profiles, script, faults and orders, before anything is written."""
    profiles = resolve_profile(body, Place.BODY), resolve_profile(lens, Place.LENS)
    plan = parse_plan(faults, None)
    OtherLenses(*profiles, None).check(plan, load_dialect(profiles[0].dialect))
    make_participants(*profiles, [resolve_profile(name, Place.ACCESSORY) for name in accessories], script, None)
    roles = get_roles(profiles[0].dialect)
    for order in parse_orders(orders):
        if order.kind == "fault":
            parse_plan([order.text], None).check(load_dialect(profiles[0].dialect))
        elif order.text:
            parse_script(order.text, roles.verbs if order.kind == "script" else operator_verbs(roles))
    return plan
