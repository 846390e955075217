"""How long short commands take, and what they load to do it."""

import json
import tempfile
from pathlib import Path
from random import Random

from benchmarks import synthetic
from benchmarks.harness import Goal, Row, Settings, Table, interleaved
from benchmarks.processes import lensmount, python, run

BARE = "python -c pass"
HELP = "lensmount --help"
DECODE = "lensmount decode, 10 frames"
MOST_TIMES_BARE = 2.5
HEAVY = ("construct", "numpy", "asyncio", "hypothesis", "rich", "msgspec", "serial", "crcmod")
UNWANTED = ("hypothesis", "asyncio")
"""What `decode` must not load."""

_LOADED = f"""
import contextlib, io, json, sys
from lensmount_emulator.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""


def start(settings: Settings) -> list[Table]:
    """CPU of whole processes, in random order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.lmx"
        synthetic.write_recording(10, path)
        words = {HELP: ["--help"], DECODE: ["decode", str(path)]}
        commands = {BARE: python("-c", "pass"), **{name: lensmount(*said) for name, said in words.items()}}

        def cost_ms(name: str, _source: Random) -> float:
            return run(commands[name]).cpu * 1e3

        for command in commands.values():
            run(command)  # so that every compiled module is there
        found = interleaved(commands, cost_ms, settings)
        loaded = {name: _loaded(said) for name, said in words.items()}
    rows = [Row(BARE, found.median(BARE), values=found.values[BARE])]
    for name, modules in loaded.items():
        times = 1 / found.ratio(name, BARE)
        goal = Goal(f"at most {MOST_TIMES_BARE:g}x bare", MOST_TIMES_BARE, times, False) if name == HELP else None
        if name == DECODE:
            goal = Goal(f"loads none of {', '.join(UNWANTED)}", 0, len(set(UNWANTED) & set(modules)), False)
        note = f"{times:.2f}x bare; loads {', '.join(modules) or 'none of the heavy ones'}"
        rows.append(Row(name, found.median(name), None, goal, note, found.values[name]))
    notes = [f"looked for: {', '.join(HEAVY)}"]
    return [Table("start", "whole processes", "ms of CPU", "", rows, notes)]


def _loaded(words: list[str]) -> list[str]:
    modules: list[str] = json.loads(run(python("-c", _LOADED, *words)).out)
    return modules
