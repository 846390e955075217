"""Ctrl-C in the verbs that take long without a port: one line, exit code 130, and what was recorded is kept."""

import os
import re
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


def run(*words: str, cwd: Path) -> tuple[int, str, str]:
    """Exit code, the last line of the error stream, and what it printed."""
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", PRESSED_SOON, *words]
    ended = subprocess.run(command, cwd=cwd, env=paths, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr.splitlines()[-1], ended.stdout


@pytest.mark.parametrize(
    ("words", "counted"),
    [
        (["prove", "emount", "--cases", "1000000000"], r"^envelopes +[1-9]\d*$"),
        (["fuzz", "parser", "emount", "--cases", "1000000000"], r"^cases +[1-9]\d*$"),
        (["fuzz", "session", "--steps", "1000000000"], r"^steps +\d+$"),
    ],
    ids=lambda words: "-".join(words[:2]) if isinstance(words, list) else "",
)
def test_it_ends_with_one_line_and_tells_what_it_came_to(words: list[str], counted: str, tmp_path: Path) -> None:
    code, last, out = run(*words, cwd=tmp_path)
    assert (code, last) == (130, "lensmount: stopped")
    assert re.search(counted, out, re.MULTILINE)


def test_a_session_keeps_what_it_recorded(tmp_path: Path) -> None:
    words = ("loopback", "--duration", "100000", "--quiet", "--record", "cut.lmx")
    assert run(*words, cwd=tmp_path)[:2] == (130, "lensmount: stopped")
    records = open_capture(tmp_path / "cut.lmx", load_dialect("emount").wiring).records
    assert len(list(records)) > 100
