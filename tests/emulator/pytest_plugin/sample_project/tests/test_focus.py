"""What the focus does: virtual here, and on the bench with `--lensmount-port`."""

import pytest

from lensmount.dialects.lmount import CommandDone, FocusCommand, FocusDrive, Outcome
from lensmount.testing import MountFactory, MountSession


@pytest.mark.lensmount(body=["panasonic-s1r", "leica-sl2"])
def test_a_drive_ends_where_it_was_sent(mounted: MountSession) -> None:
    order = FocusDrive(order=FocusCommand.ABSOLUTE, value=300)
    answer = mounted.request(order)
    assert isinstance(answer, CommandDone)
    assert answer.outcome == Outcome.ACCEPTED
    mounted.expect(CommandDone, number=order.number, outcome=Outcome.DONE, within=1.0)
    mounted.assert_clean()


def test_a_lens_that_was_taken_off_starts_again(mount: MountFactory) -> None:
    mounted = mount()
    mounted.run_script("focus near; detach 0.2; focus far")
    mounted.assert_clean(allow=["body: the lens is gone*"])
