"""What only a virtual mount shows: both engines, the contacts between them, and time that does as it is told."""

from lensmount_emulator.pytest_plugin.factory import MountFactory
from lensmount_emulator.pytest_plugin.heard import Recording
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.sessions.chain import Chain
from lensmount_protocol.dialects.lmount.link import LensHello


def test_both_ends_are_ours(body: Engine, lens: Engine, bench: Chain, recording: Recording) -> None:
    bench.run(0.5)
    assert body.done
    assert (body.role.value, lens.role.value) == ("body", "lens")
    assert bench.now == 0.5
    assert recording.path.stat().st_size > 1000


def test_each_mount_begins_afresh(mount: MountFactory) -> None:
    for _ in range(2):
        mounted = mount()
        mounted.do("focus near")
        assert len(mounted.messages(LensHello)) == 1
