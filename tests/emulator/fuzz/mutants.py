"""Small bugs, put in one at a time: how many of them the campaign of parser, recovery and session fuzzing finds.

`python tests/emulator/fuzz/mutants.py` copies the three packages, puts one bug of `mutants.toml` into the copy, and
runs the campaign on it in a process of its own; a mutant is found when the campaign finds anything wrong, or
cannot even run. `--only NAME` runs some, `--seconds` bounds each, `--jobs` says how many at once.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from lensmount_hardware.clock import MonotonicClock

ROOT = Path(__file__).parents[3]
PACKAGES = ("protocol", "hardware", "emulator")


class Mutant(NamedTuple):
    """A bug: a name, the file, the text that stands there once, and what stands there instead."""

    name: str
    file: str
    text: str
    instead: str


def read_mutants() -> list[Mutant]:
    """The list."""
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        return [Mutant(**entry) for entry in tomllib.load(file)["mutant"]]


MUTANTS = read_mutants()

PROBE = """
import sys, time
from lensmount_emulator.fuzz.parser import fuzz_parser
from lensmount_emulator.fuzz.recovery import run_cases
from lensmount_emulator.fuzz.session import run_campaign
from lensmount_protocol.registry import load_dialect

until, names, round_ = time.monotonic() + float(sys.argv[1]), ("emount", "lmount"), 0
while time.monotonic() < until:
    round_ += 1
    for name in names:
        came = fuzz_parser(load_dialect(name), 3000, round_)
        if came.violations:
            sys.exit("parser: " + came.shown[0][-150:])
    came = run_cases(names, 80, round_)
    if came.broken:
        sys.exit(f"recovery: {came.broken[0][1][0]}")
    came = run_campaign(names, 10000, round_, shrinks=False)
    if came.broken:
        sys.exit(f"session: {came.broken[0].complaints[0]}")
"""


def mutate(mutant: Mutant, root: Path) -> None:
    """Put a bug into a copy."""
    path = root / mutant.file
    text = path.read_text()
    if text.count(mutant.text) != 1:
        raise ValueError(f"{mutant.name}: {mutant.text!r} stands {text.count(mutant.text)} times in {mutant.file}")
    path.write_text(text.replace(mutant.text, mutant.instead))


def probe(mutant: Mutant, seconds: float) -> tuple[str, float]:
    """Run the campaign on a mutant; what it found, `""` where nothing, and how long that took."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for package in PACKAGES:
            shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__", "firmware"))
        mutate(mutant, root)
        paths = os.pathsep.join(str(root / package) for package in PACKAGES)
        clock = MonotonicClock()
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROBE, str(seconds)],
                env={**os.environ, "PYTHONPATH": paths},
                capture_output=True,
                text=True,
                timeout=seconds * 2 + 60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "does not end", clock.now()
        said = done.stderr.strip().splitlines()
        return (said[-1] if said else "") if done.returncode else "", clock.now()


def main() -> int:
    """Run the campaign on each mutant, and name those that survive; 1 where fewer than 95 % are found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each mutant (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at once (default: %(default)s)")
    parser.add_argument("--only", default="", help="those whose name has this in it")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]
    survivors: list[str] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (found, took) in zip(
            chosen, pool.map(lambda one: probe(one, options.seconds), chosen), strict=True
        ):
            print(f"{'found' if found else 'SURVIVES':<9}{took:6.1f} s  {mutant.name}: {found[:110]}", flush=True)
            if not found:
                survivors.append(mutant.name)
    right = len(chosen) - len(survivors)
    print(
        f"{right} of {len(chosen)} found, {100 * right / max(1, len(chosen)):.1f} %; survivors: {survivors or 'none'}"
    )
    return 1 if right < 0.95 * len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
