"""Put a profile's engine in the place of a captured device and score its replies: strict, within noise, and in time."""

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
    parser.add_argument(
        "--split", metavar="SHARE",
        help="score only the rest of the session after this share, such as 60%%; the baseline learns from the share",
    )  # fmt: skip
    parser.add_argument(
        "--give-state", action="store_true",
        help="take the state of the lens (focal length, aperture, positions, phases) from its first three pairs",
    )  # fmt: skip
    parser.add_argument(
        "--at-least", metavar="SHARE", help="exit code 0 exactly if this share of the scored replies is strict: 97%%"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures; 0 where nothing was found wanting, else 1."""
    import sys
    from pathlib import Path

    from lensmount_emulator.cli.options import file_progress, parse_channels
    from lensmount_emulator.comparison.reply_score import parse_share, parse_split
    from lensmount_emulator.fidelity.assessment import assess, was_made_from
    from lensmount_emulator.profiles.library import load_profile
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.fidelity_report import print_assessment
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.captures.limits import check_span, replayed_records
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import DialectError
    from lensmount_protocol.wire import Defect, LineDefect, Role

    split = None if arguments.split is None else parse_split(arguments.split)
    wanted = None if arguments.at_least is None else parse_share(arguments.at_least)
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
    in_sample = was_made_from(profile, Path(arguments.capture), split)
    with file_progress(Path(arguments.capture), shown=not arguments.quiet) as progress:
        result = assess(
            records,
            dialect,
            profile,
            split=split,
            in_sample=in_sample,
            give_state=arguments.give_state,
            progress=progress,
        )
    defects = [record for record in records if isinstance(record, LineDefect) and record.defect is not Defect.POLLED]
    if arguments.json:
        text = [{"line": one.line, "defect": one.defect.value, "text": one.text} for one in defects]
        head = {"capture": arguments.capture, "profile": profile.name, "defects": text}
        print(json.dumps(head | result.as_dict()))
    else:
        for defect in defects:
            report(f"{arguments.capture}: {defect.text}")
        print_assessment(make_console(sys.stdout), result, profile, arguments.capture)
    if wanted is not None:
        return 0 if result.score.replies and result.score.strict_share >= wanted else 1
    return 0 if result.perfect else 1
