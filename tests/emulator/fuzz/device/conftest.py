"""What the tests of the device fuzzer share: their helpers are importable by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
