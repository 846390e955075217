"""The formatter that keeps texts gives the lines that are made one by one."""

import pytest

from lensmount_emulator.reports import event_text
from lensmount_emulator.reports.event_text import EventFormatter, format_event
from lensmount_emulator.sessions.loopback import run_loopback


def test_kept_texts_equal_fresh_ones() -> None:
    session = run_loopback("nex7", "sel2870", seconds=1.0, seed=1)
    formatter = EventFormatter(session.dialect)
    lines = [formatter(event) for event in session.events]
    assert len(lines) > 300
    assert lines == [format_event(event, session.dialect) for event in session.events]


def test_the_number_of_kept_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    session = run_loopback("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", seconds=0.5, seed=1)
    monkeypatch.setattr(event_text, "MAX_TEXTS", 4)
    formatter = EventFormatter(session.dialect)
    assert [formatter(event) for event in session.frames] == [
        format_event(event, session.dialect) for event in session.frames
    ]
