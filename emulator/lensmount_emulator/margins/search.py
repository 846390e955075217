"""Searches for the limits of a parameter: bisection, a coarse grid that finds islands, rates over seeds, and maps.

Bisection assumes that a parameter works up to one limit and not beyond it. The coarse grid tests that: a point on the
wrong side of a limit is an island, and is reported.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from lensmount_emulator.margins.parameters import Parameter
from lensmount_emulator.margins.point import PointResult, RunPoint

RESOLUTION = 0.01
"""Share to which a limit is narrowed."""

GRID_POINTS = 24
"""Points of the coarse grid of one parameter."""

JITTER_STEPS = 9
"""Amplitudes at which the rate of a jitter is measured."""

SEEN, OURS, BROKEN = "seen", "our engine", "broken"
"""The regions: kept by captured devices and works; works with our engine, unknown for a real device; does not work."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One end of the range that works.

    Attributes:
        value: the last value that works.
        broken: the first one that does not; `None` where every value works, up to the end of the search or of what a
            profile may have.
        reason: why that one does not work, or why the search ends.
    """

    value: float
    broken: float | None
    reason: str = ""


@dataclass(slots=True)
class Search:
    """Runs points, each once.

    Attributes:
        run: runs a point.
        seeds: the seeds that a point is run with; it works if it works with each of them.
        points: number of sessions so far.
    """

    run: RunPoint
    seeds: Sequence[int | None] = (None,)
    points: int = 0
    _known: dict[tuple[tuple[str, float], ...], PointResult] = field(
        default_factory=lambda: dict[tuple[tuple[str, float], ...], PointResult]()
    )

    def point(self, **values: float) -> PointResult:
        """The result at some values; not run again where it is known."""
        return self.at(values)

    def at(self, values: Mapping[str, float]) -> PointResult:
        """The result at some values: the first failure over the seeds, or that it works."""
        key = tuple(sorted(values.items()))
        if key not in self._known:
            result = PointResult(True)
            for seed in self.seeds:
                self.points += 1
                result = self.run(values, seed)
                if not result.works:
                    break
            self._known[key] = result
        return self._known[key]

    def rate(self, name: str, value: float, seeds: Sequence[int]) -> int:
        """How many sessions work at a value, over seeds."""
        self.points += len(seeds)
        return sum(self.run({name: value}, seed).works for seed in seeds)


def upper_limit(search: Search, parameter: Parameter, most: float) -> Limit:
    """The largest value that works: doubling from the nominal value, then bisection."""
    name = parameter.name
    good, step = parameter.nominal, max(abs(parameter.nominal), most / 1e4, 1e-3)
    bad: float | None = None
    while good < most:
        value = min(most, good + step)
        result = search.at({name: value})
        if not result.works:
            bad = value
            break
        good, step = value, step * 2
    return _bisect(search, name, good, bad)


def lower_limit(search: Search, parameter: Parameter, least: float) -> Limit:
    """The smallest value that works, between the least one and the nominal one."""
    name = parameter.name
    if search.at({name: least}).works:
        return Limit(least, None)
    return _bisect(search, name, parameter.nominal, least)


def _bisect(search: Search, name: str, good: float, bad: float | None) -> Limit:
    if bad is None:
        return Limit(good, None)
    while abs(bad - good) > RESOLUTION * max(abs(good), abs(bad)):
        middle = (good + bad) / 2
        if search.at({name: middle}).works:
            good = middle
        else:
            bad = middle
    result = search.at({name: bad})
    # Beyond what a profile may have nothing is known, and nothing is broken.
    return Limit(good, bad if result.is_legal else None, result.reason)


@dataclass(frozen=True, slots=True)
class Margin:
    """The margin of one parameter.

    Attributes:
        parameter: the parameter.
        lower: the lower limit of what works with our engine.
        upper: the upper limit.
        islands: values on the wrong side of a limit: value, and whether it works there.
        grid: every value of the coarse grid, and whether it works.
    """

    parameter: Parameter
    lower: Limit
    upper: Limit
    islands: Sequence[tuple[float, bool]]
    grid: Sequence[tuple[float, bool]]

    def region(self, value: float) -> str:
        """The region of a value."""
        if not self.lower.value <= value <= self.upper.value:
            return BROKEN
        return SEEN if self.parameter.bounds is not None and self.parameter.bounds.hold(value) else OURS


def find_margin(search: Search, parameter: Parameter, least: float, most: float) -> Margin:
    """The limits of a parameter, and the islands that a coarse grid finds beside them."""
    lower, upper = lower_limit(search, parameter, least), upper_limit(search, parameter, most)
    first = least if lower.broken is not None else lower.value
    last = upper.value if upper.broken is None else min(most, upper.broken * 2)
    values = grid_values(first, last, GRID_POINTS)
    points = [(value, search.at({parameter.name: value})) for value in values]
    grid = [(value, point.works) for value, point in points if point.is_legal]
    islands = [
        (value, works)
        for value, works in grid
        if works is not (lower.value <= value <= upper.value)
        # Between the last value that works and the first that does not the limit itself lies.
        and not _between(value, upper)
        and not _between(value, lower)
    ]
    return Margin(parameter, lower, upper, islands, grid)


def _between(value: float, limit: Limit) -> bool:
    return limit.broken is not None and min(limit.value, limit.broken) <= value <= max(limit.value, limit.broken)


def grid_values(least: float, most: float, number: int) -> list[float]:
    """Values from the least to the most: by equal factors where all are positive, else by equal steps."""
    if number < 2:
        return [most]
    if least < 0:
        return [least + (most - least) * index / (number - 1) for index in range(number)]
    low = max(least, most / 1e4)
    factors = [low * (most / low) ** (index / (number - 1)) for index in range(number)]
    return [least, *factors[1:]] if least == 0 else factors


@dataclass(frozen=True, slots=True)
class JitterMargin:
    """How often sessions work under a jitter.

    Attributes:
        parameter: the jitter.
        rates: amplitude -> sessions that work.
        seeds: sessions at each amplitude.
        half: the amplitude at which half of the sessions work, by the fit; `None` where the rate does not fall.
        most: the amplitude up to which 99 % work, by the fit.
    """

    parameter: Parameter
    rates: Sequence[tuple[float, int]]
    seeds: int
    half: float | None
    most: float | None


def find_jitter_margin(search: Search, parameter: Parameter, most: float, seeds: Sequence[int]) -> JitterMargin:
    """The share of sessions that work at growing amplitudes, and a logistic fit of it."""
    values = grid_values(most / 300, most, JITTER_STEPS)
    rates = [(value, search.rate(parameter.name, value, seeds)) for value in values]
    half, most_ = logistic_fit([(value, count, len(seeds)) for value, count in rates])
    return JitterMargin(parameter, rates, len(seeds), half, most_)


FIT_STEPS = 60


def logistic_fit(counts: Sequence[tuple[float, int, int]]) -> tuple[float | None, float | None]:
    """Fit `works = 1 / (1 + exp(k (ln x - m)))` by Newton's method; return where 50 % and 99 % work.

    Args:
        counts: amplitude, sessions that work, sessions.
    """
    if all(good == total for _, good, total in counts) or not any(good for _, good, _ in counts):
        return None, None
    middle = sum(math.log(value) for value, _, _ in counts) / len(counts)
    a, k = 0.0, 1.0
    for _ in range(FIT_STEPS):
        # A little ridge keeps a perfect step from growing without a limit.
        ga, gk, haa, hak, hkk = -a * 1e-3, -(k - 1.0) * 1e-3, 1e-3, 0.0, 1e-3
        for value, good, total in counts:
            x = math.log(value) - middle
            p = 1 / (1 + math.exp(min(50.0, max(-50.0, k * x - a))))
            weight = total * p * (1 - p)
            ga += good - total * p
            gk -= (good - total * p) * x
            haa, hak, hkk = haa + weight, hak - weight * x, hkk + weight * x * x
        det = haa * hkk - hak * hak
        if abs(det) < 1e-12:
            break
        a += max(-2.0, min(2.0, (ga * hkk - gk * hak) / det))
        k = max(0.05, min(200.0, k + max(-2.0, min(2.0, (gk * haa - ga * hak) / det))))
    return math.exp(middle + a / k), math.exp(middle + (a - math.log(99)) / k)


@dataclass(frozen=True, slots=True)
class MarginMap:
    """What works over two parameters.

    Attributes:
        across: the parameter of the columns.
        down: the parameter of the rows.
        columns: the values of the columns.
        rows: the values of the rows.
        regions: row by row, the region of each cell.
        islands: cells that their whole neighbourhood contradicts: column value, row value, region.
    """

    across: Parameter
    down: Parameter
    columns: Sequence[float]
    rows: Sequence[float]
    regions: Sequence[Sequence[str]]
    islands: Sequence[tuple[float, float, str]]


def find_map(
    search: Search, across: Parameter, down: Parameter, columns: Sequence[float], rows: Sequence[float]
) -> MarginMap:
    """Run every combination of the values of two parameters."""
    works = {
        (column, row): search.at({across.name: column, down.name: row}).works for row, column in product(rows, columns)
    }
    regions = [[_region(works[column, row], column, row, across, down) for column in columns] for row in rows]
    return MarginMap(across, down, columns, rows, regions, list(_islands(regions, columns, rows)))


def _region(works: bool, column: float, row: float, across: Parameter, down: Parameter) -> str:
    if not works:
        return BROKEN
    seen = all(
        parameter.bounds is not None and parameter.bounds.hold(value)
        for parameter, value in ((across, column), (down, row))
    )
    return SEEN if seen else OURS


def _islands(
    regions: Sequence[Sequence[str]], columns: Sequence[float], rows: Sequence[float]
) -> Iterator[tuple[float, float, str]]:
    """The cells of each connected area that works, or does not, and is not the largest one of its kind."""
    areas: dict[bool, list[list[tuple[int, int]]]] = {True: [], False: []}
    seen: set[tuple[int, int]] = set()
    for start in product(range(len(rows)), range(len(columns))):
        if start in seen:
            continue
        broken = regions[start[0]][start[1]] == BROKEN
        area, waiting = list[tuple[int, int]](), [start]
        seen.add(start)
        while waiting:
            y, x = waiting.pop()
            area.append((y, x))
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= near[0] < len(rows) and 0 <= near[1] < len(columns)
                if inside and near not in seen and (regions[near[0]][near[1]] == BROKEN) is broken:
                    seen.add(near)
                    waiting.append(near)
        areas[broken].append(area)
    for found in areas.values():
        for area in sorted(found, key=len, reverse=True)[1:]:
            yield from ((columns[x], rows[y], regions[y][x]) for y, x in sorted(area))
