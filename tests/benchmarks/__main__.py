"""Runs the benchmarks, prints a table for each section, and writes JSON: `python -m benchmarks --only parse,build`."""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import codecs, commands, live, times
from benchmarks.harness import Result

SECTIONS: dict[str, Callable[[int, int], Result]] = {
    "parse": codecs.parse,
    "build": codecs.build,
    "peers": codecs.others,
    "stream": codecs.stream,
    "line": codecs.line,
    "exchange": codecs.exchange,
    "checksums": commands.checksums,
    "virtual": times.virtual,
    "scheduler": times.scheduler,
    "timer": live.timer,
    "pty": live.echo,
    "serial": live.serial_input,
    "start": commands.start,
    "sr": commands.sigrok,
    "length": commands.length,
}


def table(result: Result) -> str:
    """A section as text."""
    lines = [f"== {result.title}"]
    lines += [f"  {name:<34} {value:>12,.1f} {result.unit}" for name, value in result.values.items()]
    for words, measured, goal, reached in result.ratios:
        verdict = "" if goal is None else f"goal {goal:g}: {'reached' if reached else 'MISSED'}"
        lines.append(f"  {words:<66} {measured:>10.2f}  {verdict}")
    return "\n".join([*lines, *(f"  ({remark})" for remark in result.remarks)])


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"sections: {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=20_000, help="frames in a round")
    parser.add_argument("--json", type=Path, default=Path(".bench.json"))
    arguments = parser.parse_args()
    told = {
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "rounds": arguments.rounds,
        "sections": {},
    }
    for name in arguments.only.split(","):
        result = SECTIONS[name](arguments.rounds, arguments.size)
        print(table(result), flush=True)
        sections[name] = result.as_dict()
    arguments.json.write_text(json.dumps({**told, "sections": sections}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
