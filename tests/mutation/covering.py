"""Keeps for every test the lines that it runs, measured once per content of a test file.

A map is measured again when its test file, or a `conftest.py` above it, changes. When a source file changes, its old
lines are matched with its new ones instead: lines that were inserted count as run by the tests of the line before.
"""

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mutation import warm
from mutation.places import DATA, ROOT
from mutation.recording import Bits, LineRecorder

FOLDERS = ("tests/protocol", "tests/hardware", "tests/emulator")
EXCLUDED = (
    "tests/hardware/firmware/emulator",
    "tests/emulator/campaign",
    "tests/emulator/sessions/test_matrix",
    "tests/emulator/cli/test_matrix",
    *(f"tests/emulator/pytest_plugin/test_{name}" for name in ("boards", "docs", "hardware", "held", "inst", "plugin")),
)
"""Tests that run the project in other processes, where no mutant is."""

EXAMPLES = 40
FILE_CPU_S = 200.0
MAPS = DATA / "maps"
SOURCES = DATA / "sources"


def digest(text: bytes) -> str:
    """A short name for a content."""
    return hashlib.sha256(text).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class CoveredTest:
    """A test and what it runs.

    Attributes:
        name: pytest's node id.
        file: its test file.
        seconds: processor time, measured under coverage.
        lines: per source file the lines that it runs, its fixtures and the collection included.
    """

    name: str
    file: str
    seconds: float
    lines: Bits


def test_files(folders: tuple[str, ...]) -> list[str]:
    """The test files that are measured, relative to the project."""
    found = (str(path.relative_to(ROOT)) for folder in folders for path in sorted((ROOT / folder).rglob("test_*.py")))
    return list(dict.fromkeys(name for name in found if not name.startswith(EXCLUDED)))


def map_path(test_file: str) -> Path:
    """Where the map of a test file in its present state is kept."""
    parts = [(ROOT / test_file).read_bytes()]
    for folder in Path(test_file).parents:
        if (conftest := ROOT / folder / "conftest.py").is_file() and folder != Path("."):
            parts.append(conftest.read_bytes())
    return MAPS / f"{test_file.replace('/', '~')}~{digest(b'|'.join(parts))}.json"


def measure(test_file: str) -> Callable[[Path], object]:
    """The work of a child: run a test file under coverage, and return its map."""

    def work(scratch: Path) -> object:
        recorder = LineRecorder()
        code = warm.run_pytest(scratch, [test_file], [recorder, warm.Examples(EXAMPLES)])
        tests, collection = recorder.lines()
        sources = {}
        for name in {name for lines in (*tests.values(), collection) for name in lines}:
            text = (ROOT / name).read_bytes()
            sources[name] = digest(text)
            SOURCES.mkdir(parents=True, exist_ok=True)
            (SOURCES / sources[name]).write_bytes(text)
        return {
            "code": code,
            "sources": sources,
            "collection": {name: hex(bits) for name, bits in collection.items()},
            "collection_s": recorder.collection_s,
            "tests": {
                test: {
                    "seconds": round(recorder.seconds[test], 4),
                    "passed": test not in recorder.failed,
                    "lines": {name: hex(bits) for name, bits in lines.items()},
                }
                for test, lines in tests.items()
            },
        }

    return work


def collect(jobs: int, report: Callable[[str], None], folders: tuple[str, ...] = FOLDERS) -> None:
    """Measure every test file whose map is missing."""
    MAPS.mkdir(parents=True, exist_ok=True)
    waiting = [name for name in test_files(folders) if not map_path(name).exists()]
    running: dict[int, tuple[warm.Child, str]] = {}
    done, total = 0, len(waiting)
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            child = warm.start(measure(name), FILE_CPU_S)
            running[child.pid] = child, name
        child, value, error = warm.wait([child for child, _ in running.values()])
        _, name = running.pop(child.pid)
        done += 1
        if error:
            value = {"code": -1, "error": error, "sources": {}, "collection": {}, "collection_s": 0.0, "tests": {}}
        path = map_path(name)
        path.with_suffix(".part").write_text(json.dumps(value))
        path.with_suffix(".part").rename(path)
        report(f"{done}/{total} {name}: {error or len(value['tests'])}")


@cache
def line_table(old: str, name: str) -> dict[int, list[int]] | None:
    """For each line of an old state of a source file the lines of today's file that stand for it; None: unchanged."""
    path = ROOT / name
    text = path.read_bytes() if path.exists() else b""
    if digest(text) == old:
        return None
    before, after = (SOURCES / old).read_text().splitlines(), text.decode().splitlines()
    table: dict[int, list[int]] = {}
    for kind, low, high, new_low, new_high in difflib.SequenceMatcher(None, before, after, False).get_opcodes():
        if kind == "equal":
            for line in range(low, high):
                table.setdefault(line + 1, []).append(new_low + line - low + 1)
        elif kind == "replace":
            for line in range(low, high):
                table.setdefault(line + 1, []).extend(range(new_low + 1, new_high + 1))
        elif kind == "insert":
            table.setdefault(max(1, low), []).extend(range(new_low + 1, new_high + 1))
    return table


def lines_of(bits: int) -> Iterator[int]:
    """The line numbers of a number whose bit N is line N."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def to_present(bits: int, old: str, name: str) -> int:
    """Lines of an old state of a file as lines of its present state."""
    table = line_table(old, name)
    if table is None:
        return bits
    moved = 0
    for line in lines_of(bits):
        for new in table.get(line, ()):
            moved |= 1 << new
    return moved


@dataclass(frozen=True, slots=True)
class CoverageMap:
    """All tests with the lines that they run.

    Attributes:
        tests: those that passed.
        collection_s: per test file the processor time of its collection.
        broken: test files that gave no map, with the reason.
        failed: tests that did not pass while they were measured.
    """

    tests: list[CoveredTest]
    collection_s: dict[str, float]
    broken: dict[str, str]
    failed: list[str]


def load(names: set[str]) -> CoverageMap:
    """Read the maps of the present test files, with the lines of these source files."""
    tests: list[CoveredTest] = []
    collection_s: dict[str, float] = {}
    broken: dict[str, str] = {}
    failed: list[str] = []
    for test_file in test_files(FOLDERS):
        path = map_path(test_file)
        if not path.exists():
            broken[test_file] = "not measured"
            continue
        kept = json.loads(path.read_text())
        if "error" in kept:
            broken[test_file] = kept["error"]
        sources = kept["sources"]

        def present(lines: dict[str, str], sources: dict[str, str] = sources) -> Bits:
            return {
                name: to_present(int(bits, 16), sources[name], name) for name, bits in lines.items() if name in names
            }

        collection = present(kept["collection"])
        collection_s[test_file] = kept["collection_s"]
        for test, entry in kept["tests"].items():
            if not entry["passed"]:
                failed.append(test)
                continue
            lines = present(entry["lines"])
            for name, bits in collection.items():
                lines[name] = lines.get(name, 0) | bits
            tests.append(CoveredTest(test, test_file, entry["seconds"], lines))
    return CoverageMap(tests, collection_s, broken, failed)
