"""A profile or twin next to the real device, live on a listened link or over a recording; differences per field.

Of two ports the first receives what the body sends, the second what the lens sends; a board receives both ends. Nothing
is sent. The role of the profile is the end that is compared. The shadow may join at any time and goes on after lost
frames. The first divergence of each field is printed at once, and all are counted.
"""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lensmount_emulator.fidelity.shadow import Divergence, Shadow
    from lensmount_emulator.profiles.library import Profile
    from lensmount_protocol.dialect import Dialect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount shadow`."""
    from lensmount_emulator.cli.options import add_allow_silence, add_force, add_samplerate, parse_duration

    parser.add_argument("file", metavar="FILE", nargs="?", help="a recording or capture of both ends")
    parser.add_argument(
        "--port", action="append", default=[], metavar="SPEC",
        help="where to listen: one board, or twice for the body's port and the lens's",
    )  # fmt: skip
    parser.add_argument("--twin", required=True, metavar="PROFILE", help="the profile or twin: a name or a .toml file")
    parser.add_argument("--stop", action="store_true", help="end at the first divergence")
    parser.add_argument(
        "--give-state", action="store_true", help="take the state of the lens from its first three pairs"
    )
    parser.add_argument("--every-difference", action="store_true", help="print each divergence, not only new ones")
    parser.add_argument("--baudrate", type=int, help="listen at this rate and no other")
    parser.add_argument("--duration", type=parse_duration, metavar="SECONDS", help="default: until Ctrl-C")
    parser.add_argument("--record", metavar="FILE", help="write every byte and edge of the link to this .lmx file")
    add_force(parser)
    parser.add_argument("--reconnect", action="store_true", help="when a port goes away, wait for it and go on")
    add_allow_silence(parser)
    parser.add_argument("--channel", action="append", default=[], metavar="LINE=PROBE", help="as in `lensmount decode`")
    add_samplerate(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object at the end instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Follow the session to its end; 0 where every compared frame is equal or within noise, else 1."""
    from lensmount_emulator.fidelity.shadow import Shadow
    from lensmount_emulator.profiles.library import load_profile
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import TransportSpecError

    if bool(arguments.file) == bool(arguments.port) or len(arguments.port) > 2:
        raise TransportSpecError("name a FILE, or the place to listen: --port board:SERIAL, or --port twice")
    profile = load_profile(arguments.twin)
    dialect = load_dialect(profile.dialect)
    shadow = Shadow(dialect, profile, live=bool(arguments.port), give_state=arguments.give_state)
    if arguments.file:
        _follow_file(arguments, shadow, dialect, profile)
        return _print_result(arguments, shadow, profile, arguments.file)
    code = _follow_ports(arguments, shadow, dialect)
    return _print_result(arguments, shadow, profile, " and ".join(arguments.port)) or code


def _follow_file(arguments: argparse.Namespace, shadow: "Shadow", dialect: "Dialect", profile: "Profile") -> None:
    from pathlib import Path

    from lensmount_emulator.cli.options import parse_channels
    from lensmount_hardware.captures.declared_dialect import declared_dialect
    from lensmount_hardware.captures.formats import open_capture
    from lensmount_hardware.captures.limits import check_span, replayed_records
    from lensmount_protocol.errors import CaptureError, DialectError
    from lensmount_protocol.wire import Annotation, Role

    path = Path(arguments.file)
    declared = declared_dialect(path)
    if declared is not None and declared != dialect.name:
        raise DialectError(f"{path}: declares the dialect {declared}, and profile {profile.name} speaks {dialect.name}")
    channels = parse_channels(arguments.channel, dialect.wiring.lines)
    capture = open_capture(path, dialect.wiring, channels=channels, samplerate=arguments.samplerate)
    records = replayed_records(capture.path, capture.records)
    check_span(capture.path, records)
    arguments.incomplete = [one.text for one in records if isinstance(one, Annotation) and one.incomplete]
    for record in records:
        _print_divergences(arguments, shadow.feed(record))
        if arguments.stop and shadow.first is not None:
            break
    else:
        _print_divergences(arguments, shadow.finish())
        if missing := next((role.value for role in Role if not shadow.frames[role]), None):
            raise CaptureError(f"{path}: the capture holds no frame of the {missing}, so there is nothing to follow")


def _follow_ports(arguments: argparse.Namespace, shadow: "Shadow", dialect: "Dialect") -> int:
    from lensmount_emulator.cli.listen_console import ListeningPorts, report_shortfalls
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_protocol.wire import Role, WireRecord

    def take(record: WireRecord) -> None:
        _print_divergences(arguments, shadow.feed(record))

    arguments.incomplete = []
    with OrderlyStack() as stack:
        ports = ListeningPorts(
            stack,
            dialect,
            dict(zip(Role, arguments.port, strict=False)),
            baudrate=arguments.baudrate,
            record=arguments.record,
            overwrite=arguments.force,
            on_decoded=None,
            reconnect=arguments.reconnect,
            both_ends=True,
            on_record=take,
        )
        began = ports.clock.now()
        try:
            if not arguments.quiet:
                ports.print_header(sys.stderr)
            ports.listen(arguments.duration, lambda: arguments.stop and shadow.first is not None)
        finally:
            _print_divergences(arguments, shadow.finish())
            print(ports.count.summary(), file=sys.stderr)
            stopped = arguments.stop and shadow.first is not None
            silent = arguments.allow_silence or stopped
            lacks = ports.shortfalls(ports.clock.now() - began, may_be_silent=silent)
            code = report_shortfalls(lacks, sys.stderr)
    return code


def _print_divergences(arguments: argparse.Namespace, found: "Iterable[Divergence]") -> None:
    """Print those that are new; all are counted."""
    from lensmount_emulator.reports.printable import one_line

    for divergence in found:
        if not arguments.json and (divergence.new or arguments.every_difference):
            print(one_line(divergence.text()), flush=True)
        if arguments.stop:
            return


def _print_result(arguments: argparse.Namespace, shadow: "Shadow", profile: "Profile", source: str) -> int:
    import json

    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.fidelity_report import print_shadow

    clean = bool(shadow.compared) and shadow.within_noise == shadow.compared and not arguments.incomplete
    if arguments.json:
        head = {"source": source, "twin": profile.name, "incomplete": arguments.incomplete}
        print(json.dumps(head | shadow.as_dict()))
    else:
        print_shadow(make_console(sys.stdout), shadow, profile, source, arguments.incomplete)
    return 0 if clean else 1
