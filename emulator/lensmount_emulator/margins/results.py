"""The results of margins as plain data and as text."""

from collections.abc import Iterator, Sequence
from typing import Any

from lensmount_emulator.explain.steps import count_devices
from lensmount_emulator.margins.parameters import Bounds, Parameter
from lensmount_emulator.margins.search import BROKEN, OURS, SEEN, JitterMargin, Limit, Margin, MarginMap

UNKNOWN = (
    "Between what captured devices kept and any limit of a real device everything is unknown: no capture shows the "
    "time-out of a body or a lens."
)

MEANINGS = {
    SEEN: "works, and every captured device keeps it",
    OURS: "works with our engine; unknown for a real device",
    BROKEN: "does not work with our engine; unknown for a real device",
}
"""Region -> what it means."""

LIVE_MEANINGS = {
    SEEN: "works with this device, and every captured device keeps it",
    OURS: "works with this device",
    BROKEN: "does not work with this device",
}


def margin_lines(margin: Margin, *, live: bool = False) -> Iterator[str]:
    """A margin for users, line by line; `live` where a device is at the other end."""
    parameter = margin.parameter
    show = parameter.format
    yield f"{parameter.name}: {show(parameter.nominal)} in the profile"
    yield f"  seen        {bounds_text(parameter)}"
    upper, lower = margin.upper, margin.lower
    yield f"  {'this device' if live else OURS:<11} {show(lower.value)} to {show(upper.value)}"
    for word, limit in (("below", lower), ("above", upper)):
        if limit.broken is not None:
            yield f"  broken      from {show(limit.broken)} {word}: {limit.reason}"
        else:
            end = f"; {limit.reason}" if limit.reason else ""
            yield f"  broken      nowhere {word}, up to {show(limit.value)}{end}"
    for value, works in margin.islands:
        yield f"  island      {show(value)} {'works' if works else 'does not work'}, against the limits"
    if not margin.islands:
        yield f"  islands     none in {len(margin.grid)} points of a coarse grid"


def bounds_text(parameter: Parameter) -> str:
    """What devices kept, with their number and source."""
    bounds = parameter.bounds
    if bounds is None:
        return "nothing: no rule of the contract bounds it"
    devices = count_devices(bounds.devices) if bounds.devices else "our own design, no device"
    return f'{parameter.format(bounds.minimum)} to {parameter.format(bounds.maximum)} ("{bounds.rule}", {devices})'


def jitter_lines(margin: JitterMargin) -> Iterator[str]:
    """The rates of a jitter for users, line by line."""
    show = margin.parameter.format
    yield f"{margin.parameter.name}: sessions that work, of {margin.seeds} seeds"
    for value, good in margin.rates:
        yield f"  {show(value):>9}  {good:>3} of {margin.seeds}"
    if margin.half is None or margin.most is None:
        yield "  no fit: the rate does not change over these amplitudes"
    else:
        yield f"  fit         99 % work up to {show(margin.most)}, half of them at {show(margin.half)}"


def map_lines(found: MarginMap) -> Iterator[str]:
    """A map for users, line by line: one sign a cell."""
    signs = {SEEN: "#", OURS: "+", BROKEN: "."}
    show = found.down.format
    yield f"{found.across.name} across, {found.down.name} down"
    for row, regions in reversed(list(zip(found.rows, found.regions, strict=True))):
        yield f"  {show(row):>10} {''.join(signs[region] for region in regions)}"
    yield f"  {found.across.format(found.columns[0])} to {found.across.format(found.columns[-1])}"
    yield "  " + ", ".join(f"{signs[region]} {region}" for region in (SEEN, OURS, BROKEN))
    count = len(found.islands)
    yield f"  islands: {count or 'none'}"
    for column, row, region in found.islands[:10]:
        yield f"    {found.across.format(column)}, {show(row)}: {region}"


def _bounds_to_dict(bounds: Bounds | None) -> dict[str, Any] | None:
    if bounds is None:
        return None
    return {
        "minimum": bounds.minimum, "maximum": bounds.maximum, "rule": bounds.rule, "devices": bounds.devices,
        "source": bounds.source,
    }  # fmt: skip


def _parameter_to_dict(parameter: Parameter) -> dict[str, Any]:
    end = None if parameter.end is None else parameter.end.value
    return {
        "name": parameter.name, "end": end, "unit": parameter.unit, "nominal": parameter.nominal,
        "seen": _bounds_to_dict(parameter.bounds),
    }  # fmt: skip


def _limit_to_dict(limit: Limit) -> dict[str, Any]:
    return {"works": _rounded(limit.value), "broken": _rounded(limit.broken), "reason": limit.reason}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def margin_to_dict(margin: Margin) -> dict[str, Any]:
    """A margin as plain data."""
    return {
        "kind": "margin",
        "parameter": _parameter_to_dict(margin.parameter),
        "lower": _limit_to_dict(margin.lower),
        "upper": _limit_to_dict(margin.upper),
        "islands": [{"value": _rounded(value), "works": works} for value, works in margin.islands],
        "grid": [[_rounded(value), works, margin.region(value)] for value, works in margin.grid],
    }


def jitter_to_dict(margin: JitterMargin) -> dict[str, Any]:
    """The rates of a jitter as plain data."""
    return {
        "kind": "rate",
        "parameter": _parameter_to_dict(margin.parameter),
        "seeds": margin.seeds,
        "rates": [[_rounded(value), good] for value, good in margin.rates],
        "half": _rounded(margin.half),
        "works_99": _rounded(margin.most),
    }


def map_to_dict(found: MarginMap) -> dict[str, Any]:
    """A map as plain data."""
    return {
        "kind": "map",
        "across": _parameter_to_dict(found.across),
        "down": _parameter_to_dict(found.down),
        "columns": [_rounded(value) for value in found.columns],
        "rows": [_rounded(value) for value in found.rows],
        "regions": [list(row) for row in found.regions],
        "islands": [[_rounded(column), _rounded(row), region] for column, row, region in found.islands],
    }


Result = Margin | JitterMargin | MarginMap
"""One result of a run."""


def result_to_dict(result: Result) -> dict[str, Any]:
    """A result as plain data."""
    if isinstance(result, Margin):
        return margin_to_dict(result)
    return jitter_to_dict(result) if isinstance(result, JitterMargin) else map_to_dict(result)


def result_lines(results: Sequence[Result], *, live: bool = False) -> Iterator[str]:
    """Results for users, line by line; `live` where a device is at the other end."""
    for result in results:
        if isinstance(result, Margin):
            yield from margin_lines(result, live=live)
        elif isinstance(result, JitterMargin):
            yield from jitter_lines(result)
        else:
            yield from map_lines(result)
