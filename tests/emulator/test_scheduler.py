"""Virtual time by itself: order, ties, cancelling, processes, and jumps."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.scheduler import MIN_CANCELLED, Process, Scheduler


def noted(scheduler: Scheduler, times: list[float]) -> list[tuple[float, int]]:
    """Plan a call at each time; gives where the calls will be written down, with their times."""
    calls: list[tuple[float, int]] = []
    for number, at in enumerate(times):
        scheduler.call_at(at, lambda argument, now: calls.append((now, argument)), number)
    return calls


@given(st.lists(st.floats(0, 10), max_size=30))
def test_calls_come_in_order_of_time_and_equal_times_in_the_order_asked_for(times: list[float]) -> None:
    scheduler = Scheduler()
    calls = noted(scheduler, times)
    scheduler.run(10.0)
    assert calls == sorted((at, number) for number, at in enumerate(times))
    assert scheduler.now == 10.0


def test_a_run_ends_at_its_time_and_goes_on_from_there() -> None:
    scheduler = Scheduler()
    calls = noted(scheduler, [1.0, 2.0, 3.0])
    scheduler.run(2.0)
    assert [number for _, number in calls] == [0, 1]
    assert scheduler.now == 2.0
    assert scheduler.next_time() == 3.0
    scheduler.run(4.0)
    assert [number for _, number in calls] == [0, 1, 2]
    assert scheduler.next_time() is None


def test_a_time_that_has_passed_is_as_good_as_now() -> None:
    scheduler = Scheduler(5.0)
    calls = noted(scheduler, [1.0])
    scheduler.run(6.0)
    assert calls == [(5.0, 0)]


def test_what_comes_soon_comes_before_everything_else_of_the_instant() -> None:
    scheduler = Scheduler()
    told: list[str] = []

    def first(_argument: None, _now: float) -> None:
        scheduler.call_soon(lambda text, _now: told.append(text), "soon")
        assert scheduler.next_time() == scheduler.now
        told.append("first")

    scheduler.call_at(1.0, first, None)
    scheduler.call_at(1.0, lambda text, _now: told.append(text), "second")
    scheduler.run(1.0)
    assert told == ["first", "soon", "second"]


def test_a_run_stops_behind_the_event_that_makes_unless_true() -> None:
    scheduler = Scheduler()
    calls = noted(scheduler, [1.0, 2.0, 2.0, 3.0])
    scheduler.run(9.0, stop_when=lambda: len(calls) == 2)
    assert [number for _, number in calls] == [0, 1]
    assert scheduler.now == 2.0


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=300))
def test_what_is_cancelled_never_comes(plans: list[tuple[float, bool]]) -> None:
    scheduler = Scheduler()
    calls: list[int] = []
    for number, (at, goes) in enumerate(plans):
        place = scheduler.call_at(at, lambda argument, _now: calls.append(argument), number)
        if not goes:
            scheduler.cancel(place)
    kept = [(at, number) for number, (at, goes) in enumerate(plans) if goes]
    assert scheduler.next_time() == min((at for at, _ in kept), default=None)
    scheduler.run(10.0)
    assert calls == [number for _, number in sorted(kept)]


def test_the_cancelled_do_not_pile_up() -> None:
    scheduler = Scheduler()
    calls = noted(scheduler, [5.0])
    places = [scheduler.call_at(9.0, lambda _argument, _now: None, None) for _ in range(100 * MIN_CANCELLED)]
    for place in places:
        scheduler.cancel(place)
    assert len(scheduler) <= 2 * MIN_CANCELLED + 1
    scheduler.run(10.0)
    assert calls == [(5.0, 0)]


def test_a_process_goes_on_at_the_times_that_it_asks_for() -> None:
    scheduler = Scheduler()
    told: list[tuple[str, float]] = []

    def process(name: str, period: float, count: int) -> Process:
        for _ in range(count):
            yield scheduler.now + period
            told.append((name, scheduler.now))

    scheduler.spawn(process("a", 2.0, 3))
    scheduler.spawn(process("b", 3.0, 2))
    scheduler.run(100.0)
    assert told == [("a", 2.0), ("b", 3.0), ("a", 4.0), ("b", 6.0), ("a", 6.0)]


def test_a_process_receives_what_comes_soon_and_can_be_watched() -> None:
    scheduler = Scheduler()
    told: list[str] = []

    def process() -> Process:
        while True:
            scheduler.call_soon(lambda text, _now: told.append(text), "soon")
            yield scheduler.now + 1.0
            told.append("on")

    scheduler.spawn(process())
    scheduler.run(9.0, stop_when=lambda: len(told) >= 3)
    assert told == ["soon", "on", "soon"]
    assert scheduler.now == 1.0


@pytest.mark.parametrize(
    ("other", "until", "watched", "passes"),
    [
        (None, 9.0, False, True),
        (1.2, 9.0, False, True),
        (1.1, 9.0, False, False),
        (1.05, 9.0, False, False),
        (None, 1.05, False, False),
        (None, 9.0, True, False),
    ],
)
def test_time_is_passed_only_where_no_one_would_notice(
    other: float | None, until: float, watched: bool, passes: bool
) -> None:
    scheduler = Scheduler()
    seen: list[bool] = []
    scheduler.call_at(1.0, lambda when, _now: seen.append(scheduler.try_advance_to(when)), 1.1)
    if other is not None:
        scheduler.call_at(other, lambda _argument, _now: None, None)
    scheduler.run(until, stop_when=(lambda: False) if watched else None)
    assert seen == [passes]


def test_real_time_is_caught_up_with_at_the_time_of_the_look() -> None:
    scheduler = Scheduler()
    calls = noted(scheduler, [1.0, 2.0, 3.0])
    scheduler.run_due(2.5)
    assert calls == [(2.5, 0), (2.5, 1)]


@given(st.integers(0, 2**32))
def test_processes_and_calls_keep_one_order(seed: int) -> None:
    """The short ways through the heap change nothing: a plain scheduler of the same plans gives the same calls."""
    random = Random(seed)
    plans = [[random.choice((0.5, 1.0, 1.5)) for _ in range(random.randrange(6))] for _ in range(4)]
    assert told_by_processes(plans) == told_by_calls(plans)


def told_by_processes(plans: list[list[float]]) -> list[tuple[int, float]]:
    scheduler = Scheduler()
    told: list[tuple[int, float]] = []

    def process(name: int, pauses: list[float]) -> Process:
        for pause in pauses:
            yield scheduler.now + pause
            told.append((name, scheduler.now))

    for name, pauses in enumerate(plans):
        scheduler.spawn(process(name, pauses))
    scheduler.run(100.0)
    return told


def told_by_calls(plans: list[list[float]]) -> list[tuple[int, float]]:
    scheduler = Scheduler()
    told: list[tuple[int, float]] = []

    def go_on(what: tuple[int, list[float]], now: float) -> None:
        name, pauses = what
        if now:
            told.append((name, now))
        if pauses:
            scheduler.call_at(now + pauses[0], go_on, (name, pauses[1:]))

    for name, pauses in enumerate(plans):
        scheduler.call_at(0.0, go_on, (name, pauses))
    scheduler.run(100.0)
    return told
