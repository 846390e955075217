"""Crashes, endless loops, stack overflows and sanitizer reports of a firmware, a thousand each: `make firmware-faults`.

Each session runs in a process of its own. A fault counts if it is the result of its session, with its event, within
half a second of processor time, and if a sound session after all of them gives the recording that it gave before.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lensmount_emulator.cli.options import load_sanitizer
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.firmware.library import runtime_loaded
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.clock import MonotonicClock

FAULTY = Path(__file__).parents[1] / "emulator" / "firmware" / "faulty.c"
KINDS = {
    "crash": (1, False, "crashes: SIGSEGV"),
    "stack overflow": (3, False, "crashes: SIGSEGV"),
    "endless loop": (2, False, "does not return"),
    "end of process": (9, False, "exit code 3"),
    "sanitizer report": (5, True, "breaks a rule of memory"),
}
BODY = "panasonic-s1r"


def build(folder: Path, number: int, *, sanitize: bool) -> str:
    library = folder / f"fault{number}.so"
    if not library.exists():
        build_firmware([FAULTY], library, BuildOptions(sanitize=sanitize, options=(f"-DFAULT={number}", "-O0", "-w")))
    return str(library)


def survives(library: str, text: str) -> bool:
    session = run_loopback(BODY, library, seconds=0.03)
    faults = [notice for notice in session.notices if notice.kind is NoticeKind.FIRMWARE_FAULT]
    return len(faults) == 1 and text in faults[0].text and "event 2 at 0.020000 s" in faults[0].text


MAX_PROCESSOR_S = 0.5
"""Processor time of a session until its fault is its result."""


def attempt(library: str, text: str) -> tuple[bool, float]:
    """Run one session; return whether its fault was survived, and its processor time."""
    before = os.times()
    survived = survives(library, text)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return survived and used <= MAX_PROCESSOR_S, used


def run_kinds(folder: Path, wanted: Sequence[str], times: int, jobs: int, *, sanitize: bool) -> int:
    """Run the kinds of faults with or without a sanitizer; return how many were lost."""
    lens = str(build_firmware([example_folder() / "lmount_lens.c"], folder / "lens.so"))
    before = run_loopback(BODY, lens, script="check focus", seed=1).records
    lost = 0
    for kind, (number, sanitized, text) in KINDS.items():
        if sanitized != sanitize or kind not in wanted:
            continue
        library = build(folder, number, sanitize=sanitized)
        clock = MonotonicClock()
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
            results = list[tuple[bool, float]]()
            for one in pool.map(attempt, [library] * times, [text] * times, chunksize=10):
                results.append(one)
                if len(results) % 100 == 0:
                    # A run that is stopped has shown this much.
                    survived = sum(kept for kept, _ in results)
                    print(f"{kind:<18}{survived:>6} of {len(results)} so far", file=sys.stderr, flush=True)
        survived = sum(one for one, _ in results)
        lost += times - survived
        used = [seconds for _, seconds in results]
        print(
            f"{kind:<18}{survived:>6} of {times} survived; {sum(used) / times * 1e3:.0f} ms of a processor each, "
            f"at most {max(used) * 1e3:.0f} ms; {clock.now():.0f} s in all",
            flush=True,
        )
    same = run_loopback(BODY, lens, script="check focus", seed=1).records == before
    print(f"a sound session after them: {'the same recording' if same else 'ANOTHER recording'}", flush=True)
    return lost + (not same)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--kind", action="append", choices=[*KINDS], help="only this one, so that they run in shares")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--lost", type=int, default=0, help="of the kinds before; for the second half, in its own process"
    )
    arguments = parser.parse_args()
    lost, wanted = arguments.lost, arguments.kind or [*KINDS]
    sanitized = any(KINDS[kind][1] for kind in wanted)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not runtime_loaded():
            lost += run_kinds(folder, wanted, arguments.times, arguments.jobs, sanitize=False)
            if sanitized:
                # The runtime of the sanitizer has to be loaded before Python, and makes each fork slower.
                again = ["--times", str(arguments.times), "--jobs", str(arguments.jobs), "--lost", str(lost)]
                again += [word for kind in wanted for word in ("--kind", kind)]
                load_sanitizer(
                    Path(build(folder, 5, sanitize=True)), [sys.executable, "-m", "planted.endurance", *again]
                )
        if sanitized:
            lost += run_kinds(folder, wanted, arguments.times, arguments.jobs, sanitize=True)
    return 0 if not lost and arguments.times else 1


if __name__ == "__main__":
    sys.exit(main())
