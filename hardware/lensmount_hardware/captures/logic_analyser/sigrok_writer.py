"""Writes recordings as sigrok captures, `.sr`, which sigrok-cli and PulseView open: samples at any rate."""

import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np

from lensmount_hardware.captures.declared_dialect import OWN_SECTION
from lensmount_hardware.captures.logic_analyser.logic_lines import check_rate
from lensmount_hardware.captures.logic_analyser.uart import Ports, Positions
from lensmount_hardware.captures.logic_analyser.waveform import (
    Levels,
    Waveform,
    analyse,
    render_steps,
    whole_seconds_before,
)
from lensmount_hardware.output_file import OutputFile, check_output
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import WireRecord, Wiring

DEFAULT_RATE = 12_000_000
"""Eight samples a bit of the fastest mount, and a whole number of them at its other round rates."""

_CHUNK = 4 * 1024 * 1024
"""Bytes of samples in a member of the archive, as sigrok itself makes them."""

_TRAILING_IDLE_S = 1e-3
"""Seconds of idle lines after the last record: a decoder needs to see the last stop bit."""

_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that the same records give the same file."""


def write_sigrok(
    target: Path,
    records: Callable[[], Iterable[WireRecord]],
    wiring: Wiring,
    rate: int = DEFAULT_RATE,
    limit: int | None = None,
    *,
    about: Mapping[str, str] = MappingProxyType({}),
    overwrite: bool = False,
) -> Waveform:
    """Write a `.sr` file, in memory that does not grow with the recording.

    Sample 0 is the whole second before the first record; a sample shows the levels nearest to its time.

    Args:
        target: the file; it appears when it is complete.
        records: returns all records from the first on; it is called twice.
        wiring: the mount's lines and rates.
        rate: samples a second.
        limit: samples that the file may have; `None` for any number.
        about: entries on the whole session; other programs ignore them.
        overwrite: replace an existing file.

    Returns:
        The waveform, with counts of what it lacks.

    Raises:
        CaptureError: the file exists or cannot be written, the rate is too low for the mount, nothing has a time, or
            there are more samples than the limit.
    """
    check_rate(target, rate, wiring, drawn=True)
    check_output(target, overwrite=overwrite)
    waveform = analyse(str(target), records(), wiring)
    total = math.ceil((waveform.end - whole_seconds_before(waveform) + _TRAILING_IDLE_S) * rate)
    if limit is not None and total > limit:
        raise CaptureError(
            f"{target}: {waveform.end - waveform.start:g} s at {rate / 1e6:g} MHz are {total} samples, and a "
            f"recording of this size is drawn with at most {limit}; write .vcd, which holds changes only, or ask for a "
            "lower --samplerate"
        )
    size = next(size for size in (1, 2, 4, 8) if len(waveform.lines) <= 8 * size)
    try:
        with (
            OutputFile(target, overwrite=overwrite) as output,
            zipfile.ZipFile(output.file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            _add(archive, "version", b"2")
            _add(archive, "metadata", _metadata(waveform, rate, size, about))
            for number, samples in enumerate(_chunks(records(), waveform, rate, size, limit), 1):
                _add(archive, f"logic-1-{number}", samples)
    except OSError as error:
        raise CaptureError(f"{target}: {error.strerror or error}") from error
    return waveform


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _BEGINNING)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data, compresslevel=1)


def _metadata(waveform: Waveform, rate: int, size: int, about: Mapping[str, str]) -> bytes:
    device = {
        "capturefile": "logic-1",
        "total probes": len(waveform.lines),
        "samplerate": f"{rate // 1_000_000} MHz" if rate % 1_000_000 == 0 else f"{rate} Hz",
        "total analog": 0,
        **{f"probe{number}": " ".join(line.split()) for number, line in enumerate(waveform.lines, 1)},
        "unitsize": size,
    }
    device_lines = "".join(f"{key}={value}\n" for key, value in device.items())
    own = "".join(f"{key}={value}\n" for key, value in about.items())
    own = own and f"\n[{OWN_SECTION}]\n{own}"
    return f"[global]\nsigrok version=0.5.2\n\n[device 1]\n{device_lines}{own}".encode("utf-8", "replace")


def _chunks(
    records: Iterable[WireRecord], waveform: Waveform, rate: int, size: int, limit: int | None
) -> Iterator[bytes]:
    """All samples, in pieces of one size; the last is shorter."""
    origin = whole_seconds_before(waveform)
    kind = np.dtype(f"<u{size}")
    chunk = np.zeros(_CHUNK // size, kind)
    done = filled = 0
    level = np.array([sum(1 << index for index, high in enumerate(waveform.initial) if high)], kind)
    for where, ports in chain(render_steps(records, waveform, rate, origin), (_at_rest(waveform, rate, origin),)):
        runs = np.concatenate((level, ports.astype(kind)))
        level = runs[-1:]
        if limit is not None and where[-1] > limit:
            # Records that overlap are drawn after each other, so the drawing can be longer than the recording.
            raise CaptureError(f"records overlap, and are drawn as more than {limit} samples; write .pcapng instead")
        while done < where[-1]:
            piece = _piece(where, runs, done, len(chunk) - filled)
            chunk[filled : filled + len(piece)] = piece
            done += len(piece)
            filled += len(piece)
            if filled == len(chunk):
                yield chunk.tobytes()
                filled = 0
    if filled:
        yield chunk[:filled].tobytes()


def _at_rest(waveform: Waveform, rate: int, origin: float) -> tuple[Positions, Levels]:
    """Return a final step after all others; the lines keep their levels until then."""
    return np.array([round((waveform.end - origin + _TRAILING_IDLE_S) * rate)]), np.zeros(1, np.uint64)


def _piece(where: Positions, runs: Ports, start: int, count: int) -> Ports:
    """Return up to `count` samples from `start` on, as far as the changes reach: run n ends at change n."""
    stop = min(start + count, int(where[-1]))
    first, last = np.searchsorted(where, (start, stop - 1), side="right")
    bounds = np.clip(np.concatenate(([start], where[first:last], [stop])), start, stop)
    return np.repeat(runs[first : last + 1], np.diff(bounds))
