"""Replay a capture against our engine and score it: frames answered, of the right type, exact to the byte, in time."""

import argparse
import json

from lensmount_emulator.reports.printable import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount fidelity`."""
    from lensmount_emulator.cli.options import add_samplerate
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("capture", metavar="CAPTURE", help="a capture of the real device with its peer")
    parser.add_argument(
        "--profile", required=True, metavar="NAME", help="the lens or body that takes the device's place"
    )
    parser.add_argument(
        "--role", **one_of("role", ("lens", "body")), help="the end it must play (default: the profile's own)"
    )
    parser.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    add_samplerate(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Print the score; 0 where nothing was found wanting, else 1."""
    import sys
    from pathlib import Path

    from lensmount_emulator.cli.options import parse_channels
    from lensmount_emulator.fidelity.capture_replay import replay_capture
    from lensmount_emulator.profiles.library import load_profile
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.terminal import print_score
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.captures.limits import check_span, replayed_records
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import DialectError
    from lensmount_protocol.wire import Defect, LineDefect, Role

    profile = load_profile(arguments.profile, None if arguments.role is None else Role(arguments.role))
    dialect = load_dialect(profile.dialect)
    channels = parse_channels(arguments.channel, dialect.wiring.lines)
    declared = declared_dialect(Path(arguments.capture))
    if declared is not None and declared != dialect.name:
        raise DialectError(
            f"{arguments.capture}: declares the dialect {declared}, and profile {profile.name} speaks {dialect.name}"
        )
    capture = open_capture(Path(arguments.capture), dialect.wiring, channels=channels, samplerate=arguments.samplerate)
    records = replayed_records(capture.path, capture.records)
    check_span(capture.path, records)
    score = replay_capture(records, dialect, profile).score
    defects = [record for record in records if isinstance(record, LineDefect) and record.defect is not Defect.POLLED]
    if arguments.json:
        text = [{"line": one.line, "defect": one.defect.value, "text": one.text} for one in defects]
        head = {"capture": arguments.capture, "profile": profile.name, "defects": text}
        print(json.dumps(head | score.as_dict()))
    else:
        for defect in defects:
            report(f"{arguments.capture}: {defect.text}")
        print_score(make_console(sys.stdout), score, profile, arguments.capture)
    return 0 if score.perfect else 1
