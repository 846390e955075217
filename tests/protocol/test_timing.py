"""Timing measured as marks come: the same as over all of them, in bounded memory, and exact medians."""

import random
import statistics
import tracemalloc

import pytest

from lensmount_protocol import timing as intervals_module
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.timing import (
    EMPTY,
    MARK_LOOK_AHEAD,
    MAX_VIOLATIONS,
    IntervalStats,
    TimingAnalyzer,
    TimingResult,
    TimingRule,
    edge,
    first_bit,
    frame_end,
    last_bit,
    measure,
    window_closes,
    window_opens,
)
from lensmount_protocol.wire import Role

EVIDENCE = Evidence(EvidenceLevel.CAPTURED, "a test")
A, B, C, D = (edge(line, True) for line in "ABCD")
RULES = (
    TimingRule("period", A, A, 900, 1100, EVIDENCE),
    TimingRule("a to b", A, B, 0, 300, EVIDENCE, cancelled_by=(C,)),
    TimingRule("b to c", B, C, 10, 250, EVIDENCE, cancelled_by=(A, D)),
    TimingRule("never", D, edge("E", True), 0, 1, EVIDENCE),
)


def all_at_once(marks) -> list[tuple[list[float], list[tuple[float, float]]]]:
    """What the rules say, over a list of everything, rule by rule."""
    found = []
    for rule in RULES:
        intervals, violations, since = [], [], None
        for at, mark in sorted(marks, key=lambda timed: timed[0]):
            if mark == rule.end and since is not None:
                intervals.append(round((at - since) * 1e6, 3))
                if not rule.allows(intervals[-1]):
                    violations.append((at, intervals[-1]))
                since = None
            if mark in rule.cancelled_by:
                since = None
            if mark == rule.start:
                since = at
        found.append((intervals, violations))
    return found


def told(measurements: list[TimingResult]) -> list[tuple[list[float], list[tuple[float, float]]]]:
    return [(measurement.intervals_us, measurement.violations) for measurement in measurements]


def traffic(seed: int, disorder: int) -> list:
    """Marks of four lines on a grid, so that many share a time, each up to `disorder` places from where it belongs."""
    rng = random.Random(seed)
    marks = [(rng.randrange(4000) * 50e-6, rng.choice((A, B, C, D))) for _ in range(3000)]
    marks.sort(key=lambda timed: timed[0])
    return [mark for _, mark in sorted(enumerate(marks), key=lambda item: item[0] + rng.uniform(0, disorder))]


@pytest.mark.parametrize("seed", range(5))
def test_a_stream_measures_what_a_list_does(seed):
    marks = traffic(seed, disorder=40)
    expected = [(sorted(intervals), violations) for intervals, violations in all_at_once(marks)]
    assert told(measure(RULES, marks)) == expected
    meter = TimingAnalyzer(RULES, look_ahead=60)
    for mark in marks:
        meter.add_marks([mark])
    assert told(meter.finish()) == expected
    assert meter.late == 0
    assert [each.violation_count for each in measure(RULES, marks)] == [len(violations) for _, violations in expected]


def test_a_list_may_have_any_order():
    marks = traffic(9, disorder=100_000)
    assert told(measure(RULES, marks)) == [(sorted(found), broken) for found, broken in all_at_once(marks)]


def test_a_mark_that_comes_too_late_is_counted_and_left_out():
    meter = TimingAnalyzer(RULES, look_ahead=10)
    for number in range(100):
        meter.add_marks([(number * 1e-3, A)])
    meter.add_marks([(0.5e-3, A)])
    period = meter.finish()[0]
    assert meter.late == 1
    assert period.intervals_us == [1000.0] * 99


def test_memory_does_not_grow_with_the_source():
    def peak(count: int) -> int:
        tracemalloc.start()
        meter = TimingAnalyzer(RULES, look_ahead=100)
        for number in range(count):
            meter.add_marks([(number * 1e-3, A)])
            meter.add_marks([(number * 1e-3 + 5e-6 * (number % 7), B)])
        meter.finish()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40_000) < 1.5 * peak(4_000)


def test_every_violation_is_counted_and_the_first_are_kept():
    marks = [(number * 2e-3, A) for number in range(MAX_VIOLATIONS + 501)]
    period = measure(RULES, marks)[0]
    assert period.violation_count == MAX_VIOLATIONS + 500
    assert len(period.violations) == MAX_VIOLATIONS
    assert period.violations[0] == (2e-3, 2000.0)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1000, 1001])
@pytest.mark.parametrize("distinct", [1, 7, 100_000])
@pytest.mark.parametrize("most", [4, 4096])
def test_intervals_are_exact(monkeypatch, count, distinct, most):
    monkeypatch.setattr(intervals_module, "MAX_DISTINCT", most)
    monkeypatch.setattr(intervals_module, "_RUN_LENGTH", 64)
    rng = random.Random(count * distinct)
    values = [round(rng.randrange(distinct) / 7, 3) for _ in range(count)]
    intervals = IntervalStats()
    assert not intervals
    for value in values:
        intervals.add(value)
    assert list(intervals) == sorted(values)
    assert (len(intervals), intervals.minimum, intervals.maximum) == (count, min(values), max(values))
    assert intervals.median == statistics.median(values)


