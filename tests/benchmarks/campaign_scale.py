"""Measures the speedup of a campaign by a second process, in alternating runs with stored results, without warm-up.

Run as a program: `python -m benchmarks.campaign_scale --cases 200 --rounds 3`.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.campaign.config import parse_campaign
from lensmount_emulator.campaign.planner import CampaignPlan, plan_campaign
from lensmount_emulator.campaign.store import ResultStore
from lensmount_emulator.campaign.worker_pool import run_local
from lensmount_hardware.clock import MonotonicClock

WARM_UP = 12
"""Results that are not counted: by then each process has read its modules and built its tables."""

FORM = """
dialect = "lmount"
bodies = ["panasonic-s1r", "leica-sl2"]
lenses = ["sigma-45mm-f2.8-dg-dn", "panasonic-s-pro-70-200mm-f2.8"]
script = "focus near; aperture f/8; focus far; expose 1/60"
faults = [[], ["bitflip rate=1e-4 until=0.5s"], ["detach at=0.4s for=30ms"], ["drop rate=1e-3 until=1s"]]
seeds = "1-{seeds}"
"""

EACH_SEED = 16
SAMPLE = 32


def rate(planned: CampaignPlan, processes: int, folder: Path) -> float:
    """Return the cases per second with so many processes, after the warm-up and with every result stored."""
    clock, begun, count = MonotonicClock(), 0.0, 0
    with ResultStore(folder / "scale.sqlite", planned) as store:
        for result in run_local(planned.cases, CaseRunner(planned.profiles), processes, planned.config.limit):
            store.add(result)
            count += 1
            if count == WARM_UP:
                begun = clock.now()
    (folder / "scale.sqlite").unlink()
    return (count - WARM_UP) / (clock.now() - begun)


def measure(planned: CampaignPlan, processes: Sequence[int], rounds: int) -> dict[int, list[float]]:
    """Return the cases per second by number of processes, in alternating rounds."""
    rates: dict[int, list[float]] = {count: [] for count in processes}
    with TemporaryDirectory() as folder:
        for _ in range(rounds):
            for count in processes:
                rates[count].append(rate(planned, count, Path(folder)))
    return rates


def shares(planned: CampaignPlan) -> tuple[float, float]:
    """Processor seconds per case of the worker and of the writer, independent of the load of the machine."""
    cases = planned.cases[:: max(1, len(planned.cases) // SAMPLE)][:SAMPLE]
    work = CaseRunner(planned.profiles)
    for case in cases[:3]:
        work(case)
    begun = _own_seconds()
    for case in cases:
        work(case)
    plays = (_own_seconds() - begun) / len(cases)
    with TemporaryDirectory() as folder:
        begun = _own_seconds()
        rate(planned, 1, Path(folder))
    return plays, (_own_seconds() - begun) / len(planned.cases)


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system


def main() -> int:
    """Measure, and print the rates, the ratio of their medians, and the load of the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="in each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default: %(default)s)")
    options = parser.parse_args()
    planned = plan_campaign(parse_campaign(FORM.format(seeds=max(1, options.cases // EACH_SEED)).encode(), "scale"))
    load = os.getloadavg()[0]
    rates = measure(planned, (1, 2), max(1, options.rounds))
    print(f"{len(planned.cases)} cases a run, {os.cpu_count()} processors, load {load:.1f} before, "
          f"{os.getloadavg()[0]:.1f} after")  # fmt: skip
    for count, found in rates.items():
        each = ", ".join(f"{one:.1f}" for one in found)
        print(f"{count} process{'es' if count > 1 else ''}: {median(found):.1f} cases a second ({each})")
    print(f"2 processes against 1: {median(rates[2]) / median(rates[1]):.2f}x")
    plays, writes = shares(planned)
    print(f"processor time a case: {plays * 1e3:.1f} ms to run, {writes * 1e3:.1f} ms to distribute and store; "
          f"so on two idle processors {2 * plays / (plays + writes):.2f}x")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
