"""Figures of rules: `python -m rules [--frames N]`; 1 where one is missed.

Sessions of the E-mount matrix through an interposer without rules, cost of the engine per frame, and the C export.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lensmount_emulator.campaign.planner import plan_matrix
from lensmount_protocol.dialect import load_dialect
from rules.c_export import compare, size_on_cortex_m0
from rules.corpus import RULES, frames, tables
from rules.sessions import play

MAX_BOUNDS = 5
MAX_FRAME_US = 50.0
MAX_FRAME_RATIO = 8.0
"""The most that the engine takes for a frame: in microseconds, and as a multiple of parsing and building it."""

MAX_SIZE = 1024
ROUNDS = 7


def check_matrix() -> bool:
    """Every session of the matrix without and with an interposer."""
    unequal, most, count = 0, 0, 0
    for cell in plan_matrix("emount").combinations:
        plain, passed = play(cell.body, cell.lens), play(cell.body, cell.lens, "rule way=cut-through")
        equal = passed.frames[0] == passed.frames[1] == plain.frames[0] and passed.finished and not passed.errors
        count, unequal = count + 1, unequal + (not equal)
        broken = {*passed.broken[0]}, {*passed.broken[1]}
        most = max(most, sum(map(len, broken)))
        bounds = "; ".join(", ".join(sorted(one)) or "-" for one in broken)
        print(f"  {cell.body} + {cell.lens}: {len(plain.frames[0])} frames, equal: {equal}; bounds broken: {bounds}")
    print(
        f"matrix: {count} sessions, {unequal} with other frames; a cut-through of a byte breaks at most {most} bounds"
    )
    return not unequal and count > 0 and most <= MAX_BOUNDS


def check_cost(dialect: str, scale: float) -> bool:
    """CPU time of the engine per frame, next to that of parsing and building it; interleaved, the least of rounds.

    Args:
        dialect: the dialect.
        scale: the limit in microseconds is multiplied by it; the limit of the ratio is not.
    """
    declared, missed = load_dialect(dialect), False
    for sender, (engine, _) in tables(dialect).items():
        given = list(frames(dialect, sender, 2000, 3))
        parser, frame_format = declared.payload_parser(), declared.formats[sender]
        least = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            began = time.process_time()
            for raw in given:
                engine.process(sender, raw, 0.0)
            between = time.process_time()
            for raw in given:
                frame = frame_format.parse_header(raw, 0)
                messages = parser.parse(sender, frame.payload)
                declared.build_frame(b"".join([one.build() for one in messages]), frame.class_, frame.sequence)
            ended = time.process_time()
            least = [min(least[0], between - began), min(least[1], ended - between)]
        us, plain_us = (one / len(given) * 1e6 for one in least)
        missed |= us >= scale * MAX_FRAME_US or us >= MAX_FRAME_RATIO * plain_us
        print(
            f"engine, {dialect} {sender.value}: {us:.1f} us a frame, {us / plain_us:.2f} times parsing and building it "
            f"({plain_us:.1f} us); {engine.hits} hits"
        )
    return not missed


def check_export(dialect: str, count: int, folder: Path) -> bool:
    """The C export against the engine, and its size."""
    total, changed, different = compare(dialect, count, folder / dialect)
    print(f"C export, {dialect}: {total} frames, {changed} changed, {different} other than the engine's")
    return different == 0 and changed > 0


def check_size(dialect: str, folder: Path) -> bool:
    """The size of two rules in C."""
    size = size_on_cortex_m0(dialect, folder / f"{dialect}-m0")
    print(f"C export, {dialect}: {size} bytes on a Cortex-M0+ with two rules")
    return size < MAX_SIZE


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m rules", description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000, help="frames of each dialect (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="on the limit of time (default: %(default)s)")
    arguments = parser.parse_args()
    good = check_matrix()
    for dialect in RULES:
        good &= check_cost(dialect, arguments.scale)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        checks: dict[str, Callable[[str], bool]] = {
            "gcc": lambda dialect: check_export(dialect, arguments.frames, place),
            "arm-none-eabi-gcc": lambda dialect: check_size(dialect, place),
        }
        for compiler, check in checks.items():
            if shutil.which(compiler) is None:
                print(f"NOT CHECKED: the C export of rules by {compiler}, which is missing")
                continue
            for dialect in RULES:
                good &= check(dialect)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
