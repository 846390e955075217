"""Comparisons as tables: rows with medians, ratios and goals, for people as text and for programs as JSON."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.harness import Comparison, Goal, Row, Table

OURS = "ours"
NOT_INSTALLED = "not installed"
PACKAGES = (
    *("lensmount", "construct", "crcmod", "numpy", "pyserial", "bitstruct", "cantools", "dissect.cstruct"),
    *("kaitaistruct", "scapy", "simpy"),
)


def rows_of(found: Comparison, baseline: str, *, goals: Mapping[str, float] = {}, per_second: bool = True) -> list[Row]:
    """A row for each candidate, best first.

    Args:
        found: nanoseconds of each candidate.
        baseline: what ratios refer to.
        goals: candidate -> how many times as fast ours has to be at least.
        per_second: give things a second in place of nanoseconds.
    """
    rows: list[Row] = []
    for name in sorted(found.values, key=found.median):
        goal = None
        if name in goals and OURS in found.values:
            times = goals[name]
            goal = Goal(f"ours at least {times:g}x", times, found.ratio(OURS, name))
        values = [1e9 / value for value in found.values[name]] if per_second else found.values[name]
        median = 1e9 / found.median(name) if per_second else found.median(name)
        rows.append(Row(name, median, found.ratio(name, baseline), goal, values=values))
    return rows


def absent(name: str, why: str = NOT_INSTALLED) -> Row:
    """The row of something that cannot be measured here."""
    return Row(name, note=why)


def text_of(table: Table) -> str:
    """A table for people."""
    heading = ["candidate", table.unit, f"x {table.baseline}" if table.baseline else "", "goal", "measured", ""]
    cells = [heading, *(_cells(row) for row in table.rows)]
    used = [index for index in range(len(heading)) if any(line[index] for line in cells)]
    widths = {index: max(len(line[index]) for line in cells) for index in used}
    lines = [f"== {table.section}: {table.title}", *(f"   {note}" for note in table.notes)]
    for line, row in zip(cells, [None, *table.rows], strict=True):
        text = "  ".join(
            line[index].ljust(widths[index]) if index in (0, 3, 5) else line[index].rjust(widths[index])
            for index in used
        ).rstrip()
        lines.append(f"   {text}" + (f"  ({row.note})" if row is not None and row.note else ""))
    return "\n".join(lines)


def as_json(tables: Sequence[Table], settings: Mapping[str, Any]) -> str:
    """Everything that was found, with the machine and the versions that it was found on."""
    told = {
        "machine": machine(),
        "versions": versions(),
        "settings": dict(settings),
        "sections": [_object_of(table) for table in tables],
    }
    return json.dumps(told, indent=1) + "\n"


def machine() -> dict[str, Any]:
    """What ran this."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "flags": [flag for flag in ("dev_mode", "debug", "optimize") if getattr(sys.flags, flag, 0)],
    }


def versions() -> dict[str, str]:
    """What is installed of ours and of the peers."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = NOT_INSTALLED
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _cells(row: Row) -> list[str]:
    goal = row.goal
    return [
        row.name,
        "-" if row.median is None else number(row.median),
        "" if row.ratio is None else number(row.ratio),
        "" if goal is None else goal.text,
        "" if goal is None else number(goal.measured),
        "" if goal is None else "reached" if goal.reached else "MISSED",
    ]


def number(value: float) -> str:
    """Three digits that count, without an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _object_of(table: Table) -> dict[str, Any]:
    return {
        "section": table.section,
        "title": table.title,
        "unit": table.unit,
        "baseline": table.baseline,
        "notes": table.notes,
        "rows": [
            {
                "name": row.name,
                "median": row.median,
                "ratio": row.ratio,
                "note": row.note,
                "values": row.values,
                "goal": None
                if row.goal is None
                else {
                    "text": row.goal.text,
                    "limit": row.goal.limit,
                    "measured": row.goal.measured,
                    "reached": row.goal.reached,
                },
            }
            for row in table.rows
        ],
    }
