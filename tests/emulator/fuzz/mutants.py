"""Small bugs, put in one at a time: how many of them the campaign of parser, recovery and session fuzzing finds.

`python tests/emulator/fuzz/mutants.py` forks a process for each bug of `mutants.toml`, which puts the bug into the one
module as it is imported and runs the campaign. A mutant is found when the campaign finds anything wrong, cannot
even run, or does not come to an end. The campaign does not know which bug it has before it. All mutants get a short
round; those that are left share what is left of the time, round by round, each time with other seeds.

Time is the processors' own, so that a busy machine finds what an idle one finds: what `--jobs` processors have in
`--seconds`, for all mutants together. `--only` picks by name.
"""

import argparse
import importlib.abc
import importlib.machinery
import os
import resource
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
PACKAGES = ("protocol", "hardware", "emulator")
MEMORY_BYTES = 2 << 30
WANTED = 0.95
FIRST_ROUND_S = 3.0
LONGEST_ROUND_S = 60.0
HANGS_AFTER_S = 10.0
"""A campaign that is not over so long behind its time does not come to an end."""


def processor_s(who: int = resource.RUSAGE_SELF) -> float:
    """Seconds that processors have worked for this process, or for its children that are over."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


CORPUS = sorted(Path(__file__).with_name("regressions").glob("*.lmx"))
"""Stories that once broke something: what a campaign begins with."""


class Mutant(NamedTuple):
    """A bug: a name, the file, the text that stands there once, and what stands there instead."""

    name: str
    file: str
    text: str
    instead: str

    def source(self) -> str:
        """The file with the bug in it.

        Raises:
            ValueError: the text does not stand there once.
        """
        text = (ROOT / self.file).read_text()
        if text.count(self.text) != 1:
            raise ValueError(f"{self.name}: {self.text!r} stands {text.count(self.text)} times in {self.file}")
        return text.replace(self.text, self.instead)


def read_mutants() -> list[Mutant]:
    """The list."""
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        return [Mutant(**entry) for entry in tomllib.load(file)["mutant"]]


MUTANTS = read_mutants()


NO_BUG = Mutant("no bug at all", "emulator/lensmount_emulator/fuzz/__init__.py", "", "")
"""What is tried beside the mutants for as long as they are: whatever is found in it is no mutant's doing."""


class Mutating(importlib.abc.MetaPathFinder):
    """Finds the module that has the bug; all others are found as always."""

    def __init__(self, mutant: Mutant) -> None:
        self._path = ROOT / mutant.file
        self._source = mutant.source()
        parts = Path(mutant.file).with_suffix("").parts[1:]
        self._module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if self._module in sys.modules:
            raise ValueError(f"{mutant.name}: {self._module} is imported already")

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The spec of the module with the bug."""
        if fullname != self._module:
            return None
        loader = MutatedLoader(fullname, str(self._path), self._source)
        spec = importlib.machinery.ModuleSpec(fullname, loader, origin=str(self._path))
        # So that the module has its `__file__`.
        spec.has_location = True
        return spec


class MutatedLoader(importlib.machinery.SourceFileLoader):
    """Compiles the text with the bug, and keeps nothing of it on the disk."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """The module's code."""
        return compile(self._source, self.path, "exec")


def campaign(seconds: float, round_: int) -> str:
    """Run the campaign, share by share in turn; what it found, `""` where nothing in its time."""
    from lensmount_emulator.fuzz.parser_fuzzer import fuzz_parser
    from lensmount_emulator.fuzz.recovery_rate import run_cases, run_fault_free_sessions
    from lensmount_emulator.fuzz.scenario_runner import replay_scenario
    from lensmount_emulator.fuzz.session_fuzzer import fuzz_sessions
    from lensmount_protocol.dialect import load_dialect

    names = ("emount", "lmount")

    def parser(name: str, seed: int) -> str:
        came = fuzz_parser(load_dialect(name), 1000, seed)
        return came.shown[0][-150:] if came.violations else ""

    def plain(name: str, seed: int) -> str:
        came = run_fault_free_sessions(name, 40, seed)
        return str(came[0]) if came else ""

    def recovery(name: str, seed: int) -> str:
        came = run_cases((name,), 12, seed, seed * 12)
        return str(came.broken[0][1][0]) if came.broken else ""

    def session(name: str, seed: int) -> str:
        came = fuzz_sessions((name,), 3000, seed, shrinks=False)
        return str(came.broken[0].violations[0]) if came.broken else ""

    for path in CORPUS if round_ == 1 else ():
        if broken := replay_scenario(path).violations:
            return f"corpus: {broken[0]}"
    shares: tuple[Callable[[str, int], str], ...] = (plain, parser, recovery, session)
    for number in range(1_000_000):
        for share in shares:
            for name in names:
                found = share(name, round_ * 1000 + number)
                if found:
                    return f"{share.__name__}: {found}"
                if processor_s() > seconds:
                    return ""
    return ""


