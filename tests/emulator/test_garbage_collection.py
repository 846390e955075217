"""Contexts that change when the interpreter collects leave it as it was."""

import gc
from collections.abc import Iterator

import pytest

from lensmount_emulator.garbage_collection import RARE_GC_OBJECTS, RareGC


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(701, 11, 12)
    yield
    gc.set_threshold(*before)


def test_contexts_that_overlap_restore_the_thresholds_at_the_last_end() -> None:
    first, second = RareGC(), RareGC()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold() == (RARE_GC_OBJECTS, 11, 12)
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (RARE_GC_OBJECTS, 11, 12)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (701, 11, 12)


@pytest.mark.parametrize("wanted", [0, RARE_GC_OBJECTS * 2])
def test_a_caller_that_collects_even_less_is_left_alone(wanted: int) -> None:
    gc.set_threshold(wanted, 11, 12)
    with RareGC():
        assert gc.get_threshold()[0] == wanted
    assert gc.get_threshold() == (wanted, 11, 12)
