"""The conformance suite of dialects: about 60 checks that a package runs by a subclass of three lines.

```python
from lensmount.testing.conformance import DialectConformance

class TestConformance(DialectConformance):
    dialect_name = "acme"
```

`python -m lensmount_emulator.testing.conformance NAME…` runs it without pytest and prints the table.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from lensmount_emulator.testing.conformance_checks import ConformanceSkip, ConformanceSubject
from lensmount_emulator.testing.conformance_sessions import CHECKS
from lensmount_protocol.errors import MountError

_subjects: dict[str, ConformanceSubject] = {}
_results: dict[str, dict[str, str]] = {}


def run_check(dialect: str, name: str) -> None:
    """Run one check of a dialect, and note its result for the table.

    Raises:
        AssertionError: the dialect does not conform; the text says in what.
        unittest.SkipTest: the check does not apply to the dialect; the text says why.
    """
    results = _results.setdefault(dialect, {})
    results[name] = "failed"
    if dialect not in _subjects:
        _subjects[dialect] = ConformanceSubject(dialect)
    try:
        CHECKS[name](_subjects[dialect])
    except ConformanceSkip as reason:
        results[name] = f"not applicable: {reason}"
        raise
    results[name] = "passed"


def conformance_table(dialect: str) -> list[str]:
    """Return the lines of the table of what has run for a dialect."""
    results = _results.get(dialect, {})
    passed = sum(result == "passed" for result in results.values())
    skipped = sum(result.startswith("not applicable") for result in results.values())
    lines = [
        f"conformance of {dialect}: {passed} passed, {len(results) - passed - skipped} failed, "
        f"{skipped} not applicable, of {len(CHECKS)}"
    ]
    return lines + [f"  {name.replace('_', ' '):<52} {result}" for name, result in results.items()]


class DialectConformance:
    """The checks as a test class; subclass it and set `dialect_name`.

    Attributes:
        dialect_name: the dialect, by the name of its entry point.
    """

    dialect_name: ClassVar[str] = ""

    @classmethod
    def teardown_class(cls) -> None:
        """Print the table; `pytest -s` shows it."""
        print("", *conformance_table(cls.dialect_name), sep="\n")


def _test_method(name: str) -> Callable[[DialectConformance], None]:
    def test(self: DialectConformance) -> None:
        run_check(self.dialect_name, name)

    test.__name__ = f"test_{name}"
    test.__doc__ = CHECKS[name].__doc__
    return test


for _name in CHECKS:
    setattr(DialectConformance, f"test_{_name}", _test_method(_name))


def run_conformance(dialect: str) -> bool:
    """Run every check of a dialect; return whether none failed and most applied."""
    # A dialect that cannot be loaded is one error, and no list of failed checks.
    _subjects[dialect] = ConformanceSubject(dialect)
    for name in CHECKS:
        try:
            run_check(dialect, name)
        except ConformanceSkip:
            continue
        except Exception as error:
            _results[dialect][name] = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    results = _results[dialect].values()
    passed = sum(result == "passed" for result in results)
    return passed > len(CHECKS) // 2 and not any(result.startswith("failed") for result in results)


def main(names: Sequence[str]) -> int:
    """Print the table of each dialect; return 1 where one fails."""
    if not names:
        print("name one or more dialects", file=sys.stderr)
        return 2
    code = 0
    for name in names:
        try:
            passed = run_conformance(name)
        except MountError as error:
            print(error, file=sys.stderr)
            return 2
        code = code if passed else 1
        print(*conformance_table(name), sep="\n")
    return code


def conformance_results(dialect: str) -> dict[str, Any]:
    """Return check -> result of what has run for a dialect."""
    return dict(_results.get(dialect, {}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
