"""Logic captures: our whole `decode` command and its parts in process, beside sigrok's UART decoder; and the bytes."""

import configparser
import re
import shutil
import statistics
import tempfile
import time
import zipfile
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks import synthetic
from benchmarks.harness import Goal, Row, Settings, Table, interleaved
from benchmarks.processes import ROOT, lensmount, run
from benchmarks.tables import OURS, absent
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.logic_analyser import uart
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.wire import Burst, Role

CAPTURES = ROOT.parent / "shared" / "captures" / "e-mount"
BAUDRATE = 1_500_000
"""sigrok's decoder has one rate in a run; what was sent at another is noise to it."""

COMMAND_TIMES, PROCESS_TIMES = 15.0, 100.0
SIGROK = "sigrok-cli -P uart"
IN_PROCESS = "ours in process, samples to bytes"
READING = "ours in process, from the file"
CHUNK = 4 * 1024 * 1024
"""Samples at a time: what stays near the processor is compared faster."""

SYNTHETIC_FRAMES = 600
DATA_FOLLOWS_BITS = 1
"""sigrok tells where the data bits begin; we tell where the start bit does."""


def sr(settings: Settings) -> list[Table]:
    """One capture, every way."""
    with _capture(settings) as (path, kind):
        decoder = _sigrok(path)
        commands = {OURS: lensmount("decode", "--quiet", "--stats", str(path))}
        if decoder is not None:
            commands[SIGROK] = decoder
        inside = {READING: lambda: _read(path)}
        samples = _samples(path)
        inside[IN_PROCESS] = lambda: _decode(*samples)

        def cost_ms(name: str, _source: Random) -> float:
            if name in commands:
                return run(commands[name]).cpu * 1e3
            began = time.process_time_ns()
            inside[name]()
            return (time.process_time_ns() - began) / 1e6

        found = interleaved([*commands, *inside], cost_ms, settings)
        notes = [_what(kind, samples)]
        same = total = 0
        if decoder is not None:
            same, total = _compared(path, samples[2])
    rows: list[Row] = []
    baseline = SIGROK if decoder is not None else ""
    goals = {OURS: COMMAND_TIMES, IN_PROCESS: PROCESS_TIMES}
    for name in sorted(found.values, key=lambda name: statistics.median(found.values[name])):
        ratio = found.ratio(name, SIGROK) if baseline else None
        limit = goals.get(name)
        goal = Goal(f"at least {limit:g}x sigrok", limit, ratio) if limit is not None and ratio is not None else None
        rows.append(Row(name, found.median(name), ratio, goal, values=found.values[name]))
    if decoder is None:
        rows.append(absent(SIGROK))
    else:
        told = f"{same} of our {total} bytes at {BAUDRATE} baud are sigrok's too, at the same place"
        rows.append(Row("bytes", None, None, Goal("all the same", 1.0, same / total), told))
    return [Table("sr", f"{path.name} to bytes and frames", "ms of CPU", baseline, rows, notes)]


@contextmanager
def _capture(settings: Settings) -> Iterator[tuple[Path, str]]:
    """A real capture where there are some, else one that is made for this."""
    real = sorted(CAPTURES.glob("*.sr"), key=lambda path: path.stat().st_size)
    if real and settings.scale >= 0.1:
        yield real[-1], "a real capture"
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "synthetic.sr"
        synthetic.write_samples(path, settings.count(SYNTHETIC_FRAMES, 20), settings.seed)
        yield path, "a synthetic capture"


def _sigrok(path: Path, shown: str = "rx-data:tx-data") -> list[str] | None:
    if shutil.which("sigrok-cli") is None:
        return None
    lines = f"rx={_name(Role.LENS)}:tx={_name(Role.BODY)}"
    options = ["-P", f"uart:{lines}:baudrate={BAUDRATE}", "-A", f"uart={shown}"]
    return ["sigrok-cli", "-i", str(path), *options, "--protocol-decoder-samplenum"]


