"""Runs the margins of one or two parameters of a pair, on virtual ends or on a port."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.margins.parameters import Parameter, find_parameter, parse_value
from lensmount_emulator.margins.point import RunPoint, VirtualPoints
from lensmount_emulator.margins.results import Result
from lensmount_emulator.margins.search import (
    Search,
    find_jitter_margin,
    find_map,
    find_margin,
    grid_values,
    lower_limit,
    upper_limit,
)
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.sessions.virtual.participants import resolve_profile
from lensmount_protocol.errors import FaultError, ProfileError

DEFAULT_COLUMNS, DEFAULT_ROWS = 40, 20
MAX_CELLS = 10_000
DEFAULT_JITTER_US = 50_000.0
"""Largest amplitude of a jitter where no range is given: three frame periods at 60 frames a second."""


@dataclass(frozen=True, slots=True)
class Varied:
    """A parameter and the range of its values.

    Attributes:
        parameter: the parameter.
        least: the least value; `None` for the parameter's own.
        most: the most; `None` for the parameter's own.
    """

    parameter: Parameter
    least: float | None = None
    most: float | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The values to search in."""
        parameter = self.parameter
        least = self.least if self.least is not None else -parameter.limit if parameter.signed else 0.0
        most = self.most
        if most is None:
            most = DEFAULT_JITTER_US if parameter.is_random else parameter.limit
        return least, most


def parse_varied(text: str, body: Profile, lens: Profile) -> Varied:
    """Read `reply 08`, or with a range `reply 08=10us..600ms`.

    Raises:
        ProfileError: the parameter is unknown.
        FaultError: the range is none.
    """
    name, _, values = text.partition("=")
    parameter = find_parameter(name.strip(), body, lens)
    if not values:
        return Varied(parameter)
    parts = re.split(r"\.\.", values)
    if len(parts) != 2:
        raise FaultError(f"{text!r}: a range is written as LEAST..MOST, such as {name.strip()}=10us..5ms")
    least, most = (parse_value(part, parameter) for part in parts)
    if not least < most:
        raise FaultError(f"{text!r}: the least value is not below the most")
    return Varied(parameter, least, most)


def refuse_recording(named: str | None) -> None:
    """Refuse a recording in the place of a profile.

    Raises:
        ProfileError: the name is that of a file that is no profile.
    """
    if named is not None and Path(named).is_file() and Path(named).suffix != ".toml":
        raise ProfileError(
            f"{named}: a recording that is played back follows its own clock and reacts to nothing, so it has no "
            "margin; "
            "name a profile (its captured times are shown as seen)"
        )


def run_margins(
    varied: Sequence[Varied],
    run: RunPoint,
    *,
    seeds: Sequence[int | None] = (None,),
    rate_seeds: Sequence[int] = range(20),
    columns: int = DEFAULT_COLUMNS,
    rows: int = DEFAULT_ROWS,
) -> tuple[list[Result], Search]:
    """Find the margins: of each parameter by itself, and a map where there are two that are not at random.

    Args:
        varied: what is varied; one or two.
        run: runs a point.
        seeds: the seeds that each point is run with.
        rate_seeds: the seeds over which the rate of a jitter is taken.
        columns: values of the first parameter in a map.
        rows: values of the second one.

    Raises:
        ProfileError: the session does not work with its own values, so there is no margin.
        FaultError: a map is too large.
    """
    search = Search(run, seeds)
    nominal = search.at({one.parameter.name: one.parameter.nominal for one in varied})
    if not nominal.works:
        raise ProfileError(
            f"the session does not work with the values of its profiles: {nominal.reason}; nothing to vary"
        )
    if len(varied) == 2:
        if columns * rows > MAX_CELLS or min(columns, rows) < 2:
            raise FaultError(f"a map of {columns} x {rows} cells; it must have 2 x 2 to {MAX_CELLS} cells in all")
        across, down = varied
        axes = _axis(search, across, columns), _axis(search, down, rows)
        return [find_map(search, across.parameter, down.parameter, *axes)], search
    results: list[Result] = []
    for one in varied:
        least, most = one.range
        if one.parameter.is_random:
            results.append(find_jitter_margin(search, one.parameter, most, rate_seeds))
        else:
            results.append(find_margin(search, one.parameter, least, most))
    return results, search


def _axis(search: Search, one: Varied, number: int) -> list[float]:
    """The values of an axis: the range that was given, else somewhat more than what works."""
    least, most = one.range
    if one.least is None and not one.parameter.is_random:
        upper = upper_limit(search, one.parameter, most)
        most = min(most, upper.value * 1.5 if upper.broken is not None else most)
        if one.parameter.signed:
            least = max(least, lower_limit(search, one.parameter, least).value * 1.5)
    values = grid_values(least, most, number)
    nominal = one.parameter.nominal
    if least <= nominal <= most:
        # The profile's own value is on the axis, in the place of the nearest one.
        nearest = min(range(number), key=lambda index: abs(values[index] - nominal))
        values[nearest] = nominal
    return values


def find_margins(
    body: str | Profile, lens: str | Profile, vary: Sequence[str], *, seeds: Sequence[int | None] = (None,),
    rate_seeds: Sequence[int] = range(20), columns: int = DEFAULT_COLUMNS, rows: int = DEFAULT_ROWS,
) -> list[Result]:  # fmt: skip
    """Find how far timing parameters of a pair may move in virtual time.

    Args:
        body: the body's profile, by name or path, or one that has been read.
        lens: the lens's profile.
        vary: one or two parameters, each with a range or without: `reply 08`, `VD jitter`, `reply 08=10us..600ms`; two
            make a map.
        seeds: seeds of the jitter of reaction times; a point works if it works with each; `None` for nominal times.
        rate_seeds: the seeds over which the rate of a jitter is taken.
        columns: values of the first parameter in a map.
        rows: values of the second one.

    Returns:
        A `Margin` or `JitterMargin` for one parameter, or one `MarginMap`.

    Raises:
        ProfileError: a profile or a parameter is unknown, a recording is named, or the session does not work with the
            values of its profiles.
        FaultError: a range or the size of a map is not legal, or there are not one or two parameters.
    """
    for named in (body, lens):
        refuse_recording(named if isinstance(named, str) else None)
    if not 1 <= len(vary) <= 2:
        raise FaultError("one or two parameters can be varied")
    near, far = resolve_profile(body, Place.BODY), resolve_profile(lens, Place.LENS)
    varied = [parse_varied(text, near, far) for text in vary]
    points = VirtualPoints(near, far, {one.parameter.name: one.parameter for one in varied})
    results, _ = run_margins(varied, points, seeds=seeds, rate_seeds=rate_seeds, columns=columns, rows=rows)
    return results
