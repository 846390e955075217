"""Watch traffic in the terminal: one line per message with its count, period and last fields, the lines, and trouble.

PORT and PORT2 are as for `sniff`; nothing is driven. A capture in place of PORT is read, and the table at its end is
shown; the exit code is 1 where it is incomplete, holds no frame, or declares another dialect. Where the output is no
terminal, the table is printed once, at the end.
"""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.live import Live

    from lensmount_emulator.reports.monitor_table import MonitorTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount monitor`."""
    from lensmount_emulator.cli.options import add_allow_silence, add_force, parse_duration

    parser.add_argument("port", metavar="PORT", help="a capture, a board, or the port that receives the body")
    parser.add_argument("port2", metavar="PORT2", nargs="?", help="the port that receives the lens")
    parser.add_argument("--dialect", help="dialect of the devices there (default: what a file declares, else emount)")
    parser.add_argument("--baudrate", type=int, help="listen at this rate and no other")
    parser.add_argument("--duration", type=parse_duration, metavar="SECONDS", help="default: until Ctrl-C")
    parser.add_argument("--record", metavar="FILE", help="write every byte and edge to this .lmx file")
    add_force(parser)
    parser.add_argument(
        "--reconnect", action="store_true", help="when a port goes away, wait for it and go on; the gap is recorded"
    )
    add_allow_silence(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object with the counts at the end")


def run(arguments: argparse.Namespace) -> int:
    """Watch until the time is over, the file ends, or the user stops it; return the exit code."""
    from pathlib import Path

    file = Path(arguments.port)
    if ":" not in arguments.port and file.is_file():
        return _watch_file(arguments, file)
    return _watch_ports(arguments)


def _watch_file(arguments: argparse.Namespace, file: "Path") -> int:
    from lensmount_emulator.reports.monitor_table import MonitorTable
    from lensmount_emulator.reports.printable import one_line, report
    from lensmount_emulator.sessions.decoded_capture import open_capture, reading_problems
    from lensmount_emulator.sessions.traffic_stats import TrafficStats

    capture = open_capture(file, arguments.dialect)
    table, stats = MonitorTable(capture.dialect, file.name), TrafficStats(capture.dialect)
    for event in capture:
        table.add(event)
        stats.add(event)
    _print(table, as_json=arguments.json)
    problems = reading_problems(stats, capture.declared, assumed=not (arguments.dialect or capture.declared))
    for problem in problems:
        report(one_line(f"{file}: {problem}"))
    return 1 if problems else 0


def _watch_ports(arguments: argparse.Namespace) -> int:
    from contextlib import nullcontext

    from lensmount_emulator.cli.listen_console import ListeningPorts, count_and_forward, report_shortfalls
    from lensmount_emulator.reports.monitor_table import MonitorTable
    from lensmount_emulator.sessions.traffic_stats import TrafficStats
    from lensmount_emulator.termination import OrderlyStack
    from lensmount_protocol.dialect import load_dialect
    from lensmount_protocol.wire import Role

    named = [port for port in (arguments.port, arguments.port2) if port is not None]
    dialect = load_dialect(arguments.dialect or "emount")
    tally = TrafficStats(dialect)
    table = MonitorTable(dialect, " ".join(named))
    with OrderlyStack() as stack:
        ports = ListeningPorts(
            stack,
            dialect,
            dict(zip(Role, named, strict=False)),
            baudrate=arguments.baudrate,
            record=arguments.record,
            overwrite=arguments.force,
            on_decoded=count_and_forward(tally, table.add),
            reconnect=arguments.reconnect,
            both_ends=True,
        )
        began = ports.clock.now()
        shown = sys.stdout.isatty() and not (arguments.json or arguments.quiet)
        try:
            with _live(table) if shown else nullcontext():
                try:
                    ports.listen(arguments.duration)
                finally:
                    # What stays on the terminal is the whole table.
                    table.fits = False
        finally:
            if not shown:
                _print(table, as_json=arguments.json)
            print(f"{ports.count.summary()}; {tally.summary()}", file=sys.stderr)
            lacks = ports.shortfalls(ports.clock.now() - began, may_be_silent=arguments.allow_silence)
            code = report_shortfalls(lacks, sys.stderr)
    return code


def _live(table: "MonitorTable") -> "Live":
    from rich import live

    from lensmount_emulator.reports.console import make_console

    table.fits = True
    return live.Live(table, console=make_console(sys.stdout), refresh_per_second=5, vertical_overflow="crop")


def _print(table: "MonitorTable", *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(table.as_dict(), ensure_ascii=False, separators=(",", ":")))
        return
    from lensmount_emulator.reports.console import make_console

    make_console(sys.stdout).print(table)
    sys.stdout.flush()
