"""`python -m guard_scan STREAMS`: many streams against the send guard, and what an independent scanner finds after it.

Most streams are writes of their own. A share goes through a relay with a rule, where what a device sent itself must go
on; one through a firmware in C, where a compiler is there; and one is what a twin with forbidden frames in its fields
sends.

Prints how many streams there were, how many forbidden frames they held, how many of them passed, and how many frames of
ordinary sessions passed. Exits 1 if a forbidden frame passed, if an ordinary one did not, or if a sender of the plan
sent nothing. Without a compiler it says that no firmware was tried.
"""

import argparse
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from random import Random

from guard_scan.rule_streams import RuleStreams
from guard_scan.scanner import EMOUNT, LMOUNT, Rules, read_rules, scan
from guard_scan.senders import ECHO, FirmwareSender, RelaySender, hostile_twin, made_payloads, twin_writes
from guard_scan.streams import RATES, Step, Streams
from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, find_compiler
from lensmount_emulator.fuzz.device.generator import WRONG, apply_byte_fault
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.send_guard import SendGuard
from lensmount_emulator.twin.make import TwinRequest, make_twin
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import FirmwareError
from lensmount_protocol.wire import Burst, Role

SHARE = 250
"""Streams that one gate sees in a row, as one run on a port does."""

MIN_GOES_ON = 0.98
"""Share of a device's own forbidden frames that must go on; one that would complete a frame of a rule's must not."""

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
        made: forbidden frames that rules made of frames without one, had no guard decided.
        as_came: forbidden frames of a device itself that came to a relay.
        went_on: those that went on.
        by_firmware: writes of a firmware.
        not_built: streams that no firmware sent, since no compiler is there.
        by_twin: writes of a twin.
    """

    streams: int = 0
    offered: int = 0
    passed: int = 0
    written: int = 0
    let_through: int = 0
    made: int = 0
    as_came: int = 0
    went_on: int = 0
    by_firmware: int = 0
    not_built: int = 0
    by_twin: int = 0

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


def scan_rules(mount: str, role: Role, seed: int, count: int, guarded: bool) -> Figures:
    """Have a relay pass on what only a rule makes dangerous, and what a device itself sends."""
    rules, random = read_rules(mount, role.value), Random(seed)
    streams, relay = RuleStreams(rules, role.value, random), RelaySender(mount, role, guarded=guarded)
    figures, came, went = Figures(), bytearray(), bytearray()
    for _ in range(count):
        stream = streams.stream()
        relay.changes = stream.changes
        forbidden = streams.streams.forbidden()
        # A byte that begins no frame ends what the stream before may have left open by one byte.
        parts = stream.data, b"\0", forbidden
        out = [relay.pass_on(streams.streams.cut(part)) for part in parts]
        came += b"".join(parts)
        went += b"".join(out)
        figures.streams += 1
        figures.made += made_payloads(rules, stream.data, stream.becomes)
        figures.as_came += 1
        figures.went_on += out[-1] == forbidden
        figures.let_through += sum(map(len, out))
        figures.written += sum(map(len, parts))
    figures.offered = figures.made
    figures.passed = made_payloads(rules, bytes(came), bytes(went))
    return figures


def work_folder() -> Path:
    """A folder of this process alone, which goes when the process ends."""
    return _folder_of(os.getpid())


@cache
def _folder_of(process: int) -> Path:
    # A process that was forked has the cache of its parent, and none of its finalizers.
    place = Path(tempfile.mkdtemp(prefix=f"guard_scan_{process}_"))
    Finalize(None, shutil.rmtree, args=(place, True), exitpriority=0)
    return place


@cache
def echo_library(mount: str, role: Role) -> Path | None:
    """The firmware that sends what it gets, built once per process; `None` without a compiler."""
    try:
        find_compiler()
    except FirmwareError:
        return None
    source = work_folder() / f"{mount}-{role.value}.c"
    source.write_text(ECHO, encoding="utf-8")
    options = (f'-DMOUNT="{mount}"', f"-DROLE=LM_{role.name}")
    return build_firmware([source], source.with_suffix(".so"), BuildOptions(options=options), overwrite=True)


def scan_firmware(mount: str, role: Role, seed: int, count: int, guarded: bool) -> Figures:
    """The same as `scan_share` with a firmware in C that sends the bytes, in writes of its own."""
    library = echo_library(mount, role)
    if library is None:
        return Figures(not_built=count)
    sender, rules, random = FirmwareSender(library, role), read_rules(mount, role.value), Random(seed)
    gate, streams = SendGuard(load_dialect(mount), role), Streams(rules, random)
    figures, passed = Figures(), bytearray()
    for _ in range(count):
        data = b"".join(step for step in streams.stream() if isinstance(step, bytes))
        figures.streams += 1
        figures.written += len(data)
        figures.offered += len(scan(rules, data))
        for write in sender.writes(data):
            figures.by_firmware += 1
            if not guarded or gate.check(write) is None:
                passed += write
    figures.let_through, figures.passed = len(passed), len(scan(rules, bytes(passed)))
    return figures


@cache
def twin_text() -> str:
    """The profile of a twin of a lens, made once per process."""
    capture = run_loopback("a6000", "sel55210", script="wait 0.5; aperture f/8; sleep", seed=1)
    path = capture.save(work_folder() / "twin.lmx", overwrite=True)
    return make_twin(TwinRequest([path], Place.LENS, train="100%")).profile


def scan_twin(seed: int, count: int, guarded: bool) -> Figures:
    """What twins of an E-mount lens send, with forbidden frames in the fields of their profiles."""
    rules, random = read_rules(EMOUNT, Role.LENS.value), Random(seed)
    streams, figures, offered, passed = Streams(rules, random), Figures(), bytearray(), bytearray()
    gate, path = SendGuard(load_dialect(EMOUNT), Role.LENS), work_folder() / "twin.toml"
    while figures.streams < count:
        types = [random.choice(sorted(rules.dangerous)) for _ in range(8)]
        forbidden = [streams.frame(bytes((type_,)) + random.randbytes(random.randrange(60))) for type_ in types]
        path.write_text(hostile_twin(twin_text(), forbidden, random), encoding="utf-8")
        for write in twin_writes(path, "a6000", random.randrange(1 << 16)):
            figures.streams += 1
            figures.by_twin += 1
            offered += write
            if not guarded or gate.check(write) is None:
                passed += write
    figures.written, figures.let_through = len(offered), len(passed)
    figures.offered, figures.passed = len(scan(rules, bytes(offered))), len(scan(rules, bytes(passed)))
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


SENDERS = ("writes", "rules", "writes", "firmware", "writes", "rules", "writes", "twin")
"""The sender of a share at all four ends, one share after another; twins are lenses of the E-mount only."""

Part = tuple[str, str, Role, int, int]
"""Sender, mount, role, seed, streams."""


def shares(count: int, seed: int) -> Iterator[Part]:
    """The work in parts."""
    ends = [(mount, role) for mount in (EMOUNT, LMOUNT) for role in Role]
    for index, number in enumerate(range(0, count, SHARE)):
        mount, role = ends[index % len(ends)]
        sender = SENDERS[index // len(ends) % len(SENDERS)]
        if sender == "twin" and (mount, role) != (EMOUNT, Role.LENS):
            sender = "writes"
        yield sender, mount, role, seed * 1_000_003 + number, min(SHARE, count - number)


def scan_part(part: Part, guarded: bool) -> Figures:
    """Do a part of the work."""
    sender, mount, role, seed, count = part
    if sender == "twin":
        return scan_twin(seed, count, guarded)
    scans = {"writes": scan_share, "rules": scan_rules, "firmware": scan_firmware}
    return scans[sender](mount, role, seed, count, guarded)


def scan_parts(parts: Iterable[Part], jobs: int, *, guarded: bool = True) -> Figures:
    """Do parts of the work, `jobs` processes at a time."""
    figures = Figures()
    if jobs == 1:
        for part in parts:
            figures.add(scan_part(part, guarded))
        return figures
    with ProcessPoolExecutor(jobs) as pool:
        for one in pool.map(scan_part, parts, itertools.repeat(guarded), chunksize=4):
            figures.add(one)
    return figures


def missing(figures: Figures, planned: Iterable[str]) -> list[str]:
    """The senders of the plan that sent nothing; a firmware that no compiler could build is reported apart."""
    sent = {
        "writes": figures.offered,
        "rules": min(figures.made, figures.as_came),
        "firmware": figures.by_firmware or figures.not_built,
        "twin": figures.by_twin,
    }
    return sorted(sender for sender in set(planned) if not sent[sender])


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
    parts = list(shares(arguments.streams, arguments.seed))
    figures = scan_parts(parts, arguments.jobs, guarded=not arguments.without_guard)
    total, through = ordinary_frames()
    print(f"streams                     {figures.streams:>12}")
    print(f"bytes offered               {figures.written:>12}")
    print(f"bytes passed                {figures.let_through:>12}")
    print(f"forbidden messages offered  {figures.offered:>12}")
    print(f"of these, made by rules     {figures.made:>12}")
    print(f"forbidden messages passed   {figures.passed:>12}")
    print(f"forbidden, sent by a device {figures.as_came:>12}")
    print(f"of these, went on           {figures.went_on:>12}")
    print(f"writes of a firmware        {figures.by_firmware:>12}")
    print(f"writes of a twin            {figures.by_twin:>12}")
    print(f"ordinary frames             {total:>12}")
    print(f"ordinary frames passed      {through:>12}")
    if figures.not_built:
        print(f"NOT CHECKED: {figures.not_built} streams of a firmware, since no C compiler was found", file=sys.stderr)
    silent = missing(figures, [part[0] for part in parts])
    if silent:
        print(f"sent nothing, so not checked: {', '.join(silent)}", file=sys.stderr)
    tried = not silent and figures.offered > figures.streams // 4 > 0 and figures.let_through > 0 and total > 0
    went_on = figures.went_on >= figures.as_came * MIN_GOES_ON
    return 0 if tried and went_on and not figures.passed and through == total else 1


if __name__ == "__main__":
    sys.exit(main())
