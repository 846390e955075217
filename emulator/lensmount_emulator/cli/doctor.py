"""Examine a port: permission, other programs, driver, rates, control lines, round trips, this host; and what to do.

The port is a path, or a port in words: /dev/ttyUSB0, serial:/dev/ttyUSB0, rfc2217://host:port, board:SERIAL. Take body
and lens off before: opening a port moves RTS and DTR on most systems. With --jumpers the lines are driven and bytes are
sent; join RTS with CTS, DTR with DSR and TX with RX, and leave nothing else on the port. On a board join GP0 with GP1
and GP6 with GP7.
"""

import argparse
import json
import sys

from lensmount_emulator.reports.terminal import Colour, write_line

COLOURS = {"wrong": Colour.ERROR, "note": Colour.WARNING}
"""Verdict -> colour of its finding."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount doctor`."""
    parser.add_argument("port", metavar="PORT", help="a path, or a port in words")
    parser.add_argument("--dialect", default="emount", help="whose rates are needed (default: %(default)s)")
    parser.add_argument("--jumpers", action="store_true", help="the jumpers are in: drive the lines and send bytes")
    parser.add_argument("--histograms", action="store_true", help="draw what was measured")
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Examine the port; 1 where something is wrong with it."""
    from lensmount_emulator.reports.devices import finding_lines, histogram_lines, object_of_examination
    from lensmount_hardware.checks.finding import Verdict
    from lensmount_hardware.checks.gathering import gather
    from lensmount_hardware.checks.judgements import judge
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_protocol.checksums import extension_note
    from lensmount_protocol.registry import load_dialect

    rates = load_dialect(arguments.dialect).wiring.baudrates
    facts = gather(
        arguments.port,
        rates,
        jumpers=arguments.jumpers,
        clock=MonotonicClock(),
        crc_extension=not extension_note(),
    )
    findings = judge(facts)
    if arguments.json:
        print(json.dumps(object_of_examination(facts, findings)))
    else:
        shown = [finding for finding in findings if not (arguments.quiet and finding.verdict is Verdict.FINE)]
        for finding in shown:
            for text in finding_lines([finding]):
                write_line(sys.stdout, text, COLOURS.get(finding.verdict.value), hang=22)
        if arguments.histograms:
            print("\n".join(histogram_lines(facts)))
    return int(any(finding.verdict is Verdict.WRONG for finding in findings))
