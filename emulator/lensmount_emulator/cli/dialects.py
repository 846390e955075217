"""List the dialects that can be spoken, built-in and from other packages, with what to know of their standing."""

import argparse
import json
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount dialects`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a dialect")


def run(arguments: argparse.Namespace) -> int:
    """Print every dialect."""
    from lensmount_protocol.checksums import extension_note
    from lensmount_protocol.registry import dialect_names, load_dialect

    for name in dialect_names():
        dialect = load_dialect(name)
        rates = ", ".join(f"{rate:,}".replace(",", " ") for rate in dialect.wiring.baudrates)
        if arguments.json:
            told = {"name": name, "title": dialect.title, "notice": dialect.notice}
            print(json.dumps({**told, "messages": len(dialect.messages), "baudrates": dialect.wiring.baudrates}))
            continue
        if arguments.quiet:
            print(name)
            continue
        print(f"{name}: {dialect.title}")
        print(f"  {len(dialect.messages)} messages, {len(dialect.timing)} timing rules, {rates} baud")
        print(f"  lines: {', '.join(dialect.wiring.lines)}")
        print(f"  {dialect.notice}")
        for key, source in dialect.sources.items():
            print(f"  {key:<7} {source}")
    if note := extension_note():
        print(f"lensmount: {note}", file=sys.stderr)
    return 0
