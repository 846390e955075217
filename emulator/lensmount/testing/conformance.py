"""The conformance suite that a dialect package runs on itself, in pytest or by `python -m` with the dialect's name."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.testing.conformance import DialectConformance as DialectConformance
    from lensmount_emulator.testing.conformance import conformance_table as conformance_table
    from lensmount_emulator.testing.conformance import run_conformance as run_conformance
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "DialectConformance",
    "conformance_table",
    "run_conformance",
]

_NAMES = {
    "DialectConformance": ("lensmount_emulator.testing.conformance", "DialectConformance"),
    "conformance_table": ("lensmount_emulator.testing.conformance", "conformance_table"),
    "run_conformance": ("lensmount_emulator.testing.conformance", "run_conformance"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)

if __name__ == "__main__":
    from lensmount_emulator.testing.conformance import main

    sys.exit(main(sys.argv[1:]))
