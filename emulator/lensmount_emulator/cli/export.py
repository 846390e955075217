"""Recordings to the tools that engineers have: Wireshark, PulseView, waveform viewers, Perfetto, dataframes.

The ending of the target selects the format:
  .pcapng  every byte, edge and note with nanoseconds; a packet is a run of bytes, or with --packets frames a frame
  .sr      samples of every line, as a logic analyser takes them: 12 million a second, or --samplerate
  .vcd     changes of every line, in steps of 1 ns, or as coarse as --samplerate allows
  .csv     a table: --table frames (default), edges or fields; --field adds columns, --range limits the time
  .parquet the same table, where polars is installed
  .pftrace a trace for Perfetto: lines as counters, frames as slices with their fields; --range limits the time
  .html    the view of `lensmount ui` with its data, one file that opens without a server; --range limits the time
The source may be any capture that `decode` reads. With --dissector no recording is needed:
  lensmount export --dissector emount > ~/.local/lib/wireshark/plugins/lensmount_emount.lua
Nor is one with --from-dialect, which writes the declarations of a dialect for other programs:
  lensmount export --from-dialect lmount --format c --output codec/
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensmount_emulator.cli.options import UsageError
from lensmount_emulator.reports.printable import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lensmount_hardware.captures.capture import Capture
    from lensmount_protocol.dialect import Dialect
    from lensmount_protocol.wire import WireRecord


ENDINGS = (".pcapng", ".sr", ".vcd", ".csv", ".parquet", ".pftrace", ".html")
DATA_ENDINGS = (".csv", ".parquet", ".pftrace", ".html")
FORMAT_NAMES = ("c", "wireshark", "sigrok", "saleae", "kaitai", "json", "markdown")
"""The formats of `--from-dialect`; `lensmount_emulator.exports.formats` has them, and loads construct."""
NOTHING_FOUND = "the source holds nothing for this file, or nothing in its --range"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount export`."""
    from lensmount_emulator.cli.options import add_force, parse_frequency, parse_range
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("recording", nargs="?", metavar="FILE", help="a recording, or any other capture")
    parser.add_argument(
        "--output",
        metavar="PLACE",
        help=f"the target, which ends in {', '.join(ENDINGS)}; of --from-dialect a file, or a folder for several",
    )
    parser.add_argument("--dialect", help="the dialect (default: the one that the recording declares, else emount)")
    parser.add_argument(
        "--samplerate",
        type=parse_frequency,
        metavar="HZ",
        help="of .sr and .vcd: 12000000, 12M, 500k; a FILE without a rate is read at it as well",
    )
    parser.add_argument(
        "--source-samplerate", type=parse_frequency, metavar="HZ", help="samples a second of a FILE that lacks them: 6M"
    )
    parser.add_argument(
        "--packets",
        **one_of("form", ("bursts", "frames")),
        default="bursts",
        help="what a packet of .pcapng is: bytes as recorded, or frames as they decode (default: %(default)s)",
    )
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="LINE=PROBE",
        help="which channel of a logic capture carries a line",
    )
    parser.add_argument(
        "--range",
        type=parse_range,
        metavar="FROM..TO",
        help="of data files: only this time, such as 1.2..1.5 or 200ms..1s",
    )
    parser.add_argument(
        "--table",
        **one_of("table", ("frames", "edges", "fields")),
        default="frames",
        help="what a row of .csv and .parquet is (default: %(default)s)",
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="MESSAGE.FIELD",
        help="a field that becomes a column of --table frames; may be given again",
    )
    add_force(parser)
    parser.add_argument("--dissector", metavar="DIALECT", help="print a dissector for Wireshark instead")
    parser.add_argument("--from-dialect", metavar="DIALECT", help="write the declarations of a dialect instead")
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        **one_of("format", FORMAT_NAMES),
        help=f"of --from-dialect: {', '.join(FORMAT_NAMES)}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write what was asked for."""
    from lensmount_emulator.cli.options import dialect_of_file
    from lensmount_protocol.dialect import load_dialect

    if arguments.from_dialect is not None:
        return _write_dialect(arguments)
    if arguments.format is not None:
        raise UsageError(f"--format {arguments.format} needs --from-dialect DIALECT")
    if arguments.dissector is not None:
        from lensmount_emulator.exports.wireshark import wireshark_dissector

        print(wireshark_dissector(load_dialect(arguments.dissector)), end="")
        return 0
    if arguments.recording is None or arguments.output is None:
        raise UsageError("export needs a recording and --output FILE, --dissector DIALECT, or --from-dialect DIALECT")
    declared = dialect_of_file(arguments.recording)
    return _export(arguments, load_dialect(arguments.dialect or declared))


