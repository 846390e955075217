"""The parser fuzzer guided by coverage: atheris feeds the readers in a process of its own; what it finds comes here."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random

from lensmount_emulator.fuzz.inputs import Input, Inputs, as_bytes, as_input, input_of
from lensmount_emulator.fuzz.parser import ParserFigures, attempt, note
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError

SEEDS = 200
"""Inputs by chance that a run begins with."""

LONGEST = 4096
"""Bytes of the longest input."""

PATIENCE_S = 20
"""How long one input may take before it counts as a hang."""

ROOM_MIB = 1024
"""Memory that the process may take before it counts as unbounded."""

_PROGRESS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)")
_DONE = re.compile(r"Done (\d+) runs")


@dataclass(slots=True)
class GuidedFigures(ParserFigures):
    """What a guided run came to.

    Attributes:
        covered: branches of the protocol's code that were taken.
        features: the same, told apart by how often.
        kept: inputs that took a branch that no other one took before them.
    """

    covered: int = 0
    features: int = 0
    kept: list[Input] = field(default_factory=lambda: list[Input]())


def check_installed() -> None:
    """See that there is an atheris.

    Raises:
        FaultError: there is none.
    """
    if find_spec("atheris") is None:
        raise FaultError("to be guided by coverage wants atheris, on Linux: pip install 'lensmount[atheris]'")


def fuzz_guided(
    dialect: Dialect,
    cases: int,
    seed: int,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    first: Iterable[Input] = (),
    found: Callable[[Input], None] = lambda _given: None,
    came: GuidedFigures | None = None,
) -> GuidedFigures:
    """Let atheris give a dialect's readers so many inputs.

    Args:
        dialect: whose readers; one that is known by its name.
        cases: inputs.
        seed: where chance comes from.
        progress: told now and then how many are done.
        first: inputs of earlier runs, to go on from.
        found: told at once of each input that is kept because something is wrong with it, as short as it can be.
        came: figures to count in, for those who want them although the run is stopped; new ones where none are given.

    Raises:
        FaultError: atheris is not installed, or its process ended before its time.
    """
    check_installed()
    came = came or GuidedFigures()
    with tempfile.TemporaryDirectory(prefix="lensmount-") as folder:
        findings, seeds = Path(folder) / "findings", Path(folder) / "seeds"
        seeds.mkdir()
        inputs, sown = Inputs(dialect, Random(f"{seed} guided {dialect.name}")), list(first)
        for number, given in enumerate([*sown, *(inputs.next() for _ in range(SEEDS))]):
            seeds.joinpath(f"seed-{number}").write_bytes(as_bytes(given)[:LONGEST])
        for given in sown:
            note(dialect, given, attempt(dialect, given), came, found)
        options = (f"-runs={cases}", f"-seed={seed % 2**32 or 1}", f"-max_len={LONGEST}", f"-timeout={PATIENCE_S}",
                   f"-rss_limit_mb={ROOM_MIB}", f"-artifact_prefix={folder}/ended-", str(seeds))  # fmt: skip
        last = ""
        try:
            with _target(dialect.name, findings, options) as lines:
                told = 0
                for last in lines:
                    progress(_count(last, came))
                    told = _take_findings(dialect, findings, told, came, found)
        finally:
            came.kept = [as_input(file.read_bytes()) for file in sorted(seeds.iterdir()) if "seed-" not in file.name]
        for file in sorted(Path(folder).glob("ended-*")):
            came.violations += 1
            given = as_input(file.read_bytes())
            came.broken.append(given)
            came.shown.append(f"the run ended at {given.data.hex()[:400]}: {file.name.split('-')[1]}")
            found(given)
        if came.cases < cases and not came.broken:
            raise FaultError(f"atheris ended after {came.cases} of {cases} inputs: {last.strip()[:200]}")
    return came


@contextmanager
def _target(name: str, findings: Path, options: Iterable[str]) -> Generator[Iterable[str]]:
    """What the process that is fuzzed says, line by line; it is gone behind this."""
    command = [sys.executable, "-m", "lensmount_emulator.fuzz.guided_target", name, str(findings), *options]
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths},
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            yield process.stderr
        finally:
            process.terminate()


def _count(line: str, came: GuidedFigures) -> int:
    """Take the figures from a line, if there are any."""
    if match := _PROGRESS.match(line):
        came.cases, came.covered, came.features = (int(figure) for figure in match.groups())
    elif match := _DONE.match(line):
        came.cases = int(match.group(1))
    return came.cases


def _take_findings(
    dialect: Dialect, findings: Path, told: int, came: GuidedFigures, found: Callable[[Input], None]
) -> int:
    """Take what was written since the last time; how much there is now."""
    lines = findings.read_text().splitlines(keepends=True) if findings.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    for line in whole[told:]:
        given = input_of(json.loads(line))
        note(dialect, given, attempt(dialect, given), came, found)
    return len(whole)
