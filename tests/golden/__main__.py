"""`python -m golden [--write] [--only PART]`: run every golden case and snapshot, and compare or write them.

Without `--write` it lists each difference and ends with 1 where there is one. With `--write` it lists the same
differences and writes the new values. `make golden` runs it.
"""

import argparse
import difflib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from golden.digests import DIGESTS, changes, compute, read_cases, read_digests, write_digests
from golden.snapshots import SNAPSHOTS, equal, take, workspace

PARTS = ("digests", "snapshots")


def check_digests(*, write: bool) -> list[str]:
    """Compute all digests; the differences from the frozen ones."""
    frozen = read_digests() if DIGESTS.exists() else {}
    now, found = {}, list[str]()
    for name, digest in compute(read_cases()):
        now[name] = digest
        found += changes(frozen, name, digest)
    found += [f"{name}: frozen, and no longer a case" for name in frozen if name not in now]
    if write:
        write_digests(now)
    print(f"{len(now)} recordings")
    return found


def check_snapshots(*, write: bool) -> list[str]:
    """Take all snapshots; the differences from the frozen ones."""
    found = list[str]()
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as commands:
        for snapshot in commands.snapshots:
            frozen = snapshot.path.read_text(encoding="utf-8") if snapshot.path.exists() else ""
            now = take(snapshot)
            if equal(snapshot, frozen, now):
                continue
            name = f"snapshots/{snapshot.path.name}"
            found += difflib.unified_diff(frozen.splitlines(), now.splitlines(), name, name, "frozen", "now", 1, "")
            if write:
                snapshot.path.write_text(now, encoding="utf-8")
        known = {snapshot.path.name for snapshot in commands.snapshots}
    for path in sorted(SNAPSHOTS.glob("*")):
        if path.name not in known:
            found.append(f"snapshots/{path.name}: frozen, and no longer a command")
            if write:
                path.unlink()
    print(f"{len(known)} snapshots")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and write where that is asked for; 0 where nothing differs or all is written."""
    parser = argparse.ArgumentParser(prog="python -m golden", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the new values after listing the differences")
    parser.add_argument("--only", choices=PARTS, help="only this part")
    options = parser.parse_args(arguments)
    found = list[str]()
    for part, check in zip(PARTS, (check_digests, check_snapshots), strict=True):
        if options.only in (None, part):
            found += check(write=options.write)
    for line in found:
        print(line)
    if not found:
        print("all equal")
    elif options.write:
        print("written; list these differences in the description of the change")
    return int(bool(found) and not options.write)


if __name__ == "__main__":
    sys.exit(main())
