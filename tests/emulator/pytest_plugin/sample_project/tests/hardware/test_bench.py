"""What only the device on the bench can show; a folder of this name must not be in anybody's way."""

import pytest

from lensmount.dialects.lmount import LensHello
from lensmount.testing import MountSession, SharedPort

pytestmark = pytest.mark.lensmount_hardware


@pytest.mark.parametrize("order", ["focus near", "aperture f/8"])
def test_the_lens_does_it(mounted: MountSession, order: str) -> None:
    mounted.run_script(order)
    assert len(mounted.messages(LensHello)) == 1
    mounted.assert_clean()


def test_the_board_is_there(board: SharedPort) -> None:
    assert board.is_board
