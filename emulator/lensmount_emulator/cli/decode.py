"""Read captures: lines and bytes to frames to typed messages, with times, direction, baud, gaps, padding and garbage.

The content decides the format: sigrok .sr, Saleae .sal, .csv and binary folders, DSView .dsl, .vcd, .pcapng, sniffer
logs and notebooks (.txt), .frames.jsonl, .lines.jsonl and lensmount's own recordings (.lmx).
"""

import argparse
import os
import sys

from lensmount_emulator.reports.terminal import Colour, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount decode`."""
    from lensmount_emulator.cli.words import add_samplerate

    parser.add_argument("files", nargs="+", metavar="FILE", help="a capture")
    parser.add_argument("--dialect", help="what is spoken there (default: what a recording says itself, else emount)")
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
    """Decode each file; what was decoded before an error stays told."""
    from pathlib import Path

    from lensmount_emulator.cli.decoding import Wanted, decode_file
    from lensmount_emulator.cli.words import USUAL_DIALECT, UsageError, channels_of, exit_code, messages_of, spoken_in
    from lensmount_emulator.reports.printable import one_line
    from lensmount_hardware.captures.declared import declared_dialect
    from lensmount_protocol.errors import MountError
    from lensmount_protocol.registry import load_dialect

    if arguments.quiet and arguments.form:
        raise UsageError(f"--quiet prints no events, and --{arguments.form} does; leave one of them out")
    # Whoever reads a logic capture imports numpy, whose algebra starts a thread for each core; no capture needs any.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    dialect = load_dialect(arguments.dialect or spoken_in(arguments.files[0]))
    words: list[str] = arguments.only or []
    asked = arguments.stats or arguments.timing or arguments.verify
    wanted = Wanted(
        form=arguments.form or ("quiet" if asked or arguments.quiet else "lines"),
        only=frozenset(cls.TYPE for word in words for cls in messages_of(word, dialect.messages)),
        stats=arguments.stats,
        timing=arguments.timing,
        verify=arguments.verify,
        edges=arguments.edges,
        channels=channels_of(arguments.channel, dialect.wiring.lines),
        samplerate=arguments.samplerate,
        named=len(arguments.files) > 1,
        progress=not arguments.quiet,
        out=sys.stdout,
    )
    sound = True
    code = 0
    for path in arguments.files:
        spoken = arguments.dialect or declared_dialect(Path(path))
        try:
            sound &= decode_file(path, load_dialect(spoken or USUAL_DIALECT), wanted, assumed=spoken is None)
        except MountError as error:
            if len(arguments.files) == 1:
                raise
            # Each file gets its verdict; the worst exit code counts.
            sys.stdout.flush()
            report(one_line(error), Colour.ERROR)
            code = max(code, exit_code(error))
    return code or (0 if sound else 1)
