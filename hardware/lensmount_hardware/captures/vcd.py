"""Value Change Dumps, `.vcd`, of logic analysers and simulators: wires of one bit, with names mapped to lines.

Format: IEEE 1364-2005, clause 18. Buses, numbers and texts are left out.
"""

import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import Capture, Progress, blocks_of, silent
from lensmount_hardware.captures.logic import SAMPLES_PER_BIT, probes_of, records_of_lines
from lensmount_hardware.captures.uart import LogicLine
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring

_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15}
_TIMESCALE = re.compile(r"(1|10|100)\s*([munpf]?s)")

_TIDY = 8
"""Part of a bit by which a byte may come early or late, where the file itself is no finer."""

_LONGEST_TIME = 1 << 62


@dataclass(slots=True)
class _Wire:
    """The changes of one wire: steps, and whether it is high behind the last of them."""

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    initial: bool = False
    level: bool = False
    known: bool = False

    def take(self, at: int, level: bool) -> None:
        """Its level from a step on; the first word about it says how it was before, too."""
        if not self.known:
            self.known, self.initial, self.level = True, level, level
        elif level is not self.level:
            self.level = level
            if self.steps and self.steps[-1] == at:
                self.steps.pop()
            else:
                self.steps.append(at)


@dataclass(slots=True)
class _Dump:
    """What has been read: steps a second, the wires by code, the codes by name, and where it ends."""

    rate: float = 0.0
    wires: dict[bytes, _Wire] = field(default_factory=lambda: dict[bytes, _Wire]())
    names: dict[str, bytes] = field(default_factory=lambda: dict[str, bytes]())
    now: int = 0
    remarks: list[Remark] = field(default_factory=lambda: list[Remark]())


def read_vcd(
    path: Path, wiring: Wiring, channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a `.vcd` file; where it is cut or damaged, what is in front of that is read.

    Args:
        path: the file.
        wiring: the mount's lines and rates.
        channels: line -> wire, by name or number from 0, for files whose wires have other names.
        progress: told how far the file has been read.

    Raises:
        CaptureError: cut inside its header, no timescale, too coarse for the mount, or without its serial lines.
    """
    dump = _Dump()
    words = _words(path, dump, progress)
    _read_header(path, dump, words)
    codes = list(dump.names.values())
    numbers = {name: codes.index(code) for name, code in dump.names.items()}
    probes = probes_of(path, numbers, len(codes), wiring, channels or {})
    needed = SAMPLES_PER_BIT * wiring.baudrates[-1]
    if dump.rate < needed:
        raise CaptureError(
            f"{path}: steps of {1e9 / dump.rate:g} ns are too coarse for {wiring.baudrates[-1]} baud; "
            f"{1e9 / needed:.0f} ns or finer are needed"
        )
    dump.wires = {codes[number]: _Wire() for number in probes.values()}
    _read_changes(dump, words)
    # A wire that is never said to have a level is one that nobody connected.
    wires = {line: dump.wires[codes[number]] for line, number in probes.items()}
    lines = {line: _logic_line(wire, dump.now + 1) for line, wire in wires.items()}
    jitter = _jitter(lines, dump.rate, wiring)

    def records() -> Iterator[Record]:
        yield from records_of_lines(lines, wiring, dump.rate, jitter)
        yield from dump.remarks

    return Capture(path, "vcd", records(), lambda: tuple(lines), resolution=1 / dump.rate)


def _logic_line(wire: _Wire, length: int) -> LogicLine:
    return LogicLine(wire.initial, np.frombuffer(wire.steps, np.int64) if wire.steps else np.empty(0, np.int64), length)


def _words(path: Path, dump: _Dump, progress: Progress) -> Iterator[bytes]:
    """The words of the file; of a last line without its end nobody knows whether it is whole, so it is left out."""
    for block in blocks_of(path, progress):
        if block.endswith(b"\n"):
            yield from block.split()
        else:
            lost = len(block)
            dump.remarks.append(
                Remark(None, f"the capture was cut inside a line; the last {lost} bytes are lost", True)
            )


def _read_header(path: Path, dump: _Dump, words: Iterator[bytes]) -> None:
    """Everything in front of the changes; a name that is there already gets its scopes in front."""
    scopes: list[str] = []
    for word in words:
        if word == b"$enddefinitions":
            if not dump.rate:
                raise CaptureError(f"{path}: a value change dump without a timescale")
            return
        if not word.startswith(b"$") or word == b"$end":
            continue
        inside = list(_until_end(words))
        if word == b"$timescale":
            dump.rate = _steps_a_second(path, inside)
        elif word == b"$scope":
            scopes.append(_text(inside[-1]) if inside else "")
        elif word == b"$upscope" and scopes:
            scopes.pop()
        elif word == b"$var" and len(inside) >= 4 and inside[1] == b"1":
            name = _text(inside[3])
            dump.names.setdefault(name if name not in dump.names else ".".join((*scopes, name)), inside[2])
    raise CaptureError(f"{path}: cut inside its header; it holds nothing")


def _until_end(words: Iterator[bytes]) -> Iterator[bytes]:
    for word in words:
        if word == b"$end":
            return
        yield word


def _steps_a_second(path: Path, words: list[bytes]) -> float:
    told = _text(b" ".join(words))
    match = _TIMESCALE.fullmatch(told)
    if match is None:
        raise CaptureError(f"{path}: timescale {told!r}; legal are 1, 10 or 100 of {', '.join(_UNITS)}")
    return _UNITS[match[2]] / int(match[1])


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")


_HIGH = {ord("1"): True, ord("0"): False}
_UNCERTAIN = b"xXzZ"


def _read_changes(dump: _Dump, words: Iterator[bytes]) -> None:
    """Every change of the wires that we want; `x` and `z` leave a wire as it is."""
    wires = dump.wires
    for word in words:
        first = word[0]
        level = _HIGH.get(first)
        if level is not None:
            wire = wires.get(word[1:])
            if wire is not None:
                wire.take(dump.now, level)
        elif first == ord("#"):
            if not _take_time(dump, word):
                return
        elif first in b"bBrRsS":
            # A bus, a number or a text, which has its code behind a space.
            next(words, b"")
        elif word == b"$comment":
            for _ in _until_end(words):
                pass
        elif first not in _UNCERTAIN and first != ord("$"):
            what = _text(word[:24])
            dump.remarks.append(Remark(None, f"no change of a wire: {what!r}; nothing is read from there on", True))
            return


def _take_time(dump: _Dump, word: bytes) -> bool:
    """Whether a word says a time that can follow the last one."""
    told = int(word[1:]) if word[1:].isdigit() and len(word) < 21 else -1
    if not dump.now <= told < _LONGEST_TIME:
        what = _text(word[:24])
        dump.remarks.append(Remark(None, f"a time of {what!r} behind {dump.now}; nothing is read from there on", True))
        return False
    dump.now = told
    return True


def _jitter(lines: Mapping[str, LogicLine], rate: float, wiring: Wiring) -> float:
    """Steps by which bytes may be off an even pace: what lies between the closest two changes, at most a part of a bit.

    A dump of sampled lines has all its changes where samples were, whatever its timescale.
    """
    changes = np.unique(np.concatenate([line.edges for line in lines.values()]))
    closest = int(np.diff(changes).min()) if len(changes) > 1 else 1
    return max(1.0, min(float(closest), rate / wiring.baudrates[-1] / _TIDY))
