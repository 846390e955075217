"""Writes recordings as Value Change Dumps, `.vcd`, for GTKWave, PulseView and simulators: one wire for each line.

Format: IEEE 1364-2005, clause 18.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from lensmount_hardware.captures.logic_analyser.logic_lines import check_rate
from lensmount_hardware.captures.logic_analyser.waveform import Waveform, analyse, render_steps, whole_seconds_before
from lensmount_hardware.output_file import OutputFile, check_output
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import WireRecord, Wiring

DEFAULT_RATE = 1_000_000_000
"""Steps a second: nanoseconds, the resolution of recordings."""

_TIMESCALES = {1_000_000: "1 us", 10_000_000: "100 ns", 100_000_000: "10 ns", 1_000_000_000: "1 ns"}
"""Steps a second -> the format's text for that; it has powers of ten only."""

_TRAILING_IDLE_S = 1e-3
_FIRST_CODE = 33
"""The first character that may name a wire; 94 may, and there are at most 64 wires."""


def write_vcd(
    target: Path,
    records: Callable[[], Iterable[WireRecord]],
    wiring: Wiring,
    rate: int = DEFAULT_RATE,
    *,
    comment: str = "",
    overwrite: bool = False,
) -> Waveform:
    """Write a `.vcd` file, in memory that does not grow with the recording.

    Times are those of the recording; where that starts before 0, they count from the whole second before it.

    Args:
        target: the file; it appears when it is complete.
        records: returns all records from the first on; it is called twice.
        wiring: the mount's lines.
        rate: minimum steps a second; the next power of ten is used.
        comment: the comment on the whole session, without spaces.
        overwrite: replace an existing file.

    Returns:
        The waveform, with counts of what it lacks.

    Raises:
        CaptureError: the file exists or cannot be written, no timescale is that fine, the rate is too low for the
            mount, or nothing has a time.
    """
    fitting = next((steps_a_second for steps_a_second in _TIMESCALES if steps_a_second >= rate), None)
    if fitting is None:
        raise CaptureError(f"{target}: {rate} steps a second; recordings have nanoseconds, so at most {DEFAULT_RATE}")
    check_rate(target, fitting, wiring, drawn=True)
    check_output(target, overwrite=overwrite)
    waveform = analyse(str(target), records(), wiring)
    try:
        with OutputFile(target, overwrite=overwrite) as output:
            _write(output.file, records(), waveform, fitting, comment)
    except OSError as error:
        raise CaptureError(f"{target}: {error.strerror or error}") from error
    return waveform


def _write(file: BinaryIO, records: Iterable[WireRecord], waveform: Waveform, rate: int, comment: str) -> None:
    origin = min(0.0, whole_seconds_before(waveform))
    file.write("".join(_header(waveform, rate, comment)).encode("utf-8", "replace"))

    @lru_cache(maxsize=4096)
    def changed(mask: int, port: int) -> str:
        """Return the lines of text for the wires of a mask."""
        return "".join(
            f"{port >> index & 1}{_code(index)}\n" for index in range(len(waveform.lines)) if mask >> index & 1
        )

    port = sum(1 << index for index, level in enumerate(waveform.initial) if level)
    last = 0
    for where, ports in render_steps(records, waveform, rate, origin):
        text: list[str] = []
        for at, levels in zip(where.tolist(), ports.tolist(), strict=True):
            mask = port ^ levels
            text.append(f"#{at}\n{changed(mask, levels & mask)}")
            port = levels
        last = int(where[-1])
        file.write("".join(text).encode("utf-8", "replace"))
    end = max(last + 1, round((waveform.end - origin + _TRAILING_IDLE_S) * rate))
    file.write(f"#{end}\n".encode("utf-8", "replace"))


def _header(waveform: Waveform, rate: int, comment: str) -> Iterator[str]:
    start = math.floor((waveform.start - min(0.0, whole_seconds_before(waveform))) * rate)
    yield "$version lensmount $end\n"
    if comment:
        yield f"$comment {comment} $end\n"
    yield f"$timescale {_TIMESCALES[rate]} $end\n$scope module mount $end\n"
    for index, line in enumerate(waveform.lines):
        yield f"$var wire 1 {_code(index)} {'_'.join(line.split()) or '_'} $end\n"
    yield f"$upscope $end\n$enddefinitions $end\n#{max(0, start)}\n$dumpvars\n"
    for index, level in enumerate(waveform.initial):
        yield f"{int(level)}{_code(index)}\n"
    yield "$end\n"


def _code(index: int) -> str:
    return chr(_FIRST_CODE + index)
