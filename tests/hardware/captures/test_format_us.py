"""Times as text: the same as the shortest text of the rounded float, whatever the time."""

import json
import random

import pytest

from lensmount_hardware.captures.record_json import format_us


def test_the_text_is_that_of_the_rounded_microseconds():
    rng = random.Random(11)
    times = [0.0, -0.0, 1e-12, -1e-12, 5e-10, 1.5e-9, 1e5, 99_999.9999999995, 1e9, 1e22, 0.1 + 0.2, 3]
    times += [rng.uniform(-1, 1) * 10 ** rng.randint(-12, 8) for _ in range(50_000)]
    times += [rng.randrange(10**15) / 6e6 for _ in range(10_000)]
    for at in times:
        assert format_us(at) == json.dumps(round(at * 1e6, 3))


def test_no_time_is_null():
    assert format_us(None) == "null"


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -float("inf"), 1e308])
def test_what_json_cannot_say_is_refused(at):
    with pytest.raises(ValueError, match="JSON"):
        format_us(at)
