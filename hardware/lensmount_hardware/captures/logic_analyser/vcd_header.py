"""Reads the header of a Value Change Dump: the timescale, and the codes of the variables.

`VcdTokenizer` splits the file into tokens, separated by white space, and finds the line of each. Format: IEEE
1364-2005, clause 18, with the ports of extended dumps; the additions of other programs are skipped.
"""

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_hardware.captures.capture import BLOCK, Progress
from lensmount_hardware.captures.logic_analyser.channels import Scope, Variable
from lensmount_hardware.captures.source import Source
from lensmount_protocol.errors import CaptureError

MAX_TOKEN = 1024 * 1024
"""Bytes of the longest token; a value of a bus has one for each bit."""


class VcdTokenizer:
    """Reads a file token by token, in memory that does not grow with the file.

    Args:
        path: the file.
        progress: called with the fraction of the file that has been read.

    Attributes:
        unterminated: the file ends inside the last token: no white space follows it.
        cut: the file ends before the `$end` of a command.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.unterminated = False
        self.cut = False
        self._path = path
        self._progress = progress
        self._lines = 1
        self._block = b""
        self._count = 0
        self._waiting: Iterator[bytes] = iter(())
        self._tokens = self._read()

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the remaining tokens.

        Raises:
            CaptureError: the file cannot be read, or has a token of more than `MAX_TOKEN` bytes.
        """
        return self._tokens

    @property
    def line(self) -> int:
        """The line of the last token, from 1."""
        number = self._count - operator.length_hint(self._waiting)
        tokens = self._block.split(None, number)
        rest = tokens[number] if number < len(tokens) else b""
        return self._lines + self._block.rstrip()[: -len(rest) or None].rstrip().count(b"\n")

    def until_end(self, glued: bool = False) -> list[bytes]:
        """Return the tokens of a command, up to its `$end`; with `glued`, `$end` may also be the end of a token."""
        found: list[bytes] = []
        for token in self._tokens:
            if token.lower() == b"$end":
                break
            if glued and token.lower().endswith(b"$end"):
                found.append(token[:-4])
                break
            found.append(token)
        else:
            self.cut = True
        return found

    def _read(self) -> Iterator[bytes]:
        with Source(self._path) as source:
            rest = b""
            while data := source.read(BLOCK):
                self._progress(source.fraction)
                data = rest + data
                # A token after the last white space may continue in the next block.
                end = len(data) if data[-1:].isspace() else len(data) - len(data.rsplit(None, 1)[-1])
                if len(data) - end > MAX_TOKEN:
                    raise CaptureError(
                        f"{self._path}: a token of more than {MAX_TOKEN} bytes after line {self._lines}; "
                        "no value change dump has such tokens, so cut the file before it"
                    )
                yield from self._given(data[:end])
                rest = data[end:]
            self._progress(1.0)
            self.unterminated = bool(rest)
            yield from self._given(rest)

    def _given(self, block: bytes) -> Iterator[bytes]:
        self._lines += self._block.count(b"\n")
        self._block = block
        tokens = block.split()
        self._count = len(tokens)
        self._waiting = iter(tokens)
        yield from self._waiting


_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18, "zs": 10**21}
_TIMESCALE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([munpfaz]?s)(?:ec)?")
_RANGE = re.compile(r"(.*?)\s*\[\s*(-?\d{1,9})\s*(?::\s*(-?\d{1,9})\s*)?\]", re.DOTALL)
_SIZE_RANGE = re.compile(r"\[\s*(-?\d{1,9})\s*:\s*(-?\d{1,9})\s*\]")
_NO_LEVELS = frozenset({"real", "realtime", "shortreal", "string", "event", "parameter"})
"""Kinds of variables that have no levels over time."""

_MAX_WIDTH = 1 << 24
_MAX_DEPTH = 256


@dataclass(slots=True)
class VcdHeader:
    """The declarations of the header.

    Attributes:
        rate: steps a second; 0 where there is no timescale.
        variables: those with levels, in the order of the file.
        codes: the codes of all variables.
        first: the first token after the header, where the header has no end command.
    """

    rate: float = 0.0
    variables: list[Variable] = field(default_factory=lambda: list[Variable]())
    codes: set[bytes] = field(default_factory=lambda: set[bytes]())
    first: bytes = b""


def read_header(path: Path, tokens: VcdTokenizer) -> VcdHeader:
    """Read the header, up to the changes.

    Args:
        path: the file, for errors.
        tokens: its tokens; those after the header remain.

    Raises:
        CaptureError: the header is cut, or its timescale or a variable is invalid.
    """
    header = VcdHeader()
    scope: Scope | None = None
    depth = 0
    for token in tokens:
        command = token.lower()
        if command == b"$enddefinitions":
            tokens.until_end()
            return header
        if token.startswith(b"#") and token[1:2].isdigit() and header.codes:
            header.first = token
            return header
        if not token.startswith(b"$") or command == b"$end":
            continue
        inside = tokens.until_end(glued=command == b"$timescale")
        if tokens.cut:
            break
        if command == b"$timescale":
            header.rate = _read_timescale(path, inside)
        elif command == b"$scope":
            depth += 1
            if depth > _MAX_DEPTH:
                raise CaptureError(f"{path}: line {tokens.line}: more than {_MAX_DEPTH} scopes inside each other")
            scope = Scope(_text(b" ".join(inside[1:])).removeprefix("\\"), scope)
        elif command == b"$upscope" and scope is not None:
            scope, depth = scope.parent, depth - 1
        elif command == b"$var":
            _take_variable(path, tokens, header, inside, scope)
    raise CaptureError(f"{path}: cut inside its header; it holds nothing")


def _take_variable(
    path: Path, tokens: VcdTokenizer, header: VcdHeader, inside: list[bytes], scope: Scope | None
) -> None:
    """Add a variable: `wire 1 ! RXD`, `wire 8 " data [7:0]`, `port [3:0] <0 data`."""
    texts = [_text(token) for token in inside]
    if len(texts) < 4:
        text = " ".join(texts)
        raise CaptureError(f"{path}: line {tokens.line}: $var {text!r} lacks its type, size, code or name")
    kind, size, name = texts[0].lower(), texts[1], " ".join(texts[3:])
    code = inside[2]
    header.codes.add(code)
    ports = _SIZE_RANGE.fullmatch(size)
    width = abs(int(ports[1]) - int(ports[2])) + 1 if ports else int(size) if re.fullmatch(r"[0-9]{1,9}", size) else 0
    if not 0 < width <= _MAX_WIDTH and kind not in _NO_LEVELS:
        raise CaptureError(
            f"{path}: line {tokens.line}: $var {name!r} of size {size!r}; a size is from 1 to {_MAX_WIDTH} bits"
        )
    if kind in _NO_LEVELS:
        return
    escaped = name.startswith("\\")
    # An escaped name ends at white space, so brackets inside it are part of it.
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
    timescale = _text(b" ".join(inside))
    match = _TIMESCALE.fullmatch(timescale.lower())
    if match is None or not float(match[1]):
        raise CaptureError(
            f"{path}: timescale {timescale!r}; write a number and one of {', '.join(_UNITS)}, such as 1 ns"
        )
    return _UNITS[match[2]] / float(match[1])


def _text(token: bytes) -> str:
    return token.decode("utf-8", "replace")
