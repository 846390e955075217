"""Reads sniffer logs and traces as text: messages in hexadecimal after their direction, edges as timed marks.

The logs come from a Teensy sniffer (LexOptical/E-Mount). It prints while it receives, so an edge mark can
be inside a message, and one can overwrite the other. No possible byte is lost: text without a place becomes an
annotation with its line number.

Lines of a trace hold one frame each: a time, the direction as `tx` or `rx`, a count of milliseconds, the bytes. The
traces of zUrp-Astronomics/basilisk have this form; its board plays the body, so the body sends the `tx` lines.

    18:07:32.868 * tx 16023 F0 29 00 02 3C 01 ... 55
    18:07:32.875 * std step=01 reply_len=33
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, line_names, no_progress, read_blocks
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord, Wiring

_CLOCK = r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,6}))?)"
_FRAME = re.compile(
    rf"\s*+\[?{_CLOCK}?\]?\s*+\*?\s*+(?P<direction>tx|rx)\b\s*+:?\s*+"
    r"(?:(?P<count_ms>\d{1,12})\s++(?=(?:0x)?[0-9A-F]{2}\b|[0-9A-F]{10}))?"
    r"(?P<bytes>(?:0x)?[0-9A-F]{2}(?:[\s,:]*+(?:0x)?[0-9A-F]{2})*+)[\s,]*+",
    re.IGNORECASE,
)
_NOTE = re.compile(rf"\s*+\[?{_CLOCK}\]?\s++\*\s++\w")
_SENDERS = {"tx": Role.BODY, "rx": Role.LENS}
_MIN_BYTES = 2


@dataclass(frozen=True, slots=True)
class TraceFrame:
    """A frame of a trace.

    Attributes:
        sender: the end that sent it.
        time_us: the board's count of milliseconds, else the time of day; `None` where the line has neither.
        digits: its bytes in hexadecimal.
    """

    sender: Role
    time_us: int | None
    digits: str


def parse_trace_line(text: str) -> TraceFrame | None:
    """Parse the frame, or its start, on a line of a trace; `None` where it is no such line."""
    found = _FRAME.fullmatch(text)
    if found is None:
        return None
    digits = re.sub(r"0[xX]|[\s,:]", "", found["bytes"])
    if len(digits) < 2 * _MIN_BYTES:
        return None
    if found["count_ms"] is not None:
        return TraceFrame(_SENDERS[found["direction"].lower()], int(found["count_ms"]) * 1000, digits)
    time_us = None
    if found["hour"] is not None:
        seconds = (int(found["hour"]) * 60 + int(found["minute"])) * 60 + int(found["second"])
        time_us = seconds * 1_000_000 + int((found["fraction"] or "0").ljust(6, "0"))
    return TraceFrame(_SENDERS[found["direction"].lower()], time_us, digits)


def is_trace_note(text: str) -> bool:
    """Return whether a line is another entry of a trace, between its frames."""
    return _NOTE.match(text) is not None and _FRAME.fullmatch(text) is None


_SELECT_LINES = {"B": "BODY_CS", "L": "LENS_CS"}
"""A mark with a capital letter is a rise, with a small one a fall."""

_COMMENTS = ("#", "//")
_HEADER = re.compile(
    r"\b((?:body|camera)\s*[-=]*[>→]\s*lens|lens\s*[-=]*[>→]\s*(?:body|camera))\b:?(?:\s|$)", re.IGNORECASE
)
_MESSAGE = re.compile(r"(Body->Lens|Lens->Body) ([0-9A-Fa-f]{6,}) ([0-9]{3,15})")
"""A whole message on one line, as the sniffer prints nearly all of them."""

_TYPE_AND_TIME = re.compile(r"\s*[0-9A-F]{1,2}\s+([0-9]{3,15})\s*$")
"""After a header: the first type of the following message, and its time."""

_VD_MARK = re.compile(r"\s*([cC]) ([0-9]{1,15})\s*$")
_FIRST_BYTE_MARK = re.compile(r"\s*FB [0-9]+\s*$")
"""The sniffer's mark for "a first byte was seen"; the edge before it is more exact."""

_INLINE_MARK = re.compile(r"([cC]|FB) ([0-9]{5,15})\s*$")
"""A mark printed after digits of a message; its letters are digits, too, so the message's length decides."""

_HEX_PREFIX = re.compile(r"\b0x(?=[0-9A-Fa-f]{2}\b)|(?<=[0-9A-Fa-f]),(?=\s|$|[0-9A-Fa-f])")
"""Text around bytes that were copied from a program's source."""

_SELECT_MARK = re.compile(r"\[([BbLl]):([0-9]{1,15})\]")
_HEADLESS_MARK = re.compile(r"\[?[bLl]?:[0-9]+\]")
"""A mark with an overwritten start. A capital `B` without its bracket is a digit of the message."""

