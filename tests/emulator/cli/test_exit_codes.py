"""Every cell of the page's table of exit codes has a case, and the verb ends as the page says."""

from pathlib import Path

import pytest

from lensmount_emulator.cli.verbs import VERBS

from . import (  # noqa: F401, TID252  importing a module of cases registers them
    exit_cases_campaigns,
    exit_cases_files,
    exit_cases_firmware,
    exit_cases_learn,
    exit_cases_new,
    exit_cases_outputs,
    exit_cases_ports,
    exit_cases_rules,
    exit_cases_virtual,
)
from .exit_cases import CASES, HEADING, PAGE, Bench, documented  # noqa: TID252  helpers of this folder

TABLE = documented(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("cell", "code"), TABLE.items(), ids=["-".join(cell) for cell in TABLE])
def test_verb_ends_as_documented(
    cell: tuple[str, str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cell in CASES, f"no case for {cell}; write one with @case in tests/emulator/cli/exit_cases_*.py"
    monkeypatch.chdir(tmp_path)
    assert CASES[cell](Bench(tmp_path, monkeypatch, capsys)) == code


def test_every_case_is_documented() -> None:
    assert sorted(CASES.keys() - TABLE.keys()) == []


def test_every_verb_has_a_row_and_every_row_a_verb() -> None:
    assert {verb.split()[0] for verb, _ in TABLE} == VERBS.keys()


def test_table_is_read() -> None:
    table = "| verb | a | b |\n|---|---|---|\n| `x --y` | 0 | – |\n"
    other = "| other | a |\n|---|---|\n| x | words |\n"
    page = f"{HEADING}\n\n{other}\n{table}\n## Next\n\n| verb | a |\n|---|---|\n| `z` | 1 |\n"
    assert documented(page) == {("x --y", "a"): 0}
    assert len(TABLE) > 100
