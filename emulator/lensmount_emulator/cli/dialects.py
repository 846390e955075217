"""List the available dialects, built-in and from other packages, with what to know of their standing."""

import argparse
import json
import sys

from lensmount_emulator.reports.printable import Line, line_writer, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount dialects`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a dialect")


def run(arguments: argparse.Namespace) -> int:
    """Print every dialect."""
    from lensmount_protocol.checksums import missing_extension_warning
    from lensmount_protocol.dialect import dialect_names, load_dialect

    write = line_writer(sys.stdout)
    for name in dialect_names():
        dialect = load_dialect(name)
        rates = ", ".join(f"{rate:,}".replace(",", " ") for rate in dialect.wiring.baudrates)
        if arguments.json:
            text = {"name": name, "title": dialect.title, "notice": dialect.notice}
            print(json.dumps({**text, "messages": len(dialect.messages), "baudrates": dialect.wiring.baudrates}))
            continue
        if arguments.quiet:
            print(name)
            continue
        write(Line(f"{name}: {dialect.title}", None, 2))
        write(Line(f"  {len(dialect.messages)} messages, {len(dialect.timing)} timing rules, {rates} baud", None, 2))
        write(Line(f"  lines: {', '.join(dialect.wiring.lines)}", None, 4))
        write(Line(f"  {dialect.notice}", None, 2))
        for key, source in dialect.sources.items():
            write(Line(f"  {key:<7} {source}", None, 10))
    if note := missing_extension_warning():
        report(note)
    return 0