_ENDLESS_MARK = re.compile(r"\[[BbLl]:([0-9A-Fa-f]*)$")
_DIGITS = re.compile(r"[0-9A-Fa-f]+")
_TIME = re.compile(r"[0-9]{3,15}")
_MAX_DIGITS = 2 * 65_536
"""Digits of the longest frame: its length has two bytes. A message with more of them is over."""

_LENGTH_DIGITS = 6
"""Start byte and two bytes of length, as the sniffer checks them before it prints a frame."""

MAX_REMARKS = 100_000
"""Remarks that are kept, such as lines that are no record; further ones are counted. Each takes much more memory than
the few bytes of its line."""

_MAX_QUEUED = 65536
"""Records that may be printed inside one message before it counts as cut."""


@dataclass(slots=True)
class _Message:
    """A message that is being read; `place` is the index of its burst among the records."""

    sender: Role
    line: int
    place: int
    time_us: int | None = None
    digits: str = ""
    closed: bool = False

    def missing(self, more: str = "") -> int:
        """Return the digits that are missing by the message's length field; below zero where that is not known."""
        digits = self.digits + more
        return _declared_digits(digits) - len(digits) if len(digits) >= _LENGTH_DIGITS else -1

    @property
    def complete(self) -> bool:
        """Whether it is as long as its length field states."""
        return len(self.digits) >= _LENGTH_DIGITS and self.missing() <= 0

    def take(self, text: str) -> str:
        """Add digits, and the time after them; returns other text."""
        tokens = text.split()
        digits = list(takewhile(_DIGITS.fullmatch, tokens))
        stray = tokens[len(digits) :]
        # Manually spaced bytes can end in a group that looks like a time; the length decides.
        is_time = len(digits) > 1 and _TIME.fullmatch(digits[-1]) is not None
        if is_time and len(digits[-1]) != self.missing("".join(digits[:-1])):
            self.time_us = int(digits.pop())
        self.digits += "".join(digits)
        return " ".join(stray)


