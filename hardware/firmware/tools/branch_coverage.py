"""Counts the branches of the firmware's core that its tests take, with gcov: `make firmware-coverage`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

FIRMWARE = Path(__file__).parents[1]
SCENARIOS = FIRMWARE.parents[1] / "tests" / "hardware" / "firmware"
COUNTED = FIRMWARE / "build" / "host" / "counted"
LIBRARY = "build/host/counted/libcore.so"
NEEDED = ("gcc", "gcov", "make")
_COVERAGE = re.compile(
    r"File '([^']*/core/[^']*)'\nLines executed:([\d.]+)% of (\d+)\n"
    r"(?:No branches|Branches executed:.*\nTaken at least once:([\d.]+)% of (\d+))"
)


class BranchCount(NamedTuple):
    """The coverage of one file, as compiled into one of the files that include it.

    Attributes:
        name: the file's name, without its folder.
        lines_percent: percent of lines executed.
        branches_percent: percent of branches taken; 100 where there are none.
        branches: number of branches; each way of a condition counts.
    """

    name: str
    lines_percent: float
    branches_percent: float
    branches: int

    @property
    def whole(self) -> bool:
        """Whether all lines and branches are covered."""
        return self.lines_percent == self.branches_percent == 100


def count_branches() -> list[BranchCount]:
    """Run all scenarios of the core on a library with coverage and address checks.

    Raises:
        RuntimeError: a scenario fails; the text is pytest's output.
    """
    _run(["make", "-s", "-C", str(FIRMWARE), LIBRARY])
    for old in COUNTED.glob("*.gcda"):
        old.unlink()
    checker = _run(["gcc", "-print-file-name=libasan.so"]).strip()
    environment = os.environ | {
        "LD_PRELOAD": checker,
        "ASAN_OPTIONS": "detect_leaks=0",
        "LENSMOUNT_FIRMWARE_COUNTED": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    # The other two run this tool and the compiler.
    others = {"test_core.py", "test_image.py"}
    scenarios = [str(path) for path in sorted(SCENARIOS.glob("test_*.py")) if path.name not in others]
    _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *scenarios], environment)
    core = {path.stem for path in (FIRMWARE / "core").glob("*.c")}
    counts = [str(path) for path in sorted(COUNTED.glob("*.gcda")) if path.stem.removeprefix("libcore.so-") in core]
    if len(counts) != len(core):
        raise RuntimeError(f"{len(core)} files in the core, and counts of {len(counts)}")
    report = _run(["gcov", "-b", "-n", *counts], folder=COUNTED)
    return [
        BranchCount(Path(name).name, float(lines), float(taken or 100), int(branches or 0))
        for name, lines, _, taken, branches in _COVERAGE.findall(report)
    ]


def _run(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def main() -> None:
    """Print the coverage of each file; exit with 1 where anything is not covered."""
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if missing:
        sys.exit(f"the branch count of the firmware's core needs {', '.join(missing)}; install it")
    try:
        files = count_branches()
    except RuntimeError as error:
        sys.exit(str(error))
    for count in files:
        if count.branches or not count.whole:
            print(f"{count.name:14} {count.branches:4} branches, {count.branches_percent:6.2f} % taken")
    branches = sum(count.branches for count in files)
    taken = sum(count.branches * count.branches_percent / 100 for count in files)
    print(f"core: {branches} branches, {100 * taken / branches:.2f} % taken; none is excluded")
    if not all(count.whole for count in files):
        sys.exit("the core has lines or branches that no test takes")


if __name__ == "__main__":
    main()