def test_marks_name_what_happens_to_which_end_and_what_it_held():
    assert edge("VD", True) == ("edge", "VD", "high")
    assert edge("VD", False) == ("edge", "VD", "low")
    kinds = {window_opens: "open", first_bit: "first", frame_end: "end", last_bit: "last", window_closes: "close"}
    for kind, word in kinds.items():
        assert kind(Role.BODY, 0x0A) == (word, "body", "0x0a")
        assert kind(Role.LENS, "class 1") == (word, "lens", "class 1")
        assert kind(Role.LENS) == (word, "lens", "any")
        assert kind(Role.BODY, EMPTY) == (word, "body", "nothing")


def test_the_limits_of_a_measurement_are_a_thousand_violations_and_65536_marks():
    assert (MAX_VIOLATIONS, MARK_LOOK_AHEAD) == (1000, 65536)
    assert (intervals_module.MAX_DISTINCT, intervals_module._RUN_LENGTH) == (4096, 65536)


def test_a_violation_has_the_time_of_its_end_and_exactly_a_thousand_are_kept():
    measurement = TimingResult(RULES[0])
    for number in range(MAX_VIOLATIONS + 2):
        measurement.add(float(number), 1100.001)
    assert measurement.violations == [(float(number), 1100.001) for number in range(1000)]
    assert measurement.violation_count == 1002
    measurement.add(9999.0, 1100.0)
    assert (measurement.violation_count, len(measurement.intervals_us)) == (1002, 1003)
    assert measurement.median_us == 1100.001


def test_violations_so_far_change_no_measurement(monkeypatch):
    monkeypatch.setattr(intervals_module, "LIVE_LOOK_AHEAD", 4)
    marks = [(number * 1e-3 + (number == 7) * 5e-4, A) for number in range(20)]
    live, whole = TimingAnalyzer(RULES, look_ahead=100), TimingAnalyzer(RULES)
    whole.add_marks(marks)
    found = []
    # Each mark arrives after its successor.
    for number in range(0, 20, 2):
        live.add_marks([marks[number + 1], marks[number]])
        found.append([(rule.name, round(at * 1e6), length) for rule, at, length in live.violations()])
    expected = [("period", 7500, 1500.0), ("period", 8000, 500.0)]
    assert found == [[]] * 3 + [expected[:1]] + [expected] * 6
    assert [one.intervals_us for one in live.finish()] == [one.intervals_us for one in whole.finish()]
    assert live.late == 0


def test_marks_wait_until_there_are_twice_the_look_ahead_of_them():
    meter = TimingAnalyzer(RULES, look_ahead=2)
    meter.add_marks([(4e-3, A), (3e-3, A), (2e-3, A), (1e-3, A)])
    meter.add_marks([])
    assert meter.finish()[0].intervals_us == [1000.0] * 3
    meter = TimingAnalyzer(RULES, look_ahead=2)
    meter.add_marks([(4e-3, A), (3e-3, A), (2e-3, A), (1e-3, A), (5e-3, A)])
    # Three of five are measured; two are kept. What is earlier than the third is late, what is not is taken.
    meter.add_marks([(2.5e-3, B), (3.1e-3, B)])
    period, a_to_b, *_ = meter.finish()
    assert meter.late == 1
    assert period.intervals_us == [1000.0] * 4
    assert a_to_b.intervals_us == [100.0]


def test_a_mark_of_the_time_of_the_last_measured_one_is_not_late():
    meter = TimingAnalyzer(RULES, look_ahead=1)
    meter.add_marks([(1e-3, A), (2e-3, A), (3e-3, A)])
    meter.add_marks([(2e-3, B)])
    assert meter.finish()[1].intervals_us == [0.0]
    assert meter.late == 0


def test_only_marks_of_a_rule_count_for_the_look_ahead():
    meter = TimingAnalyzer(RULES, look_ahead=1)
    assert set(meter.wanted) == {A, B, C, D, edge("E", True)}
    meter.add_marks([(number * 1e-3, edge("Z", True)) for number in range(50)])
    meter.add_marks([(2e-3, A), (1e-3, A)])
    meter.add_marks([(0.5e-3, A)])
    assert meter.finish()[0].intervals_us == [500.0, 1000.0]
    assert meter.late == 0


def test_an_end_is_measured_before_it_starts_the_next_and_calls_off_before_it_starts():
    period = TimingRule("period", A, A, 0, 1, EVIDENCE)
    own = TimingRule("own", A, B, 0, 1, EVIDENCE, cancelled_by=(A,))
    measured = measure([period, own], [(0.0, A), (1e-6, A), (3e-6, B), (4e-6, B)])
    assert [each.intervals_us for each in measured] == [[1.0], [2.0]]


def test_intervals_are_rounded_to_a_nanosecond():
    (measured,) = measure([RULES[0]], [(0.0, A), (1.0004e-3 + 0.4e-9, A)])
    assert measured.intervals_us == [1000.4]


def test_as_many_marks_as_twice_the_look_ahead_are_not_measured_yet():
    meter = TimingAnalyzer(RULES, look_ahead=2)
    meter.add_marks([(4e-3, A), (3e-3, A), (2e-3, A), (1e-3, A)])
    meter.add_marks([(1.1e-3, B)])
    period, a_to_b, *_ = meter.finish()
    assert meter.late == 0
    assert period.intervals_us == [1000.0] * 3
    assert a_to_b.intervals_us == [100.0]
