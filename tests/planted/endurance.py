"""Crashes, endless loops, stack overflows and sanitizer reports of a firmware, a thousand each: `make firmware-faults`.

Each session runs in a process of its own. A fault counts if it is the result of its session, with its event and a C
frame, and if a sound session after all of them gives the recording that it gave before.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
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


def count(attempts: int, attempt: Callable[[], bool]) -> tuple[int, float]:
    clock = MonotonicClock()
    survived = sum(attempt() for _ in range(attempts))
    return survived, clock.now()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sanitized = build(folder, 5, sanitize=True)
        if not runtime_loaded():
            load_sanitizer(Path(sanitized), [sys.executable, "-m", "planted.endurance", *sys.argv[1:]])
        lens = str(build_firmware([example_folder() / "lmount_lens.c"], folder / "lens.so"))
        before = run_loopback(BODY, lens, script="check focus", seed=1).records
        lost = 0
        for kind, (number, sanitize, text) in KINDS.items():
            library = build(folder, number, sanitize=sanitize)
            survived, seconds = count(arguments.times, lambda library=library, text=text: survives(library, text))
            lost += arguments.times - survived
            print(
                f"{kind:<18}{survived:>6} of {arguments.times} survived, {seconds / arguments.times * 1e3:.0f} ms each"
            )
        same = run_loopback(BODY, lens, script="check focus", seed=1).records == before
        print(f"a sound session after them: {'the same recording' if same else 'ANOTHER recording'}")
    return 0 if not lost and same and arguments.times else 1


if __name__ == "__main__":
    sys.exit(main())
