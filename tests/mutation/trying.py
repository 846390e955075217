"""Runs the chosen tests on one mutant in a forked child, and says which test noticed it.

The mutant is put in as its module is imported, by the import hook of `tests/emulator/fuzz/mutants.py`; no file is
changed. A mutant is killed when a test fails, when the project cannot be imported, or when the tests do not end within
a multiple of their time.
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mutation import warm
from mutation.covering import CoveredTest
from mutation.generating import mutated_source
from mutation.mutant import Mutant
from mutation.places import ROOT

FIRST_EXAMPLES = 20
SECOND_EXAMPLES = 150
"""Of hypothesis, in tests that set no number of their own; 150 is what the project's tests run with."""

START_CPU_S = 12.0
CPU_FACTOR = 6.0
IMPORT_ERRORS = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)


def load_hook() -> Any:
    """The module with the import hook, which is a script beside the tests of the fuzzers."""
    path = ROOT / "tests/emulator/fuzz/mutants.py"
    spec = importlib.util.spec_from_file_location("fuzz_mutants", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Change:
    """A source file with other text, as the import hook takes it.

    Attributes:
        name: for its errors.
        file: relative to the project.
        text: the whole source.
    """

    name: str
    file: str
    text: str

    def source(self) -> str:
        """The source that is compiled instead of the file's."""
        return self.text


class Selection:
    """A pytest plugin that runs only the chosen tests, in the given order, and notes the first that fails.

    Attributes:
        found: how many of the chosen tests there are.
        killer: the first test that failed.
        reason: the last line of its report.
    """

    def __init__(self, tests: list[str]) -> None:
        self._order = {name: place for place, name in enumerate(tests)}
        self.found = 0
        self.killer = ""
        self.reason = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen tests."""
        items[:] = sorted((item for item in items if item.nodeid in self._order), key=self._place)
        self.found = len(items)

    def _place(self, item: pytest.Item) -> int:
        return self._order[item.nodeid]

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first failure."""
        if report.failed and not self.killer:
            self._note(report)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test file that cannot be imported."""
        if report.failed and not self.killer:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        self.killer = report.nodeid
        crash = getattr(report.longrepr, "reprcrash", None)
        text = crash.message if crash else (report.longreprtext.splitlines() or [""])[-1]
        self.reason = text.splitlines()[0][:160] if text else ""


def trial(mutant: Mutant | None, tests: list[CoveredTest], examples: int, hook: Any) -> Any:
    """The work of a child: the tests on a mutant, or on the project as it is where there is none."""
    files = list(dict.fromkeys(test.file for test in tests))
    order = {file: place for place, file in enumerate(files)}
    names = [test.name for test in sorted(tests, key=lambda test: order[test.file])]
    change = Change(mutant.change, mutant.file, mutated_source(mutant)) if mutant else None

    def work(scratch: Path) -> object:
        if change is not None:
            sys.meta_path.insert(0, hook.Mutating(change))
        selection = Selection(names)
        code = warm.run_pytest(scratch, files, [selection, warm.Examples(examples)], "-x")
        return {
            "code": code,
            "found": selection.found,
            "by": selection.killer,
            "reason": selection.reason,
            "mutated": change is None or is_mutated(change, hook),
        }

    return work


def is_mutated(change: Change, hook: Any) -> bool:
    """Whether the module that was imported from a file is the changed one, or was not imported at all."""
    module = ".".join(Path(change.file).with_suffix("").parts[1:])
    loaded = sys.modules.get(module)
    return loaded is None or isinstance(loaded.__spec__.loader, hook.MutatedLoader)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the tests on a mutant.

    Attributes:
        killed: whether they noticed it.
        by: the test that failed first, "" where the project could not be imported or the time was over.
        reason: why, in a line.
        wrong: what makes the result invalid, "" where it is valid.
    """

    killed: bool
    by: str = ""
    reason: str = ""
    wrong: str = ""


def cpu_limit(tests: list[CoveredTest]) -> float:
    """Processor seconds after which the tests do not end."""
    return START_CPU_S + CPU_FACTOR * sum(test.seconds for test in tests)


def judge(value: Any, error: str, expected: int) -> Outcome:
    """What a child's result means."""
    if error:
        return Outcome(True, "", error)
    code = value["code"]
    if not value["mutated"]:
        return Outcome(False, wrong="the module was imported without the mutant")
    if code == pytest.ExitCode.TESTS_FAILED:
        return Outcome(True, value["by"], value["reason"])
    if code in IMPORT_ERRORS:
        return Outcome(True, value["by"], value["reason"] or "the project cannot be imported")
    if code == pytest.ExitCode.OK and value["found"] == expected:
        return Outcome(False)
    return Outcome(False, wrong=f"pytest ended with {code} and had {value['found']} of {expected} tests")
