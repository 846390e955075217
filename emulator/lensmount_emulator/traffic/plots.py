"""Draws fields and lines of decoded traffic over time, with matplotlib where the user has installed it."""

import enum
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_emulator.traffic.field_columns import FieldColumn
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import format_value
from lensmount_protocol.errors import CaptureError, DialectError, unknown_name_message
from lensmount_protocol.wire import Role

Range = tuple[float, float]
"""First and last time, in seconds."""

Points = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Times in seconds, and values."""

ENDINGS = (".svg", ".png", ".pdf")
MAX_POINTS = 4000
"""Points of one curve; more are drawn as the lowest and highest value of each of half as many intervals."""

MAX_NAMES = 12
"""Values of an enumeration up to which the axis has their names."""

_WIDTH_IN = 10.0
_FIELD_IN, _LINE_IN, _FRAME_IN = 1.7, 0.28, 1.0
_FIELD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DRIVER_COLOURS = {Role.BODY: "#0072B2", Role.LENS: "#009E73", None: "#555555"}
"""The colours of Okabe and Ito, which people with any colour vision can distinguish."""


def check_matplotlib() -> None:
    """Check that matplotlib is installed.

    Raises:
        DialectError: it is not.
    """
    if find_spec("matplotlib") is None:
        raise DialectError("a plot needs matplotlib: install lensmount with the extra `plot`")


def plot_columns(
    columns: EventColumns,
    fields: Sequence[str] = (),
    lines: Sequence[str] = (),
    *,
    within: Range | None = None,
    title: str = "",
) -> Any:
    """Draw fields and lines over time.

    Numbers are steps: a value holds until the next frame that carries the field. Fields of one unit share an axis, so
    that a reported value is seen against the ordered one. Values of an enumeration have their names.

    Args:
        columns: the traffic.
        fields: fields, as `Message.field`. Without fields and lines the focus of the lens and all lines are drawn.
        lines: lines of the mount.
        within: only this time, in seconds.
        title: what is written above.

    Returns:
        A `matplotlib.figure.Figure`, which is bound to no window: `figure.savefig("plot.svg")`.

    Raises:
        DialectError: a field or line is unknown, a field holds no numbers, or matplotlib is not installed.
        CaptureError: there is nothing to draw, or all of the traffic is before or after `within`.
    """
    check_matplotlib()
    what = title or "the traffic"
    if within is not None:
        # A value holds until the next one, but not after the traffic.
        first, last = columns.span()
        if within[1] < first or within[0] > last:
            raise CaptureError(
                f"{what}: nothing to draw: {within[0]:g}..{within[1]:g} s is outside of {first:g}..{last:g} s"
            )
    known = columns.lines()
    if not fields and not lines:
        fields, lines = _focus_fields(columns), list(known)
    for name in lines:
        if name not in columns.dialect.wiring.lines and name not in known:
            raise DialectError(unknown_name_message("line", name, sorted({*columns.dialect.wiring.lines, *known})))
    groups = _grouped([_numbers(columns, name) for name in dict.fromkeys(fields)], within)
    traces = {
        name: _limited(known[name].at, known[name].level, within) for name in dict.fromkeys(lines) if name in known
    }
    if not groups and not any(len(at) for at, _ in traces.values()):
        raise CaptureError(f"{what}: nothing to draw: no value and no edge of these is in this time")
    return _draw(columns, groups, traces, within, title)


def absent_names(
    columns: EventColumns, fields: Sequence[str], lines: Sequence[str], within: Range | None = None
) -> list[str]:
    """What was asked for and cannot be drawn, each as a sentence: fields without a value, lines without an edge.

    Args:
        columns: the traffic.
        fields: fields, as `Message.field`.
        lines: lines of the mount.
        within: only this time, in seconds.
    """
    when = "" if within is None else f" up to {within[1]:g} s"
    known = columns.lines()
    absent: list[str] = []
    for name in dict.fromkeys(fields):
        at = columns.field(name).at
        if not len(_limited(at[~np.isnan(at)], at[~np.isnan(at)], within)[0]):
            absent.append(f"{name} is not in the picture: no frame carries it{when}")
    for name in dict.fromkeys(lines):
        if name not in known or not len(_limited(known[name].at, known[name].level, within)[0]):
            absent.append(f"{name} is not in the picture: the line has no edge{when}")
    return absent


def write_plot(target: Path, figure: Any, *, overwrite: bool = False, inputs: Sequence[Path] = ()) -> None:
    """Write a figure to a file; its ending selects the format, and the same figure gives the same bytes.

    Raises:
        CaptureError: the ending is unknown, or the file exists or cannot be written.
    """
    if target.suffix not in ENDINGS:
        raise CaptureError(f"{target}: unknown file name ending; known endings: {', '.join(ENDINGS)}")
    metadata: Mapping[str, Mapping[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    rc_context = import_module("matplotlib").rc_context
    with (
        OutputFile(target, overwrite=overwrite, inputs=inputs) as output,
        rc_context({"svg.hashsalt": "lensmount", "svg.fonttype": "none"}),
    ):
        try:
            figure.savefig(output.file, format=target.suffix[1:], metadata=metadata.get(target.suffix), dpi=120)
        except OSError as error:
            raise CaptureError(f"{target}: {error.strerror or error}") from error


def _focus_fields(columns: EventColumns) -> list[str]:
    """The reported and the ordered focus position, where the dialect has them and the traffic holds them."""
    try:
        gauges = get_roles(columns.dialect.name).gauges
    except DialectError:
        return []
    carried = set(columns.field_names())
    return [
        name
        for gauge in gauges
        if gauge.part == "focus"
        for place, name in gauge.fields.items()
        if place in ("value", "target") and name in carried and columns.field(name).is_number
    ]


def _numbers(columns: EventColumns, name: str) -> FieldColumn:
    column = columns.field(name)
    if not column.is_number:
        raise DialectError(f"{name} holds no numbers, so it has no plot")
    return column


_Curve = tuple[FieldColumn, Points]


def _grouped(columns: Sequence[FieldColumn], within: Range | None) -> list[list[_Curve]]:
    """The fields that have values, those of one unit together."""
    groups: dict[str, list[_Curve]] = {}
    for column in columns:
        known = ~np.isnan(column.at)
        points = _limited(column.at[known], column.values[known].astype(np.float64), within)
        if len(points[0]):
            groups.setdefault(column.spec.unit or column.name, []).append((column, points))
    return list(groups.values())


def _limited(at: npt.NDArray[np.float64], values: npt.NDArray[Any], within: Range | None) -> Points:
    """The points of a time, with the value that holds at its start, and not more than a picture shows."""
    if within is not None:
        first = max(0, int(np.searchsorted(at, within[0], side="right")) - 1)
        last = int(np.searchsorted(at, within[1], side="right"))
        at, values = at[first:last].copy(), values[first:last]
        at[at < within[0]] = within[0]
    values = values.astype(np.float64)
    if len(at) > MAX_POINTS:
        edges = at[0] + np.arange(MAX_POINTS // 2, dtype=np.float64) * ((at[-1] - at[0]) / (MAX_POINTS // 2))
        starts = np.unique(np.asarray(at.searchsorted(edges), np.int64))
        ends = np.append(starts[1:], len(at)) - 1
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        # After its extremes an interval has its last value, which holds until the next one.
        at = np.repeat(at[starts], 3)
        values = np.stack([low, high, values[ends]], axis=1).reshape(-1)
    return at, values


def _draw(
    columns: EventColumns,
    groups: Sequence[Sequence[_Curve]],
    traces: Mapping[str, Points],
    within: Range | None,
    title: str,
) -> Any:
    heights = [_FIELD_IN for _ in groups] + ([_LINE_IN * len(traces)] if traces else [])
    times = [at for group in groups for _, (at, _) in group] + [at for at, _ in traces.values()]
    first = within[0] if within else min(float(at[0]) for at in times if len(at))
    last = within[1] if within else max(float(at[-1]) for at in times if len(at))
    scale, unit = (1e3, "ms") if last - first < 1 else (1.0, "s")
    figure = import_module("matplotlib.figure").Figure(
        figsize=(_WIDTH_IN, sum(heights) + _FRAME_IN), layout="constrained"
    )
    all_axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, group in zip(all_axes, groups, strict=False):
        _draw_fields(columns, axes, group, scale, last)
    if traces:
        _draw_traces(columns, all_axes[-1], traces, scale, last)
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize="small")
    all_axes[-1].set_xlim(first * scale, max(last * scale, first * scale + 1e-6))
    all_axes[-1].set_xlabel(f"time in {unit}", fontsize="small")
    figure.align_ylabels(all_axes)
    if title:
        # Names come from files, and `$` in them begins no formula.
        figure.suptitle(_printable(title), fontsize="medium", parse_math=False)
    return figure


def _printable(text: str) -> str:
    """The text with each control character, and each byte of a file name that is no text, as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _draw_fields(columns: EventColumns, axes: Any, group: Sequence[_Curve], scale: float, last: float) -> None:
    for number, (column, (at, values)) in enumerate(group):
        axes.step(
            np.append(at, last) * scale,
            np.append(values, values[-1]),
            where="post",
            color=_FIELD_COLOURS[number % len(_FIELD_COLOURS)],
            linestyle="-" if number == 0 else "--",
            linewidth=1.4,
            label=column.name,
        )
    names = _value_names(columns, group[0][0]) if len(group) == 1 else {}
    if names:
        axes.set_yticks(list(names), list(names.values()), parse_math=False)
    else:
        axes.set_ylabel(group[0][0].spec.unit, fontsize="small", parse_math=False)
    # Beside the curves: above them it never hides a value.
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, fontsize="small")