def _export(arguments: argparse.Namespace, dialect: "Dialect") -> int:
    from lensmount_emulator.cli.options import parse_channels
    from lensmount_hardware.captures.capture import MissingRateError, sort_by_time
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.output_file import check_output, is_same_file

    source, target = Path(arguments.recording), Path(arguments.output)
    if target.suffix not in ENDINGS:
        raise UsageError(f"{target}: unknown file name ending; known endings: {', '.join(ENDINGS)}")
    if is_same_file(target, source):
        raise UsageError(f"{target}: is the recording itself; choose another target")
    check_output(target, overwrite=arguments.force, inputs=[source])
    channels = parse_channels(arguments.channel, dialect.wiring.lines)
    found = ExportMonitor()
    is_data = target.suffix in DATA_ENDINGS
    for option, given in (("--range", arguments.range), ("--field", arguments.field)):
        if given and not is_data:
            raise UsageError(f"{target}: {option} is for {', '.join(DATA_ENDINGS)}")
    if is_data and arguments.samplerate is not None and arguments.source_samplerate is None:
        arguments.source_samplerate = arguments.samplerate

    source_rate = arguments.source_samplerate

    def opened() -> "Capture":
        return open_capture(source, dialect.wiring, channels=channels, samplerate=source_rate)

    # Errors of the source are reported before the target exists.
    try:
        capture = opened()
    except MissingRateError:
        if arguments.samplerate is None:
            raise
        # The only rate that is given is that of the source; the target has it, too.
        source_rate = arguments.samplerate
        capture = opened()
    if target.suffix == ".pcapng" and arguments.samplerate not in (None, source_rate):
        raise UsageError(f"{target}: --samplerate {arguments.samplerate}: .pcapng has times and no samples")
    # A dialect that was only assumed is not declared: a reader of the export would take it for a fact.
    named = arguments.dialect or declared_dialect(source)
    remarks: list[str] = []
    if target.suffix == ".pcapng":
        framed = arguments.packets == "frames"
        records = sort_by_time(_split_into_frames(capture.records, dialect)) if framed else capture.records
        _to_pcapng(target, found.watch(records), named, overwrite=arguments.force)
    elif is_data:
        if not _to_data_file(target, found.watch(capture.records), dialect, arguments, source):
            remarks.append(NOTHING_FOUND)
    else:
        remarks = _write_logic_capture(target, lambda: found.watch(opened().records), dialect, named, arguments, source)
    wanting = found.shortcomings(named or "", declared_dialect(source))
    for remark in [*remarks, *wanting]:
        report(f"{target}: {remark}")
    return 1 if wanting or NOTHING_FOUND in remarks else 0


def _to_data_file(
    target: "Path", records: "Iterator[WireRecord]", dialect: "Dialect", arguments: argparse.Namespace, source: "Path"
) -> int:
    """Write a data file; return how many rows, packets or frames of the source it holds."""
    from lensmount_emulator.reports.data_files import check_parquet, write_data_file
    from lensmount_emulator.traffic.event_columns import EventColumns
    from lensmount_emulator.traffic.field_columns import find_field
    from lensmount_protocol.decoder import Decoder, OrderedDecoder

    for name in arguments.field:
        find_field(dialect, name)
    if target.suffix == ".parquet":
        check_parquet()
    if target.suffix == ".html":
        return _to_page(target, records, dialect, arguments, source)
    columns = EventColumns(dialect).add_all(OrderedDecoder(Decoder(dialect)).decode(records))
    count = write_data_file(
        target,
        columns,
        table=arguments.table,
        fields=arguments.field,
        within=arguments.range,
        title=source.name,
        overwrite=arguments.force,
        inputs=[source],
    )
    if not count or (target.suffix != ".pftrace" and not arguments.quiet):
        report(f"{target}: {count} rows")
    return count


def _to_page(
    target: "Path", records: "Iterator[WireRecord]", dialect: "Dialect", arguments: argparse.Namespace, source: "Path"
) -> int:
    from importlib import import_module

    from lensmount_protocol.decoder import Decoder, OrderedDecoder

    if arguments.field:
        raise UsageError(f"{target}: --field is for a table; a page has every field")
    events = OrderedDecoder(Decoder(dialect)).decode(records)
    # The page is a layer above the command line, which only starts it.
    count: int = import_module("lensmount_web.page_file").write_events(
        target, dialect, events, source, within=arguments.range, overwrite=arguments.force
    )
    if not arguments.quiet:
        report(f"{target}: {count} rows")
    return count


