"""What all tests share: one hypothesis profile, as many examples as `LENSMOUNT_EXAMPLES` says; pytest, to be run."""

import os
import signal
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the slow tests."""
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
