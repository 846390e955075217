"""The header of a Value Change Dump: how long a step is, and which variables have which codes.

Format: IEEE 1364-2005, clause 18, with the ports of extended dumps; the additions of other programs are left out.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_hardware.captures.channels import Scope, Variable
from lensmount_hardware.captures.vcd_words import Words
from lensmount_protocol.errors import CaptureError

_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18, "zs": 10**21}
_TIMESCALE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([munpfaz]?s)(?:ec)?")
_RANGE = re.compile(r"(.*?)\s*\[\s*(-?\d{1,9})\s*(?::\s*(-?\d{1,9})\s*)?\]", re.DOTALL)
_SIZE_RANGE = re.compile(r"\[\s*(-?\d{1,9})\s*:\s*(-?\d{1,9})\s*\]")
_NO_LEVELS = frozenset({"real", "realtime", "shortreal", "string", "event", "parameter"})
"""Kinds of variables that have no levels over time."""

_MAX_WIDTH = 1 << 24
_MAX_DEPTH = 256


@dataclass(slots=True)
class Header:
    """What the header declares.

    Attributes:
        rate: steps a second; 0 where there is no timescale.
        variables: those with levels, in the order of the file.
        codes: the codes of all variables.
        first: the first word behind the header, where the header has no end of its own.
    """

    rate: float = 0.0
    variables: list[Variable] = field(default_factory=lambda: list[Variable]())
    codes: set[bytes] = field(default_factory=lambda: set[bytes]())
    first: bytes = b""


def read_header(path: Path, words: Words) -> Header:
    """Read everything in front of the changes.

    Args:
        path: the file, for errors.
        words: its words; those behind the header are left.

    Raises:
        CaptureError: the header is cut, or its timescale or a variable makes no sense.
    """
    header = Header()
    scope: Scope | None = None
    depth = 0
    for word in words:
        command = word.lower()
        if command == b"$enddefinitions":
            words.until_end()
            return header
        if word.startswith(b"#") and word[1:2].isdigit() and header.codes:
            header.first = word
            return header
        if not word.startswith(b"$") or command == b"$end":
            continue
        inside = words.until_end(glued=command == b"$timescale")
        if words.cut:
            break
        if command == b"$timescale":
            header.rate = _read_timescale(path, inside)
        elif command == b"$scope":
            depth += 1
            if depth > _MAX_DEPTH:
                raise CaptureError(f"{path}: line {words.line}: more than {_MAX_DEPTH} scopes inside each other")
            scope = Scope(_text(b" ".join(inside[1:])).removeprefix("\\"), scope)
        elif command == b"$upscope" and scope is not None:
            scope, depth = scope.parent, depth - 1
        elif command == b"$var":
            _take_variable(path, words, header, inside, scope)
    raise CaptureError(f"{path}: cut inside its header; it holds nothing")


def _take_variable(path: Path, words: Words, header: Header, inside: list[bytes], scope: Scope | None) -> None:
    """Add a variable: `wire 1 ! RXD`, `wire 8 " data [7:0]`, `port [3:0] <0 data`."""
    told = [_text(word) for word in inside]
    if len(told) < 4:
        text = " ".join(told)
        raise CaptureError(f"{path}: line {words.line}: $var {text!r} lacks its type, size, code or name")
    kind, size, name = told[0].lower(), told[1], " ".join(told[3:])
    code = inside[2]
    header.codes.add(code)
    ports = _SIZE_RANGE.fullmatch(size)
    width = abs(int(ports[1]) - int(ports[2])) + 1 if ports else int(size) if re.fullmatch(r"[0-9]{1,9}", size) else 0
    if not 0 < width <= _MAX_WIDTH and kind not in _NO_LEVELS:
        raise CaptureError(
            f"{path}: line {words.line}: $var {name!r} of size {size!r}; a size is from 1 to {_MAX_WIDTH} bits"
        )
    if kind in _NO_LEVELS:
        return
    escaped = name.startswith("\\")
    # The name that is escaped ends at its white space, so brackets inside it are a part of it.
    head, _, tail = name.partition(" ") if escaped else ("", "", name)
    select = _RANGE.fullmatch(tail)
    if escaped:
        name = f"{head.removeprefix(chr(92))} {select[1] if select else tail}".strip()
    elif select:
        name = select[1]
    if select:
        left, right = int(select[2]), int(select[3] or select[2])
    elif ports:
        left, right = int(ports[1]), int(ports[2])
    else:
        left, right = width - 1, 0
    if left != right and abs(left - right) + 1 != width:
        left = right + width - 1 if left > right else right - width + 1
    header.variables.append(Variable(name, code, width, left, right, bool(select or ports), scope))


def _read_timescale(path: Path, inside: list[bytes]) -> float:
    told = _text(b" ".join(inside))
    match = _TIMESCALE.fullmatch(told.lower())
    if match is None or not float(match[1]):
        raise CaptureError(f"{path}: timescale {told!r}; write a number and one of {', '.join(_UNITS)}, such as 1 ns")
    return _UNITS[match[2]] / float(match[1])


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")
