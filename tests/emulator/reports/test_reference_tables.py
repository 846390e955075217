"""The reference of faults is what the registry says."""

from pathlib import Path

import pytest

from lensmount_emulator.faults.registry import BUILT_IN_FAULTS
from lensmount_emulator.reports.reference_tables import fault_table, key_table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "faults.md"


@pytest.mark.parametrize("table", [fault_table, key_table])
def test_the_page_has_the_table(table: object) -> None:
    assert callable(table)
    assert "\n".join(table()) in PAGE.read_text()


def test_every_fault_is_in_it() -> None:
    assert len(list(fault_table())) == len(BUILT_IN_FAULTS) + 2
