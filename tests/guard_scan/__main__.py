"""`python -m guard_scan STREAMS`: many streams against the send guard, and what an independent scanner finds after it.

Prints how many streams there were, how many forbidden frames they held, how many of them passed, and how many frames of
ordinary sessions passed. Exits 1 if a forbidden frame passed, if an ordinary one did not, or if nothing was tried.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from random import Random

from guard_scan.scanner import EMOUNT, LMOUNT, Rules, read_rules, scan
from guard_scan.streams import RATES, Step, Streams
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS
from lensmount_emulator.fuzz.device.generator import WRONG, apply_byte_fault
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.send_guard import SendGuard
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Role

SHARE = 250
"""Streams that one gate sees in a row, as one run on a port does."""

FAULTS_EVERY = 20
"""One stream in so many goes through a fault of the project first."""

SESSIONS = (("a6000", "sel55210"), ("nex7", "viltrox-ef50"), ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn"))


@dataclass
class Figures:
    """What a scan came to, in counts.

    Attributes:
        streams: streams that were offered.
        offered: forbidden frames in them.
        passed: forbidden frames in what passed.
        written: bytes that were offered.
        let_through: bytes that passed.
    """

    streams: int = 0
    offered: int = 0
    passed: int = 0
    written: int = 0
    let_through: int = 0

    def add(self, other: "Figures") -> None:
        """Add the counts of another part."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def received(steps: Sequence[Step], rates: Sequence[int]) -> Iterator[bytes]:
    """What receivers get that listen at some of the rates only, each once; `steps` begin with a rate."""
    for count in range(1, len(rates) + 1):
        for some in itertools.combinations(rates, count):
            data, rate = bytearray(), 0
            for step in steps:
                if isinstance(step, int):
                    rate = step
                elif rate in some:
                    data += step
            yield bytes(data)


def scan_steps(rules: Rules, steps: Sequence[Step]) -> int:
    """Forbidden messages in what any receiver gets."""
    rates = sorted({step for step in steps if isinstance(step, int)})
    return sum(len(scan(rules, data)) for data in set(received(steps, rates)) if data)


def scan_share(mount: str, role: Role, seed: int, count: int, guarded: bool) -> Figures:
    """Offer `count` streams to one gate, and scan what passed."""
    dialect, rules, random = load_dialect(mount), read_rules(mount, role.value), Random(seed)
    gate, streams, first = SendGuard(dialect, role), Streams(rules, random), RATES[mount][0]
    figures, passed = Figures(), list[Step]([first])
    for number in range(count):
        steps = streams.stream()
        if number % FAULTS_EVERY == 0:
            fault = random.choice([one for one in BUILT_IN_FAULTS if one in WRONG])
            steps = [piece.data for piece in apply_byte_fault(fault, streams.forbidden(), dialect, role, random)]
        figures.streams += 1
        figures.offered += scan_steps(rules, [first, *steps])
        for step in steps:
            if isinstance(step, int):
                if not guarded or gate.check_baudrate(step) is None:
                    passed.append(step)
                continue
            figures.written += len(step)
            if not guarded or gate.check(step, untrusted=random.random() < 0.5) is None:
                figures.let_through += len(step)
                passed.append(step)
    figures.passed = scan_steps(rules, passed)
    return figures


def ordinary_frames() -> tuple[int, int]:
    """Writes of whole ordinary sessions, and how many of them passed."""
    total = passed = 0
    for body, lens in SESSIONS:
        session = run_loopback(body, lens, script="wait 1; aperture f/8; wait 1; sleep", seed=1)
        for role in Role:
            gate = SendGuard(session.dialect, role)
            for record in session.records:
                if isinstance(record, Burst) and record.sender is role:
                    total += 1
                    passed += gate.check(record.data) is None
    return total, passed


def shares(count: int, seed: int) -> Iterator[tuple[str, Role, int, int]]:
    """The work in parts: mount, role, seed, streams."""
    ends = itertools.cycle((mount, role) for mount in (EMOUNT, LMOUNT) for role in Role)
    for number, (mount, role) in zip(range(0, count, SHARE), ends, strict=False):
        yield mount, role, seed * 1_000_003 + number, min(SHARE, count - number)


def scan_all(count: int, seed: int, jobs: int, *, guarded: bool = True) -> Figures:
    """Offer `count` streams to gates, `jobs` processes at a time."""
    figures = Figures()
    if jobs == 1:
        for part in shares(count, seed):
            figures.add(scan_share(*part, guarded))
        return figures
    with ProcessPoolExecutor(jobs) as pool:
        for one in pool.map(_scan_part, ((*part, guarded) for part in shares(count, seed)), chunksize=4):
            figures.add(one)
    return figures


def _scan_part(part: tuple[str, Role, int, int, bool]) -> Figures:
    return scan_share(*part)


def main(words: Sequence[str] | None = None) -> int:
    """Scan, print the figures, and give the exit code."""
    parser = argparse.ArgumentParser(prog="guard_scan", description=__doc__)
    parser.add_argument("streams", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--without-guard", action="store_true", help="let everything pass: the scanner must notice")
    arguments = parser.parse_args(words)
    if arguments.streams < 1:
        print("no streams, so nothing was tried; give a count from 1 on", file=sys.stderr)
        return 1
    figures = scan_all(arguments.streams, arguments.seed, arguments.jobs, guarded=not arguments.without_guard)
    total, through = ordinary_frames()
    print(f"streams                     {figures.streams:>12}")
    print(f"bytes offered               {figures.written:>12}")
    print(f"bytes passed                {figures.let_through:>12}")
    print(f"forbidden messages offered  {figures.offered:>12}")
    print(f"forbidden messages passed   {figures.passed:>12}")
    print(f"ordinary frames             {total:>12}")
    print(f"ordinary frames passed      {through:>12}")
    tried = figures.offered > figures.streams // 4 > 0 and figures.let_through > 0 and total > 0
    return 0 if tried and not figures.passed and through == total else 1


if __name__ == "__main__":
    sys.exit(main())
