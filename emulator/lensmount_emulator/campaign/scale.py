"""How much faster a campaign is in two processes than in one: both by turns, written down as always, warm-up left out.

Run as a program: `python -m lensmount_emulator.campaign.scale --cases 200 --rounds 3`.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from lensmount_emulator.campaign.form import read_form
from lensmount_emulator.campaign.planning import Planned, plan_campaign
from lensmount_emulator.campaign.processes import run_in_processes
from lensmount_emulator.campaign.store import Store
from lensmount_emulator.campaign.trial import Work
from lensmount_hardware.clock import MonotonicClock

WARM_UP = 12
"""Results that are not counted: each process has read its modules and built its tables by then."""

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


def rate(planned: Planned, processes: int, folder: Path) -> float:
    """Cases a second, by so many processes, behind the warm-up and with every result written down."""
    clock, begun, count = MonotonicClock(), 0.0, 0
    with Store(folder / "scale.sqlite", planned) as store:
        for result in run_in_processes(planned.cases, Work(planned.profiles), processes, planned.form.limit):
            store.add(result)
            count += 1
            if count == WARM_UP:
                begun = clock.now()
    (folder / "scale.sqlite").unlink()
    return (count - WARM_UP) / (clock.now() - begun)


def measure(planned: Planned, processes: Sequence[int], rounds: int) -> dict[int, list[float]]:
    """Cases a second by number of processes, those by turns, round by round."""
    rates: dict[int, list[float]] = {count: [] for count in processes}
    with TemporaryDirectory() as folder:
        for _ in range(rounds):
            for count in processes:
                rates[count].append(rate(planned, count, Path(folder)))
    return rates


def shares(planned: Planned) -> tuple[float, float]:
    """Processor seconds a case: of who plays it, and of who writes it down; the machine's load is not in them."""
    cases = planned.cases[:: max(1, len(planned.cases) // SAMPLE)][:SAMPLE]
    work = Work(planned.profiles)
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
    """Measure, and print the rates, the ratio of their medians, and what else the machine did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="in each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default: %(default)s)")
    options = parser.parse_args()
    planned = plan_campaign(read_form(FORM.format(seeds=max(1, options.cases // EACH_SEED)).encode(), "scale"))
    load = os.getloadavg()[0]
    rates = measure(planned, (1, 2), max(1, options.rounds))
    print(f"{len(planned.cases)} cases a run, {os.cpu_count()} processors, load {load:.1f} before, "
          f"{os.getloadavg()[0]:.1f} behind")  # fmt: skip
    for count, found in rates.items():
        each = ", ".join(f"{one:.1f}" for one in found)
        print(f"{count} process{'es' if count > 1 else ''}: {median(found):.1f} cases a second ({each})")
    print(f"2 processes against 1: {median(rates[2]) / median(rates[1]):.2f}x")
    plays, writes = shares(planned)
    print(f"processor time a case: {plays * 1e3:.1f} ms to play, {writes * 1e3:.1f} ms to hand out and write down; "
          f"so on two idle processors {2 * plays / (plays + writes):.2f}x")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