@dataclass(slots=True)
class Probe:
    """A process that runs the campaign on one mutant.

    Attributes:
        mutant: the bug in it.
        pid: the process.
        pipe: where it says what it found.
    """

    mutant: Mutant
    pid: int
    pipe: int


def start(mutant: Mutant, seconds: float, round_: int) -> Probe:
    """Fork a process that runs the campaign on a mutant, and says in a line what it found."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writes)
        return Probe(mutant, pid, reads)
    os.close(reads)
    # The process is ended from outside: an error of ours could be swallowed by what hangs.
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds + HANGS_AFTER_S),) * 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    if mutant is not NO_BUG:
        sys.meta_path.insert(0, Mutating(mutant))
    try:
        found = campaign(seconds, round_)
    except Exception as error:
        found = f"cannot run: {type(error).__name__}: {error}"
    os.write(writes, found.encode()[:1000])
    os._exit(0)


def wait(probes: list[Probe]) -> tuple[Probe, str]:
    """Wait for the first of them to be over; which, and what it found."""
    while True:
        pid, status = os.wait()
        probe = next((one for one in probes if one.pid == pid), None)
        if probe is not None:
            said = os.read(probe.pipe, 2000).decode(errors="replace")
            os.close(probe.pipe)
            return probe, said if os.waitstatus_to_exitcode(status) == 0 else "does not come to an end"


def run_round(mutants: list[Mutant], seconds: float, round_: int, jobs: int) -> Iterator[tuple[Mutant, str]]:
    """Run the campaign on each for so long, so many at once; what was found, as it comes."""
    waiting, probes = list(mutants), list[Probe]()
    while waiting or probes:
        while waiting and len(probes) < jobs:
            probes.append(start(waiting.pop(0), seconds, round_))
        probe, found = wait(probes)
        probes.remove(probe)
        yield probe.mutant, found


def main() -> int:
    """Run the campaign on each mutant, and name those that survive; 1 where fewer than 95 % are found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="for all of them (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processors (default: %(default)s)")
    parser.add_argument("--only", default="", help="those whose name has this in it")
    options = parser.parse_args()
    left = [mutant for mutant in MUTANTS if options.only in mutant.name]
    total, whole, spent, round_ = len(left), options.seconds * options.jobs, 0.0, 0
    by, control = Counter[str](), ""
    while left and spent < whole:
        round_ += 1
        # The first round is short; the rest of the time is shared among the remaining mutants, in two rounds.
        share = FIRST_ROUND_S if round_ == 1 else (whole - spent) / len(left) / max(1, 4 - round_)
        for mutant, found in run_round([NO_BUG, *left], min(share, LONGEST_ROUND_S), round_, options.jobs):
            spent = processor_s(resource.RUSAGE_CHILDREN)
            if mutant is NO_BUG:
                control = control or found
            elif found:
                left.remove(mutant)
                by[found.partition(":")[0]] += 1
                print(f"{spent:6.1f} s  {mutant.name}: {found[:110]}", flush=True)
    right = total - len(left)
    found_by = ", ".join(f"{how} {count}" for how, count in by.most_common())
    print(f"{right} of {total} found, {100 * right / max(1, total):.1f} %; by {found_by}")
    print(f"{spent:.0f} s of processor time; {options.jobs} processors have {whole:.0f} s in {options.seconds:.0f} s")
    print(f"survivors: {', '.join(mutant.name for mutant in left) or 'none'}")
    print(f"without any bug the campaign finds {control or 'nothing'}")
    return 1 if control or right < WANTED * total else 0


if __name__ == "__main__":
    sys.exit(main())
