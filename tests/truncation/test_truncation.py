"""A share of the cuts, at places that move over lines and packets; all of them by `make truncated-recordings`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = ":".join(str(ROOT / folder) for folder in ("tests", "protocol", "hardware", "emulator"))


def test_whole_sessions_are_readable_up_to_the_cut() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "truncation", "--every", "233"],
        env={"PYTHONPATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("cuts are readable up to the cut") == 4


def test_a_reader_that_loses_the_last_record_is_found_out() -> None:
    code = """
import truncation.__main__ as cuts
from lensmount_hardware.captures import lmx
read = lmx.records_from_json
lmx.records_from_json = lambda lines: (read(lines) or [])[:-1]
try:
    cuts.main(["--every", "5000"])
except AssertionError:
    print("found out")
lmx.records_from_json = lambda lines: read(lines) if lines.count(b"\\n") > 100 else []
print(cuts.main(["--every", "1000"]))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": PATH}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("found out")
    assert result.stdout.endswith("1\n")
