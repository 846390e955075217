"""What captures show about each field of a device: ranked hypotheses with counts, also for bytes of unknown meaning.

A field can be constant, an echo of the peer, a counter, a copy of another field or that field plus a number; it can
correlate with a value or a count, change with a label of the user, or be noise. Labels are times and texts:
"12.3 s: turned the ring", in the clock of the capture as `decode` shows it.
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lensmount_protocol.decoder import DecodedFrame
    from lensmount_protocol.dialect import Dialect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount ledger`."""
    from lensmount_emulator.cli.options import add_samplerate
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("captures", metavar="CAPTURE", nargs="+", help="captures of one device, a session each")
    parser.add_argument("--dialect", help="the dialect (default: the one that the first file declares, else emount)")
    parser.add_argument(
        "--role", **one_of("role", ("lens", "body", "both")), default="lens", help="the end (default: %(default)s)"
    )
    parser.add_argument("--label", action="append", default=[], metavar="TEXT", help="'12.3 s: turned the ring'")
    parser.add_argument("--labels", metavar="FILE", help="a file with a label in each line")
    parser.add_argument("--unknown", action="store_true", help="only fields of unknown meaning")
    parser.add_argument("--all", action="store_true", help="constant fields too")
    parser.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    add_samplerate(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object with every field")


def run(arguments: argparse.Namespace) -> int:
    """Print the ledger; 0 where the captures have a field to look at."""
    import json
    import sys
    from pathlib import Path

    from lensmount_emulator.fidelity.ledger.labels import parse_label, parse_labels
    from lensmount_emulator.fidelity.ledger.ledger import make_ledger
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.fidelity_report import print_ledger
    from lensmount_emulator.twin.sessions import find_dialect
    from lensmount_hardware.input_file import read_text
    from lensmount_protocol.wire import Role

    paths = [Path(name) for name in arguments.captures]
    labels = [parse_label(text) for text in arguments.label]
    if arguments.labels:
        labels += parse_labels(read_text(Path(arguments.labels), MAX_LABELS_SIZE, "a file of labels").splitlines())
    dialect = find_dialect(paths, arguments.dialect)
    roles = list(Role) if arguments.role == "both" else [Role(arguments.role)]
    incomplete: list[str] = []
    captures = [_frames(path, dialect, arguments, incomplete) for path in paths]
    entries = make_ledger(captures, dialect, roles=roles, labels=labels)
    if arguments.unknown:
        entries = [entry for entry in entries if entry.unknown]
    if arguments.json:
        data = {
            "captures": arguments.captures,
            "dialect": dialect.name,
            "labels": [{"begin": one.begin, "end": one.end, "text": one.text} for one in labels],
            "incomplete": incomplete,
            "fields": {entry.name: entry.as_dict() for entry in entries},
        }
        print(json.dumps(data))
    else:
        print_ledger(make_console(sys.stdout), entries, labels, incomplete, show_constants=arguments.all)
    return 0 if entries and not incomplete else 1


MAX_LABELS_SIZE = 1 << 20


"""Bytes of a file of labels at most."""


def _frames(
    path: "Path", dialect: "Dialect", arguments: argparse.Namespace, incomplete: list[str]
) -> "list[DecodedFrame]":
    """The frames of a capture in the order of their times; missing parts are added to `incomplete`."""
    from lensmount_emulator.cli.options import parse_channels
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.captures.limits import replayed_records
    from lensmount_protocol.decoder import DecodedFrame, Decoder, OrderedDecoder
    from lensmount_protocol.wire import Annotation

    channels = parse_channels(arguments.channel, dialect.wiring.lines)
    capture = open_capture(path, dialect.wiring, channels=channels, samplerate=arguments.samplerate)
    records = replayed_records(capture.path, capture.records)
    incomplete += [f"{path}: {one.text}" for one in records if isinstance(one, Annotation) and one.incomplete]
    events = OrderedDecoder(Decoder(dialect)).decode(records)
    return [event for event in events if isinstance(event, DecodedFrame)]
