"""Prints the revision of the firmware: a hash over its source files, so that the sources are enough to check it."""

import hashlib
import sys
from pathlib import Path

VERSION = "1.0"


def revision(paths: list[Path]) -> str:
    """Return version and hash; the hash covers each file's name and contents, sorted by name."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        text = path.read_bytes()
        whole.update(f"{path.as_posix()} {len(text)}\n".encode() + text)
    return f"{VERSION}+{whole.hexdigest()[:16]}"


if __name__ == "__main__":
    print(revision([Path(name) for name in sys.argv[1:]]))
