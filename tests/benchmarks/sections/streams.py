"""Streams of chunks to typed messages: throughput with garbage between frames, and what a saturated link costs."""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks import ours
from benchmarks.codec import Codec, building
from benchmarks.harness import Candidate, Goal, Row, Settings, Table, cpu_per_item, interleaved
from benchmarks.peers import bench_construct, handwritten
from benchmarks.tables import OURS, rows_of
from benchmarks.workload import Plain, Workload, build, short, workload
from lensmount_protocol.framer import Garbage

FRAMES = 20_000
BASELINE = bench_construct.INTERPRETED.name
CODECS = (ours.CODEC, handwritten.CODEC, bench_construct.INTERPRETED, bench_construct.LEAVES)
GOALS = {BASELINE: 36.0}

BAUDRATE = 1_500_000
SHORT_FRAME = 10
MOST_PERCENT = 3.0
"""Of a core, for one saturated link in both directions."""


def stream(settings: Settings) -> list[Table]:
    """Chunks of 1 to 64 bytes with 1 % of garbage to typed messages."""
    work = workload(settings.count(FRAMES, 200), settings.seed)
    notes = [_findings(work)]
    found = cpu_per_item([Candidate(codec.name, _Feeding(codec), work.chunks) for codec in CODECS], settings)
    per_frame = len(work.chunks) / len(work.frames)
    for values in found.values.values():
        values[:] = [value * per_frame for value in values]
    rows = rows_of(found, BASELINE, goals=GOALS)
    return [Table("stream", "chunks of 1..64 bytes, 1 % garbage", "frames/s", BASELINE, rows, notes)]


class _Feeding:
    """Feeds a new stream with chunks; a run of them cut from the middle begins inside a frame, as on a line."""

    def __init__(self, codec: Codec) -> None:
        assert codec.stream is not None
        self._make = codec.stream

    def __call__(self, chunks: Sequence[bytes]) -> None:
        feed = self._make().feed
        for chunk in chunks:
            feed(chunk)


def _findings(work: Workload) -> str:
    """Whether every candidate finds every good frame, and all of them the same."""
    told: list[str] = []
    first: list[Plain] | None = None
    for codec in CODECS:
        assert codec.stream is not None
        reader = codec.stream()
        events = [event for chunk in work.chunks for event in reader.feed(chunk)]
        found = [codec.plain(frame) for frame in events if not isinstance(frame, Garbage)]
        first = found if first is None else first
        same = "" if found == first else " (others than ours)"
        told.append(f"{codec.name} {_lost(work.said, found)}{same}")
    return f"good frames lost of {len(work.said)}: {', '.join(told)}"


def _lost(said: list[Plain], found: list[Plain]) -> int:
    """Frames that were said and not found, in order; what garbage happened to say besides does not count."""
    rest = iter(found)
    return sum(not any(frame == other for other in rest) for frame in said)


def line(settings: Settings) -> list[Table]:
    """One saturated link of short frames."""
    said = short(settings.count(5_000, 100), settings.random())
    frames = [build(frame) for frame in said]
    a_second = BAUDRATE / 10 / SHORT_FRAME
    parts = {codec.name: _Line(codec, said, frames, settings) for codec in CODECS}
    found = interleaved(parts, lambda name, _source: parts[name].cost_ns() * a_second / 1e9 * 100, settings)
    rows: list[Row] = []
    for name in sorted(found.values, key=found.median):
        median = found.median(name)
        goal = Goal(f"at most {MOST_PERCENT:g} %", MOST_PERCENT, median, False) if name == OURS else None
        rows.append(Row(name, median, found.ratio(name, BASELINE), goal, values=found.values[name]))
    title = f"decode one direction and build the other at {BAUDRATE} baud, frames of {SHORT_FRAME} bytes"
    note = f"{a_second:.0f} frames/s each way; reading in chunks of 32 bytes; no input or output is counted"
    return [Table("line", title, "% of a core", BASELINE, rows, [note])]


class _Line:
    """Takes frames in chunks and builds as many."""

    def __init__(self, codec: Codec, said: list[Plain], frames: list[bytes], settings: Settings) -> None:
        self._codec = codec
        slow = codec.name in (bench_construct.INTERPRETED.name, bench_construct.LEAVES.name)
        count = len(frames) // 5 if slow else len(frames)
        stream_ = b"".join(frames[:count])
        self._count = count
        self._chunks = [stream_[at : at + 32] for at in range(0, len(stream_), 32)]
        self._messages: list[tuple[int, int, Any]] = codec.prepared(said[:count])
        self._build = building(codec)

    def cost_ns(self) -> float:
        """Nanoseconds of CPU for one frame each way."""
        assert self._codec.stream is not None
        feed = self._codec.stream().feed
        began = time.process_time_ns()
        for chunk in self._chunks:
            feed(chunk)
        self._build(self._messages)
        return (time.process_time_ns() - began) / self._count
