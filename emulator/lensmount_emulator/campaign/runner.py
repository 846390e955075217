"""Runs a campaign: runs its missing cases, stores each result, and adds new scenarios to the corpus.

Also runs a whole campaign in processes of this machine and reads its results, and runs one stored case again to compare
the results.
"""

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lensmount_emulator.campaign.case import SESSION, Case, CaseResult, CaseStatus, StoredCase
from lensmount_emulator.campaign.case_runner import CaseRunner, make_recording
from lensmount_emulator.campaign.config import CampaignConfig, load_campaign
from lensmount_emulator.campaign.planner import CampaignPlan, plan_campaign
from lensmount_emulator.campaign.results import CampaignResults, read_campaign
from lensmount_emulator.campaign.store import ResultStore
from lensmount_emulator.campaign.worker_pool import default_worker_count, run_local
from lensmount_emulator.faults.registry import parse_fault, parse_plan
from lensmount_emulator.fuzz.scenario import MAX_STEPS, scenario_from_dict, write_scenario
from lensmount_emulator.fuzz.scenario_runner import STEPS, run_scenario
from lensmount_emulator.fuzz.session_fuzzer import shrink_outcome
from lensmount_emulator.profiles.library import load_profile
from lensmount_hardware.output_file import write_output
from lensmount_protocol.errors import CampaignError, CorpusError

MAX_SCENARIO_STEPS = 2000
"""Steps of a scenario that is worth keeping: each campaign continues those that it finds."""

Entry = Mapping[str, Any]

T = TypeVar("T")


class ScenarioCorpus(Protocol):
    """Storage of scenarios for all campaigns; `open_corpus` returns one, and requires hypothesis."""

    @property
    def broken(self) -> int:
        """The number of damaged entries that were skipped, among all that were read."""
        ...

    def keep(self, subject: str, *entries: Entry) -> None:
        """Store entries."""
        ...

    def kept(self, subject: str, read: Callable[[Entry], T]) -> list[T]:
        """Read the stored entries, always in the same order; damaged ones are skipped, and counted."""
        ...


RunCases = Callable[[Iterable[Case]], Generator[CaseResult]]
"""Runs cases; yields each result as soon as it is ready."""


@dataclass(slots=True)
class Progress:
    """The progress of a campaign.

    Attributes:
        planned: cases in all.
        finished: cases that have their result.
        began: cases that had their result at the start of this run.
        counts: status -> cases of this run.
        skipped: entries of the corpus that cannot be read.
        problem: why a scenario could not be stored in the corpus; `""` without problems.
    """

    planned: int
    finished: int
    began: int
    counts: dict[CaseStatus, int]
    skipped: int = 0
    problem: str = ""


def run_plan(
    plan: CampaignPlan, store: ResultStore, execute: RunCases, corpus: ScenarioCorpus | None = None
) -> Generator[Progress]:
    """Run every case that has no result yet; yield the progress, first before any case runs.

    A caller that stops early closes the generator; cases that were yielded as finished are in the store.

    Args:
        plan: the plan.
        store: receives the results.
        execute: runs the cases.
        corpus: the source of scenarios, and the storage for scenarios that broke an invariant or were new.

    Raises:
        CaptureError: a result cannot be written.
        CorpusError: the corpus is unreachable at the start; later the campaign continues without it, and
            `Progress.problem` reports it.
        TransportError: the cluster is unreachable.
    """
    subject = f"session {plan.config.dialect}"
    scenarios = [] if corpus is None else corpus.kept(subject, lambda entry: _scenario_json(entry, plan))
    after = len(plan.cases)
    taken = store.import_corpus((scenario for scenario in scenarios if scenario), after)
    cases = [*plan.cases, *(_continuation_case(number, scenario, plan.cases[0]) for number, scenario in taken)]
    finished = store.finished()
    missing = [case for case in cases if case.number not in finished]
    done = len(cases) - len(missing)
    progress = Progress(len(cases), done, done, dict.fromkeys(CaseStatus, 0), 0 if corpus is None else corpus.broken)
    yield progress
    if not missing:
        return
    known = store.transitions()
    with closing(execute(missing)) as results:
        for result in results:
            new = set(result.metrics.transitions) - known
            known |= new
            progress.finished += store.add(result)
            progress.counts[result.status] += 1
            yield progress
            if corpus is not None and result.scenario and (new or result.violations):
                progress.problem = _keep(corpus, subject, json.loads(result.scenario)) or progress.problem


def _keep(corpus: ScenarioCorpus, subject: str, entry: Entry) -> str:
    """Store a scenario that is worth it; return why that is not possible, or `""`."""
    try:
        if len(entry["steps"]) <= MAX_SCENARIO_STEPS:
            corpus.keep(subject, entry)
    except CorpusError as error:
        return str(error)
    return ""


