"""What only the device on the bench can show; a folder of this name must not be in anybody's way."""

import pytest

from lensmount_emulator.pytest_plugin.played import Mounted


@pytest.mark.lensmount_hardware
def test_the_lens_is_there(mounted: Mounted) -> None:
    mounted.do("focus near")
