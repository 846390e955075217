"""Read captures: lines and bytes to frames to typed messages, with times, direction, baud, gaps, padding and garbage.

The content decides the format: sigrok .sr, Saleae .sal, .csv and binary folders, DSView .dsl, .vcd, .pcapng, sniffer
logs and notebooks (.txt), .frames.jsonl, .lines.jsonl and lensmount's own recordings (.lmx).
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lensmount_emulator.reports.printable import Colour, Line, line_writer, one_line, report
from lensmount_emulator.sessions.decoded_capture import capture_problems
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_emulator.traffic.event_filter import mentions_edges, parse_filter
from lensmount_emulator.traffic.filter_events import EventFilter
from lensmount_hardware.captures.capture import Capture
from lensmount_hardware.captures.declared_dialect import declared_dialect
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder, OrderedDecoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import shorten
from lensmount_protocol.payload import PayloadMemo, message_type
from lensmount_protocol.timing import MARK_LOOK_AHEAD, TimingAnalyzer
from lensmount_protocol.timing_marks import TimingMarkExtractor
from lensmount_protocol.wire import Annotation, Edge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount decode`."""
    from lensmount_emulator.cli.options import add_samplerate

    parser.add_argument("files", nargs="+", metavar="FILE", help="a capture")
    parser.add_argument("--dialect", help="the dialect (default: the one that the recording declares, else emount)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--lines", dest="form", action="store_const", const="lines", help="one line an event (default)")
    form.add_argument(
        "--fields", dest="form", action="store_const", const="fields", help="every field of every message"
    )
    form.add_argument("--table", dest="form", action="store_const", const="table", help="a table of frames")
    form.add_argument("--json", dest="form", action="store_const", const="json", help="one JSON object an event")
    parser.add_argument(
        "--only", action="append", metavar="TYPE", help="only frames with this message: 05, 0x05 or its name"
    )
    parser.add_argument(
        "--where",
        metavar="FILTER",
        help="only events that a filter accepts: 'lens LensStatus.distance > 700', '!routine'",
    )
    parser.add_argument("--stats", action="store_true", help="count frames per message type")
    parser.add_argument("--timing", action="store_true", help="measure every rule of the timing contract")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="prove that every valid frame is typed and rebuilds byte-identical, that there is one, and that the whole "
        "file was read as what it declares; exit code 1 if not",
    )
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="LINE=PROBE",
        help="which channel of a logic capture carries a line: RXD=3; BODY_CS=none leaves it out",
    )
    add_samplerate(parser)
    parser.add_argument("--edges", action="store_true", help="show every edge of every line as well")
    parser.set_defaults(form=None)


