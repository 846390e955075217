"""Plays one case of a campaign, and says what it came to; whatever happens in it is its result."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from random import Random

from lensmount_emulator.campaign.case import (
    SESSION,
    Case,
    Figures,
    Result,
    ScriptResult,
    Verdict,
    standing_of,
)
from lensmount_emulator.campaign.figures import messages_in, replies_in, states_in
from lensmount_emulator.campaign.watching import CampaignWatch
from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.plan import plan_of
from lensmount_emulator.fuzz.invariants import check, recovers, same_recording
from lensmount_emulator.fuzz.session import Chooser
from lensmount_emulator.fuzz.stage import DRAINS_S, Stage
from lensmount_emulator.fuzz.story import Story
from lensmount_emulator.fuzz.watch import Complaint, Players, Watch
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.sessions.header import session_header
from lensmount_emulator.sessions.loopback import AFTERGLOW, LONGEST_FRAME, Session
from lensmount_emulator.sessions.script_progress import script_progress
from lensmount_emulator.sessions.trial import errors_in
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.wire import Record

STARTS_S = 1.2
"""Steps by chance begin behind the start-up, as those of the session machine do."""


@dataclass(slots=True)
class Played:
    """A session that has been played.

    Attributes:
        watch: who watched it.
        records: every byte and edge.
        header: what its recording says of it.
        script: how far the script came.
        expected: the outcome that its faults let expect.
        story: its steps, where it took some by chance.
    """

    watch: CampaignWatch
    records: list[Record]
    header: dict[str, object]
    script: ScriptResult
    expected: Expected
    story: Story | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Plays cases; it is what travels to the processes and machines that share a campaign.

    Attributes:
        profiles: what was read of each profile, by the name that cases use.
    """

    profiles: Mapping[str, Profile] = field(repr=False)

    def __call__(self, case: Case) -> Result:
        """Play a case; what comes out of it but a result is a break of the invariant that nothing does."""
        clock = MonotonicClock()
        try:
            result = self._result(case)
        except Exception as error:
            # Whatever it is, it is what this case came to, and the others have theirs.
            text = " ".join(f"{type(error).__name__}: {error}".split())
            result = Result(case, Verdict.BROKEN, (Complaint("no exception", 0.0, text),))
        return replace(result, took=clock.now())

    def only(self, case: Case) -> "Work":
        """The same for this case and no other."""
        named = {case.body, case.lens, *case.accessories, *plan_of(case.faults, case.seed).lenses}
        return Work({name: self.profiles[name] for name in named})

    def play(self, case: Case) -> Played:
        """Play the session of a case."""
        return self._by_chance(case) if case.kind == SESSION else self._plain(case)

    def _result(self, case: Case) -> Result:
        played = self.play(case)
        watch, records = played.watch, played.records
        events = list(Decoder(watch.dialect).decode(records))
        complaints = list(watch.complaints)
        if case.kind != SESSION and not case.faults and not watch.crashed:
            complaints += self._unclean(case, played, events)
        recording = recording_of(played)
        if "repeats" in case.checks:
            complaints += self._unrepeated(case, watch.now)
        complaints = [complaint for complaint in complaints if complaint.invariant in case.checks]
        told = next((notice for notice in watch.notices if notice.trouble), None)
        verdict = Verdict.BROKEN if complaints else Verdict.HELD
        kept = standing_of(verdict, played.script, played.expected).fails
        return Result(
            case,
            verdict,
            tuple(complaints),
            played.script,
            played.expected,
            "" if told is None else f"{told.role.value} at {told.at * 1e3:.3f} ms: {told.text}",
            watch.now,
            figures=Figures(
                messages_in(events), replies_in(events, watch.traits), states_in(watch), dict(watch.transitions)
            ),
            digest=sha256(recording).hexdigest(),
            recording=recording if kept else b"",
            story="" if played.story is None else json.dumps(played.story.entry()),
        )

    def _plain(self, case: Case) -> Played:
        """A script under its faults, until both ends have found back to each other behind them."""
        records: list[Record] = []
        watch = self._watch(case, records)
        plan = watch.cast.plan
        assert plan is not None
        watch.attempt(watch.start)
        body = watch.bench.body
        watch.run(case.seconds, unless=lambda: body.done)
        script, done_at = _script_in(watch), watch.now
        watch.run(watch.now + AFTERGLOW)
        if plan and plan.ends != NEVER:
            watch.run(max(watch.now, plan.ends + DRAINS_S))
        _look(watch)
        if plan and plan.ends != NEVER and not recovers(watch, watch.traits.recovers):
            _complain_of_recovery(watch)
        elif plan and plan.ends != NEVER and not script.complete:
            # The faults are over and the link is up again: the body goes on with its script, if it has not given up.
            watch.run(max(watch.now, case.seconds), unless=lambda: body.done)
            script, done_at = _script_in(watch), watch.now
            _look(watch)
        seconds = watch.now
        watch.run(watch.now + LONGEST_FRAME, unless=lambda: not watch.sending)
        _look(watch)
        header = session_header(
            case.dialect,
            case.body,
            case.lens,
            case.script,
            case.seed,
            accessories=case.accessories,
            faults=plan.texts() if plan else (),
            duration=seconds,
        )
        expected = plan.expected(case.seconds, done_at if script.complete else None)
        return Played(watch, records, header, script, Expected.CANNOT if script.declined else expected)

    def _watch(self, case: Case, records: list[Record]) -> CampaignWatch:
        players = Players(
            self.profiles[case.body],
            self.profiles[case.lens],
            case.script,
            case.seed,
            plan_of(case.faults, case.seed),
        )
        between = [self.profiles[name] for name in case.accessories]
        return CampaignWatch(players, records.append, between, self.profiles)

    def _by_chance(self, case: Case) -> Played:
        """Steps by chance, behind the faults of the case and what the corpus gave."""
        story = Story(case.dialect, case.body, case.lens, "both", case.script, case.seed)
        stage = Stage(story, partial(CampaignWatch, lenses=self.profiles))
        watch = stage.watch
        assert isinstance(watch, CampaignWatch)
        chooser, taken = Chooser(story, Random(f"{case.seed} campaign {case.number}")), list[str]()

        def take(step: str) -> bool:
            taken.append(step)
            return stage.take(step)

        begins = case.begins or (*(f"fault {case.seed} {fault}" for fault in case.faults), f"wait {STARTS_S:g}")
        goes_on = all(take(step) for step in begins)
        while goes_on and len(taken) < case.steps:
            goes_on = take(chooser.next())
        if goes_on:
            stage.close()
        broken = watch.complaints[0].invariant if watch.complaints else ""
        told = replace(story.with_steps(taken), breaks=broken)
        # What a hand does at random may end the script at any step.
        return Played(watch, stage.records, told.header(), _script_in(watch), Expected.MAY_FAIL, told)

    def _unclean(self, case: Case, played: Played, events: list[Decoded]) -> list[Complaint]:
        """What must not be in a session without a fault."""
        watch, body = played.watch, played.watch.bench.body
        session = Session(
            watch.dialect,
            self.profiles[case.body],
            self.profiles[case.lens],
            watch.now,
            played.records,
            events,
            watch.notices,
            [],
            # How far the script came is a result of its own, and no invariant.
            True,
            body.findings,
        )
        return [Complaint("clean", watch.now, text) for text in errors_in(session)]

    def _unrepeated(self, case: Case, now: float) -> list[Complaint]:
        def play(file: io.BytesIO) -> None:
            file.write(recording_of(self.play(case)))

        return [Complaint("repeats", now, text) for text in same_recording(play)]


def _script_in(watch: Watch) -> ScriptResult:
    """How far the body of a session is with its script."""
    progress = script_progress(watch.bench.body)
    assert progress is not None
    declined = "" if watch.bench.lens.grounds_detect else "the lens has no contacts"
    done = min(progress.done, len(progress.steps))
    return ScriptResult(progress.complete, done, len(progress.steps), progress.stopped_at, declined)


def _look(watch: Watch) -> None:
    if not watch.crashed:
        check(watch)


def _complain_of_recovery(watch: Watch) -> None:
    states = ", ".join(
        f"{engine.role.value} {engine.connection.state}" for engine in (watch.bench.body, watch.bench.lens)
    )
    watch.complain("recovers", f"not within {watch.traits.recovers:g} s: {states}")


def recording_of(played: Played) -> bytes:
    """The recording of a session, as a `.lmx` file holds it."""
    memory = io.BytesIO()
    writer = RecordingWriter(memory, played.header)
    for record in played.records:
        writer.write(record)
    return memory.getvalue()
