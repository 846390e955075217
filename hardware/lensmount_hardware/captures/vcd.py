"""Value Change Dumps, `.vcd`, of logic analysers and simulators: every bit of every variable can carry a line.

Format: IEEE 1364-2005, clause 18, and its extended form, clause 18.3. `x` and `z` leave a bit at its last level; a bit
that first becomes 0 or 1 later had that level from the start. Real numbers, texts and events have no levels.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lensmount_hardware.captures.bit_changes import BitChanges
from lensmount_hardware.captures.capture import Capture, MissingRateError, Progress, silent
from lensmount_hardware.captures.channel_choice import pick_channels, settle_channels
from lensmount_hardware.captures.channels import ChannelTable
from lensmount_hardware.captures.limits import check_edges
from lensmount_hardware.captures.logic import (
    SAMPLES_PER_BIT,
    pace_jitter,
    pick_rate,
    records_of_lines,
    with_remarks,
)
from lensmount_hardware.captures.vcd_header import Header, read_header
from lensmount_hardware.captures.vcd_words import Words
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark, Wiring

_MAX_TIME = 1 << 62
_FINEST = 1e15
"""Steps a second of the finest times: femtoseconds, as the format's finest timescale."""

_HIGH = {ord("1"): True, ord("0"): False}
_UNCERTAIN = b"xXzZ"
_LEVELS = {**_HIGH, **dict.fromkeys(b"hH", True), **dict.fromkeys(b"lL", False), **dict.fromkeys(b"xXzZuUwW-", None)}
"""Every state of a bit; those of VHDL beside the format's own four."""

_STATES = bytes(_LEVELS)
_PORT_STATES = bytes.maketrans(b"DULHNZTdulhX?01FAaBbCcf", b"01" * 2 + b"xxx" + b"01" * 2 + b"xx" + b"01" + b"x" * 8)
"""States of the ports of an extended dump: driven low and high from either side; the others have no level."""

_OFF, _ON = frozenset((b"$dumpoff", b"$dumpportsoff")), frozenset((b"$dumpon", b"$dumpportson"))
_MARKERS = _OFF | _ON | {b"$dumpvars", b"$dumpall", b"$dumpports", b"$dumpportsall", b"$end"}
_DECLARATIONS = frozenset((b"$var", b"$scope", b"$timescale", b"$enddefinitions"))


@dataclass(slots=True)
class _Changes:
    """What has been read behind the header.

    Attributes:
        words: the words of the file.
        rate: steps a second, as far as the times that were read need them.
        codes: all that are declared.
        bits: code -> the places of its bits that are wanted, counted from the lowest, each with its changes.
        single: code -> the changes of its lowest bit, where no other one is wanted.
        now: the step of the last time.
        scale: steps in one unit of the file's times; more than one where these have fractions.
        off: the step from which on the dump was off.
        strangers: changes of codes that are not declared.
        remarks: what is to be said of the file.
    """

    words: Words
    rate: float
    codes: set[bytes]
    bits: dict[bytes, list[tuple[int, BitChanges]]]
    single: dict[bytes, BitChanges] = field(default_factory=lambda: dict[bytes, BitChanges]())
    now: int = 0
    scale: int = 1
    off: int | None = None
    strangers: int = 0
    remarks: list[Remark] = field(default_factory=lambda: list[Remark]())

    def __post_init__(self) -> None:
        self.single = {code: bits[0][1] for code, bits in self.bits.items() if len(bits) == 1 and bits[0][0] == 0}


def read_vcd(
    path: Path,
    wiring: Wiring,
    channels: Mapping[str, str] | None = None,
    progress: Progress = silent,
    samplerate: float | None = None,
) -> Capture:
    """Open a `.vcd` file; where it is cut or damaged, what stands in front of that is read.

    Args:
        path: the file.
        wiring: the mount's lines and rates.
        channels: line -> variable or bit, by name, full name or number, for files whose variables have other names.
        progress: called with the fraction of the file that has been read.
        samplerate: steps a second, for a file without a timescale; another one than the file's replaces it.

    Raises:
        CaptureError: cut inside its header, no timescale, too coarse for the mount, or without its serial lines.
    """
    words = Words(path, progress)
    header = read_header(path, words)
    if not header.rate and samplerate is None:
        raise MissingRateError(
            f"{path}: a value change dump without a timescale; say how many steps a second it has: --samplerate HZ"
        )
    rate, notes = pick_rate(path, header.rate or None, samplerate)
    candidates = pick_channels(path, ChannelTable(header.variables), wiring, channels or {})
    tracked = {channel.key: BitChanges() for several in candidates.values() for channel in several}
    changes = _read(words, header, rate, tracked)
    needed = SAMPLES_PER_BIT * wiring.baudrates[-1]
    if changes.rate < needed:
        raise CaptureError(
            f"{path}: steps of {1e9 / changes.rate:g} ns are too coarse for {wiring.baudrates[-1]} baud; "
            f"{1e9 / needed:.0f} ns or finer are needed"
        )
    levels = {key: wire.as_line(changes.now + 1) for key, wire in tracked.items() if wire.known}
    lines, chosen = settle_channels(path, candidates, levels)
    check_edges(path, lines, wiring)
    jitter = pace_jitter(lines, changes.rate, wiring)

    def records() -> Iterator[Record]:
        traffic = records_of_lines(lines, wiring, changes.rate, jitter)
        yield from with_remarks(traffic, [*notes, *chosen, *changes.remarks])

    return Capture(path, "vcd", records(), lambda: tuple(lines), resolution=1 / changes.rate)