def run(arguments: argparse.Namespace) -> int:
    """Decode each file; what was decoded before an error stays printed."""
    from pathlib import Path

    from lensmount_emulator.cli.options import (
        DEFAULT_DIALECT,
        UsageError,
        dialect_of_file,
        error_exit_code,
        find_messages,
        parse_channels,
    )
    from lensmount_emulator.reports.printable import one_line
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import MountError

    if arguments.quiet and arguments.form:
        raise UsageError(f"--quiet prints no events, and --{arguments.form} does; leave one of them out")
    dialect = load_dialect(arguments.dialect or dialect_of_file(arguments.files[0]))
    items: list[str] = arguments.only or []
    asked = arguments.stats or arguments.timing or arguments.verify
    wanted = DecodeOptions(
        form=arguments.form or ("quiet" if asked or arguments.quiet else "lines"),
        where=arguments.where or "",
        only=frozenset(cls.TYPE for item in items for cls in find_messages(item, dialect.messages)),
        stats=arguments.stats,
        timing=arguments.timing,
        verify=arguments.verify,
        edges=arguments.edges,
        channels=parse_channels(arguments.channel, dialect.wiring.lines),
        samplerate=arguments.samplerate,
        prints_file_name=len(arguments.files) > 1,
        progress=not arguments.quiet,
        out=sys.stdout,
    )
    sound = True
    code = 0
    for path in arguments.files:
        name = arguments.dialect or declared_dialect(Path(path))
        try:
            sound &= decode_file(path, load_dialect(name or DEFAULT_DIALECT), wanted, assumed=name is None)
        except MountError as error:
            if len(arguments.files) == 1:
                raise
            # Each file gets its verdict; the worst exit code counts.
            sys.stdout.flush()
            report(one_line(error), Colour.ERROR)
            code = max(code, error_exit_code(error))
    return code or (0 if sound else 1)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What to print of a capture.

    Attributes:
        form: lines, fields, table, json or quiet.
        where: a filter of events; empty for all.
        only: types of the messages of interest; empty for all.
        stats: count frames per composition.
        timing: measure the timing contract.
        verify: whether to check that every valid frame rebuilds.
        edges: show edges in the text forms too.
        channels: line -> probe, for logic captures.
        samplerate: samples a second, for captures of samples without a rate; `None` to take the file's.
        prints_file_name: whether to print the name of the file.
        progress: show how far a long file has been read.
        out: where to.
    """

    form: str
    where: str
    only: frozenset[int]
    stats: bool
    timing: bool
    verify: bool
    edges: bool
    channels: dict[str, str]
    samplerate: int | None
    prints_file_name: bool
    progress: bool
    out: TextIO


def decode_file(path: str, dialect: Dialect, options: DecodeOptions, assumed: bool = False) -> bool:
    """Print one capture as asked; whether all of it was read and, if that was asked, verified.

    Args:
        path: the capture.
        dialect: what it is read as.
        options: what to print.
        assumed: neither the caller nor the file named the dialect.
    """
    out = options.out
    if options.prints_file_name and options.form != "json":
        out.write(f"== {one_line(path)}\n")
    declared = declared_dialect(Path(path))
    if declared is not None and declared != dialect.name:
        note = f"{path}: declares the dialect {declared}, and is read as {dialect.name}"
        report(one_line(note))
    tally = TrafficStats(dialect) if options.stats or options.verify else None
    meter = TimingAnalyzer(dialect.timing, MARK_LOOK_AHEAD) if options.timing else None
    finder = TimingMarkExtractor(dialect, meter.wanted) if meter is not None else None
    print_event = _event_formatter(dialect, options.form, out)
    chosen = EventFilter(parse_filter(options.where, dialect), dialect) if options.where else None
    names_edges = chosen is not None and mentions_edges(chosen.condition)
    quiet, everything = options.form == "quiet", options.form == "json" and not (options.only or chosen)
    text = hidden = 0
    gaps: list[str] = []
    with _capture(path, dialect, options) as capture:
        # Where only some frames are printed, or none, the payload of the others need not be parsed.
        memo = PayloadMemo() if options.form == "lines" else None
        headers_only = tally is None and not chosen and (quiet or bool(options.only))
        decoder = Decoder(dialect, headers_only=headers_only, memo=memo)
        # What is only counted needs no order of time.
        decode = decoder.decode if quiet else OrderedDecoder(decoder).decode
        for event in decode(capture.records):
            if isinstance(event, Annotation) and event.incomplete:
                gaps.append(event.text)
            if tally is not None:
                tally.add(event)
            if meter is not None and finder is not None:
                meter.add_marks(finder.marks(event))
            if quiet:
                continue
            if chosen is not None and not chosen.accepts(event):
                continue
            if everything or _is_wanted(event, options, names_edges=names_edges):
                print_event(event)
                text += 1
            elif isinstance(event, Edge):
                hidden += 1
    if not text and hidden and options.form == "lines":
        out.write(f"{one_line(path)}: {hidden} edges and no bytes; --edges shows them\n")
    if tally is not None and options.stats:
        _print_stats(out, tally)
    if meter is not None:
        _print_timing(out, meter)
    if tally is None or not options.verify:
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
        file=sys.stderr if options.form == "json" else out,
    )
    return not wrong


def _print_stats(out: TextIO, stats: TrafficStats) -> None:
    from lensmount_emulator.reports.console import make_console, print_traffic

    print_traffic(make_console(out), stats)


def _print_timing(out: TextIO, meter: TimingAnalyzer) -> None:
    from lensmount_emulator.reports.console import make_console, print_timing

    print_timing(make_console(out), meter.finish())
    if meter.late:
        out.write(
            f"{meter.late} marks came too late to be measured: more than {MARK_LOOK_AHEAD} others came before them\n"
        )


@contextlib.contextmanager
def _capture(path: str, dialect: Dialect, options: DecodeOptions) -> Generator[Capture]:
    """The open capture, under a progress bar on the terminal where it is long."""
    from lensmount_emulator.cli.options import file_progress

    file = Path(path)
    # Lines between events would tear them apart.
    with file_progress(file, shown=options.progress and sys.stderr.isatty()) as progress:
        yield open_capture(
            file, dialect.wiring, channels=options.channels, progress=progress, samplerate=options.samplerate
        )


def _is_wanted(event: Decoded, options: DecodeOptions, *, names_edges: bool) -> bool:
    if isinstance(event, Edge) and options.where:
        # A filter that names no line is about messages.
        return options.edges or names_edges
    if options.only:
        if not isinstance(event, DecodedFrame) or options.only.isdisjoint(event.frame.payload):
            return False
        return any(message_type(message) in options.only for message in event.messages)
    if options.form == "table":
        return isinstance(event, DecodedFrame | DecodedGarbage)
    return options.edges or bool(options.where) or not isinstance(event, Edge)


def _event_formatter(dialect: Dialect, form: str, out: TextIO) -> Callable[[Decoded], None]:
    """What writes an event as text; only the form that is wanted is imported."""
    if form == "json":
        from lensmount_emulator.reports.event_json import event_to_json

        return lambda event: _write(out, event_to_json(event, dialect))

    from lensmount_emulator.reports.event_text import (
        FIELD_INDENT,
        HANG,
        EventFormatter,
        event_colour,
        format_fields,
        format_row,
    )

    write, format_event = line_writer(out), EventFormatter(dialect)

    def show(event: Decoded) -> None:
        frame = event if isinstance(event, DecodedFrame) else None
        text = format_row(frame) if form == "table" and frame else format_event(event)
        write(Line(text, event_colour(event), HANG))
        if form == "fields" and frame:
            for field in format_fields(frame):
                write(Line(field, None, 2 * FIELD_INDENT))

    return show


def _write(out: TextIO, text: str) -> None:
    out.write(text + "\n")
