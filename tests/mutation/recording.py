"""A pytest plugin that records which test runs which lines of the project, and how long each test takes.

Lines that a fixture of a wider scope runs count for every test that uses the fixture, and lines that the collection of
a test file runs count for every test of the file: pytest runs either only once.
"""

import os
import time
from collections import defaultdict
from collections.abc import Generator, Iterable

import coverage
import pytest

from mutation.places import PACKAGE_ROOTS, ROOT

COLLECTION = "(collection)"

Bits = dict[str, int]
"""Per source file the lines that ran: bit N of the number is line N."""


def line_bits(lines: Iterable[int]) -> int:
    """Line numbers as one number: bit N is line N."""
    bits = 0
    for line in lines:
        bits |= 1 << line
    return bits


def fixture_context(definition: pytest.FixtureDef) -> str:
    """The name under which the lines of a fixture of a wider scope are recorded."""
    return f"fixture {definition.argname} of {definition.baseid}"


class LineRecorder:
    """Switches the context of a coverage measurement from test to test.

    Attributes:
        seconds: processor seconds of each test, with its set-up.
        failed: tests that did not pass, which can show nothing about a mutant.
        collection_s: processor seconds of the collection.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.collection_s = 0.0
        self._fixtures: dict[str, set[str]] = {}
        self._context = COLLECTION
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, branch=False, source=[str(ROOT / root) for root in PACKAGE_ROOTS]
        )
        self._started = time.process_time()
        self._coverage.start()
        self._coverage.switch_context(COLLECTION)

    def _switch(self, context: str) -> None:
        self._context = context
        self._coverage.switch_context(context)

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """End what counts as collection."""
        self.collection_s = time.process_time() - self._started

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record under the test's name."""
        self._switch(item.nodeid)
        before = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - before
            info = getattr(item, "_fixtureinfo", None)
            definitions = [one for found in info.name2fixturedefs.values() for one in found] if info else []
            self._fixtures[item.nodeid] = {fixture_context(one) for one in definitions if one.scope != "function"}
            self._switch(COLLECTION)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef) -> Generator[None, object, object]:
        """Record a fixture of a wider scope under its own name."""
        if fixturedef.scope == "function":
            return (yield)
        outer = self._context
        self._switch(fixture_context(fixturedef))
        try:
            return (yield)
        finally:
            self._switch(outer)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests did not pass."""
        if report.outcome != "passed":
            self.failed.add(report.nodeid)

    def lines(self) -> tuple[dict[str, Bits], Bits]:
        """Per test the lines that it runs, and the lines that the collection of the file runs."""
        self._coverage.stop()
        data = self._coverage.get_data()
        contexts: dict[str, Bits] = defaultdict(dict)
        for measured in data.measured_files():
            name = os.path.relpath(measured, ROOT)
            for line, names in data.contexts_by_lineno(measured).items():
                for context in names:
                    bits = contexts[context]
                    bits[name] = bits.get(name, 0) | 1 << line
        tests: dict[str, Bits] = {}
        for test in self.seconds:
            merged = dict(contexts.get(test, {}))
            for fixture in self._fixtures[test]:
                for name, bits in contexts.get(fixture, {}).items():
                    merged[name] = merged.get(name, 0) | bits
            tests[test] = merged
        return tests, contexts.get(COLLECTION, {})
