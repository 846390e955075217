"""Other processes, and what they cost: commands that are run to their end, and peers that talk to us."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("protocol", "hardware", "emulator")
COMMAND = "import sys; from lensmount_emulator.cli.main import main; sys.exit(main())"
"""What the installed `lensmount` does."""

_MEASURED = """
import re, sys
from pathlib import Path
from lensmount_emulator.cli.main import main
code = main(sys.argv[2:])
sys.stdout.flush()
status = Path("/proc/self/status")
found = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
if found is None:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
else:
    peak = int(found[1])
Path(sys.argv[1]).write_text(str(peak))
sys.exit(code)
"""


@dataclass(frozen=True)
class Finished:
    """A process that has ended.

    Attributes:
        cpu: seconds of CPU, its own and the system's for it.
        wall: seconds from start to end.
        out: what it printed.
        peak_mb: the most memory that it held; 0 where nobody asked.
    """

    cpu: float
    wall: float
    out: bytes
    peak_mb: float = 0.0


def environment() -> dict[str, str]:
    """The environment in which a child finds this tree, and no other."""
    path = os.pathsep.join([str(ROOT / "tests"), *(str(ROOT / room) for room in ROOMS)])
    return {**os.environ, "PYTHONPATH": path}


def python(*words: str) -> list[str]:
    """The command that runs this interpreter."""
    return [sys.executable, *words]


def run(command: Sequence[str], *, accept: Sequence[int] = (0,)) -> Finished:
    """Run a command to its end.

    Raises:
        RuntimeError: it ended otherwise than was accepted.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter_ns()
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        wall = (time.perf_counter_ns() - began) / 1e9
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode not in accept:
            errors.seek(0)
            told = errors.read()[-500:].decode(errors="replace")
            raise RuntimeError(f"{' '.join(command[:3])} … ended with {process.returncode}: {told}")
        return Finished(usage.ru_utime + usage.ru_stime, wall, out.read())


def lensmount(*words: str) -> list[str]:
    """The `lensmount` command of this tree."""
    return python("-c", COMMAND, *words)


def run_measured(*words: str) -> Finished:
    """Run `lensmount`, and have it tell its largest memory.

    What the system tells of a child counts the memory of whoever started it, so the child looks for itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "peak"
        finished = run(python("-c", _MEASURED, str(told), *words))
        return Finished(finished.cpu, finished.wall, finished.out, int(told.read_text()) / 1024)


def start(*words: str, pass_fds: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    """Start a peer that talks to us: a module of this package."""
    command = python("-m", *words)
    return subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=pass_fds
    )


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a peer that we started."""
    process.kill()
    process.communicate()
