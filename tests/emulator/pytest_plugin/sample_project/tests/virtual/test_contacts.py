"""What only a virtual mount shows: both engines, the contacts between them, and time that does as it is told."""

from lensmount import VirtualSession
from lensmount.dialects.lmount import LensHello
from lensmount.roles import Engine
from lensmount.testing import MountFactory, Recording


def test_both_ends_are_ours(body: Engine, lens: Engine, bench: VirtualSession, recording: Recording) -> None:
    bench.run(0.5)
    assert body.done
    assert (body.role.value, lens.role.value) == ("body", "lens")
    assert bench.now == 0.5
    assert recording.path.stat().st_size > 1000


def test_each_mount_begins_again(mount: MountFactory) -> None:
    for _ in range(2):
        mounted = mount()
        mounted.run_script("focus near")
        assert len(mounted.messages(LensHello)) == 1
