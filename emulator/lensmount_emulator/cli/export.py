"""Recordings to the tools that engineers have: pcapng for Wireshark, .sr and .vcd for PulseView and waveform viewers.

The ending of the target says the format:
  .pcapng  every byte, edge and note with nanoseconds; a packet is a run of bytes, or with --packets frames a frame
  .sr      samples of every line, as a logic analyser takes them: 12 million a second, or --samplerate
  .vcd     changes of every line, in steps of 1 ns, or as coarse as --samplerate allows
The source may be any capture that `decode` reads. With --dissector no recording is needed:
  lensmount export --dissector emount > ~/.local/lib/wireshark/plugins/lensmount_emount.lua
"""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lensmount_hardware.captures.capture import Capture
    from lensmount_hardware.captures.waveform import Waveform
    from lensmount_protocol.dialect import Dialect
    from lensmount_protocol.wire import Record

ENDINGS = (".pcapng", ".sr", ".vcd")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount export`."""
    from lensmount_emulator.cli.words import frequency

    parser.add_argument("recording", nargs="?", metavar="FILE", help="a recording, or any other capture")
    parser.add_argument("--to", metavar="FILE", help=f"the target, which ends in {', '.join(ENDINGS)}")
    parser.add_argument("--dialect", help="what is spoken there (default: what a recording says itself, else emount)")
    parser.add_argument("--samplerate", type=frequency, metavar="HZ", help="of .sr and .vcd: 12000000, 12M, 500k")
    parser.add_argument(
        "--source-samplerate", type=frequency, metavar="HZ", help="samples a second of a FILE that lacks them: 6M"
    )
    parser.add_argument(
        "--packets",
        choices=("bursts", "frames"),
        default="bursts",
        help="what a packet of .pcapng is: bytes as recorded, or frames as they decode (default: %(default)s)",
    )
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="LINE=PROBE",
        help="which probe of a .sr or .vcd carries a line",
    )
    parser.add_argument("--dissector", metavar="DIALECT", help="print a dissector for Wireshark instead")


def run(arguments: argparse.Namespace) -> int:
    """Write what was asked for."""
    from lensmount_emulator.cli.words import UsageError, spoken_in
    from lensmount_protocol.registry import load_dialect

    if arguments.dissector is not None:
        from lensmount_emulator.reports.dissector import dissector

        print(dissector(load_dialect(arguments.dissector)), end="")
        return 0
    if arguments.recording is None or arguments.to is None:
        raise UsageError("export needs a recording and --to FILE, or --dissector DIALECT")
    _export(arguments, load_dialect(arguments.dialect or spoken_in(arguments.recording)))
    return 0


def _export(arguments: argparse.Namespace, dialect: "Dialect") -> None:
    import os
    import sys
    from pathlib import Path

    from lensmount_emulator.cli.words import UsageError, channels_of
    from lensmount_hardware.captures.capture import in_time_order
    from lensmount_hardware.captures.formats import open_capture

    source, target = Path(arguments.recording), Path(arguments.to)
    if target.suffix not in ENDINGS:
        raise UsageError(f"{target}: the name says no format; known endings: {', '.join(ENDINGS)}")
    if target.suffix == ".pcapng" and arguments.samplerate is not None:
        raise UsageError(f"{target}: --samplerate {arguments.samplerate}: .pcapng has times and no samples")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target}: is the recording itself; say another target")
    # The writers of logic captures import numpy, whose algebra starts a thread for each core; none is needed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    channels = channels_of(arguments.channel, dialect.wiring.lines)

    def opened() -> "Capture":
        return open_capture(source, dialect.wiring, channels=channels, samplerate=arguments.source_samplerate)

    # Whatever is wrong with the source is told before there is a target.
    capture = opened()
    if target.suffix == ".pcapng":
        framed = arguments.packets == "frames"
        _to_pcapng(target, in_time_order(_framed(capture.records, dialect)) if framed else capture.records)
        return
    write: Callable[..., Waveform]
    options: dict[str, Any] = {} if arguments.samplerate is None else {"rate": arguments.samplerate}
    if target.suffix == ".sr":
        from lensmount_hardware.captures.limits import sample_limit
        from lensmount_hardware.captures.sigrok_write import write_sigrok

        write = write_sigrok
        options["limit"] = sample_limit(source.stat().st_size)
    else:
        from lensmount_hardware.captures.vcd_write import write_vcd

        write = write_vcd
    waveform = write(target, lambda: opened().records, dialect.wiring, **options)
    for remark in waveform.remarks():
        print(f"lensmount: {target}: {remark}", file=sys.stderr)


def _to_pcapng(target: "Path", records: "Iterator[Record]") -> None:
    from lensmount_hardware.captures.pcapng_write import PcapngWriter

    with PcapngWriter(target) as writer:
        for record in records:
            writer.write(record)


def _framed(records: "Iterator[Record]", dialect: "Dialect") -> "Iterator[Record]":
    """The records with their bytes cut into frames, each with its padding, and garbage as it is."""
    from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder, EmptyWindow
    from lensmount_protocol.wire import Burst

    for event in Decoder(dialect, headers_only=True).decode(records):
        if isinstance(event, DecodedFrame):
            data = event.frame.raw + event.padding
            yield Burst(event.at, event.sender, data, event.baudrate, event.clocked_until or event.until, whole=True)
        elif isinstance(event, DecodedGarbage):
            yield Burst(event.at, event.sender, event.data, event.baudrate)
        elif not isinstance(event, EmptyWindow):
            yield event