def _scenario_json(entry: Entry, planned: CampaignPlan) -> str:
    """A scenario of the corpus as JSON; `""` for one that this campaign cannot use."""
    scenario = scenario_from_dict(entry)
    for step in scenario.steps:
        verb, _, rest = step.partition(" ")
        if verb not in STEPS:
            raise ValueError(f"no scenario has a step {step!r}")
        if verb == "fault":
            parse_fault(rest.partition(" ")[2])
    here = scenario.dialect == planned.config.dialect and {scenario.body, scenario.lens} <= planned.profiles.keys()
    return json.dumps(scenario.to_dict(), sort_keys=True) if here and scenario.mode == "both" else ""


def _continuation_case(number: int, scenario: str, like: Case) -> Case:
    """The case that continues a scenario of the corpus."""
    played_scenario = scenario_from_dict(json.loads(scenario))
    return replace(
        like,
        number=number,
        kind=SESSION,
        body=played_scenario.body,
        lens=played_scenario.lens,
        faults=(),
        seed=played_scenario.seed,
        script=played_scenario.script,
        begins=played_scenario.steps,
        steps=len(played_scenario.steps) + like.steps,
    )


def run_campaign(
    campaign: str | PathLike[str] | CampaignConfig,
    results: str | PathLike[str],
    *,
    processes: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> CampaignResults:
    """Run every case of a campaign that has no result yet, and return all results.

    This function ignores the corpus of a campaign; `lensmount campaign run` uses it.

    Args:
        campaign: its TOML file, or a `CampaignConfig`.
        results: the SQLite file for the results; one of the same campaign is continued.
        processes: number of processes; `None` for the campaign's own number, else one per processor.
        on_progress: called before the first case and after each.

    Raises:
        CampaignError: the campaign has an invalid value, or the file holds results of another one.
        CaptureError: a result cannot be written.
    """
    form = campaign if isinstance(campaign, CampaignConfig) else load_campaign(Path(fspath(campaign)))
    planned = plan_campaign(form)
    count = processes or form.processes or default_worker_count(len(planned.cases))
    path = Path(fspath(results))
    with (
        ResultStore(path, planned) as store,
        closing(
            run_plan(planned, store, lambda cases: run_local(cases, CaseRunner(planned.profiles), count, form.limit))
        ) as steps,
    ):
        for progress in steps:
            on_progress(progress)
    return read_campaign(path)


MAX_REPLAY_S = 600.0
"""Maximum virtual time of a case to run again."""


@dataclass(frozen=True, slots=True)
class CaseRerun:
    """The result of a case that ran again.

    Attributes:
        result: the new result.
        recording: every byte and edge, as the content of a `.lmx` file.
        same: whether its three results are the same, with the same violations.
        identical: whether its recording is the same, byte for byte.
    """

    result: CaseResult
    recording: bytes
    same: bool
    identical: bool


def rerun_case(finished: StoredCase) -> CaseRerun:
    """Run a case again.

    Raises:
        ProfileError: a profile of it is not known here.
        FaultError: one of its faults is not known here.
        CampaignError: it is too long.
    """
    case = finished.case
    if finished.seconds > MAX_REPLAY_S or case.steps > MAX_STEPS:
        raise CampaignError(
            f"case {case.number}: {finished.seconds:g} s, {case.steps} steps; a case of at most {MAX_REPLAY_S:g} s and "
            f"{MAX_STEPS} steps is replayed"
        )
    # The file may contain any duration; a case that took less than this is the same with this limit.
    case = replace(case, seconds=min(case.seconds, MAX_REPLAY_S))
    names = {case.body, case.lens, *case.accessories, *parse_plan(case.faults, case.seed).lenses}
    work = CaseRunner({name: load_profile(name) for name in names})
    result = work(case)
    same = (result.verdict, result.violations, result.script, result.expected) == (
        finished.verdict,
        finished.violations,
        finished.script,
        finished.expected,
    )
    recording = result.recording or make_recording(work.run(case))
    return CaseRerun(result, recording, same, bool(result.digest) and result.digest == finished.digest)


def write_shrunk(path: Path, rerun: CaseRerun, *, overwrite: bool = False) -> int:
    """Write the shortest scenario that breaks the same invariants as a case; return its number of steps.

    Raises:
        CampaignError: the case has no scenario, or broke no invariant.
        CaptureError: the file cannot be written.
    """
    if not rerun.result.scenario or not rerun.result.violations:
        raise CampaignError(f"case {rerun.result.case.number}: only random steps that broke an invariant are minimised")
    outcome = run_scenario(scenario_from_dict(json.loads(rerun.result.scenario)))
    outcome = shrink_outcome(outcome) if outcome.violations else outcome
    write_scenario(path, outcome.scenario, outcome.records, violations=outcome.violations, overwrite=overwrite)
    return len(outcome.scenario.steps)


def write_recording(path: Path, recording: bytes, *, overwrite: bool = False) -> None:
    """Write a recording to a file, which appears when it is complete.

    Raises:
        CaptureError: it exists or cannot be written.
    """
    write_output(path, recording, overwrite=overwrite)
