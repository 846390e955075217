"""One capture through the decoder and out again in the form that was asked for."""

import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lensmount_emulator.reports.printable import one_line
from lensmount_emulator.reports.terminal import Line, line_writer, report
from lensmount_emulator.sessions.decoded_capture import capture_problems
from lensmount_emulator.sessions.tally import Tally
from lensmount_hardware.captures.capture import Capture, Progress, silent
from lensmount_hardware.captures.declared import declared_dialect
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import shorten
from lensmount_protocol.marks import MarkFinder
from lensmount_protocol.paving import type_of
from lensmount_protocol.time_order import OrderedDecoder
from lensmount_protocol.timing import LOOK_AHEAD, Meter
from lensmount_protocol.wire import Edge, Remark

LONG_FILE = 2_000_000
"""Bytes from which on a file gets a progress bar."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to print of a capture.

    Attributes:
        form: lines, fields, table, json or quiet.
        only: types of the messages of interest; empty for all.
        stats: count frames per composition.
        timing: measure the timing contract.
        verify: say whether every valid frame rebuilds.
        edges: show edges in the text forms too.
        channels: line -> probe, for logic captures.
        samplerate: samples a second, for captures of samples that do not say; `None` to take the file's.
        named: say which file is being told.
        progress: show how far a long file has been read.
        out: where to.
    """

    form: str
    only: frozenset[int]
    stats: bool
    timing: bool
    verify: bool
    edges: bool
    channels: dict[str, str]
    samplerate: int | None
    named: bool
    progress: bool
    out: TextIO


def decode_file(path: str, dialect: Dialect, wanted: Wanted, assumed: bool = False) -> bool:
    """Print one capture as asked; whether all of it was read and, if that was asked, verified.

    Args:
        path: the capture.
        dialect: what it is read as.
        wanted: what to print.
        assumed: neither the caller nor the file named the dialect.
    """
    out = wanted.out
    if wanted.named and wanted.form != "json":
        out.write(f"== {one_line(path)}\n")
    declared = declared_dialect(Path(path))
    if declared is not None and declared != dialect.name:
        note = f"{path}: declares the dialect {declared}, and is read as {dialect.name}"
        report(one_line(note))
    tally = Tally(dialect) if wanted.stats or wanted.verify else None
    meter = Meter(dialect.timing, LOOK_AHEAD) if wanted.timing else None
    finder = MarkFinder(dialect, meter.wanted) if meter is not None else None
    tell = _teller(dialect, wanted.form, out)
    quiet, everything = wanted.form == "quiet", wanted.form == "json" and not wanted.only
    told = hidden = 0
    gaps: list[str] = []
    with _capture(path, dialect, wanted) as capture:
        # Where only some frames are told, or none, what the others say need not be read.
        decoder = Decoder(dialect, headers_only=tally is None and (quiet or bool(wanted.only)))
        # What is only counted needs no order of time.
        decode = decoder.decode if quiet else OrderedDecoder(decoder).decode
        for event in decode(capture.records):
            if isinstance(event, Remark) and event.incomplete:
                gaps.append(event.text)
            if tally is not None:
                tally.add(event)
            if meter is not None and finder is not None:
                meter.take(finder.marks(event))
            if quiet:
                continue
            if everything or _is_wanted(event, wanted):
                tell(event)
                told += 1
            elif isinstance(event, Edge):
                hidden += 1
    if not told and hidden and wanted.form == "lines":
        out.write(f"{one_line(path)}: {hidden} edges and no bytes; --edges shows them\n")
    if tally is not None and wanted.stats:
        _print_tally(out, tally)
    if meter is not None:
        _print_timing(out, meter)
    if tally is None or not wanted.verify:
        if gaps:
            more = f"; and {len(gaps) - 1} more" if len(gaps) > 1 else ""
            report(one_line(f"{path}: incomplete: {gaps[0]}{more}"))
        return not gaps
    wrong = capture_problems(tally, declared, assumed=assumed)
    verdict = "NOT VERIFIED" if wrong else "verified"
    reasons = "".join(f"; {problem}" for problem in wrong)
    print(
        shorten(one_line(f"{path}: {verdict}: {tally.summary()}; {tally.share()}{reasons}")),
        # Machines read the JSON objects, and the verdict is none.
        file=sys.stderr if wanted.form == "json" else out,
    )
    return not wrong


def _print_tally(out: TextIO, tally: Tally) -> None:
    from lensmount_emulator.reports.console import console_for
    from lensmount_emulator.reports.tables import print_tally

    print_tally(console_for(out), tally)


def _print_timing(out: TextIO, meter: Meter) -> None:
    from lensmount_emulator.reports.console import console_for
    from lensmount_emulator.reports.tables import print_timing

    print_timing(console_for(out), meter.finish())
    if meter.late:
        out.write(f"{meter.late} marks came too late to be measured: more than {LOOK_AHEAD} others came before them\n")


@contextlib.contextmanager
def _capture(path: str, dialect: Dialect, wanted: Wanted) -> Generator[Capture]:
    """The open capture, under a progress bar on the terminal where it is long and somebody may look."""
    file = Path(path)
    with contextlib.ExitStack() as stack:
        progress: Progress = silent
        if wanted.progress and sys.stderr.isatty() and file.is_file() and file.stat().st_size >= LONG_FILE:
            from lensmount_emulator.reports.progress import progress_bar

            progress = stack.enter_context(progress_bar(file.name))
        yield open_capture(
            file, dialect.wiring, channels=wanted.channels, progress=progress, samplerate=wanted.samplerate
        )


def _is_wanted(event: Decoded, wanted: Wanted) -> bool:
    if wanted.only:
        if not isinstance(event, DecodedFrame) or wanted.only.isdisjoint(event.frame.payload):
            return False
        return any(type_of(message) in wanted.only for message in event.messages)
    if wanted.form == "table":
        return isinstance(event, DecodedFrame | DecodedGarbage)
    return wanted.edges or not isinstance(event, Edge)


def _teller(dialect: Dialect, form: str, out: TextIO) -> Callable[[Decoded], None]:
    """What writes an event as text; only the form that is wanted is imported."""
    if form == "json":
        from lensmount_emulator.reports.json_lines import json_of

        return lambda event: _write(out, json_of(event, dialect))

    from lensmount_emulator.reports.lines import FIELD_INDENT, HANG, colour_of, fields_of, line_of, row_of

    write = line_writer(out)

    def show(event: Decoded) -> None:
        frame = event if isinstance(event, DecodedFrame) else None
        text = row_of(frame) if form == "table" and frame else line_of(event, dialect)
        write(Line(text, colour_of(event), HANG))
        if form == "fields" and frame:
            for field in fields_of(frame):
                write(Line(field, None, 2 * FIELD_INDENT))

    return show


def _write(out: TextIO, text: str) -> None:
    out.write(text + "\n")
