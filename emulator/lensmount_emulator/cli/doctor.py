"""Examine a port: permission, other programs, driver, rates, control lines, round trips, this host; and what to do.

The port is a path or a port spec: /dev/ttyUSB0, serial:/dev/ttyUSB0, rfc2217://host:port, board:SERIAL. Take body
and lens off before: opening a port moves RTS and DTR on most systems. With --loopback-jumpers the
lines are driven and bytes are sent; join RTS with CTS, DTR with DSR and TX with RX, and leave nothing else on the port.
On a board join GP0 with GP1 and GP6 with GP7.
"""

import argparse
import json
import sys

from lensmount_emulator.reports.printable import Colour, write_line

COLOURS = {"wrong": Colour.ERROR, "note": Colour.WARNING}
"""Verdict -> colour of its finding."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount doctor`."""
    parser.add_argument("port", metavar="PORT", help="a path or a port spec")
    parser.add_argument("--dialect", default="emount", help="the dialect, for its baud rates (default: %(default)s)")
    parser.add_argument(
        "--loopback-jumpers", action="store_true", help="the jumpers are in: drive the lines and send bytes"
    )
    parser.add_argument("--histograms", action="store_true", help="draw what was measured")
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Examine the port; 1 where something is wrong with it."""
    from lensmount_emulator.reports.devices import diagnosis_to_dict, finding_lines, histogram_lines
    from lensmount_hardware.clock import MonotonicClock
    from lensmount_hardware.diagnostics.checks import run_checks
    from lensmount_hardware.diagnostics.facts import CheckSeverity
    from lensmount_hardware.diagnostics.gather import gather_facts
    from lensmount_protocol.checksums import missing_extension_warning
    from lensmount_protocol.dialect import load_dialect

    wiring = load_dialect(arguments.dialect).wiring
    facts = gather_facts(
        arguments.port,
        wiring.baudrates,
        jumpers=arguments.loopback_jumpers,
        clock=MonotonicClock(),
        crc_extension=not missing_extension_warning(),
        clocked=wiring.clocked,
    )
    findings = run_checks(facts)
    if arguments.json:
        print(json.dumps(diagnosis_to_dict(facts, findings)))
    else:
        shown = [finding for finding in findings if not (arguments.quiet and finding.severity is CheckSeverity.FINE)]
        for finding in shown:
            for text in finding_lines([finding]):
                write_line(sys.stdout, text, COLOURS.get(finding.severity.value), hang=22)
        if arguments.histograms:
            print("\n".join(histogram_lines(facts)))
    return int(any(finding.severity is CheckSeverity.WRONG for finding in findings))
