"""Sniffer logs and notebooks as text: messages as hexadecimal after their direction, edges as marks with a time.

The logs come from a Teensy sniffer (LexOptical/E-Mount). It prints while it listens, so an edge mark can stand in the
middle of a message, and the first characters of a message can be overwritten. Nothing that could be a byte is lost:
what cannot be placed becomes a remark with its line number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_hardware.captures.capture import Capture, Progress, read_bytes, silent
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge, Record, Remark, Role, Wiring

_HEADER = re.compile(r"(Body->Lens|Lens->Body):?(?:\s|$)")
_SENDERS = {"Body->Lens": Role.BODY, "Lens->Body": Role.LENS}
_MARK = re.compile(r"\[([BbLl]):(\d+)\]")
_HEADLESS_MARK = re.compile(r"\[?[BbLl]?:\d+\]")
_ENDLESS_MARK = re.compile(r"\[[BbLl]:([0-9A-Fa-f]*)$")
_VD_MARK = re.compile(r"\s*([cC]) (\d+)\s*$")
_HEX_AND_TIME = re.compile(r"((?:[0-9A-Fa-f]|\s)*?)(?:\s+(\d{3,}))?\s*$")
_FRAME_END = "55"
_LENGTH_DIGITS = 6
"""Start byte and two bytes of length, as the sniffer checks them before it prints a frame."""
_SHORT_HEADER = re.compile(r"\s*([0-9A-F]{1,2})\s+(\d{3,})\s*$")
_NOISE = re.compile(r"\s*FB \d+\s*$")
"""The sniffer's own mark for "a first byte was seen"; the edge in front of it says the same better."""
_LINES = {"B": "BODY_CS", "L": "LENS_CS"}


@dataclass(slots=True)
class _Message:
    sender: Role
    time_us: int | None = None
    digits: str = ""
    line: int = 0
    place: int = 0

    def take(self, text: str) -> None:
        """Add hexadecimal digits and perhaps the time behind them."""
        match = _HEX_AND_TIME.match(text)
        if match is None:
            self.digits += "".join(re.findall(r"[0-9A-Fa-f]", text))
            return
        digits, time_us = "".join(match[1].split()), match[2]
        # Hand-spaced bytes can end in a group that looks like a time.
        if time_us and digits and not digits.endswith(_FRAME_END) and time_us.endswith(_FRAME_END):
            digits, time_us = digits + time_us, None
        self.digits += digits
        # A time on the line of the bytes is theirs; a time on a line of its own says when the printing was over.
        if time_us and digits:
            self.time_us = int(time_us)


@dataclass(slots=True)
class _Reader:
    baudrate: int
    pending: _Message | None = None
    found: list[Record] = field(default_factory=lambda: list[Record]())

    def line(self, number: int, text: str) -> None:
        vd = _VD_MARK.match(text)
        if vd is not None:
            self.edge("VD", vd[1] == "C", int(vd[2]))
            return
        if _NOISE.match(text):
            return
        text = self._without_marks(text)
        header = _HEADER.search(text)
        if header is not None:
            self.begin(_SENDERS[header[1]], number, text[header.end() :])
        elif self.pending is not None and (_is_hex(text) or not text.strip()):
            self.pending.take(text)
        elif text.strip() and not re.fullmatch(r"\s*\d+\s*", text):
            self.finish()
            self.found.append(Remark(None, f"line {number}: {text.strip()}"))

    def edge(self, line: str, level: bool, time_us: int) -> None:
        self.found.append(Edge(time_us / 1e6, line, level))

    def begin(self, sender: Role, number: int, rest: str) -> None:
        """A header; what the sniffer begins again under the same header it prints in full."""
        message = _Message(sender, line=number)
        short = _SHORT_HEADER.match(rest)
        if short is not None:
            message.time_us = int(short[2])
        cut = self.pending
        if cut is not None and cut.time_us is not None and (cut.sender, cut.time_us) == (sender, message.time_us):
            self.found.append(Remark(None, f"line {cut.line}: {cut.digits} was begun and then printed again"))
            self.pending = None
        self.finish()
        message.place = len(self.found)
        self.pending = message
        if short is None:
            message.take(rest)

    def finish(self) -> None:
        message, self.pending = self.pending, None
        if message is None:
            return
        data = bytes.fromhex(message.digits[: len(message.digits) // 2 * 2])
        at = None if message.time_us is None else message.time_us / 1e6
        if data:
            # Edges that were printed inside the message happened after it began.
            self.found.insert(message.place, Burst(at, message.sender, data, self.baudrate, whole=True))

    def _without_marks(self, text: str) -> str:
        for letter, time_us in _MARK.findall(text):
            self.edge(_LINES[letter.upper()], letter.isupper(), int(time_us))
        text = _HEADLESS_MARK.sub("", _MARK.sub("", text))
        endless = _ENDLESS_MARK.search(text)
        return text if endless is None else _mended(text[: endless.start()], endless[1])


def is_text(head: bytes) -> bool:
    """Whether a file that begins like this may be a sniffer's log."""
    return b"\0" not in head and all(byte >= 0x20 or byte in b"\t\r\n\f" for byte in head)


def read_text(
    path: Path, wiring: Wiring, _channels: Mapping[str, str] | None = None, progress: Progress = silent
) -> Capture:
    """Open a sniffer's log or a notebook of one.

    Raises:
        CaptureError: no message and no edge in it.
    """
    reader = _Reader(wiring.baudrates[0])
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    for number, text in enumerate(lines, 1):
        reader.line(number, text)
        progress(number / len(lines))
    reader.finish()
    if not any(isinstance(record, Burst | Edge) for record in reader.found):
        raise CaptureError(
            f"{path}: text, but without a line such as 'Body->Lens F00B…55'; known formats: sigrok .sr, sniffer .txt, "
            ".frames.jsonl, .lines.jsonl, .lmx"
        )
    return Capture(path, "text", iter(reader.found))


def _mended(before: str, behind: str) -> str:
    """A message whose bytes were printed over the end of an edge mark: its own length says which digits are its."""
    digits = "".join(before.split())
    if len(digits) < _LENGTH_DIGITS:
        return before
    length = int.from_bytes(bytes.fromhex(digits[2:_LENGTH_DIGITS]), "little")
    missing = 2 * length - len(digits)
    return digits + behind[-missing:] if 0 < missing <= len(behind) else before


def _is_hex(text: str) -> bool:
    match = _HEX_AND_TIME.match(text)
    return match is not None and bool(match[1].strip())
