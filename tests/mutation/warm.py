"""Runs pytest in forked children of one process that has imported what every test file needs.

The parent imports pytest, hypothesis and the third-party libraries, and no module of lensmount. A child therefore
imports the project itself, with or without a mutant in it, and nothing of a mutant stays behind when it ends.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from mutation.places import DATA, PACKAGE_ROOTS, ROOT

LIBRARIES = (
    "construct", "coverage", "crcmod", "crcmod.predefined", "hypothesis", "hypothesis.stateful", "msgspec", "numpy",
    "rich.console", "rich.progress", "rich.table", "serial", "asyncio", "concurrent.futures", "ctypes", "difflib",
    "fractions", "gzip", "html", "multiprocessing", "pty", "socket", "sqlite3", "statistics", "tomllib", "zipfile",
)  # fmt: skip
MARK = "LENSMOUNT_MUTATION_CHILD"
MEMORY_BYTES = 3 << 30
WALL_FACTOR = 12.0
"""A child that does not use its processor time ends after so many times it; other processes may need the processors."""

# Asserts stay plain: lensmount has a pytest plugin, so pytest's own import hook would load its modules from their
# files, and so without the mutant.
PYTEST_OPTIONS = (
    "-q", "--no-header", "--assert=plain", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist",
    "-p", "no:lensmount", "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


def prepare() -> None:
    """Import what the children share.

    Raises:
        RuntimeError: a module of the project is imported, so that a child could not put a mutant into it.
    """
    for name in LIBRARIES:
        importlib.import_module(name)
    for root in PACKAGE_ROOTS:
        if (path := str(ROOT / root)) not in sys.path:
            sys.path.insert(0, path)
    if found := [name for name in sys.modules if name.startswith("lensmount_")]:
        raise RuntimeError(f"the parent process has imported {found[0]}; no mutant can be put into it")
    gc.collect()
    gc.freeze()


@dataclass(slots=True)
class Child:
    """A forked process that runs pytest.

    Attributes:
        pid: the process, which leads a process group of its own.
        pipe: where it writes its result, one JSON value.
        deadline: monotonic time after which it is ended.
        scratch: its temporary directory.
        written: what it has written so far.
    """

    pid: int
    pipe: int
    deadline: float
    scratch: Path
    written: bytes = b""


def start(work: Callable[[Path], Any], cpu_s: float) -> Child:
    """Fork a child that does the work within so much processor time and writes what the work returns.

    Args:
        work: takes a scratch directory; returns a value for JSON.
        cpu_s: processor seconds, after which the kernel ends the child.
    """
    reads, writes = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writes)
        scratch = DATA / "scratch" / str(pid)
        return Child(pid, reads, time.monotonic() + 20 + WALL_FACTOR * cpu_s, scratch)
    os.setsid()
    os.close(reads)
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    seconds = int(cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(ROOT)
    scratch = DATA / "scratch" / str(os.getpid())
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = str(scratch)
    os.environ[MARK] = str(os.getpid())
    try:
        answer = json.dumps({"value": work(scratch)})
    except BaseException as error:
        answer = json.dumps({"error": f"{type(error).__name__}: {error}"[:500]})
    with os.fdopen(writes, "wb") as pipe:
        pipe.write(answer.encode())
    os._exit(0)


def wait(children: list[Child]) -> tuple[Child, Any, str]:
    """Wait until one of the children has ended.

    Returns:
        The child, the value of its work, and why there is none: "" where there is one.
    """
    while True:
        ready, _, _ = select.select([child.pipe for child in children], [], [], 1.0)
        for child in children:
            if child.pipe in ready:
                part = os.read(child.pipe, 1 << 20)
                child.written += part
                if not part:
                    return child, *finish(child)
            elif time.monotonic() > child.deadline:
                return child, *finish(child, "blocked for longer than its time")


def end_descendants(pid: int) -> None:
    """End the processes that a child started in sessions of their own; its mark stands in their environment."""
    mark = f"{MARK}={pid}\0".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes() and int(path.parent.name) != pid:
                os.kill(int(path.parent.name), signal.SIGKILL)


def finish(child: Child, reason: str = "") -> tuple[Any, str]:
    """End a child and its process group, and read what it has written."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    end_descendants(child.pid)
    _, status = os.waitpid(child.pid, 0)
    os.close(child.pipe)
    shutil.rmtree(child.scratch, ignore_errors=True)
    if reason:
        return None, reason
    try:
        answer = json.loads(child.written)
    except ValueError:
        return None, f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "wrote no result"
    return answer.get("value"), answer.get("error", "")


class Examples:
    """A pytest plugin that sets how many examples hypothesis tries, the same each time, and does not shrink them.

    Tests that set a number of their own keep it.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Load the profile after `conftest.py` has loaded the project's, and before any test file is imported."""
        settings.register_profile(
            "mutation",
            settings.get_profile("house"),
            max_examples=self._number,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
        )
        settings.load_profile("mutation")


def run_pytest(scratch: Path, files: list[str], plugins: list[object], *options: str) -> int:
    """Run pytest on test files in this process, which must be a child; its exit code."""
    arguments = [*PYTEST_OPTIONS, f"--basetemp={scratch / 'pytest'}", f"--rootdir={ROOT}", *options, *files]
    return int(pytest.main(arguments, plugins=plugins))
