"""This revision against an earlier one, by turns: sessions, campaign cases, live sessions and readers.

`BEFORE=REVISION make bench BENCH="--only before"` names another one than the usual.
"""

import contextlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.harness import Goal, Row, Settings, Table, interleaved
from benchmarks.tables import absent
from lensmount_emulator.cli.main import main

ROOT = Path(__file__).parents[3]
FOLDERS = ("protocol", "hardware", "emulator")
USUAL = "be3b418"
JOB = ROOT / "tests" / "benchmarks" / "before" / "job.py"

CAMPAIGN = """
dialect = "emount"
bodies = ["a6000", "nex7"]
lenses = ["sel55210", "sel2870"]
faults = ["bitflip rate=1e-4", "detach at=0.5s for=50ms"]
script = "wait 0.3; focus +50; aperture f/8; wait 0.3"
seeds = "1-3"
"""

FORMATS = ("lmx", "pcapng", "sr", "vcd")

GOALS = {
    "whole session, 10 s": 1.3,
    "whole session, 60 s": 1.3,
    "set-up of a session": 2.0,
    "campaign case": 1.3,
    "live session, CPU": 1 / 0.75,
    "decode .lmx to lines": 0.97,
    **{f"decode .{name}": 0.97 for name in FORMATS},
}
"""Job -> how many times as fast this revision has to be."""


def before(settings: Settings) -> list[Table]:
    """How many times as fast each job is."""
    revision = os.environ.get("BEFORE", USUAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        other = folder / "before"
        why = _extract(revision, other)
        if why:
            return [Table("before", f"against {revision}", "ms of CPU", "", [absent(job, why) for job in GOALS])]
        rows = [_compare(job, words, other, settings) for job, words in _jobs(folder, settings).items()]
    title = f"this revision against {revision}, CPU of this one, and how many times as fast it is"
    return [Table("before", title, "ms of CPU", revision, rows)]


def _extract(revision: str, folder: Path) -> str:
    """Unpack the packages of a revision; return why it is not there, or `""`."""
    try:
        packed = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "--format=tar", revision, "--", *FOLDERS],
            capture_output=True,
            check=False,
        )
    except OSError as error:
        return f"git: {error}"
    if packed.returncode:
        return f"this checkout has no revision {revision}"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return ""


def _jobs(folder: Path, settings: Settings) -> dict[str, Sequence[str]]:
    scale = max(settings.scale, 0.02)
    campaign = folder / "campaign.toml"
    campaign.write_text(CAMPAIGN, encoding="utf-8")
    recording = folder / "session.lmx"
    seconds = f"{40 * scale:g}"
    _call("loopback", "--duration", seconds, "--seed", "1", "--quiet", "--record", str(recording))
    for name in FORMATS[1:]:
        _call("export", str(recording), "--to", str(recording.with_suffix(f".{name}")))
    return {
        "whole session, 10 s": ("session", f"{10 * scale:g}"),
        "whole session, 60 s": ("session", f"{60 * scale:g}"),
        "set-up of a session": ("setup",),
        "campaign case": ("case", str(campaign), str(max(1, round(24 * scale)))),
        "live session, CPU": ("live", f"{max(2.0, 20 * scale):g}"),
        "decode .lmx to lines": ("decode", str(recording)),
        **{
            f"decode .{name}": ("decode", str(recording.with_suffix(f".{name}")), "--quiet", "--stats", "--timing")
            for name in FORMATS
        },
    }


def _call(*words: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(list(words))
    if code:
        raise RuntimeError(f"lensmount {' '.join(words)}: exit code {code}")


def _compare(job: str, words: Sequence[str], other: Path, settings: Settings) -> Row:
    trees = {"now": ROOT, "before": other}

    def cost_ms(name: str, _source: Random) -> float:
        path = os.pathsep.join(str(trees[name] / folder) for folder in FOLDERS)
        done = subprocess.run(
            [sys.executable, str(JOB), *words],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{job} with {trees[name]}: {done.stderr[-400:]}")
        return float(done.stdout) * 1e3

    found = interleaved(trees, cost_ms, settings)
    times = found.ratio("now", "before")
    goal = Goal(f"at least {GOALS[job]:.2f}x", GOALS[job], times)
    return Row(job, found.median("now"), times, goal, values=found.values["now"])
