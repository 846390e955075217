"""Recordings of growing length through the whole `decode` command: is time linear, and does memory stay where it is?"""

import statistics
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from benchmarks import synthetic
from benchmarks.harness import Goal, Row, Settings, Table, optional
from benchmarks.processes import Finished, run_measured

LENGTHS = (10_000, 100_000, 1_000_000)
FULL_LENGTH = 10_000_000
MOST_MB = 150.0
MOST_GROWTH = 1.25
"""How much more a frame may cost in the longest recording than in the shortest but one; start-up hides in the first."""

TIMES = {10_000: 9, 100_000: 3}
"""Length -> how often it is decoded at most; longer ones once."""

Write = Callable[[int, Path], object]


def length(settings: Settings) -> list[Table]:
    """Every length, shortest first; the long ones take minutes, so they run once."""
    lengths = [settings.count(length_, 100) for length_ in LENGTHS]
    if settings.full:
        lengths.append(FULL_LENGTH)
    found: dict[int, list[Finished]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for usual, frames in zip((*LENGTHS, FULL_LENGTH), lengths, strict=False):
            path = Path(folder) / f"{frames}.lmx"
            _writer()(frames, path)
            times = min(settings.rounds, TIMES.get(usual, 1))
            found[frames] = [run_measured("decode", "--quiet", "--stats", str(path)) for _ in range(times)]
            path.unlink()
    return [_table(found)]


def _writer() -> Write:
    """A recording of a whole session where this tree can make one; frames alone where it cannot."""
    module = optional("benchmarks.long_capture")
    write: Write = synthetic.write_recording if module is None else module.write_long_capture
    return write


def _table(found: dict[int, list[Finished]]) -> Table:
    costs = {frames: statistics.median(run.cpu for run in runs) for frames, runs in found.items()}
    lengths = list(costs)
    marginal = [(costs[longer] - costs[shorter]) / (longer - shorter) for shorter, longer in pairwise(lengths)]
    rows: list[Row] = []
    for index, frames in enumerate(lengths):
        peak = max(run.peak_mb for run in found[frames])
        wall = statistics.median(run.wall for run in found[frames])
        more = f", {marginal[index - 1] * 1e6:.1f} us for each frame more" if index else ""
        note = f"{costs[frames]:.2f} s CPU, {wall:.2f} s wall, {frames / costs[frames]:.0f} frames/s{more}"
        goal = Goal(f"memory at most {MOST_MB:g} MB", MOST_MB, peak, False)
        rows.append(Row(f"{frames} frames", peak, None, goal, note, [run.cpu for run in found[frames]]))
    growth = marginal[-1] / marginal[0]
    goal = Goal(f"at most {MOST_GROWTH:g}x for a frame more", MOST_GROWTH, growth, False)
    rows.append(Row("time, longest to shortest", growth, None, goal, "ratio of what one more frame costs; no unit MB"))
    return Table("length", "decode --quiet --stats of an .lmx", "MB at most", "", rows)
