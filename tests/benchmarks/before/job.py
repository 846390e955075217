"""Does one job with the packages on the path, and prints the CPU seconds that it took: `job.py NAME ARGUMENT...`.

Only names that an earlier revision has as well are used, or the earlier name where it was another one.
"""

import contextlib
import gc
import importlib
import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROUNDS = 3


def first_of(*places: str) -> Any:
    """The first of some `module:name` that exists.

    Raises:
        ImportError: none does.
    """
    for place in places:
        module, _, name = place.partition(":")
        with contextlib.suppress(ImportError, AttributeError):
            return getattr(importlib.import_module(module), name)
    raise ImportError(f"none of {', '.join(places)}")


def fastest(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """CPU seconds of the fastest of some rounds."""
    taken: list[float] = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def session(seconds: str) -> float:
    """A whole session of so many virtual seconds."""
    run_loopback = first_of("lensmount_emulator.sessions.loopback:run_loopback")
    run_loopback(seconds=0.2)
    return fastest(lambda: run_loopback(seconds=float(seconds)))


def setup() -> float:
    """A session that ends at once."""
    run_loopback = first_of("lensmount_emulator.sessions.loopback:run_loopback")
    run_loopback(seconds=0.001)
    return fastest(lambda: run_loopback(seconds=0.001), 10)


def case(file: str, count: str) -> float:
    """One case of a campaign, of the first so many."""
    load = first_of("lensmount_emulator.campaign.config:load_campaign", "lensmount_emulator.campaign.form:load_form")
    plan = first_of(
        "lensmount_emulator.campaign.planner:plan_campaign", "lensmount_emulator.campaign.planning:plan_campaign"
    )
    make = first_of("lensmount_emulator.campaign.case_runner:CaseRunner", "lensmount_emulator.campaign.trial:Work")
    planned = plan(load(Path(file)))
    play, cases = make(planned.profiles), list(planned.cases)[: int(count)]
    play(cases[0])
    gc.disable()  # as in a worker, which collects between cases
    return fastest(lambda: [play(one) for one in cases]) / len(cases)


def decode(file: str, *options: str) -> float:
    """A capture through the command line."""
    main = first_of("lensmount_emulator.cli.main:main")

    def read() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = main(["decode", file, *options])
        if code:
            raise SystemExit(f"decode {file}: exit code {code}")

    read()
    return fastest(read)


def live(seconds: str) -> float:
    """A live session through the command line; see `live_port`."""
    return importlib.import_module("live_port").measure(float(seconds))


JOBS: dict[str, Callable[..., float]] = {
    "session": session,
    "setup": setup,
    "case": case,
    "decode": decode,
    "live": live,
}


def run(words: Sequence[str]) -> None:
    """Do a job, and print what it took."""
    print(JOBS[words[0]](*words[1:]))


if __name__ == "__main__":
    run(sys.argv[1:])
