"""The table is importable by the name of its folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
