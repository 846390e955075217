"""Listen at one port, or at both ends of a link with --also, and write every byte and edge to a lossless recording.

A board between a body and a lens (board:SERIAL) hears both ends by itself, and stamps what it hears by its own clock.
Nothing is driven. The rate follows the link: frames that do not come out right make the next rate of the dialect be
tried; --baudrate stays at one. Each record is with the system before the next is taken, so that Ctrl-C, a crash or a
pulled plug keeps everything until then.
"""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount record`."""
    from lensmount_emulator.cli.parser import one_of
    from lensmount_emulator.cli.words import add_allow_silence, add_force, duration

    parser.add_argument("port", metavar="PORT", help="where to listen")
    parser.add_argument("--also", metavar="PORT2", help="the port that hears the other end")
    parser.add_argument("--to", required=True, metavar="FILE", help="the .lmx file to write")
    add_force(parser)
    parser.add_argument(
        "--hears",
        **one_of("end", ("body", "lens")),
        default="body",
        help="whose bytes come at PORT (default: %(default)s)",
    )
    parser.add_argument("--dialect", default="emount", help="what is spoken there (default: %(default)s)")
    parser.add_argument("--baudrate", type=int, help="listen at this rate and no other")
    parser.add_argument("--duration", type=duration, metavar="SECONDS", help="default: until Ctrl-C")
    parser.add_argument(
        "--reconnect", action="store_true", help="when a port goes away, wait for it and go on; the gap is recorded"
    )
    add_allow_silence(parser)


def run(arguments: argparse.Namespace) -> int:
    """Record until the time is over or somebody stops it."""
    from lensmount_emulator.cli.listening import Ears, report_shortfalls
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_protocol.registry import load_dialect
    from lensmount_protocol.wire import Role

    first = Role(arguments.hears)
    specs = {first: arguments.port}
    if arguments.also:
        specs[first.peer] = arguments.also
    with OrderlyStack() as stack:
        ears = Ears(
            stack,
            load_dialect(arguments.dialect),
            specs,
            baudrate=arguments.baudrate,
            record=arguments.to,
            overwrite=arguments.force,
            tell=None,
            reconnect=arguments.reconnect,
        )
        began = ears.clock.now()
        try:
            if not arguments.quiet:
                ears.introduce(sys.stderr)
            ears.listen(arguments.duration)
        finally:
            seconds = ears.clock.now() - began
            print(f"{arguments.to}: {ears.count.summary()}, in {seconds:.1f} s")
            lacks = ears.shortfalls(seconds, may_be_silent=arguments.allow_silence)
            code = report_shortfalls(lacks, sys.stderr)
    return code
