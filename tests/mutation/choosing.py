"""Chooses the tests that are run on a mutant: those that run its line, the nearest and quickest first.

A line outside functions runs only while its module is imported. For such a line the names that its statement defines
are followed through other such statements, and the tests are those that run a function in which one of these names is
used, or whose test file uses one of them.
"""

import ast
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mutation.covering import CoverageMap, CoveredTest
from mutation.mutant import Mutant
from mutation.places import PACKAGE_ROOTS, ROOT
from mutation.recording import line_bits

FIRST_TESTS = 14
FIRST_FILES = 3
FIRST_S = 2.0
"""A first try is short, since pytest imports all its test files before it runs the first test."""

SAME_FUNCTION = 5
"""A test with many parameters is not the only one of a first try."""

RECORDED = "test_recorded_sessions.py"
RECORDED_IN_FIRST = 6
"""Of the recorded sessions, each of which runs much of a role, more are in a first try."""

SECOND_S = 13.0
LONGEST_TEST_S = 4.0
DEEPEST = 4
COMMON = 60
"""A name that more statements use is not followed: it says nothing about which tests matter."""

WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a source file.

    Attributes:
        low: its first line.
        high: its last line; of a compound statement that of its head.
        inside: whether it is in a function's body, and so runs when the function is called.
        defines: the names that it defines, outside functions.
    """

    low: int
    high: int
    inside: bool
    defines: frozenset[str]


def walk(body: list[ast.stmt], inside: bool, owner: str) -> Iterator[Statement]:
    """The statements of a body and of all bodies in it."""
    for node in body:
        high = node.end_lineno or node.lineno
        blocks = [block for _, block in ast.iter_fields(node) if is_block(block)]
        blocks += [handler.body for handler in getattr(node, "handlers", [])]
        blocks += [case.body for case in getattr(node, "cases", [])]
        if blocks:
            high = max(node.lineno, min(block[0].lineno for block in blocks) - 1)
        low = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        names = {owner} if owner else set()
        if not inside:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names |= {one.id for target in targets if target for one in ast.walk(target) if isinstance(one, ast.Name)}
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
        yield Statement(low, high, inside, frozenset(names))
        function = isinstance(node, ast.FunctionDef)
        for block in blocks:
            yield from walk(block, inside or function, node.name if isinstance(node, ast.ClassDef) else owner)


def is_block(value: object) -> bool:
    """Whether a field of a node is a list of statements."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], ast.stmt)


@cache
def statements(file: str) -> tuple[list[Statement], list[int], list[str]]:
    """The statements of a source file in order, their first lines, and the file's lines."""
    source = (ROOT / file).read_text()
    found = sorted(walk(ast.parse(source).body, False, ""), key=lambda one: one.low)
    return found, [one.low for one in found], source.splitlines()


def statement_at(file: str, line: int) -> Statement:
    """The innermost statement that contains a line."""
    found, lows, _ = statements(file)
    for index in range(bisect_right(lows, line) - 1, -1, -1):
        if found[index].low <= line <= found[index].high:
            return found[index]
    return Statement(line, line, False, frozenset())


@cache
def uses() -> dict[str, list[tuple[str, Statement]]]:
    """Per name the statements of all sources that use it."""
    index: dict[str, list[tuple[str, Statement]]] = defaultdict(list)
    for root in PACKAGE_ROOTS:
        for path in sorted((ROOT / root).glob("lensmount_*/**/*.py")):
            file = str(path.relative_to(ROOT))
            found, _, lines = statements(file)
            for statement in found:
                text = "\n".join(lines[statement.low - 1 : statement.high])
                if text.startswith(("from ", "import ")):
                    continue
                for word in set(WORD.findall(text)):
                    index[word].append((file, statement))
    return index


@cache
def test_words(test_file: str) -> frozenset[str]:
    """The names that a test file uses."""
    return frozenset(WORD.findall((ROOT / test_file).read_text()))


def reached(mutant: Mutant, statement: Statement) -> tuple[dict[str, int], set[str]]:
    """Lines in functions that use what a statement outside functions defines, per file, and the names followed."""
    lines: dict[str, int] = defaultdict(int)
    names, fresh = set[str](), set(statement.defines)
    for _ in range(DEEPEST):
        names |= fresh
        following: set[str] = set()
        for name in fresh:
            using = uses().get(name, [])
            for file, one in using:
                if one.inside and (len(using) <= COMMON or file == mutant.file):
                    lines[file] |= line_bits(range(one.low, one.high + 1))
                elif not one.inside and len(using) <= COMMON:
                    following |= one.defines
        fresh = following - names
    return lines, names


def distance(mutant_file: str, test_file: str) -> int:
    """How far a test file is from a source file: 0 for the file's own tests, 3 for those of another layer."""
    source, test = Path(mutant_file), Path(test_file)
    if test.stem.removeprefix("test_") == source.stem:
        return 0
    if test.name == RECORDED:
        return 0
    folder, place = Path(*source.parts[2:-1]), Path(*test.parts[2:-1])
    if place in (folder, *folder.parents[:-1]) or place.parent == folder or source.stem in test.stem:
        return 1
    return 2 if source.parts[0] == test.parts[1] else 3


@dataclass(frozen=True, slots=True)
class Choice:
    """The tests for a mutant.

    Attributes:
        first: for the first try.
        second: for what survives it.
        covering: how many tests there are in all.
    """

    first: list[CoveredTest]
    second: list[CoveredTest]
    covering: int


def covering_tests(mutant: Mutant, known: CoverageMap) -> list[CoveredTest]:
    """The tests that run the line of a mutant, or what the line defines."""
    statement = statement_at(mutant.file, mutant.line)
    if statement.inside:
        bits = line_bits(range(statement.low, statement.high + 1))
        return [test for test in known.tests if test.lines.get(mutant.file, 0) & bits]
    lines, names = reached(mutant, statement)
    if any(len(uses().get(name, [])) > COMMON for name in statement.defines):
        # Its users cannot be told from those of others: what runs the file has to do.
        own = [one for one in statements(mutant.file)[0] if one.inside]
        lines[mutant.file] |= line_bits(line for one in own for line in range(one.low, one.high + 1))
    rare = {name for name in names if len(uses().get(name, [])) <= COMMON}
    return [
        test
        for test in known.tests
        if any(test.lines.get(file, 0) & bits for file, bits in lines.items()) or rare & test_words(test.file)
    ]


def choose(mutant: Mutant, known: CoverageMap) -> Choice:
    """Choose the tests for a mutant within the budgets of the first and the second try."""
    ranked = sorted(
        (test for test in covering_tests(mutant, known) if test.seconds <= LONGEST_TEST_S),
        key=lambda test: (distance(mutant.file, test.file), test.seconds, test.name),
    )
    first: list[CoveredTest] = []
    second: list[CoveredTest] = []
    alike: Counter[str] = Counter()
    budgets = {True: FIRST_S, False: SECOND_S}
    files: dict[bool, set[str]] = {True: set(), False: set()}
    for test in ranked:
        function = test.name.partition("[")[0]
        most = RECORDED_IN_FIRST if RECORDED in function else SAME_FUNCTION
        near = test.file in files[True] or len(files[True]) < FIRST_FILES
        early = near and len(first) < FIRST_TESTS and alike[function] < most
        for share in (True, False) if early else (False,):
            cost = test.seconds + (0.0 if test.file in files[share] else known.collection_s[test.file] / 2)
            if cost <= budgets[share]:
                budgets[share] -= cost
                files[share].add(test.file)
                alike[function] += share
                (first if share else second).append(test)
                break
    return Choice(first, second, len(ranked))
