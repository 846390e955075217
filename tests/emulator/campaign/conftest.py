"""What the tests of campaigns share: files of campaigns, and the command as a process that can be watched and ended."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from lensmount_hardware.clock import MonotonicClock

ROOT = Path(__file__).parents[3]
SMALL = """
dialect = "emount"
bodies = ["a6000", "nex7"]
lenses = ["sel55210"]
script = "wait 0.2; aperture f/8"
faults = [[], ["bitflip rate=1e-4"], ["detach at=0.3s for=30ms"]]
seeds = "1-2"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a campaign's file: the small one, with lines of its own in place of others."""

    def write(name: str = "small", **keys: str) -> Path:
        lines = [line for line in SMALL.splitlines() if line.partition(" ")[0] not in keys]
        path = tmp_path / f"{name}.toml"
        path.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in keys.items())]) + "\n")
        return path

    return write


def environment() -> dict[str, str]:
    places = [str(ROOT / room) for room in ("protocol", "hardware", "emulator")]
    return os.environ | {"PYTHONPATH": os.pathsep.join([*places, str(Path(__file__).parent)])}


def start(*words: object) -> "subprocess.Popen[str]":
    """`lensmount campaign …` as a process of its own."""
    command = [sys.executable, "-m", "lensmount_emulator.cli.main", "campaign", *map(str, words)]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finished_in(path: Path) -> list[int]:
    """Numbers of the cases that have their result by now."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            return [number for (number,) in connection.execute("SELECT number FROM cases ORDER BY number")]
    except sqlite3.OperationalError:
        return []


def wait_for(what: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so; a machine that is busy takes its time."""
    clock, pause = MonotonicClock(), Event()
    while not what():
        assert clock.now() < seconds, "it never came to be so"
        pause.wait(0.05)


def children_of(process: "subprocess.Popen[str]") -> list[int]:
    """Processes that play for this one."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_text()
        except OSError:
            continue
        if parent == process.pid and "spawn_main" in words:
            found.append(int(folder.name))
    return found
