"""The list of small bugs fits the code: each text stands once in its file, and what it makes is Python."""

import importlib.util
import sys
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("mutants", Path(__file__).with_name("mutants.py"))
assert SPEC is not None
assert SPEC.loader is not None
mutants = importlib.util.module_from_spec(SPEC)
sys.modules["mutants"] = mutants
SPEC.loader.exec_module(mutants)


def test_there_are_enough_of_them_and_no_two_are_the_same() -> None:
    assert len(mutants.MUTANTS) >= 40
    assert len({mutant.name for mutant in mutants.MUTANTS}) == len(mutants.MUTANTS)


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_its_file(mutant: "mutants.Mutant") -> None:
    text = (mutants.ROOT / mutant.file).read_text()
    assert text.count(mutant.text) == 1
    compile(text.replace(mutant.text, mutant.instead), mutant.file, "exec")
