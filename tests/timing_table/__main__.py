"""`python -m timing_table [--only NAME]`: each timing constant changed by a fifth; 1 where one survives unexplained."""

import argparse
import sys

from timing_table.mutants import changes, noticed, reason_of


def main() -> int:
    """Try each change, and name those that nothing notices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--every", type=int, default=1, help="each so manieth of them")
    options = parser.parse_args()
    tried = [change for change in changes() if options.only in change.name][:: options.every]
    survivors: list[str] = []
    for change in tried:
        found = noticed(change)
        by = "a test" if found.startswith("tests:") else "a row" if found else "nothing"
        print(
            f"{change.name} -> {change.instead}: noticed by {by}{f': {found[:90]}' if by == 'a row' else ''}",
            flush=True,
        )
        if not found:
            survivors.append(change.name)
    unexplained = [name for name in survivors if not reason_of(name)]
    print(f"{len(tried) - len(survivors)} of {len(tried)} noticed")
    for name in survivors:
        print(f"survives: {name}: {reason_of(name) or 'NO REASON'}")
    return 1 if unexplained or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
