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

FIRMWARE = Path(__file__).parent / "hardware" / "firmware"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A file's tests go to one worker, and all that build the firmware to the same one: they build in one place."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            group = "firmware" if FIRMWARE in item.path.parents else str(item.path)
            item.add_marker(pytest.mark.xdist_group(group))