@dataclass(slots=True)
class _Reader:
    baudrate: int
    pending: _Message | None = None
    found: list[WireRecord] = field(default_factory=lambda: list[WireRecord]())
    remarks: int = 0

    def line(self, number: int, text: str) -> None:
        """Read one line of the log."""
        plain = _MESSAGE.fullmatch(text)
        if plain is not None and len(plain[2]) == _declared_digits(plain[2]):
            self.finish()
            sender = Role.LENS if plain[1] == "Lens->Body" else Role.BODY
            self.pending = _Message(sender, number, len(self.found), int(plain[3]), plain[2])
            return
        vd = _VD_MARK.match(text)
        if vd is not None:
            self._edge("VD", vd[1] == "C", vd[2])
        elif text.lstrip().startswith(_COMMENTS):
            self._stray(number, text)
        elif not text.strip():
            self._gap()
        elif (frame := parse_trace_line(text)) is not None:
            self._begin_trace(number, frame)
        elif is_trace_note(text):
            self._remark(number, text.strip())
        elif not _FIRST_BYTE_MARK.match(text):
            before, *messages = _HEADER.split(self._without_marks(number, _HEX_PREFIX.sub(" ", text)))
            if before.strip():
                self._more(number, before)
            for header, rest in zip(messages[::2], messages[1::2], strict=True):
                self._begin(number, Role.LENS if header[0] in "lL" else Role.BODY, rest)

    def take_ready(self) -> list[WireRecord]:
        """Return and remove the finished records: those before the start of the message that is being read."""
        if self.pending is not None and len(self.found) - self.pending.place > _MAX_QUEUED:
            self.finish()
        done = self.found
        if self.pending is None:
            self.found = []
        elif self.pending.place:
            done, self.found = done[: self.pending.place], done[self.pending.place :]
            self.pending.place = 0
        else:
            done = []
        return done

    def finish(self) -> None:
        """The message that was being read is over."""
        message, self.pending = self.pending, None
        if message is None:
            return
        whole = message.digits[: len(message.digits) // 2 * 2]
        at = None if message.time_us is None else message.time_us / 1e6
        if whole:
            # Edges that were printed inside the message happened after it began.
            burst = Burst(at, message.sender, bytes.fromhex(whole), self.baudrate, whole=True)
            self.found.insert(message.place, burst)
        if whole != message.digits or not whole:
            half = f"half a byte, {message.digits[-1]}, at its end" if message.digits else "no bytes"
            self._remark(message.line, f"a message of the {message.sender.value} with {half}")

    def _begin(self, number: int, sender: Role, rest: str) -> None:
        """Process a header; a message that the sniffer starts again under the same header is printed in full."""
        short = _TYPE_AND_TIME.match(rest)
        time_us = int(short[1]) if short is not None else None
        cut = self.pending
        if cut is not None and time_us is not None and (cut.sender, cut.time_us) == (sender, time_us):
            self._remark(cut.line, f"{cut.digits} was begun and then printed again")
            self.pending = None
        self.finish()
        self.pending = _Message(sender, number, len(self.found), time_us)
        stray = self._take(self.pending, rest) if short is None else ""
        if stray:
            self._stray(number, stray)

    def _more(self, number: int, text: str) -> None:
        """Process a line without a header: more of the message before it, or text without a place."""
        message, tokens = self.pending, text.split()
        if message is None or not all(map(_DIGITS.fullmatch, tokens)) or len(message.digits) > _MAX_DIGITS:
            self._stray(number, text)
        elif _is_closing_time(message, text):
            message.closed = True
        elif message.complete and (message.closed or tokens[0].upper().startswith("F0")):
            # Another frame without a direction in the log.
            self._stray(number, text)
        else:
            self._take(message, text)

    def _begin_trace(self, number: int, frame: TraceFrame) -> None:
        """Process a line of a trace; the rest of its frame may follow on lines of digits."""
        self.finish()
        self.pending = _Message(frame.sender, number, len(self.found), frame.time_us, frame.digits)
        if self.pending.complete:
            self.finish()

    def _take(self, message: _Message, text: str) -> str:
        """Add digits to a message, except a mark that was printed after them; returns other text."""
        mark = _INLINE_MARK.search(text)
        if mark is None:
            return message.take(text)
        before = "".join(text[: mark.start()].split())
        is_whole = message.missing(before) == 0 or message.missing(before + mark[1]) == 0
        if is_whole or not _DIGITS.fullmatch(before):
            return message.take(text)
        if mark[1] != "FB":
            self._edge("VD", mark[1] == "C", mark[2])
        return message.take(text[: mark.start()])

    def _gap(self) -> None:
        if self.pending is not None and self.pending.complete:
            self.finish()

    def _edge(self, line: str, level: bool, time_us: str) -> None:
        self.found.append(Edge(int(time_us) / 1e6, line, level))

    def _remark(self, number: int, text: str) -> None:
        self.remarks += 1
        if self.remarks <= MAX_REMARKS:
            self.found.append(Annotation(None, f"line {number}: {text}"))

    def _stray(self, number: int, text: str) -> None:
        self.finish()
        self._remark(number, text.strip())

    def _without_marks(self, number: int, text: str) -> str:
        for letter, time_us in _SELECT_MARK.findall(text):
            self._edge(_SELECT_LINES[letter.upper()], letter.isupper(), time_us)
        text = _SELECT_MARK.sub("", text)
        for mark in _HEADLESS_MARK.findall(text):
            self._remark(number, f"an edge mark without its beginning: {mark}")
        text = _HEADLESS_MARK.sub("", text)
        endless = _ENDLESS_MARK.search(text)
        if endless is None:
            return text
        before = text[: endless.start()]
        over = _printed_over(before, endless[1])
        self._remark(number, f"an edge mark without its end: {endless[0].removesuffix(over)}")
        return before + over


def read_sniffer_log(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = no_progress
) -> Capture:
    """Open a sniffer's log or notes made from one; its messages get the mount's slowest rate.

    Raises:
        CaptureError: no message and no edge in it.
    """
    if not any(isinstance(record, Burst | Edge) for record in _records(path, wiring, no_progress)):
        raise CaptureError(f"{path}: a log without one line such as 'Body->Lens F00B…55' or '[B:7208717]'")
    records = _records(path, wiring, progress)
    return Capture(path, "text", records, lambda: line_names(_records(path, wiring, no_progress)))


def _records(path: Path, wiring: Wiring, progress: Progress) -> Iterator[WireRecord]:
    reader = _Reader(wiring.baudrates[0])
    lines = (line for block in read_blocks(path, progress) for line in block.decode("utf-8", "replace").splitlines())
    for number, text in enumerate(lines, 1):
        reader.line(number, text)
        yield from reader.take_ready()
    reader.finish()
    yield from reader.take_ready()
    if reader.remarks > MAX_REMARKS:
        yield Annotation(None, f"{reader.remarks - MAX_REMARKS} more remarks of this kind were left out", True)


def _declared_digits(digits: str) -> int:
    """Return the number of digits of a whole frame, by the length field at its start."""
    return 2 * int.from_bytes(bytes.fromhex(digits[2:_LENGTH_DIGITS]), "little")


def _is_closing_time(message: _Message, text: str) -> bool:
    """Return whether a line is the time that the sniffer prints after a message."""
    token = text.strip()
    apart = text[0].isspace() or message.complete
    return apart and not message.closed and _TIME.fullmatch(token) is not None and len(token) != message.missing()


def _printed_over(before: str, after: str) -> str:
    """Return the bytes after a mark that overwrote its end: as many as the message still needs."""
    digits = "".join(before.split())
    if len(digits) < _LENGTH_DIGITS or not _DIGITS.fullmatch(digits):
        return ""
    missing = _declared_digits(digits) - len(digits)
    return after[-missing:] if 0 < missing <= len(after) else ""
