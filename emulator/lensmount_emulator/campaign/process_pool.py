"""Runs the cases of a campaign in processes of this machine."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing

from lensmount_emulator.campaign.case import Case, CaseResult, InvariantOutcome
from lensmount_emulator.campaign.worker_pool import Work, run_in_workers
from lensmount_emulator.fuzz.monitor import Violation

RunCase = Callable[[Case], CaseResult]
"""Runs a case; it must support pickling, and raise nothing."""

LOST = "no exception"
"""The invariant that is violated if a session kills its process, or never ends."""


def run_local(cases: Iterable[Case], play: RunCase, processes: int, limit: float) -> Generator[CaseResult]:
    """Run cases; yield each result as soon as it is ready, each case once.

    Args:
        cases: the cases to run.
        play: runs a case.
        processes: number of processes.
        limit: real seconds after which a worker that is still at its case is ended, and the case is lost.
    """
    # A scenario of random steps is as long as it is.
    work = Work(play, lost_case, lambda case: f"case {case.number}", limit, lambda case: bool(case.begins))
    with closing(run_in_workers(cases, work, processes)) as results:
        for _, result in results:
            yield result


def lost_case(case: Case, why: str) -> CaseResult:
    """The result of a case that no process could finish."""
    return CaseResult(case, InvariantOutcome.LOST, (Violation(LOST, 0.0, why),))
