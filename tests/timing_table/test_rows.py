"""Every row of the timing table; `make timing-mutants` changes each constant and sees that a row fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from lensmount_protocol.dialect import load_dialect
from timing_table import contract, emount, lmount
from timing_table.mutants import SURVIVES, changes, reason_of
from timing_table.rows import Row

ROOT = Path(__file__).parents[2]
PATH = ":".join(str(ROOT / folder) for folder in ("tests", "protocol", "hardware", "emulator"))
ROWS = (*emount.ROWS, *lmount.ROWS, *contract.ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_interval_is_what_the_source_says(row: Row) -> None:
    assert row.failure() == ""
    assert row.source


def test_every_rule_of_the_contract_has_its_row() -> None:
    for dialect, rows in contract.BOUNDS_US.items():
        assert [name for name, *_ in rows] == [rule.name for rule in load_dialect(dialect).timing]


def test_a_row_that_measures_nothing_or_something_else_fails() -> None:
    assert "nothing was measured" in Row("x", list, 5, 1, "a test").failure()
    assert "7.00 us, expected 5" in Row("x", lambda: 7e-6, 5, 1, "a test").failure()
    assert Row("x", lambda: [5e-6, 6e-6], 5, 1, "a test").failure() == ""


def test_a_constant_that_is_a_fifth_larger_fails_a_row() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "timing_table", "--only", "CALL_US in power.py"],
        env={"PYTHONPATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "CALL_US in power.py -> 1200.0: noticed by a row: the shortest call" in result.stdout


def test_constants_that_may_survive_are_there_and_have_a_reason() -> None:
    reasons = [reason_of(change.name) for change in changes()]
    assert len(reasons) > 150
    assert set(reasons) == {"", *SURVIVES.values()}
    assert reasons.count("") > 0.8 * len(reasons)
