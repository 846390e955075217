"""Clocked mounts: how many times as fast as real time sessions run, and logic captures of them are read."""

import tempfile
import time
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.harness import Goal, Row, Settings, Table, interleaved
from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect, load_dialect

PAIRS = {"fuji-g": ("gfx50r", "gf45"), "mft": ("e-pl1", "bell-lens")}
SESSION_S, CAPTURE_S = 31.0, 8.0
"""Virtual seconds of a session, and of the capture of one."""

LEAST_S = 1.0
"""Seconds after which both mounts have made their start-up."""

SESSION_TIMES, READING_TIMES = 100.0, 20.0


def clocked(settings: Settings) -> list[Table]:
    """Both mounts: sessions without a recording, start-up included, and their `.sr` files, samples to frames."""
    session_s, capture_s = (max(seconds * settings.scale, LEAST_S) for seconds in (SESSION_S, CAPTURE_S))
    with tempfile.TemporaryDirectory() as folder:
        work = {f"{name} session": partial(_play, *pair, session_s) for name, pair in PAIRS.items()}
        for name, pair in PAIRS.items():
            work[f"{name} .sr file"] = partial(_read, load_dialect(name), _capture(Path(folder), *pair, capture_s))

        def worth(name: str, _source: Random) -> float:
            began = time.process_time_ns()
            return work[name]() * 1e9 / (time.process_time_ns() - began)

        found = interleaved(work, worth, settings)
    rows: list[Row] = []
    for name in work:
        limit = SESSION_TIMES if name.endswith("session") else READING_TIMES
        goal = Goal(f"at least {limit:g}x real time", limit, found.median(name))
        rows.append(Row(name, found.median(name), None, goal, values=found.values[name]))
    title = f"sessions of {session_s:g} s, and logic captures of {capture_s:g} s"
    return [Table("clocked", title, "s/CPU s", "", rows)]


def _play(body: str, lens: str, seconds: float) -> float:
    """Play both ends; gives the virtual seconds."""
    session = make_virtual_session(body, lens, seed=1)
    session.start()
    session.run(seconds)
    return seconds


def _capture(folder: Path, body: str, lens: str, seconds: float) -> Path:
    """A logic capture of a session, at the rate that `export` chooses."""
    recording, path = folder / f"{body}.lmx", folder / f"{body}.sr"
    run_loopback(body, lens, script="", seconds=seconds, seed=1).save(recording)
    assert main(["export", str(recording), "--output", str(path), "--quiet"]) == 0
    return path


def _read(dialect: Dialect, path: Path) -> float:
    """Read a capture to its frames; gives the time of the last one, in seconds."""
    frames = [
        event
        for event in Decoder(dialect).decode(open_capture(path, dialect.wiring).records)
        if isinstance(event, DecodedFrame)
    ]
    assert frames
    return frames[-1].end or 0.0
