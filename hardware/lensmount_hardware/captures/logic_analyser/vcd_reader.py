"""Reads Value Change Dumps, `.vcd`, of logic analysers and simulators; a line can be any bit of any variable.

Format: IEEE 1364-2005, clause 18, and its extended form, clause 18.3. `x` and `z` leave a bit at its last level; a bit
that first becomes 0 or 1 later had that level from the start. Real numbers, texts and events have no levels.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, MissingRateError, Progress, no_progress
from lensmount_hardware.captures.limits import check_edges
from lensmount_hardware.captures.logic_analyser.channels import ChannelTable, choose_channels, pick_channels
from lensmount_hardware.captures.logic_analyser.logic_lines import (
    SAMPLES_PER_BIT,
    BitChanges,
    decode_logic_lines,
    pace_jitter,
    pick_rate,
    with_annotations,
)
from lensmount_hardware.captures.logic_analyser.vcd_header import VcdHeader, VcdTokenizer, read_header
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, WireRecord, Wiring

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

_TIME = ord("#")
_SAFE_DIGITS = 20
"""Digits of a time from which on it may be too large."""

_OFF, _ON = frozenset((b"$dumpoff", b"$dumpportsoff")), frozenset((b"$dumpon", b"$dumpportson"))
_MARKERS = _OFF | _ON | {b"$dumpvars", b"$dumpall", b"$dumpports", b"$dumpportsall", b"$end"}
_DECLARATIONS = frozenset((b"$var", b"$scope", b"$timescale", b"$enddefinitions"))


@dataclass(slots=True)
class _Changes:
    """The changes after the header.

    Attributes:
        tokens: the tokens of the file.
        rate: steps a second, as fine as the times so far need them.
        codes: all declared codes.
        bits: code -> the places of its wanted bits, counted from the lowest, each with its changes.
        single: code -> the changes of its lowest bit, where no other one is wanted.
        now: the step of the last time.
        scale: steps in one unit of the file's times; more than one where these have fractions.
        off: the step from which on the dump was off.
        unknown_codes: changes of codes that are not declared.
        remarks: annotations on the file.
    """

    tokens: VcdTokenizer
    rate: float
    codes: set[bytes]
    bits: dict[bytes, list[tuple[int, BitChanges]]]
    single: dict[bytes, BitChanges] = field(default_factory=lambda: dict[bytes, BitChanges]())
    now: int = 0
    scale: int = 1
    off: int | None = None
    unknown_codes: int = 0
    remarks: list[Annotation] = field(default_factory=lambda: list[Annotation]())

    def __post_init__(self) -> None:
        self.single = {code: bits[0][1] for code, bits in self.bits.items() if len(bits) == 1 and bits[0][0] == 0}


def read_vcd(
    path: Path,
    wiring: Wiring,
    channels: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
    samplerate: float | None = None,
) -> Capture:
    """Open a `.vcd` file; a cut or damaged file is read up to that place.

    Args:
        path: the file.
        wiring: the mount's lines and rates.
        channels: line -> variable or bit, by name, full name or number, for files with other variable names.
        progress: called with the fraction of the file that has been read.
        samplerate: steps a second, for a file without a timescale; another one than the file's replaces it.

    Raises:
        CaptureError: cut inside its header, no timescale, too coarse for the mount, or without its serial lines.
    """
    tokens = VcdTokenizer(path, progress)
    header = read_header(path, tokens)
    if not header.rate and samplerate is None:
        raise MissingRateError(
            f"{path}: a value change dump without a timescale; give its steps a second with --samplerate HZ"
        )
    rate, notes = pick_rate(path, header.rate or None, samplerate)
    candidates = pick_channels(path, ChannelTable(header.variables), wiring, channels or {})
    tracked = {channel.key: BitChanges() for several in candidates.values() for channel in several}
    changes = _read(tokens, header, rate, tracked)
    needed = SAMPLES_PER_BIT * wiring.baudrates[-1]
    if changes.rate < needed:
        raise CaptureError(
            f"{path}: steps of {1e9 / changes.rate:g} ns are too coarse for {wiring.baudrates[-1]} baud; "
            f"{1e9 / needed:.0f} ns or finer are needed"
        )
    levels = {key: wire.as_line(changes.now + 1) for key, wire in tracked.items() if wire.known}
    lines, chosen = choose_channels(path, candidates, levels)
    check_edges(path, lines, wiring)
    jitter = pace_jitter(lines, changes.rate, wiring)

    def records() -> Iterator[WireRecord]:
        traffic = decode_logic_lines(lines, wiring, changes.rate, jitter)
        yield from with_annotations(traffic, [*notes, *chosen, *changes.remarks])

    return Capture(path, "vcd", records(), lambda: tuple(lines), resolution=1 / changes.rate)


def _read(
    tokens: VcdTokenizer, header: VcdHeader, rate: float, tracked: Mapping[tuple[Hashable, int], BitChanges]
) -> _Changes:
    bits: dict[bytes, list[tuple[int, BitChanges]]] = {}
    for (code, place), wire in tracked.items():
        if isinstance(code, bytes):
            bits.setdefault(code, []).append((place, wire))
    changes = _Changes(tokens, rate, header.codes, bits)
    try:
        _read_changes(changes, header.first)
    except _StopReadingError as error:
        text = f"{error}; nothing is read from there on"
        if tokens.unterminated:
            text = f"the capture was cut inside a token, at line {tokens.line}: {error}"
        changes.remarks.append(Annotation(None, text, True))
    else:
        if tokens.unterminated:
            text = f"the file ends without white space after its last token, in line {tokens.line}; that may be cut"
            changes.remarks.append(Annotation(None, text))
    if changes.off is not None:
        # A dump that is switched off in its last step lacks nothing.
        text = f"the dump is off from {changes.off / changes.rate:.9f} s to the end of the file"
        changes.remarks.append(Annotation(changes.off / changes.rate, text, changes.off < changes.now))
    if changes.unknown_codes:
        text = f"{changes.unknown_codes} changes of codes that the header does not declare are left out"
        changes.remarks.append(Annotation(None, text))
    return changes


class _StopReadingError(Exception):
    """The text here is no part of a dump."""


def _read_changes(changes: _Changes, first: bytes) -> None:
    """Read all changes of the wanted bits."""
    if first:
        _take_time(changes, first)
    # Nearly every token is a change of a wanted bit or a time; whole tokens are looked up.
    usual = {
        value + code: (wire.add, level)
        for code, wire in changes.single.items()
        for value, level in ((b"0", False), (b"1", True))
    }
    for token in changes.tokens:
        change = usual.get(token)
        if change is not None:
            change[0](changes.now, change[1])
            continue
        kind = token[0]
        if kind == _TIME:
            digits = token[1:]
            time = int(digits) * changes.scale if digits.isdigit() and len(digits) < _SAFE_DIGITS else -1
            if changes.now <= time < _MAX_TIME:
                changes.now = time
            else:
                _take_time(changes, token)
        elif kind in _HIGH:
            _take_value(changes, token[:1], token[1:] or _next(changes))
        elif kind in b"bB":
            _take_value(changes, token[1:], _next(changes))
        elif kind in b"rRsS":
            # A number or a text; its code is the next token.
            _next(changes)
        elif kind in _UNCERTAIN:
            _take_value(changes, token[:1], token[1:] or _next(changes))
        elif kind in b"pP":
            states = token[1:].translate(_PORT_STATES)
            _next(changes)
            _next(changes)
            _take_value(changes, states, _next(changes))
        elif kind == ord("$"):
            _take_command(changes, token.lower())
        elif kind in _LEVELS and token[1:] in changes.codes:
            _take_value(changes, token[:1], token[1:])
        else:
            raise _stop(changes, f"{_token_text(token)!r} is no change of a variable")


def _stop(changes: _Changes, text: str) -> _StopReadingError:
    return _StopReadingError(f"line {changes.tokens.line}: {text}")


def _next(changes: _Changes) -> bytes:
    token = next(iter(changes.tokens), None)
    if token is None:
        raise _stop(changes, "the file is cut inside a change")
    return token


def _take_value(changes: _Changes, value: bytes, code: bytes) -> None:
    """Process a value of several bits, the highest first; missing leading bits are 0, or uncertain as the first bit."""
    wanted = changes.bits.get(code)
    if not value or value.strip(_STATES):
        raise _stop(changes, f"{_token_text(value)!r} is no value")
    if wanted is None:
        if code not in changes.codes:
            if changes.tokens.unterminated:
                raise _stop(changes, f"{_token_text(code)!r} is no declared code")
            changes.unknown_codes += 1
        return
    missing = False if value[0] in _HIGH else None
    for place, wire in wanted:
        level = _LEVELS[value[-1 - place]] if place < len(value) else missing
        if level is not None:
            wire.add(changes.now, level)


def _take_command(changes: _Changes, command: bytes) -> None:
    if command in _OFF and changes.off is None:
        changes.off = changes.now
    elif command in _ON and changes.off is not None:
        times = f"{changes.off / changes.rate:.9f} s to {changes.now / changes.rate:.9f} s"
        text = f"the dump is off from {times}, so nothing of that time is in the file"
        # A dump that begins later than its file lacks nothing between two changes.
        began = any(wire.steps for bits in changes.bits.values() for _, wire in bits)
        changes.remarks.append(Annotation(changes.off / changes.rate, text, began and changes.off < changes.now))
        changes.off = None
    if command in _MARKERS:
        return
    if command in _DECLARATIONS:
        raise _stop(changes, f"{_token_text(command)} after the header; a second dump starts here, so split the file")
    # A comment, a date, or an addition of another program.
    changes.tokens.until_end()
    if changes.tokens.cut:
        raise _stop(changes, f"the file is cut inside {_token_text(command)}")


def _take_time(changes: _Changes, token: bytes) -> None:
    """Advance to a time, which must not be before the last one."""
    digits = token[1:]
    time = (
        int(digits) * changes.scale if digits.isdigit() and len(digits) < _SAFE_DIGITS else _fraction(changes, digits)
    )
    if time is None:
        raise _stop(changes, f"{_token_text(token)!r} is no time")
    if not changes.now <= time < _MAX_TIME:
        last = f"{changes.now / changes.scale:.15g}"
        raise _stop(changes, f"a time of {_token_text(token)!r} after {last}")
    changes.now = time


def _fraction(changes: _Changes, digits: bytes) -> int | None:
    """Return a time with a point or an exponent in steps, which become finer where it needs that."""
    try:
        time = Decimal(digits.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        return None
    if not time.is_finite() or time.adjusted() > 20 or b"_" in digits:
        return None
    if time.adjusted() < -20:
        return 0
    exponent = time.normalize().as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    while changes.scale < 10**decimals and changes.rate * 10 <= _FINEST and changes.now * 10 < _MAX_TIME:
        _refine(changes)
    return round(time * changes.scale)


def _refine(changes: _Changes) -> None:
    """Make the steps ten times finer."""
    changes.scale *= 10
    changes.rate *= 10
    changes.now *= 10
    changes.off = None if changes.off is None else changes.off * 10
    for wanted in changes.bits.values():
        for _, wire in wanted:
            wire.refine(10)


def _token_text(token: bytes) -> str:
    return token[:40].decode("utf-8", "replace")
