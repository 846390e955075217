"""One capture through the decoder and out again in the form that was asked for."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lensmount_emulator.reports.json_lines import json_of
from lensmount_emulator.reports.lines import ARROWS, fields_of, line_of, time_text
from lensmount_emulator.reports.tables import console_for, print_tally, print_timing
from lensmount_emulator.sessions.tally import Tally
from lensmount_hardware.captures.capture import Capture
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.describe import name_of
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.marks import marks_of
from lensmount_protocol.paving import type_of
from lensmount_protocol.timing import Mark, measure
from lensmount_protocol.wire import Edge

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
        named: say which file is being told.
        out: where to.
    """

    form: str
    only: frozenset[int]
    stats: bool
    timing: bool
    verify: bool
    edges: bool
    channels: dict[str, str]
    named: bool
    out: TextIO


def decode_file(path: str, dialect: Dialect, wanted: Wanted) -> bool:
    """Print one capture as asked; whether every valid frame was typed and rebuilt byte-identical."""
    tally = Tally(dialect)
    marks: list[tuple[float, Mark]] = []
    console = console_for(wanted.out)
    if wanted.named and wanted.form != "json":
        console.print(f"== {path}", highlight=False, markup=False)
    told = hidden = 0
    with _capture(path, dialect, wanted) as capture:
        events = Decoder(dialect).decode(capture.records)
        for event in _seen(events, tally, dialect, marks if wanted.timing else None):
            if _is_wanted(event, wanted):
                _print(event, dialect, wanted)
                told += 1
            hidden += isinstance(event, Edge)
    if not told and hidden and wanted.form == "lines":
        console.print(f"{path}: {hidden} edges and no bytes; --edges shows them", markup=False)
    if wanted.stats:
        print_tally(console, tally)
    if wanted.timing:
        print_timing(console, measure(dialect.timing, marks))
    if wanted.verify:
        verdict = "verified" if tally.proven else "NOT VERIFIED"
        console.print(f"{path}: {verdict}: {tally.summary()}", highlight=False, markup=False)
    return tally.proven


def _seen(
    events: Iterator[Decoded], tally: Tally, dialect: Dialect, marks: list[tuple[float, Mark]] | None
) -> Iterator[Decoded]:
    def counted() -> Iterator[Decoded]:
        for event in events:
            tally.add(event)
            yield event

    if marks is None:
        yield from counted()
        return
    kept: list[Decoded] = []
    for event in counted():
        kept.append(event)
        yield event
    marks += marks_of(kept, dialect)


@contextlib.contextmanager
def _capture(path: str, dialect: Dialect, wanted: Wanted) -> Generator[Capture]:
    """The open capture, under a progress bar on the terminal where it is long."""
    file = Path(path)
    if not file.is_file() or file.stat().st_size < LONG_FILE:
        yield open_capture(file, dialect.wiring, channels=wanted.channels)
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(file.name, total=1.0)
        yield open_capture(
            file,
            dialect.wiring,
            channels=wanted.channels,
            progress=lambda done: bar.update(task, completed=done),
        )


def _is_wanted(event: Decoded, wanted: Wanted) -> bool:
    if wanted.form == "quiet":
        return False
    if wanted.only:
        return isinstance(event, DecodedFrame) and any(type_of(message) in wanted.only for message in event.messages)
    if wanted.form == "table":
        return isinstance(event, DecodedFrame | DecodedGarbage)
    return wanted.edges or wanted.form == "json" or not isinstance(event, Edge)


def _print(event: Decoded, dialect: Dialect, wanted: Wanted) -> None:
    if wanted.form == "json":
        text = json_of(event, dialect)
    elif wanted.form == "table" and isinstance(event, DecodedFrame):
        text = _table_row(event)
    else:
        text = line_of(event, dialect)
        if wanted.form == "fields" and isinstance(event, DecodedFrame):
            text = "\n".join([text, *fields_of(event)])
    wanted.out.write(text + "\n")


def _table_row(event: DecodedFrame) -> str:
    names = " + ".join(name_of(message) for message in event.messages)
    types = "+".join(f"{type_of(message):02X}" for message in event.messages)
    rate = f"{event.baudrate / 1000:g}k"
    size = f"{len(event.frame.raw)}+{len(event.padding)}" if event.padding else str(len(event.frame.raw))
    return (
        f"{time_text(event.at)}  {ARROWS[event.sender]}  {rate:>5}  class {event.frame.class_}"
        f"  seq {event.frame.sequence:02x}  {size:>6}  {types:<8} {names}"
    )
