"""What only the device on the bench can show; a folder of this name must not be in anybody's way."""

import pytest

from lensmount_emulator.pytest_plugin.held_port import HeldPort
from lensmount_emulator.pytest_plugin.played import Mounted
from lensmount_protocol.dialects.lmount.link import LensHello

pytestmark = pytest.mark.lensmount_hardware


@pytest.mark.parametrize("order", ["focus near", "aperture f/8"])
def test_the_lens_does_it(mounted: Mounted, order: str) -> None:
    mounted.do(order)
    assert len(mounted.messages(LensHello)) == 1
    mounted.assert_clean()


def test_the_board_is_there(board: HeldPort) -> None:
    assert board.is_board
