"""Where a failure is shown: at the line of the test that asked for what cannot be, not inside of lensmount."""

import sys
from pathlib import Path
from types import TracebackType

import pytest

ROOMS = frozenset({"lensmount_protocol", "lensmount_hardware", "lensmount_emulator"})
"""Packages that a test's author did not write."""

RUNNER = frozenset({"_pytest", "pluggy"})
"""Packages that a test is run by."""

ERRORS = "lensmount_protocol.errors"


def end_in_the_test(excinfo: pytest.ExceptionInfo[BaseException], config: pytest.Config) -> None:
    """Leave our own frames and causes out of what is shown of a `MountError`: its text says all that there is to say.

    `--full-trace` and `--pdb` keep them. So does a traceback in which no frame of the test's author is found.
    """
    errors = sys.modules.get(ERRORS)
    # Where our errors were never imported, none was raised.
    if errors is None or not isinstance(excinfo.value, errors.MountError):
        return
    theirs = _last_of_the_author(excinfo.tb)
    if theirs is None or config.getoption("fulltrace") or config.getoption("usepdb", False):
        return
    theirs.tb_next = None
    excinfo.value.__cause__ = None
    excinfo.value.__suppress_context__ = True


def _last_of_the_author(entry: TracebackType | None) -> TracebackType | None:
    last = None
    while entry is not None:
        if not (ROOMS | RUNNER) & set(Path(entry.tb_frame.f_code.co_filename).parts):
            last = entry
        entry = entry.tb_next
    return last