def _write_logic_capture(
    target: "Path",
    records: "Callable[[], Iterator[WireRecord]]",
    dialect: "Dialect",
    named: str | None,
    arguments: argparse.Namespace,
    source: "Path",
) -> list[str]:
    """Write a logic capture; return notes about what the format cannot hold."""
    from lensmount_hardware.captures.declared_dialect import declaration

    options: dict[str, Any] = {} if arguments.samplerate is None else {"rate": arguments.samplerate}
    if target.suffix == ".sr":
        from lensmount_hardware.captures.limits import sample_limit
        from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok

        options["limit"] = sample_limit(source.stat().st_size)
        about = {"dialect": named} if named else {}
        waveform = write_sigrok(target, records, dialect.wiring, about=about, overwrite=arguments.force, **options)
    else:
        from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd

        comment = declaration(named) if named else ""
        waveform = write_vcd(target, records, dialect.wiring, comment=comment, overwrite=arguments.force, **options)
    return waveform.notes()


class ExportMonitor:
    """Watches the records that an export passes on, to report what is wanting in them.

    Attributes:
        gaps: the texts of annotations about missing parts of the source.
        count: records of the last pass without remarks.
    """

    def __init__(self) -> None:
        self.gaps: list[str] = []
        self.count = 0

    def watch(self, records: "Iterator[WireRecord]") -> "Iterator[WireRecord]":
        """Pass the records on; a second pass counts from the start."""
        from lensmount_protocol.wire import Annotation

        self.gaps, self.count = [], 0
        for record in records:
            if not isinstance(record, Annotation):
                self.count += 1
            elif record.incomplete:
                self.gaps.append(record.text)
            yield record

    def shortcomings(self, named: str, declared: str | None) -> list[str]:
        """Return the shortcomings of the export as a copy of its source."""
        from lensmount_protocol.errors import limit_list

        found = limit_list(f"the source is incomplete: {gap}" for gap in self.gaps)
        if not self.count:
            found.append("the source holds nothing")
        if named and declared and named != declared:
            found.append(f"the source declares the dialect {declared}, and {named} was given")
        return found


def _to_pcapng(target: "Path", records: "Iterator[WireRecord]", named: str | None, *, overwrite: bool) -> None:
    from lensmount_hardware.captures.declared_dialect import declaration
    from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter

    with PcapngWriter(target, declaration(named) if named else "", overwrite=overwrite) as writer:
        for record in records:
            writer.write(record)


def _split_into_frames(records: "Iterator[WireRecord]", dialect: "Dialect") -> "Iterator[WireRecord]":
    """The records with their bytes cut into frames, each with its padding, and garbage as it is."""
    from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder, EmptyWindow
    from lensmount_protocol.wire import Burst

    for event in Decoder(dialect, headers_only=True).decode(records):
        if isinstance(event, DecodedFrame):
            data = event.frame.raw + event.padding
            yield Burst(event.at, event.sender, data, event.baudrate, event.clocked_end or event.end, whole=True)
        elif isinstance(event, DecodedGarbage):
            yield Burst(event.at, event.sender, event.data, event.baudrate)
        elif not isinstance(event, EmptyWindow):
            yield event


def _write_dialect(arguments: argparse.Namespace) -> int:
    """Write a dialect in one format, and list the files.

    Raises:
        UsageError: an argument is missing, or one of a recording's export was given.
        DialectError: a field or a frame of the dialect has a form that no target can carry.
        CaptureError: a file exists, or cannot be written.
    """
    from lensmount_emulator.exports.formats import FORMATS, export_dialect
    from lensmount_hardware.output_file import STREAMS, check_output, write_output
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import CaptureError

    if arguments.format is None or arguments.output is None:
        raise UsageError(f"--from-dialect needs --format and --output; formats: {', '.join(FORMATS)}")
    if arguments.recording is not None:
        raise UsageError(f"--from-dialect exports the declarations, and {arguments.recording} is a recording; name one")
    files = export_dialect(load_dialect(arguments.from_dialect), arguments.format)
    target = Path(arguments.output)
    if not FORMATS[arguments.format].folder:
        ((_, text),) = files.items()
        write_output(target, text.encode(), overwrite=arguments.force)
        if arguments.output not in STREAMS and not arguments.quiet:
            print(target)
        return 0
    if arguments.output in STREAMS or (target.exists() and not target.is_dir()):
        raise CaptureError(f"{target}: the format {arguments.format} is a folder of files; name a folder")
    for name in files:
        check_output(target / name, overwrite=arguments.force)
    for name, text in files.items():
        place = target / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaptureError(f"{place.parent}: {error.strerror}") from error
        write_output(place, text.encode(), overwrite=arguments.force)
        if not arguments.quiet:
            print(place)
    return 0