def _name(sender: Role) -> str:
    return EMOUNT.serial_line(sender)


def _read(path: Path) -> list[Burst]:
    return [record for record in open_capture(path, EMOUNT.wiring).records if isinstance(record, Burst)]


def _samples(path: Path) -> tuple[Any, dict[str, int], float]:
    """All samples of a capture of up to eight channels, the bit of each line, and the rate."""
    metadata = configparser.ConfigParser(interpolation=None)
    with zipfile.ZipFile(path) as archive:
        metadata.read_string(archive.read("metadata").decode())
        names = [name for name in archive.namelist() if name.startswith("logic-1")]
        names.sort(key=lambda name: int(name.rpartition("-")[2]))
        data = b"".join(archive.read(name) for name in names)
    device = metadata["device 1"]
    probes = {value: int(key.removeprefix("probe")) - 1 for key, value in device.items() if key.startswith("probe")}
    rate = float(re.sub(r"\s*MHz", "e6", device["samplerate"]))
    bits: dict[str, int] = {}
    for line in EMOUNT.wiring.serial:
        for name in (line.name, line.select):
            spelled = [probe for probe in probes if probe in (name, f"{name}_BODY", f"{name}_LENS")]
            if spelled:
                bits[name] = probes[spelled[0]]
    return np.frombuffer(data, np.uint8), bits, rate


def _decode(samples: Any, bits: dict[str, int], rate: float) -> list[Any]:
    """Samples to bytes: the edges of each line, then its characters."""
    mask = np.uint8(sum(1 << bit for bit in bits.values()))
    before = int(samples[0] & mask)
    edges = []
    for first in range(0, len(samples), CHUNK):
        port = samples[first : first + CHUNK] & mask
        edges.append(uart.transitions(port, before, first))
        before = int(port[-1])
    at = np.concatenate([where for where, _ in edges])
    became = np.concatenate([samples[:1] & mask, *(value for _, value in edges)])
    lines: dict[str, uart.LogicLine] = {}
    for name, bit in bits.items():
        levels = became >> bit & 1
        lines[name] = uart.LogicLine(bool(levels[0]), at[levels[1:] != levels[:-1]], len(samples))
    found: list[Any] = []
    for line in EMOUNT.wiring.serial:
        found += uart.decode_uart(lines[line.name], lines.get(line.select), line, EMOUNT.wiring, rate)
    return found


def _what(kind: str, samples: tuple[Any, dict[str, int], float]) -> str:
    port, _, rate = samples
    return f"{kind}: {len(port)} samples at {rate / 1e6:g} MHz, {len(port) / rate:.2f} s"


def _compared(path: Path, rate: float) -> tuple[int, int]:
    """How many of our bytes at sigrok's one rate are sigrok's as well, at the same place, and of how many."""
    same = total = 0
    for sender, kind in ((Role.LENS, "rx"), (Role.BODY, "tx")):
        command = _sigrok(path, f"{kind}-data")
        assert command is not None
        printed = run(command).out.decode()
        found = re.findall(r"^(\d+)-\d+ \S+: (..)$", printed, re.MULTILINE)
        theirs = [(int(at), int(value, 16)) for at, value in found]
        ours = [
            (round((burst.byte_at(index) or 0.0) * rate), value)
            for burst in _read(path)
            if burst.sender is sender and burst.baudrate == BAUDRATE
            for index, value in enumerate(burst.data)
        ]
        same += _same(ours, theirs, rate)
        total += len(ours)
    return same, total


def _same(ours: list[tuple[int, int]], theirs: list[tuple[int, int]], rate: float) -> int:
    """Bytes of ours that they have, within half a character."""
    bit = rate / BAUDRATE
    places = [at - DATA_FOLLOWS_BITS * bit for at, _ in theirs]
    same = 0
    for at, value in ours:
        index = bisect_left(places, at - 5 * bit)
        same += index < len(places) and places[index] < at + 5 * bit and theirs[index][1] == value
    return same
