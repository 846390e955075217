"""Ctrl-C in the verbs that take long without a port: one line, exit code 130, and what was recorded is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.registry import load_dialect

PRESSED_SOON = """
import os, signal, sys, threading, time

from lensmount_emulator.cli.main import main

def press():
    time.sleep(1.5)
    while "--record" in sys.argv and not (os.path.exists("cut.lmx") and os.path.getsize("cut.lmx") > 50_000):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=press, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


def run(*words: str, cwd: Path) -> tuple[int, str]:
    """Exit code, and the last line of the error stream."""
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", PRESSED_SOON, *words]
    ended = subprocess.run(command, cwd=cwd, env=paths, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["prove", "emount", "--cases", "1000000000"],
        ["fuzz", "parser", "emount", "--cases", "1000000000"],
        ["fuzz", "session", "--steps", "1000000000"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_it_ends_with_one_line(words: list[str], tmp_path: Path) -> None:
    assert run(*words, cwd=tmp_path) == (130, "lensmount: stopped")


def test_a_session_keeps_what_it_recorded(tmp_path: Path) -> None:
    words = ("loopback", "--duration", "100000", "--quiet", "--record", "cut.lmx")
    assert run(*words, cwd=tmp_path) == (130, "lensmount: stopped")
    records = open_capture(tmp_path / "cut.lmx", load_dialect("emount").wiring).records
    assert len(list(records)) > 100
