"""Progress of long work: plain lines with count, rate and time left, and a bar only on terminals."""

import io

import pytest

from lensmount_emulator.campaign.worker_pool import MIN_TASKS_PER_WORKER, available_processors, default_worker_count
from lensmount_emulator.reports import console
from lensmount_emulator.reports.console import ProgressLines, count_progress, format_duration, format_rate


@pytest.fixture(autouse=True)
def _lines_every_10_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """All other tests have them switched off."""
    monkeypatch.setattr(console, "LINE_INTERVAL", 10.0)


class Watch:
    """A clock that the test moves."""

    at = 100.0

    def now(self) -> float:
        return self.at


def test_counted_work_shows_count_rate_and_time_left() -> None:
    out, clock = io.StringIO(), Watch()
    lines = ProgressLines("cells", "cells", out, clock)
    lines.update(1000, 5000)
    for _ in range(20):
        clock.at += 1.0
        lines.update(1000 + 20 * (clock.at - 100.0), 5000)
    assert out.getvalue() == "1200 of 5000 cells, 20.0/s, 3 min 10 s left\n1400 of 5000 cells, 20.0/s, 3 min 0 s left\n"


def test_a_fraction_shows_percent_and_time_left() -> None:
    out, clock = io.StringIO(), Watch()
    lines = ProgressLines("long.sr", "", out, clock)
    lines.update(0.0, 1.0)
    clock.at += 10.0
    lines.update(0.25, 1.0)
    assert out.getvalue() == "long.sr: 25 %, 30 s left\n"


def test_work_that_stands_still_states_no_time_left() -> None:
    out, clock = io.StringIO(), Watch()
    lines = ProgressLines("cases", "cases", out, clock)
    for _ in range(2):
        lines.update(3, 7)
        clock.at += 10.0
    lines.update(3, 7)
    assert out.getvalue() == "3 of 7 cases, 0.00/s\n" * 2


def test_short_work_off_a_terminal_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with count_progress("cells") as update:
        for done in range(5):
            update(done, 5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.1, "1 min 0 s"), (166, "2 min 46 s"), (12000, "3 h 20 min")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(0.424, "0.42"), (3.14, "3.1"), (310.4, "310")])
def test_rates_have_two_or_three_digits(rate: float, text: str) -> None:
    assert format_rate(rate) == text


def test_workers_are_one_per_processor_and_fewer_for_few_tasks() -> None:
    assert default_worker_count(0) == default_worker_count(MIN_TASKS_PER_WORKER) == 1
    assert default_worker_count(10**6) == available_processors() >= 1
