"""The judgement of the long test with a live port: nothing to judge has failed, and a busy machine is not judged."""

import pytest

from lensmount_hardware.histogram import Histogram
from page_live.__main__ import judged_lateness, lost_bytes


def histogram(*late_us: int) -> Histogram:
    found = Histogram()
    for one in late_us:
        found.counts[one] += 1
    return found


@pytest.mark.parametrize(
    ("alone", "page", "load", "words", "judged"),
    [
        ((100, 120), (110, 130), 0.3, [], True),
        ((100, 120), (9000, 9000), 0.3, ["p50", "p99"], True),
        ((100, 120), (9000, 9000), 1.0, [], False),
        ((), (110, 130), 0.3, ["alone: no deadline"], False),
        ((100, 120), (), 2.0, ["by the page: no deadline"], False),
    ],
)
def test_lateness(alone, page, load, words, judged):
    wrong, was_judged = judged_lateness(histogram(*alone), histogram(*page), load)
    assert was_judged is judged
    assert [one.startswith(word) for one, word in zip(wrong, words, strict=True)] == [True] * len(words)


@pytest.mark.parametrize(
    ("sent", "recorded", "words"),
    [
        ((5, "ab"), (5, "ab"), []),
        ((5, "ab"), (4, "ac"), ["lens: the recording is not what was sent"]),
        ((0, "ab"), (0, "ab"), ["lens: nothing was sent, so there was nothing to lose"]),
    ],
)
def test_lost_bytes(sent, recorded, words):
    assert lost_bytes("lens", sent, recorded) == words
