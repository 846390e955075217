"""A test in real time that fails while the machine stands still runs again; no other one does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
IN_REAL_TIME = "emulator/cli/test_port_verbs.py"

FAILS = """
RUNS = []


def test_fails_at_first():
    RUNS.append(1)
    assert len(RUNS) > {failures}
"""

STALLS = """

TIMES_MS = {times}
StallWatch.longest = lambda _watch: TIMES_MS.pop(0) / 1e3
"""


@pytest.mark.parametrize(
    ("name", "failures", "stalls_ms", "outcomes"),
    [
        pytest.param(IN_REAL_TIME, 1, [0, 400, 0], {"rerun": 1, "passed": 1}, id="stalled"),
        pytest.param(IN_REAL_TIME, 1, [400, 0], {"failed": 1}, id="stalled-before"),
        pytest.param(IN_REAL_TIME, 9, [0, 400, 0, 0], {"rerun": 1, "failed": 1}, id="then-quiet"),
        pytest.param(IN_REAL_TIME, 9, [400] * 8, {"rerun": 3, "failed": 1}, id="always-stalled"),
        pytest.param("test_a.py", 1, [], {"failed": 1}, id="not-in-real-time"),
    ],
)
def test_only_a_stalled_test_in_real_time_runs_again(
    name: str, failures: int, stalls_ms: list[int], outcomes: dict[str, int], pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(CONFTEST.read_text() + STALLS.format(times=stalls_ms))
    path = pytester.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAILS.format(failures=failures))
    pytester.makeini("[pytest]\nmarkers =\n    slow")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:lensmount", path)
    assert result.parseoutcomes() == outcomes
    if name == IN_REAL_TIME and "failed" in outcomes:
        result.stdout.fnmatch_lines([f"longest stall: {stalls_ms[2 * outcomes.get('rerun', 0) + 1]} ms"])


def test_watch_prints_how_late_each_processor_wakes_it(request: pytest.FixtureRequest) -> None:
    conftest = request.config.pluginmanager.get_plugin(str(CONFTEST))
    assert conftest is not None
    words = (sys.executable, "-S", "-c", conftest.WATCH)
    # Each awakening is a little late, so that a stall of no length is always found.
    with subprocess.Popen((*words, "0.001", "0", str(os.getpid())), stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        late = [float(line) for _, line in zip(range(20), watch.stdout, strict=False)]
        watch.kill()
    assert len(late) == 20
    assert all(0 <= each < 10 for each in late)
    # It ends with the process that started it.
    assert subprocess.run((*words, "0.001", "0", "1"), timeout=60, capture_output=True, check=True).stdout == b""
