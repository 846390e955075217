"""Runs one case of a campaign, or one cell of a matrix, on the virtual mount and makes its result.

An exception in a session is part of its result. A cell also has its recording and the command that runs it again.
"""

import io
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from lensmount_emulator.campaign.case import (
    SESSION,
    Case,
    CaseResult,
    InvariantOutcome,
    ScriptResult,
    SessionMetrics,
    case_status,
)
from lensmount_emulator.campaign.matrix import Combination, SessionResult
from lensmount_emulator.campaign.session_metrics import CampaignMonitor, count_messages, count_states, reply_latencies
from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.options import ExpectedOutcome
from lensmount_emulator.faults.registry import parse_plan
from lensmount_emulator.firmware.isolation import FirmwareDiedError, run_isolated
from lensmount_emulator.fuzz.invariants import (
    check_session,
    compare_recordings,
    find_refusal,
    recovery_failure,
    wait_for_recovery,
)
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor, Violation
from lensmount_emulator.fuzz.scenario import Scenario
from lensmount_emulator.fuzz.scenario_runner import SCENARIO_DRAIN_S, ScenarioRunner
from lensmount_emulator.fuzz.session_fuzzer import StepGenerator
from lensmount_emulator.profiles.library import Profile, firmware_library
from lensmount_emulator.sessions.loopback import DRAIN_S, MAX_FRAME_S, LoopbackResult, run_loopback
from lensmount_emulator.sessions.verdict import script_progress
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import write_output
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.wire import WireRecord

CHECK_ALL = "check all"
"""The script with which a body checks everything that it can about a lens."""


@dataclass(frozen=True, slots=True)
class CellSessionRunner:
    """Runs the session of a combination.

    Attributes:
        profiles: the parsed profiles, by the name that combinations use.
        dialect: the dialect.
        script: the script of each session.
        seed: the seed of the jitter of reaction times.
        folder: the folder for a recording of each session; `None` for no recordings.
        overwrite: replace recordings that exist.
    """

    profiles: Mapping[str, Profile]
    dialect: str
    script: str = CHECK_ALL
    seed: int | None = None
    folder: Path | None = None
    overwrite: bool = False

    def __call__(self, combination: Combination) -> SessionResult:
        """Run a combination; see `RunCell`.

        Raises:
            CaptureError: the recording exists or cannot be written.
        """
        if self.folder is None:
            return self._session_result(self._session(combination, None))
        memory = io.BytesIO()
        recording = RecordingWriter(memory, self._header(combination))
        try:
            return self._session_result(self._session(combination, recording.write))
        finally:
            # A session that ends in an error keeps its recording up to then.
            path = self.folder / recording_name(combination)
            write_output(path, memory.getvalue(), overwrite=self.overwrite)

    def replay(self, combination: Combination) -> str:
        """The command that runs the session again."""
        items = ["lensmount", "loopback", "--body", combination.body, "--lens", combination.lens]
        for accessory in combination.accessories:
            items += ["--accessory", accessory]
        items += ["--script", self.script]
        return shlex.join(items if self.seed is None else [*items, "--seed", str(self.seed)])

    def _session(self, combination: Combination, tap: Callable[[WireRecord], None] | None) -> LoopbackResult:
        return run_loopback(
            self.profiles[combination.body],
            self.profiles[combination.lens],
            accessories=[self.profiles[name] for name in combination.accessories],
            script=self.script,
            seed=self.seed,
            tap=tap,
        )

    def _session_result(self, session: LoopbackResult) -> SessionResult:
        errors = session_error_lines(session)
        if self.script == CHECK_ALL and not session.compatibility_results:
            errors.append("the body reported no result")
        return SessionResult(tuple(session.compatibility_results), tuple(errors), session.seconds, session.declined)

    def _header(self, combination: Combination) -> dict[str, object]:
        return session_header(
            self.dialect,
            combination.body,
            combination.lens,
            self.script,
            self.seed,
            accessories=combination.accessories,
        )


def session_error_lines(session: LoopbackResult) -> list[str]:
    """Return the defects of a session, one line each: errors, broken timing, electrical violations, odd bytes."""
    errors = [
        f"{notice.role.value} at {notice.at * 1e3:.3f} ms: {notice.text}"
        for notice in session.notices
        if notice.is_error
    ]
    for measured in session.timing:
        if measured.violation_count:
            rule, (at, interval_us) = measured.rule, measured.violations[0]
            errors.append(
                f"timing: {rule.name} {interval_us:g} µs at {at * 1e3:.3f} ms, must be {rule.minimum_us:g} … "
                f"{rule.maximum_us:g}; {measured.violation_count}x"
            )
    errors += [f"missing at {(step.at or 0.0) * 1e3:.3f} ms: {step.short}" for step in session.missing]
    errors += [f"electrical: {violation}" for violation in session.violations]
    if not session.tally.all_frames_verified or session.tally.runs:
        errors.append(f"bytes: {session.tally.summary()}")
    # A lens that the body rejects is a result of its own: the finding has the rule.
    if not session.finished and not session.declined:
        errors.append("the script was not carried out to its end")
    return errors


