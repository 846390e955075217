"""A histogram of durations with a resolution of one microsecond: percentiles and bars in text."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PERCENTILES = (50, 90, 99, 99.9)
OCTAVES = 32
_WIDTH = 40


@dataclass(slots=True)
class Histogram:
    """Durations in whole microseconds; memory grows with their range, not with their number.

    Attributes:
        counts: microseconds -> number of durations.
        octaves: number of durations of 0 µs, of 1 µs, of 2 to 3 µs, of 4 to 7 µs, and so on; the last takes all longer.
    """

    counts: Counter[int] = field(default_factory=lambda: Counter[int]())
    octaves: list[int] = field(init=False, default_factory=lambda: [0] * OCTAVES)

    def __post_init__(self) -> None:
        for duration_us, count in self.counts.items():
            self.octaves[_octave(duration_us)] += count

    @classmethod
    def from_durations(cls, durations: Iterable[float]) -> "Histogram":
        """The histogram of durations in seconds."""
        return cls(Counter(round(duration * 1e6) for duration in durations))

    def add(self, duration: float) -> None:
        """Count a duration in seconds."""
        duration_us = round(duration * 1e6)
        self.counts[duration_us] += 1
        # `_octave`, inlined: a live session counts every deadline.
        octave = duration_us.bit_length() if duration_us > 0 else 0
        self.octaves[octave if octave < OCTAVES else OCTAVES - 1] += 1

    @property
    def total(self) -> int:
        """Durations counted."""
        return self.counts.total()

    def percentile_us(self, percent: float) -> int:
        """The duration that `percent` of all did not exceed, in microseconds; there must be one."""
        wanted, seen = self.total * percent / 100, 0
        for duration_us in sorted(self.counts):
            seen += self.counts[duration_us]
            if seen >= wanted:
                return duration_us
        return max(self.counts)

    def summary(self) -> str:
        """Percentiles and the longest, in one line."""
        text = ", ".join(f"p{percent:g} {self.percentile_us(percent)} µs" for percent in PERCENTILES)
        return f"{text}, at most {max(self.counts)} µs"

    def bars(self) -> Iterator[str]:
        """A line for each power of two that occurs: its lower bound in microseconds, a bar, and how many."""
        found = [octave for octave, count in enumerate(self.octaves) if count]
        for octave in range(found[0], found[-1] + 1):
            bar = "█" * round(_WIDTH * self.octaves[octave] / max(self.octaves))
            yield f"{1 << octave >> 1:>8} µs {bar:<{_WIDTH}} {self.octaves[octave]}"


def _octave(duration_us: int) -> int:
    return min(OCTAVES - 1, max(0, duration_us).bit_length())
