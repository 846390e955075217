"""Explain what went wrong in a session: the first cause, its place in time, what was due, and what was found later.

FILE is a recording or capture of any readable format. With a recording of ours the good start-up of the same profiles
is the reference; --reference names another: a capture file, or a profile. Bounds of the timing contract decide; a
reference only adds what a good start-up did. A source that does not hold every line is judged by its requests,
refusals and silence alone.

Exit code 0: nothing went wrong. 1: something did, the source is incomplete, or it holds nothing to explain.
"""

import argparse
import json
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount explain`."""
    from lensmount_emulator.cli.options import add_samplerate

    parser.add_argument("file", metavar="FILE", help="a recording or capture of the session")
    parser.add_argument(
        "--reference", metavar="FILE|PROFILE", help="a good start-up: a capture, or a profile by name or path"
    )
    parser.add_argument("--dialect", help="the dialect (default: what the file declares, else emount)")
    parser.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    add_samplerate(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation; 0 where nothing went wrong, else 1."""
    from pathlib import Path

    from lensmount_emulator.cli.options import file_progress, parse_channels
    from lensmount_emulator.reports.explanation import print_explanation
    from lensmount_emulator.sessions.decoded_capture import DEFAULT_DIALECT
    from lensmount_emulator.sessions.explain_capture import explain
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_protocol.dialect import load_dialect

    dialect = load_dialect(arguments.dialect or declared_dialect(Path(arguments.file)) or DEFAULT_DIALECT)
    with file_progress(Path(arguments.file), shown=not arguments.quiet) as progress:
        explanation = explain(
            arguments.file,
            reference=arguments.reference,
            dialect=dialect.name,
            channels=parse_channels(arguments.channel, dialect.wiring.lines),
            samplerate=arguments.samplerate,
            progress=progress,
        )
    if arguments.json:
        print(json.dumps(explanation.as_dict(), ensure_ascii=False))
    else:
        print_explanation(sys.stdout, explanation, quiet=arguments.quiet)
    return 0 if explanation.ok and explanation.complete else 1
