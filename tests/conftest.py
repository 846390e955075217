"""What all tests share: one hypothesis profile, as many examples as `LENSMOUNT_EXAMPLES` says; pytest, to be run.

Tests that play in real time are run again where the machine stood still meanwhile, and only there.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

# pytest takes this only from the conftest that it reads first; the tests of our plugin run pytest in pytest.
pytest_plugins = ["pytester"]

settings.register_profile(
    "house",
    deadline=None,
    derandomize="LENSMOUNT_EXAMPLES" not in os.environ,
    database=None,
    max_examples=int(os.environ.get("LENSMOUNT_EXAMPLES", "60")),
)
settings.load_profile("house")

# Tests of our plugin run pytest in pytest; that one is nobody's worker, whoever runs this one.
for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
    os.environ.pop(name, None)

# Whoever runs pytest may ignore signals (`nohup`, a shell's background job), and what ignores them passes that on.
for number in (signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

TESTS = Path(__file__).parent

SLOW = (
    "emulator/campaign/test_dask_pool.py",
    "emulator/campaign/test_process_pool.py",
    "emulator/cli/test_board_verbs.py",
    "emulator/cli/test_clocked_board_verbs.py",
    "emulator/cli/test_ctrl_c.py",
    "emulator/cli/test_port_verbs.py",
    "emulator/cli/test_record_verb.py",
    "emulator/firmware/test_firmware_adapter.py",
    "emulator/firmware/test_firmware_bad_input.py",
    "emulator/firmware/test_firmware_body.py",
    "emulator/firmware/test_firmware_check.py",
    "emulator/firmware/test_firmware_emount.py",
    "emulator/firmware/test_firmware_fuzzing.py",
    "emulator/firmware/test_firmware_learning.py",
    "emulator/firmware/test_firmware_session.py",
    "emulator/fuzz/device/test_fuzz_device_verb.py",
    "emulator/fuzz/test_profiles.py",
    "emulator/fuzz/test_session_fuzzer.py",
    "emulator/learn/test_port_learning.py",
    "emulator/pytest_plugin/test_hardware.py",
    "emulator/pytest_plugin/test_installed.py",
    "emulator/scaffold/",
    "emulator/sessions/test_live_boards.py",
    "emulator/sessions/test_live_lmount.py",
    "emulator/sessions/test_network_serial.py",
    "emulator/traffic/test_plots.py",
    "hardware/firmware/emulator/",
    "hardware/firmware/test_core.py",
    "hostile/",
    "rules/test_campaign.py",
    "soak/",
    "twin_figures/test_twin_figures.py",
    "web/test_bad_input.py",
    "web/test_flows.py",
    "web/test_page.py",
    "web/test_ports.py",
    "web/test_views.py",
)
"""Tests that wait for real time, processes, compilers, installations or a browser; `make test-slow` and CI run them."""

REAL_TIME = (
    "emulator/cli/exit_cases",
    "emulator/cli/test_board_verbs.py",
    "emulator/cli/test_clocked_board_verbs.py",
    "emulator/cli/test_cli.py",
    "emulator/cli/test_ctrl_c.py",
    "emulator/cli/test_exit_codes.py",
    "emulator/cli/test_exposed_ports.py",
    "emulator/cli/test_live_exit_codes.py",
    "emulator/cli/test_port_verbs.py",
    "emulator/cli/test_record_verb.py",
    "emulator/cli/test_replay_verb.py",
    "emulator/cli/test_shadow_verb.py",
    "emulator/fuzz/device/",
    "emulator/learn/test_port_learning.py",
    "emulator/margins/test_margins.py",
    "emulator/pytest_plugin/test_hardware.py",
    "emulator/pytest_plugin/test_installed.py",
    "emulator/sessions/test_driver.py",
    "emulator/sessions/test_live_boards.py",
    "emulator/sessions/test_live_lmount.py",
    "emulator/sessions/test_network_serial.py",
    "emulator/sessions/test_results.py",
    "emulator/sessions/test_send_guard_sessions.py",
    "protocol/independent/test_c_lens.py",
    "rules/test_interposer.py",
    "soak/",
    "web/test_flows.py",
    "web/test_open.py",
    "web/test_ports.py",
)
"""Tests of sessions in real time: a peer that gets no processor for longer than a limit of the protocol is late."""

MAX_REAL_TIME_RERUNS = 3

PERIOD_S, STALL_S = 0.01, 0.02
"""How often the watch wakes, and how late it must be for a stall: a fifth of the time in which a lens answers."""

WATCH = """
import os, sys, threading, time

period, stall, parent = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])


def watch(processor):
    if processor is not None:
        os.sched_setaffinity(0, {processor})
    while os.getppid() == parent:
        before = time.monotonic()
        time.sleep(period)
        late = time.monotonic() - before - period
        if late >= stall:
            os.write(1, b"%.6f\\n" % late)


for processor in os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {None}:
    threading.Thread(target=watch, args=[processor]).start()
"""
"""A program that sleeps on each processor, and prints how late it was woken, in seconds, where that is a stall."""


class StallWatch:
    """Finds out whether the machine let a process wait that asks for next to nothing."""

    def __init__(self) -> None:
        words = [str(value) for value in (PERIOD_S, STALL_S, os.getpid())]
        self._process = subprocess.Popen([sys.executable, "-S", "-c", WATCH, *words], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)

    def longest(self) -> float:
        """The longest stall since the last call, in seconds; 0 where there was none."""
        return max(map(float, (self._output.read() or b"").split()), default=0.0)

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait()
        self._output.close()


STALL_WATCH = pytest.StashKey[StallWatch]()
LONGEST_STALL_S = pytest.StashKey[float]()


def is_one_of(item: pytest.Item, paths: tuple[str, ...]) -> bool:
    """Whether a test is in one of some files and folders below this one."""
    return item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).as_posix().startswith(paths)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests, and those in real time."""
    for item in items:
        if is_one_of(item, SLOW):
            item.add_marker(pytest.mark.slow)
        if is_one_of(item, REAL_TIME):
            condition = partial(item.stash.get, LONGEST_STALL_S, 0.0)
            item.add_marker(pytest.mark.flaky(reruns=MAX_REAL_TIME_RERUNS, condition=condition))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Watch the machine from before the first fixture of a test in real time."""
    if is_one_of(item, REAL_TIME):
        if STALL_WATCH not in item.config.stash:
            item.config.stash[STALL_WATCH] = StallWatch()
        item.config.stash[STALL_WATCH].longest()
        item.stash[LONGEST_STALL_S] = 0.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how long the machine stood still while a test in real time failed."""
    if call.excinfo is not None and LONGEST_STALL_S in item.stash:
        longest = item.config.stash[STALL_WATCH].longest()
        item.stash[LONGEST_STALL_S] = max(longest, item.stash[LONGEST_STALL_S])
        item.add_report_section(call.when, "machine", f"longest stall: {longest * 1e3:.0f} ms")
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the watch."""
    if STALL_WATCH in config.stash:
        config.stash[STALL_WATCH].close()
