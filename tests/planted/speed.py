"""Speed of a session with firmware in C, as a ratio to our engine in its place: `make firmware-speed`.

Both run by turns, measured in processor time of the loop after the start-up. The firmware with sanitizers is measured
in a process that has their runtime from the start, against our engine in the process without it. The recordings of all
of them must be equal to the byte.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.firmware.engine import enter_session_process
from lensmount_emulator.firmware.library import SANITIZER_OPTIONS, sanitizer_runtime
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback

BODY = "panasonic-s1r"
WARM_UP_S = 1.5
GOALS = {"firmware": 1.0, "sanitized": 0.5}


def loop(lens: str, seconds: float) -> Callable[[], float]:
    """A session past its start-up; each call runs it on, and returns virtual seconds for a second of the processor."""
    session = make_virtual_session(BODY, lens, script="wait 100000", seed=1)
    session.start()
    session.run(WARM_UP_S)

    def go_on() -> float:
        began = time.process_time_ns()
        session.run(session.now + seconds)
        return seconds * 1e9 / (time.process_time_ns() - began)

    return go_on


def medians(lenses: dict[str, str], rounds: int, seconds: float) -> dict[str, float]:
    loops = {name: loop(lens, seconds) for name, lens in lenses.items()}
    values: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, go_on in loops.items():
            values[name].append(go_on())
    return {name: statistics.median(found) for name, found in values.items()}


def digests(lens: str) -> dict[str, str]:
    """Digests of the recording of one session, run in several ways."""
    found: dict[str, str] = {}
    ways: tuple[tuple[str, Resolution], ...] = (("once", "frame"), ("twice", "frame"), ("by byte", "byte"))
    for name, resolution in ways:
        session = run_loopback(BODY, lens, script="check all; sleep", seed=5, resolution=resolution)
        found[name] = hashlib.sha256(repr(session.records).encode()).hexdigest()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    enter_session_process()
    if arguments.child:
        speed = medians({"sanitized": arguments.child}, arguments.rounds, arguments.seconds)
        same = {f"sanitized, {name}": value for name, value in digests(arguments.child).items()}
        print(json.dumps({"speed": speed, "digests": same}))
        return 0
    with tempfile.TemporaryDirectory() as name:
        source, folder = example_folder() / "lmount_lens.c", Path(name)
        plain = str(build_firmware([source], folder / "plain.so"))
        sanitized = build_firmware([source], folder / "sanitized.so", BuildOptions(sanitize=True))
        ours = str(example_folder() / "lmount_lens.toml")
        found = medians({"engine": ours, "firmware": plain}, arguments.rounds, arguments.seconds)
        preload = {"LD_PRELOAD": sanitizer_runtime(sanitized), "ASAN_OPTIONS": SANITIZER_OPTIONS}
        numbers = ["--rounds", str(arguments.rounds), "--seconds", str(arguments.seconds)]
        command = [sys.executable, "-m", "planted.speed", "--child", str(sanitized), *numbers]
        done = subprocess.run(command, env={**os.environ, **preload}, capture_output=True, text=True, check=True)
        child = json.loads(done.stdout)
        found |= child["speed"]
        recordings = digests(plain) | child["digests"]
    print(f"{'our engine':<12}{found['engine']:>8.0f} virtual seconds for a second of the processor")
    missed = 0
    for name, goal in GOALS.items():
        ratio = found[name] / found["engine"]
        missed += ratio < goal
        print(f"{name:<12}{found[name]:>8.0f}  {ratio:.2f} times our engine; at least {goal:g}")
    equal = sum(value == recordings["once"] for value in recordings.values())
    print(f"recordings  {equal} of {len(recordings)} equal to the byte: {', '.join(recordings)}")
    return 1 if missed or equal < len(recordings) else 0


if __name__ == "__main__":
    sys.exit(main())
