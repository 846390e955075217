"""The bench of the device fuzzer: a buggy device is served on a pseudo-terminal, and fuzzed as a user would do it.

`python bench.py [DIALECT] [lens|body] [--plants N] [--seconds S] [--seed N]`, or `make fuzz-device`: how many of the
planted bugs were met, recovered from, and written to files that break the device again; and how many forbidden messages
came over the wire, as somebody counts them who reads every byte from every place on.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from fake_peer import forbidden
from planted_bugs import PLANTS, plant

from lensmount_emulator.fuzz.device.config import make_config
from lensmount_emulator.fuzz.device.executor import make_reference
from lensmount_emulator.fuzz.device.finding import read_finding, steps_after_prelude
from lensmount_emulator.fuzz.device.recovery import HealthLimits
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.wire import Role

HERE = Path(__file__).parent
STARTS_S = 15.0


class Served:
    """A buggy device on a pseudo-terminal, in a process of its own."""

    def __init__(self, dialect: str, role: str, folder: Path, plants: int | None) -> None:
        self.link = folder / "port"
        self.folder = folder
        words = [
            sys.executable,
            str(HERE / "device_process.py"),
            dialect,
            role,
            "--link",
            str(self.link),
            "--log",
            str(folder),
        ]
        words += [] if plants is None else ["--plants", str(plants)]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        clock = MonotonicClock()
        while not self.link.is_symlink():
            if self.process.poll() is not None or clock.now() > STARTS_S:
                raise RuntimeError("the device does not start")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    @property
    def power_cycle(self) -> str:
        """The command that takes its power and gives it again."""
        return f"kill -USR1 {self.process.pid}; sleep 0.05"

    @property
    def struck(self) -> set[str]:
        """Bugs that have struck so far."""
        return set((self.folder / "log").read_text().splitlines())


def hunt(served: Served, dialect: str, role: str, folder: Path, *more: str) -> dict[str, object]:
    """Fuzz it by the command line; the report."""
    words = [sys.executable, "-m", "lensmount_emulator.cli.main", "fuzz", role, "--dialect", dialect, "--json",
             "--port", f"serial:{served.link}", "--power-cycle", served.power_cycle,
             "--folder", str(folder), *more]  # fmt: skip
    came = subprocess.run(words, capture_output=True, text=True, check=False)
    if came.returncode not in (0, 1):
        raise RuntimeError(f"exit code {came.returncode}: {came.stdout[-3000:]} {came.stderr[-500:]}")
    report: dict[str, object] = json.loads(came.stdout.splitlines()[-1])
    return report


def replayed(dialect: str, role: str, file: Path) -> set[str]:
    """The bugs that strike when a file is replayed on a fresh device of the same kind, in virtual time."""
    story, _ = read_finding(file)
    setup = make_config(dialect, Role(role))
    struck: list[str] = []

    def make() -> object:
        return plant(setup.make_engine(setup.reference, frozenset()), PLANTS[dialect, role], struck.append)

    make_reference(setup, frozenset(), HealthLimits(), make).run_once(steps_after_prelude(story))  # type: ignore[arg-type]
    return set(struck)


def forbidden_in(dialect: str, role: str, data: bytes) -> list[str]:
    """What must not have come over the wire."""
    setup = make_config(dialect, Role(role))
    ours = {type_: cls for (sender, type_), cls in setup.dialect.messages.items() if sender is setup.role}
    sizes = {type_: 0 if cls.VARIES else cls.SIZE for type_, cls in ours.items()}
    return forbidden(dialect, data, set(ours), sizes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialect", nargs="?", default="lmount")
    parser.add_argument("role", nargs="?", default="lens", choices=("lens", "body"))
    parser.add_argument("--plants", type=int)
    parser.add_argument("--seconds", default="600")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", help="a folder for what was found")
    arguments = parser.parse_args()
    bugs = list(PLANTS[arguments.dialect, arguments.role])[: arguments.plants]
    with tempfile.TemporaryDirectory() as name:
        folder, kept = Path(name), Path(arguments.keep or Path(name) / "found")
        with Served(arguments.dialect, arguments.role, folder, arguments.plants) as served:
            report = hunt(served, arguments.dialect, arguments.role, kept, "--seconds", arguments.seconds, "--seed",
                          arguments.seed, "--answer", "0.15", "--greeting", "0.8", "--power-cycles", "100000",
                          "--repeats", "3", "--tries", "12")  # fmt: skip
            struck = served.struck
        files = sorted(kept.glob("finding-*.lmx"))
        in_files = set[str]().union(*(replayed(arguments.dialect, arguments.role, file) for file in files))
        heard = (folder / "heard").read_bytes()
    bad = forbidden_in(arguments.dialect, arguments.role, heard)
    for bug in bugs:
        how = "in a file that replays" if bug in in_files else "struck, in no file" if bug in struck else "not met"
        print(f"{bug:<60}{how}")
    print(f"{report['cases']} cases, {report['power cycles']} power cycles, {report['seconds']} s, {len(files)} files; "
          f"ended: {report['ended']}")  # fmt: skip
    print(f"{len(struck & set(bugs))} of {len(bugs)} planted bugs met and recovered from, "
          f"{len(in_files & set(bugs))} in files that replay")  # fmt: skip
    held_back = sum(dict(report["held back"]).values())  # type: ignore[call-overload]
    print(f"{len(bad)} forbidden messages in {len(heard)} bytes on the wire, {held_back} held back")
    return 0 if set(bugs) <= in_files and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
