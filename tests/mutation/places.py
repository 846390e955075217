"""Where the project, its sources and the data of a mutation run are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE_ROOTS = ("protocol", "hardware", "emulator")
DATA = ROOT / "build" / "mutation"
"""Line maps and results: kept between runs, not under version control."""
