"""What the tests of the device fuzzer share: their helpers, and the guard scan, are importable by name."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]
