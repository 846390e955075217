"""The pytest plugin: a body and a lens as fixtures, virtual, or one of them the device on a port.

It is loaded by the start of every pytest that has lensmount installed, so nothing here and in the modules that it
takes imports more than pytest; what plays is imported by the first fixture that is used. `-p no:lensmount` leaves
it out.
"""

from lensmount_emulator.pytest_plugin.fixtures import (
    bench,
    board,
    body,
    lens,
    lensmount_choices,
    lensmount_port,
    mount,
    mounted,
    recording,
)
from lensmount_emulator.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_generate_tests,
    pytest_report_header,
    pytest_runtest_call,
    pytest_runtest_makereport,
)

__all__ = [
    "bench",
    "board",
    "body",
    "lens",
    "lensmount_choices",
    "lensmount_port",
    "mount",
    "mounted",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_header",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "recording",
]
