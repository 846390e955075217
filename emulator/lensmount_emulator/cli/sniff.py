"""Listen between a body and a lens, with one board or two receivers, and print the messages as they pass.

A board (--port board:SERIAL) receives both ends and every line, and stamps all by its own clock. Of two
receivers PORT receives what the body sends, PORT2 what the lens sends. Nothing is driven. The rate follows the link by
the validity of the frames.
"""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount sniff`."""
    from lensmount_emulator.cli.options import add_allow_silence, add_force, parse_duration

    parser.add_argument("port", metavar="PORT", nargs="?", help="receives what the body sends; a board, both ends")
    parser.add_argument("port2", metavar="PORT2", nargs="?", help="receives what the lens sends")
    parser.add_argument("--port", dest="both", metavar="SPEC", help="one port that receives both ends: board:SERIAL")
    parser.add_argument("--dialect", default="emount", help="dialect of the devices there (default: %(default)s)")
    parser.add_argument("--baudrate", type=int, help="listen at this rate and no other")
    parser.add_argument("--duration", type=parse_duration, metavar="SECONDS", help="default: until Ctrl-C")
    parser.add_argument("--record", metavar="FILE", help="write every byte and edge to this .lmx file")
    add_force(parser)
    parser.add_argument(
        "--reconnect", action="store_true", help="when a port goes away, wait for it and go on; the gap is recorded"
    )
    add_allow_silence(parser)
    parser.add_argument("--every-frame", action="store_true", help="print each frame of the loop")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--lines", dest="form", action="store_const", const="lines", help="one line an event")
    form.add_argument("--fields", dest="form", action="store_const", const="fields", help="every field of each message")
    form.add_argument("--json", dest="form", action="store_const", const="json", help="one JSON object an event")
    parser.set_defaults(form="summary")


def run(arguments: argparse.Namespace) -> int:
    """Listen until the time is over or the user stops it; return the exit code."""
    from lensmount_emulator.cli.listen_console import (
        ListeningPorts,
        count_and_forward,
        event_printer,
        report_shortfalls,
    )
    from lensmount_emulator.sessions.traffic_stats import TrafficStats
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.errors import TransportSpecError
    from lensmount_protocol.wire import Role

    named = [port for port in (arguments.both, arguments.port, arguments.port2) if port is not None]
    if not named or len(named) > (1 if arguments.both else 2):
        raise TransportSpecError("name one board with --port board:SERIAL, or two ports: the body's and the lens's")
    specs = dict(zip(Role, named, strict=False))
    dialect = load_dialect(arguments.dialect)
    tally = TrafficStats(dialect)
    form = "none" if arguments.quiet and arguments.form == "summary" else arguments.form
    with OrderlyStack() as stack:
        ports = ListeningPorts(
            stack,
            dialect,
            specs,
            baudrate=arguments.baudrate,
            record=arguments.record,
            overwrite=arguments.force,
            on_decoded=count_and_forward(tally, event_printer(dialect, form, arguments.every_frame, sys.stdout)),
            reconnect=arguments.reconnect,
            both_ends=True,
        )
        began = ports.clock.now()
        try:
            if not arguments.quiet:
                ports.print_header(sys.stderr)
            ports.listen(arguments.duration)
        finally:
            print(f"{ports.count.summary()}; {tally.summary()}", file=sys.stderr)
            lacks = ports.shortfalls(ports.clock.now() - began, may_be_silent=arguments.allow_silence)
            code = report_shortfalls(lacks, sys.stderr)
    return code
