"""Listen at one port, or with --second-port at both ends of a link, and record every byte and edge without loss.

A board between a body and a lens (board:SERIAL) receives both ends by itself, and stamps them by its own clock.
Nothing is driven. The rate follows the link: frames that do not come out right make the next rate of the dialect be
tried; --baudrate stays at one. Each record is with the system before the next is taken, so that Ctrl-C, a crash or a
pulled plug keeps everything until then.
"""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount record`."""
    from lensmount_emulator.cli.options import add_allow_silence, add_force, parse_duration
    from lensmount_emulator.cli.parser import one_of

    parser.add_argument("port", metavar="PORT", help="where to listen")
    parser.add_argument("--second-port", metavar="PORT2", help="the port that receives the other end")
    parser.add_argument("--output", required=True, metavar="FILE", help="the .lmx file to write")
    add_force(parser)
    parser.add_argument(
        "--direction",
        **one_of("end", ("body", "lens")),
        default="body",
        help="the end that PORT receives (default: %(default)s)",
    )
    parser.add_argument("--dialect", default="emount", help="dialect of the devices there (default: %(default)s)")
    parser.add_argument("--baudrate", type=int, help="listen at this rate and no other")
    parser.add_argument("--duration", type=parse_duration, metavar="SECONDS", help="default: until Ctrl-C")
    parser.add_argument(
        "--reconnect", action="store_true", help="when a port goes away, wait for it and go on; the gap is recorded"
    )
    add_allow_silence(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record until the time is over or the user stops it; return the exit code."""
    from lensmount_emulator.cli.listen_console import ListeningPorts, report_shortfalls
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.wire import Role

    first = Role(arguments.direction)
    specs = {first: arguments.port}
    if arguments.second_port:
        specs[first.peer] = arguments.second_port
    with OrderlyStack() as stack:
        ports = ListeningPorts(
            stack,
            load_dialect(arguments.dialect),
            specs,
            baudrate=arguments.baudrate,
            record=arguments.output,
            overwrite=arguments.force,
            on_decoded=None,
            reconnect=arguments.reconnect,
        )
        began = ports.clock.now()
        try:
            if not arguments.quiet:
                ports.print_header(sys.stderr)
            ports.listen(arguments.duration)
        finally:
            seconds = ports.clock.now() - began
            print(f"{arguments.output}: {ports.count.summary()}, in {seconds:.1f} s")
            lacks = ports.shortfalls(seconds, may_be_silent=arguments.allow_silence)
            code = report_shortfalls(lacks, sys.stderr)
    return code
