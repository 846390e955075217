"""A request and its reply through two engines without input or output: what an exchange costs, and how evenly."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import ours
from benchmarks.codec import Codec
from benchmarks.harness import Candidate, Goal, Row, Settings, Table, cpu_per_item, frozen_heap
from benchmarks.peers import bench_construct, handwritten
from benchmarks.tables import OURS, rows_of
from benchmarks.workload import exchange as exchange_of

BASELINE = bench_construct.INTERPRETED.name
CODECS = (ours.CODEC, handwritten.CODEC, bench_construct.INTERPRETED, bench_construct.LEAVES)
GOALS = {BASELINE: 25.0}
EXCHANGES = 20_000
PAIRS = 64
WIRE_US = 313
"""What 14 and 33 bytes take on the wire at 1.5 Mbaud."""
MOST_SPREAD = 1.3
MACHINE = "this machine: a fixed loop of about that length"


class _End:
    """One end: counts frames, checks the peer's numbers, keeps the last message, and says the next one of its own."""

    __slots__ = ("_build", "_feed", "_messages", "_plain_sequence", "_sequence", "heard")

    def __init__(self, codec: Codec, messages: Sequence[Any], sequence_of: Callable[[Any], int]) -> None:
        assert codec.stream is not None
        assert codec.build is not None
        self._feed = codec.stream().feed
        self._build = codec.build
        self._messages = messages
        self._plain_sequence = sequence_of
        self._sequence = 0
        self.heard: Any = None

    def say(self) -> bytes:
        """The next frame."""
        sequence = self._sequence
        return self._build(1, sequence, self._messages[sequence % PAIRS])

    def hear(self, data: bytes) -> None:
        """The peer's frame; it must bear the number that is due."""
        for frame in self._feed(data):
            if self._plain_sequence(frame) != self._sequence:
                raise AssertionError("a frame is missing")
            self.heard = frame

    def move_on(self) -> None:
        """The exchange is over."""
        self._sequence = (self._sequence + 1) & 0xFF


class _Link:
    """Both ends of one codec."""

    def __init__(self, codec: Codec, settings: Settings) -> None:
        source = settings.random()
        assert codec.messages is not None
        pairs = [exchange_of(source) for _ in range(PAIRS)]
        requests, replies = ([codec.messages(pair[side]) for pair in pairs] for side in (0, 1))
        self.body = _End(codec, requests, _sequence_of(codec))
        self.lens = _End(codec, replies, _sequence_of(codec))
        self.once()
        assert codec.plain(self.lens.heard) == pairs[0][0]
        assert codec.plain(self.body.heard) == pairs[0][1]

    def once(self) -> None:
        """A request and its reply."""
        body, lens = self.body, self.lens
        lens.hear(body.say())
        body.hear(lens.say())
        body.move_on()
        lens.move_on()

    def many(self, items: Sequence[None]) -> None:
        """As many exchanges as there are items."""
        once = self.once
        for _ in items:
            once()


def _fixed_loop() -> None:
    """Allocates nothing and always does the same, so its spread is what the machine and its other users add."""
    for _ in range(600):
        pass


def _times_ns(once: Callable[[], None], count: int) -> list[int]:
    """The wall time of so many single calls."""
    clock = time.perf_counter_ns
    times: list[int] = []
    for _ in range(count):
        began = clock()
        once()
        times.append(clock() - began)
    return times


def exchange(settings: Settings) -> list[Table]:
    """CPU of an exchange, and the spread of its wall time."""
    links = {codec.name: _Link(codec, settings) for codec in CODECS}
    count = settings.count(EXCHANGES, 50)
    candidates = [Candidate(name, link.many, [None] * count) for name, link in links.items()]
    found = cpu_per_item(candidates, settings)
    rows = rows_of(found, BASELINE, goals=GOALS)
    for row in rows:
        row.note = f"{found.median(row.name) / WIRE_US / 10:.1f} % of its time on the wire"
    cost = Table("exchange", "request of 14 bytes, reply of 33, both ends", "exchanges/s", BASELINE, rows)
    return [cost, _spread(links, settings)]


def _spread(links: dict[str, _Link], settings: Settings) -> Table:
    """Wall time of single exchanges; each round takes its own percentiles, so that one pause spoils one round."""
    calls: dict[str, Callable[[], None]] = {MACHINE: _fixed_loop, **{name: link.once for name, link in links.items()}}
    medians: dict[str, list[float]] = {name: [] for name in calls}
    ratios: dict[str, list[float]] = {name: [] for name in calls}
    source = settings.random()
    order = list(calls)
    with frozen_heap():
        for _ in range(settings.rounds):
            source.shuffle(order)
            for name in order:
                count = settings.count(1_000 if name.startswith("construct") else 5_000, 50)
                times = sorted(_times_ns(calls[name], count))
                middle = times[len(times) // 2]
                medians[name].append(middle / 1e3)
                ratios[name].append(times[len(times) * 99 // 100] / middle)
    rows: list[Row] = []
    for name in sorted(calls, key=lambda name: _middle(medians[name])):
        spread = _middle(ratios[name])
        goal = Goal(f"p99 at most {MOST_SPREAD:g}x p50", MOST_SPREAD, spread, False) if name == OURS else None
        note = f"p99 is {spread:.2f}x p50, {min(ratios[name]):.2f}x in the quietest round"
        rows.append(Row(name, _middle(medians[name]), None, goal, note, medians[name]))
    notes = ["wall time, so that the scheduler's slices of other programs are in the tail"]
    return Table("exchange", "wall time of one exchange", "us at p50", "", rows, notes)


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _sequence_of(codec: Codec) -> Callable[[Any], int]:
    if codec is ours.CODEC:
        return ours.sequence_of
    if codec is handwritten.CODEC:
        return lambda frame: frame.sequence
    return lambda container: container.inside.value.sequence
