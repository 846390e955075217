"""Write an E-mount recording of any number of frames: `python tests/benchmarks/long_capture.py FRAMES OUT.lmx`.

A session on the virtual mount, from the supply to the loop, whose loop is then repeated: four frames in each period of
VD (two of the lens, two of the body), in their select windows, about 60 periods a second. The loop that is
repeated is 256 periods long, so the sequence numbers go on as they do on a real mount. The same number gives the same
file.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import BinaryIO

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.record_json import record_to_json
from lensmount_protocol.wire import Burst, Edge, WireRecord

SEED = 7
"""Jitter of the reaction times, so that intervals spread as they do in a real capture."""

PERIODS = 256
"""Periods of VD until the sequence numbers repeat."""

SECONDS = 2.5 + PERIODS / 59
"""How long the session lasts: until the loop runs steadily, and that many periods more."""

VD_FALLS = ("VD", False)

Piece = tuple[int, bytes, int | None, bytes]
"""Nanoseconds of a record, the text behind its time, nanoseconds of its end, the text behind that."""


def write_long_capture(frames: int, path: Path) -> int:
    """Write a recording with this many frames; gives how many records it has."""
    records = run_loopback(seconds=SECONDS, seed=SEED).records
    edges = ((place, record) for place, record in enumerate(records) if isinstance(record, Edge))
    falls = [place for place, edge in edges if (edge.line, edge.level) == VD_FALLS]
    first, last = falls[-1 - PERIODS], falls[-1]
    period_ns = _nanoseconds(records[last]) - _nanoseconds(records[first])
    with path.open("wb") as file:
        header = {"lensmount": "recording", "version": 1, "dialect": "emount", "frames": frames, "seed": SEED}
        file.write(json.dumps(header, separators=(",", ":")).encode() + b"\n")
        return _write(file, frames, records[:first], records[first:last], period_ns)


def _write(
    file: BinaryIO, frames: int, beginning: Sequence[WireRecord], loop: Sequence[WireRecord], period_ns: int
) -> int:
    written = 0
    sent = 0
    for lines in _repeated([_piece(record) for record in beginning], [_piece(record) for record in loop], period_ns):
        here = sum(b'"hex"' in line for line in lines)
        if sent + here >= frames:
            cut = _cut(lines, frames - sent)
            file.write(b"".join(lines[:cut]))
            return written + cut
        file.write(b"".join(lines))
        written += len(lines)
        sent += here
    return written


def _repeated(beginning: Sequence[Piece], loop: Sequence[Piece], period_ns: int) -> Iterator[list[bytes]]:
    yield list(_lines(beginning, 0))
    for number in count():
        yield list(_lines(loop, number * period_ns))


def _lines(pieces: Sequence[Piece], later_ns: int) -> Iterator[bytes]:
    for at, text, until, rest in pieces:
        # The quotient of whole nanoseconds is the float that is nearest, so its text is the shortest.
        line = b'{"t_us":%r%b' % ((at + later_ns) / 1000, text)
        yield line if until is None else b"%b%r%b" % (line, (until + later_ns) / 1000, rest)


def _piece(record: WireRecord) -> Piece:
    """A record without its times."""
    text = record_to_json(record).partition(",")[2]
    if isinstance(record, Burst) and record.end is not None:
        before, key, behind = text.partition('"until_us":')
        rest = "".join(behind.partition("}")[1:])
        return _nanoseconds(record), f",{before}{key}".encode(), round(record.end * 1e9), f"{rest}\n".encode()
    return _nanoseconds(record), f",{text}\n".encode(), None, b""


def _nanoseconds(record: WireRecord) -> int:
    return round((record.at or 0.0) * 1e9)


def _cut(lines: Sequence[bytes], frames: int) -> int:
    """How many lines hold this many frames and the edge that closes the window of the last."""
    for number, line in enumerate(lines, 1):
        if frames <= 0 and b'"level":0' in line:
            return number
        frames -= b'"hex"' in line
    return len(lines)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    print(f"{write_long_capture(int(sys.argv[1]), Path(sys.argv[2]))} records in {sys.argv[2]}")
