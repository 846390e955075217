"""Histograms of durations: percentiles, and their picture."""

from lensmount_hardware.histogram import Histogram


def test_percentiles_are_those_of_what_was_counted() -> None:
    histogram = Histogram.from_durations(late_us * 1e-6 for late_us in range(100))
    assert [histogram.percentile_us(percent) for percent in (50, 99, 100)] == [49, 98, 99]
    assert histogram.total == 100
    assert histogram.summary() == "p50 49 µs, p90 89 µs, p99 98 µs, p99.9 99 µs, at most 99 µs"


def test_bars_are_octaves_with_none_left_out() -> None:
    histogram = Histogram()
    for duration_us in (1, 1, 1, 1, 9):
        histogram.add(duration_us * 1e-6)
    assert [line.split()[0] for line in histogram.bars()] == ["1", "2", "4", "8"]
    assert [int(line.split()[-1]) for line in histogram.bars()] == [4, 0, 0, 1]
    assert next(histogram.bars()).count("█") == 40
