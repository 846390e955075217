"""Reports of learned machines: JUnit for CI, and tests that show each difference with its shortest word."""

import json
import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from lensmount_emulator.learn.compare import CheckResult, Difference
from lensmount_emulator.learn.machine import Machine
from lensmount_emulator.reports.printable import escape_controls

MAX_ID = 80


def check_to_junit(machine: Machine, system: str, result: CheckResult) -> str:
    """A check as JUnit XML: a case per difference, or one that passed."""
    counts = {"tests": str(max(1, len(result.differences))), "failures": str(len(result.differences)), "errors": "0"}
    suites = Element("testsuites", {"name": "lensmount learn check", **counts})
    name = escape_controls(f"{machine.name} against {system}")
    suite = SubElement(suites, "testsuite", {"name": name, **counts, "skipped": "0"})
    for one in result.differences:
        word = escape_controls(" ".join(one.word))
        case = SubElement(suite, "testcase", {"classname": "learn.check", "name": word})
        text = escape_controls(f"{one.letter}: expected {one.expected}, found {one.found}")
        SubElement(case, "failure", {"type": "difference", "message": text}).text = f"{text}\nin {one.count} words"
    if not result.differences:
        SubElement(suite, "testcase", {"classname": "learn.check", "name": f"{result.words} words"})
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


TESTS = '''"""Words and their outputs, as learned; written by `lensmount learn`."""

import pytest

from lensmount import load_profile
from lensmount.learn import load_alphabet, play_word

PROFILE = {profile}
ALPHABET = load_alphabet({alphabet}, {dialect})
CASES = [
{rows}
]


@pytest.mark.parametrize(("word", "outputs"), CASES, ids={ids})
def test_word_has_its_outputs(word: list[str], outputs: list[str]) -> None:
    assert play_word(load_profile(PROFILE), ALPHABET, word) == outputs
'''


def to_tests(machine: Machine, differences: Sequence[Difference], profile: str, alphabet: str) -> str:
    """A test module that passes where the outputs are those of the machine; everything in it from files is a literal.

    Args:
        machine: what is expected.
        differences: each gives a test of its shortest word.
        profile: the profile that the tests play.
        alphabet: the name or the file of the alphabet.
    """
    cases = [(list(one.word), machine.run(one.word)) for one in differences]
    return TESTS.format(
        profile=_literal(profile),
        alphabet=_literal(alphabet),
        dialect=_literal(machine.dialect),
        rows="\n".join(f"    ({_literal(word)}, {_literal(outputs)})," for word, outputs in cases),
        ids=_literal([re.sub(r"[^A-Za-z0-9+._-]+", "-", " ".join(word))[:MAX_ID] for word, _ in cases]),
    )


def _literal(value: object) -> str:
    """A value as Python source in ASCII, so that no text of a file becomes code."""
    return json.dumps(value, ensure_ascii=True)
