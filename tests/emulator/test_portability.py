"""The project runs where POSIX-only modules are missing: virtual verbs, imports, and serial ports through pyserial."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("without_posix.py")
ROOT = Path(__file__).parents[2]


def run(*words: str) -> str:
    paths = [str(ROOT / folder) for folder in ("protocol", "hardware", "emulator")]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), *words],
        env={"PYTHONPATH": ":".join(paths), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_virtual_verbs_run_without_posix_modules(tmp_path: Path) -> None:
    assert run("verbs", str(tmp_path)) == "every verb ran\n"


def test_serial_port_works_without_posix_modules() -> None:
    pytest.importorskip("hypothesis", reason="modules of the fuzz extra are imported as well")
    out = run("serial")
    assert out.endswith(" modules imported, bytes exchanged\n")
    assert int(out.split()[0]) > 300
