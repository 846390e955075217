"""The command: `python -m benchmarks`, with the project's `tests` and rooms on the path."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.harness import Settings, Table
from benchmarks.tables import as_json, machine, text_of

SECTIONS = {
    "parse": "codecs",
    "build": "codecs",
    "peers": "codecs",
    "emount": "emount",
    "stream": "streams",
    "line": "streams",
    "exchange": "exchange",
    "virtual": "virtual",
    "clocked": "clocked",
    "scheduler": "scheduler",
    "pty": "pty",
    "timer": "timer",
    "serial": "serial",
    "sr": "sr",
    "length": "length",
    "start": "start",
    "checksums": "checksums",
    "before": "before",
}
"""Section -> the module that has a function of that name."""

QUICK = Settings(rounds=3, scale=0.2)
DEFAULT_JSON = ".bench.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections that are asked for; gives the exit code, which says nothing about speed."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    names: list[str] = asked.only.split(",") if asked.only else list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are: {', '.join(SECTIONS)}")
    usual = QUICK if asked.quick else Settings()
    settings = Settings(asked.rounds or usual.rounds, asked.scale or usual.scale, asked.full, asked.seed)
    told = machine()
    print(f"{told['python']} on {told['system']}, {told['processor']}, {told['cores']} cores, load {told['load']}")
    print(f"{settings.rounds} rounds, seed {settings.seed}\n", flush=True)
    tables: list[Table] = []
    for name in names:
        measure: Callable[[Settings], list[Table]] = getattr(
            import_module(f"benchmarks.sections.{SECTIONS[name]}"), name
        )
        for table in measure(settings):
            print(text_of(table) + "\n", flush=True)
            tables.append(table)
    _sum_up(tables)
    if asked.json:
        Path(asked.json).write_text(as_json(tables, asdict(settings)))
    return 0


def _sum_up(tables: Sequence[Table]) -> None:
    goals = [(table, row, row.goal) for table in tables for row in table.rows if row.goal is not None]
    missed = [(table, row, goal) for table, row, goal in goals if not goal.reached]
    print(f"{len(goals) - len(missed)} of {len(goals)} goals reached")
    for table, row, goal in missed:
        print(f"  missed: {table.section}, {row.name}: {goal.text}, measured {goal.measured:.3g}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measures lensmount and its peers, interleaved in one run."
    )
    parser.add_argument("--only", metavar="SECTION,...", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, help=f"rounds of each section (default: {Settings().rounds})")
    parser.add_argument("--quick", action="store_true", help="few rounds of little work: is everything in order?")
    parser.add_argument("--full", action="store_true", help="the recording of ten million frames as well")
    parser.add_argument("--scale", type=float, help="how much work a round does; 1 is the usual amount")
    parser.add_argument("--seed", type=int, default=Settings().seed, help="of all random numbers")
    parser.add_argument(
        "--json", metavar="FILE", default=DEFAULT_JSON, help="where figures go (default: %(default)s; '' for nowhere)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
