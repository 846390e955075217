"""A fixed share of `make explain-score`: the known kinds, some good sessions, and some of the further breakages."""

from itertools import islice

from explain_score.__main__ import false_alarms, score
from explain_score.drawn import drawn_breakages
from explain_score.further import further_breakages, random_breakages
from explain_score.known import known_breakages


def test_known_kinds_are_all_right() -> None:
    counts = score(known_breakages(), show=False)
    assert counts == {"right": 12, "half": 0, "missed": 0, "crash": 0}


def test_good_virtual_sessions_raise_no_alarm() -> None:
    assert false_alarms(show=False, captures=False, every=3) == (0, 5)


def test_further_breakages_are_mostly_right() -> None:
    counts = score([*islice(further_breakages(1), 12), *random_breakages(7, 4), *drawn_breakages(7, 4)], show=False)
    assert sum(counts.values()) == 20
    assert counts["crash"] == 0
    assert counts["right"] >= 17, counts
