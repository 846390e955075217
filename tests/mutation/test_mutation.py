"""The mutation tool: the tests that it chooses, its sample, its score, and the list of equivalent mutants."""

import subprocess
import sys
from pathlib import Path

import pytest

from mutation import choosing, covering, equivalents, recording
from mutation.covering import CoverageMap, CoveredTest
from mutation.units import PATTERNS, find_units

FRAMER = "protocol/lensmount_protocol/framer.py"


def line_of(file: str, text: str) -> int:
    return (choosing.ROOT / file).read_text().splitlines().index(text) + 1


def test_line_numbers_survive_the_way_into_bits_and_back() -> None:
    assert list(covering.lines_of(recording.line_bits([1, 7, 300]))) == [1, 7, 300]


def test_every_listed_equivalent_has_a_reason_and_still_has_its_line() -> None:
    entries = equivalents.read_equivalents()
    assert [entry.change for entry in equivalents.stale(entries)] == []


def test_every_pattern_of_the_units_matches_files() -> None:
    assert len(find_units()) == len(PATTERNS)


def test_a_listed_equivalent_without_its_line_is_reported() -> None:
    entry = equivalents.Equivalent(FRAMER, "Framer", "a line that is not there", "0 -> 1", "for this test only")
    assert equivalents.stale([entry]) == [entry]


def test_a_line_in_a_function_is_inside_and_a_constant_is_not() -> None:
    inside = choosing.statement_at(FRAMER, line_of(FRAMER, "        position = 0"))
    constant = choosing.statement_at(FRAMER, line_of(FRAMER, "MAX_RUN = 4096"))
    assert inside.inside
    assert not constant.inside
    assert "MAX_RUN" in constant.defines


def test_lines_of_an_old_source_are_found_in_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = b"a = 1\nb = 2\nc = 3\n"
    (tmp_path / covering.digest(old)).write_bytes(old)
    (tmp_path / "new.py").write_text("a = 1\nadded = 0\nb = 2\nc = 3\n")
    monkeypatch.setattr(covering, "SOURCES", tmp_path)
    monkeypatch.setattr(covering, "ROOT", tmp_path)
    covering.line_table.cache_clear()
    moved = covering.to_present(recording.line_bits([1, 3]), covering.digest(old), "new.py")
    assert list(covering.lines_of(moved)) == [1, 2, 4]


def test_the_nearest_tests_of_a_line_come_first_and_long_ones_not_at_all() -> None:
    from mutation.mutant import Mutant

    line = line_of(FRAMER, "        position = 0")
    bits = {FRAMER: recording.line_bits([line])}
    near = CoveredTest("near", "tests/protocol/test_framer.py", 0.5, bits)
    far = CoveredTest("far", "tests/emulator/roles/test_lens.py", 0.1, bits)
    long = CoveredTest("long", "tests/protocol/test_framer.py", 100.0, bits)
    other = CoveredTest("other", "tests/protocol/test_framer.py", 0.1, {FRAMER: recording.line_bits([line + 1])})
    known = CoverageMap([far, long, other, near], {near.file: 0.0, far.file: 0.0}, {}, [])
    mutant = Mutant(FRAMER, "Framer.receive", "position = 0", "0 -> 1", 1, line, line)
    choice = choosing.choose(mutant, known)
    assert [test.name for test in choice.first + choice.second] == ["near", "far"]
    assert choice.covering == 2


def test_mutants_of_text_for_people_and_of_annotations_are_not_made() -> None:
    pytest.importorskip("mutmut", reason="only `make mutation` installs mutmut")
    import libcst as cst
    from libcst.metadata import MetadataWrapper

    from mutation.generating import Generator, describe

    source = 'LIMIT: int | None = 3\n\ndef f(a: "int" = 1) -> str:\n    """Text."""\n    raise ValueError("a b")\n'
    generator = Generator()
    MetadataWrapper(cst.parse_module(source)).visit(generator)
    found = [describe(node, mutated) for node, mutated, *_ in generator.found]
    assert found == ["LIMIT: int | None = 3 -> LIMIT: int | None = None", "3 -> 4", "1 -> 2"]


def test_a_sample_is_drawn_by_its_seed_and_counts_no_listed_equivalent() -> None:
    pytest.importorskip("mutmut", reason="only `make mutation` installs mutmut")
    from mutation.units import Unit, draw

    unit = Unit("framer", (FRAMER,))
    sample = draw(unit, 1, 10, ())
    assert sample == draw(unit, 1, 10, ())
    assert sample != draw(unit, 2, 10, ())
    assert len(draw(unit, 1, 10, {sample[0].key, sample[3].key})) == 12
    with pytest.raises(ValueError, match="are wanted"):
        draw(unit, 1, 10_000, ())


def test_a_mutant_is_one_changed_place_of_its_file() -> None:
    pytest.importorskip("mutmut", reason="only `make mutation` installs mutmut")
    from mutation.generating import make_mutants, mutated_source

    mutant = next(one for one in make_mutants(FRAMER) if one.text == "MAX_RUN = 4096" and one.change == "4096 -> 4097")
    assert mutated_source(mutant) == (choosing.ROOT / FRAMER).read_text().replace("MAX_RUN = 4096", "MAX_RUN = 4097")


def test_a_score_over_too_few_mutants_is_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mutmut", reason="only `make mutation` installs mutmut")
    from mutation.results import Result, print_score
    from mutation.units import Unit, draw

    drawn = {"framer": draw(Unit("framer", (FRAMER,)), 1, 2, ())}
    results = {one.key: Result("framer", one.key, one.line, "", True, "", "", 1, 1, 1, 0.0) for one in drawn["framer"]}
    assert not print_score(drawn, results, ())
    assert "the sample has 2 mutants, 800 are wanted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "module"),
    [
        (FRAMER, "lensmount_protocol.framer"),
        ("emulator/lensmount_emulator/roles/emount/models.py", "lensmount_emulator.roles.emount.models"),
    ],
)
def test_pytest_in_a_child_imports_the_module_with_the_mutant(file: str, module: str) -> None:
    """In a process of its own, since this one has imported the project."""
    pytest.importorskip("mutmut", reason="only `make mutation` installs mutmut")
    code = f"""
import sys
sys.path.insert(0, "tests")
from mutation import trying, warm
from mutation.places import ROOT
warm.prepare()
hook = trying.load_hook()
change = trying.Change("x", {file!r}, (ROOT / {file!r}).read_text() + "MUTATED = True\\n")

def work(scratch):
    sys.meta_path.insert(0, hook.Mutating(change))
    files = ["tests/protocol/test_framer.py", "tests/emulator/models/test_models.py"]
    code = warm.run_pytest(scratch, files, [], "--collect-only")
    return [code, trying.is_mutated(change, hook), sys.modules[{module!r}].MUTATED, sys.modules[{module!r}].__file__]

value, error = warm.wait([warm.start(work, 60)])[1:]
print(error or value)
"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=choosing.ROOT, capture_output=True, text=True, check=False)
    assert shown.stdout.strip() == str([0, True, True, str(choosing.ROOT / file)]), shown.stderr