def recording_name(combination: Combination) -> str:
    """The file name of a combination's recording; a profile's path becomes a name."""
    parts = (combination.body, combination.lens, *combination.accessories)
    return "+".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts) + ".lmx"


START_S = 1.2
"""Random steps begin after the start-up, as those of the session fuzzer do."""


@dataclass(slots=True)
class ExecutedCase:
    """A session that has been run.

    Attributes:
        monitor: its monitor.
        records: every byte and edge.
        header: the header of its recording.
        script: the progress of the script.
        expected: the outcome that its faults let expect.
        scenario: its steps, if it took random ones.
    """

    monitor: CampaignMonitor
    records: list[WireRecord]
    header: dict[str, object]
    script: ScriptResult
    expected: ExpectedOutcome
    scenario: Scenario | None = None


@dataclass(frozen=True, slots=True)
class CaseRunner:
    """Runs cases; it is sent to the processes and machines that share a campaign.

    Attributes:
        profiles: the parsed profiles, by the name that cases use.
    """

    profiles: Mapping[str, Profile] = field(repr=False)

    def __call__(self, case: Case) -> CaseResult:
        """Run a case; an exception is a violation of the invariant `no exception`."""
        clock = MonotonicClock()
        named = (case.body, case.lens, *case.accessories)
        library = next((path for path in (firmware_library(self.profiles[name]) for name in named) if path), "")
        try:
            result = run_isolated(lambda _send: self._result(case), library) if library else self._result(case)
        except FirmwareDiedError as error:
            result = CaseResult(case, InvariantOutcome.BROKEN, (Violation("firmware", error.fault.now, str(error)),))
        except Exception as error:
            # Any exception is the result of this case; the other cases have theirs.
            text = " ".join(f"{type(error).__name__}: {error}".split())
            result = CaseResult(case, InvariantOutcome.BROKEN, (Violation("no exception", 0.0, text),))
        return replace(result, elapsed_s=clock.now())

    def for_case(self, case: Case) -> "CaseRunner":
        """Return the runner for this case only."""
        named = {case.body, case.lens, *case.accessories, *parse_plan(case.faults, case.seed).lenses}
        return CaseRunner({name: self.profiles[name] for name in named})

    def run(self, case: Case) -> ExecutedCase:
        """Run the session of a case."""
        return self._run_random_steps(case) if case.kind == SESSION else self._run_script(case)

    def _result(self, case: Case) -> CaseResult:
        played = self.run(case)
        watch, records = played.monitor, played.records
        events = list(Decoder(watch.dialect, memo=watch.session.memo).decode(records))
        violations = list(watch.violations)
        if case.kind != SESSION and not case.faults and not watch.crashed:
            violations += self._fault_free_violations(case, played, events)
        recording = make_recording(played)
        if "deterministic" in case.checks:
            violations += self._repeat_violations(case, watch.now)
        violations = [violation for violation in violations if violation.invariant in case.checks]
        reported = next((notice for notice in watch.notices if notice.is_error), None)
        verdict = InvariantOutcome.BROKEN if violations else InvariantOutcome.HELD
        kept = case_status(verdict, played.script, played.expected).is_failure
        return CaseResult(
            case,
            verdict,
            tuple(violations),
            played.script,
            played.expected,
            "" if reported is None else f"{reported.role.value} at {reported.at * 1e3:.3f} ms: {reported.text}",
            watch.now,
            metrics=SessionMetrics(
                count_messages(events),
                reply_latencies(events, watch.traits),
                count_states(watch),
                dict(watch.transitions),
            ),
            digest=sha256(recording).hexdigest(),
            recording=recording if kept else b"",
            scenario="" if played.scenario is None else json.dumps(played.scenario.to_dict()),
        )

    def _run_script(self, case: Case) -> ExecutedCase:
        """Run a script under its faults, until both ends have recovered from them."""
        records: list[WireRecord] = []
        watch = self._make_monitor(case, records)
        plan = watch.config.plan
        assert plan is not None
        watch.run_guarded(watch.session.start)
        body = watch.session.body
        watch.run(case.seconds, stop_when=lambda: body.done)
        script, done_at = _script_result(watch), watch.now
        watch.run(watch.now + DRAIN_S)
        if plan and plan.end_time != NEVER:
            watch.run(max(watch.now, plan.end_time + SCENARIO_DRAIN_S))
        _check_invariants(watch)
        refusal = None
        if plan and plan.end_time != NEVER and not wait_for_recovery(watch, watch.traits.recovery_s):
            refusal = find_refusal(watch, partial(self._monitor, case))
            if refusal is None:
                watch.report_violation("recovers", recovery_failure(watch, watch.traits.recovery_s))
        elif plan and plan.end_time != NEVER and not script.complete:
            # The faults are over and the link is up again: the body continues its script, unless it has given up.
            watch.run(max(watch.now, case.seconds), stop_when=lambda: body.done)
            script, done_at = _script_result(watch), watch.now
            _check_invariants(watch)
        seconds = watch.now
        watch.run(watch.now + MAX_FRAME_S, stop_when=lambda: not watch.session.sending)
        _check_invariants(watch)
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
        if refusal is None and not script.complete:
            refusal = find_refusal(watch, partial(self._monitor, case))
        if refusal is not None and not script.complete and not script.declined:
            script = replace(script, declined=f"{refusal.rule}: {refusal.detail}")
        expected = plan.expected(case.seconds, done_at if script.complete else None)
        return ExecutedCase(watch, records, header, script, ExpectedOutcome.CANNOT if script.declined else expected)

    def _make_monitor(self, case: Case, records: list[WireRecord]) -> CampaignMonitor:
        config = SessionConfig(
            self.profiles[case.body],
            self.profiles[case.lens],
            case.script,
            case.seed,
            parse_plan(case.faults, case.seed),
        )
        return self._monitor(case, config, records.append)

    def _monitor(
        self, case: Case, config: SessionConfig, tap: Callable[[WireRecord], None] = lambda _record: None
    ) -> CampaignMonitor:
        between = [self.profiles[name] for name in case.accessories]
        return CampaignMonitor(config, tap, between, self.profiles)

    def _run_random_steps(self, case: Case) -> ExecutedCase:
        """Run random steps, after the faults of the case and the steps of the corpus."""
        scenario = Scenario(case.dialect, case.body, case.lens, "both", case.script, case.seed)
        runner = ScenarioRunner(scenario, partial(CampaignMonitor, lenses=self.profiles))
        watch = runner.monitor
        assert isinstance(watch, CampaignMonitor)
        chooser, taken = StepGenerator(scenario, Random(f"{case.seed} campaign {case.number}")), list[str]()

        def take(step: str) -> bool:
            taken.append(step)
            return runner.execute(step)

        begins = case.begins or (*(f"fault {case.seed} {fault}" for fault in case.faults), f"wait {START_S:g}")
        goes_on = all(take(step) for step in begins)
        while goes_on and len(taken) < case.steps:
            goes_on = take(chooser.next())
        if goes_on:
            runner.close()
        broken = watch.violations[0].invariant if watch.violations else ""
        reported = replace(scenario.with_steps(taken), breaks=broken)
        # Random control inputs may end the script at any step.
        return ExecutedCase(
            watch, runner.records, reported.header(), _script_result(watch), ExpectedOutcome.MAY_FAIL, reported
        )

    def _fault_free_violations(self, case: Case, played: ExecutedCase, events: list[Decoded]) -> list[Violation]:
        """Return the violations in a session without a fault."""
        watch, body = played.monitor, played.monitor.session.body
        session = LoopbackResult(
            watch.dialect,
            self.profiles[case.body],
            self.profiles[case.lens],
            watch.now,
            played.records,
            events,
            watch.notices,
            [],
            # The progress of the script is a result of its own, and no invariant.
            True,
            body.compatibility_results,
        )
        return [Violation("fault-free session", watch.now, text) for text in session_error_lines(session)]

    def _repeat_violations(self, case: Case, now: float) -> list[Violation]:
        def play(file: io.BytesIO) -> None:
            file.write(make_recording(self.run(case)))

        return [Violation("deterministic", now, text) for text in compare_recordings(play)]


def _script_result(monitor: SessionMonitor) -> ScriptResult:
    """The progress of the body's script in a session."""
    progress = script_progress(monitor.session.body)
    assert progress is not None
    declined = "" if monitor.session.device.asserts_detect else "the lens has no contacts"
    done = min(progress.done, len(progress.steps))
    return ScriptResult(progress.complete, done, len(progress.steps), progress.stopped_at, declined)


def _check_invariants(monitor: SessionMonitor) -> None:
    if not monitor.crashed:
        check_session(monitor)


def make_recording(played: ExecutedCase) -> bytes:
    """The recording of a session, as the content of a `.lmx` file."""
    memory = io.BytesIO()
    writer = RecordingWriter(memory, played.header)
    for record in played.records:
        writer.write(record)
    return memory.getvalue()
