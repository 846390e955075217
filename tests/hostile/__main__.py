"""`python -m hostile [INPUTS]`: hostile files through every verb that reads files, each in a process with limits."""

import argparse
import os
import sys
from pathlib import Path

from hostile.harness import CRAFTED_COMMANDS, Figures, run_all
from hostile.trial import CPU_S, MEMORY
from lensmount_hardware.clock import MonotonicClock


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="?", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--kept", type=Path, default=Path("hostile-failures"), help="folder for what breaks something")
    parser.add_argument(
        "--crafted", type=int, default=CRAFTED_COMMANDS, metavar="N",
        help="commands on each crafted file; 0 for mutated files only, 99 for every command (default: %(default)s)",
    )  # fmt: skip
    arguments = parser.parse_args()
    clock = MonotonicClock()
    figures: Figures = run_all(arguments.inputs, arguments.seed, arguments.kept, arguments.workers, arguments.crafted)
    print(f"{figures.inputs} hostile files, {figures.runs} runs in {clock.now():.0f} s")
    costs = ", ".join(f"{verb} {seconds:.0f} s" for verb, seconds in figures.seconds.most_common(8))
    print(f"{figures.seconds.total():.0f} s of the processor, most for {costs}")
    print("verbs: " + ", ".join(f"{verb} {count}" for verb, count in sorted(figures.verbs.items())))
    print("exit codes: " + ", ".join(f"{code} {count}x" for code, count in sorted(figures.codes.items())))
    if figures.slowest is not None and figures.largest is not None:
        print(f"slowest: {figures.slowest.cpu:.1f} s of {CPU_S}: {' '.join(figures.slowest.words)}")
        largest = figures.largest
        print(f"largest: {largest.memory >> 20} MB of {MEMORY >> 20}: {' '.join(largest.words)}")
    for name, trial in figures.failures:
        print(f"WRONG {name}: {' '.join(trial.words)}: {trial.wrong}".encode("ascii", "backslashreplace").decode())
    print(f"{len(figures.failures)} are wrong")
    if not figures.runs or figures.inputs < arguments.inputs:
        print("there was nothing to try, or less than was asked for")
        return 1
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