def _value_names(columns: EventColumns, column: FieldColumn) -> dict[float, str]:
    """The names of an enumeration's values; empty for a field that has none."""
    values, places = np.unique(column.values, return_index=True)
    if len(values) > MAX_NAMES:
        return {}
    names: dict[float, str] = {}
    kind, _, path = column.name.partition(".")
    for value, place in zip(values.tolist(), places.tolist(), strict=True):
        event = columns.event(int(column.row[place]))
        messages = event.messages if isinstance(event, DecodedFrame) else ()
        declared: Any = next((one for one in messages if type(one).__name__ == kind), None)
        for step in path.split("."):
            declared = getattr(declared, step, None)
        if not isinstance(declared, enum.Enum):
            return {}
        names[float(value)] = format_value(column.spec, declared)
    return names


def _draw_traces(columns: EventColumns, axes: Any, traces: Mapping[str, Points], scale: float, last: float) -> None:
    drivers = columns.dialect.drivers
    count = len(traces)
    for number, (name, (at, level)) in enumerate(traces.items()):
        base = float(count - 1 - number)
        if len(at):
            colour = _DRIVER_COLOURS[drivers.get(name)]
            height = np.append(level, level[-1]) * 0.7 + base
            axes.step(np.append(at, last) * scale, height, where="post", color=colour, linewidth=1.0)
    names = [_printable(name) for name in traces]
    axes.set_yticks([count - 1 - number + 0.35 for number in range(count)], names, parse_math=False)
    axes.set_ylim(-0.25, count - 0.05)
    axes.tick_params(axis="y", length=0)
