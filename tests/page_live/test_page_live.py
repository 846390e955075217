"""The judgement of the long test with a live port: nothing to judge has failed, and pairs of rounds are compared."""

import pytest

from lensmount_hardware.histogram import Histogram
from page_live.__main__ import Pair, judged_lateness, lost_bytes


def histogram(*late_us: int) -> Histogram:
    found = Histogram()
    for one in late_us:
        found.counts[one] += 1
    return found


@pytest.mark.parametrize(
    ("rounds", "words"),
    [
        ([((100, 120), (110, 130))] * 3, []),
        ([((100, 120), (9000, 9000))] * 3, ["p50", "p99"]),
        # A machine that is busy for a while delays both rounds of a pair, and one pair by chance decides nothing.
        ([((9000, 9000), (9100, 9100)), ((100, 120), (110, 130)), ((100, 120), (110, 130))], []),
        ([((100, 120), (9000, 9000)), ((100, 120), (110, 130)), ((100, 120), (110, 130))], []),
        ([((100, 120), (110, 130))] * 2, ["2 pairs are too few"]),
        ([((), (110, 130)), *[((100, 120), (110, 130))] * 2], ["in a round no deadline"]),
    ],
)
def test_lateness(rounds, words):
    pairs = [Pair(histogram(*alone), histogram(*page), 2.0) for alone, page in rounds]
    wrong = judged_lateness(pairs)
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
