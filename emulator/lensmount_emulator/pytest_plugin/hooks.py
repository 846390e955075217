"""The hooks of pytest: options, markers, skips, and the sections of a failed test's report.

Where a failure is shown: at the line of the test that asked for what cannot be, not inside of lensmount.
"""

import itertools
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from lensmount_emulator.pytest_plugin.options import (
    HARDWARE,
    MARKER,
    MARKERS,
    PORT,
    RECORD,
    ROLE,
    add_options,
    as_list,
    log_old_options,
    marker_options,
    option_value,
    timeline_lines,
    validate_ports,
    worker_ports,
)

if TYPE_CHECKING:
    from lensmount_emulator.pytest_plugin.mount_session import MountSession


OWN_PACKAGES = frozenset({"lensmount_protocol", "lensmount_hardware", "lensmount_emulator"})
"""Packages that a test's author did not write."""

RUNNER = frozenset({"_pytest", "pluggy"})
"""Packages that a test is run by."""

ERRORS = "lensmount_protocol.errors"


def trim_traceback(excinfo: pytest.ExceptionInfo[BaseException], config: pytest.Config) -> None:
    """Remove our own frames and causes from the traceback of a `MountError`: its text is complete.

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
        if not (OWN_PACKAGES | RUNNER) & set(Path(entry.tb_frame.f_code.co_filename).parts):
            last = entry
        entry = entry.tb_next
    return last


SESSIONS: "pytest.StashKey[list[MountSession]]" = pytest.StashKey()
"""Everything that was mounted in a test, in order."""

PROPERTIES = frozenset(f"{MARKER}_{name}" for name in ("explanation", "timeline", "recording", "view", "replay"))
"""Properties of a report that this plugin sets."""

OPTIONS_FIXTURE = "lensmount_choices"
"""Name of the fixture that the lists of a marker go through."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini keys."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Markers; a wrong option ends the run before anything is collected."""
    for marker, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    timeline_lines(config)
    validate_ports(config)
    log_old_options(str(argument) for argument in config.invocation_params.args)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Where the tests run, if that is not the virtual mount."""
    ports = worker_ports(config)
    return f"lensmount: plays the {option_value(config, ROLE)} on {', '.join(ports)}" if ports else None


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Tests of hardware wait until they are asked for."""
    if worker_ports(config):
        return
    skip = pytest.mark.skip(reason=f"needs a device; give its port with {PORT.flag}")
    for item in items:
        if item.get_closest_marker(HARDWARE) is not None:
            item.add_marker(skip)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A marker with a list of bodies or lenses runs the test with each of them."""
    if OPTIONS_FIXTURE not in metafunc.fixturenames:
        return
    lists = as_list(marker_options(metafunc.definition.iter_markers(MARKER), metafunc.definition.nodeid))
    if lists:
        pairs = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
        ids = ["-".join(str(getattr(value, "name", value)) for value in pair.values()) for pair in pairs]
        metafunc.parametrize(OPTIONS_FIXTURE, pairs, indirect=True, ids=ids)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A test that passed fails all the same where the device on the port did not do its part."""
    yield
    for mounted in item.stash.setdefault(SESSIONS, []):
        try:
            mounted.check_device()
        except AssertionError as error:
            wrong = str(error)
        else:
            continue
        # The test has no line of its own to show.
        pytest.fail(wrong, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the traffic, the recording and the replay commands to a failed test's report."""
    if call.excinfo is not None:
        trim_traceback(call.excinfo, item.config)
    if call.when == "setup":
        # A plugin may run a test again; each attempt has properties of its own.
        item.user_properties[:] = [one for one in item.user_properties if one[0] not in PROPERTIES]
    report = yield
    played = item.stash.setdefault(SESSIONS, [])
    for one in played:
        kept = str(one.log.path)
        properties: list[tuple[str, str]] = []
        if report.failed:
            parts = one.report(timeline_lines(item.config))
            report.sections += [(f"lensmount {name}", text) for name, text in parts]
            properties = [(f"{MARKER}_{name}", text) for name, text in parts]
        elif report.when == "call" and option_value(item.config, RECORD) is not None:
            properties = [(f"{MARKER}_recording", kept)]
        if (f"{MARKER}_recording", kept) not in item.user_properties:
            # JUnit XML takes them from the report of the teardown.
            item.user_properties += properties
            if report.when == "teardown":
                report.user_properties += properties
    if report.when == "teardown":
        # The test stays in memory to the end of the run; its traffic need not.
        played.clear()
    return report
