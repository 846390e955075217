"""The revision of the firmware: a hash over its source files, so that anybody who has them can check it."""

import hashlib
import sys
from pathlib import Path

VERSION = "1.0"


def revision(paths: list[Path]) -> str:
    """Version and hash: over each file's name and contents, in the order of their names."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        text = path.read_bytes()
        whole.update(f"{path.as_posix()} {len(text)}\n".encode() + text)
    return f"{VERSION}+{whole.hexdigest()[:16]}"


if __name__ == "__main__":
    print(revision([Path(name) for name in sys.argv[1:]]))