def _read(words: Words, header: Header, rate: float, tracked: Mapping[tuple[Hashable, int], BitChanges]) -> _Changes:
    bits: dict[bytes, list[tuple[int, BitChanges]]] = {}
    for (code, place), wire in tracked.items():
        if isinstance(code, bytes):
            bits.setdefault(code, []).append((place, wire))
    changes = _Changes(words, rate, header.codes, bits)
    try:
        _read_changes(changes, header.first)
    except _StopReadingError as error:
        text = f"{error}; nothing is read from there on"
        if words.unended:
            text = f"the capture was cut inside a word, at line {words.line}: {error}"
        changes.remarks.append(Remark(None, text, True))
    else:
        if words.unended:
            text = f"the file ends without white space after its last word, in line {words.line}; that may be cut"
            changes.remarks.append(Remark(None, text))
    if changes.off is not None:
        changes.remarks.append(Remark(changes.off / changes.rate, "the dump is off from here to the end of the file"))
    if changes.strangers:
        text = f"{changes.strangers} changes of codes that the header does not declare are left out"
        changes.remarks.append(Remark(None, text))
    return changes


class _StopReadingError(Exception):
    """What stands here is no part of a dump."""


def _read_changes(changes: _Changes, first: bytes) -> None:
    """Every change of the bits that are wanted."""
    words, single = changes.words, changes.single
    if first:
        _take_time(changes, first)
    for word in words:
        kind = word[0]
        level = _HIGH.get(kind)
        if level is not None:
            wire = single.get(word[1:])
            if wire is not None:
                wire.take(changes.now, level)
            else:
                _take_value(changes, word[:1], word[1:] or _next(changes))
        elif kind == ord("#"):
            _take_time(changes, word)
        elif kind in b"bB":
            _take_value(changes, word[1:], _next(changes))
        elif kind in b"rRsS":
            # A number or a text, whose code is the next word.
            _next(changes)
        elif kind in _UNCERTAIN:
            _take_value(changes, word[:1], word[1:] or _next(changes))
        elif kind in b"pP":
            states = word[1:].translate(_PORT_STATES)
            _next(changes)
            _next(changes)
            _take_value(changes, states, _next(changes))
        elif kind == ord("$"):
            _take_command(changes, word.lower())
        elif kind in _LEVELS and word[1:] in changes.codes:
            _take_value(changes, word[:1], word[1:])
        else:
            raise _stop(changes, f"{_text(word)!r} is no change of a variable")


def _stop(changes: _Changes, text: str) -> _StopReadingError:
    return _StopReadingError(f"line {changes.words.line}: {text}")


def _next(changes: _Changes) -> bytes:
    word = next(iter(changes.words), None)
    if word is None:
        raise _stop(changes, "the file is cut inside a change")
    return word


def _take_value(changes: _Changes, value: bytes, code: bytes) -> None:
    """A value of several bits, the highest first; what it lacks at the front is 0, or as its first bit is."""
    wanted = changes.bits.get(code)
    if not value or value.strip(_STATES):
        raise _stop(changes, f"{_text(value)!r} is no value")
    if wanted is None:
        if code not in changes.codes:
            if changes.words.unended:
                raise _stop(changes, f"{_text(code)!r} is no declared code")
            changes.strangers += 1
        return
    missing = False if value[0] in _HIGH else None
    for place, wire in wanted:
        level = _LEVELS[value[-1 - place]] if place < len(value) else missing
        if level is not None:
            wire.take(changes.now, level)


def _take_command(changes: _Changes, command: bytes) -> None:
    if command in _OFF and changes.off is None:
        changes.off = changes.now
    elif command in _ON and changes.off is not None:
        text = (
            f"the dump is off from here to {changes.now / changes.rate:.9f} s, so nothing of that time is in the file"
        )
        changes.remarks.append(Remark(changes.off / changes.rate, text))
        changes.off = None
    if command in _MARKERS:
        return
    if command in _DECLARATIONS:
        raise _stop(changes, f"{_text(command)} behind the header; a second dump begins here, so split the file")
    # A comment, a date, or what another program adds.
    changes.words.until_end()
    if changes.words.cut:
        raise _stop(changes, f"the file is cut inside {_text(command)}")


def _take_time(changes: _Changes, word: bytes) -> None:
    """Go to a time that can follow the last one."""
    digits = word[1:]
    told = int(digits) * changes.scale if digits.isdigit() and len(digits) < 20 else _fraction(changes, digits)
    if told is None:
        raise _stop(changes, f"{_text(word)!r} is no time")
    if not changes.now <= told < _MAX_TIME:
        last = f"{changes.now / changes.scale:.15g}"
        raise _stop(changes, f"a time of {_text(word)!r} after {last}")
    changes.now = told


def _fraction(changes: _Changes, digits: bytes) -> int | None:
    """A time with a point or an exponent, in steps; these become finer where it needs that."""
    try:
        told = Decimal(digits.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        return None
    if not told.is_finite() or told.adjusted() > 20 or b"_" in digits:
        return None
    if told.adjusted() < -20:
        return 0
    exponent = told.normalize().as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    while changes.scale < 10**decimals and changes.rate * 10 <= _FINEST and changes.now * 10 < _MAX_TIME:
        _refine(changes)
    return round(told * changes.scale)


def _refine(changes: _Changes) -> None:
    """Make the steps ten times finer."""
    changes.scale *= 10
    changes.rate *= 10
    changes.now *= 10
    changes.off = None if changes.off is None else changes.off * 10
    for wanted in changes.bits.values():
        for _, wire in wanted:
            wire.refine(10)


def _text(word: bytes) -> str:
    return word[:40].decode("utf-8", "replace")
