"""The collector rests while a session is busy, catches up when it is not, and is itself again behind it."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from lensmount_emulator.garbage_collection import MIN_GARBAGE, DeferredGC


class _Ring:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


def test_nothing_is_collected_but_in_a_rest() -> None:
    with DeferredGC() as quiet:
        ring = weakref.ref(_Ring())
        many = [_Ring() for _ in range(2 * MIN_GARBAGE)]
        assert ring() is not None
        quiet.collect_if_due()
        assert ring() is None
        assert quiet.collections == 1
        assert len(many) == 2 * MIN_GARBAGE


def test_a_rest_with_nothing_to_do_does_nothing() -> None:
    with DeferredGC() as quiet:
        quiet.collect_if_due()
        assert quiet.collections == 0


def test_memory_does_not_grow_in_a_long_session() -> None:
    with DeferredGC() as quiet:
        born: list[weakref.ref[_Ring]] = []
        for _ in range(60):
            born = [ref for ref in born if ref() is not None]
            born += [weakref.ref(_Ring()) for _ in range(MIN_GARBAGE)]
            quiet.collect_if_due()
        assert len(born) <= 12 * MIN_GARBAGE


def test_garbage_of_a_context_is_collected_by_the_next_one_without_a_look_at_all_objects() -> None:
    generations: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            generations.append(info["generation"])

    with DeferredGC():
        ring = weakref.ref(_Ring())
        assert ring() is not None
    gc.callbacks.append(note)
    try:
        with DeferredGC():
            assert ring() is None
    finally:
        gc.callbacks.remove(note)
    assert generations == [1]


@pytest.mark.parametrize("enabled", [True, False])
def test_everything_is_as_it_was_behind_it(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    inside: list[bool] = []

    def fail() -> None:
        with DeferredGC():
            inside.append(gc.isenabled())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert inside == [False]
    assert gc.isenabled() is enabled
    assert gc.get_freeze_count() == 0
