"""Runs a whole campaign in processes of this machine, and reads its results back."""

from collections.abc import Callable
from contextlib import closing
from os import PathLike, fspath
from pathlib import Path

from lensmount_emulator.campaign.form import Form, load_form
from lensmount_emulator.campaign.planning import plan_campaign
from lensmount_emulator.campaign.processes import run_in_processes
from lensmount_emulator.campaign.results import Results, read_results
from lensmount_emulator.campaign.running import Progress, run_planned
from lensmount_emulator.campaign.store import Store
from lensmount_emulator.campaign.trial import Work
from lensmount_emulator.worker_count import default_worker_count


def run_whole_campaign(
    campaign: str | PathLike[str] | Form,
    results: str | PathLike[str],
    *,
    processes: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Results:
    """Run every case of a campaign that has no result yet, and return all results.

    The corpus that a campaign may name is left out; `lensmount campaign run` uses it.

    Args:
        campaign: its TOML file, or the same as an object.
        results: the SQLite file for the results; one of the same campaign is continued.
        processes: how many processes share the work; `None` for what the campaign says, else for one a processor.
        on_progress: called before the first case and after each.

    Raises:
        CampaignError: the campaign says what is not legal, or the file holds results of another one.
        CaptureError: a result cannot be written.
    """
    form = campaign if isinstance(campaign, Form) else load_form(Path(fspath(campaign)))
    planned = plan_campaign(form)
    count = processes or form.processes or default_worker_count(len(planned.cases))
    path = Path(fspath(results))
    with (
        Store(path, planned) as store,
        closing(
            run_planned(
                planned, store, lambda cases: run_in_processes(cases, Work(planned.profiles), count, form.limit)
            )
        ) as steps,
    ):
        for progress in steps:
            on_progress(progress)
    return read_results(path)
