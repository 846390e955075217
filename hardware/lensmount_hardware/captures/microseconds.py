"""Times as JSON carries them: microseconds with nanoseconds behind the point, as the shortest text that says them."""

import math

NANOSECONDS = 3
"""Digits behind the point of a time in microseconds."""

_PLAIN_US = 1e11
"""Below this a time with its nanoseconds has at most 14 digits, so its decimals are the shortest text of its float."""


def text_us(seconds: float | None) -> str:
    """What JSON says of a time: what `repr` gives for its microseconds, rounded to nanoseconds, at a fifth of the cost.

    Raises:
        ValueError: it is no number, or infinite, which JSON cannot say.
    """
    if seconds is None:
        return "null"
    time_us = seconds * 1e6
    if not -_PLAIN_US < time_us < _PLAIN_US:
        if not math.isfinite(time_us):
            raise ValueError(f"a time of {time_us} is no JSON")
        return repr(round(time_us, NANOSECONDS))
    text = f"{time_us:.3f}".rstrip("0")
    return text + "0" if text[-1] == "." else text
