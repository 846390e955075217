"""Stand-ins for what plays a case, for workers that are to die or hang: importable in a process of its own."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from lensmount_emulator.campaign.case import Case, CaseResult, InvariantOutcome
from lensmount_emulator.campaign.matrix import Combination, SessionResult


@dataclass(frozen=True)
class Once:
    """Notes each case that it plays; dies the first time with some of them."""

    folder: Path
    dies_with: tuple[int, ...] = ()

    def __call__(self, case: Case) -> CaseResult:
        mark = self.folder / f"{case.number}"
        with mark.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if case.number in self.dies_with and len(mark.read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return CaseResult(case, InvariantOutcome.HELD, (), recording=b"x" * 200_000)


def dies(case: Case) -> CaseResult:
    if case.number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return CaseResult(case, InvariantOutcome.HELD, ())


def hangs(case: Case) -> CaseResult:
    if case.number == 2:
        Event().wait()
    return CaseResult(case, InvariantOutcome.HELD, ())


def weighty(case: Case) -> CaseResult:
    """What comes back is more than a pipe takes at once."""
    return CaseResult(case, InvariantOutcome.HELD, (), recording=b"x" * 2_000_000)


@dataclass(frozen=True)
class Hangs:
    """Notes who plays, and never ends."""

    folder: Path

    def __call__(self, case: Case) -> CaseResult:
        (self.folder / f"{case.number}").write_text(f"{os.getpid()}")
        while True:
            Event().wait(1)


def cell_that_dies(combination: Combination) -> SessionResult:
    """Kills its process with one of the combinations."""
    if combination.body == "body3":
        os.kill(os.getpid(), signal.SIGKILL)
    return SessionResult((), (), 1.0)
