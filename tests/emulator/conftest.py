"""What the emulator's tests share: where the captures of real devices are, if they are."""

from pathlib import Path

import pytest

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"


@pytest.fixture(scope="session")
def captures() -> Path:
    if not CAPTURES.is_dir():
        pytest.skip(f"no captures at {CAPTURES}: they are real traffic and not part of the project")
    return CAPTURES
