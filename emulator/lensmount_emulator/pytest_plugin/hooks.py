"""What pytest asks of the plugin: options, markers, who is skipped, and what a failed test's report tells."""

import itertools
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lensmount_emulator.pytest_plugin.played import Mounted

from lensmount_emulator.pytest_plugin.choices import listed, marked
from lensmount_emulator.pytest_plugin.options import (
    HARDWARE,
    MARKER,
    MARKERS,
    PLAY,
    PORT,
    RECORD,
    add_all,
    timeline_lines,
    value_of,
)
from lensmount_emulator.pytest_plugin.traces import end_in_the_test
from lensmount_emulator.pytest_plugin.workers import check_ports, ports_of

PLAYED: "pytest.StashKey[list[Mounted]]" = pytest.StashKey()
"""Everything that was mounted in a test, in order."""

PROPERTIES = frozenset(f"{MARKER}_{name}" for name in ("timeline", "recording", "replay"))
"""Properties of a report that this plugin sets."""

CHOICES = "lensmount_choices"
"""Name of the fixture that the lists of a marker go through."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini keys."""
    add_all(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Markers; a wrong option ends the run before anything is collected."""
    for marker, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    timeline_lines(config)
    check_ports(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Where the tests run, if that is not the virtual mount."""
    ports = ports_of(config)
    return f"lensmount: plays the {value_of(config, PLAY)} on {', '.join(ports)}" if ports else None


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Tests of hardware wait until they are asked for."""
    if ports_of(config):
        return
    skip = pytest.mark.skip(reason=f"needs a device; give its port with {PORT.flag}")
    for item in items:
        if item.get_closest_marker(HARDWARE) is not None:
            item.add_marker(skip)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A marker with a list of bodies or lenses runs the test with each of them."""
    if CHOICES not in metafunc.fixturenames:
        return
    lists = listed(marked(metafunc.definition.iter_markers(MARKER), metafunc.definition.nodeid))
    if lists:
        pairs = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
        ids = ["-".join(str(getattr(value, "name", value)) for value in pair.values()) for pair in pairs]
        metafunc.parametrize(CHOICES, pairs, indirect=True, ids=ids)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """A test that passed fails all the same where the device on the port did not do its part."""
    yield
    for mounted in item.stash.setdefault(PLAYED, []):
        try:
            mounted.judge()
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
    """A failed test's report says what was heard, where it is recorded, and how to see it again."""
    if call.excinfo is not None:
        end_in_the_test(call.excinfo, item.config)
    if call.when == "setup":
        # A plugin may run a test again; each attempt has properties of its own.
        item.user_properties[:] = [one for one in item.user_properties if one[0] not in PROPERTIES]
    report = yield
    played = item.stash.setdefault(PLAYED, [])
    for one in played:
        kept = str(one.heard.path)
        properties: list[tuple[str, str]] = []
        if report.failed:
            parts = one.report(timeline_lines(item.config))
            report.sections += [(f"lensmount {name}", text) for name, text in parts]
            properties = [(f"{MARKER}_{name}", text) for name, text in parts]
        elif report.when == "call" and value_of(item.config, RECORD) is not None:
            properties = [(f"{MARKER}_recording", kept)]
        if (f"{MARKER}_recording", kept) not in item.user_properties:
            # JUnit XML takes them from the report of the teardown.
            item.user_properties += properties
            if report.when == "teardown":
                report.user_properties += properties
    if report.when == "teardown":
        # The test stays in memory to the end of the run; what it heard need not.
        played.clear()
    return report
